"""Teeth of the built-in head -> where teeth are and how much light they get: the head has them too far behind the lips
and the lower ones too high.

Lips touch the teeth behind them. Between parted lips the upper incisors show by 2 to 3 mm, the lower ones hardly
(Vig and Brundo 1978); as the head has them a mouth that opens a little is full of lower teeth.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32, Int
from torch import Tensor

from mead_manip.models.face_model import HeadModel, rotation

SEATS = {"teeth_upper": (0.0, -0.015, 0.075), "teeth_lower": (0.0, -0.06, 0.075)}  # dm across, up, forward


# dm behind the incisors: the canines, the molars. Of the lower teeth incisors alone see light.
LIT_TO, DARK_FROM = 0.06, 0.22
LOWER_LIT_TO, LOWER_DARK_FROM = 0.02, 0.1
IN_THE_DARK = 0.1  # of the light that falls on the incisors


def seat_teeth(
    model: HeadModel, vertices: Float[Tensor, "frame vertex 3"], head_pose: Float[Tensor, "frame 3"]
) -> None:
    """Move the teeth of posed heads to their seats, in place; a head that was restricted may have none."""
    turn = rotation(head_pose)
    for part in SEATS.keys() & model.part_slices.keys():
        vertices[:, model.part_slices[part]] += (turn @ vertices.new_tensor(SEATS[part]))[:, None]


def light_on_teeth(
    template: Float32[np.ndarray, "vertex 3"],
    upper: Int[np.ndarray, "upper 3"],
    lower: Int[np.ndarray, "lower 3"],
) -> Float32[np.ndarray, " vertex"]:
    """Give the share of the light in front of a mouth that reaches each vertex of the teeth of a head at rest.

    Between lips that part, what lies behind the canines is in the shadow of cheeks and lips: its corners are dark.
    What is no tooth gets 1.
    """
    light = np.ones(len(template), np.float32)
    for teeth, lit_to, dark_from in ((upper, LIT_TO, DARK_FROM), (lower, LOWER_LIT_TO, LOWER_DARK_FROM)):
        used = np.unique(teeth)
        if used.size:
            forward = template[used, 2]
            behind = (forward.max() - forward - lit_to) / (dark_from - lit_to)
            light[used] = 1.0 - (1.0 - IN_THE_DARK) * np.clip(behind, 0.0, 1.0)
    return light
