"""Faces at random: what any head may do in a picture, stronger and more independent than faces in life do it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from ..geometry import axis_angle_from_matrix, matrix_from_axis_angle

YAW, PITCH, ROLL = 1.05, 0.5, 0.5  # radians: 60, 29 and 29 degrees
JAW_OPEN, JAW_SIDE = 0.42, 0.06  # radians
MOUTHS: tuple[tuple[str, ...], ...] = (
    ("AU12", "AU6"), ("AU12", "AU6", "AU25"), ("grin", "AU12", "AU6"), ("AU12",), ("AU15", "AU17"), ("AU15",),
    ("AU18",), ("AU22", "AU25"), ("AU20", "AU25"), ("AU20",), ("AU10", "AU25"), ("AU24", "AU17"), ("AU16", "AU25"),
    ("AU14",), ("AU28",), ("AU23",),
)  # fmt: skip
BROWS: tuple[tuple[str, ...], ...] = (("AU1", "AU2"), ("AU1",), ("AU2",), ("AU4",), ("AU4", "AU9"), ("AU1", "AU4"))
EYES: tuple[tuple[str, ...], ...] = (("AU5",), ("AU7",), ("AU6", "AU7"))


@dataclass(frozen=True)
class Acts:
    """Coefficients of some pictures of one person."""

    expression: Float32[np.ndarray, "picture coef"]
    jaw_pose: Float32[np.ndarray, "picture 3"]
    eyelids: Float32[np.ndarray, "picture 2"]
    gaze: Float32[np.ndarray, "picture 2"]
    head_pose: Float32[np.ndarray, "picture 3"]


def random_acts(rng: np.random.Generator, coef_names: tuple[str, ...], count: int) -> Acts:
    """Units that left and right share up to a tremor, a jaw, lids between wide and shut, any gaze, any head pose.

    Single units at random, and often on top of them what mouths, brows and eyes do in life, each by itself and strong.
    """
    amount = {name.rsplit("_", 1)[0] if name.endswith(("_L", "_R")) else name for name in coef_names}
    expression = np.zeros((count, len(coef_names)))
    for row in range(count):
        busy = rng.choice([0.04, 0.12, 0.25])
        shared = {unit: rng.uniform(0, 1.1) * (rng.random() < busy) for unit in sorted(amount)}
        for acts, share in ((MOUTHS, 0.6), (BROWS, 0.5), (EYES, 0.3)):
            if rng.random() < share:
                shared |= {unit: rng.uniform(0.3, 1.1) for unit in acts[rng.integers(len(acts))]}
        for column, name in enumerate(coef_names):
            unit = name.rsplit("_", 1)[0] if name.endswith(("_L", "_R")) else name
            lopsided = rng.uniform(0, 1) if rng.random() < 0.15 else rng.uniform(0.85, 1.0)
            expression[row, column] = shared[unit] * lopsided
    jaw = np.zeros((count, 3))
    jaw[:, 0] = rng.uniform(0, JAW_OPEN, count) * (rng.random(count) < 0.5)
    jaw[:, 1] = rng.normal(0, JAW_SIDE, count) * (rng.random(count) < 0.2)
    lids = np.repeat(rng.uniform(0, 1, (count, 1)) * (rng.random((count, 1)) < 0.4), 2, 1)
    lids = np.where(rng.random((count, 1)) < 0.1, 1.0, lids)
    lids = np.where(rng.random((count, 2)) < 0.06, rng.uniform(0, 1, (count, 2)), lids)
    wide = rng.choice([0.35, 1.0], (count, 1))
    yaw, pitch, roll = (rng.uniform(-1, 1, (count, 3)) * wide * [YAW, PITCH, ROLL]).T
    zero = np.zeros(count)
    turns = [np.stack(axis, 1) for axis in ((zero, yaw, zero), (pitch, zero, zero), (zero, zero, roll))]
    about_y, about_x, about_z = (matrix_from_axis_angle(turn) for turn in turns)
    return Acts(
        *(
            part.astype(np.float32)
            for part in (
                expression,
                jaw,
                lids,
                rng.normal(0, 0.2, (count, 2)),
                axis_angle_from_matrix(about_z @ about_y @ about_x),
            )
        )
    )
