"""Shadows, ambient directions and creases."""

import numpy as np
import pytest


def plane(z: float, half: float) -> np.ndarray:
    return np.array([[-half, -half, z], [half, -half, z], [half, half, z], [-half, half, z]], np.float32)


SQUARE = np.array([[0, 1, 2], [0, 2, 3]], np.int32)


@pytest.mark.parametrize("lowest", [-1.0, -0.35])
def test_directions_are_unit_and_spread(lowest: float) -> None:
    from mead_manip.rendering.light import sphere_directions

    directions = sphere_directions(200, lowest)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1.0, atol=1e-5)
    assert directions[:, 2].min() >= lowest
    np.testing.assert_allclose(directions.mean(0), [0, 0, (1 + lowest) / 2], atol=0.02)


@pytest.mark.parametrize("direction", [(0, 0, 1), (0, 1, 0), (0.6, 0, 0.8), (0, 0.96, 0.28), (-0.6, 0.64, 0.48)])
def test_a_plate_casts_its_shadow_away_from_the_light(direction: tuple) -> None:
    from mead_manip.rendering.light import visibility_of

    light = np.array([direction], np.float32)
    light /= np.linalg.norm(light)
    right = np.cross([0.3, 1.0, 0.1], light[0])
    right /= np.linalg.norm(right)
    up = np.cross(light[0], right)
    plate = np.stack(
        [0.5 * light[0] + a * right + b * up for a, b in ((-0.4, -0.4), (0.4, -0.4), (0.4, 0.4), (-0.4, 0.4))]
    )
    points = np.stack([-0.5 * light[0], -0.5 * light[0] + 0.8 * right, 0.9 * light[0], 0.5 * light[0]])
    vertices = np.concatenate([plate, points]).astype(np.float32)
    seen = visibility_of(vertices, SQUARE, light, reach_dm=2.0, resolution=96, bias_dm=0.05)
    np.testing.assert_allclose(seen[0, 4:], [0.0, 1.0, 1.0, 1.0], atol=0.01)


def test_outside_the_map_is_lit() -> None:
    from mead_manip.rendering.light import visibility_of

    vertices = np.concatenate([plane(0.0, 9.0), [[8.0, 8.0, -1.0]]]).astype(np.float32)
    light = np.array([[0, 0, 1]], np.float32)
    assert visibility_of(vertices, SQUARE, light, reach_dm=2.0, resolution=32, bias_dm=0.05)[0, 4] == 1.0


def test_compression_measures_the_smaller_stretch_and_ignores_rotation() -> None:
    from mead_manip.rendering.creases import compression, rest_frames

    rest = plane(0.0, 1.0) * np.array([1.3, 0.7, 1.0], np.float32)
    frames = rest_frames(rest, SQUARE)
    turn = np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]], np.float32)
    for factors, expected in (((1, 1), 0.0), ((0.7, 1), 0.3), ((1.4, 0.8), 0.2), ((1.2, 1.1), 0.0)):
        now = rest * np.array([*factors, 1.0], np.float32) @ turn.T
        np.testing.assert_allclose(compression(now.astype(np.float32), SQUARE, frames), expected, atol=1e-3)


def test_degenerate_rest_triangle_is_harmless() -> None:
    from mead_manip.rendering.creases import compression, rest_frames

    rest = np.zeros((4, 3), np.float32)
    pressed = compression(plane(0.0, 1.0), SQUARE, rest_frames(rest, SQUARE))
    assert np.isfinite(pressed).all()
