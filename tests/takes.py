"""Takes of one person before one camera, in small: the wall is the same, what moves and sounds is not."""

from fractions import Fraction
from pathlib import Path

import numpy as np


def sway(seed: int, n_frames: int = 75, size: int = 96) -> list[np.ndarray]:
    """Draw a blob of a face that moves before a wall that does not: the wall is the same for every seed."""
    rng = np.random.default_rng(seed)
    wall = np.random.default_rng(99).uniform(40, 200, (6, 6, 3)).repeat(16, 0).repeat(16, 1)
    y, x = np.mgrid[:96, :96]
    path = np.cumsum(rng.normal(0, 0.9, (n_frames, 2)), axis=0)
    path -= path.mean(0)
    mouth = 2 + 4 * np.abs(np.sin(np.cumsum(rng.uniform(0.1, 0.8, n_frames))))
    frames = []
    for (dx, dy), opening in zip(path, mouth, strict=True):
        face = ((x - 48 - dx) / 22) ** 2 + ((y - 48 - dy) / 30) ** 2 < 1
        lips = ((x - 48 - dx) / 9) ** 2 + ((y - 62 - dy) / opening) ** 2 < 1
        frame = np.where(face[..., None], [210, 160, 140], wall)
        frames.append(np.where(lips[..., None], [60, 20, 30], frame).astype(np.uint8))
    return resized(frames, size)


def resized(frames: list[np.ndarray], size: int) -> list[np.ndarray]:
    """Scale frames to a square."""
    import cv2

    return [cv2.resize(frame, (size, size), interpolation=cv2.INTER_AREA) for frame in frames]


def speech(seed: int, seconds: float = 4.0, rate: int = 44100) -> np.ndarray:
    """Make something with the spectrum and the pauses of speech: a pitch under a moving formant, and some noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * rate)) / rate
    knots = np.linspace(0, seconds, int(8 * seconds))
    pitch = np.interp(time, knots, rng.uniform(90, 220, len(knots)))
    loud = np.interp(time, knots, rng.choice([0.02, 0.5, 1.0], len(knots)))
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    formant = np.interp(time, knots, rng.uniform(300, 1800, len(knots)))
    voice = sum(np.exp(-(((k * pitch - formant) / 250) ** 2)) * np.sin(k * phase) for k in range(1, 20))
    return (0.2 * loud * (voice + 0.02 * rng.normal(size=len(time)))).astype(np.float32)


def write_take(
    path: Path,
    frames: list[np.ndarray],
    sound: np.ndarray | None = None,
    *,
    fps: int = 30,
    crf: int = 17,
    rate: int = 44100,
) -> Path:
    """Write frames and sound as a video."""
    from mead_manip.media.video import VideoWriter

    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = frames[0].shape[:2]
    heard = None if sound is None else (sound, rate)
    with VideoWriter(path, width, height, Fraction(fps), crf=crf, preset="ultrafast", sound=heard) as writer:
        for frame in frames:
            writer.write(frame)
    return path
