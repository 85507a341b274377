"""How many processor threads torch computes on: small products only wait for each other's threads."""

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def threads(n_threads: int | None) -> Iterator[None]:
    """Compute on `n_threads` processor threads (None leaves the number alone)."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
