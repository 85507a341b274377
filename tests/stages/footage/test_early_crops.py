"""Crops that are cut on the way are those of a second decoding, whatever the guess was."""

import numpy as np
import pytest
from faces import talking_head, write_clip


@pytest.fixture(scope="module")
def frames():
    return talking_head(n_frames=60)[0]


def both(path):
    """Follow the face of a clip with crops cut early and without; also of how many frames the guess was right."""
    from mead_manip.backends import registry
    from mead_manip.media.mead_tree import ClipLabels
    from mead_manip.stages.footage.early_crops import EarlyCrops
    from mead_manip.stages.footage.sighting import sight_video
    from mead_manip.stages.footage.tracking import track_face

    with EarlyCrops() as early:
        sightings = sight_video(path, registry.load("landmarks", "builtin"), "0" * 64, early)
        once = track_face(path, sightings, 1, ClipLabels(), early)
        right = len(early._frames)
    return once, track_face(path, sightings, 1, ClipLabels()), right


def assert_same(once, twice):
    np.testing.assert_array_equal(once.face_offsets, twice.face_offsets)
    np.testing.assert_array_equal(once.face_bytes, twice.face_bytes)


def test_a_face_that_is_always_there_is_decoded_once(frames, tmp_path):
    path = write_clip(tmp_path / "clip.mp4", frames)
    once, twice, right = both(path)
    assert right == 60 and twice.visible.all()
    assert_same(once, twice)


def test_gaps_shots_and_jumps_change_nothing(frames, tmp_path):
    empty = [np.full_like(frames[0], 140)] * 9
    aside = [np.roll(frame, 60, axis=1) for frame in frames[:12]]
    path = write_clip(tmp_path / "clip.mp4", [*frames[:30], *empty, *frames[30:45], *aside, *frames[:7]])
    once, twice, right = both(path)
    assert right > 0 and not twice.visible.all()
    assert_same(once, twice)
