"""Where to compute: the word of --device becomes a torch device, once, before anything is loaded."""

import contextlib
from collections.abc import Iterator

import torch

from mead_manip.errors import BackendUnavailable, UsageError


def choose_device(name: str) -> torch.device:
    """Give the device that `name` means; auto is the first of cuda, mps, cpu that this machine has."""
    if name == "auto":
        return torch.device(
            "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        )
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"--device: {name!r}", expected="auto, cpu, cuda, cuda:1 or mps") from error
    missing = (device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()) or (
        device.type == "mps" and not torch.backends.mps.is_available()
    )
    if missing:
        raise BackendUnavailable(f"device {name} is not there", remedy="use --device auto or cpu")
    return device


@contextlib.contextmanager
def threads(n_threads: int | None) -> Iterator[None]:
    """Compute on `n_threads` processor threads (None leaves the number alone)."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
