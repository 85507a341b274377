"""Aff-Wild2's annotations applied to the clips of a workspace: who trains, who validates, and the label of a frame."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Int8

from mead_manip.artifacts.workspace import clip_id_from
from mead_manip.emotions import NED_EMOTIONS
from mead_manip.media.affwild2 import find_annotations, read_annotations
from mead_manip.training.selection import Selection
from mead_manip.training.windows import ClipSequence, Labels

_MARK = re.compile(r"-[0-9a-f]{8}$")  # what preprocess adds to the name of a video


@dataclass(frozen=True)
class FrameLabels:
    """The labels of every clip's frames; empty where clips are labelled as wholes."""

    of_clip: dict[str, Int8[np.ndarray, " frame"]] = field(default_factory=dict)

    def emotions(self) -> set[str]:
        """Give the emotions that any frame shows."""
        seen = {int(label) for frames in self.of_clip.values() for label in np.unique(frames)}
        return {NED_EMOTIONS[label] for label in seen if label >= 0}


def annotated(labels: Sequence[Labels], n_frames: Mapping[str, int], folder: Path) -> tuple[Selection, FrameLabels]:
    """Choose the clips that are annotated; as NED does, those with fewer labels than frames are left out."""
    parts = find_annotations(folder)
    places = {
        clip_id_from("video", stem): (part, path)
        for part, files in (("training", parts.training), ("validation", parts.validation))
        for stem, path in files.items()
    }
    chosen: dict[str, list[Labels]] = {"training": [], "validation": []}
    frames, short, strangers = {}, [], []
    for clip in labels:
        name = _MARK.sub("", clip.clip_id)
        if name not in places:
            strangers.append(clip.clip_id)
            continue
        part, path = places[name]
        of_clip = read_annotations(path)
        if len(of_clip) < n_frames[clip.clip_id]:
            short.append(clip.clip_id)
            continue
        frames[clip.clip_id] = of_clip[: n_frames[clip.clip_id]]
        chosen[part].append(clip)
    notes = [f"{len(frames)} of {len(labels)} clips are annotated in {folder.name}"]
    notes += [f"{len(strangers)} clip(s) without annotations left out, first {strangers[0]}"] if strangers else []
    notes += [f"{len(short)} clip(s) with fewer labels than frames left out, first {short[0]}"] if short else []
    return Selection(chosen["training"], chosen["validation"], notes), FrameLabels(frames)


def constant_pieces(clips: Sequence[ClipSequence]) -> list[ClipSequence]:
    """Cut clips with labelled frames into pieces of one label each; leave the others as they are."""
    pieces = []
    for clip in clips:
        if clip.frame_emotion is None:
            pieces.append(clip)
            continue
        edges = np.flatnonzero(np.diff(clip.frame_emotion)) + 1
        bounds = [0, *edges.tolist(), len(clip.frame_emotion)]
        for first, stop in itertools.pairwise(bounds):
            label = int(clip.frame_emotion[first]) if stop > first else -1
            if label >= 0:
                own = Labels(f"{clip.labels.clip_id}@{first}", clip.labels.actor, NED_EMOTIONS[label], 0, "")
                pieces.append(ClipSequence(own, clip.coefs[first:stop], clip.visible[first:stop]))
    return pieces
