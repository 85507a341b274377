"""What equation 1 would do at other thresholds and temperatures, as it is and divided by the means of its classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int64

from mead_manip.evaluation.detection import auroc, clean_mass_lost, macro_auroc
from mead_manip.evaluation.detection_study import Corpus
from mead_manip.evaluation.injections import Injection
from mead_manip.evaluation.suspicion import at_temperature
from mead_manip.models.suppression import class_means, class_skew, effective_sample_size

STEPS = 20  # of the threshold between 0 (nothing is suppressed) and 1 (lambda = y)
TEMPERATURES = (0.25, 0.5, 1.0, 2.0, 4.0)  # times the one that the clips were scored at
NEAR = 0.01  # of the best macro AUROC

Weights = Float[np.ndarray, " row"]


@dataclass(frozen=True)
class Point:
    """One setting of the rule on one test, the mean over plantings."""

    temperature: float  # times that of the scores
    threshold: float
    normalised: bool  # lambda divided by the mean of its label's rows
    auroc: float  # of 1 - lambda
    macro_auroc: float  # within labels: dividing by class means changes no rank there
    clean_mass_lost: float  # mean of 1 - weight of the good clips; below 0 where they gain
    class_skew: float  # largest over smallest mean weight of the good clips of a label
    effective_share: float  # (sum w)^2 / (n sum w^2), all rows
    trusted_good: float  # share of the good clips with lambda = 1
    trusted_outliers: float  # the same of the outliers


def sweep(
    corpus: Corpus, plantings: Sequence[Injection], temperatures: Sequence[float] = TEMPERATURES
) -> tuple[Point, ...]:
    """Try every threshold with every temperature."""
    thresholds = sorted({*np.linspace(0, 1, STEPS + 1).round(6).tolist(), corpus.threshold})
    points = []
    for temperature in temperatures:
        clips = np.stack([at_temperature(frames, temperature).mean(axis=0) for frames in corpus.frame_probability])
        own = [clips[planted.content, _classes(corpus, planted)] for planted in plantings]
        for threshold in thresholds:
            for normalised in (False, True):
                trials = [
                    _measure(y, planted, threshold, normalised) for y, planted in zip(own, plantings, strict=True)
                ]
                means = {name: float(np.mean([trial[name] for trial in trials])) for name in trials[0]}
                points.append(Point(temperature, threshold, normalised, **means))
    return tuple(points)


def place_of(points: Sequence[Point], threshold: float) -> str:
    """Say in a line where a threshold lies among those that were tried, at the temperature of the scores."""
    plain = [point for point in points if point.temperature == 1.0 and not point.normalised]
    here = next(point for point in plain if point.threshold == threshold)
    best = max(plain, key=lambda point: point.macro_auroc)
    near = [point.threshold for point in plain if point.macro_auroc >= best.macro_auroc - NEAR]
    return (
        f"The threshold {threshold:g} trusts {here.trusted_good:.0%} of the good clips and "
        f"{here.trusted_outliers:.0%} of the outliers fully; it takes {here.clean_mass_lost:.1%} of the good clips' "
        f"weight for a macro AUROC of {here.macro_auroc:.3f}. The best, {best.macro_auroc:.3f} at {best.threshold:g}, "
        f"takes {best.clean_mass_lost:.1%}; within {NEAR:g} of it lie the thresholds from {min(near):g} to "
        f"{max(near):g}, and the mildest of them takes {_mildest(plain, near).clean_mass_lost:.1%}."
    )


# ---- below: one setting ---------------------------------------------------------------------------------------------


def _mildest(points: Sequence[Point], thresholds: Sequence[float]) -> Point:
    return min((point for point in points if point.threshold in thresholds), key=lambda point: point.clean_mass_lost)


def _classes(corpus: Corpus, planted: Injection) -> Int64[np.ndarray, " row"]:
    return np.array([corpus.classes.index(label) for label in planted.labels], np.int64)


def _measure(own: Weights, planted: Injection, threshold: float, normalised: bool) -> Mapping[str, float]:
    good: Bool[np.ndarray, " row"] = ~planted.positive
    labels = np.asarray(planted.labels)
    trusted = own >= threshold
    weight = np.where(trusted, 1.0, own)
    if normalised:
        means = class_means(weight.tolist(), planted.labels)
        weight = weight / np.maximum([means[label] for label in planted.labels], 1e-9)
    return {
        "auroc": auroc(-weight, planted.positive),
        "macro_auroc": macro_auroc(-weight, planted.positive, planted.labels),
        "clean_mass_lost": clean_mass_lost(weight, planted.positive),
        "class_skew": class_skew(class_means(weight[good].tolist(), labels[good].tolist())),
        "effective_share": effective_sample_size(weight.tolist()) / len(weight),
        "trusted_good": float(trusted[good].mean()),
        "trusted_outliers": float(trusted[~good].mean()),
    }
