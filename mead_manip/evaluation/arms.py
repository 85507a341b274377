"""The arms of the downstream study: what a manipulator is trained on, and how much every clip counts.

Same initialisation, same number of iterations, same seeds. A1 is the paper's rule. A4 takes its taste for classes away.
A6 and A6' put the same weights on the wrong clips: what they win is not won by knowing the outliers. A7 knows them by
truth, A8 never had them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int64

from mead_manip.evaluation.injections import Injection
from mead_manip.models.suppression import suppression_weight

DROPPED = 0.2  # share of every class that A5 leaves out
_SHUFFLE = 6  # the controls' own stream of random numbers


@dataclass(frozen=True)
class Evidence:
    """What an arm may look at: y and label of every row, and - for the arms that cheat - which are outliers."""

    y: Float[np.ndarray, " row"]
    label: Int64[np.ndarray, " row"]
    positive: Bool[np.ndarray, " row"]
    threshold: float
    seed: int

    @property
    def lam(self) -> Float[np.ndarray, " row"]:
        """Give lambda of equation 1."""
        return np.array([suppression_weight(y, self.threshold) for y in self.y])


@dataclass(frozen=True)
class Diet:
    """What is trained on: which rows, with which weights, and how they enter the loss."""

    kept: Bool[np.ndarray, " row"]
    weight: Float[np.ndarray, " row"]
    weighting: str = "literal"
    as_it_was: bool = False  # the rows as they were before anything was planted


@dataclass(frozen=True)
class Arm:
    """One row of the study."""

    name: str
    title: str
    diet: Callable[[Evidence], Diet]


def _plain(seen: Evidence) -> Diet:
    return Diet(np.ones(len(seen.y), bool), np.ones(len(seen.y)), "none")


def _weighted(weight: Float[np.ndarray, " row"], weighting: str = "literal") -> Diet:
    return Diet(np.ones(len(weight), bool), weight, weighting)


def _only(kept: Bool[np.ndarray, " row"], seen: Evidence) -> Diet:
    """Keep some rows; a class that would lose all keeps its most trusted one."""
    kept = kept.copy()
    for label in np.unique(seen.label):
        mine = np.flatnonzero(seen.label == label)
        if not kept[mine].any():
            kept[mine[np.argmax(seen.y[mine])]] = True
    return Diet(kept, np.ones(len(kept)), "none")


def class_normalised(weight: Float[np.ndarray, " row"], label: Int64[np.ndarray, " row"]) -> Float[np.ndarray, " row"]:
    """Divide by the mean over the class: the ranking within an emotion stays, a taste for some emotions goes."""
    out = weight.astype(np.float64).copy()
    for one in np.unique(label):
        out[label == one] /= max(out[label == one].mean(), 1e-9)
    return out


def permuted(
    weight: Float[np.ndarray, " row"], group: Int64[np.ndarray, " row"], seed: int
) -> Float[np.ndarray, " row"]:
    """Deal the weights of every group out anew among its rows."""
    rng = np.random.default_rng([seed, _SHUFFLE])
    out = weight.copy()
    for one in np.unique(group):
        mine = np.flatnonzero(group == one)
        out[mine] = weight[rng.permutation(mine)]
    return out


def _lowest_dropped(seen: Evidence) -> Diet:
    kept = np.ones(len(seen.y), bool)
    for label in np.unique(seen.label):
        mine = np.flatnonzero(seen.label == label)
        kept[mine[np.argsort(seen.y[mine], kind="stable")[: round(DROPPED * len(mine))]]] = False
    return _only(kept, seen)


ARMS: tuple[Arm, ...] = (
    Arm("A0", "lambda = 1 (NED)", _plain),
    Arm("A1", "lambda, as printed", lambda seen: _weighted(seen.lam)),
    Arm("A2", "drop y < threshold", lambda seen: _only(seen.y >= seen.threshold, seen)),
    Arm("A3", "lambda = y", lambda seen: _weighted(seen.y)),
    Arm("A4", "lambda / class mean", lambda seen: _weighted(class_normalised(seen.lam, seen.label))),
    Arm("A5", f"drop the lowest {DROPPED:.0%} of a class", _lowest_dropped),
    Arm("A6", "lambda permuted within class", lambda seen: _weighted(permuted(seen.lam, seen.label, seen.seed))),
    Arm(
        "A6'",
        "lambda permuted over all",
        lambda seen: _weighted(permuted(seen.lam, np.zeros_like(seen.label), seen.seed)),
    ),
    Arm("A7", "outliers removed by truth", lambda seen: _only(~seen.positive, seen)),
    Arm("A8", "never corrupted", lambda seen: Diet(np.ones(len(seen.y), bool), np.ones(len(seen.y)), "none", True)),
    Arm("P", "lambda by provenance", lambda seen: _weighted(seen.lam, "provenance")),
    Arm(
        "PC",
        "provenance, class mean 1",
        lambda seen: _weighted(class_normalised(seen.lam, seen.label), "provenance"),
    ),
)
BY_NAME = {arm.name: arm for arm in ARMS}
PLAIN, RULE, CONTROL, CONTROL_GLOBAL, ORACLE, CLEAN = "A0", "A1", "A6", "A6'", "A7", "A8"


def possible(injection: Injection, *, planted: bool) -> tuple[Arm, ...]:
    """List the arms that make sense: the oracle needs known outliers, the clean arm planted ones."""
    known = bool(injection.positive.any())
    return tuple(arm for arm in ARMS if (arm.name != ORACLE or known) and (arm.name != CLEAN or (known and planted)))
