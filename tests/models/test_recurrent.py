"""The LSTM of large products gives torch's numbers and torch's gradients, once and twice."""

import pytest
import torch
from torch import nn

from mead_manip.models.recurrent import NARROW, bidirectional, over_windows


def lstm(width: int = NARROW, layers: int = 2) -> nn.LSTM:
    torch.manual_seed(0)
    return nn.LSTM(5, width, num_layers=layers, batch_first=True, bidirectional=True).double()


def sequences(batch: int = 3, frames: int = 7) -> torch.Tensor:
    return torch.randn(batch, frames, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("width", [NARROW, 8], ids=["wide", "narrow"])
@pytest.mark.parametrize(("frames", "layers"), [(7, 2), (2, 1), (1, 2)])
def test_states_and_gradients_are_torchs(frames, layers, width):
    net, inputs = lstm(width, layers), sequences(frames=frames).requires_grad_()
    asked = [inputs, *net.parameters()]
    ours, theirs = bidirectional(net, inputs), net(inputs)[0]
    assert torch.allclose(ours, theirs, atol=1e-12)
    weights = torch.randn_like(theirs)
    found, expected = (torch.autograd.grad(states, asked, weights) for states in (ours, theirs))
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, atol=1e-11)


def test_without_gradients_the_states_are_the_same():
    net, inputs = lstm(), sequences()
    with torch.no_grad():
        unlearned = bidirectional(net, inputs)
    assert torch.equal(unlearned, bidirectional(net, inputs)) and not unlearned.requires_grad


def test_a_gradient_of_a_gradient_is_torchs():
    net = lstm()

    def of_slope(run) -> list[torch.Tensor]:
        inputs = sequences().requires_grad_()
        (slope,) = torch.autograd.grad(run(inputs).square().sum(), inputs, create_graph=True)
        return list(torch.autograd.grad(slope.square().sum(), list(net.parameters())))

    ours, theirs = of_slope(lambda inputs: bidirectional(net, inputs)), of_slope(lambda inputs: net(inputs)[0])
    for one, other in zip(ours, theirs, strict=True):
        assert one.abs().max() > 0 and torch.allclose(one, other, atol=1e-10)


def test_a_frozen_network_passes_gradients_on_and_collects_none():
    net, inputs = lstm().requires_grad_(False), sequences().requires_grad_()
    bidirectional(net, inputs).sum().backward()
    (expected,) = torch.autograd.grad(net(inputs)[0].sum(), inputs)
    assert torch.allclose(inputs.grad, expected, atol=1e-12)
    assert all(parameter.grad is None for parameter in net.parameters())


def test_going_back_twice_gives_the_same():
    net, inputs = lstm(), sequences().requires_grad_()
    total = bidirectional(net, inputs).square().sum()
    first, again = (torch.autograd.grad(total, inputs, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, again)


@pytest.mark.parametrize("width", [NARROW, 8], ids=["wide", "narrow"])
@pytest.mark.parametrize("frames", [4, 5, 19])
def test_windows_of_a_clip_are_run_as_if_each_were_alone(frames, width):
    net, clip = lstm(width), sequences(1, frames)[0]
    with torch.no_grad():
        singly = [net(clip[None, first : first + 4])[0][0] for first in range(frames - 3)]
        assert torch.allclose(over_windows(net, 4)(clip), torch.stack(singly), atol=1e-12)
