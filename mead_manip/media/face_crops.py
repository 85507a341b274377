"""Face boxes and the square crops around them, as NED cuts them (shared by every landmark detector)."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, Float32, Float64, Int, Int64, UInt8
from scipy.ndimage import median_filter

CROP_PX = 256
# NED's template puts the landmarks at y 85..220 of a 256 px crop whose side is 1.376 times the face box's height: the
# box is 1.378 times as high as the landmarks, almost all of the rest is forehead.
BOX_PER_LANDMARK_HEIGHT = 1.378
CROP_PER_BOX_HEIGHT = 1.376
_BELOW_CHIN = 0.007
_SMOOTHING = 49  # frames: NED's median window


def face_box(landmarks_px: Float[np.ndarray, "*frame 68 2"]) -> Float32[np.ndarray, "*frame 4"]:
    """Face box x0 y0 x1 y1 (frame px) from iBUG-68: ear to ear, mid forehead to chin."""
    low, high = landmarks_px.min(-2), landmarks_px.max(-2)
    height = high[..., 1] - low[..., 1]
    bottom = high[..., 1] + _BELOW_CHIN * height
    top = bottom - BOX_PER_LANDMARK_HEIGHT * height
    return np.stack([low[..., 0], top, high[..., 0], bottom], -1).astype(np.float32)


def smooth_boxes(boxes_px: Float[np.ndarray, "frame 4"]) -> Float32[np.ndarray, "frame 4"]:
    """Zero-phase median, then a short mean over time, so that crops neither jump with a jaw nor with a detector."""
    window = min(_SMOOTHING, len(boxes_px)) // 2 * 2 - 1
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


def crop_region(
    frame_from_crop: Float[np.ndarray, "2 3"], width: int, height: int, size: int = CROP_PX
) -> Int64[np.ndarray, " 4"]:
    """Give x0 y0 x1 y1, what `cut_crop` needs of a frame of this size: at least one pixel."""
    margin = 3 * _blur(frame_from_crop) + 1
    x0, y0 = np.floor(frame_from_crop[:, 2] - margin).astype(int)
    x1, y1 = np.ceil(frame_from_crop @ [size, size, 1.0] + margin).astype(int)
    x0, x1 = int(np.clip(x0, 0, width - 1)), int(np.clip(x1, 1, width))
    y0, y1 = int(np.clip(y0, 0, height - 1)), int(np.clip(y1, 1, height))
    return np.array([x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)])


def crop_from_part(
    frame_from_crop: Float[np.ndarray, "2 3"], region: Int[np.ndarray, " 4"]
) -> Float64[np.ndarray, "2 3"]:
    """Give the transform of a crop that is cut out of a region of the frame."""
    return (frame_from_crop - np.array([[0, 0, region[0]], [0, 0, region[1]]])).astype(np.float64)


def cut_crop(
    frame: UInt8[np.ndarray, "height width rgb=3"], frame_from_crop: Float[np.ndarray, "2 3"], size: int = CROP_PX
) -> UInt8[np.ndarray, "size size rgb=3"]:
    """Resample one crop; where it leaves the frame the rim is repeated. Shrinking averages, so nothing aliases."""
    blur = _blur(frame_from_crop)
    region = crop_region(frame_from_crop, frame.shape[1], frame.shape[0], size)
    x0, y0, x1, y1 = region
    part = frame[y0:y1, x0:x1]
    if blur > 0.3:
        part = cv2.GaussianBlur(part, (0, 0), blur)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    part_from_crop = crop_from_part(frame_from_crop, region)
    return cv2.warpAffine(part, part_from_crop, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _blur(frame_from_crop: Float[np.ndarray, "2 3"]) -> float:
    """Sigma in frame px of what a crop cannot hold."""
    scale = float(np.linalg.norm(frame_from_crop[:, 0]))
    return max(0.0, 0.5 * np.sqrt(max(scale * scale - 1, 0)))
