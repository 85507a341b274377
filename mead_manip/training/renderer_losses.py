"""The terms of a renderer's losses: pure functions. Weights are the recipe's; they meet in one sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from mead_manip.models.face_discriminator import Judged
from mead_manip.models.vgg_features import VggFeatures

_VGG_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
_LEVELS = 4  # of a Laplacian pyramid
_KERNEL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)

Picture = Float[Tensor, "batch 3 height width"]
Map = Float[Tensor, "batch 1 height width"]


def weighted(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Add terms up; a term without a weight, or a weight without its term, is an error."""
    if set(terms) != set(weights):
        raise KeyError(f"terms {sorted(terms)}, weights {sorted(weights)}")
    return torch.stack([weight * terms[name] for name, weight in weights.items()]).sum()


def verdict_distance(judged: Judged, target: float) -> Float[Tensor, ""]:
    """Sum over scales the mean squared distance of the verdicts from 1 (real) or 0 (generated)."""
    return torch.stack([(maps[-1].float() - target).square().mean() for maps in judged]).sum()


def feature_distance(fake: Judged, real: Judged) -> Float[Tensor, ""]:
    """Compare what the layers below the verdict make of a generated and a real picture; the real one is fixed."""
    distances = [
        (of_fake.float() - of_real.detach().float()).abs().mean()
        for fake_maps, real_maps in zip(fake, real, strict=True)
        for of_fake, of_real in zip(fake_maps[:-1], real_maps[:-1], strict=True)
    ]
    return torch.stack(distances).sum() / len(fake)


def vgg_distance(vgg: VggFeatures, fake: Picture, real: Picture) -> Float[Tensor, ""]:
    """Compare VGG-19's features, deeper layers weighted more; pictures go in as they are, in [-1, 1]."""
    with torch.no_grad():
        of_real = vgg(real)
    distances = [
        weight * (a.float() - b.float()).abs().mean()
        for weight, a, b in zip(_VGG_WEIGHTS, vgg(fake), of_real, strict=True)
    ]
    return torch.stack(distances).sum()


def pyramid_distance(fake: Picture, real: Picture, mask: Map) -> Float[Tensor, ""]:
    """Compare the levels of Laplacian pyramids and the slopes between pixels, inside the mask.

    What stands in for VGG where its weights are not at hand: details count as much as large forms, though they are a
    small part of the plain difference.
    """
    difference, inside = fake.float() - real.float(), mask.float()
    distances = [_masked_mean((difference[..., 1:] - difference[..., :-1]).abs(), inside[..., 1:])]
    distances.append(_masked_mean((difference[..., 1:, :] - difference[..., :-1, :]).abs(), inside[..., 1:, :]))
    # A pyramid is linear: that of the difference is the difference of the pyramids.
    for _ in range(_LEVELS):
        coarse = _smaller(difference)
        finer = functional.interpolate(coarse, difference.shape[-2:], mode="bilinear", align_corners=False)
        distances.append(2 * _masked_mean((difference - finer).abs(), inside))
        difference, inside = coarse, functional.interpolate(inside, coarse.shape[-2:], mode="area")
    return torch.stack([*distances, _masked_mean(difference.abs(), inside)]).sum()


def pixel_distance(fake: Picture, real: Picture, mask: Map) -> Float[Tensor, ""]:
    """Give the mean absolute difference inside the mask."""
    return _masked_mean((fake.float() - real.float()).abs(), mask.float())


def cropped(
    pictures: Float[Tensor, "batch channel height width"], corners: Sequence[tuple[int, int]], side: int
) -> Float[Tensor, "batch channel side side"]:
    """Cut a square out of every picture, from its upper left corner (x, y)."""
    cuts = [picture[:, y : y + side, x : x + side] for picture, (x, y) in zip(pictures, corners, strict=True)]
    return torch.stack(cuts)


def _masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    return (values * mask).sum() / (mask.sum() * values.shape[1]).clamp(min=1.0)


def _smaller(picture: Tensor) -> Tensor:
    """Blur with a binomial and take every other pixel."""
    channels = picture.shape[1]
    taps = picture.new_tensor(_KERNEL)
    kernel = (taps[:, None] * taps[None, :]).expand(channels, 1, 5, 5)
    return functional.conv2d(functional.pad(picture, (2, 2, 2, 2), mode="replicate"), kernel, stride=2, groups=channels)
