"""Where the pupils are, read off the pixels between the eyelids, for landmark detectors that do not tell.

The iris is a dark disc of known size between the lids. Its place is sought where such a disc, as far as the lids leave
it free, is darkest against what is around it. An eye that is nearly closed shows none: there the place in the eye is
carried on from the frames around.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from mead_manip.geometry import invert_affine, transform_points, umeyama

EYES = (slice(36, 42), slice(42, 48))  # the subject's right, left
_WIDTH, _HEIGHT = 48, 32  # px of the patch in which an eye is looked at
_CORNERS = np.array([[8.0, 16.0], [40.0, 16.0]])  # where those of the eye lie in it
_IRIS = 6.4  # px, radius
OPEN = 0.13  # height between the lids / width: below, nothing is seen of the pupil


def find_pupils(
    frame: UInt8[np.ndarray, "height width 3"], landmarks_px: Float[np.ndarray, "68 2"]
) -> Float32[np.ndarray, "eye=2 2"]:
    """Give both pupils in frame px; NaN for a closed eye."""
    return np.stack([_find(frame, landmarks_px[eye].astype(np.float64)) for eye in EYES]).astype(np.float32)


def openness(eye_px: Float[np.ndarray, "6 2"]) -> float:
    """Give height / width of an eye from its six landmarks (Soukupova and Cech's eye aspect ratio)."""
    lids = np.linalg.norm(eye_px[[1, 2]] - eye_px[[5, 4]], axis=1).mean()
    return float(lids / max(np.linalg.norm(eye_px[3] - eye_px[0]), 1e-6))


def bridge_pupils(
    pupils_px: Float32[np.ndarray, "frame eye=2 2"], landmarks_px: Float32[np.ndarray, "frame 68 2"]
) -> Float32[np.ndarray, "frame eye=2 2"]:
    """Fill what is NaN: between the places in the eye before and after; the middle where an eye is never open."""
    out = pupils_px.copy()
    frames = np.arange(len(out))
    for k, eye in enumerate(EYES):
        origin, axes = _eye_axes(landmarks_px[:, eye].astype(np.float64))
        known = np.isfinite(out[:, k, 0])
        place = np.zeros((len(out), 2))
        if known.any():
            seen = np.einsum("fij,fj->fi", np.linalg.inv(axes[known]), out[known, k] - origin[known])
            place = np.stack([np.interp(frames, frames[known], column) for column in seen.T], axis=1)
        carried = (np.einsum("fij,fj->fi", axes, place) + origin).astype(np.float32)
        out[:, k] = np.where(known[:, None], out[:, k], carried)
    return out


def _eye_axes(
    eye: Float[np.ndarray, "frame 6 2"],
) -> tuple[Float[np.ndarray, "frame 2"], Float[np.ndarray, "frame 2 2"]]:
    """Give the middle of an eye and, as columns, the ways along and across it, as long as it is wide."""
    along = eye[:, 3] - eye[:, 0]
    along[np.linalg.norm(along, axis=1) < 1e-3] = [1.0, 0.0]
    return (eye[:, 0] + eye[:, 3]) / 2, np.stack([along, np.stack([-along[:, 1], along[:, 0]], 1)], axis=2)


def _find(frame: UInt8[np.ndarray, "height width 3"], eye: Float[np.ndarray, "6 2"]) -> Float[np.ndarray, " 2"]:
    if openness(eye) < OPEN or np.linalg.norm(eye[3] - eye[0]) < 2:
        return np.full(2, np.nan)
    patch_from_frame = umeyama(eye[[0, 3]], _CORNERS)
    patch = cv2.warpAffine(
        frame, patch_from_frame, (_WIDTH, _HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    grey = cv2.GaussianBlur(cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 0.8)
    lids = transform_points(patch_from_frame, eye)
    mask = np.zeros((_HEIGHT, _WIDTH), np.uint8)
    cv2.fillPoly(mask, [np.round(lids * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
    free = cv2.dilate(mask, np.ones((3, 3), np.uint8)).astype(np.float32)
    best = _darkest_disc(grey, free, lids)
    return transform_points(invert_affine(patch_from_frame), best)


def _darkest_disc(
    grey: Float32[np.ndarray, "height width"], free: Float32[np.ndarray, "height width"], lids: Float[np.ndarray, "6 2"]
) -> Float[np.ndarray, " 2"]:
    """Weigh places by disc against ring, both where the lids leave them free, and by how near the lids' middle is."""
    level = np.minimum(grey, np.quantile(grey[free > 0], 0.6))  # a highlight is no white of the eye
    inside, ring = (
        cv2.filter2D(level * free, -1, k, borderType=cv2.BORDER_CONSTANT)
        / np.maximum(cv2.filter2D(free, -1, k, borderType=cv2.BORDER_CONSTANT), 1.0)
        for k in _kernels()
    )
    spread = max(float(level[free > 0].std()), 1.0)
    y, x = np.mgrid[0:_HEIGHT, 0:_WIDTH]
    middle = lids.mean(0)
    score = (ring - 1.5 * inside) / spread - 0.1 * (y - middle[1]) ** 2 - 0.005 * (x - middle[0]) ** 2
    score = np.where(free > 0, score, -np.inf)
    weight = np.exp(6 * (score - score.max()))
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


@cache
def _kernels() -> tuple[Float32[np.ndarray, "side side"], Float32[np.ndarray, "side side"]]:
    """A disc as large as the iris, and a ring around it of the same area."""
    reach = int(np.ceil(_IRIS * 1.5)) + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    radius = np.hypot(x, y)
    disc = np.clip(_IRIS + 0.5 - radius, 0, 1)
    outer = np.clip(_IRIS * np.sqrt(2) + 0.5 - radius, 0, 1)
    return disc.astype(np.float32), (outer - disc).astype(np.float32)
