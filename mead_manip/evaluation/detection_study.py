"""Does 1 - lambda find bad clips, and better than what? Every scorer on every injection, over seeds and actors.

Protocol of the detection benchmark (T1 to T4, and outliers of known truth): no training of a manipulator, minutes.
Intervals are percentiles over draws of whole actors, shared out among the injection seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from mead_manip.evaluation.detection import (
    Interval,
    auroc_by_class,
    average_precision,
    clean_mass_lost,
    pair_counts,
    recall_at_false_alarms,
)
from mead_manip.evaluation.injections import (
    Clip,
    Injection,
    Planting,
    at_rate,
    confused_flips,
    neutral_swaps,
    symmetric_flips,
    weak_swaps,
)
from mead_manip.evaluation.suspicion import SCORERS, Evidence
from mead_manip.models.suppression import suppression_weight

RATES = (0.1, 0.2, 0.3)
FALSE_ALARMS = 0.05
MIN_OUTLIERS = 3  # of which a number is worth printing

Tests = dict[str, Planting]


@dataclass(frozen=True)
class Corpus:
    """The clips of a workspace with all that scorers read."""

    clips: tuple[Clip, ...]
    classes: tuple[str, ...]
    frame_probability: tuple[Float32[np.ndarray, "_ class"], ...]
    coefs: tuple[Float32[np.ndarray, "_ coef"], ...]
    threshold: float

    def evidence(self, injection: Injection, seed: int) -> Evidence:
        """Give what scorers may know of an injected training set."""
        return Evidence(
            label=np.array([self.classes.index(label) for label in injection.labels], np.int64),
            actor=tuple(self.clips[index].actor for index in injection.content),
            frame_probability=tuple(self.frame_probability[index] for index in injection.content),
            coefs=tuple(self.coefs[index] for index in injection.content),
            threshold=self.threshold,
            neutral=self.classes.index("neutral") if "neutral" in self.classes else -1,
            seed=seed,
        )


@dataclass(frozen=True)
class Score:
    """One scorer on one test."""

    test: str
    scorer: str
    auroc: Interval
    macro: Interval  # mean of the AUROCs within each label
    average_precision: float
    prevalence: float
    recall: float  # at 5 % false alarms
    by_class: dict[str, float]


@dataclass(frozen=True)
class Cost:
    """What equation 1 does to the clips that were left alone."""

    test: str
    clean_mass_lost: float
    class_mean: dict[str, float]  # lambda of the good clips of every label
    class_skew: float  # largest over smallest of them


def standard_tests(clips: Sequence[Clip]) -> Tests:
    """List the tests that these clips allow: weak swaps need takes of lower levels, neutral ones neutral takes."""
    tests: Tests = {f"T1 flips {rate:.0%}": at_rate(symmetric_flips, rate) for rate in RATES}
    emotions = {clip.emotion for clip in clips}
    if emotions & {"fear", "surprised", "angry", "disgusted"}:
        tests["T2 confusions 20%"] = at_rate(confused_flips, 0.2)
    for level in (1, 2):
        if any(clip.level == level and clip.emotion != "neutral" for clip in clips):
            tests[f"T3 level {level} 20%"] = at_rate(weak_swaps, 0.2, level=level)
    if "neutral" in emotions:
        tests["T4 neutral 20%"] = at_rate(neutral_swaps, 0.2)
    return tests


def run_test(corpus: Corpus, test: Planting, seeds: int, draws: int) -> list[Score]:
    """Run every scorer on one test, planted `seeds` times."""
    trials = []
    for seed in range(seeds):
        injection = test(corpus.clips, seed)
        evidence = corpus.evidence(injection, seed)
        trials.append((injection, evidence, {name: scorer(evidence) for name, scorer in SCORERS.items()}))
    return [_score(name, trials, max(1, draws // seeds)) for name in SCORERS]


def run_known(corpus: Corpus, injection: Injection, draws: int) -> list[Score]:
    """Run every scorer where the outliers are given, not planted: by the truth of a synthetic set."""
    return run_test(corpus, lambda clips, seed: injection, 1, draws)


def cost_of(corpus: Corpus, injection: Injection) -> Cost:
    """Measure what equation 1 takes from the good clips, and how unevenly over the labels."""
    evidence = corpus.evidence(injection, 0)
    weight = np.array([suppression_weight(y, corpus.threshold) for y in evidence.own])
    labels = np.asarray(injection.labels)
    means = {
        label: float(weight[(labels == label) & ~injection.positive].mean())
        for label in sorted(set(injection.labels))
        if ((labels == label) & ~injection.positive).any()
    }
    skew = max(means.values()) / max(min(means.values()), 1e-9)
    return Cost(injection.name, clean_mass_lost(weight, injection.positive), means, skew)


# ---- below: intervals ---------------------------------------------------------------------------------------------

Trial = tuple[Injection, Evidence, Mapping[str, Float[np.ndarray, " row"]]]


def _score(name: str, trials: Sequence[Trial], draws: int) -> Score:
    pooled: list[Float[np.ndarray, " draw"]] = []
    macro: list[Float[np.ndarray, " draw"]] = []
    for seed, (injection, evidence, scores) in enumerate(trials):
        drawn = _draws(evidence.actor, draws, seed)
        for values, labels in ((pooled, None), (macro, injection.labels)):
            counts = pair_counts(scores[name], injection.positive, evidence.actor, labels)
            values.append(counts.auroc(np.concatenate([np.ones_like(drawn[:1]), drawn])))
    first = trials[0][0]
    return Score(
        test=first.name,
        scorer=name,
        auroc=_interval(np.stack(pooled)),
        macro=_interval(np.stack(macro)),
        average_precision=float(np.mean([average_precision(s[name], i.positive) for i, _, s in trials])),
        prevalence=first.rate,
        recall=float(np.mean([recall_at_false_alarms(s[name], i.positive, FALSE_ALARMS) for i, _, s in trials])),
        by_class=_mean_by_class([auroc_by_class(s[name], i.positive, i.labels) for i, _, s in trials]),
    )


def _draws(actors: Sequence[str], draws: int, seed: int) -> Float[np.ndarray, "draw actor"]:
    """Draw as many actors as there are, with replacement: how often each is in every draw."""
    n_actors = len(set(actors))
    chosen = np.random.default_rng([seed, 7]).integers(n_actors, size=(draws, n_actors))
    return np.stack([(chosen == actor).sum(axis=1) for actor in range(n_actors)], axis=1).astype(np.float64)


def _interval(values: Float[np.ndarray, "trial draw"]) -> Interval:
    """Give the mean of column 0 (all actors once) with percentiles of the others; draws without pairs are left out."""
    value, drawn = float(np.nanmean(values[:, 0])), values[:, 1:][np.isfinite(values[:, 1:])]
    if not drawn.size:
        return Interval(value, value, value)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(value, float(low), float(high))


def _mean_by_class(tables: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = sorted({name for table in tables for name in table})
    return {name: float(np.mean([table[name] for table in tables if name in table])) for name in names}
