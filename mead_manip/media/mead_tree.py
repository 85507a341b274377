"""MEAD on disk: which clip a path is, told by known tokens anywhere in it, read from the right. Nothing is opened."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..emotions import EMOTIONS, parse_emotion
from ..errors import InputMissing, UsageError

VIEWS = ("front", "down", "top", "left_30", "left_60", "right_30", "right_60")
LEVELS = ("1", "2", "3")
VIDEO_SUFFIXES = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v"}

_START, _END = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"
# MEAD's numbers are below 100: a lower-case "w640" in a name is no actor.
_ACTOR = re.compile(_START + r"([MW]\d{3}|[mw]0\d{2})" + _END)
_VIEW = re.compile(_START + "(" + "|".join(v.replace("_", "[_ -]?") for v in VIEWS) + ")" + _END, re.IGNORECASE)
_LEVEL = re.compile(_START + r"level[_ -]?([123])" + _END, re.IGNORECASE)
_WORDS = (*EMOTIONS, "anger", "disgust", "surprise", "sadness", "happiness", "fearful")
_EMOTION = re.compile(_START + "(" + "|".join(_WORDS) + ")" + _END, re.IGNORECASE)
_NUMBER = re.compile(_START + r"(\d{1,4})" + _END)
_COPY = re.compile(r"\s*\(\d+\)$")  # what a browser adds to the second download of a file
_TOKENS = (("view", _VIEW), ("emotion", _EMOTION), ("level", _LEVEL), ("actor", _ACTOR))
# EAT writes actor_emotion_level_sentence, with three letters for the emotion.
_SHORT = {name[:3]: name for name in EMOTIONS}
_EAT = re.compile(_START + r"([MW]\d{3})_(" + "|".join(_SHORT) + r")_([123])_(\d{1,4})" + _END, re.IGNORECASE)
# The authors' lists write actor_page_level_output_piece; a page of the script holds sentences of one emotion.
_RAW = re.compile(_START + r"([MW]\d{3})_(\d{2})_([123])_output_(\d{1,2})" + _END, re.IGNORECASE)
# First pages of the emotions in the script: uniBruce/Mead, Refinement/trainer_demo.py.
_PAGES = {
    1: "angry",
    9: "disgusted",
    17: "contempt",
    25: "fear",
    34: "happy",
    44: "sad",
    53: "surprised",
    62: "neutral",
}


@dataclass(frozen=True)
class ClipLabels:
    """What a path says about a clip; "" and 0 where it says nothing.

    `take` is the number in the file's name. `sentence` is the take's rank in its complete cell (see `with_sentences`):
    15 of MEAD's actors have gaps in their numbers, so only ranks can be compared between actors.
    """

    actor: str = ""
    view: str = ""
    emotion: str = ""
    level: int = 0
    take: int = 0
    sentence: int = 0

    @property
    def is_mead(self) -> bool:
        """Tell whether this is a clip of a MEAD tree: somebody acting something."""
        return bool(self.actor and self.emotion)

    @property
    def cell(self) -> tuple[str, str, str, int]:
        """Give what the takes of one folder have in common."""
        return self.actor, self.view, self.emotion, self.level

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
                f"{self.take:03d}" if self.take else "",
            )
            if part
        )


def parse_clip_path(path: Path, root: Path | None = None) -> ClipLabels:
    """Read actor, view, emotion, level and take off a path; the token furthest right wins.

    Folders left of the one that names an actor are not looked at, nor those above `root` if the file's own name names
    the actor: they are the user's, not MEAD's.
    """
    found = _from_alias(path.stem)
    for name in _mead_part(path, root):
        for key, pattern in _TOKENS:
            if key not in found and (matches := pattern.findall(name)):
                found[key] = matches[-1]
    return ClipLabels(
        actor=found.get("actor", "").upper(),
        view=canonical_view(found.get("view", "")),
        emotion=parse_emotion(found["emotion"]) if "emotion" in found else "",
        level=int(found.get("level", 0)),
        take=int(found["take"]) if "actor" in found and "take" in found else 0,
    )


def layout_of(path: Path, root: Path) -> str:
    """Describe where a clip lies below `root`, with words for what differs from clip to clip."""
    shown = path.relative_to(root).as_posix()
    for pattern, word in (
        (_RAW, "<actor>_<page>_<level>_output_<piece>"),
        (_EAT, "<actor>_<emo>_<level>_<take>"),
        (_ACTOR, "<actor>"),
        (_VIEW, "<view>"),
        (_LEVEL, "<level>"),
        (_EMOTION, "<emotion>"),
    ):
        shown = pattern.sub(word, shown)
    folders, _, name = shown.rpartition("/")
    return f"{folders}/{_NUMBER.sub('<take>', name)}" if folders else _NUMBER.sub("<take>", name)


def cell_size(emotion: str) -> int:
    """Give the number of takes of a complete cell: neutral has one level, and more sentences in it."""
    return 40 if emotion == "neutral" else 30


def with_sentences(labels: Mapping[Path, ClipLabels]) -> dict[Path, ClipLabels]:
    """Number the sentences of complete cells by rank, from 1; all clips on disk must be here, not a selection."""
    cells: dict[tuple[str, str, str, int], list[Path]] = {}
    for path, clip in labels.items():
        if clip.is_mead and clip.take and clip.level:
            cells.setdefault(clip.cell, []).append(path)
    ranked = dict(labels)
    for (_, _, emotion, _), paths in cells.items():
        takes = {labels[path].take for path in paths}
        if len(paths) == len(takes) == cell_size(emotion):
            for rank, path in enumerate(sorted(paths, key=lambda path: labels[path].take), start=1):
                ranked[path] = replace(labels[path], sentence=rank)
    return ranked


def find_files(folder: Path) -> list[Path]:
    """List the files below a folder, sorted; hidden ones are left out, links to folders are followed once."""
    found: list[Path] = []
    entered = set()
    for where, folders, names in os.walk(folder, onerror=_refuse, followlinks=True):
        status = Path(where).stat()
        if (status.st_dev, status.st_ino) in entered:
            folders.clear()
            continue
        entered.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(where, name) for name in names if not name.startswith(".")]
    return sorted(found)


def find_videos(folder: Path) -> list[Path]:
    """List the videos below a folder, sorted, with links that lead nowhere; hidden files and folders are left out."""
    videos = (path for path in find_files(folder) if path.suffix.lower() in VIDEO_SUFFIXES)
    return [path for path in videos if path.is_file() or path.is_symlink()]


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
            if canonical_view(view) not in VIEWS:
                raise UsageError(f"unknown view {view!r}", expected="one of " + ", ".join(VIEWS))
        plain = [level.lower().removeprefix("level").lstrip("_-") for level in levels]
        for level in plain:
            if level not in LEVELS:
                raise UsageError(f"unknown level {level!r}", expected="one of " + ", ".join(LEVELS))
        return cls(
            tuple(actor.upper() for actor in actors),
            tuple(map(canonical_view, views)),
            tuple(map(parse_emotion, emotions)),
            tuple(map(int, plain)),
        )

    def wants(self, labels: ClipLabels) -> bool:
        """Tell whether a clip is wanted."""
        pairs = (
            (self.actors, labels.actor),
            (self.views, labels.view),
            (self.emotions, labels.emotion),
            (self.levels, labels.level),
        )
        return all(not wanted or value in wanted for wanted, value in pairs)


def canonical_view(text: str) -> str:
    """Give a view as MEAD's folders name it."""
    word = re.sub("[- ]", "_", text.lower())
    return re.sub(r"^(left|right)_?(30|60)$", r"\1_\2", word)


