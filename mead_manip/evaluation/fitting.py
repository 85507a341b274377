"""How near landmarks, poses and coefficients come to a truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32

from mead_manip.geometry import matrix_from_axis_angle

MOVES = 0.01  # standard deviation below which a unit counts as at rest: no correlation is defined on rest


def landmark_error(
    found_px: Float[np.ndarray, "frame 68 2"], truth_px: Float[np.ndarray, "frame 68 2"]
) -> Float[np.ndarray, " frame"]:
    """Return the mean distance over the 68 points, in true inter-ocular distances (outer eye corners; 300-W)."""
    eyes = np.linalg.norm(truth_px[:, 36] - truth_px[:, 45], axis=-1)
    return np.linalg.norm(found_px - truth_px, axis=-1).mean(axis=1) / eyes


def pose_error_degrees(
    found: Float32[np.ndarray, "frame 3"], truth: Float32[np.ndarray, "frame 3"]
) -> Float[np.ndarray, " frame"]:
    """Return the angle of the rotation that takes the found head pose to the true one (both axis-angle, radians)."""
    relative = np.swapaxes(matrix_from_axis_angle(found), -1, -2) @ matrix_from_axis_angle(truth)
    cosine = (np.trace(relative, axis1=-2, axis2=-1) - 1) / 2
    return np.rad2deg(np.arccos(np.clip(cosine, -1, 1)))


def coefficient_correlation(
    found: Sequence[Float32[np.ndarray, "_ coef"]], truth: Sequence[Float32[np.ndarray, "_ coef"]]
) -> Float[np.ndarray, " coef"]:
    """Return Pearson's correlation of every coefficient over the frames of all clips; NaN for one that is at rest."""
    u, v = np.concatenate(found).astype(np.float64), np.concatenate(truth).astype(np.float64)
    u, v = u - u.mean(axis=0), v - v.mean(axis=0)
    size_u, size_v = np.sqrt(np.square(u).mean(axis=0)), np.sqrt(np.square(v).mean(axis=0))
    moving = size_v > MOVES
    safe = np.where(moving, np.maximum(size_u * size_v, 1e-12), 1.0)
    return np.where(moving, (u * v).mean(axis=0) / safe, np.nan)
