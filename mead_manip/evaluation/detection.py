"""How well a score finds outliers: AUROC, average precision (tied scores at mid-rank), cluster-bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import rankdata

from mead_manip.errors import MeadManipError

Score = Float[np.ndarray, " clip"]
Positive = Bool[np.ndarray, " clip"]


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def auroc(score: Score, positive: Positive) -> float:
    """Give the chance that a positive scores above a negative; a tie counts one half (Mann-Whitney)."""
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        raise MeadManipError(
            f"AUROC of {n_positive} outliers and {n_negative} good clips", expected="at least one of each"
        )
    ranks = rankdata(score)
    return float((ranks[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def average_precision(score: Score, positive: Positive) -> float:
    """Give the area under precision over recall, its mean over all orders of tied clips."""
    n_positive = int(positive.sum())
    if not n_positive:
        raise MeadManipError("average precision without outliers", expected="at least one")
    total = 0.0
    n_above = found_above = 0
    for value in np.unique(score)[::-1]:
        tied = score == value
        n_tied, found_tied = int(tied.sum()), int(positive[tied].sum())
        if found_tied:
            # The k-th of n tied clips is one of f outliers with chance f/n, and (k-1)(f-1)/(n-1) before it are too.
            place = np.arange(1, n_tied + 1)
            others = (place - 1) * (found_tied - 1) / max(1, n_tied - 1)
            precision = (found_above + 1 + others) / (n_above + place)
            total += found_tied / n_tied * float(precision.sum())
        n_above += n_tied
        found_above += found_tied
    return total / n_positive


def auroc_by_class(score: Score, positive: Positive, labels: Sequence[str]) -> dict[str, float]:
    """Give the AUROC within every label that has both kinds. The pooled one can be won by class bias alone."""
    names = np.asarray(labels)
    both = [name for name in sorted(set(labels)) if 0 < positive[names == name].sum() < (names == name).sum()]
    return {name: auroc(score[names == name], positive[names == name]) for name in both}


def macro_auroc(score: Score, positive: Positive, labels: Sequence[str]) -> float:
    """Give the mean over the labels of the AUROC within each."""
    values = auroc_by_class(score, positive, labels)
    if not values:
        raise MeadManipError("macro AUROC: no label has both outliers and good clips")
    return float(np.mean(list(values.values())))


def recall_at_false_alarms(score: Score, positive: Positive, rate: float) -> float:
    """Give the share of outliers found where `rate` of the good clips are; of tied clips the share that fits counts."""
    if not positive.any() or positive.all():
        raise MeadManipError("recall at a rate of false alarms", expected="outliers and good clips")
    limits = np.concatenate([[np.inf], np.unique(score)[::-1]])
    alarms, found = ((part[None] >= limits[:, None]).mean(axis=1) for part in (score[~positive], score[positive]))
    last = int(np.flatnonzero(alarms <= rate)[-1])
    if last + 1 == len(limits):
        return 1.0
    share = (rate - alarms[last]) / (alarms[last + 1] - alarms[last])
    return float(found[last] + share * (found[last + 1] - found[last]))


def lift(score: Score, positive: Positive) -> float:
    """Give how many times more outliers lead the ranking than lots would put there.

    Looked at are as many clips as there are outliers; of tied ones the share that fits counts.
    """
    n_positive = int(positive.sum())
    if not n_positive:
        raise MeadManipError("lift without outliers", expected="at least one")
    last = np.sort(score)[::-1][n_positive - 1]
    above, tied = score > last, score == last
    fits = (n_positive - int(above.sum())) / int(tied.sum())
    found = int(positive[above].sum()) + fits * int(positive[tied].sum())
    return found / n_positive / float(positive.mean())


def clean_mass_lost(weight: Score, positive: Positive) -> float:
    """Give the mean of 1 - lambda over the good clips."""
    return float((1.0 - weight[~positive]).mean())


def cluster_bootstrap(
    metric: Callable[[Score, Positive], float],
    score: Score,
    positive: Positive,
    clusters: Sequence[str],
    *,
    draws: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Give a metric with its percentile interval, clips drawn by whole clusters (actors).

    Draws without both kinds are left out, because no metric is defined on them. Few clusters give too narrow intervals.
    """
    rng = np.random.default_rng(seed)
    names = np.asarray(clusters)
    members = [np.flatnonzero(names == name) for name in sorted(set(clusters))]
    values = []
    for _ in range(draws):
        chosen = np.concatenate([members[index] for index in rng.integers(len(members), size=len(members))])
        if 0 < positive[chosen].sum() < len(chosen):
            values.append(metric(score[chosen], positive[chosen]))
    value = metric(score, positive)
    if not values:
        return Interval(value, value, value)
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high))
