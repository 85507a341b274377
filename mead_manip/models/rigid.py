"""Rotations and the camera, in torch."""

import torch
from jaxtyping import Float
from torch import Tensor


def rotation(axis_angle: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Rotation matrices of axis-angle vectors; differentiable at zero too."""
    squared = (axis_angle**2).sum(-1)[..., None, None]
    small = squared < 1e-8
    angle = torch.where(small, torch.ones_like(squared), squared).sqrt()
    sinc = torch.where(small, 1 - squared / 6, angle.sin() / angle)
    versine = torch.where(small, 0.5 - squared / 24, (1 - angle.cos()) / angle**2)
    x, y, z = axis_angle.unbind(-1)
    zero = torch.zeros_like(x)
    skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).unflatten(-1, (3, 3))
    return torch.eye(3).to(axis_angle) + sinc * skew + versine * (skew @ skew)


def project(
    points: Float[Tensor, "*batch point 3"], camera: Float[Tensor, "*batch 3"]
) -> Float[Tensor, "*batch point 2"]:
    """Scaled orthographic view: camera = (scale px/dm, x px, y px), pixels with y down."""
    scale, shift = camera[..., None, :1], camera[..., None, 1:]
    return scale * points[..., :2] * torch.tensor([1.0, -1.0]).to(points) + shift
