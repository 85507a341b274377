"""Curves -> a sheet of small plots: one row a kind of weight, one column a question, one colour a setting."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np

Curves = Mapping[str, tuple[Sequence[float], Sequence[float]]]  # name of a setting -> x, y


def curve_sheet(rows: Mapping[str, Mapping[str, Curves]], *, label: str, mark: float, note: str) -> bytes:
    """Draw row -> column -> curves, all over the same x called `label`; a dashed line stands at `mark`; PNG."""
    from matplotlib import colormaps
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = list(next(iter(rows.values())))
    figure = Figure(figsize=(2.7 * len(columns) + 0.6, 2.2 * len(rows) + 0.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(rows), len(columns), sharex=True, sharey="col", squeeze=False)
    names = list(dict.fromkeys(name for row in rows.values() for curves in row.values() for name in curves))
    colours = dict(zip(names, colormaps["viridis"](np.linspace(0.05, 0.9, len(names))), strict=True))
    for line, (title, row) in zip(axes, rows.items(), strict=True):
        for axis, (question, curves) in zip(line, row.items(), strict=True):
            for name, (x, y) in curves.items():
                axis.plot(x, y, color=colours[name], linewidth=1.4, label=name)
            axis.axvline(mark, color="#888888", linewidth=0.8, linestyle="--")
            axis.set_title(question, fontsize=8)
            axis.tick_params(labelsize=7)
            axis.grid(linewidth=0.3, alpha=0.6)
            axis.spines[["top", "right"]].set_visible(False)
        line[0].set_ylabel(title, fontsize=8)
    for axis in axes[-1]:
        axis.set_xlabel(label, fontsize=8)
    handles, found = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, found, title=note, loc="outside right center", fontsize=7, title_fontsize=7, frameon=False)
    data = io.BytesIO()
    figure.savefig(data, format="png", metadata={"Software": ""})
    return data.getvalue()
