"""A bidirectional LSTM on the CPU as few large matrix products; elsewhere, and where it is narrow, torch's own.

The inputs of all steps are projected at once, both directions take a step together, the first step leaves out the state
that it has not got, and a weight's gradient is one product over all steps. Weights are those of a `nn.LSTM`, and so are
the numbers, up to rounding. The gates are i, f, g, o, as torch names and orders them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

NARROW = 96  # hidden units; with fewer the many small operations cost more than the large products save
_KINDS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
_sigmoid_slope = torch.ops.aten.sigmoid_backward.grad_input
_tanh_slope = torch.ops.aten.tanh_backward.grad_input


def bidirectional(lstm: nn.LSTM, inputs: Float[Tensor, "batch frame feature"]) -> Float[Tensor, "batch frame hidden"]:
    """Run a bidirectional LSTM over sequences of one length, both ways from rest."""
    if not _pays(lstm, inputs):
        return lstm(inputs)[0]
    hidden = inputs.transpose(0, 1)
    for parameters in _layers(lstm):
        hidden = _layer(hidden, parameters)
    return hidden.transpose(0, 1)


def over_windows(
    lstm: nn.LSTM, window: int
) -> Callable[[Float[Tensor, "frame feature"]], Float[Tensor, "window tap hidden"]]:
    """Give what runs a bidirectional LSTM over all windows of consecutive frames, without gradients.

    The inputs of a frame are projected once for all windows, and the weights are laid out here, once for many clips.
    """
    if not _pays(lstm, next(lstm.parameters())):
        return lambda frames: lstm(frames.unfold(0, window, 1).transpose(1, 2))[0]
    layers = [(parameters, *_recurrent(parameters)) for parameters in _layers(lstm)]

    def run(frames: Tensor) -> Tensor:
        hidden = frames
        for parameters, bias, weight in layers:
            projected = _projected(hidden, parameters)
            if hidden is frames:
                # Step t of all windows is a run of frames: (direction, frame, gate) -> (direction, step, window, gate).
                projected = projected.unfold(1, window, 1).permute(0, 3, 1, 2)
            hidden, _ = _run(projected, bias, weight.mT)
        return hidden.transpose(0, 1)

    return run


# ---- below: one layer, time first -----------------------------------------------------------------------------------


def _pays(lstm: nn.LSTM, inputs: Tensor) -> bool:
    return inputs.device.type == "cpu" and lstm.hidden_size >= NARROW


def _layers(lstm: nn.LSTM) -> list[list[Tensor]]:
    """Give the parameters of every layer, one direction after the other."""
    return [
        [getattr(lstm, f"{kind}_l{layer}{way}") for way in ("", "_reverse") for kind in _KINDS]
        for layer in range(lstm.num_layers)
    ]


def _layer(inputs: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (inputs, *parameters)):
        return _Layer.apply(inputs.contiguous(), *parameters)
    bias, weight = _recurrent(parameters)
    return _run(_projected(inputs, parameters), bias, weight.mT)[0]


class _Layer(torch.autograd.Function):
    """A layer of both directions: (frame, batch, feature) -> (frame, batch, hidden)."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, *parameters: Tensor) -> Tensor:
        """Keep what the way back needs."""
        bias, weight = _recurrent(parameters)
        hidden, kept = _run(_projected(inputs, parameters), bias, weight.mT, keep=True)
        ctx.save_for_backward(inputs, *parameters, hidden, weight, *kept)
        return hidden

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Go back step by step for the gates' gradient; all others follow from it at once."""
        inputs, *rest = ctx.saved_tensors
        parameters, hidden, kept = rest[:8], rest[8], rest[9:]  # kept: the stacked weight, then what _run kept
        if torch.is_grad_enabled():
            return _twice_differentiable(inputs, parameters, gradient)
        gates = _back(gradient, *kept)
        of_inputs: Tensor | None = None
        of_parameters: list[Tensor] | list[None] = [None] * 8
        if ctx.needs_input_grad[0]:
            forward, reverse = gates.flatten(1, 2)
            of_inputs = torch.addmm(forward @ parameters[0], reverse, parameters[4]).view_as(inputs)
        if any(ctx.needs_input_grad[1:]):
            of_parameters = _of_parameters(inputs, hidden, gates)
        return of_inputs, *of_parameters


