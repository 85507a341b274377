"""What an edit did to a video, frame for frame: emotion, person, speech, tremble, and the rest of the picture.

All but `identity` by `shape` and the coefficients' measures are taken from pixels. A measure that cannot be taken (the
jaw of somebody who is silent) is NaN, and is left out of means.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Int64, UInt8

from mead_manip.evaluation.fitting import coefficient_correlation
from mead_manip.models.lip_lock import closure
from mead_manip.rendering.face_zone import face_outline

DOUBT = 0.1  # variance of an identity coefficient that no statistics of people tell
CLOSED = 0.5  # of `closure`: from here on lips count as closed
REACH = 0.6  # inter-ocular distances about the face that belong to it

Rgb = UInt8[np.ndarray, "height width rgb=3"]
Mask = Bool[np.ndarray, "height width"]


@dataclass(frozen=True)
class Measures:
    """One edited face. Shares and probabilities are 0..1."""

    target_before: float  # mean probability of the target in the source
    target: float  # in the result
    top_before: float  # share of frames whose most probable emotion is the target, in the source
    top: float  # in the result
    identity: float  # similarity of the person, 1 is the same
    jaw: float  # correlation of the jaw's opening with the source's
    lips: float  # correlation of the gap between the lips with the source's
    closures: float  # share of the source's closures of the lips, open before and after, that the result closes too
    n_closures: float  # how many these are in the source
    jitter: float  # second differences of the coefficients, relative to the source's
    outside: float  # largest change of a pixel outside the face before encoding, in levels of 255
    psnr: float  # of the file outside the face against the source, dB: what the encoder did
    sharpness: float  # variance of the Laplacian in the face, relative to the source's


NAMES = tuple(field.name for field in dataclasses.fields(Measures))
LESS_IS_BETTER = ("jitter", "outside")


def means(rows: Sequence[Measures]) -> Measures:
    """Average what could be measured."""
    values = np.array([dataclasses.astuple(row) for row in rows], np.float64).reshape(len(rows), len(NAMES))
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=0)
    count = known.sum(axis=0)
    return Measures(*(float(t / n) if n else float("nan") for t, n in zip(total, count, strict=True)))


def missed(found: Measures, limits: Mapping[str, float]) -> dict[str, str]:
    """Give the limits that are not kept, and why. What was not measured keeps no limit."""
    broken = {}
    for name, limit in limits.items():
        value, most = getattr(found, name), name in LESS_IS_BETTER
        if not (value <= limit if most else value >= limit):
            broken[name] = (
                f"{value:.3f}, {'above' if most else 'below'} {limit:g}" if value == value else "not measured"
            )
    return broken


# ---- emotion -------------------------------------------------------------------------------------------------------


def target_shares(
    probability: Float[np.ndarray, "frame class"], target: Int64[np.ndarray, " frame"]
) -> tuple[float, float]:
    """Give the mean probability of each frame's target, and the share of frames where it is the most probable.

    Frames whose target is negative, or that were not seen (NaN), do not count.
    """
    rows = np.flatnonzero((target >= 0) & np.isfinite(probability).all(axis=1))
    if not rows.size:
        return float("nan"), float("nan")
    chosen = probability[rows, target[rows]]
    return float(chosen.mean()), float((probability[rows].argmax(axis=1) == target[rows]).mean())


# ---- the person ----------------------------------------------------------------------------------------------------


def cosine(a: Float[np.ndarray, "*row feature"], b: Float[np.ndarray, "*row feature"]) -> float:
    """Give the cosine of two vectors, or the mean over rows of several."""
    length = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    return float(((a * b).sum(axis=-1) / np.maximum(length, 1e-12)).mean())


def likeness(
    a: Float[np.ndarray, " identity"],
    b: Float[np.ndarray, " identity"],
    mean: Float[np.ndarray, " identity"],
    moment: Float[np.ndarray, "identity identity"],
) -> float:
    """Give the cosine of two heads about the mean of people, each direction as long as people differ in it.

    `moment` is the mean of x x^T over people. Without the mean everybody would be like everybody.
    """
    spread = np.linalg.cholesky(moment - np.outer(mean, mean) + DOUBT * np.eye(len(mean)))
    whitened = (np.linalg.solve(spread, (x - mean).astype(np.float64)) for x in (a, b))
    return cosine(*whitened)


# ---- speech and tremble --------------------------------------------------------------------------------------------


def movement_correlation(source: Float32[np.ndarray, " frame"], result: Float32[np.ndarray, " frame"]) -> float:
    """Give Pearson's correlation over frames; NaN where the source is at rest."""
    return float(coefficient_correlation([result[:, None]], [source[:, None]])[0])


