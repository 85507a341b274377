"""Known outliers, planted: which clip stands where, and under which label. Only then can a detector be measured.

A row is a place in the training set. An injection says which clip's content stands there, which label it carries, and
whether that makes it an outlier. Flips follow SCN's recipe (a uniform other class); asymmetric ones follow what people
confuse; weak and neutral ones plant what the method is for: clips that hardly show their label.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64

from mead_manip.errors import MeadManipError

STRONGEST = 3  # the level that NED trains on
CONFUSED = {
    "fear": "surprised",
    "surprised": "fear",
    "angry": "disgusted",
    "disgusted": "angry",
    "sad": "neutral",
    "neutral": "sad",
}


@dataclass(frozen=True)
class Clip:
    """What an injection needs to know of a clip."""

    clip_id: str
    actor: str
    emotion: str
    level: int  # 0 where unknown
    sentence: int = 0  # 0 where unknown


@dataclass(frozen=True)
class Injection:
    """A training set with known outliers; row k holds the content of clip `content[k]` under `labels[k]`."""

    name: str
    content: Int64[np.ndarray, " row"]  # index into the clips
    labels: tuple[str, ...]
    positive: Bool[np.ndarray, " row"]

    @property
    def rate(self) -> float:
        """Give the share of outliers."""
        return float(self.positive.mean())


Planting = Callable[[Sequence["Clip"], int], "Injection"]  # what is planted depends on the seed alone


def at_rate(inject: Callable[..., Injection], rate: float, **settings: int) -> Planting:
    """Settle everything about an injection but where it is planted."""
    return lambda clips, seed: inject(clips, rate, seed, **settings)


def as_it_is(clips: Sequence[Clip]) -> Injection:
    """Plant nothing."""
    rows = _rows(clips)
    return Injection("none", rows, _labels(clips, rows), np.zeros(len(rows), bool))


def all_levels(clips: Sequence[Clip]) -> Injection:
    """Plant nothing, and take the clips of every level."""
    rows = np.arange(len(clips), dtype=np.int64)
    return Injection("none", rows, _labels(clips, rows), np.zeros(len(rows), bool))


def symmetric_flips(clips: Sequence[Clip], rate: float, seed: int) -> Injection:
    """T1: give a share of the clips a uniformly drawn other label (SCN's recipe)."""
    rng = np.random.default_rng([seed, 1])
    rows = _rows(clips)
    labels = list(_labels(clips, rows))
    known = sorted(set(labels))
    if len(known) < 2:
        raise MeadManipError(f"flips among {len(known)} emotion(s)", expected="clips of at least two")
    flipped = _chosen(rng, np.ones(len(rows), bool), rate)
    for row in np.flatnonzero(flipped):
        labels[row] = str(rng.choice([other for other in known if other != labels[row]]))
    return Injection(f"T1 flips {rate:.0%}", rows, tuple(labels), flipped)


def confused_flips(clips: Sequence[Clip], rate: float, seed: int) -> Injection:
    """T2: give a share of the clips the label that people confuse theirs with; the others cannot be flipped."""
    rng = np.random.default_rng([seed, 2])
    rows = _rows(clips)
    labels = list(_labels(clips, rows))
    known = set(labels)
    flipped = _chosen(rng, np.array([CONFUSED.get(label) in known for label in labels]), rate)
    for row in np.flatnonzero(flipped):
        labels[row] = CONFUSED[labels[row]]
    return Injection(f"T2 confusions {rate:.0%}", rows, tuple(labels), flipped)


def weak_swaps(clips: Sequence[Clip], rate: float, seed: int, level: int = 1) -> Injection:
    """T3: put a weaker take of the same actor and emotion where a strong one stood; its sentence if that is known."""
    rng = np.random.default_rng([seed, 3, level])
    weaker: dict[tuple[str, str], list[int]] = {}
    for index, clip in enumerate(clips):
        if clip.level == level and clip.emotion != "neutral":
            weaker.setdefault((clip.actor, clip.emotion), []).append(index)

    def replace(row: int) -> list[int]:
        clip = clips[row]
        takes = weaker.get((clip.actor, clip.emotion), [])
        same = [index for index in takes if clip.sentence and clips[index].sentence == clip.sentence]
        return same or takes

    return _swapped(f"T3 level {level} {rate:.0%}", clips, rate, rng, replace)


def neutral_swaps(clips: Sequence[Clip], rate: float, seed: int) -> Injection:
    """T4: put a neutral take of the same actor where an emotional one stood, under the emotion's label."""
    rng = np.random.default_rng([seed, 4])
    neutral: dict[str, list[int]] = {}
    for index, clip in enumerate(clips):
        if clip.emotion == "neutral":
            neutral.setdefault(clip.actor, []).append(index)
    return _swapped(f"T4 neutral {rate:.0%}", clips, rate, rng, lambda row: neutral.get(clips[row].actor, []))


# ---- below: rows and draws --------------------------------------------------------------------------------------


def _rows(clips: Sequence[Clip]) -> Int64[np.ndarray, " row"]:
    """Take what NED trains on: the strongest level that is there, neutral at any."""
    strongest = max((clip.level for clip in clips if clip.emotion != "neutral"), default=0)
    wanted = min(strongest, STRONGEST)
    rows = [index for index, clip in enumerate(clips) if clip.emotion == "neutral" or clip.level == wanted]
    if not rows:
        raise MeadManipError("an injection into no clips", expected="labelled clips")
    return np.array(rows, np.int64)


def _labels(clips: Sequence[Clip], rows: Int64[np.ndarray, " row"]) -> tuple[str, ...]:
    return tuple(clips[row].emotion for row in rows)


def _chosen(rng: np.random.Generator, eligible: Bool[np.ndarray, " row"], rate: float) -> Bool[np.ndarray, " row"]:
    """Draw `rate` of all rows among the eligible ones, as many as there are."""
    chosen = np.zeros(len(eligible), bool)
    count = min(round(rate * len(eligible)), int(eligible.sum()))
    chosen[rng.choice(np.flatnonzero(eligible), count, replace=False)] = True
    return chosen


def _swapped(
    name: str, clips: Sequence[Clip], rate: float, rng: np.random.Generator, replace: Callable[[int], list[int]]
) -> Injection:
    content = _rows(clips)
    labels = _labels(clips, content)
    others = [replace(int(row)) if clips[row].emotion != "neutral" else [] for row in content]
    swapped = _chosen(rng, np.array([bool(takes) for takes in others]), rate)
    for row in np.flatnonzero(swapped):
        content[row] = rng.choice(others[row])
    return Injection(name, content, labels, swapped)
