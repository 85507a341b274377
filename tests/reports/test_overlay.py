"""The picture of a clip: what is drawn lies where it was found, and an unknown face model is refused."""

import numpy as np
import pytest

from mead_manip.errors import InputMissing
from mead_manip.reports.drawn_head import drawn_heads
from mead_manip.reports.figure import HEADER, MARGIN, SIDE
from mead_manip.reports.overlay import PUPIL, SMOOTHED, TILE, ShownFrame, overlay


@pytest.fixture
def head(make_reconstruction):
    """The mean head, 60 px per dm, in the middle of a 200 px frame."""
    from mead_manip.artifacts.assets import asset_digest
    from mead_manip.models.face_model import load_head

    model = load_head()
    camera = np.tile(np.float32([[60, 100, 100]]), (3, 1))
    names = model.coef_names
    clip = make_reconstruction(
        3,
        len(names),
        identity=np.zeros(model.n_identity, np.float32),
        camera=camera,
        coef_names=names,
        face_model=f"head.h5@{asset_digest('head.h5')[:16]}",
    )
    return drawn_heads(clip, [1])[0]


def shown(head, landmarks, **changes):
    values = {
        "title": "frame 7",
        "square": np.full((100, 100, 3), 90, np.uint8),
        "frame_from_square": np.array([[2.0, 0, 0.5], [0, 2, 0.5]]),
        "raw_px": landmarks,
        "smoothed_px": landmarks,
        "pupils_px": np.array([[80, 90], [120, 90]], np.float32),
        "head": head,
    }
    return ShownFrame(**{**values, **changes})


def tile(picture, row, column):
    y, x = HEADER + row * (TILE + MARGIN), SIDE + column * (TILE + MARGIN)
    return picture[y : y + TILE, x : x + TILE].astype(int)


def close_to(tile, colour):
    return np.argwhere(np.abs(tile - colour).sum(axis=2) < 60)


def test_four_rows_with_a_fit_and_one_without(head):
    landmarks = head.landmarks_px
    both = overlay([shown(head, landmarks), shown(head, landmarks)])
    assert both.shape[0] == HEADER + 4 * (TILE + MARGIN) + MARGIN
    assert both.shape[1] == SIDE + 2 * (TILE + MARGIN) + MARGIN
    assert overlay([shown(None, landmarks)]).shape[0] == HEADER + TILE + 2 * MARGIN


def test_points_are_drawn_where_they_were_found(head):
    far = np.full((68, 2), 10.0, np.float32)
    far[30] = (150, 50)  # px of the frame: three quarters across, one quarter down
    other = overlay([shown(None, far), shown(None, far)])
    found = close_to(tile(other, 0, 1), SMOOTHED)
    assert np.abs(found - [TILE / 4, TILE * 3 / 4]).max(axis=1).min() <= 2
    pupils = close_to(tile(other, 0, 1), PUPIL)
    assert np.abs(pupils - [TILE * 0.45, TILE * 0.4]).max(axis=1).min() <= 2


def test_the_surface_covers_the_fitted_landmarks_and_little_else(head):
    picture = overlay([shown(head, head.landmarks_px), shown(head, head.landmarks_px)])
    for row in (2, 3):
        drawn = tile(picture, row, 1)
        coloured = np.ptp(drawn, axis=2) > 8  # the frame around the head is grey
        inner = np.round((head.landmarks_px[27:] + 0.5) * TILE / 200 - 0.5).astype(int)
        assert coloured[inner[:, 1], inner[:, 0]].mean() > 0.9
        assert 0.15 < coloured.mean() < 0.9 and not coloured[:5].any()


def test_what_lies_far_outside_does_not_break_the_picture(head):
    landmarks = head.landmarks_px + np.float32(1e7)
    assert overlay([shown(head, landmarks)]).std() > 0


def test_flame_without_its_file_says_how_to_get_it(make_reconstruction, tmp_path):
    with pytest.raises(InputMissing, match="import-flame"):
        drawn_heads(make_reconstruction(face_model="flame-2020@0123"), [0], tmp_path / "flame.h5")
