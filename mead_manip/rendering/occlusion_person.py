"""Unwrapped frames of a shot -> how this face looks in it, and where a frame shows something else in front of it.

A face is a median and a spread of colour for every texel, after a smooth gain has taken out how light and shadow
differ from frame to frame. What departs from it strongly, over an area, is in front. Lips, eyes, brows and the folds
beside nose and mouth depart from it too: there much more is asked for. Hair, which no median describes, is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32

from mead_manip.rendering.occlusion_texture import SIDE, Known, Texels

ROUNDS = 3  # median and gains, in turn
NOISE = (0.1, 0.04, 0.04)  # of log luminance and log ratios: what departs by more counts less for the gain
SEEN = 0.3  # share of the frames that must show a texel
DARKER = 0.45  # log luminance below the median skin: hair, brows, beard
LIGHT, TINT = 0.28, 0.14  # departures of log luminance and of log ratios that say: not this skin
MOVING_LIGHT, MOVING_TINT = 0.6, 0.28  # more of them where a face moves by itself
SPREADS = 3.0  # or so many standard deviations of the texel, if that is more
FEATURE, FOLD = 0.10, 0.13  # inter-ocular distances: how far from brows, eyes and lips, and from folds, a face moves
HAIRLINE = 6  # texels below hair that may be hair in another frame
AROUND = 0.45  # of the way from what was departed to all of it: what belongs to something in front
LEAST, MOST = 0.012, 0.6  # share of the skin that is in front: specks are noise, and whole faces another light
CLOSED = 3  # texels: gaps that are closed

Share = Float32[np.ndarray, "row column"]


@dataclass(frozen=True)
class PersonModel:
    """A face in one shot."""

    median: Texels
    light: Share  # departure of log luminance that is in front
    tint: Share  # and of the log ratios
    skin: Known  # texels that can tell

    @classmethod
    def fitted(
        cls, frames: Sequence[tuple[Texels, Known]], region: Known, landmarks: Float32[np.ndarray, "68 2"]
    ) -> PersonModel:
        """Learn a face from some of its frames."""
        colours, seen = np.stack([f for f, _ in frames]), np.stack([s for _, s in frames])
        known = region & (seen.mean(axis=0) > SEEN)
        values = np.where(seen[..., None] & known[..., None], colours, np.float32(np.nan))
        gains = np.zeros_like(colours)
        median = _median(values)
        for _ in range(ROUNDS - 1):
            gains = np.stack([gain(f - median, s & known) for f, s in zip(colours, seen, strict=True)])
            median = _median(values - gains)
        spread = 1.4826 * _median(np.abs(values - gains - median))
        moving = moving_share(landmarks)
        light = np.maximum(LIGHT + MOVING_LIGHT * moving, SPREADS * spread[..., 0])
        tint = np.maximum(TINT + MOVING_TINT * moving, SPREADS * np.hypot(spread[..., 1], spread[..., 2]))
        return cls(median, light, tint, skin_of(median[..., 0], known, landmarks, moving))

    def front(self, colours: Texels, seen: Known) -> Bool[np.ndarray, "row column"]:
        """Tell which texels of a frame show something that lies in front of the face."""
        nothing = np.zeros((SIDE, SIDE), bool)
        use = seen & self.skin
        total = int(use.sum())
        if total < 0.2 * max(int(self.skin.sum()), 1):
            return nothing
        off = colours - self.median
        off = off - gain(off, use)
        # A texel beside a brow may show it: the fit is not that exact.
        light = self.median[..., 0]
        above, below = cv2.dilate(light, np.ones((3, 3))) - light, light - cv2.erode(light, np.ones((3, 3)))
        departed = np.maximum(np.maximum(off[..., 0] - above, -off[..., 0] - below), 0) / self.light
        departed = np.maximum(departed, np.hypot(off[..., 1], off[..., 2]) / self.tint)
        departed = cv2.GaussianBlur(np.where(use, departed, 0).astype(np.float32), (0, 0), 0.7)
        _, labels = cv2.connectedComponents((departed > AROUND).astype(np.uint8), connectivity=8)
        strong = np.bincount(labels[departed > 1], minlength=int(labels.max()) + 1)
        large = np.flatnonzero(strong > LEAST * total)
        found = np.isin(labels, large[large > 0])
        if not found.any() or (found & use).sum() > MOST * total:
            return nothing
        return found | (closed(found, CLOSED) & ~use)


def closed(found: Bool[np.ndarray, "row column"], radius: int) -> Bool[np.ndarray, "row column"]:
    """Close gaps."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return cv2.morphologyEx(found.astype(np.uint8), cv2.MORPH_CLOSE, disc) > 0


