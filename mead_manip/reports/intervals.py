"""Estimates with intervals -> a dot plot: one panel a question, one line a rival."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """One dot with its whiskers."""

    value: float
    low: float
    high: float


def interval_plot(
    panels: Mapping[str, Mapping[str, Estimate]],
    *,
    label: str,
    line: float | None = None,
    emphasised: Sequence[str] = (),
    limits: tuple[float, float] | None = None,
) -> bytes:
    """Draw every panel's rivals below each other, a dashed `line` where chance or no difference is; PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(name for panel in panels.values() for name in panel))
    figure = Figure(figsize=(1.6 + 2.5 * len(panels), 0.9 + 0.3 * len(names)), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axis, (title, panel) in zip(axes, panels.items(), strict=True):
        for row, name in enumerate(names):
            if name not in panel:
                continue
            dot, colour = panel[name], "#c1440e" if name in emphasised else "#3b4252"
            axis.plot([dot.low, dot.high], [row, row], color=colour, linewidth=1.6, solid_capstyle="round")
            axis.plot([dot.value], [row], "o", color=colour, markersize=4.5)
        if line is not None:
            axis.axvline(line, color="#888888", linewidth=0.8, linestyle="--")
        if limits is not None:
            axis.set_xlim(*limits)
        axis.set_title(title, fontsize=9)
        axis.tick_params(labelsize=8)
        axis.set_xlabel(label, fontsize=8)
        axis.grid(axis="x", linewidth=0.3, alpha=0.6)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].invert_yaxis()
    data = io.BytesIO()
    figure.savefig(data, format="png", metadata={"Software": ""})
    return data.getvalue()
