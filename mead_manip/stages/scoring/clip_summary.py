"""What the scores of a workspace say together: a table, numbers per emotion, and what looks wrong."""

import csv
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mead_manip import files
from mead_manip.artifacts.schemas import ClipScores
from mead_manip.emotions import EMOTIONS
from mead_manip.models.suppression import LOW_CLASS_WEIGHT, class_means, class_skew, effective_sample_size

# A human-perfect scorer of acted clips would give 2.6 (happy .95, sad .37: CREMA-D's raters).
HIGH_SKEW = 2.5
FEW_CLIPS = 5


@dataclass(frozen=True)
class Row:
    """The score of one clip."""

    clip: str
    actor: str
    label: str
    level: int
    y: float  # probability of its own label
    weight: float  # lambda
    normalised: float | None  # lambda / class mean, where that was asked for
    threshold: float
    probability: tuple[float, ...]  # of every class, in the order of EMOTIONS

    def to_text(self) -> str:
        """Give the row as a line of JSON."""
        return json.dumps(astuple(self), separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> "Row":
        """Read such a line."""
        clip, actor, label, level, y, weight, normalised, threshold, probability = json.loads(text)
        return cls(clip, actor, label, level, y, weight, normalised, threshold, tuple(probability))


def row_of(clip_id: str, scores: ClipScores) -> Row:
    """Sum up the scores of one clip."""
    probability = tuple(round(float(value), 6) for value in scores.probability)
    return Row(
        clip_id,
        scores.actor,
        scores.label,
        scores.level,
        scores.y,
        scores.weight,
        scores.weight_normalised,
        scores.threshold,
        probability,
    )


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """Write a line per clip: its labels, y, lambda, lambda / class mean, threshold, the probability of every class."""
    header = ("clip", "actor", "label", "level", "y", "lambda", "lambda_normalised", "threshold")
    with files.atomic(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow((*header, *(f"p_{name}" for name in EMOTIONS)))
        for r in rows:
            normalised = "" if r.normalised is None else f"{r.normalised:.6f}"
            numbers = (f"{r.y:.6f}", f"{r.weight:.6f}", normalised, f"{r.threshold:.6f}")
            by_class = [f"{value:.6f}" for value in r.probability] + [""] * (len(EMOTIONS) - len(r.probability))
            writer.writerow((r.clip, r.actor, r.label, r.level, *numbers, *by_class))


def by_class(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Give what lambda does to every label that occurs, in the order of the emotions."""
    table = {}
    for label in EMOTIONS:
        weights = [row.weight for row in rows if row.label == label]
        if not weights:
            continue
        table[label] = {
            "clips": len(weights),
            "threshold": next(row.threshold for row in rows if row.label == label),
            "mean_y": float(np.mean([row.y for row in rows if row.label == label])),
            "mean_lambda": float(np.mean(weights)),
            "median_lambda": float(np.median(weights)),
            "share_lambda_1": full_share([row for row in rows if row.label == label]),
            "effective_sample_size": effective_sample_size(weights),
        }
    return table


def facts(rows: Sequence[Row]) -> dict[str, Any]:
    """Give all numbers, for --json."""
    return {
        **totals(rows),
        "mean_lambda": mean_weights(rows),
        "by_class": by_class(rows),
        "scores": {row.clip: {"label": row.label, "y": row.y, "lambda": row.weight} for row in rows},
    }


def totals(rows: Sequence[Row]) -> dict[str, float]:
    """Give the numbers of all clips together."""
    return {
        "share_lambda_1": full_share(rows),
        "class_skew": class_skew(mean_weights(rows)),
        "effective_sample_size": effective_sample_size([row.weight for row in rows]),
    }


def mean_weights(rows: Sequence[Row]) -> dict[str, float]:
    """Give the mean lambda of every label that occurs."""
    return class_means([row.weight for row in rows], [row.label for row in rows])


def full_share(rows: Sequence[Row]) -> float:
    """Give the share of clips whose lambda is 1."""
    return float(np.mean([row.weight >= 1.0 for row in rows])) if rows else 0.0


def warnings(rows: Sequence[Row]) -> list[str]:
    """Say where lambda would weight classes instead of clips, where it does nothing, and where clips are few."""
    table = by_class(rows)
    found = [
        f"half the clips of {label} have lambda < {LOW_CLASS_WEIGHT} (median {line['median_lambda']:.2f}): the whole"
        " class is suppressed, not its outliers; try other --prompts or another --model"
        for label, line in table.items()
        if line["median_lambda"] < LOW_CLASS_WEIGHT
    ]
    thresholds = sorted({row.threshold for row in rows})
    said = f"the threshold {thresholds[0]:g}" if len(thresholds) == 1 else "its class's threshold"
    if rows and all(row.y < row.threshold for row in rows):
        found.append(f"no clip reaches {said}: every clip is suppressed")
    if rows and all(row.y >= row.threshold for row in rows):
        found.append(f"every clip reaches {said}: nothing is suppressed")
    skew = class_skew(mean_weights(rows))
    if skew > HIGH_SKEW:
        found.append(
            f"mean lambda differs {skew:.1f}-fold between classes (more than {HIGH_SKEW}): it weights classes rather "
            "than clips; --weighting provenance-classnorm of `train` keeps the ranking within a class only"
        )
    found += [f"only {line['clips']} clips of {label}" for label, line in table.items() if line["clips"] < FEW_CLIPS]
    classes = EMOTIONS[: max((len(row.probability) for row in rows), default=0)]
    empty = [label for label in classes if label not in table]
    if empty:
        found.append(f"no clip of {', '.join(empty)}")
    return found


def one_line(rows: Sequence[Row]) -> str:
    """Give mean lambda per emotion and the share of clips that count in full."""
    means = " ".join(f"{label} {mean:.2f}" for label, mean in mean_weights(rows).items())
    return f"mean lambda: {means}; lambda = 1 for {full_share(rows):.0%} of {len(rows)} clips"
