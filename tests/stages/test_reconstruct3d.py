"""FaceTrack -> Reconstruction on disk: labels, skip, stale, failures, an empty workspace."""

import numpy as np
import pytest

N_FRAMES = 12


@pytest.fixture
def workspace(tmp_path):
    from mead_manip.artifacts.workspace import Workspace

    return Workspace(tmp_path)


@pytest.fixture
def publish(workspace, make_track):
    """Give a function that publishes the FaceTrack of a clip: the head's own landmarks, slowly turning."""
    import torch

    from mead_manip.artifacts import store
    from mead_manip.artifacts.provenance import Provenance
    from mead_manip.artifacts.schemas import FaceTrack
    from mead_manip.models.face_model import load_head, project

    def publish(clip_id, seed=0, **changes):
        head = load_head()
        pose = torch.zeros(N_FRAMES, 3)
        pose[:, 1] = torch.linspace(-0.2, 0.2, N_FRAMES)
        vertices = head(torch.zeros(1, head.n_identity), head_pose=pose)
        camera = torch.tensor([[100.0, 320.0, 180.0]]).expand(N_FRAMES, -1)
        landmarks = project(head.landmarks(vertices, pose), camera).numpy()
        landmarks = landmarks + np.random.default_rng(seed).normal(0, 0.3, landmarks.shape).astype(np.float32)
        track = make_track(N_FRAMES, **({"landmarks_px": landmarks} | changes))
        provenance = Provenance(FaceTrack.schema_id(), "preprocess", 1, {"clip": clip_id, "seed": seed})
        store.save(track, workspace.path("preprocess", clip_id), provenance)

    return publish


def run(workspace, *, force=False, dry_run=False, **settings):
    from mead_manip.config import Common, Reconstruct3dConfig
    from mead_manip.stages import reconstruct3d
    from mead_manip.stages.running.runner import SilentProgress

    config = Reconstruct3dConfig(workers=0, **settings)
    return reconstruct3d.run(workspace, config, Common(), force=force, dry_run=dry_run, progress=SilentProgress())


def test_publishes_one_reconstruction_a_clip_with_its_labels(workspace, publish):
    from mead_manip.artifacts import store
    from mead_manip.artifacts.schemas import Reconstruction

    publish("M003_happy")
    publish("W009_sad", actor="W009", emotion="sad", level=1)
    summary = run(workspace)
    assert summary.done == ["M003_happy", "W009_sad"] and summary.exit_code == 0
    found = store.load(Reconstruction, workspace.path("reconstruct3d", "W009_sad"))
    assert (found.actor, found.emotion, found.level, found.view) == ("W009", "sad", 1, "front")
    assert (found.fps_num, found.fps_den) == (30000, 1001)
    assert len(found.expression) == N_FRAMES and found.expression.shape[1] == len(found.coef_names)
    assert np.diff(found.head_pose[:, 1]).min() > 0
    assert found.residual.max() < 0.02


def test_a_second_run_skips_and_a_new_track_or_setting_makes_stale(workspace, publish):
    publish("a")
    publish("b")
    run(workspace)
    assert run(workspace).fresh == ["a", "b"]
    publish("b", seed=1)
    changed = run(workspace)
    assert (changed.fresh, changed.done) == (["a"], ["b"])
    assert run(workspace, smoothing=2.0).done == ["a", "b"]


def test_a_dry_run_writes_nothing(workspace, publish):
    publish("a")
    assert run(workspace, dry_run=True).planned == {"a": "missing"}
    assert not workspace.path("reconstruct3d", "a").exists()


def test_force_computes_again_and_clips_chooses(workspace, publish):
    publish("a")
    publish("b")
    run(workspace)
    assert run(workspace, force=True, clips=("b",)).done == ["b"]


def test_a_clip_without_a_face_fails_by_name_and_the_others_go_on(workspace, publish):
    publish("a", visible=np.zeros(N_FRAMES, bool))
    publish("b")
    summary = run(workspace)
    assert summary.done == ["b"] and summary.exit_code == 1
    assert "no face in any frame" in summary.failures["a"]


def test_an_empty_workspace_names_the_command_to_run(workspace):
    from mead_manip.errors import ArtifactMissing

    with pytest.raises(ArtifactMissing, match="run `mead-manip preprocess PATH` first"):
        run(workspace)


def test_unknown_clips_and_backends_are_usage_errors(workspace, publish):
    from mead_manip.errors import UsageError

    publish("a")
    with pytest.raises(UsageError, match="unknown clip 'c'"):
        run(workspace, clips=("c",))
    with pytest.raises(UsageError, match="unknown reconstructor backend 'fti'"):
        run(workspace, backend="fti")


def test_a_fresh_run_loads_no_head(workspace, publish):
    from mead_manip.models import face_model

    publish("a")
    run(workspace)
    face_model.load_head.cache_clear()
    assert run(workspace).fresh == ["a"]
    assert face_model.load_head.cache_info().misses == 0


def test_a_persons_neutral_clips_are_inputs_of_all_their_clips(workspace, publish):
    from mead_manip.artifacts import store

    publish("M003_happy", actor="M003", emotion="happy")
    publish("M003_neutral", actor="M003", emotion="neutral")
    publish("W009_happy", actor="W009", emotion="happy")

    run(workspace)

    def at_rest(clip_id: str) -> dict:
        return store.read_provenance(workspace.path("reconstruct3d", clip_id)).inputs["at_rest"]

    assert list(at_rest("M003_happy")) == list(at_rest("M003_neutral")) == ["M003_neutral"]
    assert at_rest("W009_happy") == {}


def with_crops(seed: int) -> dict:
    """Give crops that show something, as the fields of a track: the whole frame, shrunk."""
    from mead_manip.media.images import EncodedFrames, encode

    noise = np.random.default_rng(seed).integers(0, 255, (N_FRAMES, 180, 320, 3), dtype=np.uint8)
    packed = EncodedFrames.pack(encode(picture) for picture in noise)
    into_frame = np.tile(np.float32([[2, 0, 0.5], [0, 2, 0.5]]), (N_FRAMES, 1, 1))
    return {"face_bytes": packed.data, "face_offsets": packed.offsets, "frame_from_crop": into_frame}


def test_pictures_count_only_where_they_are_asked_for(workspace, publish):
    from mead_manip.artifacts import store
    from mead_manip.artifacts.schemas import Reconstruction

    path = workspace.path("reconstruct3d", "a")
    publish("a", **with_crops(0))
    run(workspace)
    without, provenance = store.load(Reconstruction, path), store.read_provenance(path)
    assert set(provenance.params) == {"backend", "smoothing"}  # what was made before there was the option is fresh

    assert run(workspace, photometric=True).done == ["a"]
    refined = store.load(Reconstruction, path)
    assert store.read_key(path, Reconstruction) != provenance.key
    assert run(workspace, photometric=True).fresh == ["a"]
    assert not np.array_equal(refined.expression, without.expression)
    for name in ("identity", "jaw_pose", "eyelids", "gaze", "head_pose", "camera"):
        np.testing.assert_array_equal(getattr(refined, name), getattr(without, name))

    publish("a", seed=0, **with_crops(1))
    run(workspace)
    np.testing.assert_array_equal(store.load(Reconstruction, path).expression, without.expression)


def test_photometric_is_an_option_of_the_fit_alone(workspace, publish):
    from mead_manip.errors import UsageError

    publish("a")
    with pytest.raises(UsageError, match="photometric is no option of the reconstructor deca"):
        run(workspace, backend="deca", photometric=True)