def closures_kept(
    source_gap: Float32[np.ndarray, " frame"],
    result_gap: Float32[np.ndarray, " frame"],
    seen: Bool[np.ndarray, " frame"],
) -> tuple[int, int]:
    """Count closures of the source's lips that the result makes too, and all: open before, closed, open after.

    Lips that are closed where a clip or a shot of the face begins or ends say no bilabial sound, and are not counted.
    """
    closed = closure(source_gap) >= CLOSED
    kept = total = 0
    for start, stop in runs(closed & seen):
        if start == 0 or stop == len(closed) or not (seen[start - 1] and seen[stop]):
            continue
        total += 1
        kept += bool((closure(result_gap[start:stop]) >= CLOSED).any())
    return kept, total


def jitter_ratio(
    source: Float32[np.ndarray, "frame coef"],
    result: Float32[np.ndarray, "frame coef"],
    seen: Bool[np.ndarray, " frame"],
) -> float:
    """Give the mean absolute second difference of the result's coefficients relative to the source's."""
    whole = seen[:-2] & seen[1:-1] & seen[2:]
    if not whole.any():
        return float("nan")
    before, after = (float(np.abs(np.diff(coefs, n=2, axis=0)[whole]).mean()) for coefs in (source, result))
    return after / before if before > 1e-9 else float("nan")


def runs(mask: Bool[np.ndarray, " frame"]) -> list[tuple[int, int]]:
    """Give start and stop (excluded) of every run of true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(start), int(stop)) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


# ---- pixels --------------------------------------------------------------------------------------------------------


def face_mask(landmarks_px: Float[np.ndarray, "face 68 2"], size: tuple[int, int], reach: float = 0.0) -> Mask:
    """Mark the faces in a frame of (height, width): the hull of the landmarks and, with `reach`, what is about it.

    `reach` is in inter-ocular distances. With it the forehead belongs to the face, up to the hair and beyond.
    """
    mask = np.zeros(size, np.uint8)
    for points in landmarks_px.astype(np.float32):
        outline = face_outline(points) if reach > 0 else points
        hull = np.rint(cv2.convexHull(outline)).astype(np.int32)
        cv2.fillConvexPoly(mask, hull, 1)
        radius = round(reach * float(np.linalg.norm(points[36] - points[45])))
        if radius > 0:  # a pen of this size about the hull
            cv2.polylines(mask, [hull], isClosed=True, color=1, thickness=2 * radius + 1)
    return mask.astype(bool)


def sharpness(rgb: Rgb, mask: Mask) -> float:
    """Give the variance of the Laplacian of the brightness where the mask is set."""
    if not mask.any():
        return float("nan")
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    part = np.s_[max(y - 1, 0) : y + height + 1, max(x - 1, 0) : x + width + 1]
    grey = cv2.cvtColor(np.ascontiguousarray(rgb[part]), cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_32F)[mask[part]].var())


def squared_error(a: Rgb, b: Rgb, mask: Mask) -> tuple[float, int]:
    """Give the sum of squared differences where the mask is set, and of how many numbers."""
    return float(cv2.norm(a, b, cv2.NORM_L2SQR, mask.astype(np.uint8))), 3 * int(np.count_nonzero(mask))


def psnr(error: float, count: int) -> float:
    """Give the peak signal-to-noise ratio in dB of a sum of squared errors of levels; 100 where there is none."""
    if not count:
        return float("nan")
    return float(min(100.0, 10 * np.log10(255.0**2 / max(error / count, 1e-12))))
