"""Lids that move -> the eye between them, which does not."""

import numpy as np
import pytest

SIZE = 120


@pytest.fixture
def eye():
    """An opening of 24 pixels between lids, in skin all around, and where iBUG-68 has its rim."""
    ys, xs = np.mgrid[0:SIZE, 0:SIZE]
    turn = np.deg2rad([180, 240, 300, 0, 60, 120])
    rim = np.stack([60 + 30 * np.cos(turn), 60 + 14 * np.sin(turn)], axis=1)
    landmarks = np.zeros((68, 2), np.float32)
    landmarks[36:42] = landmarks[42:48] = rim
    return landmarks, ((xs - 60) / 30) ** 2 + ((ys - 60) / 13) ** 2 > 1


def lids(closing: float):
    """Lids that moved `closing` pixels towards each other, and the opening filled in between."""
    motion = np.zeros((SIZE, SIZE, 2), np.float32)
    motion[..., 1] = -closing * np.clip((60 - np.arange(SIZE)) / 13, -1, 1)[:, None]
    return motion


@pytest.mark.parametrize("closing", [-5.0, 5.0])
def test_iris_and_white_stay_and_lids_keep_their_motion(eye, closing):
    from mead_manip.rendering.eyes import still_eyes

    landmarks, covered = eye
    before = lids(closing)
    after = still_eyes(before, covered, landmarks)

    assert np.array_equal(after[covered], before[covered])
    assert np.abs(before[56, 60]).max() > 1.5 and np.abs(after[55:66, 56:65]).max() < 0.5
    rim = after[48, 60, 1] / before[48, 60, 1]
    assert rim > 0.6


@pytest.mark.parametrize("closing", [-7.0, -2.0, 3.0, 8.0])
def test_what_is_looked_up_never_folds(eye, closing):
    from mead_manip.rendering.eyes import still_eyes

    landmarks, covered = eye
    rows = np.arange(SIZE) + still_eyes(lids(closing), covered, landmarks)[:, 60, 1]
    assert np.diff(rows).min() > 0


def test_a_shut_eye_and_one_outside_the_picture_change_nothing(eye):
    from mead_manip.rendering.eyes import still_eyes

    landmarks, covered = eye
    motion = lids(3.0)
    assert np.array_equal(still_eyes(motion, np.ones_like(covered), landmarks), motion)
    assert np.array_equal(still_eyes(motion, covered, landmarks + 500), motion)
