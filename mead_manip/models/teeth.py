"""Teeth of the built-in head -> where teeth are: the head has them too far behind the lips and the lower ones too high.

Lips touch the teeth behind them. Between parted lips the upper incisors show by 2 to 3 mm, the lower ones hardly
(Vig and Brundo 1978); as the head has them a mouth that opens a little is full of lower teeth.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from mead_manip.models.face_model import HeadModel, rotation

SEATS = {"teeth_upper": (0.0, -0.015, 0.075), "teeth_lower": (0.0, -0.04, 0.075)}  # dm across, up, forward


def seat_teeth(
    model: HeadModel, vertices: Float[Tensor, "frame vertex 3"], head_pose: Float[Tensor, "frame 3"]
) -> None:
    """Move the teeth of posed heads to their seats, in place; a head that was restricted may have none."""
    turn = rotation(head_pose)
    for part in SEATS.keys() & model.part_slices.keys():
        vertices[:, model.part_slices[part]] += (turn @ vertices.new_tensor(SEATS[part]))[:, None]
