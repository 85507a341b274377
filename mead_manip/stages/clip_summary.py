"""What the scores of a workspace say together: a table, mean lambda per emotion, and what looks wrong."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mead_manip import files
from mead_manip.artifacts import store
from mead_manip.artifacts.schemas import ClipScores
from mead_manip.models.suppression import LOW_CLASS_MEAN


@dataclass(frozen=True)
class Row:
    """The score of one clip."""

    clip: str
    actor: str
    label: str
    level: int
    y: float  # probability of its own label
    weight: float  # lambda


def read_rows(paths: dict[str, Path]) -> list[Row]:
    """Read the scores of clips (id -> file) without their per-frame tables."""
    rows = []
    for clip_id, path in paths.items():
        with store.opened(ClipScores, path) as scores:
            rows.append(Row(clip_id, scores.actor, scores.label, scores.level, scores.y, scores.weight))
    return rows


def write_csv(rows: list[Row], path: Path) -> None:
    """Write clip, actor, label, level, y, lambda."""
    with files.atomic(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("clip", "actor", "label", "level", "y", "lambda"))
        writer.writerows((r.clip, r.actor, r.label, r.level, f"{r.y:.6f}", f"{r.weight:.6f}") for r in rows)


def mean_weights(rows: list[Row]) -> dict[str, float]:
    """Give the mean lambda of every label that occurs."""
    labels = sorted({row.label for row in rows})
    return {label: float(np.mean([row.weight for row in rows if row.label == label])) for label in labels}


def full_share(rows: list[Row]) -> float:
    """Give the share of clips whose lambda is 1."""
    return float(np.mean([row.weight >= 1.0 for row in rows])) if rows else 0.0


def warnings(rows: list[Row], threshold: float) -> list[str]:
    """Say where lambda would weight classes instead of clips, or nothing at all."""
    found = [
        f"mean lambda of {label} is {mean:.2f} < {LOW_CLASS_MEAN}: the whole class is suppressed, not its outliers;"
        " try other --prompts or another --model"
        for label, mean in mean_weights(rows).items()
        if mean < LOW_CLASS_MEAN
    ]
    share = full_share(rows)
    if rows and share == 0.0:
        found.append(f"no clip reaches the threshold {threshold:g}: every clip is suppressed")
    if rows and share == 1.0:
        found.append(f"every clip reaches the threshold {threshold:g}: nothing is suppressed")
    return found


def one_line(rows: list[Row]) -> str:
    """Give mean lambda per emotion and the share of clips that count in full."""
    means = " ".join(f"{label} {mean:.2f}" for label, mean in mean_weights(rows).items())
    return f"mean lambda: {means}; lambda = 1 for {full_share(rows):.0%} of {len(rows)} clips"
