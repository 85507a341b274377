"""The moving average of networks that are trained: what is published."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def follow(average: nn.Module | None, trained: nn.Module, decay: float, step: int) -> None:
    """Move an average a little towards the networks, if there is one; more so in the first steps."""
    if average is None:
        return
    slow_down = min(decay, (1 + step) / (10 + step))
    for slow, fast in zip(average.parameters(), trained.parameters(), strict=True):
        slow.lerp_(fast, 1.0 - slow_down)
