"""Procedural backgrounds: what stands behind a rendered head, from a plain studio wall to distracting clutter."""

from collections.abc import Callable

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from mead_manip.errors import UsageError

Picture = Float32[np.ndarray, "height width rgb=3"]
SKIN_TONES = np.array([[0.93, 0.78, 0.68], [0.85, 0.66, 0.53], [0.69, 0.49, 0.36], [0.45, 0.3, 0.22]], np.float32)


def background(kind: str, seed: int, height: int, width: int) -> UInt8[np.ndarray, "height width rgb=3"]:
    """Paint one background of `kind` (a key of KINDS); the same seed gives the same picture at every size up to detail.

    Pictures are painted at a fixed size of 256 and scaled: they are out of focus in a photograph too.
    """
    if kind not in KINDS:
        raise UsageError(f"background {kind!r}", expected=", ".join(KINDS))
    rng = np.random.default_rng(seed)
    picture = np.clip(KINDS[kind](rng, 256), 0.0, 1.0).astype(np.float32)
    scaled = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
    return (np.clip(scaled, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def _colour(rng: np.random.Generator, saturation: float = 0.5) -> Float32[np.ndarray, " rgb=3"]:
    grey = rng.beta(1.3, 1.3)
    return np.clip(grey + rng.normal(0, 0.35, 3) * saturation * rng.uniform(), 0, 1).astype(np.float32)


def _ramp(rng: np.random.Generator, n: int) -> Float32[np.ndarray, "n n"]:
    """A smooth ramp 0..1 in a random direction."""
    turn = rng.uniform(0, 2 * np.pi)
    ys, xs = np.mgrid[0:n, 0:n].astype(np.float32) / n - 0.5
    return np.clip(0.5 + 0.7 * (np.cos(turn) * xs + np.sin(turn) * ys), 0, 1).astype(np.float32)


def _noise(rng: np.random.Generator, n: int, cells: int, channels: int = 1) -> Float32[np.ndarray, "n n channel"]:
    """Smooth noise about 0 with `cells` bumps across, deviation near 1."""
    coarse = rng.normal(size=(cells + 3, cells + 3, channels)).astype(np.float32)
    fine = cv2.resize(coarse, (n, n), interpolation=cv2.INTER_CUBIC)
    return fine[:, :, None] if fine.ndim == 2 else fine


def _mix(
    ratio: Float32[np.ndarray, "n n"], low: Float32[np.ndarray, " rgb=3"], high: Float32[np.ndarray, " rgb=3"]
) -> Picture:
    return low + ratio[..., None] * (high - low)


def _blur(picture: Picture, sigma: float) -> Picture:
    return cv2.GaussianBlur(picture, (0, 0), sigma) if sigma > 0.3 else picture


def studio(rng: np.random.Generator, n: int) -> Picture:
    """A plain wall with the soft fall-off of studio light: the background of the synthetic MEAD."""
    wall = np.float32(rng.uniform(0.35, 0.85)) + rng.normal(0, 0.03, 3).astype(np.float32)
    ys, xs = np.mgrid[0:n, 0:n].astype(np.float32) / n - 0.5
    centre_x, centre_y = rng.normal(0, 0.15, 2)
    fall = np.exp(-((xs - centre_x) ** 2 + (ys - centre_y) ** 2) / rng.uniform(0.5, 1.5))
    return (wall * (0.78 + 0.22 * fall[..., None]) + 0.006 * rng.normal(size=(n, n, 1))).astype(np.float32)


def gradient(rng: np.random.Generator, n: int) -> Picture:
    """Two colours and a ramp."""
    return _mix(_ramp(rng, n), _colour(rng), _colour(rng))


def soft(rng: np.random.Generator, n: int) -> Picture:
    """Out-of-focus patches of colour."""
    cells = int(rng.integers(2, 7))
    picture = _colour(rng) + 0.18 * rng.uniform(0.2, 1.0) * _noise(rng, n, cells)
    picture = picture + 0.12 * rng.uniform(0.0, 1.0) * _noise(rng, n, cells, 3)
    return picture + 0.05 * _noise(rng, n, int(rng.integers(8, 24)))


def texture(rng: np.random.Generator, n: int) -> Picture:
    """Noise on all scales: plaster, foliage, crowds."""
    picture = np.broadcast_to(_colour(rng), (n, n, 3)).copy()
    amount = rng.uniform(0.05, 0.25)
    for cells in (4, 9, 20, 45, 100):
        picture += amount * rng.uniform(0, 1) * _noise(rng, n, cells, 3 if rng.uniform() < 0.4 else 1)
    return _blur(picture.astype(np.float32), rng.uniform(0, 2.5))


def blobs(rng: np.random.Generator, n: int) -> Picture:
    """Bokeh: bright discs over a dark or dim room."""
    picture = (_mix(_ramp(rng, n), _colour(rng), _colour(rng)) * rng.uniform(0.2, 0.8)).astype(np.float32)
    for _ in range(int(rng.integers(6, 40))):
        layer = picture.copy()
        centre = tuple(int(value) for value in rng.integers(0, n, 2))
        cv2.circle(layer, centre, int(rng.integers(3, 26)), _scalar(_colour(rng, 1.0) + 0.2), -1, cv2.LINE_AA)
        picture += rng.uniform(0.2, 0.9) * (layer - picture)
    return _blur(picture, rng.uniform(0.3, 3))


def stripes(rng: np.random.Generator, n: int) -> Picture:
    """Curtains, blinds, wallpaper, brick-like grids."""
    turn = rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)])
    ys, xs = np.mgrid[0:n, 0:n].astype(np.float32) / n
    phase = np.cos(turn) * xs + np.sin(turn) * ys + 0.01 * _noise(rng, n, 6)[..., 0]
    wave = np.sin(2 * np.pi * rng.uniform(3, 30) * phase)
    if rng.uniform() < 0.4:
        wave = np.sign(wave)
    if rng.uniform() < 0.3:
        wave = wave * np.sin(2 * np.pi * rng.uniform(3, 30) * (np.sin(turn) * xs - np.cos(turn) * ys))
    picture = _mix((0.5 + 0.5 * wave).astype(np.float32), _colour(rng), _colour(rng))
    return _blur((picture * (0.7 + 0.3 * _ramp(rng, n)[..., None])).astype(np.float32), rng.uniform(0, 2.5))


