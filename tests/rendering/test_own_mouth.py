"""Teeth that a picture shows: found, and kept where they are."""

import numpy as np
import pytest

from mead_manip.rendering.own_mouth import (
    between_lips,
    bone_motion,
    hidden_lips,
    own_mouth,
    pixels_of,
    rigid_share,
    seen_inside,
)

EYES = 200.0
SIZE = 60, 120
SKIN = np.array([0.5, 0.3, 0.25], np.float32)
LIP, TOOTH, DEPTH = SKIN * [0.7, 0.4, 0.45], SKIN * [1.1, 1.4, 1.4], SKIN * [0.1, 0.05, 0.05]


def mouth_of(top: float, bottom: float) -> np.ndarray:
    """Landmarks of a mouth whose lips run level across the picture."""
    points = np.zeros((68, 2), np.float32)
    points[60:65] = np.stack([np.linspace(10, 110, 5), np.full(5, top)], 1)
    points[65:68] = np.stack([np.linspace(85, 35, 3), np.full(3, bottom)], 1)
    points[[60, 64], 1] = (top + bottom) / 2
    return points


def opening(top: int, bottom: int) -> np.ndarray:
    found = np.zeros(SIZE, bool)
    found[top:bottom, 10:110] = True
    return found


def picture(**rows) -> np.ndarray:
    """Linear RGB of lips, with rows of teeth and of the depth behind them."""
    shown = np.tile(LIP.astype(np.float32), (*SIZE, 1))
    for name, (first, last) in rows.items():
        shown[first:last, 10:110] = {"tooth": TOOTH, "depth": DEPTH}[name.rstrip("_")]
    return shown


def test_lips_are_no_inside_however_far_apart_their_outlines_seem():
    seen = seen_inside(picture(), opening(20, 29), 0.045, SKIN, EYES)
    assert seen.inside == seen.teeth == 0.0


def test_what_parts_for_sure_shows_the_inside():
    assert seen_inside(picture(), opening(15, 45), 0.15, SKIN, EYES).inside == 1.0


def test_teeth_are_told_from_lips_and_depth_and_so_is_their_colour():
    seen = seen_inside(picture(tooth=(20, 30), depth=(30, 40)), opening(20, 40), 0.1, SKIN, EYES)
    assert seen.inside == seen.teeth == 1.0 and seen.clenched == 0.0
    assert np.allclose(seen.lit, TOOTH, rtol=0.05) and (seen.dark <= DEPTH * 1.05).all()


def test_nothing_but_teeth_is_clenched():
    seen = seen_inside(picture(tooth=(20, 40)), opening(20, 40), 0.1, SKIN, EYES)
    assert seen.teeth == seen.clenched == 1.0


def test_an_opening_of_a_few_pixels_tells_nothing():
    seen = seen_inside(picture(tooth=(20, 40)), opening(20, 20), 0.0, SKIN, EYES)
    assert seen.inside == seen.teeth == 0.0


@pytest.mark.parametrize("drop", [-8.0, 4.0, 10.0, 16.0])
def test_upper_teeth_stay_the_lower_lip_takes_along_and_nothing_folds(drop):
    between = between_lips(mouth_of(20, 40 + drop), SIZE)
    motion = bone_motion(between, np.zeros(2, np.float32), np.full((*SIZE, 2), (0.0, -drop), np.float32), 0.0)
    column = motion[20 : int(40 + drop) + 1, 60, 1]
    assert abs(column[0]) < 0.1 * abs(drop) and abs(column[-1] + drop) < 0.1 * abs(drop)
    assert (np.diff(column + np.arange(len(column))) > 0).all()


def test_clenched_teeth_stay_as_one_row():
    between = between_lips(mouth_of(20, 50), SIZE)
    skull = np.array([1.0, 2.0], np.float32)
    motion = bone_motion(between, skull, np.full((*SIZE, 2), (0.0, -10.0), np.float32), 1.0)
    assert np.array_equal(motion, np.broadcast_to(skull, motion.shape))


@pytest.mark.parametrize(
    ("lift", "drop", "clenched", "rigid"),
    [(0, 0, 0, 1), (0, 30, 0, 1), (12, 0, 0, 0), (-12, 30, 0, 1), (0, 8, 1, 0), (0, 30, 1, 1), (0, 8, 0, 1)],
)
def test_teeth_are_stretched_only_where_lips_uncover_what_was_not_to_be_seen(lift, drop, clenched, rigid):
    between = between_lips(mouth_of(20, 50), SIZE)
    lips = np.zeros((*SIZE, 2), np.float32)
    lips[:30, :, 1], lips[30:, :, 1] = lift, -drop
    assert rigid_share(between, np.zeros(2, np.float32), lips, float(clenched), EYES) == pytest.approx(rigid)


def test_what_the_old_lips_hid_is_unknown_and_what_they_showed_is_looked_up_where_it_was():
    below = between_lips(mouth_of(10, 55), SIZE).lower_part
    own = own_mouth(opening(20, 40), np.zeros((*SIZE, 2), np.float32), below, EYES)
    assert (own.known[24:36, 20:100] == 1).all() and (own.known[:9] == 0).all() and (own.known[45:] == 0).all()
    ys, xs = np.mgrid[24:36, 20:100]
    assert np.allclose(own.places[24:36, 20:100], np.dstack([xs, ys]), atol=1e-4)
    source = np.zeros((*SIZE, 3), np.uint8)
    source[30] = 200
    assert (pixels_of(source, own.places)[30, 20:100] == 200).all()


def test_next_to_the_old_lips_pixels_come_from_further_inside():
    below = np.zeros(SIZE, np.float32)
    own = own_mouth(opening(20, 40), np.zeros((*SIZE, 2), np.float32), below, EYES)
    assert (own.places[19:22, 30:90, 1] > 21.5).all() and (own.known[19, 30:90] > 0).all()


def test_a_mouth_that_shows_nothing_knows_nothing():
    own = own_mouth(np.zeros(SIZE, bool), np.zeros((*SIZE, 2), np.float32), np.zeros(SIZE, np.float32), EYES)
    assert not own.known.any() and np.isfinite(own.places).all()


def full_lips() -> np.ndarray:
    points = mouth_of(29, 31)
    around = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    points[48:60] = np.stack([60 - 50 * np.cos(around), 30 - 18 * np.sin(around)], 1)
    return points


@pytest.mark.parametrize(("hand", "hidden"), [(None, [False, False]), (60, [True, False]), (120, [True, True])])
def test_what_lies_before_the_lips_is_told_from_them(hand, hidden):
    shown = picture()
    shown[:, :hand] = shown[:, :hand] if hand is None else SKIN * np.float32(0.9)
    found = hidden_lips(shown, full_lips(), SKIN, EYES)
    for x, wanted in zip((40, 80), hidden, strict=True):
        assert found[30, x] > 0.95 if wanted else found[30, x] < 0.05


def test_teeth_and_dark_hide_no_lips_and_black_and_white_tells_nothing():
    shown = picture(tooth=(20, 30), depth=(30, 40))
    assert hidden_lips(shown, full_lips(), SKIN, EYES).max() < 0.05
    grey = np.full((*SIZE, 3), 0.4, np.float32)
    assert not hidden_lips(grey, full_lips(), np.full(3, 0.4, np.float32), EYES).any()
