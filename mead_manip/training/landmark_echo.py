"""Uses every drawn sample a few times, each time seen a little differently: drawing costs as much as learning."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from ..models.landmarker import CROP_SIZE, N_POINTS, mirror_order

_MIRROR = torch.from_numpy(mirror_order(N_POINTS))
_POOL = 40  # batches to mix samples from


def echoed(batches: Iterator[list[Tensor]], times: int, random: torch.Generator) -> Iterator[list[Tensor]]:
    """Yield batches mixed from a pool that takes in a new batch every `times` batches."""
    pool: list[list[Tensor]] = []
    step = 0
    while True:
        if step % times == 0:
            pool = [*pool[-_POOL + 1 :], list(next(batches))]
        size = len(pool[0][0])
        which = torch.randint(len(pool), (size,), generator=random).tolist()
        row = torch.randint(size, (size,), generator=random).tolist()
        yield [
            torch.stack([pool[b][column][r] for b, r in zip(which, row, strict=True)]) for column in range(len(pool[0]))
        ]
        step += 1


def vary_crops(
    crops: UInt8[Tensor, "batch 128 128 3"], landmarks_px: Float[Tensor, "batch 70 2"], random: torch.Generator
) -> tuple[Float[Tensor, "batch 3 128 128"], Float[Tensor, "batch 70 2"]]:
    """Mirror half of the crops, turn, scale and shift all a little, change their exposure and colour."""
    n, middle = len(crops), (CROP_SIZE - 1) / 2
    mirrored = torch.rand(n, generator=random) < 0.5
    angle = torch.randn(n, generator=random) * 0.08
    scale = torch.exp(torch.randn(n, generator=random) * 0.05)
    shift = torch.randn(n, 2, generator=random) * 0.03  # in half crops
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    sign = torch.where(mirrored, -1.0, 1.0)
    # crop_from_varied in units of half the crop, as grid_sample wants it.
    linear = torch.stack([torch.stack([cos * sign, -sin], 1), torch.stack([sin * sign, cos], 1)], 1)
    grid = F.affine_grid(torch.cat([linear, shift[:, :, None]], 2), [n, 3, CROP_SIZE, CROP_SIZE], align_corners=True)
    pixels = crops.permute(0, 3, 1, 2).float() / 255
    varied = F.grid_sample(pixels, grid, padding_mode="reflection", align_corners=True)
    centred = landmarks_px.float() / middle - 1
    points = torch.einsum("bij,bpj->bpi", torch.linalg.inv(linear), centred - shift[:, None])
    points = torch.where(mirrored[:, None, None], points[:, _MIRROR], points)
    return expose(varied, random), (points + 1) * middle


def vary_frames(
    frames: UInt8[Tensor, "batch height width 3"], target: Float[Tensor, "batch 4 row column"], random: torch.Generator
) -> tuple[Float[Tensor, "batch 3 height width"], Float[Tensor, "batch 4 row column"]]:
    """Mirror half of the frames and their targets, change exposure and colour."""
    mirrored: Bool[Tensor, " batch"] = torch.rand(len(frames), generator=random) < 0.5
    pixels, target = frames.permute(0, 3, 1, 2).float() / 255, target.float()
    flipped = target.flip(-1) * torch.tensor([1.0, 1.0, -1.0, 1.0])[:, None, None]
    choose = mirrored[:, None, None, None]
    return expose(torch.where(choose, pixels.flip(-1), pixels), random), torch.where(choose, flipped, target)


def expose(
    pixels: Float[Tensor, "batch 3 height width"], random: torch.Generator
) -> Float[Tensor, "batch 3 height width"]:
    """Another gain, contrast and white balance for every picture."""
    n = len(pixels)
    gain = torch.exp(torch.randn(n, 1, 1, 1, generator=random) * math.log(1.2))
    balance = torch.exp(torch.randn(n, 3, 1, 1, generator=random) * 0.06)
    offset = torch.randn(n, 1, 1, 1, generator=random) * 0.04
    return (pixels * gain * balance + offset).clamp(0, 1)
