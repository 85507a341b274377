"""Which clips a manipulator learns from, and which it is held against."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mead_manip.emotions import NED_EMOTIONS
from mead_manip.errors import UsageError
from mead_manip.training.windows import Labels

NED_VALIDATION = "M023"  # NED trains on M003, M009, W029 and validates on this actor


@dataclass(frozen=True)
class Selection:
    """The clips of a run, and what is worth saying about the choice."""

    training: list[Labels]
    validation: list[Labels]
    notes: list[str]


def select(
    clips: Iterable[Labels],
    *,
    views: Sequence[str],
    levels: Sequence[str],
    actors: Sequence[str] = (),
    val_actors: Sequence[str] = (),
) -> Selection:
    """Choose as NED does: one view, the strongest level, neutral at any, no contempt, an actor held out.

    A clip of unknown view counts as wanted. An emotion that has no clip of a wanted level is taken at its highest.
    """
    usable = [clip for clip in clips if clip.emotion in NED_EMOTIONS and clip.view in ("", *views)]
    held_out = _held_out(sorted({clip.actor for clip in usable}), actors, val_actors)
    wanted_levels = {_level(word) for word in levels}
    training, validation, notes = [], [], []
    for emotion in NED_EMOTIONS:
        of_emotion = [clip for clip in usable if clip.emotion == emotion]
        chosen = [clip for clip in of_emotion if emotion == "neutral" or clip.level in wanted_levels]
        if of_emotion and not chosen:
            highest = max(clip.level for clip in of_emotion)
            chosen = [clip for clip in of_emotion if clip.level == highest]
            notes.append(f"{emotion}: no clip of level {', '.join(levels)}; taking level {highest or 'unknown'}")
        validation += [clip for clip in chosen if clip.actor in held_out]
        training += [clip for clip in chosen if clip.actor not in held_out and (not actors or clip.actor in actors)]
    return Selection(training, validation, notes)


def _held_out(known: list[str], actors: Sequence[str], val_actors: Sequence[str]) -> set[str]:
    if tuple(val_actors) == ("none",):
        return set()
    unknown = sorted({*actors, *val_actors} - set(known))
    if unknown:
        raise UsageError(f"unknown actor {unknown[0]!r}", expected="one of " + ", ".join(known))
    if val_actors:
        return set(val_actors)
    candidates = [actor for actor in known if actor not in actors]
    if len(known) < 2 or not candidates:
        return set()
    return {NED_VALIDATION if NED_VALIDATION in candidates else candidates[-1]}


def _level(word: str) -> int:
    digits = word.removeprefix("level_")
    if digits not in ("1", "2", "3"):
        raise UsageError(f"--levels: {word!r}", expected="1, 2 or 3")
    return int(digits)
