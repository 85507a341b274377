"""An eye painted from nothing: skin, white, a dark iris with a pupil and a highlight, and lids that are parabolas."""

from __future__ import annotations

import numpy as np

SIZE, MIDDLE, HALF = 160, 80.0, 40.0  # pixels: the picture, the middle between the corners, from there to a corner
IRIS = 16.0  # its radius: .2 of the width
LOWER = 14.0  # how far the lower lid is below the corners


def paint(upper: float, aside: float = 0.0, down: float = -2.0) -> np.ndarray:
    """Paint an eye whose upper lid is `upper` above its corners; its iris is `aside` and `down` of their middle."""
    x, y = _from_middle()
    image = np.empty((SIZE, SIZE, 3), np.float32)
    image[:] = (200, 150, 130)
    away = np.hypot(x - aside, y - down)
    colours = ((np.inf, (225, 220, 215)), (IRIS, (70, 90, 110)), (6.0, (15, 15, 15)))
    inside = between(upper)
    for radius, colour in colours:
        image[inside & (away < radius)] = colour
    image[inside & (np.hypot(x - aside - 3, y - down - 4) < 1.5)] = 250
    return image.astype(np.uint8)


def between(upper: float) -> np.ndarray:
    """Tell which pixels are between lids."""
    x, y = _from_middle()
    bow = 1.0 - (x / HALF) ** 2
    return (y > -upper * bow) & (y < LOWER * bow)


def landmarks(upper: float) -> np.ndarray:
    """Give iBUG-68 with both eyes in this place."""
    x = np.array([-HALF, -0.35 * HALF, 0.35 * HALF, HALF, 0.35 * HALF, -0.35 * HALF])
    bow = 1.0 - (x / HALF) ** 2
    y = np.array([-upper, -upper, -upper, LOWER, LOWER, LOWER]) * bow
    points = np.zeros((68, 2), np.float32)
    points[36:42] = points[42:48] = MIDDLE + np.stack([x, y], axis=1)
    return points


def motion(old: float, new: float) -> np.ndarray:
    """Give where pixels of lids that were at `old` and are at `new` come from, and the same, fading, between them."""
    x, y = _from_middle()
    bow = np.clip(1.0 - (x / HALF) ** 2, 0.0, 1.0)
    share = np.clip((LOWER * bow - y) / np.maximum((LOWER + new) * bow, 1e-6), 0.0, 1.0)
    return np.dstack([np.zeros_like(x), (new - old) * bow * share]).astype(np.float32)


def _from_middle() -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[0:SIZE, 0:SIZE] - MIDDLE
    return x, y
