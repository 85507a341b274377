"""Arms against each other: paired differences with two-way intervals (actors and seeds), and what may be claimed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64
from scipy.stats import norm, t

from mead_manip.evaluation.detection import Interval

DRAWS = 4000
MIN_SEEDS, MIN_ACTORS = 5, 2  # below these no interval deserves a claim

Outcomes = Float[np.ndarray, "seed source target"]  # one endpoint of one arm


@dataclass(frozen=True)
class Draws:
    """Resampled seeds and sources (whole actors), the same for all arms: differences are paired."""

    seeds: Int64[np.ndarray, "draw seed"]
    weight: Float[np.ndarray, "draw source"]  # how often every source is in a draw

    @classmethod
    def make(cls, n_seeds: int, actors: Sequence[str], draws: int = DRAWS) -> Draws:
        """Draw seeds, and actors with all their clips, with replacement."""
        rng = np.random.default_rng(11)
        seeds = rng.integers(n_seeds, size=(draws, n_seeds))
        names = sorted(set(actors))
        chosen = rng.integers(len(names), size=(draws, len(names)))
        counts = np.stack([(chosen == index).sum(axis=1) for index in range(len(names))], axis=1)
        place = [names.index(actor) for actor in actors]
        return cls(seeds.astype(np.int64), counts[:, place].astype(np.float64))

    @property
    def n_seeds(self) -> int:
        """Give how many seeds there are to draw from."""
        return self.seeds.shape[1]

    def means(self, outcomes: Outcomes) -> Float[np.ndarray, " draw"]:
        """Give the endpoint's mean in every draw."""
        by_source = outcomes.mean(axis=2)  # targets are crossed with all else
        of_seeds = by_source[self.seeds].mean(axis=1)
        return (of_seeds * self.weight).sum(axis=1) / self.weight.sum(axis=1)


def interval(value: float, drawn: Float[np.ndarray, " draw"], n_seeds: int) -> Interval:
    """Give a value with a 95 % interval: the percentiles of its draws, spread out for the few seeds they come from.

    Draws of n things spread too little by sqrt((n - 1) / n), and the normal quantile is too small for them: with five
    seeds the interval is 1.58 times as wide as its percentiles.
    """
    low, high = np.quantile(drawn, [0.025, 0.975])
    if n_seeds < 2:
        return Interval(float(value), float(low), float(high))
    wider = np.sqrt(n_seeds / (n_seeds - 1)) * t.ppf(0.975, n_seeds - 1) / norm.ppf(0.975)
    return Interval(float(value), float(value - wider * (value - low)), float(value + wider * (high - value)))


def level(outcomes: Outcomes, draws: Draws) -> Interval:
    """Give one arm's mean."""
    return interval(float(outcomes.mean()), draws.means(outcomes), draws.n_seeds)


def difference(a: Outcomes, b: Outcomes, draws: Draws) -> Interval:
    """Give how much more arm `a` has than arm `b`, paired by seed, source and target."""
    return interval(float((a - b).mean()), draws.means(a) - draws.means(b), draws.n_seeds)


def recovered(plain: Outcomes, rule: Outcomes, best: Outcomes, draws: Draws) -> Interval | None:
    """Give R = (rule - plain) / (best - plain), the share of the damage undone; None where no damage is shown."""
    damage = draws.means(best) - draws.means(plain)
    total = float((best - plain).mean())
    if np.quantile(damage, 0.025) <= 0:
        return None
    share = (draws.means(rule) - draws.means(plain)) / damage
    return interval(float((rule - plain).mean()) / total, share, draws.n_seeds)


def claim(rule_plain: Interval, rule_control: Interval, *, n_seeds: int, n_actors: int) -> str:
    """Say what the intervals allow: a benefit needs the rule above lambda = 1 and above its permuted control."""
    if n_seeds < MIN_SEEDS or n_actors < MIN_ACTORS:
        return f"no claim from {n_seeds} seed(s) and {n_actors} edited actor(s)"
    if rule_plain.low > 0 and rule_control.low > 0:
        return "suppression helps: above lambda = 1 and above the same weights on the wrong clips"
    if rule_plain.high < 0:
        return "suppression harms"
    if rule_plain.low > 0:
        return "better than lambda = 1, but not shown to be better than the same weights on the wrong clips"
    return "no benefit is shown"