def gain(off: Texels, use: Known) -> Texels:
    """Give the smooth field (second order, each channel for itself) that explains most of a departure, robustly."""
    if use.sum() < 32:
        return np.zeros_like(off)
    basis = _BASIS[use]
    fields = []
    for channel, noise in enumerate(NOISE):
        value = off[..., channel][use]
        factor = np.zeros(basis.shape[1])
        factor[0] = np.median(value)
        for _ in range(5):
            weight = 1 / (1 + ((value - basis @ factor) / noise) ** 2)
            weighted = basis * weight[:, None]
            factor = np.linalg.solve(weighted.T @ basis + _RIDGE * len(value), weighted.T @ value)
        fields.append(_BASIS @ factor)
    return np.stack(fields, axis=-1).astype(np.float32)


def moving_share(landmarks: Float32[np.ndarray, "68 2"]) -> Share:
    """Tell how much a face moves by itself at every texel: brows, eyes, lips, the folds beside nose and mouth."""
    unit = float(np.linalg.norm(landmarks[36] - landmarks[45]))
    lines = [(a, a + 1) for a in (*range(17, 21), *range(22, 26), *range(36, 41), *range(42, 47), *range(48, 59))]
    features = [(landmarks[a], landmarks[b]) for a, b in (*lines, (41, 36), (47, 42), (59, 48))]
    folds = []
    for wing, corner, jaw in ((31, 48, 5), (35, 54, 11)):
        outer = landmarks[corner] + 0.35 * (landmarks[corner] - landmarks[57])
        lower = landmarks[corner] + 0.25 * (landmarks[jaw] - landmarks[corner])
        folds += [(landmarks[wing], outer), (outer, lower)]
    shares = [np.exp(-0.5 * (_distance(s) / (r * unit)) ** 2) for s, r in ((features, FEATURE), (folds, FOLD))]
    return np.maximum(*shares).astype(np.float32)


def skin_of(light: Share, known: Known, landmarks: Float32[np.ndarray, "68 2"], moving: Share) -> Known:
    """Tell which texels are plain skin of the face: no hair, nor what hair may cover in another frame."""
    brow = landmarks[[36, 45]] - [0, 0.9 * (landmarks[8] - landmarks[27])[1]]
    hull = cv2.convexHull(np.concatenate([landmarks, brow]).astype(np.float32))
    inside = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillConvexPoly(inside, np.rint(hull).astype(np.int32), 1)
    usual = float(np.median(light[known & (moving < 0.6)])) if (known & (moving < 0.6)).any() else 0.0
    dark = ~known | (np.where(known, light, -np.inf) < usual - DARKER)
    _, labels = cv2.connectedComponents(dark.astype(np.uint8), connectivity=8)
    hair = np.isin(labels, np.unique(labels[:2][dark[:2]])) & dark
    hair[round(float(landmarks[36:48, 1].mean())) + 2 :] = False
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * HAIRLINE + 1, 2 * HAIRLINE + 1))
    plain = cv2.erode((known & ~dark & (inside > 0)).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return plain & ~(cv2.dilate(hair.astype(np.uint8), disc) > 0)


def _median(values: Float[np.ndarray, "frame row column channel"]) -> Texels:
    """Give the median over frames; 0 where no frame has a value."""
    ordered = np.sort(values, axis=0)  # nan comes last
    count = np.isfinite(values).sum(axis=0)
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    high = np.minimum(high, np.maximum(count - 1, 0))
    pair = [np.take_along_axis(ordered, place[None], axis=0)[0] for place in (low, high)]
    return np.where(count > 0, (pair[0] + pair[1]) / 2, 0).astype(np.float32)


def _distance(segments: list[tuple[np.ndarray, np.ndarray]]) -> Float[np.ndarray, "row column"]:
    """Give the distance of every texel to the nearest of some segments, texels."""
    texels = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), axis=-1).astype(np.float64)
    nearest = np.full((SIDE, SIDE), np.inf)
    for start, end in segments:
        along = end - start
        share = np.clip(((texels - start) @ along) / max(float(along @ along), 1e-9), 0, 1)
        nearest = np.minimum(nearest, np.linalg.norm(texels - start - share[..., None] * along, axis=-1))
    return nearest


_X, _Y = np.meshgrid(np.linspace(-1, 1, SIDE), np.linspace(-1, 1, SIDE))
_BASIS = np.stack([np.ones_like(_X), _X, _Y, _X * _Y, _X * _X, _Y * _Y], axis=-1)
_RIDGE = 1e-4 * np.diag([0.0, 1, 1, 1, 1, 1])
