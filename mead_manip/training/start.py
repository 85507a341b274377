"""Networks before the first step: seeded or another run's, and aware of the scale of what they will see."""

from __future__ import annotations

from dataclasses import replace

import torch

from mead_manip.errors import UsageError
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


def continued(trained: Manipulator, emotions: tuple[str, ...], window: int, levels: int, scale: Scale) -> Manipulator:
    """Go on from trained networks, on their scale, with the heads of `emotions` and the range of new data."""
    theirs = trained.architecture
    mine = replace(theirs, emotions=emotions, window=window)
    if unknown := [emotion for emotion in emotions if emotion not in theirs.emotions]:
        found = f"--init: its networks know no {', '.join(unknown)}"
        raise UsageError(found, expected="one that was trained on " + ", ".join(emotions))
    if theirs.levels != levels:
        raise UsageError(f"--init: networks of {theirs.levels} levels", expected=f"{levels}: see --intensity-levels")
    scale = replace(scale, mean=trained.coef_mean, std=trained.coef_std)
    nets = new_manipulator(mine, scale, 0)
    heads = [theirs.emotions.index(emotion) for emotion in emotions]
    rows = [head * max(1, levels) + level for head in heads for level in range(max(1, levels))]
    known, state = trained.state_dict(), nets.state_dict()
    for name in state:
        if name.startswith("coef_"):
            continue
        if name.startswith("mapping.heads."):
            head, rest = name.removeprefix("mapping.heads.").split(".", 1)
            state[name] = known[f"mapping.heads.{heads[int(head)]}.{rest}"]
        else:
            # The last layer of D has a row per emotion (and level).
            state[name] = known[name][rows] if name.startswith("discriminator.head.1.") else known[name]
    nets.load_state_dict(state)
    return nets
