"""Edited videos of one source -> their heads at one moment, as the paper shows them: methods in rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from mead_manip.media.video import read_frames
from mead_manip.reports.figure import labelled_grid

Picture = UInt8[np.ndarray, "_ _ 3"]


def heads_at(
    rows: Mapping[str, Sequence[Path]],
    columns: Sequence[str],
    index: int,
    box_px: Float32[np.ndarray, " 4"],
    cell: int = 224,
) -> Picture:
    """Return frame `index` of every video, cut to the head about a face's box; `columns` are titles."""
    frames = {path: head_of(_frame(path, index), box_px) for videos in rows.values() for path in videos}
    return labelled_grid({name: [frames[path] for path in videos] for name, videos in rows.items()}, columns, cell)


def head_of(rgb: Picture, box_px: Float32[np.ndarray, " 4"]) -> Picture:
    """Return a frame cut to the head about a face's box."""
    (x0, y0, x1, y1), (height, width) = box_px, rgb.shape[:2]
    reach, middle = 0.78 * (y1 - y0), (y0 + 0.42 * (y1 - y0))
    left, right = max(int((x0 + x1) / 2 - reach), 0), min(int((x0 + x1) / 2 + reach), width)
    return rgb[max(int(middle - reach), 0) : min(int(middle + reach), height), left:right]


def _frame(video: Path, index: int) -> Picture:
    ((_, _, rgb),) = read_frames(video, index, index + 1)
    return rgb
