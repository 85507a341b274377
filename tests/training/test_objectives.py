"""The losses: values at the optimum, one number per sample, and how trust enters them."""

import pytest
import torch

from mead_manip.training.objectives import (
    TERMS,
    clip_weights,
    cycle_distance,
    gradient_penalty,
    jaw_correlation,
    latent_sample_weights,
    least_squares,
    lip_correlation,
    reference_sample_weights,
    style_distance,
    style_diversity,
    weighted_sum,
)


def test_every_term_gives_one_number_per_sample():
    windows, styles = torch.randn(5, 10, 7), torch.randn(5, 16)
    terms = [
        least_squares(torch.randn(5), 1.0),
        style_distance(styles, styles + 1),
        cycle_distance(windows, windows + 2),
        jaw_correlation(windows, windows),
    ]
    assert all(term.shape == (5,) for term in terms)
    assert torch.allclose(terms[1], torch.ones(5)) and torch.allclose(terms[2], torch.full((5,), 2.0))


def test_correlation_is_1_for_increasing_minus_1_for_negated_and_finite_for_still_jaws():
    windows = torch.randn(4, 10, 3)
    assert torch.allclose(jaw_correlation(windows, 3 * windows + 2), torch.ones(4), atol=1e-5)
    assert torch.allclose(jaw_correlation(windows, -windows), -torch.ones(4), atol=1e-5)
    still = torch.ones(4, 10, 3, requires_grad=True)
    correlation = jaw_correlation(still, windows)
    correlation.sum().backward()
    assert torch.equal(correlation, torch.zeros(4)) and still.grad.isfinite().all()


def test_correlation_looks_at_the_jaw_alone():
    windows = torch.randn(4, 10, 3)
    other = windows.clone()
    other[..., 1:] = torch.randn(4, 10, 2)
    assert torch.allclose(jaw_correlation(windows, other), torch.ones(4), atol=1e-5)


def test_lips_count_alike_and_those_at_rest_count_for_nothing():
    windows = torch.randn(4, 10, 5)
    other = windows.clone()
    other[..., 3] *= -1
    assert torch.allclose(lip_correlation(windows, other, [1, 2]), torch.ones(4), atol=1e-2)
    assert torch.allclose(lip_correlation(windows, other, [2, 3]), torch.zeros(4), atol=1e-2)
    assert lip_correlation(1e-3 * windows, 1e-3 * windows, [1, 2]).abs().max() < 0.01


def test_terms_and_weights_must_agree():
    term = {"cycle": torch.ones(3)}
    with pytest.raises(KeyError):
        weighted_sum(term, {"cycle": 1.0, "style": 1.0}, term)
    with pytest.raises(KeyError):
        weighted_sum(term, {"style": 1.0}, term)
    with pytest.raises(KeyError):
        weighted_sum(term, {"cycle": 1.0}, {})


def test_the_mean_is_over_samples_not_over_weights():
    terms = {"cycle": torch.tensor([1.0, 3.0])}
    assert weighted_sum(terms, {"cycle": 2.0}, {"cycle": torch.tensor([0.5, 0.0])}).item() == 0.5


def test_no_weighting_is_the_unweighted_loss_bit_for_bit():
    torch.manual_seed(0)
    terms = {name: torch.randn(64) for name in TERMS}
    ones = clip_weights("none", torch.rand(64), torch.zeros(64, dtype=torch.long))
    plain = torch.stack([terms[name].mean() for name in TERMS]).sum()
    weights = dict.fromkeys(TERMS, 1.0)
    for sample_weights in (latent_sample_weights("none", ones), reference_sample_weights("none", ones, ones)):
        assert torch.equal(weighted_sum(terms, weights, sample_weights), plain)


def test_literal_scales_every_gradient_of_a_source_sample():
    values = torch.ones(2, requires_grad=True)
    trust = clip_weights("literal", torch.tensor([0.25, 1.0]), torch.tensor([0, 0]))
    reference = torch.tensor([0.5, 0.5])
    for sample_weights in (
        latent_sample_weights("literal", trust),
        reference_sample_weights("literal", trust, reference),
    ):
        for name in TERMS:
            (gradient,) = torch.autograd.grad((sample_weights[name] * values).mean(), values)
            assert gradient[0].item() == 0.25 * gradient[1].item() != 0


@pytest.mark.parametrize("weighting", ["provenance", "provenance-classnorm"])
def test_provenance_weighs_only_what_relies_on_a_label(weighting):
    source, reference = torch.tensor([0.1, 0.9]), torch.tensor([0.7, 0.2])
    latent = latent_sample_weights(weighting, source)
    pair = reference_sample_weights(weighting, source, reference)
    ones = torch.ones(2)
    assert torch.equal(latent["real"], source) and torch.equal(pair["real"], source)
    assert all(torch.equal(latent[name], ones) for name in TERMS if name not in ("real", "r1"))
    assert torch.equal(latent["r1"], source) and torch.equal(pair["r1"], source)
    assert all(torch.equal(pair[name], reference) for name in ("fake", "adversarial", "style"))
    assert all(torch.equal(pair[name], ones) for name in ("cycle", "mouth", "lips"))


def test_class_means_are_1_after_normalisation_and_the_ranking_stays():
    torch.manual_seed(0)
    trust, labels = torch.rand(50) ** 2, torch.randint(0, 5, (50,))
    weights = clip_weights("provenance-classnorm", trust, labels)
    for label in range(5):
        of_class = labels == label
        assert weights[of_class].mean().item() == pytest.approx(1.0, abs=1e-6)
        assert torch.equal(weights[of_class].argsort(), trust[of_class].argsort())


def test_an_unknown_weighting_is_refused():
    with pytest.raises(KeyError, match="sometimes"):
        clip_weights("sometimes", torch.ones(2), torch.zeros(2, dtype=torch.long))


def test_the_slope_penalty_is_half_the_squared_slope_of_each_sample():
    windows = torch.randn(4, 10, 3, requires_grad=True)
    slope = torch.randn(10, 3)
    scale = torch.tensor([0.0, 1.0, 2.0, 3.0])
    penalty = gradient_penalty(scale * (windows * slope).sum(dim=(1, 2)), windows)
    assert torch.allclose(penalty, 0.5 * scale.square() * slope.square().sum(), rtol=1e-5)


def test_diversity_is_the_mean_difference():
    windows = torch.randn(4, 10, 3)
    assert torch.equal(style_diversity(windows, windows), torch.zeros(4))
    assert torch.allclose(style_diversity(windows, windows + 0.5), torch.full((4,), 0.5))
