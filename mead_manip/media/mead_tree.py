"""MEAD on disk: which clip a path is, told by known tokens anywhere in it, read from the right. Nothing is opened."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..emotions import EMOTIONS, parse_emotion
from ..errors import UsageError

VIEWS = ("front", "down", "top", "left_30", "left_60", "right_30", "right_60")
LEVELS = ("1", "2", "3")
VIDEO_SUFFIXES = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v"}

_START, _END = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"
_ACTOR = re.compile(_START + r"([MW]\d{3})" + _END)
_VIEW = re.compile(_START + "(" + "|".join(v.replace("_", "[_-]?") for v in VIEWS) + ")" + _END, re.IGNORECASE)
_LEVEL = re.compile(_START + r"level[_-]?([123])" + _END, re.IGNORECASE)
_EMOTION = re.compile(_START + "(" + "|".join((*EMOTIONS, "anger", "disgust", "surprise")) + ")" + _END, re.IGNORECASE)
_NUMBER = re.compile(_START + r"(\d{1,4})" + _END)
# EAT writes actor_emotion_level_sentence, with three letters for the emotion.
_SHORT = {name[:3]: name for name in EMOTIONS}
_EAT = re.compile(_START + r"([MW]\d{3})_(" + "|".join(_SHORT) + r")_([123])_(\d{1,4})" + _END, re.IGNORECASE)


@dataclass(frozen=True)
class ClipLabels:
    """What a path says about a clip; "" and 0 where it says nothing."""

    actor: str = ""
    view: str = ""
    emotion: str = ""
    level: int = 0
    sentence: int = 0

    @property
    def is_mead(self) -> bool:
        """Tell whether this is a clip of a MEAD tree: somebody acting something."""
        return bool(self.actor and self.emotion)

    @property
    def parts(self) -> tuple[str, ...]:
        """Give the parts of a clip id, those that are known."""
        return tuple(
            part
            for part in (
                self.actor,
                self.view,
                self.emotion,
                f"level_{self.level}" if self.level else "",
                f"{self.sentence:03d}" if self.sentence else "",
            )
            if part
        )


def parse_clip_path(path: Path) -> ClipLabels:
    """Read actor, view, emotion, level and sentence off a path; the token furthest right wins.

    Folders left of the one that names an actor are not looked at: they are the user's, not MEAD's.
    """
    names = [path.stem, *(part for part in reversed(path.parent.parts))]
    found: dict[str, str] = {}
    short = _EAT.search(path.stem)
    if short:
        actor, emotion, level, sentence = short.groups()
        found = {"actor": actor.upper(), "emotion": _SHORT[emotion.lower()], "level": level, "sentence": sentence}
    for depth, name in enumerate(names):
        for key, pattern in (("view", _VIEW), ("emotion", _EMOTION), ("level", _LEVEL), ("actor", _ACTOR)):
            if key not in found and (matches := pattern.findall(name)):
                found[key] = matches[-1]
        if depth and _ACTOR.search(name):
            break
    if "sentence" not in found and (
        numbers := _NUMBER.findall(_ACTOR.sub("", _LEVEL.sub("", _VIEW.sub("", path.stem))))
    ):
        found["sentence"] = numbers[-1]
    return ClipLabels(
        actor=found.get("actor", "").upper(),
        view=_canonical_view(found.get("view", "")),
        emotion=parse_emotion(found["emotion"]) if "emotion" in found else "",
        level=int(found.get("level", 0)),
        sentence=int(found["sentence"]) if "sentence" in found and "actor" in found else 0,
    )


def find_videos(folder: Path) -> list[Path]:
    """List the videos below a folder, sorted; hidden files and folders are left out."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in VIDEO_SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )


@dataclass(frozen=True)
class Selection:
    """Which clips of a tree are wanted; an empty tuple wants all."""

    actors: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    emotions: tuple[str, ...] = ()
    levels: tuple[int, ...] = ()

    @classmethod
    def parse(
        cls,
        actors: Sequence[str] = (),
        views: Sequence[str] = (),
        emotions: Sequence[str] = (),
        levels: Sequence[str] = (),
    ) -> Selection:
        """Check the words of a command line."""
        for view in views:
            if _canonical_view(view) not in VIEWS:
                raise UsageError(f"unknown view {view!r}", expected="one of " + ", ".join(VIEWS))
        plain = [level.lower().removeprefix("level").lstrip("_-") for level in levels]
        for level in plain:
            if level not in LEVELS:
                raise UsageError(f"unknown level {level!r}", expected="one of " + ", ".join(LEVELS))
        return cls(
            tuple(actor.upper() for actor in actors),
            tuple(map(_canonical_view, views)),
            tuple(map(parse_emotion, emotions)),
            tuple(map(int, plain)),
        )

    @property
    def wants_all(self) -> bool:
        """Tell whether nothing is left out."""
        return not (self.actors or self.views or self.emotions or self.levels)

    def wants(self, labels: ClipLabels) -> bool:
        """Tell whether a clip is wanted."""
        pairs = (
            (self.actors, labels.actor),
            (self.views, labels.view),
            (self.emotions, labels.emotion),
            (self.levels, labels.level),
        )
        return all(not wanted or value in wanted for wanted, value in pairs)


def _canonical_view(text: str) -> str:
    word = text.lower().replace("-", "_")
    return re.sub(r"^(left|right)_?(30|60)$", r"\1_\2", word)
