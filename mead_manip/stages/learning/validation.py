"""How good a checkpoint is, by the validation actors: one number, of true means over all their windows."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mead_manip.evaluation.endpoints import frechet_distance
from mead_manip.models.manipulator import Manipulator
from mead_manip.training.manipulator import validate
from mead_manip.training.objectives import jaw_correlation
from mead_manip.training.windows import Batch, Windows

FEWEST = 2  # windows of an emotion, below which it has no distribution


def score(nets: Manipulator, windows: Windows, batch_size: int) -> dict[str, float]:
    """Give the mean of every loss term, and `score`, by which the best checkpoint is chosen: less is better.

    `score` = frechet + 1 - jaw. `frechet`: how far windows made as an emotion are from real ones of it (Frechet
    distance of their middle frames, mean over emotions), as a share of how far they were before; 0 is real, 1
    unchanged. `jaw`: correlation of the jaw's opening with the source's. Neither asks the discriminator, which the
    generator has learned to please, nor a classifier, which one edit in a thousand ways would please.
    """
    gathered = _Gathered(len(nets.architecture.emotions))
    terms = validate(nets, windows, batch_size, gathered.add)
    frechet, jaw = gathered.frechet(), gathered.jaw / len(windows)
    return terms | {"frechet": frechet, "jaw": jaw, "score": frechet + 1.0 - jaw}


class _Gathered:
    """Middle frames by emotion: real, made as it, and what they were made of."""

    def __init__(self, n_emotions: int) -> None:
        self.real: list[list[np.ndarray]] = [[] for _ in range(n_emotions)]
        self.made: list[list[np.ndarray]] = [[] for _ in range(n_emotions)]
        self.before: list[list[np.ndarray]] = [[] for _ in range(n_emotions)]
        self.jaw = 0.0

    def add(self, batch: Batch, fake: Tensor) -> None:
        middle = fake.shape[1] // 2
        source, made = batch.source[:, middle].cpu().numpy(), fake[:, middle].cpu().numpy()
        own, wanted = batch.source_emotion.cpu().numpy(), batch.reference_emotion.cpu().numpy()
        for emotion in range(len(self.real)):
            self.real[emotion].append(source[own == emotion])
            self.made[emotion].append(made[wanted == emotion])
            self.before[emotion].append(source[wanted == emotion])
        self.jaw += float(jaw_correlation(batch.source, fake).double().sum())

    def frechet(self) -> float:
        distances = []
        for parts in zip(self.real, self.made, self.before, strict=True):
            real, made, before = (np.concatenate(part) for part in parts)
            if not np.isfinite(made).all():
                return float("inf")
            if min(len(real), len(made)) >= FEWEST:
                distances.append((frechet_distance(made, real), frechet_distance(before, real)))
        if not distances:
            return 0.0
        made_as, unchanged = np.mean(distances, axis=0)
        return float(made_as / max(unchanged, torch.finfo(torch.float32).eps))
