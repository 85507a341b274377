"""video + ManipulatorWeights -> video"""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mead_manip.artifacts import store
from mead_manip.artifacts.assets import asset_digest
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import ManipulatorWeights
from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import Common, EditConfig, result_params
from mead_manip.emotions import TARGETS
from mead_manip.errors import BackendUnavailable, Interrupted, MeadManipError
from mead_manip.media.images import read_image
from mead_manip.media.video import probe, read_comment
from mead_manip.media.video_parts import PART_FRAMES, VideoParts
from mead_manip.models.edit_plan import EditPlan, Style
from mead_manip.stages.editing import edit_pictures
from mead_manip.stages.editing.edit_faces import Face, Tools, check_times
from mead_manip.stages.editing.edit_frames import Edit, Layout
from mead_manip.stages.editing.edit_mask import Mask, mask_of
from mead_manip.stages.editing.edit_plans import plans_of, single
from mead_manip.stages.editing.edit_recipe import check_inputs, plans_from, recipe_path, stale, write_recipe
from mead_manip.stages.editing.edit_renderer import Chosen, choose, with_renderers
from mead_manip.stages.editing.edit_settings import (
    DISTORTS,
    Source,
    check,
    from_recipe,
    read_recipe,
    sources_of,
    title_of,
)
from mead_manip.stages.editing.edit_video import COMMENT, write_video
from mead_manip.stages.learning.trained import run_of, weights_of
from mead_manip.stages.running.runner import Progress, Summary

STAGE_VERSION = 7  # 7: teeth stay as tall as they are; folds fade with the skin they lie in; irises stay round
RECIPE_SCHEMA = "edit/2"
# Decided by the plans, whose record is in the key, or by the key of the face track.
_ELSEWHERE = (
    "to",
    "intensity",
    "reference",
    "timeline",
    "from_emotion",
    "lip_lock",
    "face",
    "style_seed",
    "start",
    "end",
    "renderer_run",
    "mask",
)
_TRACKED = ("landmarks", "landmarks_model", "run")


def run(
    workspace: Workspace,
    config: EditConfig,
    common: Common,
    *,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress,
    part_frames: int = PART_FRAMES,
) -> Summary:
    """Give the faces of videos another emotion and write them with the source's frames, rate and sound.

    Videos longer than `part_frames` are kept in parts until they are whole: a run that was killed goes on with those.
    """
    recipe = read_recipe(Path(config.recipe)) if config.recipe else None
    if recipe is not None:
        config = from_recipe(config, recipe)
    else:
        check(config)
    run_name = run_of(workspace, config.run, "edit", progress)
    config = dataclasses.replace(config, run=run_name)
    sources = sources_of(config)
    weights_path = weights_of(workspace, run_name, "edit")
    if config.intensity > DISTORTS:
        progress.say(f"edit: --intensity {config.intensity:g}: beyond {DISTORTS:g} faces distort")
    tools = Tools(workspace, config, common, dry_run, progress)
    work = _Work(tools, weights_path, recipe, force, part_frames)
    if len(sources) == 1:
        return work.one(sources[0])
    return _all(work, sources, progress)


def _all(work: _Work, sources: list[Source], progress: Progress) -> Summary:
    """Edit one after the other; what fails is named at the end, and stops no other."""
    total = Summary("edit", destination=str(Path(sources[0].out).parent))
    for source in sources:
        name = str(source.path)
        try:
            part = work.one(source)
        except (BackendUnavailable, Interrupted):
            raise
        except MeadManipError as error:
            total.failures[name] = str(error)
            total.tracebacks[name] = "".join(traceback.format_exception(error))
            progress.say(f"edit: {name}: failed: {error}")
            continue
        total.done += [str(source.out)] * len(part.done)
        total.fresh += [str(source.out)] * len(part.fresh)
        total.planned |= dict.fromkeys([name] if part.planned else [], "; ".join(part.planned.values()))
        total.facts[name] = part.facts
    return total