# ---- below: names, from the file up ---------------------------------------------------------------------------------


def _refuse(error: OSError) -> None:
    raise InputMissing(f"cannot read {error.filename}: {error.strerror}", expected="a readable folder") from error


def _from_alias(stem: str) -> dict[str, str]:
    """Read the names that other projects give to clips; else only the take."""
    if match := _EAT.search(stem):
        actor, short, level, take = match.groups()
        return {"actor": actor, "emotion": _SHORT[short.lower()], "level": level, "take": take}
    if match := _RAW.search(stem):
        actor, page, level, piece = match.groups()
        emotion = next((name for first, name in reversed(_PAGES.items()) if first <= int(page)), "")
        found = {"actor": actor, "level": level, "take": f"{page}{int(piece):02d}"}
        return found | ({"emotion": emotion} if emotion else {})
    plain = _ACTOR.sub("", _LEVEL.sub("", _VIEW.sub("", _COPY.sub("", stem))))
    numbers = _NUMBER.findall(plain)
    return {"take": numbers[-1]} if numbers else {}


def _mead_part(path: Path, root: Path | None) -> Iterator[str]:
    """Yield the file's name and its folders, right to left, as far as they can be MEAD's."""
    yield path.stem
    named = bool(_ACTOR.search(path.stem))
    for folder in path.parents:
        yield folder.name
        if _ACTOR.search(folder.name) or (named and folder == root):
            return
