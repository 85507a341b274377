"""A published split applied to the clips of a workspace: who trains, who validates, what is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mead_manip.artifacts import store
from mead_manip.artifacts.schemas import FaceTrack
from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import TrainConfig
from mead_manip.errors import UsageError
from mead_manip.media.mead_splits import Split, load_split
from mead_manip.media.mead_tree import ClipLabels
from mead_manip.training.selection import Selection, select
from mead_manip.training.windows import Labels

_NOBODY = ("none",)  # what `select` takes for "no validation"


@dataclass(frozen=True)
class _Parts:
    """The clips of a split that are here, and the actors among them."""

    clips: list[Labels]
    train: tuple[str, ...]
    val: tuple[str, ...]


def chosen(workspace: Workspace, labels: Sequence[Labels], config: TrainConfig) -> Selection:
    """Choose the clips to train and to validate on, within the split that is asked for, if any."""
    parts = _Parts(list(labels), config.actors, config.val_actors)
    notes = []
    if config.split:
        split = load_split(config.split)
        parts = _divided(workspace, labels, split, config)
        left_out = len(labels) - len(parts.clips)
        notes = [
            f"split {split.name}: {len(parts.train)} of {len(split.train)} actors to train on; {left_out} clips out"
        ]
    selection = select(parts.clips, views=config.views, levels=config.levels, actors=parts.train, val_actors=parts.val)
    return replace(selection, notes=notes + selection.notes)


def _divided(workspace: Workspace, labels: Sequence[Labels], split: Split, config: TrainConfig) -> _Parts:
    by_part: dict[str, list[Labels]] = {"train": [], "val": [], "test": [], "": []}
    for clip in labels:
        by_part[split.part(_as_mead(workspace, clip, split))].append(clip)
    trained = _within("--actors", config.actors, split.train, split)
    # A split without validation actors may give up some of its own for training.
    held = _within("--val-actors", config.val_actors, split.val or split.train, split)
    here = {part: {clip.actor for clip in clips} for part, clips in by_part.items()}
    wanted = [clip for part in ("train", "val") for clip in by_part[part]]
    known = {clip.actor for clip in wanted}
    val = tuple(actor for actor in (held if config.val_actors else split.val) if actor in known)
    train = tuple(actor for actor in trained if actor in here["train"] and actor not in val)
    if not train:
        raise UsageError(
            f"split {split.name}: none of its {len(trained)} actors to train on is among the reconstructed clips",
            expected="one of " + ", ".join(trained),
        )
    return _Parts(wanted, train, val or _NOBODY)


def _within(flag: str, given: Sequence[str], of_split: Sequence[str], split: Split) -> tuple[str, ...]:
    """Give the actors that both a flag and the split name; all of the split's where there is no flag."""
    if not given or tuple(given) == _NOBODY:
        return tuple(of_split)
    both = tuple(actor for actor in given if actor in of_split)
    if not both:
        found = f"{flag} {','.join(given)}: none of them in that part of split {split.name}"
        raise UsageError(found, expected="one of " + ", ".join(of_split))
    return both


def _as_mead(workspace: Workspace, clip: Labels, split: Split) -> ClipLabels:
    """Give the labels of a reconstruction, with its sentence where the split asks for it."""
    sentence = 0
    if split.last_sentences:
        with store.opened(FaceTrack, workspace.path("preprocess", clip.clip_id)) as track:
            sentence = track.sentence
    return ClipLabels(clip.actor, clip.view, clip.emotion, clip.level, sentence=sentence)
