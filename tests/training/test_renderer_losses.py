"""The renderer's losses: zero at the optimum, blind outside the mask, and NED's weights."""

import pytest
import torch

from mead_manip.training.renderer_losses import (
    cropped,
    feature_distance,
    pixel_distance,
    pyramid_distance,
    verdict_distance,
    weighted,
)
from mead_manip.training.renderer_recipe import renderer_recipe

MASK = torch.zeros(2, 1, 64, 64)
MASK[..., 16:48, 16:48] = 1


@pytest.fixture
def picture():
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("distance", [pyramid_distance, pixel_distance])
def test_a_distance_is_zero_for_the_same_picture_and_sees_nothing_outside_the_mask(distance, picture):
    assert float(distance(picture, picture, MASK)) == 0
    assert float(distance(picture + 0.3 * MASK, picture, MASK)) > 0.1
    assert float(pixel_distance(picture + 0.5 * (1 - MASK), picture, MASK)) == 0


def test_pyramids_mind_lost_detail_more_than_pixels_do(picture):
    blurred = torch.nn.functional.avg_pool2d(picture, 5, 1, 2)
    dimmed = picture + pixel_distance(blurred, picture, MASK)  # as far off in grey levels
    assert float(pixel_distance(dimmed, picture, MASK)) == pytest.approx(float(pixel_distance(blurred, picture, MASK)))
    assert float(pyramid_distance(blurred, picture, MASK)) > 2 * float(pyramid_distance(dimmed, picture, MASK))


def test_verdicts_add_up_over_scales():
    judged = [[torch.zeros(1), torch.full((1, 1, 3, 3), 0.5)], [torch.zeros(1), torch.zeros(1, 1, 2, 2)]]
    assert float(verdict_distance(judged, 1.0)) == pytest.approx(0.25 + 1.0)


def test_features_are_compared_below_the_verdict_halved_by_two_scales_and_the_real_ones_stand_still():
    def maps(value):
        return [[torch.full((1, 2, 3, 3), value, requires_grad=True) for _ in range(5)] for _ in range(2)]

    fake, real = maps(1.0), maps(0.0)
    distance = feature_distance(fake, real)
    assert float(distance.detach()) == pytest.approx(0.5 * 2 * 4)
    distance.backward()
    assert fake[0][0].grad is not None and real[0][0].grad is None and fake[0][4].grad is None


def test_crops_are_taken_at_their_corners(picture):
    cut = cropped(picture, [(3, 5), (10, 0)], 8)
    assert torch.equal(cut[0], picture[0, :, 5:13, 3:11]) and torch.equal(cut[1], picture[1, :, 0:8, 10:18])


def test_a_term_without_a_weight_is_an_error():
    with pytest.raises(KeyError):
        weighted({"pixel": torch.tensor(1.0)}, {})
    assert float(weighted({"pixel": torch.tensor(2.0)}, {"pixel": 3.0})) == 6


def test_the_full_recipe_is_ned_s_and_judged_terms_wait_for_their_judges():
    ned = renderer_recipe("full")
    assert ned.generator_weights == {
        "adversarial": 1, "matching": 10, "perceptual": 10, "mouth_adversarial": 1, "mouth_matching": 10,
    }  # fmt: skip
    assert (ned.learning_rate, ned.betas, ned.judged_from) == (2e-4, (0.5, 0.999), 0)
    small = renderer_recipe("small", temporal=True)
    assert set(small.weights_at(0)) == {"perceptual", "pixel", "mouth_pixel"}
    assert small.weights_at(small.judged_from) == small.generator_weights
    assert "temporal_adversarial" in small.generator_weights
