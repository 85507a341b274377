"""Measures of edited videos -> tables: a row per result, means per emotion; for the page, Markdown and the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mead_manip.reports.study_page import Table

# column -> attribute of the measures, digits
COLUMNS = {
    "P(target) before": ("target_before", 2),
    "P(target)": ("target", 2),
    "top before": ("top_before", 2),
    "top": ("top", 2),
    "identity": ("identity", 3),
    "jaw r": ("jaw", 2),
    "lips r": ("lips", 2),
    "closures kept": ("closures", 2),
    "of": ("n_closures", 0),
    "jitter ratio": ("jitter", 2),
    "outside": ("outside", 0),
    "PSNR outside": ("psnr", 1),
    "sharpness": ("sharpness", 2),
}
LEGEND = (
    "P(target): mean probability of the target emotion over the frames that were edited to it; top: share of these "
    "frames whose most probable emotion it is. identity: 1 is the same person. jaw r, lips r: correlation with the "
    "source, where it moves. closures kept: the share, of so many closures of the source between open lips. jitter "
    "ratio: second differences of the fitted coefficients, relative to the source. outside: largest change of a pixel "
    "outside the face before encoding, of 255. PSNR outside: of the file, dB, what the encoder did. sharpness: "
    "variance of the Laplacian in the face, relative to the source. -: could not be measured."
)


def measures_table(label: Sequence[str], rows: Sequence[tuple[Sequence[str], object]]) -> Table:
    """Lay out measures below a header; `label` heads the columns that say what a row is about."""
    return Table(
        (*label, *COLUMNS),
        tuple(
            (*names, *(_cell(getattr(found, name), digits) for name, digits in COLUMNS.values()))
            for names, found in rows
        ),
    )


def as_text(table: Table) -> str:
    """Write a table for a terminal, its columns in line."""
    lines = [table.header, *table.rows]
    widths = [max(len(line[k]) for line in lines) for k in range(len(table.header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _cell(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"
