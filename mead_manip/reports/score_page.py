"""The scores of a data set -> one self-contained HTML page: what the weights do, to whom, and faces to judge by."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mead_manip.reports.demo_page import TEMPLATES

BINS = np.linspace(0.0, 1.0, 21)
MANY_ACTORS = 8  # from here on histograms do not tell actors apart; the map below them does
_COLOURS = ("#3b6ea5", "#e08e45", "#5b9a68", "#b65a5a", "#8c6bb1", "#8a7a5c", "#d17fa8", "#6f7480")
_INK = "#2b2f36"


@dataclass(frozen=True)
class Weight:
    """One clip in the figures."""

    label: str
    level: int
    actor: str
    weight: float


@dataclass(frozen=True)
class Card:
    """One clip in a gallery: a few of its faces, and the probability of every class."""

    clip: str
    label: str
    y: float
    weight: float
    probability: tuple[tuple[str, float], ...]
    pictures: tuple[bytes, ...] = ()  # JPEG


@dataclass(frozen=True)
class Agreement:
    """How alike two scorers judge some clips."""

    clips: int
    rank_correlation: float | None  # Spearman's, of y; None of too few clips
    flips: int  # clips that have lambda = 1 for one of the two only
    mean_change: float  # of y


@dataclass(frozen=True)
class Drift:
    """The scores against a rival's, over all clips and within every label."""

    rival: str
    all: Agreement
    by_label: Mapping[str, Agreement]
    flipped: tuple[tuple[str, float, float], ...]  # clip, y here, y of the rival; the largest changes first


@dataclass(frozen=True)
class Page:
    """Everything the page shows, as text and numbers."""

    lead: str
    warnings: Sequence[str]
    settings: Sequence[tuple[str, str]]
    prompts: Mapping[str, Sequence[str]]
    table: Mapping[str, Mapping[str, float]]  # label -> numbers
    totals: Mapping[str, float]
    weights: Sequence[Weight]
    mean_probability: Float[np.ndarray, "label class"]
    labels: Sequence[str]
    classes: Sequence[str]
    galleries: Mapping[str, tuple[Sequence[Card], Sequence[Card]]] = field(default_factory=dict)  # least, most trusted
    watermark: str = ""
    drift: Drift | None = None


def score_page(page: Page) -> str:
    """Give the page as HTML, its figures and faces inside."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=True)
    environment.filters["base64"] = lambda data: base64.b64encode(data).decode()
    figures = {
        "lambda by emotion, level and actor": histograms(page.weights),
        "mean lambda of every actor": actor_map(page.weights),
        "mean probability of the classes": confusion(page.mean_probability, page.labels, page.classes),
    }
    return environment.get_template("scores.html").render(page=page, figures=figures)


def histograms(weights: Sequence[Weight]) -> bytes:
    """Draw the clips' lambda: a row per emotion, a column per level, a colour per actor; PNG."""
    labels, levels = _labels(weights), sorted({w.level for w in weights})
    actors = sorted({w.actor for w in weights})
    groups = [(actor, [actor]) for actor in actors] if len(actors) <= MANY_ACTORS else [("", actors)]
    figure = _figure(2.2 + 2.6 * len(levels), 0.9 + 1.05 * len(labels))
    axes = figure.subplots(len(labels), len(levels), sharex=True, squeeze=False)
    for (row, label), (column, level) in ((r, c) for r in enumerate(labels) for c in enumerate(levels)):
        axis = axes[row, column]
        shown = [
            [w.weight for w in weights if (w.label, w.level) == (label, level) and w.actor in of] for _, of in groups
        ]
        n_clips = sum(map(len, shown))
        if n_clips:
            axis.hist(shown, bins=BINS, stacked=True, color=_COLOURS[: len(groups)], label=[name for name, _ in groups])
            median = float(np.median(np.concatenate(shown)))
            axis.axvline(median, color=_INK, linewidth=1, linestyle="--")
            axis.set_title(f"{n_clips} clips, median {median:.2f}", fontsize=7, loc="left", pad=2)
        else:
            axis.tick_params(left=False, bottom=False, labelleft=False)
            axis.spines[:].set_visible(False)
            axis.text(
                0.5, 0.5, "no clips", fontsize=7, ha="center", va="center", color="#999", transform=axis.transAxes
            )
        axis.set_xlim(-0.02, 1.02)
        axis.tick_params(labelsize=7)
        axis.yaxis.get_major_locator().set_params(integer=True, nbins=3)
        axis.spines[["top", "right"]].set_visible(False)
    for row, label in enumerate(labels):
        axes[row, 0].set_ylabel(label, fontsize=9, rotation=0, ha="right", va="center", labelpad=12)
    for column, level in enumerate(levels):
        axes[-1, column].set_xlabel(f"lambda (level {level})" if level else "lambda", fontsize=8)
    if len(groups) > 1:
        handles = [_swatch(_COLOURS[index]) for index in range(len(groups))]
        figure.legend(handles, actors, loc="outside upper right", ncols=len(actors), fontsize=7, frameon=False)
    return _png(figure)


def actor_map(weights: Sequence[Weight]) -> bytes:
    """Draw the mean lambda of every actor, emotion and level; PNG."""
    columns = [
        (label, level) for label in _labels(weights) for level in sorted({w.level for w in weights if w.label == label})
    ]
    actors = sorted({w.actor for w in weights})
    cells: dict[tuple[str, str, int], list[float]] = {}
    for w in weights:
        cells.setdefault((w.actor, w.label, w.level), []).append(w.weight)
    table = np.array([[np.mean(cells.get((actor, *column), [np.nan])) for column in columns] for actor in actors])
    names = [f"{label} {level}" if level else label for label, level in columns]
    return _map(table, actors, names, "mean lambda")


def confusion(
    mean_probability: Float[np.ndarray, "label class"], labels: Sequence[str], classes: Sequence[str]
) -> bytes:
    """Draw what the model sees in the clips of every label, on average; PNG."""
    return _map(mean_probability, [f"labelled {label}" for label in labels], classes, "mean probability")


# ---- below: drawing -------------------------------------------------------------------------------------------------


def _labels(weights: Sequence[Weight]) -> list[str]:
    return list(dict.fromkeys(w.label for w in weights))


def _figure(width: float, height: float) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _swatch(colour: str) -> Any:
    from matplotlib.patches import Patch

    return Patch(color=colour)


def _map(table: Float[np.ndarray, "row column"], rows: Sequence[str], columns: Sequence[str], what: str) -> bytes:
    figure = _figure(2.2 + 0.62 * len(columns), 1.1 + 0.26 * len(rows))
    axis = figure.subplots()
    image = axis.imshow(table, vmin=0, vmax=1, cmap="Blues", aspect="auto")
    for (row, column), value in np.ndenumerate(table):
        if np.isfinite(value):
            ink = "white" if value > 0.6 else _INK
            axis.text(column, row, f"{value:.2f}", fontsize=7, ha="center", va="center", color=ink)
    axis.set_xticks(range(len(columns)), columns, rotation=35, ha="right", fontsize=8)
    axis.set_yticks(range(len(rows)), rows, fontsize=8)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axis, shrink=min(0.9, 8 / len(rows)), aspect=12)
    bar.set_label(what, fontsize=8)
    bar.ax.tick_params(labelsize=7)
    return _png(figure)


def _png(figure: Any) -> bytes:
    data = io.BytesIO()
    figure.savefig(data, format="png", metadata={"Software": ""})
    return data.getvalue()
