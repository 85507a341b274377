"""video + ManipulatorWeights -> the faces of the video, before and after"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64

from mead_manip.artifacts import store
from mead_manip.artifacts.schemas import FaceTrack, ManipulatorWeights, Reconstruction
from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import Common, EditConfig
from mead_manip.errors import ArtifactMissing, InputMissing, UsageError
from mead_manip.media.video import read_times
from mead_manip.models.edit_plan import EditPlan
from mead_manip.models.lid_lock import openness
from mead_manip.models.lip_lock import seen_gap
from mead_manip.models.manipulation import coefs_of, style_of_reference
from mead_manip.models.manipulator import Manipulator
from mead_manip.models.posed_faces import FaceModel, face_model_of
from mead_manip.models.resting import own_rest
from mead_manip.stages.editing.neural_frames import NeuralFace, NeuralRetargeter
from mead_manip.stages.editing.retarget import FaceRetargeter, Passing, changed_reconstruction, manipulator_for
from mead_manip.stages.running import plan
from mead_manip.stages.running.runner import Progress


@dataclass(frozen=True)
class Face:
    """One face of a video: what was seen of it, and what knows how to change it."""

    number: int
    clip_id: str
    track: FaceTrack
    before: Reconstruction
    nets: Manipulator
    model: FaceModel
    times: Float64[np.ndarray, " frame"]  # seconds
    own: Float32[np.ndarray, " coef"]  # the person's face at rest
    neural: NeuralFace | None = None  # the network that draws it, if not `warp`
    passing: Passing | None = None  # what knows what passes before it, if that was asked for

    def after(self, plan: EditPlan) -> Reconstruction:
        """Give its reconstruction as planned."""
        lips, eyes = seen_gap(self.track.landmarks_px), openness(self.track.landmarks_px)
        own = None if plan.neutral else self.own  # --from neutral takes away whatever the face shows
        return changed_reconstruction(
            self.nets, self.model, self.before, plan, self.times, lips, own, eyes, self.track.cuts
        )

    def retargeter(self, plan: EditPlan) -> FaceRetargeter | NeuralRetargeter:
        """Give what draws its frames as planned."""
        if self.neural is not None:
            return NeuralRetargeter(self.before, self.after(plan), self.track, self.neural, self.passing)
        return FaceRetargeter(self.before, self.after(plan), self.track, self.model, self.passing)


@dataclass(frozen=True)
class Tools:
    """What makes the artifacts of earlier stages."""

    workspace: Workspace
    config: EditConfig
    common: Common
    dry_run: bool
    progress: Progress

    def prepare(self, video: Path, face: int) -> str | None:
        """Bring a face's FaceTrack and Reconstruction up to date; give its clip id, None if a dry run lacks them."""
        return plan.face_clip(
            self.workspace,
            self.common,
            video,
            face,
            landmarks=self.config.landmarks,
            landmarks_model=self.config.landmarks_model,
            dry_run=self.dry_run,
            progress=self.progress,
        )

    def load(self, video: Path, number: int, clip_id: str, weights: ManipulatorWeights, *, timed: bool) -> Face:
        """Load a face that was prepared; only where a plan has times the video's own are read."""
        track = store.load(FaceTrack, self.workspace.path("preprocess", clip_id))
        before = store.load(Reconstruction, self.workspace.path("reconstruct3d", clip_id))
        nets = manipulator_for(weights, before)
        model = face_model_of(before.face_model, self.workspace.root / "models" / "flame.h5")
        times = np.arange(len(track.visible)) * (track.fps_den / track.fps_num)
        if timed:
            times = read_times(video)[: len(times)]
        return Face(number, clip_id, track, before, nets, model, times, _own(nets, track, before))

    def style_of(self, reference: str, weights: ManipulatorWeights) -> tuple[float, ...]:
        """Read the style off a clip of the workspace, or off a video: the geometric median of its windows."""
        clip_id: str | None = reference
        if Path(reference).is_file():
            clip_id = self.prepare(Path(reference), 1)
            if clip_id is None:
                raise ArtifactMissing(
                    f"--reference {reference} is not reconstructed yet", remedy="run without --dry-run"
                )
        elif reference not in (known := self.workspace.clips("reconstruct3d")):
            raise InputMissing(
                f"--reference {reference}: neither a video nor a reconstructed clip",
                expected=f"a file, or one of the {len(known)} clip ids of the workspace",
            )
        found = store.load(Reconstruction, self.workspace.path("reconstruct3d", str(clip_id)))
        nets = manipulator_for(weights, found)
        seen = coefs_of(found.jaw_pose, found.expression)[found.visible]
        if Path(reference).is_file():
            seen = seen - _own(nets, store.load(FaceTrack, self.workspace.path("preprocess", str(clip_id))), found)
        code = style_of_reference(nets, [seen]).cpu().numpy()
        return tuple(float(value) for value in code)


def _own(nets: Manipulator, track: FaceTrack, found: Reconstruction) -> Float32[np.ndarray, " coef"]:
    """Give the face at rest of someone who is known from one video alone."""
    seen = coefs_of(found.jaw_pose, found.expression)[found.visible]
    return own_rest(nets, seen, found.coef_names, track.landmark_backend)


def check_times(config: EditConfig, plans: dict[int, EditPlan], times: Float64[np.ndarray, " frame"]) -> None:
    """Refuse times that lie beyond the video's end: nothing of them would be seen."""
    last = float(times[-1])
    moments: dict[str, float | None] = {"--start": config.start}
    moments |= {f"start of passage {k + 1}": p.start for plan in plans.values() for k, p in enumerate(plan.passages)}
    for name, moment in moments.items():
        if moment is not None and moment > last:
            raise UsageError(f"{name} at {moment:g} s", expected=f"within the video, which ends at {last:.2f} s")
