"""Who is in a video -> one picture: a row for each face, numbered, with pictures of it at several times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from mead_manip.reports.figure import INK, MARGIN, PAPER, square

CELL = 128  # px, a picture
_CAPTION = 20
_SIDE = 150  # where number and facts stand
_GREY = (110, 110, 116)


@dataclass(frozen=True)
class FaceRow:
    """One face: its number, lines about it, and (caption, picture) in the order of time."""

    number: str
    facts: str
    strip: Sequence[tuple[str, UInt8[np.ndarray, "_ _ 3"]]]


def face_sheet(rows: Sequence[FaceRow]) -> UInt8[np.ndarray, "height width 3"]:
    """Draw the contact sheet."""
    longest = max((len(row.strip) for row in rows), default=0)
    pitch = CELL + _CAPTION + MARGIN
    sheet = Image.new("RGB", (_SIDE + longest * (CELL + MARGIN) + MARGIN, len(rows) * pitch + MARGIN), PAPER)
    draw = ImageDraw.Draw(sheet)
    number_font, font = ImageFont.load_default(size=40), ImageFont.load_default(size=13)
    for r, row in enumerate(rows):
        top = MARGIN + r * pitch
        draw.text((16, top + 8), row.number, INK, number_font)
        draw.multiline_text((16, top + 62), row.facts, _GREY, font, spacing=5)
        for k, (caption, picture) in enumerate(row.strip):
            left = _SIDE + k * (CELL + MARGIN)
            sheet.paste(Image.fromarray(square(picture, CELL)), (left, top))
            draw.text((left + CELL / 2, top + CELL + _CAPTION / 2), caption, _GREY, font, anchor="mm")
    return np.asarray(sheet)
