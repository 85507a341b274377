"""Face boxes and the square crops around them, as NED cuts them (shared by every landmark detector)."""

from __future__ import annotations

import math

import cv2
import numpy as np
from jaxtyping import Float, Float32, Float64, Int, Int64, UInt8
from scipy.ndimage import median_filter

from mead_manip.media.parts import reduced_size, shrunk

CROP_PX = 256
# NED's template puts the landmarks at y 85..220 of a 256 px crop whose side is 1.376 times the face box's height: the
# box is 1.378 times as high as the landmarks, almost all of the rest is forehead.
BOX_PER_LANDMARK_HEIGHT = 1.378
CROP_PER_BOX_HEIGHT = 1.376
_BELOW_CHIN = 0.007
SMOOTHING = 49  # frames: NED's median window; a shorter shot has a shorter one
SMOOTHING_REACH = (SMOOTHING - 2) // 2 + (SMOOTHING - 2) // 4  # frames to either side that decide about a box


def face_box(landmarks_px: Float[np.ndarray, "*frame 68 2"]) -> Float32[np.ndarray, "*frame 4"]:
    """Face box x0 y0 x1 y1 (frame px) from iBUG-68: ear to ear, mid forehead to chin."""
    low, high = landmarks_px.min(-2), landmarks_px.max(-2)
    height = high[..., 1] - low[..., 1]
    bottom = high[..., 1] + _BELOW_CHIN * height
    top = bottom - BOX_PER_LANDMARK_HEIGHT * height
    return np.stack([low[..., 0], top, high[..., 0], bottom], -1).astype(np.float32)


def smooth_boxes(boxes_px: Float[np.ndarray, "frame 4"]) -> Float32[np.ndarray, "frame 4"]:
    """Zero-phase median, then a short mean over time, so that crops neither jump with a jaw nor with a detector."""
    window = min(SMOOTHING, len(boxes_px)) // 2 * 2 - 1
    if window < 3:
        return boxes_px.astype(np.float32)
    steady = median_filter(boxes_px, size=(window, 1), mode="reflect")
    half = window // 4
    padded = np.pad(steady, ((half, half), (0, 0)), mode="edge")
    kernel = np.ones(2 * half + 1) / (2 * half + 1)
    return np.stack([np.convolve(column, kernel, mode="valid") for column in padded.T], 1).astype(np.float32)


def crop_squares(boxes_px: Float[np.ndarray, "frame 4"], size: int = CROP_PX) -> Float32[np.ndarray, "frame 2 3"]:
    """frame_from_crop: the square around each box whose side is 1.376 box heights; it may reach beyond the frame."""
    side = CROP_PER_BOX_HEIGHT * (boxes_px[:, 3] - boxes_px[:, 1])
    middle = (boxes_px[:, :2] + boxes_px[:, 2:]) / 2
    scale = np.maximum(side, 1.0) / size
    out = np.zeros((len(boxes_px), 2, 3), np.float32)
    out[:, 0, 0] = out[:, 1, 1] = scale
    out[:, :, 2] = middle - scale[:, None] * (size - 1) / 2
    return out


def reduction(frame_from_crop: Float[np.ndarray, "2 3"], width: int, height: int) -> int:
    """Give by how much a frame of this size is shrunk before a crop is cut: whole pixels of the crop, or nearly."""
    return max(1, min(int(_scale(frame_from_crop)), min(width, height) // 32))


def crop_region(
    frame_from_crop: Float[np.ndarray, "2 3"], width: int, height: int, size: int = CROP_PX, by: int = 1
) -> Int64[np.ndarray, " 4"]:
    """Give x0 y0 x1 y1, what `cut_part` needs of a frame of this size that is shrunk `by`: at least one pixel."""
    margin = 3 * _blur(frame_from_crop, by) + 1
    sides = []
    limits = reduced_size(width, height, by)
    for (a, b, start), limit in zip(_small_from_crop(frame_from_crop, by).tolist(), limits, strict=True):
        low, high = start + size * (min(a, 0) + min(b, 0)), start + size * (max(a, 0) + max(b, 0))
        first = min(max(math.floor(low - margin), 0), limit - 1)
        sides.append((first, max(min(max(math.ceil(high + margin), 1), limit), first + 1)))
    (x0, x1), (y0, y1) = sides
    return np.array([x0, y0, x1, y1])


def cut_crop(
    frame: UInt8[np.ndarray, "height width rgb=3"], frame_from_crop: Float[np.ndarray, "2 3"], size: int = CROP_PX
) -> UInt8[np.ndarray, "size size rgb=3"]:
    """Resample one crop; where it leaves the frame the rim is repeated. Shrinking averages, so nothing aliases."""
    height, width = frame.shape[:2]
    by = reduction(frame_from_crop, width, height)
    region = crop_region(frame_from_crop, width, height, size, by)
    x0, y0, x1, y1 = region * by
    return cut_part(shrunk(frame[y0:y1, x0:x1], by), frame_from_crop, region, size, by)


def cut_part(
    part: UInt8[np.ndarray, "height width rgb=3"],
    frame_from_crop: Float[np.ndarray, "2 3"],
    region: Int[np.ndarray, " 4"],
    size: int = CROP_PX,
    by: int = 1,
) -> UInt8[np.ndarray, "size size rgb=3"]:
    """Cut the same out of a region of a frame that is shrunk `by`."""
    part_from_crop = _small_from_crop(frame_from_crop, by)
    part_from_crop[:, 2] -= region[:2]
    blur = _blur(frame_from_crop, by)
    if blur > 0.3:
        part = cv2.GaussianBlur(part, (0, 0), blur)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(part, part_from_crop, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _small_from_crop(frame_from_crop: Float[np.ndarray, "2 3"], by: int) -> Float64[np.ndarray, "2 3"]:
    small_from_crop = frame_from_crop.astype(np.float64) / by
    small_from_crop[:, 2] -= (by - 1) / 2 / by
    return small_from_crop


def _scale(frame_from_crop: Float[np.ndarray, "2 3"]) -> float:
    return math.hypot(frame_from_crop[0, 0], frame_from_crop[1, 0])


def _blur(frame_from_crop: Float[np.ndarray, "2 3"], by: int) -> float:
    """Sigma, in px of the frame shrunk `by`, of what a crop cannot hold; the means over pixels blur a part of it."""
    variance = (_scale(frame_from_crop) ** 2 - 1) / 4 - (by * by - 1) / 12
    return math.sqrt(max(variance, 0.0)) / by
