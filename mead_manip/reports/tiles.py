"""Pictures of one size -> one sheet of titled tiles."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import UInt8

from mead_manip.reports.figure import beside

Picture = UInt8[np.ndarray, "_ _ 3"]


def tiled(pictures: Sequence[Picture], titles: Sequence[str], columns: int, width: int) -> Picture:
    """Lay pictures out in rows of `columns`, each scaled to `width` pixels; places without a picture stay dark."""
    height = max(1, round(pictures[0].shape[0] * width / pictures[0].shape[1]))
    tiles = [cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA) for picture in pictures]
    names = list(titles)
    while len(tiles) % columns:
        tiles.append(np.zeros((height, width, 3), np.uint8))
        names.append("")
    rows = [beside(tiles[k : k + columns], names[k : k + columns]) for k in range(0, len(tiles), columns)]
    return np.concatenate(rows)
