"""The Face Research Lab London Set (DeBruine & Jones 2017, CC BY 4.0): photographs with hand-placed points.

Of its 189-point template iBUG-68 and the pupils are read off; the pictures themselves are never part of this project.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from ..errors import InputMissing
from ..geometry import points_along

TEMPLATE = "landmarks189.json"

# Index lists into the template; "left" and "right" are the subject's.
_JAW_RIGHT = [109, 185, 110, 186, 111, 125, 126, 127, 128, 129]
_JAW_LEFT = [129, 130, 131, 132, 133, 114, 188, 113, 187, 112]
_BROWS = ([71, 72, 73, 74, 75, 76], [77, 78, 79, 80, 81, 82])
_EYES = (([18, 19, 20, 21, 22], [22, 30, 29, 28, 18]), ([23, 24, 25, 26, 27], [27, 33, 32, 31, 23]))
_PUPILS = [0, 1]
_OUTER_LIPS = [87, 88, 89, 90, 91, 92, 93, 108, 107, 106, 105, 104]


def hand_placed(folder: Path) -> dict[str, Float32[np.ndarray, "68 2"]]:
    """Person -> iBUG-68 (px) of the neutral photograph `<person>_neutral.jpg`."""
    return {person: ibug_from_template(points) for person, points in _templates(folder).items()}


def hand_placed_pupils(folder: Path) -> dict[str, Float32[np.ndarray, "eye=2 2"]]:
    """Person -> pupils (px) of the same photograph, of the eyes at points 36-41 and 42-47."""
    return {person: points[_PUPILS] for person, points in _templates(folder).items()}


def _templates(folder: Path) -> dict[str, Float32[np.ndarray, "189 2"]]:
    template = folder / TEMPLATE
    if not template.is_file():
        expected = "the London photographs with their 189-point templates"
        raise InputMissing(f"{template} does not exist", expected=expected)
    faces = json.loads(template.read_text())["faces"]
    return {person: np.array(points, np.float32) for person, points in sorted(faces.items())}


def ibug_from_template(points: Float[np.ndarray, "189 2"]) -> Float32[np.ndarray, "68 2"]:
    """Choose iBUG-68 from the template: contours are spaced evenly along their length, as iBUG's annotators did."""
    out = np.zeros((68, 2), np.float32)
    out[0:9] = points_along(points[_JAW_RIGHT], 9)
    out[8:17] = points_along(points[_JAW_LEFT], 9)
    for start, brow in zip((17, 22), _BROWS, strict=True):
        out[start : start + 5] = points_along(points[brow], 5)
    bridge = points[[50, 56, 51, 57]].mean(0)
    tip = 0.8 * points[[54, 60]].mean(0) + 0.2 * points[55]
    out[27:31] = bridge + np.linspace(0, 1, 4)[:, None] * (tip - bridge)
    out[31], out[35] = points[[63, 64]].mean(0), points[[68, 69]].mean(0)
    out[32:35] = points[[170, 55, 172]]
    for start, (upper, lower) in zip((36, 42), _EYES, strict=True):
        out[start : start + 4] = points_along(points[upper], 4)
        out[start + 4 : start + 6] = points_along(points[lower], 4)[1:3]
    out[48:60] = points[_OUTER_LIPS]
    out[60] = 0.7 * points[87] + 0.3 * points[94]
    out[64] = 0.7 * points[93] + 0.3 * points[98]
    out[61:64], out[65:68] = points[[95, 96, 97]], points[[102, 101, 100]]
    return out
