"""Networks before the first step: seeded, and aware of the scale of what they will see."""

from __future__ import annotations

import torch

from mead_manip.models.manipulator import Architecture, Manipulator
from mead_manip.training.windows import Scale


def default_scaling(face_model: str) -> str:
    """FLAME's coefficients have unit variance by construction; those of other face models are brought to it."""
    return "raw" if face_model.lower().startswith("flame") else "spread"


def new_manipulator(architecture: Architecture, scale: Scale, seed: int) -> Manipulator:
    """Make networks; the same seed makes the same, and no other random number changes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        nets = Manipulator(architecture)
    nets.coef_mean, nets.coef_std, nets.coef_low, nets.coef_high = scale.mean, scale.std, scale.low, scale.high
    return nets
