"""What the two landmark networks are taught: pure functions of outputs and truth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from ..models.landmarker import FINDER_STRIDE

RELATIONS = (
    *((37, 41), (38, 40), (43, 47), (44, 46), (61, 67), (62, 66), (63, 65), (51, 57)),  # lids, lips
    *((48, 54), (60, 64), (48, 51), (48, 57), (54, 51), (54, 57), (48, 33), (54, 33)),  # corners of the mouth
    *((17, 36), (19, 37), (21, 39), (26, 45), (24, 44), (22, 42), (21, 22), (19, 27), (24, 27)),  # brows
    *((33, 8), (57, 8), (33, 51), (68, 36), (68, 39), (69, 42), (69, 45)),  # chin, upper lip, pupils
)
_FROM, _TO = ([pair[end] for pair in RELATIONS] for end in (0, 1))


def landmark_terms(
    net: Callable[[Tensor], tuple[Tensor, Tensor, Tensor]],
    crops: Float[Tensor, "batch 3 128 128"],
    landmarks_px: Float[Tensor, "batch 70 2"],
    is_face: Bool[Tensor, " batch"],
) -> dict[str, Tensor]:
    """Points by a robust distance (px), what a face does by a plain one, heat maps sharp on faces and vague elsewhere,
    and face or not.

    A point that is a pixel off costs little, so that points alone teach a face that moves too little. Distances between
    lids, lips, brows and corners (`RELATIONS`) are what expressions are read off: they are taught by themselves.
    """
    points, spread, logit = net(crops)
    error = points - landmarks_px
    relation = (error[:, _FROM] - error[:, _TO]).norm(dim=-1)
    share = is_face.float()[:, None] / is_face.sum().clamp_min(1)
    weight = share / points.shape[1]
    return {
        "points": (weight * robust(error.norm(dim=-1))).sum(),
        "relations": 0.6 * (share * relation).sum() / len(RELATIONS),
        "spread": 0.02 * (weight * F.relu(spread - 4.0)).sum(),
        "vague": 0.005 * (F.relu(24.0 - spread).mean(1) * ~is_face).mean(),
        "face": F.binary_cross_entropy_with_logits(logit, is_face.float()),
    }


def robust(error_px: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """Logarithmic like the wing loss (Feng et al. 2018): small errors pull as hard as large ones."""
    return 4.0 * torch.log1p(error_px / 3.0)


def finder_terms(
    net: Callable[[Tensor], Tensor],
    frames: Float[Tensor, "batch 3 height width"],
    target: Float[Tensor, "batch 4 row column"],
) -> dict[str, Tensor]:
    """Focal loss on centres (Zhou et al. 2019, penalty-reduced) and L1 on size and offset at the centres."""
    maps = net(frames)
    heat, logit = target[:, 0], maps[:, 0]
    centre = (heat == 1.0).float()
    count = centre.sum().clamp_min(1)
    found = logit.sigmoid()
    missed = centre * (1 - found).square() * F.softplus(-logit)
    wrong = (1 - centre) * (1 - heat).pow(4) * found.square() * F.softplus(logit)
    offsets = (maps[:, 1:] - target[:, 1:]).abs() * centre[:, None]
    return {"centre": (missed + wrong).sum() / count, "box": offsets.sum() / count}


def finder_target(faces: list[Float[np.ndarray, "70 2"]], size: int) -> Float[np.ndarray, "4 row column"]:
    """What the finder should say: a bump per face, and at its cell log2(side / 32 px) and the offset in cells."""
    cells = size // FINDER_STRIDE
    target = np.zeros((4, cells, cells), np.float32)
    ticks = np.arange(cells)
    for points in faces:
        low, high = points.min(0), points.max(0)
        side = float((high - low).max())
        x, y = ((low + high) / 2 + 0.5) / FINDER_STRIDE - 0.5
        column, row = (int(np.clip(round(v), 0, cells - 1)) for v in (x, y))
        sigma = max(0.7, 0.08 * side / FINDER_STRIDE)
        bump = np.exp(-(np.square(ticks[None] - column) + np.square(ticks[:, None] - row)) / (2 * sigma**2))
        target[0] = np.maximum(target[0], np.where(bump > 0.99, 1.0, bump))
        target[1:, row, column] = np.log2(side / 32), x - column, y - row
    return target
