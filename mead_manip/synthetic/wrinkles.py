"""Where skin folds into lines when it is pressed together: forehead, frown, crow's feet, nose, below the eyes."""

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from mead_manip.artifacts.schemas import HeadAsset
from mead_manip.synthetic.atlas import smooth_step, spread_over_atlas

FOREHEAD_SPACING_DM = 0.105
NOSE_SPACING_DM = 0.055
CROW_SPACING = 0.42  # radians


def wrinkle_map(asset: HeadAsset, height: int, width: int) -> UInt8[np.ndarray, "height width"]:
    """Depth of the line at each texel of the skin, 0..255; the expression decides how much of it shows."""
    template = np.asarray(asset.template, np.float32)
    place = spread_over_atlas(
        asset, np.concatenate([template, np.ones((len(template), 1), np.float32)], 1), height, width
    )
    rng = np.random.default_rng(2)
    waver = cv2.GaussianBlur(rng.normal(size=(height, width)).astype(np.float32), (0, 0), 14.0)
    waver /= waver.std()
    x, y = np.abs(place[..., 0]), place[..., 1]
    marks = template[asset.landmarks]
    lines = [
        _forehead(x, y, marks, waver),
        _frown(x, y, marks, waver),
        _crows_feet(x, y, marks, waver),
        _nose(x, y, marks, waver),
        _below_eyes(x, y, marks),
    ]
    front = (place[..., 3] > 0.5) & (place[..., 2] > 0.5)
    depth = np.where(front, np.max(lines, axis=0), 0.0).astype(np.float32)
    return (cv2.GaussianBlur(depth, (0, 0), 0.8) * 255.0).astype(np.uint8)


Field = Float32[np.ndarray, "height width"]
Marks = Float32[np.ndarray, "68 xyz=3"]


def _ridges(phase: Field) -> Field:
    """Narrow lines at whole numbers."""
    return np.maximum(np.cos(2 * np.pi * phase), 0.0) ** 5


def _forehead(x: Field, y: Field, marks: Marks, waver: Field) -> Field:
    brow = float(marks[[19, 24], 1].mean())
    band = smooth_step(y, brow + 0.07, brow + 0.15) * smooth_step(brow + 0.58 - y, 0.0, 0.12)
    arch = 0.35 * np.cos(7.0 * x)
    return band * smooth_step(0.52 - x, 0.0, 0.14) * _ridges((y - brow) / FOREHEAD_SPACING_DM + arch + 0.12 * waver)


def _frown(x: Field, y: Field, marks: Marks, waver: Field) -> Field:
    brow = float(marks[[21, 22], 1].mean())
    band = smooth_step(y, brow - 0.1, brow - 0.02) * smooth_step(brow + 0.2 - y, 0.0, 0.12)
    return band * np.exp(-(((x - 0.05 - 0.1 * (y - brow) - 0.004 * waver) / 0.013) ** 2))


def _crows_feet(x: Field, y: Field, marks: Marks, waver: Field) -> Field:
    right, up = x - float(np.abs(marks[[36, 45], 0]).mean()), y - float(marks[[36, 45], 1].mean())
    distance, angle = np.hypot(right, up), np.arctan2(up, right)
    band = smooth_step(distance, 0.05, 0.09) * smooth_step(0.25 - distance, 0.0, 0.12) * (np.abs(angle) < 1.1)
    return band * _ridges((angle + 0.15) / CROW_SPACING + 0.1 * waver)


def _nose(x: Field, y: Field, marks: Marks, waver: Field) -> Field:
    root = float(marks[27, 1])
    band = smooth_step(x, 0.03, 0.07) * smooth_step(0.17 - x, 0.0, 0.06)
    band = band * smooth_step(y, root - 0.2, root - 0.12) * smooth_step(root + 0.02 - y, 0.0, 0.06)
    return 0.7 * band * _ridges((y + 0.9 * x) / NOSE_SPACING_DM + 0.08 * waver)


def _below_eyes(x: Field, y: Field, marks: Marks) -> Field:
    eye_x, eye_y = float(np.abs(marks[36:48, 0]).mean()), float(marks[36:48, 1].mean())
    radius = np.hypot((x - eye_x) / 0.17, (y - eye_y) / 0.11)
    return 0.6 * smooth_step(eye_y - y, 0.02, 0.08) * np.exp(-(((radius - 1.3) / 0.11) ** 2))
