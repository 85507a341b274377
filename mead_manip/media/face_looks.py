"""How a face looks, so that it is known again after a gap or a cut: local binary patterns of the aligned face.

Ahonen, Hadid and Pietikaeinen, "Face description with local binary patterns", PAMI 2006: histograms of uniform patterns
over a grid of cells, compared by chi-square. Only from the brows to the nose: the mouth is what expressions move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from jaxtyping import Float, Float32, Int, UInt8

from mead_manip.errors import UsageError
from mead_manip.geometry import invert_affine, umeyama
from mead_manip.media.face_crops import crop_squares, cut_crop, face_box
from mead_manip.media.images import encode

SIDE = 96  # px of an aligned face
PICTURE = 128  # px
_RADIUS = 3  # px: coarse patterns survive compression and blur
_CELLS = 6  # a side
_ROWS = 4  # of cells that count, from above
_PATTERNS = 59  # 58 uniform ones (at most two changes around the circle) and one for all others
# Eyes, tip of the nose and corners of the mouth, as shares of the side.
_ANCHORS = np.array([[0.35, 0.42], [0.65, 0.42], [0.5, 0.6], [0.38, 0.76], [0.62, 0.76]])
# Of chi-square. Halves of one real clip stay below .10 (.27 where a hand covers the face), neutral and smiling
# photographs of a person below .15 in 95 of 100; two people of one studio come to .23, two of a set of 70 to .21.
_TWO_PEOPLE = 0.18


@dataclass(frozen=True)
class Look:
    """One look at a face."""

    histogram: Float32[np.ndarray, " bin"]
    picture: bytes  # JPEG of the head, PICTURE px square, to be looked at


def look_at(frame: UInt8[np.ndarray, "height width 3"], landmarks_px: Float[np.ndarray, "68 2"]) -> Look:
    """Align a face and describe it."""
    side_from_frame = _side_from_frame(landmarks_px.astype(np.float64))
    aligned = cut_crop(frame, invert_affine(side_from_frame), SIDE)
    grey = cv2.GaussianBlur(cv2.cvtColor(aligned, cv2.COLOR_RGB2GRAY), (0, 0), 1.0)
    head = cut_crop(frame, crop_squares(face_box(landmarks_px)[None], PICTURE)[0], PICTURE)
    return Look(_histogram(grey), encode(head, quality=90))


def unlike(a: Sequence[Look], b: Sequence[Look]) -> Float32[np.ndarray, "a b"]:
    """Compare looks, each with each: below 1 they are of one person, above of two."""
    here = np.stack([look.histogram for look in a])[:, None]
    there = np.stack([look.histogram for look in b])[None]
    apart = 0.5 * ((here - there) ** 2 / (here + there + 1e-9)).sum(-1)
    return (apart / (_CELLS * _ROWS * _TWO_PEOPLE)).astype(np.float32)


def _side_from_frame(landmarks: Float[np.ndarray, "68 2"]) -> Float[np.ndarray, "2 3"]:
    eyes = landmarks[36:42].mean(0), landmarks[42:48].mean(0)
    try:
        return umeyama(np.stack([*eyes, *landmarks[[30, 48, 54]]]), _ANCHORS * SIDE)
    except UsageError:  # all in one point: a face too small to look like anything
        return np.array([[1.0, 0.0, SIDE / 2], [0.0, 1.0, SIDE / 2]])


def _histogram(grey: UInt8[np.ndarray, "side side"]) -> Float32[np.ndarray, " bin"]:
    """Count the uniform patterns in each cell; every cell's counts sum to 1."""
    r, size = _RADIUS, SIDE - 2 * _RADIUS
    middle = grey[r:-r, r:-r]
    code = np.zeros((size, size), np.intp)
    for bit, (dy, dx) in enumerate([(-r, -r), (-r, 0), (-r, r), (0, r), (r, r), (r, 0), (r, -r), (0, -r)]):
        code |= (grey[r + dy : r + dy + size, r + dx : r + dx + size] >= middle).astype(np.intp) << bit
    cell = np.arange(size) * _CELLS // size
    bins = (cell[:, None] * _CELLS + cell[None, :]) * _PATTERNS + _uniform()[code]
    counts = np.bincount(bins.ravel(), minlength=_CELLS * _CELLS * _PATTERNS).reshape(_CELLS, -1, _PATTERNS)
    kept = counts[:_ROWS].reshape(-1, _PATTERNS).astype(np.float32)
    return (kept / kept.sum(1, keepdims=True)).ravel()


@cache
def _uniform() -> Int[np.ndarray, " code"]:
    """Number the patterns: uniform ones from 1, all others 0."""
    changes = [(code ^ ((code >> 1) | ((code & 1) << 7))).bit_count() for code in range(256)]
    table, number = np.zeros(256, np.intp), 0
    for code, count in enumerate(changes):
        if count <= 2:
            number += 1
            table[code] = number
    return table
