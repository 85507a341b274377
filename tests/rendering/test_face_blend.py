"""What goes into a frame of what was drawn: only what moves, in the colours of the frame."""

import numpy as np
import pytest

SIZE = 128


@pytest.fixture(scope="module")
def sheet():
    """A flat square of skin in the middle, as (x, y, depth) vertices and triangles."""
    places = np.linspace(24, 104, 9)
    x, y = np.meshgrid(places, places)
    vertices = np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], axis=1).astype(np.float32)
    corners = [(9 * r + c, 9 * r + c + 1, 9 * r + c + 9, 9 * r + c + 10) for r in range(8) for c in range(8)]
    return vertices, np.array([t for a, b, c, d in corners for t in ((a, c, b), (b, c, d))], np.int32)


def face(vertices):
    from mead_manip.rendering.face_view import PosedFace

    return PosedFace(vertices, np.zeros((68, 2), np.float32), np.zeros((2, 2)))


def moved(sheet, shift):
    from mead_manip.rendering.face_blend import moved_share

    vertices, triangles = sheet
    right = (vertices[:, :1] > 80).astype(np.float32)
    return moved_share(face(vertices), face(vertices + right * np.float32([shift, 0, 0])), triangles, SIZE)


def test_only_where_skin_moves_is_anything_taken(sheet):
    share = moved(sheet, 4.0)

    assert not moved(sheet, 0.0).any()
    assert share[16, 25] == pytest.approx(1, abs=0.01) and share[:, :12].max() == 0
    assert np.abs(np.diff(share, axis=1)).max() < 0.7  # softly


def test_skin_that_was_there_before_counts_as_well(sheet):
    share = moved(sheet, -30.0)  # it leaves the right side

    assert share[16, 25] > 0.9


def test_a_drawing_that_is_too_dark_takes_the_light_of_the_frame(sheet):
    from mead_manip.rendering.face_blend import blended

    own = np.full((SIZE, SIZE, 3), 150, np.uint8)
    drawn, mask = own - np.uint8(10), np.full((SIZE, SIZE), 255, np.uint8)
    square, share = blended(drawn, own, mask, moved(sheet, 4.0))

    assert np.abs(square.astype(int) - 150)[64].max() <= 3  # also in the part that moves
    assert share[64, 100] > 250 and share[64, 30] == 0


def test_what_the_edit_changes_is_not_taken_for_a_wrong_colour(sheet):
    from mead_manip.rendering.face_blend import blended

    own = np.full((SIZE, SIZE, 3), 150, np.uint8)
    drawn = own.copy()
    drawn[50:78, 90:105] = 40  # a mouth that opens
    square, _ = blended(drawn, own, np.full((SIZE, SIZE), 255, np.uint8), moved(sheet, 4.0))

    assert square[64, 97].mean() < 60


def test_outside_the_mask_nothing_has_a_share(sheet):
    from mead_manip.rendering.face_blend import blended

    own = np.random.default_rng(0).integers(0, 255, (SIZE, SIZE, 3)).astype(np.uint8)
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[40:90, 40:90] = 255
    _, share = blended(own, own, mask, np.ones((SIZE // 4, SIZE // 4), np.float32))

    assert np.array_equal(share, mask)
