"""How many processor threads torch computes on: small products only wait for each other's threads."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Found = TypeVar("Found")


@contextlib.contextmanager
def threads(n_threads: int | None) -> Iterator[None]:
    """Compute on `n_threads` processor threads (None leaves the number alone)."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def side_by_side(function: Callable[[Item], Found], items: Sequence[Item]) -> list[Found]:
    """Map a function over items, as many at a time as torch has processor threads, each on one of them.

    Threads that share every small product wait for each other; here they meet once, at the end. What is found does not
    depend on how many there are.
    """
    n_threads, learning = torch.get_num_threads(), torch.is_grad_enabled()

    def alone(item: Item) -> Found:
        # Both are settings of the thread that computes.
        torch.set_num_threads(1)
        with torch.set_grad_enabled(learning):
            return function(item)

    try:
        with ThreadPoolExecutor(min(n_threads, max(1, len(items)))) as pool:
            return list(pool.map(alone, items))
    finally:
        torch.set_num_threads(n_threads)  # the number of threads to come, which torch has set as well
