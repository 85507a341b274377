"""--renderer, --renderer-run, FaceTrack -> the neural renderer of a face, or none"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mead_manip.artifacts import store
from mead_manip.artifacts.schemas import RendererWeights
from mead_manip.artifacts.workspace import Workspace
from mead_manip.errors import InputMissing, UsageError
from mead_manip.stages.learning.trained import runs_of


@dataclass(frozen=True)
class Wanted:
    """A face that needs a renderer."""

    source_digest: str  # sha256 of its video
    face: int
    face_model: str
    video: str  # as people name it

    @property
    def person(self) -> str:
        """Give what a renderer's sources call this face; one that names a video alone means its first face."""
        return f"{self.source_digest}#{self.face}"


@dataclass(frozen=True)
class RendererRun:
    """A trained neural renderer, and which of its people a face is."""

    name: str
    path: Path
    key: str
    row: int  # of `appearance`
    own: bool  # trained on the very video


def renderer_for(workspace: Workspace, wanted: Wanted, run: str | None) -> RendererRun | None:
    """Find the renderer that was trained on this face: of several the one of fewest people, then the newest.

    A `run` that is named is taken for another video too if it knows one person only; else it is an error.
    """
    if run is not None:
        return _named(workspace, wanted, run)
    found = []
    for name in runs_of(workspace, RendererWeights):
        path = workspace.run_dir(name) / "weights.h5"
        key, sources, face_model = _outline(path)
        row = _row(sources, wanted)
        if row is not None and face_model == wanted.face_model:
            found.append((len(sources), -path.stat().st_mtime_ns, RendererRun(name, path, key, row, own=True)))
    return min(found, key=lambda entry: entry[:2])[2] if found else None


def missing_renderer(workspace: Workspace, wanted: Wanted) -> InputMissing:
    """Say that nobody trained a renderer on this face, and what helps."""
    known = ", ".join(runs_of(workspace, RendererWeights))
    other = f", or name one of another video of the same person with --renderer-run ({known})" if known else ""
    return InputMissing(
        f"--renderer neural: no renderer in {workspace.root} was trained on face {wanted.face} of {wanted.video}",
        expected="a run of `mead-manip train renderer` on this video",
        remedy=f"run `mead-manip train renderer {wanted.video}` first{other}, or take --renderer warp",
    )


def _named(workspace: Workspace, wanted: Wanted, run: str) -> RendererRun:
    path = workspace.run_dir(run) / "weights.h5"
    renderers = runs_of(workspace, RendererWeights)
    if run not in renderers:
        known = ", ".join(renderers) or "there is none"
        raise InputMissing(
            f"--renderer-run {run}: no neural renderer of that name in {workspace.root}",
            expected=f"one of: {known}",
            remedy=f"run `mead-manip train renderer {wanted.video} --run {run}` first",
        )
    key, sources, face_model = _outline(path)
    if face_model != wanted.face_model:
        raise UsageError(
            f"--renderer-run {run}: trained on faces of {face_model}",
            expected=wanted.face_model,
            remedy="reconstruct both with the same --backend",
        )
    row = _row(sources, wanted)
    people = len(set(sources))
    if row is None and people > 1:
        raise UsageError(
            f"--renderer-run {run}: trained on {people} videos, and not on face {wanted.face} of {wanted.video}",
            remedy=f"run `mead-manip train renderer {wanted.video} --init {run}` first",
        )
    return RendererRun(run, path, key, row or 0, own=row is not None)


def _outline(path: Path) -> tuple[str, tuple[str, ...], str]:
    """Give key, sources and face model of a renderer."""
    key, (sources, face_model) = store.peek(RendererWeights, path, "sources", "face_model")
    return key, tuple(sources), str(face_model)


def _row(sources: tuple[str, ...], wanted: Wanted) -> int | None:
    people = [source if "#" in source else f"{source}#1" for source in sources]
    return people.index(wanted.person) if wanted.person in people else None
