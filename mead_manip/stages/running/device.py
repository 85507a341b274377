"""Where to compute: the word of --device becomes a torch device, once, before anything is loaded."""

import torch

from mead_manip.errors import BackendUnavailable, UsageError
from mead_manip.training.world import local_index


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


def device_of_process(name: str) -> torch.device:
    """Give the device to train on: of several processes on one machine each takes the graphics card of its number."""
    device, local = choose_device(name), local_index()
    return torch.device("cuda", local) if local is not None and device == torch.device("cuda") else device
