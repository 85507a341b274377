"""Conformance of the four networks with NED, and the round trip of their weights."""

import json

import pytest
import torch

from mead_manip.emotions import NED_EMOTIONS
from mead_manip.models.manipulator import NOISE, STYLE, WINDOW, Architecture, Manipulator, count_parameters


@pytest.mark.parametrize(
    ("network", "count"),
    [("mapping", 45_040), ("style_encoder", 990_672), ("generator", 12_951_091), ("discriminator", 990_087)],
)
def test_the_full_networks_have_the_papers_size(network, count):
    nets = Manipulator(Architecture.of_size("full", n_coefs=51))
    assert count_parameters(getattr(nets, network)) == count


def test_labels_are_in_the_papers_order():
    order = ("neutral", "angry", "disgusted", "fear", "happy", "sad", "surprised")
    assert Architecture(51).emotions == NED_EMOTIONS == order


@pytest.mark.parametrize("size", ["full", "small"])
def test_shapes_follow_the_face_model(size):
    nets = Manipulator(Architecture.of_size(size, n_coefs=5))
    windows, emotion = torch.randn(3, WINDOW, 5), torch.tensor([0, 6, 2])
    style = nets.mapping(torch.randn(3, NOISE), emotion)
    assert style.shape == nets.style_encoder(windows).shape == (3, STYLE)
    assert nets.generator(windows, style).shape == windows.shape
    assert nets.discriminator.judge(windows, emotion).shape == (3,)


def test_initialisation_is_kaiming_normal_with_zero_bias():
    nets = Manipulator(Architecture(51))
    layer = nets.generator.head[0][0]
    assert not layer.bias.any()
    assert layer.weight.std().item() == pytest.approx((2 / layer.in_features) ** 0.5, rel=0.02)


def test_every_emotion_has_its_own_head():
    nets = Manipulator(Architecture.of_size("small", n_coefs=4))
    noise = torch.randn(1, NOISE).repeat(7, 1)
    styles = nets.mapping(noise, torch.arange(7))
    assert torch.pdist(styles).min() > 1e-3
    window = torch.randn(1, WINDOW, 4).repeat(7, 1, 1)
    logits = nets.discriminator.judge(window, torch.arange(7))
    assert torch.allclose(logits, nets.discriminator(window)[0], atol=1e-6)


def test_weights_survive_arrays_and_json():
    nets = Manipulator(Architecture.of_size("small", n_coefs=6))
    nets.coef_mean.uniform_()
    again = Manipulator.from_arrays(nets.to_arrays(), nets.architecture.to_json())
    assert again.architecture == nets.architecture
    assert all(torch.equal(a, b) for a, b in zip(nets.state_dict().values(), again.state_dict().values(), strict=True))


def test_scale_is_undone():
    nets = Manipulator(Architecture.of_size("small", n_coefs=6))
    nets.coef_mean.uniform_()
    nets.coef_std.uniform_(0.5, 2.0)
    coefs = torch.randn(9, 6)
    assert torch.allclose(nets.restored(nets.standardised(coefs)), coefs, atol=1e-6)


def test_levels_are_one_input_and_a_head_per_level_and_nothing_where_they_are_off():
    def counts(**options):
        nets = Manipulator(Architecture.of_size("full", n_coefs=51, **options))
        return [
            count_parameters(part) for part in (nets.mapping, nets.style_encoder, nets.generator, nets.discriminator)
        ]

    off, on = counts(), counts(levels=3)
    assert counts(window=25) == off
    assert [b - a for a, b in zip(off, on, strict=True)] == [64, 0, 0, 14 * 65]


def test_weights_of_earlier_days_have_the_papers_window_and_no_levels():
    text = json.loads(Architecture(6).to_json())
    del text["window"], text["levels"]
    assert Architecture.from_json(json.dumps(text)) == Architecture(6)
