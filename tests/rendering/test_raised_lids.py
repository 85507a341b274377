"""Lids that rise uncover a round iris and white; where none rises nothing changes."""

import cv2
import numpy as np
import pytest
from painted_eye import IRIS, between, landmarks, motion, paint


def drawn(old: float, new: float, aside: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """The picture of lids that go from `old` to `new`: stretched, and with `show_eyes`."""
    from mead_manip.rendering.eyes import still_eyes
    from mead_manip.rendering.raised_lids import show_eyes

    source, covered = paint(old, aside), ~between(new)
    moved = still_eyes(motion(old, new), covered, landmarks(new))
    y, x = np.mgrid[0 : source.shape[0], 0 : source.shape[1]].astype(np.float32)
    stretched = cv2.remap(source, x + moved[..., 0], y + moved[..., 1], cv2.INTER_LINEAR)
    shown = stretched.copy()
    show_eyes(shown, source, moved, covered, landmarks(old), landmarks(new))
    return stretched, shown


def error(image: np.ndarray, new: float, aside: float) -> float:
    """Mean difference between lids to what would have been painted, away from rims."""
    inner = cv2.erode(between(new).astype(np.uint8), np.ones((9, 9))) > 0
    return float(np.abs(image.astype(float) - paint(new, aside))[inner].mean())


def pupil_shape(image: np.ndarray) -> float:
    """Height by width of the pupil."""
    ys, xs = np.nonzero(cv2.erode((image[..., 0] < 40).astype(np.uint8), np.ones((3, 3))))
    return float((np.ptp(ys) + 1) / (np.ptp(xs) + 1))


@pytest.mark.parametrize("aside", [-9.0, 0.0, 7.0])
def test_a_lid_that_rises_uncovers_the_eye_as_it_would_be(aside):
    stretched, shown = drawn(10.0, 24.0, aside)
    assert error(shown, 24.0, aside) < 0.5 * error(stretched, 24.0, aside)


def test_pupils_stay_round():
    stretched, shown = drawn(9.0, 24.0)
    assert pupil_shape(stretched) > 1.3
    assert 0.85 < pupil_shape(shown) < 1.15


def test_the_highlight_is_not_drawn_out():
    _, shown = drawn(10.0, 24.0)
    y, x = np.mgrid[0:160, 0:160] - 80.0
    iris = (np.hypot(x, y + 2) < IRIS - 2) & between(24.0)
    before = (paint(24.0)[..., 0] > 200)[iris].sum()
    assert 0 < (shown[..., 0] > 200)[iris].sum() < 2 * before


@pytest.mark.parametrize(("old", "new"), [(14.0, 14.0), (14.0, 6.0), (-9.0, 0.0)])
def test_lids_that_do_not_rise_and_shut_ones_change_nothing(old, new):
    stretched, shown = drawn(old, new)
    np.testing.assert_array_equal(shown, stretched)


def test_skin_keeps_its_bytes_and_little_rise_changes_little():
    stretched, shown = drawn(10.0, 24.0)
    np.testing.assert_array_equal(shown[~between(24.0)], stretched[~between(24.0)])
    stretched, shown = drawn(12.0, 12.2)
    assert np.abs(shown.astype(int) - stretched).mean() < 0.2


def test_an_eye_outside_the_picture_changes_nothing():
    from mead_manip.rendering.raised_lids import show_eyes

    source = paint(10.0)
    image = source.copy()
    away = [landmarks(upper) + np.float32(500) for upper in (10.0, 24.0)]
    show_eyes(image, source, motion(10.0, 24.0), ~between(24.0), *away)
    np.testing.assert_array_equal(image, source)
