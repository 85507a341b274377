"""A result's recipe -> its frames drawn again in memory: what changes outside the face before anything is encoded"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mead_manip.artifacts import store
from mead_manip.artifacts.schemas import ManipulatorWeights
from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import Common, EditConfig
from mead_manip.errors import InputMissing
from mead_manip.evaluation.edit_measures import REACH, face_mask
from mead_manip.media.video import read_frames
from mead_manip.stages.editing.edit_faces import Face, Tools
from mead_manip.stages.editing.edit_frames import Frame, in_order
from mead_manip.stages.editing.edit_mask import Mask, mask_of
from mead_manip.stages.editing.edit_renderer import choose, with_renderers
from mead_manip.stages.editing.edit_settings import Source, from_recipe
from mead_manip.stages.judging.edit_pairs import Pair
from mead_manip.stages.learning.trained import run_of, weights_of
from mead_manip.stages.running.runner import Progress

STAGE = "evaluate-edit"


@dataclass(frozen=True)
class Change:
    """What an edit did outside the faces, or why that cannot be told."""

    most: float = float("nan")  # levels of 255
    share: float = float("nan")  # of the pixels there
    n_frames: int = 0
    reason: str = ""


def change_outside(pair: Pair, workspace: Workspace, common: Common, count: int, progress: Progress) -> Change:
    """Draw frames from all over the edit and compare what lies outside the faces with the source, bit for bit."""
    if pair.recipe is None or count == 0:
        return Change(reason="no recipe beside the result" if pair.recipe is None else "not asked for")
    config = from_recipe(EditConfig(video=(str(pair.source),)), dict(pair.recipe))
    tools = Tools(workspace, config, common, False, progress)
    known: Mapping[str, Any] = pair.recipe["provenance"]["inputs"]
    try:
        mask = mask_of(config.mask, Source(pair.source, pair.result))
        weights_path = weights_of(workspace, run_of(workspace, config.run, STAGE, progress), STAGE)
        clips = {face: str(tools.prepare(pair.source, face)) for face in pair.plans}
        chosen = choose(workspace, config, clips, pair.source, pair.recipe)
    except InputMissing as error:
        return Change(reason=error.found)
    now = {"manipulator_weights": store.read_key(weights_path), **chosen.inputs, **mask.inputs}
    now |= {f"reconstruction_{face}": store.read_key(workspace.path("reconstruct3d", c)) for face, c in clips.items()}
    for name, key in now.items():
        if known.get(name) != key:
            return Change(reason=f"the {name.replace('_', ' ')} is another than in the recipe")
    weights = store.load(ManipulatorWeights, weights_path)
    timed = any(plan.is_timed for plan in pair.plans.values())
    faces = [tools.load(pair.source, face, clip_id, weights, timed=timed) for face, clip_id in clips.items()]
    faces = mask.with_finders(with_renderers(chosen, faces, workspace, common.device))
    return _compared(pair, faces, mask, count)


def _compared(pair: Pair, faces: list[Face], mask: Mask, count: int) -> Change:
    """Draw as the edit did; what a matte shows in front of a face has to stay as well."""
    edit = [face.retargeter(pair.plans[face.number]) for face in faces]
    touched = np.any([retargeter.changes & retargeter.track.visible for retargeter in edit], axis=0)
    pool = np.flatnonzero(touched)
    if not pool.size:
        return Change(reason="the recipe changes no frame")
    chosen = np.unique(pool[np.linspace(0, len(pool) - 1, min(count, len(pool))).round().astype(int)])
    most = changed = total = 0
    for frame, (drawn,) in in_order([edit], _frames(pair.source, chosen.tolist(), mask)):
        seen = [face.track.landmarks_px[frame.index] for face in faces if face.track.visible[frame.index]]
        outside = ~face_mask(np.stack(seen), drawn.shape[:2], REACH)
        if frame.front is not None:
            outside |= frame.front == 255
        difference = cv2.absdiff(drawn, frame.rgb)[outside]
        most = max(most, int(difference.max(initial=0)))
        changed += int(difference.any(axis=1).sum())
        total += len(difference)
    return Change(float(most), changed / max(total, 1), len(chosen))


def _frames(video: Path, wanted: list[int], mask: Mask) -> Iterator[Frame]:
    chosen, first = set(wanted), wanted[0]
    frames = (Frame(*read) for read in read_frames(video, first, wanted[-1] + 1))
    return (frame for frame in mask.along(frames, first) if frame.index in chosen)
