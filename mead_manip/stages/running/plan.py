"""A stage whose input is missing, but can be made from what the workspace holds, makes it first and says so.

Stages are called by name from the table, so that none imports another.
"""

import dataclasses
import importlib
from pathlib import Path
from typing import Any

from mead_manip.artifacts import store
from mead_manip.artifacts.ledger import Ledger
from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import SECTIONS, Common
from mead_manip.errors import ArtifactInvalid, ArtifactMissing, MeadManipError
from mead_manip.resolution import resolve
from mead_manip.stages import STAGES
from mead_manip.stages.running.runner import Progress, Summary


def require(workspace: Workspace, stage: str, *, needed_by: str, remedy: str = "") -> list[str]:
    """Give the clips that `stage` has published, or say which command to run."""
    clips = workspace.clips(stage)
    if clips:
        return clips
    raise ArtifactMissing(
        f"{needed_by}: nothing in {workspace.folder(stage)}",
        expected=f"results of {stage}",
        remedy=remedy or f"run `{STAGES[first_missing(workspace, stage)].usage}` first",
    )


def first_missing(workspace: Workspace, stage: str) -> str:
    """Give the earliest stage on the way to `stage` that has published nothing: the command to run first."""
    for source in STAGES[stage].reads:
        if not workspace.clips(source):
            return first_missing(workspace, source)
    return stage


def lacking(workspace: Workspace, stage: str) -> dict[str, str]:
    """Give the clips that `stage` has not published for what it reads, or published from an older input, and why."""
    (source,) = STAGES[stage].reads
    clips, writes = require(workspace, source, needed_by=stage), STAGES[source].writes
    published, read = _Origins(workspace, stage, writes), _Origins(workspace, source, writes)
    reasons = {}
    for clip_id in clips:
        try:
            _, used = published.of(clip_id)
            if used and used != read.of(clip_id)[0]:
                reasons[clip_id] = f"its {source} has changed"
        except ArtifactMissing:
            reasons[clip_id] = "missing"
        except ArtifactInvalid as error:
            reasons[clip_id] = str(error)
    published.keep()
    read.keep()
    return reasons


class _Origins:
    """The keys of a stage's results and of the input each was made from, without opening again what has not changed."""

    def __init__(self, workspace: Workspace, stage: str, writes: str) -> None:
        folder = workspace.folder(stage)
        self._workspace, self._stage, self._writes = workspace, stage, writes
        self._ledger = Ledger(folder, folder / "known-origins.json", f"made from {writes}", 2)
        self.keep = self._ledger.keep

    def of(self, clip_id: str) -> tuple[str, str]:
        """Give the key of a result and that of its input, "" where it names none."""
        path = self._workspace.path(self._stage, clip_id)
        known = self._ledger.words(path)
        if known is not None:
            return known[0], known[1]
        provenance = store.read_provenance(path)
        words = provenance.key, str(provenance.inputs.get(self._writes, ""))
        self._ledger.note(path, words)
        return words


def make_missing(
    stage: str,
    workspace: Workspace,
    common: Common,
    *,
    needed_by: str,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress,
    **settings: Any,
) -> Summary | None:
    """Make what `stage` lacks for `needed_by`, and only that; None if it lacks nothing."""
    reasons = lacking(workspace, stage)
    if not reasons:
        return None
    progress.say(f"{needed_by}: {stage} is missing for {len(reasons)} clip(s): making it first")
    settings["clips"] = ",".join(sorted(reasons))
    return make(stage, workspace, common, force=force, dry_run=dry_run, progress=progress, **settings)


def make(
    stage: str,
    workspace: Workspace,
    common: Common,
    *,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress,
    **settings: Any,
) -> Summary:
    """Run a stage as its command would, `settings` standing for its flags. Raises if it gave nothing at all."""
    if any(field.name == "shard" for field in dataclasses.fields(SECTIONS[stage])):
        settings.setdefault("shard", "")  # who needs a stage needs all of it, whatever the environment says
    config: Any = resolve(SECTIONS[stage], settings).config
    module = importlib.import_module(STAGES[stage].module)
    summary: Summary = module.run(workspace, config, common, force=force, dry_run=dry_run, progress=progress)
    if summary.failures and not summary.clips:
        clip_id, reason = next(iter(summary.failures.items()))
        raise MeadManipError(f"{stage}: {clip_id}: {reason}")
    return summary


def face_clip(
    workspace: Workspace,
    common: Common,
    video: Path,
    face: int,
    *,
    landmarks: str,
    landmarks_model: str | None,
    dry_run: bool,
    progress: Progress,
) -> str | None:
    """Bring a face's FaceTrack and Reconstruction up to date; give its clip id, None if a dry run lacks them."""
    how: dict[str, Any] = {"dry_run": dry_run, "progress": progress}
    tracked = make(
        "preprocess",
        workspace,
        common,
        **how,
        path=str(video),
        face="auto" if face == 1 else str(face),
        landmarks=landmarks,
        landmarks_model=landmarks_model,
    )
    if tracked.planned:
        return None
    (clip_id,) = tracked.clips
    fitted = make("reconstruct3d", workspace, common, **how, clips=clip_id)
    return None if fitted.planned else str(clip_id)
