"""What is wrong with the clips of a tree, each thing with its reason. No file is read here."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeVar

import numpy as np

from mead_manip.media import mead_facts
from mead_manip.media.fingerprint import picture_of, same_pictures, same_sounds, sound_of, sounds_differ
from mead_manip.media.inspection import Inspection
from mead_manip.media.mead_tree import ClipLabels

Item = TypeVar("Item")
Key = TypeVar("Key")

SHORTEST = 10  # frames: fewer are no window to learn from
_FAR_BELOW, _ENOUGH_TO_COMPARE = 1 / 3, 5  # of the median of a cell; clips in it

# kind -> what a reader is told about it
KINDS = {
    "unreadable": "cannot be read to their end",
    "silent": "without sound",
    "short": "much too short",
    "rate": "not of the rate of MEAD or of their tree",
    "size": "not of the size of the others",
    "duplicate": "the same recording under two names",
    "same sound": "the sound of another clip under another picture",
    "twice": "the same take twice",
    "unlabelled": "videos whose path names no actor and emotion",
    "archive": "archives that were not unpacked",
    "unknown file": "neither video, sound nor archive",
}


@dataclass(frozen=True)
class Audited:
    """A clip with what its path and its content say."""

    path: str  # below the tree's folder
    labels: ClipLabels
    seen: Inspection
    n_bytes: int = 0


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with one clip; `known` of the release itself."""

    kind: str
    path: str
    reason: str
    known: bool = False
    other: str = ""  # the second clip of a pair


@dataclass(frozen=True)
class Cell:
    """How many clips of an actor, view, emotion and level should be there, and how many are."""

    actor: str
    view: str
    emotion: str
    level: int
    expected: int
    found: int
    known: str = ""  # why the release itself has no more

    @property
    def lacking(self) -> int:
        """Give how many clips are missing that the release has."""
        return 0 if self.known else max(0, self.expected - self.found)


def findings_of(clips: Sequence[Audited]) -> list[Finding]:
    """Judge clips by their headers: what cannot be read, is silent, short, of another rate or size, or there twice."""
    readable = [clip for clip in clips if not clip.seen.error]
    judged: list[Finding] = [Finding("unreadable", clip.path, clip.seen.error) for clip in clips if clip.seen.error]
    for judge in (_silent, _short, _rates, _sizes):
        judged += judge(readable)
    return judged


def alike(clips: Sequence[Audited], digest: Callable[[str], str]) -> list[Finding]:
    """Find recordings that lie there twice, by content, by picture and by sound, and takes that do by name."""
    clips = [clip for clip in clips if not clip.seen.error]
    reasons: dict[tuple[int, int], str] = {}
    for places in _grouped(range(len(clips)), lambda place: clips[place].n_bytes).values():
        if len(places) > 1:
            copies = _grouped(places, lambda place: digest(clips[place].path)).values()
            reasons |= {pair: "the same file" for members in copies for pair in _pairs(members)}
    heard = _sound_pairs(clips)
    for pair, distance in _picture_pairs(clips).items():
        sounds = ", and sound" if pair in heard else ""
        reasons.setdefault(pair, f"the same picture and motion ({distance:.0%} of the bits differ){sounds}")
    found = [Finding("duplicate", clips[a].path, reason, other=clips[b].path) for (a, b), reason in reasons.items()]
    for (a, b), distance in heard.items():
        if (a, b) not in reasons:
            reason = f"the same sound ({distance:.0%} of the bits differ), another picture"
            found.append(Finding("same sound", clips[a].path, reason, other=clips[b].path))
    return sorted(found, key=lambda finding: (finding.kind, finding.path)) + _twice(clips, reasons)


def cells_of(expected: Iterable[tuple[ClipLabels, int]], clips: Sequence[Audited]) -> list[Cell]:
    """Count the readable takes of every cell that is expected."""
    takes: dict[tuple[str, str, str, int], set[object]] = defaultdict(set)
    for clip in clips:
        if clip.labels.is_mead and not clip.seen.error:
            takes[clip.labels.cell].add(clip.labels.take or clip.path)
    cells = []
    for labels, size in expected:
        found = len(takes[labels.cell])
        known = mead_facts.known_shortfall(labels)
        told = known.reason if known and known.at_least <= found < size else ""
        cells.append(Cell(*labels.cell, size, found, told))
    return cells