@dataclass
class _Work:
    """What is done for every source."""

    tools: Tools
    weights_path: Path
    recipe: Mapping[str, Any] | None
    force: bool
    part_frames: int

    def one(self, source: Source) -> Summary:
        """Edit one source."""
        config, tools = self.tools.config, self.tools
        summary, name = Summary("edit", destination=str(source.out)), source.path.name
        if not source.is_picture:
            probe(source.path)  # what is no video is said before any work
        mask = mask_of(config.mask, source)
        weights = store.load(ManipulatorWeights, self.weights_path)
        plans = self._plans(weights)
        video = edit_pictures.clip_of(source.path, tools.workspace) if source.is_picture else source.path
        clips = {face: tools.prepare(video, face) for face in plans}
        ready = {face: clip_id for face, clip_id in clips.items() if clip_id is not None}
        if len(ready) < len(clips):
            summary.planned[name] = f"{title_of(config)}, after preprocess and reconstruct3d"
            return summary
        chosen = choose(tools.workspace, config, ready, source.path, self.recipe)
        provenance = self._provenance(ready, plans, chosen, mask)
        if self.recipe is not None:
            check_inputs(self.recipe, provenance, source.path)
        parts = VideoParts(source.out, provenance.key, self.part_frames)
        reason = None if self.force else self._stale(source.out, provenance, parts)
        if reason is None and not self.force:
            summary.fresh.append(name)
            if not tools.dry_run:
                parts.remove()
            return summary
        if tools.dry_run:
            summary.planned[name] = reason or "forced"
            return summary
        if reason:
            tools.progress.say(f"edit: {source.out}: {reason}")
        if self.force:
            parts.remove()
        timed = any(plan.is_timed for plan in plans.values())
        faces = [tools.load(video, face, clip_id, weights, timed=timed) for face, clip_id in ready.items()]
        check_times(config, plans, faces[0].times)
        if source.is_picture:
            mask.check(1, *read_image(source.path).shape[1::-1])
        else:
            track = faces[0].track
            mask.check(len(track.visible), track.width, track.height)
        faces = mask.with_finders(with_renderers(chosen, faces, tools.workspace, tools.common.device))
        n_frames = self._make(source, video, faces, plans, parts, mask)
        write_recipe(source.out, provenance, config, source.path, plans, n_frames, chosen.record())
        parts.remove()
        summary.done.append(name)
        visible = int(faces[0].track.visible.sum())
        summary.facts = {"frames": n_frames, "emotion": title_of(config), "visible": visible}
        summary.facts["renderer"] = chosen.record()
        seen = f"face in {visible} of {len(faces[0].track.visible)}"
        summary.detail = f"{n_frames} frames, run {config.run}, {chosen.title}, {seen}"
        return summary

    def _stale(self, out: Path, provenance: Provenance, parts: VideoParts) -> str | None:
        """Tell why the result is to be made; one that was killed before its recipe was written is not another's."""
        if parts.exist and not recipe_path(out).exists() and read_comment(out).startswith(COMMENT):
            return "its recipe was not written"
        return stale(out, provenance)

    def _plans(self, weights: ManipulatorWeights) -> dict[int, EditPlan]:
        if self.recipe is not None:
            return plans_from(self.recipe)
        config = self.tools.config
        return plans_of(config, config.style_seed, lambda: self.tools.style_of(str(config.reference), weights))

    def _provenance(
        self, clips: Mapping[int, str], plans: Mapping[int, EditPlan], chosen: Chosen, mask: Mask
    ) -> Provenance:
        config, workspace = self.tools.config, self.tools.workspace
        params = {name: value for name, value in result_params(config).items() if name not in (*_ELSEWHERE, *_TRACKED)}
        params |= {name: getattr(config, name) for name in ("styles", "preview", "grid", "side_by_side")}
        params |= {"renderer": chosen.name, **mask.params}
        if config.trim:
            params |= {"start": config.start, "end": config.end}
        params["plans"] = {str(face): plan.record() for face, plan in plans.items()}
        inputs: dict[str, Any] = {
            "manipulator_weights": store.read_key(self.weights_path),
            "resting_faces": asset_digest("resting_faces.h5"),
        }
        for face, clip_id in clips.items():
            inputs[f"face_track_{face}"] = store.read_key(workspace.path("preprocess", clip_id))
            inputs[f"reconstruction_{face}"] = store.read_key(workspace.path("reconstruct3d", clip_id))
        inputs |= chosen.inputs | mask.inputs
        return Provenance(RECIPE_SCHEMA, "edit", STAGE_VERSION, params, inputs, backend=chosen.name)

    def _make(
        self,
        source: Source,
        video: Path,
        faces: list[Face],
        plans: Mapping[int, EditPlan],
        parts: VideoParts,
        mask: Mask,
    ) -> int:
        """Draw and write what was asked for; give the number of frames that it shows."""
        config = self.tools.config
        comment = f"{COMMENT}: {title_of(config)}"
        if config.styles:
            (face,) = faces
            sheet = edit_pictures.style_sheet(video, face, plans[face.number], config.styles, mask)
            edit_pictures.save_picture(source.out, sheet, comment)
            return 1
        edits = _edits(config, faces, plans)
        if config.preview:
            sheet = edit_pictures.preview(video, edits[0], faces, config.preview, mask)
            edit_pictures.save_picture(source.out, sheet, comment)
            return config.preview
        layout = _layout(config)
        if source.is_picture:
            picture = read_image(source.path)
            drawn = edit_pictures.edited_pictures(source.path, edits, mask)
            edit_pictures.save_picture(source.out, layout.picture(picture, drawn), comment)
            return 1
        track = faces[0].track
        kept = parts if len(track.visible) > parts.length else None
        return write_video(probe(video), source.out, track, edits, layout, self.tools.progress, kept, mask)


def _edits(config: EditConfig, faces: list[Face], plans: Mapping[int, EditPlan]) -> list[Edit]:
    """Give what draws the frames: one edit of all faces, or for --grid one of every emotion."""
    if not config.grid:
        return [[face.retargeter(plans[face.number]) for face in faces]]
    seed = config.style_seed
    return [
        [face.retargeter(single(config, Style({emotion: 1.0}, seed), seed)) for face in faces] for emotion in TARGETS
    ]


def _layout(config: EditConfig) -> Layout:
    titles = TARGETS if config.grid else (title_of(config),)
    cut = (config.start, config.end) if config.trim else (None, None)
    return Layout(titles, config.side_by_side, config.grid, *cut)


__all__ = ["recipe_path", "run"]
