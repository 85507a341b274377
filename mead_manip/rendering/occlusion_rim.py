"""A rough share of what lies in front + the picture -> one that ends where the picture's colours do."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

RADIUS = 8  # pixels in which the rim is looked for
SMOOTH = 2e-3  # variance of likeness that is noise
BESIDE = 10  # pixels around, whose colour is compared
ALIKE = 0.05  # of full brightness: colours this near cannot be told apart
FADE = (0.2, 0.8)  # of the filtered share: not in front; in front

Share = Float32[np.ndarray, "height width"]


def refined(share: Share, picture: UInt8[np.ndarray, "height width rgb=3"]) -> Share:
    """Fit a share to the picture: a guided filter (He et al. 2010) along the colour that sets it apart.

    Where its colour is that of the surroundings it stays as it is.
    """
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * BESIDE + 1, 2 * BESIDE + 1))
    beside = np.maximum(cv2.dilate(share, disc) - share, 0)
    colours = picture.astype(np.float32) / np.float32(255)
    within, around = _mean(colours, share), _mean(colours, beside)
    axis = within - around
    if float(np.linalg.norm(axis)) < ALIKE:
        return share
    guide = np.clip((colours - around) @ (axis / (axis @ axis)), -0.5, 1.5).astype(np.float32)
    mean, target = _box(guide), _box(share)
    slope = (_box(guide * share) - mean * target) / (_box(guide * guide) - mean * mean + np.float32(SMOOTH))
    filtered = _box(slope) * guide + _box(target - slope * mean)
    low, high = FADE
    return np.clip((filtered - low) / (high - low), 0, 1).astype(np.float32)


def _mean(colours: Float32[np.ndarray, "height width rgb=3"], weight: Share) -> Float32[np.ndarray, " rgb=3"]:
    total = (colours * weight[..., None]).sum(axis=(0, 1))
    return (total / max(float(weight.sum()), 1e-6)).astype(np.float32)


def _box(values: Share) -> Share:
    return cv2.boxFilter(values, -1, (2 * RADIUS + 1, 2 * RADIUS + 1))