def shapes(rng: np.random.Generator, n: int) -> Picture:
    """Hard-edged polygons, ellipses and lines."""
    picture = gradient(rng, n)
    for _ in range(int(rng.integers(5, 30))):
        colour = _scalar(_colour(rng, 1.0))
        centre = rng.integers(0, n, 2)
        kind = rng.integers(0, 3)
        if kind == 0:
            corners = centre + rng.normal(0, n * rng.uniform(0.04, 0.25), (int(rng.integers(3, 7)), 2))
            cv2.fillPoly(picture, [corners.astype(np.int32)], colour, cv2.LINE_AA)
        elif kind == 1:
            axes = tuple(int(value) for value in rng.integers(3, n // 4, 2))
            turn = float(rng.uniform(0, 180))
            cv2.ellipse(picture, tuple(map(int, centre)), axes, turn, 0, 360, colour, -1, cv2.LINE_AA)
        else:
            other = tuple(int(value) for value in rng.integers(0, n, 2))
            cv2.line(picture, tuple(map(int, centre)), other, colour, int(rng.integers(1, 12)), cv2.LINE_AA)
    return _blur(picture, rng.uniform(0, 3))


def interior(rng: np.random.Generator, n: int) -> Picture:
    """A room: wall and floor, a window, shelves, frames and furniture as boxes."""
    wall, floor = _colour(rng, 0.3) * 0.5 + 0.4, _colour(rng, 0.4) * 0.6
    picture = np.broadcast_to(wall, (n, n, 3)).astype(np.float32).copy()
    picture[int(n * rng.uniform(0.6, 1.0)) :] = floor
    for _ in range(int(rng.integers(2, 10))):
        x, y = rng.integers(-n // 8, n, 2)
        width, height = rng.integers(n // 16, n // 2, 2)
        colour = _colour(rng, 0.6) if rng.uniform() < 0.8 else np.array([1.0, 1.0, 0.97], np.float32)
        cv2.rectangle(picture, (int(x), int(y)), (int(x + width), int(y + height)), _scalar(colour), -1)
        if rng.uniform() < 0.5:  # books or panes inside
            for k in range(int(rng.integers(2, 9))):
                left = int(x + width * k / 9)
                box = (left, int(y + 2)), (left + int(width / 10), int(y + height - 2))
                cv2.rectangle(picture, *box, _scalar(_colour(rng, 1.0)), -1)
    light = 0.55 + 0.6 * _ramp(rng, n)[..., None]
    return _blur((picture * light).astype(np.float32), rng.uniform(0.5, 5))


def skin_clutter(rng: np.random.Generator, n: int) -> Picture:
    """Skin-coloured blobs, ovals and limbs, which a detector must not take for a face."""
    picture = soft(rng, n).astype(np.float32)
    for _ in range(int(rng.integers(3, 10))):
        tone = SKIN_TONES[rng.integers(len(SKIN_TONES))] * rng.uniform(0.6, 1.1)
        centre = tuple(int(value) for value in rng.integers(0, n, 2))
        axes = tuple(int(value) for value in rng.integers(8, n // 4, 2))
        turn = float(rng.uniform(0, 180))
        cv2.ellipse(picture, centre, axes, turn, 0, 360, _scalar(tone), -1, cv2.LINE_AA)
    shade = 1.0 + 0.12 * _noise(rng, n, int(rng.integers(4, 14)))
    return _blur((picture * shade).astype(np.float32), rng.uniform(0.5, 4))


def _scalar(colour: Float32[np.ndarray, " rgb=3"]) -> tuple[float, float, float]:
    return float(colour[0]), float(colour[1]), float(colour[2])


KINDS: dict[str, Callable[[np.random.Generator, int], Picture]] = {
    "studio": studio,
    "gradient": gradient,
    "soft": soft,
    "texture": texture,
    "blobs": blobs,
    "stripes": stripes,
    "shapes": shapes,
    "interior": interior,
    "skin": skin_clutter,
}
