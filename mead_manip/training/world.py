"""Several processes that train as one: each takes its part of every batch, and gradients are summed before a step.

What `torchrun` and `accelerate launch` put into the environment is all that is needed. One process is a world of one.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed, nn

PATIENCE = timedelta(hours=12)  # how long a process waits for the one that reconstructs, validates or judges


@dataclass(frozen=True)
class World:
    """The processes of a training and this one's number among them."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Tell whether this process is the one that writes."""
        return self.rank == 0

    def part(self, n_samples: int) -> slice:
        """Give this process's part of a batch; the parts are disjoint and cover it."""
        return slice(n_samples * self.rank // self.size, n_samples * (self.rank + 1) // self.size)

    def share(self, n_samples: int) -> float:
        """Give how much of a batch this process's part is: a sum of means over parts, so weighted, is the mean."""
        part = self.part(n_samples)
        return (part.stop - part.start) / n_samples

    def sum_gradients(self, modules: Iterable[nn.Module]) -> None:
        """Add up the gradients of all processes."""
        if self.size == 1:
            return
        gradients = [p.grad for module in modules for p in module.parameters() if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        for gradient, summed in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(summed.view_as(gradient))

    def any(self, flag: bool, device: torch.device) -> bool:
        """Tell whether any process says so."""
        if self.size == 1:
            return flag
        votes = torch.tensor(float(flag), device=device)
        distributed.all_reduce(votes)
        return bool(votes > 0)

    def mean(self, values: Mapping[str, float], share: float, device: torch.device) -> dict[str, float]:
        """Give the mean over the whole batch of numbers that are means over this process's share."""
        if self.size == 1:
            return dict(values)
        total = torch.tensor(list(values.values()), device=device, dtype=torch.float32) * share
        distributed.all_reduce(total)
        return dict(zip(values, total.tolist(), strict=True))

    def wait(self) -> None:
        """Go on when all processes have come here."""
        if self.size > 1:
            distributed.barrier()


def local_index() -> int | None:
    """Give the number of this process on this machine, None where it was started alone."""
    return int(os.environ["LOCAL_RANK"]) if _launched() else None


@contextlib.contextmanager
def joined(device: torch.device) -> Iterator[World]:
    """Meet the other processes: over NCCL on CUDA, else over gloo."""
    if not _launched():
        yield World()
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield World(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()


def _launched() -> bool:
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ and "LOCAL_RANK" in os.environ
