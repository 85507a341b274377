"""Lids that move -> the eye between them, which does not.

An eyeball stays where it is while lids slide over it. Between new lids the motion of the lids fades, so that lashes and
the shadow under them go along and iris and white are the source's own.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from mead_manip.geometry import rise

EYES = (slice(36, 42), slice(42, 48))  # iBUG-68
BAND = 0.25  # of the height of the opening: how far the motion of a lid reaches onto the eye at least
PER_TRAVEL = 3.0  # and so many times as far as a lid draws back: a steeper fade would fold


def still_eyes(
    motion: Float32[np.ndarray, "h w 2"],
    covered: Bool[np.ndarray, "h w"],
    new_landmarks: Float32[np.ndarray, "68 2"],
) -> Float32[np.ndarray, "h w 2"]:
    """Return the motion with that of eyes, which were filled in from their lids, taken out."""
    motion = motion.copy()
    for eye in EYES:
        _hold(motion, covered, new_landmarks[eye])
    return motion


def opening_of(
    lids: Float32[np.ndarray, "6 2"], covered: Bool[np.ndarray, "h w"]
) -> tuple[tuple[int, int, int, int], UInt8[np.ndarray, "_ _"]] | None:
    """Return a rectangle about an eye and which of its pixels are between the lids; None where none are."""
    height, width = covered.shape
    x0, y0 = np.maximum(np.floor(lids.min(axis=0)).astype(int) - 2, 0).tolist()
    x1, y1 = np.minimum(np.ceil(lids.max(axis=0)).astype(int) + 3, (width, height)).tolist()
    if x1 - x0 < 4 or y1 - y0 < 4:
        return None
    opening = np.zeros((y1 - y0, x1 - x0), np.uint8)
    cv2.fillConvexPoly(opening, np.rint(lids - (x0, y0)).astype(np.int32), 1)
    opening = cv2.dilate(opening, np.ones((3, 3), np.uint8)) & ~covered[y0:y1, x0:x1]
    return ((x0, y0, x1, y1), opening) if opening.any() else None


def _hold(
    motion: Float32[np.ndarray, "h w 2"], covered: Bool[np.ndarray, "h w"], lids: Float32[np.ndarray, "6 2"]
) -> None:
    """Fade the motion between the lids of one eye, in place."""
    found = opening_of(lids, covered)
    if found is None:
        return
    (x0, y0, x1, y1), opening = found
    part = motion[y0:y1, x0:x1]
    distance = cv2.distanceTransform(np.pad(opening, 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    # Lids that draw back take what is below them from further in; only that can fold.
    down, along = np.gradient(distance)
    rim = (distance > 0) & (distance < 2.5)
    drawn_back = float((part[..., 0] * along + part[..., 1] * down)[rim].max(initial=0.0))
    apart = float(np.linalg.norm(lids[[1, 2]] - lids[[5, 4]], axis=1).mean())
    share = rise(distance, max(BAND * apart, PER_TRAVEL * drawn_back, 1.0), 0.0)
    part *= np.where(opening > 0, share, np.float32(1.0))[..., None].astype(np.float32)
