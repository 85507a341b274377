"""What a fit leaves over at the landmarks, spread over the mesh."""

import numpy as np
import pytest


@pytest.fixture
def points():
    rng = np.random.default_rng(0)
    landmarks = rng.uniform(80, 200, (68, 2)).astype(np.float32)
    return landmarks, landmarks + rng.normal(0, 3, (68, 2)).astype(np.float32)


def test_vertices_at_landmarks_go_most_of_the_way(points):
    from mead_manip.rendering.alignment import USED, residual_offsets

    landmarks, _ = points
    shift = residual_offsets(landmarks[USED], landmarks, landmarks + np.float32([4, -2]))
    assert np.allclose(shift, [4, -2], atol=1e-4)


def test_it_is_shepard_s_mean_and_dies_away(points):
    from mead_manip.rendering.alignment import FADE, SOFTNESS, USED, residual_offsets

    landmarks, detected = points
    vertices = np.random.default_rng(1).uniform(0, 300, (200, 3)).astype(np.float32)
    scale = np.linalg.norm(landmarks[36] - landmarks[45])
    square = np.square(vertices[:, None, :2] - landmarks[USED][None]).sum(axis=2) / scale**2
    weight = (square + SOFTNESS**2) ** -1.5
    fade = np.clip(1 - np.sqrt(square.min(axis=1)) / FADE, 0, 1)
    expected = (weight @ (detected - landmarks)[USED]) / weight.sum(axis=1, keepdims=True)

    found = residual_offsets(vertices, landmarks, detected)
    assert np.allclose(found, expected * (fade * fade * (3 - 2 * fade))[:, None], atol=1e-3)
    assert not residual_offsets(vertices + 5000, landmarks, detected).any()
