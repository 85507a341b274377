"""Whether this machine can compute as a training is asked to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from mead_manip.config import TrainConfig
from mead_manip.errors import BackendUnavailable, UsageError


def refuse_impossible(config: TrainConfig, settings: Mapping[str, Any], device: torch.device) -> None:
    """Refuse bfloat16 away from CUDA, and to compile where torch cannot."""
    if config.precision == "bf16" and not (device.type == "cuda" and torch.cuda.is_bf16_supported()):
        raise UsageError(f"--precision bf16 on {device}", expected="a CUDA device with bfloat16, or fp32")
    if config.compile and settings["weight_r1"]:
        raise UsageError(
            "--compile with --weight-r1: compiled layers have no gradient of a gradient", expected="one of them"
        )
    if config.compile:
        _refuse_uncompilable(device)


def _refuse_uncompilable(device: torch.device) -> None:
    probe = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU()).to(device)
    probe.compile()
    try:
        probe(torch.zeros(1, 2, device=device)).sum().backward()
    except (RuntimeError, ImportError, OSError) as error:
        # torch names what is missing at the end of a long text: a C++ compiler on the CPU, triton on CUDA.
        reason = str(error).strip().splitlines()[0][:200]
        raise BackendUnavailable(
            f"--compile: torch cannot compile for {device}: {reason}",
            remedy="install a C++ compiler (CPU), triton (CUDA)",
        ) from error
