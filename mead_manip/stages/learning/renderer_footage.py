"""FaceTrack, Reconstruction (+ ManipulatorWeights) -> what a renderer of this person can learn, and what it lacks"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from mead_manip.artifacts import store
from mead_manip.artifacts.assets import ASSETS, SHIPPED_MANIPULATOR
from mead_manip.artifacts.schemas import FaceTrack, ManipulatorWeights, Reconstruction
from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import OWN_RUN, SHIPPED_RUN
from mead_manip.emotions import TARGETS
from mead_manip.errors import MeadManipError, UsageError
from mead_manip.evaluation.footage_lacks import lacking_lines, shown_lines
from mead_manip.evaluation.footage_sufficiency import Asked, Coefs, FootageFacts, Points, footage_facts
from mead_manip.models.face_model import HeadModel
from mead_manip.models.manipulation import coefs_of, manipulate
from mead_manip.models.posed_faces import FaceModel, face_model_of
from mead_manip.stages.editing.retarget import manipulator_for
from mead_manip.stages.learning.trained import runs_of, weights_of
from mead_manip.stages.running.runner import Summary

CHUNK = 256  # faces posed at once
MOST_EDITED = 3000  # frames of each clip whose edits are looked at


@dataclass(frozen=True)
class FootageReport:
    """What the footage shows, against what edits will ask for."""

    facts: FootageFacts
    targets: str  # where the faces that edits ask for come from, or why there are none

    @property
    def lacks(self) -> list[str]:
        """Give what is missing, a line each."""
        return lacking_lines(self.facts)

    def lines(self) -> list[str]:
        """Give the report for reading."""
        lines = ["footage for a renderer:", *(f"  {line}" for line in shown_lines(self.facts, self.targets))]
        if not self.facts.coverage:
            lines.append(f"  not held against any edit: {self.targets}")
        if not self.lacks:
            return [*lines, "  nothing is missing that this report looks at"]
        return [*lines, "missing:", *(f"  - {line}" for line in self.lacks)]

    def told(self, summary: Summary) -> Summary:
        """Put the report into what a stage that only tells has to say."""
        summary.destination, summary.text = "", "\n".join(self.lines())
        summary.facts = {"footage": self.as_json()}
        summary.detail = f"{len(self.lacks)} thing(s) missing" if self.lacks else "nothing missing"
        return summary

    def as_json(self) -> dict[str, Any]:
        """Give the same as plain values."""
        return {**dataclasses.asdict(self.facts), "targets": self.targets, "missing": self.lacks}


def footage_report(workspace: Workspace, clip_ids: Sequence[str], run: str | None = None) -> FootageReport:
    """Measure reconstructed clips of one person against their own edits towards every emotion by a training run.

    Without `run`, by the workspace's own, else by the last one trained, else by the manipulator that ships.
    """
    tracks = [store.load(FaceTrack, workspace.path("preprocess", clip_id)) for clip_id in clip_ids]
    fits = [store.load(Reconstruction, workspace.path("reconstruct3d", clip_id)) for clip_id in clip_ids]
    if len({fit.face_model for fit in fits}) > 1:
        found = ", ".join(sorted({fit.face_model for fit in fits}))
        raise UsageError(f"clips of several face models: {found}", remedy="reconstruct all with the same --backend")
    model = face_model_of(fits[0].face_model, workspace.root / "models" / "flame.h5")
    identity = np.stack([fit.identity for fit in fits]).mean(axis=0)
    targets, source = _targets(workspace, fits, run)
    return FootageReport(footage_facts(tracks, fits, points_of(model, identity), targets), source)


def points_of(model: FaceModel, identity: Float32[np.ndarray, " identity"]) -> Points:
    """Give what poses a person's coefficients upright, as landmarks in inter-ocular distances."""
    posed = model.restricted(model.required_vertices()) if isinstance(model, HeadModel) else model
    person = torch.from_numpy(identity)[None]

    @torch.no_grad()
    def points(coefs: Coefs) -> Float32[np.ndarray, "_ 68 3"]:
        parts = []
        for values in torch.from_numpy(np.ascontiguousarray(coefs)).split(CHUNK):
            jaw = torch.cat([values[:, :1], torch.zeros(len(values), 2)], dim=1)
            found = posed.landmarks(posed(person, values[:, 1:], jaw))
            parts.append(found / (found[:, 36] - found[:, 45]).norm(dim=1)[:, None, None])
        return np.asarray(torch.cat(parts).numpy())

    return points


def _targets(workspace: Workspace, fits: list[Reconstruction], run: str | None) -> tuple[dict[str, Asked], str]:
    """Edit the clips towards every emotion; why not, where that cannot be done and was not asked for by name."""
    name = run or _best_known(workspace)
    if name is None:
        return {}, "no manipulator is trained yet"
    try:
        weights = store.load(ManipulatorWeights, weights_of(workspace, name, "train renderer"))
        nets = manipulator_for(weights, fits[0])
        emotions = [emotion for emotion in TARGETS if emotion in nets.architecture.emotions]
        sources = [coefs_of(fit.jaw_pose, fit.expression)[fit.visible] for fit in fits]
        long = [source[:MOST_EDITED] for source in sources if len(source) >= nets.architecture.window]
        if not long:
            return {}, f"no clip is as long as the manipulator's window, {nets.architecture.window} frames"
        edited = {
            emotion: Asked(
                np.concatenate(long),
                np.concatenate([manipulate(nets, source, emotion=emotion) for source in long]),
            )
            for emotion in emotions
        }
    except MeadManipError as error:
        if run is not None:
            raise
        return {}, f"run {name}: {error}"
    return edited, f"edits of these clips by run {name}"


def _best_known(workspace: Workspace) -> str | None:
    """Name the run that `edit` would take, else the last one trained."""
    runs = runs_of(workspace, ManipulatorWeights)
    if OWN_RUN in runs:
        return OWN_RUN
    if runs:
        return max(runs, key=lambda name: Path(workspace.run_dir(name) / "weights.h5").stat().st_mtime_ns)
    return SHIPPED_RUN if (ASSETS / SHIPPED_MANIPULATOR).is_file() else None
