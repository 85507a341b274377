"""video + ManipulatorWeights of several runs -> the figure of all runs and emotions, as picture and as video"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mead_manip import files
from mead_manip.artifacts import store
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import ManipulatorWeights
from mead_manip.artifacts.workspace import Workspace, clip_id_from
from mead_manip.config import SHIPPED_RUN, Common, CompareConfig, result_params
from mead_manip.media.video import probe
from mead_manip.stages.editing.edit_recipe import recipe_path
from mead_manip.stages.judging.compare_sheet import Scene, Sheet
from mead_manip.stages.learning.trained import runs_of, weights_of
from mead_manip.stages.running import plan
from mead_manip.stages.running.runner import Progress, Summary

STAGE = "compare"
STAGE_VERSION = 4
SCHEMA = "comparison/1"
# An edit alone, whatever the settings of `edit` are.
PLAIN: dict[str, Any] = {"side_by_side": False, "grid": False, "styles": 0, "preview": 0, "trim": False}


def run(
    workspace: Workspace,
    config: CompareConfig,
    common: Common,
    *,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress,
) -> Summary:
    """Edit a video with every run to every emotion, and show the results in one figure and one video."""
    video = Path(config.video)
    probe(video)  # what is no video is said before any work
    runs = config.runs or tuple(runs_of(workspace, ManipulatorWeights)) or (SHIPPED_RUN,)
    titles = titles_of(workspace, runs)
    folder = workspace.folder(STAGE) / clip_id_from(f"{video.stem}-{files.digest(video)[:12]}")
    edits = {(name, emotion): folder / f"{name}_{emotion}.mp4" for name in runs for emotion in config.emotions}
    summary = Summary(STAGE, destination=config.out)
    if dry_run:
        summary.planned = {f"{video.stem}: {name}, {emotion}": "to do or to check" for name, emotion in edits}
        return summary
    seen_by: dict[str, Any] = {"landmarks": config.landmarks, "landmarks_model": config.landmarks_model}
    clip_id = plan.face_clip(workspace, common, video, 1, **seen_by, dry_run=False, progress=progress)
    assert clip_id is not None
    for (name, emotion), out in progress.clips(edits.items(), len(edits), f"{STAGE} {video.stem}"):
        made = plan.make(
            "edit", workspace, common, force=force, progress=progress, video=str(video), out=str(out), to=emotion,
            run=name, intensity=config.intensity, **seen_by, **PLAIN,
        )  # fmt: skip
        summary.facts[f"{name}_{emotion}"] = "fresh" if made.fresh else "done"
    rows = {titles[name]: [video, *(edits[name, emotion] for emotion in config.emotions)] for name in runs}
    scene = Scene.load(workspace, clip_id, video, rows, ("source", *config.emotions))
    sheet = Sheet(scene, config, Path(config.out), _provenance(config, video, edits.values()).key)
    if not force and sheet.is_fresh():
        summary.fresh = sheet.names
    else:
        sheet.write(progress)
        summary.done = sheet.names
    summary.detail = f"{len(runs)} runs, {len(config.emotions)} emotions"
    return summary


def titles_of(workspace: Workspace, runs: Sequence[str]) -> dict[str, str]:
    """Give what the rows are called: a run that knows no suppression is NED's."""
    titles = {}
    for name in runs:
        facts = json.loads(store.load(ManipulatorWeights, weights_of(workspace, name, STAGE)).facts)
        titles[name] = "NED" if facts.get("weighting", name) == "none" else name
    clashing = [title for title in titles.values() if list(titles.values()).count(title) > 1]
    return {name: name if title in clashing else title for name, title in titles.items()}


def _provenance(config: CompareConfig, video: Path, edits: Iterable[Path]) -> Provenance:
    keys = {path.stem: json.loads(recipe_path(path).read_text(encoding="utf-8"))["key"] for path in edits}
    params = {**result_params(config), "film": config.film}
    return Provenance(SCHEMA, STAGE, STAGE_VERSION, params, {"video": files.digest(video), **keys})
