"""Which frames a renderer learns from at which step: a pure function of the seed and the step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from mead_manip.errors import UsageError


class Shot(NamedTuple):
    """Frames of one video without a cut or a gap; the end is excluded."""

    video: int
    start: int
    end: int


class Piece(NamedTuple):
    """The frames of one sequence that one step takes."""

    shot: Shot
    start: int
    end: int  # excluded
    fresh: bool  # begins its sequence: nothing was drawn before
    seed: int  # of what is random about these frames


@dataclass(frozen=True)
class Schedule:
    """How long sequences are, how they are cut up, and how often every part of a shot is visited."""

    per_step: int = 4  # frames that are drawn, one after another, between two updates
    lengths: tuple[int, ...] = (12, 24, 48)  # of sequences, in frames: the first for five epochs, and so on
    epochs_per_length: int = 5
    stretch: int = 50  # of a shot that gives one sequence an epoch, in frames
    sequences: int = 1  # side by side

    def length(self, epoch: int) -> int:
        """Give how many frames a sequence of an epoch has at most."""
        return self.lengths[min(epoch // self.epochs_per_length, len(self.lengths) - 1)]


class Sequences:
    """Deals out pieces of sequences step by step."""

    def __init__(self, shots: Sequence[Shot], schedule: Schedule, seed: int) -> None:
        self.schedule, self.seed = schedule, seed
        self.shots = [shot for shot in shots if shot.end - shot.start >= schedule.per_step]
        if not self.shots:
            raise UsageError(
                f"no shot of {schedule.per_step} frames with a visible face", expected="at least one continuous shot"
            )
        self._epochs: list[tuple[int, list[list[Piece]]]] = []  # of each its first step, and its steps

    def pieces(self, step: int) -> list[Piece]:
        """Give the pieces of a step, one a sequence; either all of them begin their sequence or none."""
        while not self._epochs or step >= self._epochs[-1][0] + len(self._epochs[-1][1]):
            first = self._epochs[-1][0] + len(self._epochs[-1][1]) if self._epochs else 0
            self._epochs.append((first, self._epoch(len(self._epochs))))
        first, steps = next(epoch for epoch in reversed(self._epochs) if epoch[0] <= step)
        return steps[step - first]

    def begins(self, step: int) -> bool:
        """Tell whether sequences begin with this step: there a training can be put down without a picture."""
        return self.pieces(step)[0].fresh

    def steps_of(self, epochs: int) -> int:
        """Count the steps of the first epochs."""
        step = 0
        while len(self._epochs) <= epochs:
            self.pieces(step)
            step = self._epochs[-1][0] + len(self._epochs[-1][1])
        return self._epochs[epochs][0]

    def _epoch(self, number: int) -> list[list[Piece]]:
        """Visit every stretch of every shot once, in a random order."""
        rng = np.random.default_rng((self.seed, number))
        schedule = self.schedule
        stretches = []
        for shot in self.shots:
            n_stretches = max(1, (shot.end - shot.start) // schedule.stretch)
            edges = np.linspace(shot.start, shot.end, n_stretches + 1).astype(int)
            stretches += [(shot, int(low), int(high)) for low, high in pairwise(edges)]
        order = list(rng.permutation(len(stretches)))
        lacking = -len(order) % schedule.sequences
        order += list(rng.integers(len(stretches), size=lacking))
        steps: list[list[Piece]] = []
        for first in range(0, len(order), schedule.sequences):
            together = [stretches[k] for k in order[first : first + schedule.sequences]]
            steps += self._together(together, number, rng)
        return steps

    def _together(
        self, stretches: Sequence[tuple[Shot, int, int]], epoch: int, rng: np.random.Generator
    ) -> list[list[Piece]]:
        """Cut sequences that run side by side into steps; all are as long as the shortest."""
        per_step = self.schedule.per_step
        length = min(self.schedule.length(epoch), *(shot.end - shot.start for shot, _, _ in stretches))
        starts = [
            min(int(rng.integers(low, max(low + 1, high - length + 1))), shot.end - length)
            for shot, low, high in stretches
        ]
        seeds = rng.integers(2**31, size=(length // per_step, len(stretches)))
        return [
            [
                Piece(shot, start + k * per_step, start + (k + 1) * per_step, k == 0, int(seeds[k, n]))
                for n, ((shot, _, _), start) in enumerate(zip(stretches, starts, strict=True))
            ]
            for k in range(length // per_step)
        ]
