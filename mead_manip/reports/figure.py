"""Frames of several edits -> one labelled picture, as in the paper: methods in rows, emotions in columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

Picture = UInt8[np.ndarray, "_ _ 3"]

MARGIN = 6
HEADER = 26
SIDE = 92
INK = (28, 28, 30)
PAPER = (255, 255, 255)


def labelled_grid(rows: Mapping[str, Sequence[Picture]], columns: Sequence[str], cell: int = 224) -> Picture:
    """Return a picture with one row per entry of `rows` and one titled column per image.

    Images are scaled to a height of `cell` pixels and cropped to the middle square. Raises ValueError where a row does
    not have one image per column.
    """
    width = SIDE + len(columns) * (cell + MARGIN) + MARGIN
    height = HEADER + len(rows) * (cell + MARGIN) + MARGIN
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=15)
    for k, title in enumerate(columns):
        x = SIDE + k * (cell + MARGIN) + cell / 2
        draw.text((x, HEADER / 2), title, INK, font, anchor="mm")
    for r, (name, pictures) in enumerate(rows.items()):
        y = HEADER + r * (cell + MARGIN)
        draw.text((SIDE / 2, y + cell / 2), name, INK, font, anchor="mm")
        for k, (_, picture) in enumerate(zip(columns, pictures, strict=True)):
            sheet.paste(Image.fromarray(square(picture, cell)), (SIDE + k * (cell + MARGIN), y))
    return np.asarray(sheet)


def square(picture: Picture, side: int) -> Picture:
    """Return the middle square of a picture, scaled to `side` pixels."""
    height, width = picture.shape[:2]
    edge = min(height, width)
    y, x = (height - edge) // 2, (width - edge) // 2
    middle = Image.fromarray(picture[y : y + edge, x : x + edge])
    return np.asarray(middle.resize((side, side), Image.Resampling.LANCZOS))


def beside(pictures: Sequence[Picture], titles: Sequence[str] | None = None) -> Picture:
    """Return pictures of one height next to each other, each with its title in the upper left corner."""
    joined = Image.fromarray(np.concatenate(list(pictures), axis=1))
    if titles:
        draw, font = ImageDraw.Draw(joined), ImageFont.load_default(size=max(12, joined.height // 26))
        x = 0
        for picture, title in zip(pictures, titles, strict=True):
            draw.text((x + 8, 6), title, (255, 255, 255), font, stroke_width=2, stroke_fill=(0, 0, 0))
            x += picture.shape[1]
    return np.asarray(joined)
