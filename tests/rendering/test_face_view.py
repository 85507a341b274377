"""The square around a face: where it lies, what it masks, and how it goes back into the frame."""

import numpy as np
import pytest

from mead_manip.geometry import compose_affine, transform_points
from mead_manip.rendering.conditioning_face import FaceSurface
from mead_manip.rendering.face_view import (
    FacePainter,
    MeanColours,
    PosedFace,
    cut_square,
    face_mask,
    pasted,
    square_from_frame,
)

SIZE = 128
TURNED = np.array([[0.9, -0.3, 40.0], [0.3, 0.9, 12.0]])


@pytest.fixture(scope="module")
def points():
    """Landmarks of a face in the middle of a square of 128 pixels."""
    points = np.zeros((68, 2))
    angle = np.linspace(np.pi, 0, 17)
    points[:17] = np.stack([64 + 38 * np.cos(angle), 60 + 45 * np.sin(angle)], 1)
    points[17:27] = np.stack([np.linspace(40, 88, 10), np.full(10, 45)], 1)
    points[27:36] = [64, 70]
    for start, x in ((36, 48), (42, 80)):
        points[start : start + 6] = np.stack([x + 8 * np.cos(np.arange(6)), 52 + 3 * np.sin(np.arange(6))], 1)
    points[48:68] = [64, 85]
    points[48], points[54] = (52, 85), (76, 85)
    return points


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (12, 16, 3)).astype(np.uint8)
    return np.kron(coarse, np.ones((16, 16, 1), np.uint8))


def bump(height: float = 0.0):
    """A square sheet of two triangles around the middle, nearer by `height`."""
    corners = np.array([[40, 40], [90, 40], [40, 95], [90, 95]], np.float32)
    return np.column_stack([corners, np.full(4, height, np.float32)])


TRIANGLES = np.array([[0, 2, 1], [1, 2, 3]], np.int32)


def test_the_square_moves_with_the_head_and_shows_it_the_same(points):
    before, after = square_from_frame(points, SIZE), square_from_frame(transform_points(TURNED, points), SIZE)
    np.testing.assert_allclose(compose_affine(after, TURNED), before, atol=1e-6)


def test_eyes_are_level_and_left_of_each_other_in_the_square(points):
    seen = transform_points(square_from_frame(transform_points(TURNED, points), SIZE), transform_points(TURNED, points))
    right, left = seen[36:42].mean(0), seen[42:48].mean(0)
    assert abs(right[1] - left[1]) < 1 and right[0] < SIZE / 2 < left[0]


def test_the_mask_covers_every_face_and_fades_beyond(points):
    lower = points.copy()
    lower[:17, 1] += 12  # a jaw that opens
    alone, both = face_mask([points], SIZE), face_mask([points, lower], SIZE)
    x, y = np.rint(points[8]).astype(int)
    assert alone[y, x] == 255 and alone[y + 12, x] < 255 and both[y + 12, x] == 255
    assert (both >= alone).all()
    assert not both[0].any() and ((both > 0) & (both < 255)).any()
    np.testing.assert_array_equal(both, face_mask([lower, points], SIZE))


def test_pasting_changes_nothing_where_the_mask_is_zero(points, frame):
    image_from_frame = np.array([[1.0, 0, -20], [0, 1, -10]])
    mask = face_mask([points], SIZE)
    drawn = np.full((SIZE, SIZE, 3), 255, np.uint8)
    result = pasted(frame, drawn, mask, image_from_frame)
    changed = (result != frame).any(axis=2)
    assert changed.sum() > 1000
    covered = np.zeros(frame.shape[:2], bool)
    covered[10 : 10 + SIZE, 20 : 20 + SIZE] = mask > 0
    assert not (changed & ~covered).any()
    assert (result[10 : 10 + SIZE, 20 : 20 + SIZE][mask == 255] == 255).all()


def test_a_square_that_nobody_changed_gives_nearly_the_frame_again(points, frame):
    smooth = cut_square(frame, np.array([[1.0, 0, 0], [0, 1, 0]]), 192)[:192, :192]
    smooth = np.ascontiguousarray(np.stack([smooth.mean(axis=2)] * 3, axis=2).astype(np.uint8))
    image_from_frame = np.array([[1.0, 0, -20], [0, 1, -10]])
    square = cut_square(smooth, image_from_frame, SIZE)
    result = pasted(smooth, square, face_mask([points], SIZE), image_from_frame)
    np.testing.assert_array_equal(result, smooth)


def test_a_square_beyond_the_frame_changes_nothing(points, frame):
    away = np.array([[1.0, 0, -5000], [0, 1, -5000]])
    mask = face_mask([points], SIZE)
    np.testing.assert_array_equal(pasted(frame, np.zeros((SIZE, SIZE, 3), np.uint8), mask, away), frame)


def test_mean_colours_are_those_that_frames_show_and_spread_to_what_they_hide():
    picture = np.full((SIZE, SIZE, 3), (10, 120, 200), np.uint8)
    hidden = np.array([[60, 60, -50], [70, 60, -50], [60, 70, -50]], np.float32)
    vertices = np.concatenate([bump(), hidden])
    triangles = np.concatenate([TRIANGLES, [[4, 6, 5], [3, 4, 5]]]).astype(np.int32)
    colours = MeanColours(len(vertices), triangles)
    assert not colours.colours().any()
    face = PosedFace(vertices, np.zeros((68, 2), np.float32), np.zeros((2, 2)))
    colours.add(picture, face)
    assert (np.abs(colours.colours().astype(int) - [10, 120, 200]) <= 1).all()


def test_the_face_is_shown_in_its_surroundings_without_a_trace_of_the_frame_s_own(points):
    surface = FaceSurface.of(bump() / 64, TRIANGLES)
    painter = FacePainter(surface, np.full((4, 3), (200, 100, 50), np.uint8))
    face = PosedFace(bump(), points.astype(np.float32), points[[37, 43]])
    square = np.full((SIZE, SIZE, 3), 90, np.uint8)
    marked = square.copy()
    marked[60:70, 60:70] = 255  # the old mouth, say
    drawn, again = painter.draw(square, face), painter.draw(marked, face)
    for name in ("surroundings", "appearance", "nmfc", "shape", "eyes", "mask"):
        np.testing.assert_array_equal(getattr(drawn, name), getattr(again, name), err_msg=name)
    np.testing.assert_array_equal(drawn.appearance[65, 65], (200, 100, 50))
    assert drawn.appearance.all()  # nowhere black
    x, y = np.rint(points[37]).astype(int)
    assert drawn.eyes[y, x] == 255 and not drawn.eyes[100:].any()
    np.testing.assert_array_equal(drawn.surroundings[drawn.mask == 0], square[drawn.mask == 0])
    assert not drawn.surroundings[drawn.mask > 0].any()
    assert not FacePainter(surface).draw(square, face).appearance.any()
