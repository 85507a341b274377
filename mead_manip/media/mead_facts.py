"""What is known of MEAD's public part: what it should hold, and what it lacks wherever it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from ..emotions import EMOTIONS
from .mead_splits import ACTORS
from .mead_tree import ClipLabels, cell_size

FPS = Fraction(30)
ONLY_DOWN = "W017"  # uniBruce/Mead#9
PUBLIC = (*ACTORS, ONLY_DOWN)
WHOLE_TAR_BYTES = 18e9  # smaller downloads of an actor's video.tar were reported broken: uniBruce/Mead#8
_EDTALK = "in EDTalk's lists, which may include its own losses"

# (actor, emotion, level) -> clips that there are.
_SHORT_CELLS = {
    ("M009", "surprised", 1): 12,
    ("M009", "surprised", 2): 16,
    ("M007", "contempt", 1): 23,
    ("W033", "contempt", 1): 16,
    ("W033", "fear", 2): 20,
    ("W033", "fear", 3): 20,
}
_LACKING_ACTORS = ("M011", "M019")  # uniBruce/Mead#9: the list was sent privately
_M030 = ("happy", "neutral", "sad", "surprised")
_SILENT = {("M041", "sad", 2, take) for take in range(20, 24)}  # inferno, process_mead.py


@dataclass(frozen=True)
class Known:
    """A flaw of the release itself: how many clips a cell has wherever it is, and who says so."""

    at_least: int
    reason: str


def known_shortfall(cell: ClipLabels) -> Known | None:
    """Tell whether a cell is known to lack clips in the release."""
    if cell.actor in _LACKING_ACTORS:
        return Known(0, "lacks some emotions and views in the release (uniBruce/Mead#9)")
    if cell.actor == "M030" and cell.emotion not in _M030:
        return Known(0, f"absent {_EDTALK}")
    count = _SHORT_CELLS.get((cell.actor, cell.emotion, cell.level))
    return None if count is None else Known(count, f"{count} clips {_EDTALK}")


def is_known_silent(labels: ClipLabels) -> bool:
    """Tell whether the release has this clip without sound."""
    return (labels.actor, labels.emotion, labels.level, labels.take) in _SILENT


def cells_of(actor: str, view: str) -> Iterator[tuple[ClipLabels, int]]:
    """Yield the cells of an actor and view with the number of clips that each should hold."""
    if actor == ONLY_DOWN and view != "down":
        return
    for emotion in EMOTIONS:
        for level in (1,) if emotion == "neutral" else (1, 2, 3):
            yield ClipLabels(actor, view, emotion, level), cell_size(emotion)
