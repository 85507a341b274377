"""Detected landmarks + a fitted mesh -> the mesh, nudged onto the pixels.

A linear head never fits a real face exactly. A warp that moves "the upper lip" must find it where the image has it, so
what the fit leaves over at the landmarks is spread over the mesh before the warp.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

USED = np.arange(17, 68)  # contour points slide along the jaw: their residual says little about any one vertex
SOFTNESS = 0.05  # inter-ocular distances: landmarks nearer than this share their residual
FADE = 0.7  # inter-ocular distances from the nearest landmark at which the correction has died away


def residual_offsets(
    vertices_px: Float32[np.ndarray, "vertex 3"],
    mesh_landmarks: Float32[np.ndarray, "68 2"],
    detected: Float32[np.ndarray, "68 2"],
) -> Float32[np.ndarray, "vertex 2"]:
    """Return the shift of each vertex, pixels, that carries the mesh's landmarks near the detected ones.

    Inverse-distance weights (Shepard 1968): smooth between landmarks, nothing far from all of them.
    """
    centres = mesh_landmarks[USED]
    residual = detected[USED] - centres
    scale = max(float(np.linalg.norm(mesh_landmarks[36] - mesh_landmarks[45])), 1e-6)
    square = (
        np.square(vertices_px[:, None, 0] - centres[None, :, 0])
        + np.square(vertices_px[:, None, 1] - centres[None, :, 1])
    ) / scale**2
    weight = (square + SOFTNESS**2) ** -1.5
    shift = (weight @ residual) / weight.sum(axis=1, keepdims=True)
    fade = np.clip(1.0 - np.sqrt(square.min(axis=1)) / FADE, 0.0, 1.0)
    return (shift * (fade * fade * (3 - 2 * fade))[:, None]).astype(np.float32)
