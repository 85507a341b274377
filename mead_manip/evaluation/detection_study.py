"""Does 1 - lambda find bad clips, and better than what? Every scorer on every injection, over seeds and actors.

Protocol of the detection benchmark (T1 to T4, outliers of known truth, and T5, which faults.py plants): no training of
a manipulator, minutes. Intervals are percentiles over draws of whole actors, shared out among the injection seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32

from mead_manip.evaluation.actor_draws import draw_actors, drawn_precision, mean_over_labels, pair_counts
from mead_manip.evaluation.detection import Interval, clean_mass_lost, lift, recall_at_false_alarms
from mead_manip.evaluation.injections import (
    CONFUSED,
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
from mead_manip.models.suppression import class_means, class_skew, suppression_weight

RATES = (0.1, 0.2, 0.3)
FALSE_ALARMS = 0.05
MIN_OUTLIERS = 3  # of which a number is worth printing

Tests = dict[str, Planting]
Scorers = Mapping[str, Callable[[Evidence], Float[np.ndarray, " row"]]]


@dataclass(frozen=True)
class Corpus:
    """The clips of a workspace with all that scorers read."""

    clips: tuple[Clip, ...]
    classes: tuple[str, ...]
    frame_probability: tuple[Float32[np.ndarray, "_ class"], ...]
    coefs: tuple[Float32[np.ndarray, "_ coef"], ...]
    threshold: float

    def keep(self, wanted: Bool[np.ndarray, " clip"]) -> Corpus:
        """Leave the other clips out."""
        rows = np.flatnonzero(wanted)
        return Corpus(
            tuple(self.clips[row] for row in rows),
            self.classes,
            tuple(self.frame_probability[row] for row in rows),
            tuple(self.coefs[row] for row in rows),
            self.threshold,
        )

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
    """One scorer on one test. Macro: the mean of the values within each label."""

    test: str
    scorer: str
    auroc: Interval
    macro: Interval
    lead: Interval  # macro AUROC of 1 - lambda less this scorer's, in the same plantings and draws
    average_precision: Interval
    macro_average_precision: Interval
    prevalence: float
    recall: float  # at 5 % false alarms
    lift: float  # among as many clips as there are outliers
    by_class: dict[str, Interval]  # AUROC
    average_precision_by_class: dict[str, Interval]
    prevalence_by_class: dict[str, float]


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
    if any(CONFUSED.get(emotion) in emotions for emotion in emotions):
        tests["T2 confusions 20%"] = at_rate(confused_flips, 0.2)
    for level in (1, 2):
        if any(clip.level == level and clip.emotion != "neutral" for clip in clips):
            tests[f"T3 level {level} 20%"] = at_rate(weak_swaps, 0.2, level=level)
    if "neutral" in emotions:
        tests["T4 neutral 20%"] = at_rate(neutral_swaps, 0.2)
    return tests


def run_test(corpus: Corpus, test: Planting, seeds: int, draws: int, scorers: Scorers = SCORERS) -> list[Score]:
    """Run scorers on one test, planted `seeds` times; the first is the one whose lead is told."""
    trials = []
    for seed in range(seeds):
        injection = test(corpus.clips, seed)
        evidence = corpus.evidence(injection, seed)
        drawn = draw_actors(evidence.actor, max(1, draws // seeds), seed)
        judged = {name: _judge(scorer(evidence), injection, evidence.actor, drawn) for name, scorer in scorers.items()}
        trials.append((injection, judged))
    return [_score(name, trials) for name in scorers]


def run_known(corpus: Corpus, injection: Injection, draws: int, scorers: Scorers = SCORERS) -> list[Score]:
    """Run scorers where the outliers are given, not planted anew with every seed."""
    return run_test(corpus, lambda clips, seed: injection, 1, draws, scorers)


def cost_of(corpus: Corpus, injection: Injection) -> Cost:
    """Measure what equation 1 takes from the good clips, and how unevenly over the labels."""
    evidence = corpus.evidence(injection, 0)
    weight = np.array([suppression_weight(y, corpus.threshold) for y in evidence.own])
    good = ~injection.positive
    means = class_means(weight[good].tolist(), np.asarray(injection.labels)[good].tolist())
    return Cost(injection.name, clean_mass_lost(weight, injection.positive), means, class_skew(means))


# ---- below: intervals ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Judged:
    """One scorer on one planting: with everybody once (row 0), and in every draw."""

    auroc: Float[np.ndarray, "draw one=1"]
    by_label: Float[np.ndarray, "draw label"]
    precision: Float[np.ndarray, "draw one=1"]
    precision_by_label: Float[np.ndarray, "draw label"]
    recall: float
    lift: float


def _judge(
    score: Float[np.ndarray, " row"],
    injection: Injection,
    actors: Sequence[str],
    drawn: Float[np.ndarray, "draw actor"],
) -> _Judged:
    positive, labels = injection.positive, injection.labels
    return _Judged(
        pair_counts(score, positive, actors).auroc(drawn),
        pair_counts(score, positive, actors, labels).auroc(drawn),
        drawn_precision(score, positive, actors, drawn),
        drawn_precision(score, positive, actors, drawn, labels),
        recall_at_false_alarms(score, positive, FALSE_ALARMS),
        lift(score, positive),
    )


def _score(name: str, trials: Sequence[tuple[Injection, Mapping[str, _Judged]]]) -> Score:
    first = trials[0][0]
    mine = [judged[name] for _, judged in trials]
    ours = [next(iter(judged.values())) for _, judged in trials]
    macro = [mean_over_labels(part.by_label) for part in mine]
    lead = [mean_over_labels(best.by_label) - own for best, own in zip(ours, macro, strict=True)]
    return Score(
        test=first.name,
        scorer=name,
        auroc=_interval([part.auroc[:, 0] for part in mine]),
        macro=_interval(macro),
        lead=_interval(lead),
        average_precision=_interval([part.precision[:, 0] for part in mine]),
        macro_average_precision=_interval([mean_over_labels(part.precision_by_label) for part in mine]),
        prevalence=first.rate,
        recall=float(np.mean([part.recall for part in mine])),
        lift=float(np.mean([part.lift for part in mine])),
        by_class=_by_class([(i.labels, part.by_label) for (i, _), part in zip(trials, mine, strict=True)]),
        average_precision_by_class=_by_class(
            [(i.labels, part.precision_by_label) for (i, _), part in zip(trials, mine, strict=True)]
        ),
        prevalence_by_class=_prevalence([injection for injection, _ in trials]),
    )


def _by_class(trials: Sequence[tuple[Sequence[str], Float[np.ndarray, "draw label"]]]) -> dict[str, Interval]:
    """Give the interval of every label that has both outliers and good clips in one planting at least."""
    columns: dict[str, list[Float[np.ndarray, " draw"]]] = {}
    for labels, values in trials:
        for name, column in zip(sorted(set(labels)), values.T, strict=True):
            if np.isfinite(column[0]):
                columns.setdefault(name, []).append(column)
    return {name: _interval(found) for name, found in sorted(columns.items())}


def _prevalence(injections: Sequence[Injection]) -> dict[str, float]:
    """Give the share of outliers among the rows of every label, over all plantings."""
    labels = np.concatenate([np.asarray(injection.labels) for injection in injections])
    positive = np.concatenate([injection.positive for injection in injections])
    return {str(name): float(positive[labels == name].mean()) for name in np.unique(labels)}


def _interval(trials: Sequence[Float[np.ndarray, " draw"]]) -> Interval:
    """Give the mean over trials with everybody once, and percentiles of all draws; draws without pairs are left out."""
    values = np.stack(trials)
    value, drawn = float(np.nanmean(values[:, 0])), values[:, 1:][np.isfinite(values[:, 1:])]
    if not drawn.size:
        return Interval(value, value, value)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(value, float(low), float(high))
