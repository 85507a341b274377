"""The published ways of dividing MEAD, read from text files that ship with the package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ..emotions import parse_emotion
from ..errors import UsageError
from .mead_tree import ClipLabels, Selection, cell_size

# With usable video from the front; the 48th public speaker, W017, has only the view `down` and is in no split.
MEN = (
    *("M003", "M005", "M007", "M009", "M011", "M012", "M013", "M019", "M022", "M023", "M024", "M025", "M026", "M027"),
    *("M028", "M029", "M030", "M031", "M032", "M033", "M034", "M035", "M037", "M039", "M040", "M041", "M042"),
)
WOMEN = (
    *("W009", "W011", "W014", "W015", "W016", "W018", "W019", "W021", "W023", "W024", "W025", "W026", "W028", "W029"),
    *("W033", "W035", "W036", "W037", "W038", "W040"),
)
ACTORS = MEN + WOMEN
SPLITS = ("ned", "emote", "smirk", "w2le", "eat", "authors")
PARTS = ("train", "val", "test")
_FOLDER = Path(__file__).parent / "splits"


@dataclass(frozen=True)
class Split:
    """Which part of a split a clip belongs to: told by its actor, or by its sentence."""

    name: str
    train: tuple[str, ...]
    val: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    selection: Selection = field(default_factory=Selection)  # views, levels and emotions that it is about
    last_sentences: Mapping[str, int] = field(default_factory=dict)  # "neutral", "other" -> how many are for testing

    @property
    def actors(self) -> tuple[str, ...]:
        """Give the actors of all parts."""
        return tuple(sorted({*self.train, *self.val, *self.test}))

    def part(self, labels: ClipLabels) -> str:
        """Tell whether a clip is for `train`, `val` or `test`; "" where it is in no part.

        A split by sentence cannot place a clip whose cell is incomplete: it is in no part.
        """
        if not labels.is_mead or not self.is_about(labels):
            return ""
        if self.last_sentences:
            return self._part_by_sentence(labels) if labels.actor in self.train else ""
        return next((part for part in PARTS if labels.actor in getattr(self, part)), "")

    def is_about(self, labels: ClipLabels) -> bool:
        """Tell whether a clip's view, emotion and level are those of the split."""
        # Neutral has one level, called 1: a choice of levels is one among the emotional clips.
        neutral = labels.emotion == "neutral"
        levels = () if neutral else self.selection.levels
        views = self.selection.views if labels.view else ()  # an unknown view counts as wanted
        return Selection(views=views, emotions=self.selection.emotions, levels=levels).wants(labels)

    def _part_by_sentence(self, labels: ClipLabels) -> str:
        if not labels.sentence:
            return ""
        kept_back = self.last_sentences["neutral" if labels.emotion == "neutral" else "other"]
        return "test" if labels.sentence > cell_size(labels.emotion) - kept_back else "train"


@cache
def load_split(name: str) -> Split:
    """Read a published split."""
    if name not in SPLITS:
        raise UsageError(f"unknown split {name!r}", expected="one of " + ", ".join(SPLITS))
    lines = (_FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    rows = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    words = {row[0]: tuple(row[1:]) for row in rows if row[0] != "last-sentences"}
    named = {*words.get("val", ()), *words.get("test", ()), *words.get("absent", ())}
    rest = tuple(actor for actor in ACTORS if actor not in named)
    return Split(
        name,
        train=rest if words["train"] == ("rest",) else words["train"],
        val=words.get("val", ()),
        test=words.get("test", ()),
        selection=Selection(
            views=words.get("views", ()),
            emotions=tuple(map(parse_emotion, words.get("emotions", ()))),
            levels=tuple(map(int, words.get("levels", ()))),
        ),
        last_sentences={row[1]: int(row[2]) for row in rows if row[0] == "last-sentences"},
    )
