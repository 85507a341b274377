"""Skin that leaves a fold -> smooth skin: the fold's shade goes with the fold.

A grin presses the cheek against the upper lip. Where an edit takes the grin away, the few dark pixels of the fold are
stretched over skin that now lies open: they are lifted to the brightness of the skin beside the fold. And a head's
triangles are coarse for a fold, in which they all but close or even turn over: the stretch is shared with the skin
around, or the fold's line would come back torn along their edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import cv2
import numpy as np
from jaxtyping import Float32, UInt8
from numba import njit

from mead_manip.geometry import rise
from mead_manip.rendering.face_zone import interocular

CELLS = 60  # to an inter-ocular distance, at most: folds are told at this resolution
# Lengths are in inter-ocular distances.
SHARED = 0.05  # standard deviation of the blur that shares a stretch with the skin around
LINE = 0.13  # a fold's shade is narrower than this
SKIN = 0.02  # standard deviation of the blur of skin without folds: it has no pores either
DETAIL = 0.01  # and of the blur by which finer detail outlives a lift
OPENED = (0.9, 0.4)  # old over new length across a fold: nothing has opened yet; all of its shade goes
# iBUG-68: parts that keep their dark lines, up to how far around them, and from where on skin is free.
KEPT = (
    ([*range(31, 36), *range(48, 60)], 0.02, 0.06),  # lips, and what grows between them and the nose
    ([*range(28, 36)], 0.03, 0.08),  # nose
    ([*range(36, 42)], 0.12, 0.2),  # eyes
    ([*range(42, 48)], 0.12, 0.2),
)
OUTLINE = [*range(1, 16), 28]  # jaw and bridge of the nose
RIM = 0.15  # the weight of skin grows so far into the face from its outline


@dataclass(frozen=True)
class Cheeks:
    """Where folds are looked for: a box of the picture, divided into cells."""

    box: tuple[slice, slice]
    weight: Float32[np.ndarray, "rows columns"]  # 1 skin that folds may leave; 0 lips, nose, eyes and what is no face
    cell: float  # pixels
    unit: float  # cells to an inter-ocular distance


def cheeks_of(landmarks: Float32[np.ndarray, "68 2"], size: tuple[int, int]) -> Cheeks:
    """Weigh the skin around mouth and nose in a picture of (height, width)."""
    apart = interocular(landmarks)
    cell = max(apart / CELLS, 1.0)
    outline = landmarks[OUTLINE]
    low = np.clip(np.floor(outline.min(axis=0)).astype(int), 0, size[::-1])
    high = np.clip(np.ceil(outline.max(axis=0)).astype(int) + 1, low, size[::-1])
    box = (slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0])))
    columns, rows = np.maximum(np.rint((high - low) / cell).astype(int), 2)
    if (high - low < 2).any():
        return Cheeks(box, np.zeros((rows, columns), np.float32), cell, apart / cell)

    def drawn(points: Float32[np.ndarray, "corner 2"], inside: int) -> Float32[np.ndarray, "rows columns"]:
        """Give the distance to what is 0: the hull of points, or all but it."""
        hull = np.rint((cv2.convexHull(points)[:, 0] - low) / cell).astype(np.int32)
        mask = np.full((rows, columns), 1 - inside, np.uint8)
        cv2.fillConvexPoly(mask, hull, inside)
        return cv2.distanceTransform(mask, cv2.DIST_L2, 5) * np.float32(cell / apart)

    weight = rise(drawn(outline, 1), 0.0, RIM).astype(np.float32)
    for part, kept, free in KEPT:
        weight *= rise(drawn(landmarks[part], 0), kept, free)
    return Cheeks(box, weight, cell, apart / cell)


def share_stretch(motion: Float32[np.ndarray, "h w 2"], cheeks: Cheeks) -> None:
    """Spread the stretch of folds that open over the skin beside them, in place."""
    if not cheeks.weight.any():
        return
    part = motion[cheeks.box]
    coarse = _resized(part, cheeks.weight.shape)
    sigma = SHARED * cheeks.unit
    share = cheeks.weight * _around(_opened(coarse, cheeks.cell), sigma)
    if share.any():
        smooth = cv2.GaussianBlur(coarse, (0, 0), sigma)
        _blend(part, _resized(smooth, part.shape[:2]), _resized(share, part.shape[:2]))


def lift_shades(
    looked_up: UInt8[np.ndarray, "h w 3"],
    source: UInt8[np.ndarray, "h w 3"],
    motion: Float32[np.ndarray, "h w 2"],
    ratio: Float32[np.ndarray, "h w"],
    cheeks: Cheeks,
) -> UInt8[np.ndarray, "h w 3"]:
    """Lift what `motion` looked up in dark folds of `source` and stretched, in place; return it.

    Pixels are yet to be multiplied by `ratio`, which brightens what turns to the light. The skin beside a fold, which
    lends its brightness, is in the light already: there the ratio sinks to 1, in place.
    """
    if not cheeks.weight.any():
        return looked_up
    coarse = _resized(motion[cheeks.box], cheeks.weight.shape)
    amount = cheeks.weight * _around(_opened(coarse, cheeks.cell), SKIN * cheeks.unit)
    if amount.any():
        part = looked_up[cheeks.box]
        skin = _blurred(_shrunk(part, cheeks.weight.shape), DETAIL * cheeks.unit)
        light = ratio[cheeks.box]
        light -= np.maximum(light - 1, 0) * _resized(amount, light.shape)
        # A shade is taken out of each channel by itself, for it is redder than the skin beside it.
        shade = cv2.subtract(_without_shades(source, coarse, cheeks), skin)
        lift = np.rint(shade * amount[..., None]).astype(np.uint8)
        part[:] = cv2.add(part, cv2.resize(lift, part.shape[1::-1], interpolation=cv2.INTER_LINEAR))
    return looked_up


def _without_shades(
    source: UInt8[np.ndarray, "h w 3"], motion: Float32[np.ndarray, "rows columns 2"], cheeks: Cheeks
) -> UInt8[np.ndarray, "rows columns 3"]:
    """Close the narrow dark lines of `source` (morphologically) and look the cells up in what is left."""
    ys, xs = cheeks.box
    margin = int(np.abs(motion).max()) + 1
    top, left = max(ys.start - margin, 0), max(xs.start - margin, 0)
    beside = source[top : ys.stop + margin, left : xs.stop + margin]
    height, width = (max(round(side / cheeks.cell), 2) for side in beside.shape[:2])
    to_small = np.array([width / beside.shape[1], height / beside.shape[0]])
    small = _blurred(_shrunk(beside, (height, width)), SKIN * cheeks.unit)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(LINE / 2 * cheeks.unit) + 1,) * 2)
    closed = _blurred(cv2.morphologyEx(small, cv2.MORPH_CLOSE, disc), SKIN * cheeks.unit)
    rows, columns = cheeks.weight.shape
    across = (np.arange(columns) + 0.5) * (xs.stop - xs.start) / columns + xs.start - left
    down = (np.arange(rows) + 0.5) * (ys.stop - ys.start) / rows + ys.start - top
    places = (motion + np.stack(np.meshgrid(across, down), axis=-1)) * to_small - 0.5
    return cv2.remap(closed, places.astype(np.float32), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _opened(motion: Float32[np.ndarray, "rows columns 2"], cell: float) -> Float32[np.ndarray, "rows columns"]:
    """Tell how far skin was pressed together: by the least length in the old picture of a step in the new."""
    steps = motion / np.float32(cell)
    down, along = np.asarray(np.gradient(steps, axis=0)), np.asarray(np.gradient(steps, axis=1))
    a, b, c, d = along[..., 0] + 1, down[..., 0], along[..., 1], down[..., 1] + 1
    # The smaller singular value of the Jacobian of places; skin that lies turned over has no length left.
    half, area = 0.5 * (a * a + b * b + c * c + d * d), np.maximum(a * d - b * c, 0.0)
    least = np.sqrt(np.maximum(half - np.sqrt(np.maximum(half * half - area * area, 0.0)), 0.0))
    return rise(least, *OPENED).astype(np.float32)


def _around(amount: Float32[np.ndarray, "rows columns"], sigma: float) -> Float32[np.ndarray, "rows columns"]:
    """Carry an amount to the skin around, smoothly."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(sigma) + 1,) * 2)
    return cv2.GaussianBlur(cv2.dilate(amount, disc), (0, 0), sigma)


def _blurred(picture: UInt8[np.ndarray, "h w 3"], sigma: float) -> UInt8[np.ndarray, "h w 3"]:
    return cv2.GaussianBlur(picture, (0, 0), sigma)


def _shrunk(picture: UInt8[np.ndarray, "h w 3"], size: tuple[int, int]) -> UInt8[np.ndarray, "rows columns 3"]:
    return cv2.resize(picture, (size[1], size[0]), interpolation=cv2.INTER_AREA)


def _resized(values: Float32[np.ndarray, "h w *c"], size: tuple[int, int]) -> Float32[np.ndarray, "rows columns *c"]:
    return cv2.resize(values, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)


@njit(cache=True, nogil=True)
@no_type_check
def _blend(motion: np.ndarray, smooth: np.ndarray, share: np.ndarray) -> None:
    for y in range(motion.shape[0]):
        for x in range(motion.shape[1]):
            if share[y, x] > 0:
                for k in range(2):
                    motion[y, x, k] += share[y, x] * (smooth[y, x, k] - motion[y, x, k])
