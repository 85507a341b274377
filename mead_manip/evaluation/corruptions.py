"""T5: technical faults, painted into the face crops of a clip. A scorer should doubt such a clip; better, reject it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from jaxtyping import UInt8

Crop = UInt8[np.ndarray, "height width 3"]
Corruption = Callable[[Sequence[Crop], np.random.Generator], list[Crop]]


def blurred(crops: Sequence[Crop], rng: np.random.Generator) -> list[Crop]:
    """Blur by a Gaussian of a twelfth of the crop."""
    return [cv2.GaussianBlur(crop, (0, 0), crop.shape[1] / 12) for crop in crops]


def darkened(crops: Sequence[Crop], rng: np.random.Generator) -> list[Crop]:
    """Leave a tenth of the light, with sensor noise."""
    return [_clipped(crop * 0.1 + rng.normal(0, 3, crop.shape)) for crop in crops]


def covered(crops: Sequence[Crop], rng: np.random.Generator) -> list[Crop]:
    """Put a plain patch over the mouth and the nose, as a microphone or a hand would."""
    colour = rng.integers(30, 200, 3)
    out = []
    for crop in crops:
        height, width = crop.shape[:2]
        covered = crop.copy()
        cv2.ellipse(
            covered,
            (width // 2, round(height * 0.68)),
            (round(width * 0.3), round(height * 0.22)),
            0,
            0,
            360,
            [int(value) for value in colour],
            -1,
            cv2.LINE_AA,
        )
        out.append(covered)
    return out


def half_out(crops: Sequence[Crop], rng: np.random.Generator) -> list[Crop]:
    """Move half of the face out of the picture."""
    side = 1 if rng.random() < 0.5 else -1
    out = []
    for crop in crops:
        shift = side * crop.shape[1] // 2
        matrix = np.array([[1, 0, shift], [0, 1, 0]], np.float32)
        out.append(cv2.warpAffine(crop, matrix, crop.shape[1::-1], borderMode=cv2.BORDER_CONSTANT))
    return out


def frozen(crops: Sequence[Crop], rng: np.random.Generator) -> list[Crop]:
    """Repeat the first crop: the onset of a clip, where little is acted yet."""
    return [crops[0].copy() for _ in crops]


def no_face(crops: Sequence[Crop], rng: np.random.Generator) -> list[Crop]:
    """Show something without a face: smooth noise in the colours of the crop."""
    out = []
    for crop in crops:
        height, width = crop.shape[:2]
        noise = cv2.resize(rng.normal(0, 1, (6, 6, 3)), (width, height), interpolation=cv2.INTER_CUBIC)
        mean, spread = crop.mean(axis=(0, 1)), crop.std(axis=(0, 1))
        out.append(_clipped(mean + spread * noise))
    return out


CORRUPTIONS: dict[str, Corruption] = {
    "blurred": blurred,
    "dark": darkened,
    "mouth covered": covered,
    "half out of frame": half_out,
    "frozen": frozen,
    "no face": no_face,
}


def _clipped(values: np.ndarray) -> Crop:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
