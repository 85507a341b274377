"""Who comes next: orders and noise that depend on a seed, a number and a name alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from mead_manip.models.manipulator import NOISE


@lru_cache(maxsize=4)
def order(n_windows: int, seed: int, epoch: int, role: str) -> Int64[Tensor, " window"]:
    """Give a shuffled pass over all windows."""
    return torch.randperm(n_windows, generator=generator_of(seed, epoch, role))


def draw_noise(n_samples: int, seed: int, index: int, role: str) -> Float[Tensor, "sample noise"]:
    """Give latents."""
    return torch.randn(n_samples, NOISE, generator=generator_of(seed, index, role))


def generator_of(seed: int, index: int, role: str) -> torch.Generator:
    """Give a generator that depends on nothing but its name and number."""
    state = np.random.SeedSequence([seed, index, *role.encode()]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))


def class_members(emotion: Int64[Tensor, " window"]) -> list[Int64[Tensor, " _"]]:
    """Give the windows of every emotion that has any."""
    return [torch.nonzero(emotion == label).flatten() for label in emotion.unique()]


def balanced_order(groups: Sequence[Tensor], n_windows: int, generator: torch.Generator) -> Int64[Tensor, " window"]:
    """Give an epoch in which every class comes equally often, and every window of a class before one comes again.

    Classes come in rounds, each in an order of its own; the last round may be cut short.
    """
    n_rounds = -(-n_windows // len(groups))
    columns = []
    for members in groups:
        passes = -(-n_rounds // len(members))
        drawn = torch.cat([torch.randperm(len(members), generator=generator) for _ in range(passes)])
        columns.append(members.cpu()[drawn[:n_rounds]])
    rounds = torch.stack(columns, dim=1)
    order = torch.rand(rounds.shape, generator=generator).argsort(dim=1)
    return rounds.gather(1, order).flatten()[:n_windows]
