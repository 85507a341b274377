"""Landmark, pose and coefficient errors."""

import numpy as np
import pytest


def test_landmark_error_is_in_inter_ocular_distances():
    from mead_manip.evaluation.fitting import landmark_error

    truth = np.zeros((2, 68, 2))
    truth[:, 45, 0] = 50.0
    found = truth + np.array([3.0, 4.0])

    assert landmark_error(found, truth) == pytest.approx([0.1, 0.1])


def test_pose_error_is_the_angle_between_the_rotations():
    from mead_manip.evaluation.fitting import pose_error_degrees

    truth = np.array([[0.1, 0.2, 0.0], [0.0, 0.0, 0.0]], np.float32)
    found = np.array([[0.1, 0.2, 0.0], [0.0, np.deg2rad(30), 0.0]], np.float32)

    assert pose_error_degrees(found, truth) == pytest.approx([0.0, 30.0], abs=0.1)


def test_correlation_is_over_all_clips_and_undefined_for_what_rests():
    from mead_manip.evaluation.fitting import coefficient_correlation

    rng = np.random.default_rng(0)
    truth = [rng.uniform(0, 1, (40, 3)).astype(np.float32) for _ in range(2)]
    for clip in truth:
        clip[:, 2] = 0.5
    found = [np.stack([2 * c[:, 0] + 1, 1 - c[:, 1], c[:, 2]], axis=1).astype(np.float32) for c in truth]

    correlation = coefficient_correlation(found, truth)

    assert correlation[:2] == pytest.approx([1.0, -1.0])
    assert np.isnan(correlation[2])