# ---- below: one kind each -----------------------------------------------------------------------------------------


def _silent(clips: Sequence[Audited]) -> Iterator[Finding]:
    for clip in clips:
        known = mead_facts.is_known_silent(clip.labels)
        if not clip.seen.audio:
            reason = "no sound track" + (", as in the release: its audio.tar has the sound" if known else "")
            yield Finding("silent", clip.path, reason, known)
        elif clip.seen.peak == 0:
            yield Finding("silent", clip.path, "its sound track holds digital silence", known)


def _short(clips: Sequence[Audited]) -> Iterator[Finding]:
    for members in _grouped(clips, lambda clip: clip.labels.cell).values():
        usual = statistics.median(clip.seen.n_frames for clip in members)
        for clip in members:
            n_frames = clip.seen.n_frames
            if n_frames < SHORTEST:
                yield Finding("short", clip.path, f"{n_frames} frames; a window needs {SHORTEST}")
            elif clip.labels.is_mead and len(members) >= _ENOUGH_TO_COMPARE and n_frames < _FAR_BELOW * usual:
                yield Finding("short", clip.path, f"{n_frames} frames, where its cell has {usual:.0f} in the middle")


def _rates(clips: Sequence[Audited]) -> Iterator[Finding]:
    rates = Counter(clip.seen.fps for clip in clips)
    if not rates:
        return
    usual, count = rates.most_common(1)[0]
    if usual != mead_facts.FPS:
        reason = f"{count} of {len(clips)} clips have {_rate(usual)}, MEAD {_rate(mead_facts.FPS)}: resampled?"
        yield Finding("rate", ".", reason)
    for clip in clips:
        if clip.seen.fps != usual:
            yield Finding("rate", clip.path, f"{_rate(clip.seen.fps)} among clips of {_rate(usual)}")


def _sizes(clips: Sequence[Audited]) -> Iterator[Finding]:
    for members in _grouped(clips, lambda clip: clip.labels.view).values():
        (width, height), _ = Counter((clip.seen.width, clip.seen.height) for clip in members).most_common(1)[0]
        for clip in members:
            if (clip.seen.width, clip.seen.height) != (width, height):
                reason = f"{clip.seen.width}x{clip.seen.height} among clips of {width}x{height}"
                yield Finding("size", clip.path, reason)


def _twice(clips: Sequence[Audited], told: dict[tuple[int, int], str]) -> list[Finding]:
    labelled = [place for place, clip in enumerate(clips) if clip.labels.is_mead and clip.labels.take]
    return [
        Finding("twice", clips[a].path, f"take {clips[a].labels.take} of its cell", other=clips[b].path)
        for places in _grouped(labelled, lambda place: (clips[place].labels.cell, clips[place].labels.take)).values()
        for a, b in _pairs(places)
        if (a, b) not in told
    ]


def _picture_pairs(clips: Sequence[Audited]) -> dict[tuple[int, int], float]:
    """Pair clips that look alike and do not certainly sound different."""
    pictures = [clip.seen.picture or _NO_PICTURE for clip in clips]
    sounds = [clip.seen.sound or _NO_SOUND for clip in clips]
    return {
        (pair.first, pair.second): pair.distance
        for pair in same_pictures(pictures)
        if not sounds_differ(sounds[pair.first], sounds[pair.second])
    }


def _sound_pairs(clips: Sequence[Audited]) -> dict[tuple[int, int], float]:
    """Pair clips that sound alike, but for one take seen by several cameras."""

    def one_take(a: int, b: int) -> bool:
        first, second = clips[a].labels, clips[b].labels
        return bool(first.take) and first.view != second.view and replace(first, view=second.view) == second

    pairs = same_sounds([clip.seen.sound or _NO_SOUND for clip in clips], one_take)
    return {(pair.first, pair.second): pair.distance for pair in pairs}


_NO_PICTURE, _NO_SOUND = picture_of([]), sound_of(np.zeros(0, np.float32))


def _rate(fps: Fraction) -> str:
    return f"{float(fps):.5g} frames/s"


def _pairs(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Pair each member with the first: n copies of a thing are n - 1 findings."""
    return ((places[0], other) for other in places[1:])


def _grouped(items: Iterable[Item], key: Callable[[Item], Key]) -> dict[Key, list[Item]]:
    groups: dict[Key, list[Item]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups
