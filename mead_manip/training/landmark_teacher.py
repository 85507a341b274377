"""Gives the smiling London photographs, which nobody placed points on, points by another detector's sight of the smile

What the detector sees move between a person's neutral and smiling photograph is put on top of the points that were
placed by hand on the neutral one: so its convention and its error about this person's face drop out.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from ..geometry import umeyama
from .landmark_data import Picture, read_person

_STEADY = [27, 28, 29, 30, 31, 33, 35, 36, 39, 42, 45]  # bridge, nose and eye corners: a smile moves them least


def smiling_pictures(folder: Path, neutral: list[Picture], seen: Path) -> list[Picture]:
    """Read `<person>_smiling.jpg` for everyone in `neutral` whom the detector saw in both photographs.

    `seen` is what `backends.detect_photographs` wrote: file name without its ending -> 70 points.
    """
    points = {name: np.array(row, np.float32) for name, row in json.loads(seen.read_text()).items()}
    pictures = []
    for picture in neutral:
        person = picture.person.removeprefix("london/")
        before, after = (points.get(f"{person}_{mood}") for mood in ("neutral", "smiling"))
        if before is None or after is None:
            print(f"{person}: {seen} has not both photographs; the smiling one is left out", flush=True)
            continue
        moved = moved_points(picture.landmarks_px, before, after)
        pictures.append(read_person(folder, person, "smiling", moved))
    return pictures


def moved_points(
    placed_px: Float32[np.ndarray, "70 2"],
    before_px: Float32[np.ndarray, "70 2"],
    after_px: Float32[np.ndarray, "70 2"],
) -> Float32[np.ndarray, "70 2"]:
    """Carry points from a neutral photograph to a smiling one, where a detector saw `before_px` and `after_px`."""
    linear = umeyama(before_px[_STEADY], after_px[_STEADY])[:, :2]
    return (after_px + (placed_px - before_px) @ linear.T).astype(np.float32)
