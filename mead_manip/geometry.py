"""Similarity transforms, rotations, smoothing: numpy arrays only. Transforms are named target_from_source."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Shaped

from mead_manip.errors import UsageError

_TINY = 1e-12


def rise(value: Any, low: float, high: float) -> Any:
    """Climb from 0 at `low` to 1 at `high`, smoothly (3 x^2 - 2 x^3); falls where `low` is the larger. Any shape."""
    share = np.clip((value - low) / (high - low), 0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)


# ---- similarity and affine transforms -----------------------------------------------------------------------------


def umeyama(
    source: Float[np.ndarray, "point dim"],
    target: Float[np.ndarray, "point dim"],
    weights: Float[np.ndarray, " point"] | None = None,
) -> Float[np.ndarray, "dim dim+1"]:
    """Give the least-squares similarity (scale, rotation, translation; no mirror) target_from_source.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns", PAMI 1991.
    """
    weights = np.ones(len(source)) if weights is None else weights
    share = (weights / weights.sum())[:, None]
    source_mean, target_mean = (share * source).sum(0), (share * target).sum(0)
    source_centred, target_centred = source - source_mean, target - target_mean
    variance = float((share * source_centred**2).sum())
    if not variance > _TINY:
        raise UsageError("a similarity from points that coincide", expected="at least two distinct points")
    u, sizes, vt = np.linalg.svd((share * target_centred).T @ source_centred)
    signs = np.ones(source.shape[1])
    signs[-1] = np.sign(np.linalg.det(u @ vt)) or 1.0
    linear = (sizes * signs).sum() / variance * (u * signs) @ vt
    return np.concatenate([linear, (target_mean - linear @ source_mean)[:, None]], axis=1).astype(source.dtype)


def transform_points(
    target_from_source: Float[np.ndarray, "dim dim+1"], points: Float[np.ndarray, "*batch dim"]
) -> Float[np.ndarray, "*batch dim"]:
    """Apply an affine transform to points."""
    return points @ target_from_source[:, :-1].T + target_from_source[:, -1]


def invert_affine(b_from_a: Float[np.ndarray, "dim dim+1"]) -> Float[np.ndarray, "dim dim+1"]:
    """Give a_from_b."""
    linear = np.linalg.inv(b_from_a[:, :-1])
    return np.concatenate([linear, -linear @ b_from_a[:, -1:]], axis=1)


def compose_affine(
    c_from_b: Float[np.ndarray, "dim dim+1"], b_from_a: Float[np.ndarray, "dim dim+1"]
) -> Float[np.ndarray, "dim dim+1"]:
    """Give c_from_a."""
    linear = c_from_b[:, :-1] @ b_from_a[:, :-1]
    return np.concatenate([linear, c_from_b[:, :-1] @ b_from_a[:, -1:] + c_from_b[:, -1:]], axis=1)


def points_along(line: Float[np.ndarray, "corner dim"], count: int) -> Float[np.ndarray, "point dim"]:
    """Place `count` points evenly along a polygonal line, its ends included."""
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    at = np.linspace(0, length[-1], count)
    return np.stack([np.interp(at, length, column) for column in line.T], axis=1).astype(line.dtype)


# ---- rotations ----------------------------------------------------------------------------------------------------


def matrix_from_axis_angle(axis_angle: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3 3"]:
    """Give rotation matrices (Rodrigues) from axis-angle vectors in radians."""
    x, y, z = np.moveaxis(axis_angle, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*axis_angle.shape, 3)
    angle = np.linalg.norm(axis_angle, axis=-1)[..., None, None]
    # sin(a)/a and (1 - cos(a))/a^2, which numpy's sinc (of a/pi) keeps exact near 0.
    first = np.sinc(angle / np.pi)
    second = 0.5 * np.sinc(angle / (2 * np.pi)) ** 2
    matrix = np.eye(3) + first * cross + second * (cross @ cross)
    return matrix.astype(axis_angle.dtype)


def axis_angle_from_matrix(matrix: Float[np.ndarray, "*batch 3 3"]) -> Float[np.ndarray, "*batch 3"]:
    """Give axis-angle vectors with angles in [0, pi] from rotation matrices, through the largest quaternion part."""
    m = matrix.astype(np.float64)
    # Four times the outer product of the quaternion (x, y, z, w) with itself: any row is the quaternion, scaled.
    trace = m[..., 0, 0] + m[..., 1, 1] + m[..., 2, 2]
    outer = np.empty((*m.shape[:-2], 4, 4))
    outer[..., :3, :3] = m + np.swapaxes(m, -1, -2)
    for axis in range(3):
        outer[..., axis, axis] = 1 + 2 * m[..., axis, axis] - trace
    skew = np.stack([m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]], axis=-1)
    outer[..., :3, 3], outer[..., 3, :3], outer[..., 3, 3] = skew, skew, 1 + trace
    best = np.argmax(np.diagonal(outer, axis1=-2, axis2=-1), axis=-1)
    quaternion = np.take_along_axis(outer, best[..., None, None], axis=-2)[..., 0, :]
    quaternion = quaternion / np.linalg.norm(quaternion, axis=-1, keepdims=True)
    quaternion = np.where(quaternion[..., 3:] < 0, -quaternion, quaternion)
    sine = np.linalg.norm(quaternion[..., :3], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(sine, quaternion[..., 3:])
    factor = np.where(sine > _TINY, angle / np.maximum(sine, _TINY), 2.0)
    return (factor * quaternion[..., :3]).astype(matrix.dtype)


# ---- along time ---------------------------------------------------------------------------------------------------


def smooth(
    values: Float[np.ndarray, "frame *rest"], sigma: float, valid: Bool[np.ndarray, " frame"] | None = None
) -> Float[np.ndarray, "frame *rest"]:
    """Smooth along frames with a Gaussian of `sigma` frames: no delay, edges and invalid frames left out of the mean.

    Invalid frames get the mean of the valid ones around them; where none is near, they stay as they are.
    """
    if sigma <= 0 or len(values) == 0:
        return values.copy()
    weights = np.ones(len(values)) if valid is None else valid.astype(np.float64)
    radius = min(int(np.ceil(4 * sigma)), len(values) - 1)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    flat = values.reshape(len(values), -1).astype(np.float64)
    mass = _convolve(weights[:, None], kernel)
    mean = _convolve(flat * weights[:, None], kernel) / np.maximum(mass, _TINY)
    return np.where(mass > 1e-6, mean, flat).reshape(values.shape).astype(values.dtype)


def fill_invisible(
    values: Shaped[np.ndarray, "frame *rest"], visible: Bool[np.ndarray, " frame"]
) -> Shaped[np.ndarray, "frame *rest"]:
    """Repeat the nearest visible frame where there is none (the earlier one if both are as near)."""
    if not visible.any():
        return values.copy()
    seen = np.flatnonzero(visible)
    after = np.clip(np.searchsorted(seen, np.arange(len(values))), 0, len(seen) - 1)
    before = np.maximum(after - 1, 0)
    frames = np.arange(len(values))
    nearer = np.abs(seen[before] - frames) <= np.abs(seen[after] - frames)
    return values[np.where(nearer, seen[before], seen[after])]


def landmark_jitter(landmarks_px: Float[np.ndarray, "frame 68 2"]) -> float:
    """Give the mean second difference over time of iBUG-68 landmarks, in distances of the outer eye corners."""
    if len(landmarks_px) < 3:
        return 0.0
    size = np.linalg.norm(landmarks_px[1:-1, 45] - landmarks_px[1:-1, 36], axis=-1)
    bend = np.linalg.norm(np.diff(landmarks_px, 2, axis=0), axis=-1).mean(axis=1)
    return float((bend / np.maximum(size, _TINY)).mean())


def overlap_add(
    windows: Float[np.ndarray, "window length *rest"], starts: list[int], n_frames: int
) -> Float[np.ndarray, "frame *rest"]:
    """Average overlapping windows into one sequence of `n_frames`, each weighted by a triangle that is never 0."""
    length = windows.shape[1]
    triangle = np.minimum(np.arange(1, length + 1), np.arange(length, 0, -1)).astype(np.float64)
    total = np.zeros((n_frames, *windows.shape[2:]))
    mass = np.zeros(n_frames)
    for window, start in zip(windows, starts, strict=True):
        total[start : start + length] += window * triangle.reshape(-1, *[1] * (windows.ndim - 2))
        mass[start : start + length] += triangle
    if not (mass > 0).all():
        raise UsageError("windows leave frames uncovered", expected="windows over every frame")
    return (total / mass.reshape(-1, *[1] * (windows.ndim - 2))).astype(windows.dtype)


def _convolve(columns: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    return np.stack([np.convolve(column, kernel, mode="full") for column in columns.T], axis=1)[
        len(kernel) // 2 : len(kernel) // 2 + len(columns)
    ]
