"""Detected landmarks + a fitted mesh -> the mesh, nudged onto the pixels.

A linear head never fits a real face exactly. A warp that moves "the upper lip" must find it where the image has it, so
what the fit leaves over at the landmarks is spread over the mesh before the warp.
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np
from jaxtyping import Float32
from numba import njit

from mead_manip.rendering.face_zone import interocular

USED = np.arange(17, 68)  # contour points slide along the jaw: their residual says little about any one vertex
SOFTNESS = 0.05  # inter-ocular distances: landmarks nearer than this share their residual
FADE = 0.7  # inter-ocular distances from the nearest landmark at which the correction has died away


def residual_offsets(
    vertices_px: Float32[np.ndarray, "vertex _"],
    mesh_landmarks: Float32[np.ndarray, "68 2"],
    detected: Float32[np.ndarray, "68 2"],
) -> Float32[np.ndarray, "vertex 2"]:
    """Return the shift of each vertex, pixels, that carries the mesh's landmarks near the detected ones.

    Inverse-distance weights (Shepard 1968): smooth between landmarks, nothing far from all of them.
    """
    centres = np.ascontiguousarray(mesh_landmarks[USED])
    scale = interocular(mesh_landmarks)
    shift = np.empty((len(vertices_px), 2), np.float32)
    _spread(vertices_px, centres, np.ascontiguousarray(detected[USED] - centres), np.float32(1 / scale**2), shift)
    return shift


# ---- kernels ---------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True, fastmath=True)
@no_type_check
def _spread(
    vertices: np.ndarray, centres: np.ndarray, residual: np.ndarray, per_square: float, shift: np.ndarray
) -> None:
    """Fill the weighted mean of the residuals at every vertex, times what the distance leaves of it."""
    zero, one, three = np.float32(0.0), np.float32(1.0), np.float32(3.0)
    for vertex in range(vertices.shape[0]):
        total, x, y, nearest = zero, zero, zero, np.float32(3e38)
        for centre in range(centres.shape[0]):
            dx, dy = vertices[vertex, 0] - centres[centre, 0], vertices[vertex, 1] - centres[centre, 1]
            square = (dx * dx + dy * dy) * per_square
            nearest = min(nearest, square)
            soft = square + np.float32(SOFTNESS * SOFTNESS)
            weight = one / (soft * np.sqrt(soft))
            total += weight
            x += weight * residual[centre, 0]
            y += weight * residual[centre, 1]
        fade = min(max(one - np.sqrt(nearest) / np.float32(FADE), zero), one)
        fade = fade * fade * (three - np.float32(2.0) * fade) / total
        shift[vertex, 0] = x * fade
        shift[vertex, 1] = y * fade