def _recurrent(parameters: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Give the biases and the weights of the state: (direction, 1, gate), (direction, gate, hidden)."""
    bias = torch.stack([parameters[2] + parameters[3], parameters[6] + parameters[7]])
    return bias[:, None], torch.stack([parameters[1], parameters[5]])


def _projected(inputs: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """Give what the inputs tell the gates of either direction, without the biases: (direction, ..., gate)."""
    rows = inputs.flatten(0, -2)
    projected = rows.new_empty(2, len(rows), len(parameters[0]))
    for weight, into in zip((parameters[0], parameters[4]), projected, strict=True):
        torch.mm(rows, weight.t(), out=into)
    return projected.view(2, *inputs.shape[:-1], -1)


def _run(
    projected: Tensor, bias: Tensor, weight: Tensor, *, keep: bool = False
) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Give the states, (frame, batch, hidden), and by step, where kept, the gates, cells and their tanh."""
    _, n_steps, batch, n_gates = projected.shape
    width = n_gates // 4
    states = projected.new_empty(2, n_steps, batch, width)
    gates, cells, bent = (projected.new_empty(n_steps if keep else 0, 2, batch, n) for n in (n_gates, width, width))
    cell = states
    for step in range(n_steps):
        into = (gates[step], cells[step], bent[step]) if keep else (None, None, None)
        now = torch.add(_at_step(projected, step), bias, out=into[0])
        if step:
            now.baddbmm_(_at_step(states, step - 1), weight)
        i, f, g, o = now.split(width, dim=-1)
        now[..., : 2 * width].sigmoid_()
        g.tanh_()
        o.sigmoid_()
        cell = torch.addcmul(f * cell, i, g, out=into[1]) if step else torch.mul(i, g, out=into[1])
        torch.mul(o, torch.tanh(cell, out=into[2]), out=_at_step(states, step))
    return torch.cat([states[0], states[1]], dim=-1), (gates, cells, bent)


def _back(gradient: Tensor, weight: Tensor, gates: Tensor, cells: Tensor, bent: Tensor) -> Tensor:
    """Give the gradient of the gates before they are bent: (direction, frame, batch, gate)."""
    n_steps, _, batch, n_gates = gates.shape
    width = n_gates // 4
    i, f, g, o = gates.split(width, dim=-1)
    # What a cell's gradient does to i, f and g, and a state's to o and to the cell, known before any is.
    of_cell_to = torch.empty_like(gates[..., : 3 * width])
    to_i, to_f, to_g = of_cell_to.split(width, dim=-1)
    _sigmoid_slope(g, i, grad_input=to_i)
    _sigmoid_slope(cells[:-1], f[1:], grad_input=to_f[1:])
    to_f[0] = 0.0
    _tanh_slope(i, g, grad_input=to_g)
    of_state_to_o, of_state_to_cell = torch.ops.aten.sigmoid_backward(bent, o), torch.ops.aten.tanh_backward(o, bent)

    found = gates.new_empty(2, n_steps, batch, n_gates)
    by_way = gradient.unflatten(-1, (2, width)).permute(2, 0, 1, 3).contiguous()
    of_cell = torch.zeros_like(cells[0])
    for step in reversed(range(n_steps)):
        of_state, now = _at_step(by_way, step), _at_step(found, step)
        if step + 1 < n_steps:
            of_state = torch.baddbmm(of_state, _at_step(found, step + 1), weight)
        of_cell.addcmul_(of_state, of_state_to_cell[step])
        torch.mul(of_state, of_state_to_o[step], out=now[..., 3 * width :])
        spread = of_cell_to[step].unflatten(-1, (3, width))
        torch.mul(of_cell[:, :, None], spread, out=now[..., : 3 * width].unflatten(-1, (3, width)))
        of_cell *= f[step]
    return found


def _of_parameters(inputs: Tensor, hidden: Tensor, gates: Tensor) -> list[Tensor]:
    """Give the gradients of weights and biases from those of the gates."""
    width = hidden.shape[2] // 2
    # The state before a frame is that of its neighbour; before the first there is none.
    before = (hidden[:-1, :, :width], hidden[1:, :, width:])
    with_state = (gates[0, 1:], gates[1, :-1])
    found = []
    for way in (0, 1):
        rows = gates[way].flatten(0, 1)
        bias = rows.t() @ rows.new_ones(len(rows))
        of_state = with_state[way].flatten(0, 1).t() @ before[way].flatten(0, 1)
        found += [rows.t() @ inputs.flatten(0, 1), of_state, bias, bias.clone()]
    return found


def _at_step(by_frame: Tensor, step: int) -> Tensor:
    """View a step of both directions, (direction, frame, ...) -> (direction, ...): the second starts at the end."""
    way, frame, *others = by_frame.stride()
    last = by_frame.shape[1] - 1
    offset = by_frame.storage_offset() + step * frame
    return by_frame.as_strided((2, *by_frame.shape[2:]), (way + (last - 2 * step) * frame, *others), offset)


def _twice_differentiable(inputs: Tensor, parameters: Sequence[Tensor], gradient: Tensor) -> tuple[Tensor | None, ...]:
    """Give the gradients by torch's own layer, for a gradient of them."""
    rest = inputs.new_zeros(2, inputs.shape[1], parameters[1].shape[1])
    hidden, *_ = torch.lstm(inputs, (rest, rest), list(parameters), True, 1, 0.0, True, True, False)
    asked = [tensor for tensor in (inputs, *parameters) if tensor.requires_grad]
    found = iter(torch.autograd.grad(hidden, asked, gradient, create_graph=True))
    return tuple(next(found) if tensor.requires_grad else None for tensor in (inputs, *parameters))
