"""Many artifacts at once: the same bytes as one at a time, whatever their layout."""

import numpy as np
import pytest

from mead_manip.artifacts import store
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import ClipScores, HeadAsset, ManipulatorWeights
from mead_manip.artifacts.series import Series
from mead_manip.errors import ArtifactInvalid


def scores_of(make_scores, n_frames, label, seed):
    rng = np.random.default_rng(seed)
    frames = rng.random((n_frames, 7), dtype=np.float32)
    return make_scores(
        frame_index=np.arange(n_frames, dtype=np.int32), frame_probability=frames, probability=frames.sum(axis=0),
        label=label, y=float(rng.random()), weight=float(rng.random()),
    )  # fmt: skip


def provenance_of(seed):
    return Provenance(ClipScores.schema_id(), "clip-score", 1, {"seed": seed}, {"face_track": f"{seed:016d}"})


def test_files_are_those_of_the_store(tmp_path, make_scores):
    series = Series(ClipScores)
    many = [
        (scores_of(make_scores, n_frames, label, seed), tmp_path / f"{seed}.h5", provenance_of(seed))
        for seed, (n_frames, label) in enumerate([(8, "happy"), (8, "angry"), (3, "sad"), (8, "happy"), (0, "sad")])
    ]
    series.save(many)
    series.save(many[::-1])  # again, over what is there
    series.close()
    for artifact, path, provenance in many:
        loaded = store.load(ClipScores, path)
        np.testing.assert_array_equal(loaded.frame_probability, artifact.frame_probability)
        assert (loaded.label, loaded.y, loaded.weight) == (artifact.label, artifact.y, artifact.weight)
        assert store.read_provenance(path) == Provenance.from_json(provenance.to_json())
        assert store.check(path, ClipScores, provenance).kind is store.FRESH
        store.save(artifact, tmp_path / "one.h5", provenance)
        one, all_ = (tmp_path / "one.h5").read_bytes(), path.read_bytes()
        assert len(one) == len(all_)
        # The time of writing may be a second later: ten digits at most.
        assert sum(a != b for a, b in zip(one, all_, strict=True)) <= 10
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.h5", "1.h5", "2.h5", "3.h5", "4.h5", "one.h5"]


def test_what_cannot_be_copied_is_refused(make_scores):
    for schema in (ManipulatorWeights, HeadAsset):
        with pytest.raises(TypeError, match="plain, uncompressed"):
            Series(schema)
    with pytest.raises(ArtifactInvalid, match="expected clip_scores"):
        Series(ClipScores).encode(make_scores(), Provenance("face_track/1", "preprocess", 1))
