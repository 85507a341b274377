"""The synthetic data set: which clips there are, outliers in their share, subsets equal to the whole, truth."""

from collections import Counter
from functools import cache

import numpy as np
import pytest


@cache
def studio(seed: int = 0):
    from mead_manip.synthetic.recording import Studio

    return Studio(seed, size=96, n_frames=12)


def test_the_tree_has_meads_shape():
    from pathlib import Path

    from mead_manip.media.mead_tree import parse_clip_path
    from mead_manip.synthetic.mead import list_clips

    specs = list_clips(2, 3, seed=0, outliers=0.0)
    assert len(specs) == 2 * (7 * 3 + 1) * 3
    assert len({spec.path for spec in specs}) == len(specs)
    assert not any(spec.outlier for spec in specs)
    for spec in specs[::7]:
        labels = parse_clip_path(Path(spec.path))
        assert (labels.actor, labels.emotion, labels.level, labels.take) == (
            spec.actor,
            spec.emotion,
            spec.level,
            spec.take,
        )
        assert "_".join(labels.parts) == spec.clip_id


def test_a_subset_is_the_same_as_in_the_whole():
    from mead_manip.synthetic.mead import list_clips

    whole = list_clips(4, 3, seed=5, outliers=0.3)
    part = list_clips(2, 2, seed=5, outliers=0.3, emotions=("happy", "neutral"), levels=(2, 3))
    assert part and set(part) <= set(whole)
    assert {(spec.emotion, spec.level) for spec in part} == {("happy", 2), ("happy", 3), ("neutral", 1)}


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_outliers_are_spread_evenly(seed, share):
    from mead_manip.synthetic.mead import OUTLIER_KINDS, list_clips

    specs = [spec for spec in list_clips(4, 3, seed, share) if spec.emotion != "neutral"]
    kinds = Counter(spec.outlier for spec in specs if spec.outlier)
    expected = share * len(specs)
    assert abs(sum(kinds.values()) - expected) <= max(2, 0.15 * expected)
    assert set(kinds) == set(OUTLIER_KINDS)
    assert max(kinds.values()) - min(kinds.values()) <= max(3, 0.35 * expected / 4)
    emotions = Counter(spec.emotion for spec in specs if spec.outlier)
    assert len(emotions) == 7 and max(emotions.values()) <= 2.5 * expected / 7


def test_outliers_do_what_their_name_says():
    from mead_manip.synthetic.mead import ClipSpec

    acted = {
        kind: studio().take(ClipSpec("M003", "happy", 3, 1, kind))
        for kind in ("", "weak", "ambiguous", "mislabelled", "neutral")
    }
    assert set(acted[""].acted) == {"happy"} and 0.8 < acted[""].strength < 1.2
    assert set(acted["weak"].acted) == {"happy"} and acted["weak"].strength < 0.15
    assert len(acted["ambiguous"].acted) == 2 and "happy" in acted["ambiguous"].acted
    assert "happy" not in acted["mislabelled"].acted and acted["mislabelled"].strength > 0.8
    assert acted["neutral"].acted == {} and acted["neutral"].acted_name == "neutral"


def test_actors_differ_and_depend_on_seed_and_name_alone():
    from mead_manip.synthetic.recording import Studio

    people = [studio().actor(name) for name in ("M003", "W009", "M005", "W011")]
    for index, person in enumerate(people):
        for other in people[:index]:
            assert np.linalg.norm(person.identity - other.identity) > 3
            assert (person.look.skin, person.look.background_seed) != (other.look.skin, other.look.background_seed)
    again = Studio(0, size=64, n_frames=10).actor("M005")
    np.testing.assert_array_equal(again.identity, people[2].identity)
    assert not np.array_equal(studio(1).actor("M005").identity, people[2].identity)


def test_truth_is_the_same_again_and_lies_on_the_face():
    from mead_manip.synthetic.mead import list_clips
    from mead_manip.synthetic.recording import Studio

    specs = list_clips(2, 1, seed=0, outliers=0.2, emotions=("happy", "neutral"), levels=(3,))
    truth, again = studio().truth(specs), Studio(0, size=96, n_frames=12).truth(specs)
    np.testing.assert_array_equal(truth.landmarks_px, again.landmarks_px)
    np.testing.assert_array_equal(truth.expression, again.expression)
    assert truth.clip_ids == tuple(spec.clip_id for spec in specs)
    assert truth.clip_start.tolist() == [0, 12, 24, 36, 48]
    assert truth.landmarks_px.min() > 0 and truth.landmarks_px.max() < 95
    nose, chin, brows = truth.landmarks_px[:, 30], truth.landmarks_px[:, 8], truth.landmarks_px[:, 17:27].mean(1)
    assert (brows[:, 1] < nose[:, 1]).all() and (nose[:, 1] < chin[:, 1]).all()
    # The subject's left eye (42-47) is on the right of the picture.
    assert (truth.landmarks_px[:, 42:48, 0].mean(1) > truth.landmarks_px[:, 36:42, 0].mean(1)).all()
