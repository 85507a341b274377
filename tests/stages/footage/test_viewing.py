"""A face is the same in a whole frame and in the part around it; what a part does not show is looked for outside."""

import numpy as np
import pytest
from faces import talking_head, write_clip

SIZE = (640, 480)


@pytest.fixture(scope="module")
def placed():
    """Frames in which a head that speaks lies in a larger picture, and its landmarks."""
    heads, truth = talking_head(n_frames=8, size=256)
    return [place(head, 200, 100) for head in heads], truth + np.float32([200, 100])


def place(head, x, y):
    frame = np.full((SIZE[1], SIZE[0], 3), head[0, 0], np.uint8)
    frame[y : y + head.shape[0], x : x + head.shape[1]] = head
    return frame


def seen_of(frames, hints, first, folder):
    from mead_manip.backends import registry
    from mead_manip.media.video import read_decoded
    from mead_manip.stages.footage.viewing import see

    decoded = [frame for _, _, frame in read_decoded(write_clip(folder / "clip.mp4", frames))]
    return see(decoded, registry.load("landmarks", "builtin"), hints, first, len(hints))


def test_a_part_is_shown_and_shows_the_same(placed, tmp_path):
    frames, truth = placed
    whole, part = (seen_of(frames, [truth[0].astype(np.float32)], first, tmp_path) for first in (10, 11))
    assert all(seen.view is None and seen.picture.shape[:2] == (480, 640) for seen in whole)
    assert all(seen.view is not None and seen.picture.size < 0.7 * whole[0].picture.size for seen in part)
    for a, b in zip(whole, part, strict=True):
        (there,), (here,), (shown,) = a.faces, b.faces, b.shown
        assert np.abs(there.landmarks_px - here.landmarks_px).max() < 1.5
        np.testing.assert_allclose(b.view.shown(here.landmarks_px), shown.landmarks_px, atol=1e-3)


def test_a_face_that_leaves_its_part_is_found_in_the_whole(placed, tmp_path):
    frames, truth = placed
    away = [np.roll(frame, 180, axis=1) for frame in frames]
    jump = seen_of([*frames[:4], *away[4:]], [truth[0].astype(np.float32)], 11, tmp_path)
    assert all(seen.view is None for seen in jump)
    moved = [seen.faces[0].landmarks_px.mean(0)[0] for seen in jump] - truth.mean(1)[:, 0]
    np.testing.assert_allclose(moved, [0] * 4 + [180] * 4, atol=5)


@pytest.mark.parametrize("by", [1, 3])
def test_points_go_into_a_part_and_back(by):
    from mead_manip.stages.footage.viewing import View

    view = View(np.array([20, 10, 120, 90]), by, (1920, 1080))
    points = np.random.default_rng(0).uniform(0, 400, (68, 2)).astype(np.float32)
    np.testing.assert_allclose(view.back_points(view.shown(points)), points, atol=1e-3)
    # The middle of the part's first pixel is the middle of the square of pixels that it is the mean of.
    corner = view.back_points(np.zeros((1, 2), np.float32))[0]
    np.testing.assert_allclose(corner, np.array([20, 10]) * by + (by - 1) / 2)
