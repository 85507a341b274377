"""Name of a training run -> its weights: a run of the workspace, or the manipulator that ships"""

from __future__ import annotations

from pathlib import Path

from mead_manip.artifacts import store
from mead_manip.artifacts.artifact import Artifact
from mead_manip.artifacts.assets import SHIPPED_MANIPULATOR, asset_path
from mead_manip.artifacts.schemas import ManipulatorWeights
from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import OWN_RUN, SHIPPED_RUN
from mead_manip.errors import ArtifactInvalid, InputMissing
from mead_manip.stages.running.runner import Progress


def run_of(workspace: Workspace, name: str | None, stage: str, progress: Progress) -> str:
    """Settle the run: the one that was named, else the workspace's own, else - and said - the shipped one."""
    if name is not None:
        return name
    if (workspace.run_dir(OWN_RUN) / "weights.h5").exists():
        return OWN_RUN
    progress.say(
        f"{stage}: no run {OWN_RUN!r} in {workspace.root}: the shipped manipulator, trained on synthetic people "
        f"(--run {SHIPPED_RUN}), is used; `mead-manip train` makes your own"
    )
    return SHIPPED_RUN


def runs_of(workspace: Workspace, kind: type[Artifact]) -> list[str]:
    """Name the training runs that hold weights of a kind: manipulators and renderers lie side by side."""
    found = []
    for name in workspace.runs():
        try:
            store.read_key(workspace.run_dir(name) / "weights.h5", kind)
        except ArtifactInvalid:
            continue  # of another kind, or damaged: whoever names it hears of it
        found.append(name)
    return found


def weights_of(workspace: Workspace, name: str, stage: str) -> Path:
    """Find the weights of a run by name."""
    if name == SHIPPED_RUN:
        return asset_path(SHIPPED_MANIPULATOR)
    path = workspace.run_dir(name) / "weights.h5"
    if not path.exists():
        known = ", ".join([*runs_of(workspace, ManipulatorWeights), SHIPPED_RUN])
        raise InputMissing(
            f"{stage}: no trained manipulator {name!r} in {workspace.root}",
            expected=str(path),
            remedy=f"run `mead-manip train --run {name}`, or --run takes one of: {known}",
        )
    return path


def run_or_file(workspace: Workspace, init: str) -> Path:
    """Give the weights that --init means: a file, or a run of this workspace."""
    return Path(init) if init.endswith(".h5") else workspace.run_dir(init) / "weights.h5"
