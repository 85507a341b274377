"""The pupils of the built-in head: two points that follow iBUG-68 where a network or a picture shows the gaze."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .face_model import HeadModel

_RIGHT, _LEFT = 2, 1  # as HeadModel.eyeball counts the subject's eyes; their joints have the same places in `joints`


def pupil_vertices(head: HeadModel) -> Int[Tensor, " eye=2"]:
    """Find the foremost vertex of each eyeball: of the eyes at points 36-41 (the subject's right) and 42-47."""
    found = []
    for side in (_RIGHT, _LEFT):
        ids = (head.eyeball == side).nonzero()[:, 0]
        arm = head.template[ids] - head.joints[side]
        found.append(ids[(arm[:, 2] / arm.norm(dim=1)).argmax()])
    return torch.stack(found)


def with_pupils(
    head: HeadModel, vertices: Float[Tensor, "batch vertex 3"], head_pose: Float[Tensor, "#batch 3"]
) -> Float[Tensor, "batch point=70 3"]:
    """Pick iBUG-68 and then the two pupils, behind their lids or not."""
    return torch.cat([head.landmarks(vertices, head_pose), vertices[:, pupil_vertices(head)]], dim=1)
