"""The losses of NED's manipulator: pure functions, one number per sample, and the sum they meet in.

Every term returns a vector over the batch, so that a sample can weigh less than another (by how far the label it relies
on is trusted). The mean is always over the number of samples, never over the sum of the weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor

CORRELATION_EPSILON = 1e-8  # added to the variance product: a still jaw has correlation 0, not NaN
LIPS_EPSILON = 1e-4  # larger, so that the noise of lips at rest (a tenth of the unit spread) counts for nothing
WEIGHTINGS = ("literal", "none", "provenance", "provenance-classnorm")

DISCRIMINATOR_TERMS = ("real", "fake")
GENERATOR_TERMS = ("adversarial", "style", "cycle", "mouth")
OUR_TERMS = ("lips", "r1", "diversity")  # off unless they have a weight
TERMS = (*DISCRIMINATOR_TERMS, *GENERATOR_TERMS, *OUR_TERMS)
_OF_SOURCE_LABEL = ("real", "r1")  # they look at the head of D that the source's label picks


def least_squares(logit: Float[Tensor, " batch"], target: float) -> Float[Tensor, " batch"]:
    """Squared distance to the wanted verdict (LSGAN)."""
    return (logit - target).square()


def style_distance(
    style: Float[Tensor, "batch style"], wanted: Float[Tensor, "batch style"]
) -> Float[Tensor, " batch"]:
    """Mean absolute difference of style codes."""
    return (style - wanted).abs().mean(dim=1)


def cycle_distance(
    coefs: Float[Tensor, "batch frame coef"], wanted: Float[Tensor, "batch frame coef"]
) -> Float[Tensor, " batch"]:
    """Mean absolute difference of windows."""
    return (coefs - wanted).abs().mean(dim=(1, 2))


def jaw_correlation(
    coefs: Float[Tensor, "batch frame coef"], other: Float[Tensor, "batch frame coef"]
) -> Float[Tensor, " batch"]:
    """Pearson correlation over time of component 0, the opening of the jaw; 0 where a jaw is still."""
    return _correlation(coefs[..., 0], other[..., 0], CORRELATION_EPSILON)


def lip_correlation(
    coefs: Float[Tensor, "batch frame coef"], other: Float[Tensor, "batch frame coef"], lips: Sequence[int]
) -> Float[Tensor, " batch"]:
    """Mean over the coefficients `lips` of their correlation over time. Not in NED, where lips may forget to close."""
    index = torch.tensor(lips, device=coefs.device)
    return _correlation(coefs[..., index], other[..., index], LIPS_EPSILON).mean(dim=1)


def gradient_penalty(
    logit: Float[Tensor, " batch"], coefs: Float[Tensor, "batch frame coef"]
) -> Float[Tensor, " batch"]:
    """Half the squared slope of the verdict at each real window (R1, in StarGAN v2's form). Not in NED.

    `coefs` must require a gradient. A sample's verdict depends on that sample alone, so the slope of the sum is all
    slopes.
    """
    (slope,) = torch.autograd.grad(logit.sum(), coefs, create_graph=True)
    return 0.5 * slope.square().sum(dim=(1, 2))


def style_diversity(
    coefs: Float[Tensor, "batch frame coef"], other: Float[Tensor, "batch frame coef"]
) -> Float[Tensor, " batch"]:
    """Mean absolute difference of windows that two latents made of one source (StarGAN v2). Not in NED."""
    return (coefs - other).abs().mean(dim=(1, 2))


def weighted_sum(
    terms: Mapping[str, Float[Tensor, " batch"]],
    weights: Mapping[str, float],
    sample_weights: Mapping[str, Float[Tensor, " batch"]],
) -> Float[Tensor, ""]:
    """Sum of the batch means of all terms; a term without a weight, or a weight without a term, is a KeyError."""
    if terms.keys() != weights.keys():
        raise KeyError(f"loss terms {sorted(terms)} and configured weights {sorted(weights)} differ")
    means = [weights[name] * (sample_weights[name] * term).mean() for name, term in terms.items()]
    return torch.stack(means).sum()


def latent_sample_weights(weighting: str, source: Float[Tensor, " batch"]) -> dict[str, Float[Tensor, " batch"]]:
    """Sample weights of all terms where the style comes from noise: only the source has a label that can be wrong."""
    if weighting in ("literal", "none"):
        return dict.fromkeys(TERMS, source)
    return dict.fromkeys(TERMS, torch.ones_like(source)) | dict.fromkeys(_OF_SOURCE_LABEL, source)


def reference_sample_weights(
    weighting: str, source: Float[Tensor, " batch"], reference: Float[Tensor, " batch"]
) -> dict[str, Float[Tensor, " batch"]]:
    """Sample weights of all terms where the style comes from a reference clip, whose label picks the head of D."""
    if weighting in ("literal", "none"):
        return dict.fromkeys(TERMS, source)
    doubtful = dict.fromkeys(("fake", "adversarial", "style"), reference)
    return dict.fromkeys(TERMS, torch.ones_like(source)) | dict.fromkeys(_OF_SOURCE_LABEL, source) | doubtful


def clip_weights(
    weighting: str, trust: Float[Tensor, " clip"], labels: Int64[Tensor, " clip"]
) -> Float[Tensor, " clip"]:
    """The weight of every training clip under a weighting, computed once and frozen.

    `trust` is lambda of equation 1. `provenance-classnorm` divides it by the mean of its class, which keeps the ranking
    within an emotion and drops the scorer's preference for some emotions.
    """
    if weighting not in WEIGHTINGS:
        raise KeyError(f"unknown weighting {weighting!r}; known: {', '.join(WEIGHTINGS)}")
    if weighting == "none":
        return torch.ones_like(trust)
    if weighting != "provenance-classnorm":
        return trust
    weights = torch.empty_like(trust)
    for label in labels.unique():
        of_class = labels == label
        weights[of_class] = trust[of_class] / trust[of_class].mean().clamp_min(torch.finfo(trust.dtype).tiny)
    return weights


def _correlation(u: Tensor, v: Tensor, epsilon: float) -> Tensor:
    """Pearson's correlation over dimension 1."""
    u, v = u - u.mean(dim=1, keepdim=True), v - v.mean(dim=1, keepdim=True)
    variances = u.square().mean(dim=1) * v.square().mean(dim=1)
    return (u * v).mean(dim=1) / (variances + epsilon).sqrt()
