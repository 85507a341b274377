"""Transforms, rotations and smoothing hold their defining properties."""

import numpy as np
import pytest

from mead_manip import geometry
from mead_manip.errors import UsageError

GENERATOR = np.random.default_rng(0)


def random_rotations(count: int, largest: float) -> np.ndarray:
    axis = GENERATOR.normal(size=(count, 3))
    return axis / np.linalg.norm(axis, axis=1, keepdims=True) * GENERATOR.uniform(0, largest, (count, 1))


# ---- transforms ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [2, 3])
def test_umeyama_recovers_a_similarity(dim):
    rotation = geometry.matrix_from_axis_angle(np.array([0.3, -0.4, 0.9]) if dim == 3 else np.array([0, 0, 0.9]))[
        :dim, :dim
    ]
    truth = np.concatenate([2.5 * rotation, np.arange(1.0, dim + 1)[:, None]], axis=1)
    points = GENERATOR.normal(size=(10, dim))
    np.testing.assert_allclose(geometry.umeyama(points, geometry.transform_points(truth, points)), truth, atol=1e-12)


def test_umeyama_never_mirrors_and_ignores_points_of_weight_zero():
    points = GENERATOR.normal(size=(8, 2))
    assert np.linalg.det(geometry.umeyama(points, points * [-1, 1])[:, :2]) > 0
    moved = points * 2 + 1
    moved[0] = 100
    weights = np.ones(8)
    weights[0] = 0
    np.testing.assert_allclose(geometry.umeyama(points, moved, weights), [[2, 0, 1], [0, 2, 1]], atol=1e-12)


def test_umeyama_of_one_point_is_refused():
    with pytest.raises(UsageError, match="points that coincide"):
        geometry.umeyama(np.ones((3, 2)), np.zeros((3, 2)))


def test_affine_inverse_and_composition():
    a, b = GENERATOR.normal(size=(2, 2, 3))
    points = GENERATOR.normal(size=(4, 5, 2))
    there = geometry.transform_points(a, points)
    np.testing.assert_allclose(geometry.transform_points(geometry.invert_affine(a), there), points, atol=1e-9)
    np.testing.assert_allclose(
        geometry.transform_points(geometry.compose_affine(b, a), points), geometry.transform_points(b, there), atol=1e-9
    )


# ---- rotations ----------------------------------------------------------------------------------------------------


def test_rotations_go_there_and_back_at_every_angle():
    for largest in (1e-9, 1e-4, 1.0, np.pi - 1e-6):
        rotations = random_rotations(200, largest)
        matrices = geometry.matrix_from_axis_angle(rotations)
        np.testing.assert_allclose(
            matrices @ np.swapaxes(matrices, 1, 2), np.broadcast_to(np.eye(3), (200, 3, 3)), atol=1e-12
        )
        np.testing.assert_allclose(np.linalg.det(matrices), 1, atol=1e-12)
        np.testing.assert_allclose(geometry.axis_angle_from_matrix(matrices), rotations, atol=1e-7)


def test_half_turns_have_their_angle():
    for axis in np.eye(3):
        result = geometry.axis_angle_from_matrix(geometry.matrix_from_axis_angle(np.pi * axis))
        np.testing.assert_allclose(np.abs(result), np.pi * axis, atol=1e-7)


def test_directions_follow_the_right_hand():
    quarter = geometry.matrix_from_axis_angle(np.array([0.0, 0.0, np.pi / 2]))
    np.testing.assert_allclose(quarter @ [1, 0, 0], [0, 1, 0], atol=1e-12)


def test_rotations_keep_float32():
    rotation = np.full((2, 3), 0.1, np.float32)
    assert geometry.matrix_from_axis_angle(rotation).dtype == np.float32
    assert geometry.axis_angle_from_matrix(geometry.matrix_from_axis_angle(rotation)).dtype == np.float32


# ---- along time ---------------------------------------------------------------------------------------------------


def test_smoothing_keeps_constants_and_has_no_delay():
    np.testing.assert_allclose(geometry.smooth(np.full((7, 2, 2), 3.0), 2.0), 3.0)
    peak = geometry.smooth(np.eye(1, 21, 10)[0], 1.5)
    assert peak.argmax() == 10
    np.testing.assert_allclose(peak, peak[::-1], atol=1e-12)


def test_smoothing_reduces_noise_and_leaves_invalid_frames_out():
    noise = GENERATOR.normal(size=(200, 3))
    assert geometry.smooth(noise, 3.0).std() < 0.5 * noise.std()
    values, valid = np.ones(9), np.ones(9, bool)
    values[4], valid[4] = 1e6, False
    np.testing.assert_allclose(geometry.smooth(values, 1.0, valid), 1.0)


def test_smoothing_of_next_to_nothing():
    assert geometry.smooth(np.zeros((0, 2)), 1.0).shape == (0, 2)
    np.testing.assert_array_equal(geometry.smooth(np.array([5.0]), 2.0), [5.0])
    np.testing.assert_array_equal(geometry.smooth(np.arange(4.0), 1.0, np.zeros(4, bool)), np.arange(4.0))


def test_invisible_frames_repeat_the_nearest_visible_one():
    visible = np.array([False, True, False, False, False, True, False])
    np.testing.assert_array_equal(geometry.fill_invisible(np.arange(7), visible), [1, 1, 1, 1, 5, 5, 5])
    np.testing.assert_array_equal(geometry.fill_invisible(np.arange(2), np.zeros(2, bool)), [0, 1])


@pytest.mark.parametrize("hop", [1, 3, 5])
def test_overlapping_windows_of_a_sequence_give_it_back(hop):
    sequence = GENERATOR.normal(size=(20, 4))
    starts = [*range(0, 15, hop), 15]
    windows = np.stack([sequence[start : start + 5] for start in starts])
    np.testing.assert_allclose(geometry.overlap_add(windows, starts, 20), sequence, atol=1e-12)


def test_uncovered_frames_are_refused():
    with pytest.raises(UsageError, match="uncovered"):
        geometry.overlap_add(np.zeros((1, 5, 2)), [0], 6)


def test_points_along_a_line_are_evenly_spaced_and_keep_its_ends():
    from mead_manip.geometry import points_along

    line = np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 1.0]])
    points = points_along(line, 5)
    assert np.allclose(points, [[0, 0], [1, 0], [2, 0], [3, 0], [3, 1]])


def test_a_rise_is_flat_at_its_ends_half_way_in_the_middle_and_falls_the_other_way_round():
    values = np.linspace(-1, 3, 401)
    up = geometry.rise(values, 0.0, 2.0)
    assert up[values <= 0].max() == 0 and up[values >= 2].min() == 1 and geometry.rise(1.0, 0.0, 2.0) == 0.5
    assert (np.diff(up) >= 0).all() and np.diff(up).max() < 1.6 * 0.01 / 2
    assert np.allclose(geometry.rise(values, 2.0, 0.0), 1 - up)
