"""FaceTrack, Reconstruction, ClipScores, ManipulatorWeights + SyntheticTruth -> how good each of them is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from mead_manip import files
from mead_manip.artifacts import store
from mead_manip.artifacts.schemas import ClipScores, FaceTrack, ManipulatorWeights, Reconstruction, SyntheticTruth
from mead_manip.artifacts.workspace import Workspace
from mead_manip.emotions import NED_EMOTIONS, TARGETS
from mead_manip.evaluation.detection import auroc, cluster_bootstrap
from mead_manip.evaluation.fitting import coefficient_correlation, landmark_error, pose_error_degrees
from mead_manip.evaluation.sequences import (
    LabelledSequence,
    agreement,
    balanced_accuracy,
    fit_classifier,
    predict,
)
from mead_manip.models.manipulation import coefs_of, manipulate
from mead_manip.models.manipulator import Manipulator
from mead_manip.reports.demo_page import Measurement
from mead_manip.synthetic.mead import truth_path

STYLES = 8  # style codes drawn per clip and emotion: one draw says little (suppression protocol 3.3.2)


@dataclass(frozen=True)
class Clip:
    """What the pipeline found out about a synthetic clip, beside what is true of it."""

    actor: str
    label: str
    outlier: str  # "" for a clip that shows what its label says
    track: FaceTrack
    found: Reconstruction
    landmarks_px: Float32[np.ndarray, "frame 68 2"]
    expression: Float32[np.ndarray, "frame coef"]
    jaw_pose: Float32[np.ndarray, "frame 3"]
    head_pose: Float32[np.ndarray, "frame 3"]
    lam: float | None  # lambda of equation 1, where the clip was scored

    @property
    def coefs(self) -> Float32[np.ndarray, "frame coef"]:
        """Jaw opening and expression as they were reconstructed."""
        return coefs_of(self.found.jaw_pose, self.found.expression)


def measure(workspace: Workspace, tree: Path, unseen: Path, runs: Mapping[str, str], *, seed: int) -> list[Measurement]:
    """Hold the results of a demo against the truth that `synth` wrote beside its trees."""
    clips, strangers = _clips(workspace, tree), _clips(workspace, unseen)
    return [
        *_perception(strangers + clips),
        *_suppression(clips),
        *_manipulation(workspace, clips, strangers, runs, seed=seed),
    ]


def _perception(clips: list[Clip]) -> list[Measurement]:
    error = np.mean([landmark_error(c.track.landmarks_px, c.landmarks_px)[c.track.visible].mean() for c in clips])
    residual = np.mean([c.found.residual[c.found.visible].mean() for c in clips])
    pose = np.mean([pose_error_degrees(c.found.head_pose, c.head_pose).mean() for c in clips])
    jaw = coefficient_correlation([c.found.jaw_pose[:, :1] for c in clips], [c.jaw_pose[:, :1] for c in clips])
    units = coefficient_correlation([c.found.expression for c in clips], [c.expression for c in clips])
    return [
        Measurement("landmark error", f"{error:.4f}", "of the inter-ocular distance, people the network never saw"),
        Measurement(
            "fitting residual", f"{residual:.4f}", "of the inter-ocular distance, against the landmarks it was given"
        ),
        Measurement("head pose error", f"{pose:.1f}°", "mean angle against the truth"),
        Measurement("jaw opening, correlation with truth", _median(jaw)),
        Measurement("expression units, correlation with truth", _median(units), "median over the units that move"),
    ]


def _median(correlation: Float[np.ndarray, " coef"]) -> str:
    defined = correlation[np.isfinite(correlation)]
    return f"{np.median(defined):.2f}" if defined.size else "-"


def _suppression(clips: list[Clip]) -> list[Measurement]:
    scored = [c for c in clips if c.lam is not None]
    score = np.array([1.0 - float(c.lam or 0.0) for c in scored])
    outlier = np.array([bool(c.outlier) for c in scored])
    if not 0 < outlier.sum() < len(outlier):
        return [Measurement("AUROC of 1 - lambda", "-", "needs planted outliers and good clips: --outliers 0.2")]
    interval = cluster_bootstrap(auroc, score, outlier, [c.actor for c in scored])
    trusted = float((score[~outlier] == 0).mean())
    return [
        Measurement(
            "AUROC of 1 - lambda for planted outliers",
            str(interval),
            f"{outlier.sum()} of {len(scored)} clips; interval over actors",
        ),
        Measurement("good clips that count in full", f"{trusted:.0%}", "lambda = 1"),
    ]


def _manipulation(
    workspace: Workspace, clips: list[Clip], strangers: list[Clip], runs: Mapping[str, str], *, seed: int
) -> list[Measurement]:
    """Judge edited coefficient sequences by a classifier that saw only good clips of other people, and no CLIP."""
    good = [LabelledSequence(c.coefs, NED_EMOTIONS.index(c.label)) for c in clips if not c.outlier]
    referee = fit_classifier(good, len(NED_EMOTIONS), seed=seed)
    sources = [c.coefs for c in strangers]
    measurements = []
    for name, run in runs.items():
        weights = store.load(ManipulatorWeights, workspace.run_dir(run) / "weights.h5")
        nets = Manipulator.from_arrays(weights.parameters, weights.config)
        edits = [
            (NED_EMOTIONS.index(emotion), source, manipulate(nets, source, emotion=emotion, seed=seed + k))
            for emotion in TARGETS
            for source in sources
            for k in range(STYLES)
        ]
        wanted = np.array([emotion for emotion, _, _ in edits], dtype=np.int64)
        accuracy = balanced_accuracy(wanted, predict(referee, [edited for _, _, edited in edits]))
        jaw = np.mean([agreement(source, edited) for _, source, edited in edits])
        measurements += [
            Measurement(
                f"{name}: balanced emotion accuracy of edits",
                f"{accuracy:.2f}",
                f"{len(edits)} edits of {len(sources)} clips, six emotions, chance 0.14",
            ),
            Measurement(f"{name}: jaw correlation with the source", f"{jaw:.2f}"),
        ]
    return measurements


def _clips(workspace: Workspace, tree: Path) -> list[Clip]:
    """Pair what the workspace holds with the truth beside `tree`, by the content of the videos."""
    truth = store.load(SyntheticTruth, truth_path(tree))
    known, clips = clips_by_content(workspace), []
    for k, path in enumerate(truth.paths):
        clip_id = known[files.digest(tree / path)]
        frames = slice(int(truth.clip_start[k]), int(truth.clip_start[k + 1]))
        scores = workspace.path("clip-score", clip_id)
        clips.append(
            Clip(
                actor=truth.actors[int(truth.actor[k])],
                label=truth.emotions[k],
                outlier=truth.outliers[k],
                track=store.load(FaceTrack, workspace.path("preprocess", clip_id)),
                found=store.load(Reconstruction, workspace.path("reconstruct3d", clip_id)),
                landmarks_px=truth.landmarks_px[frames],
                expression=truth.expression[frames],
                jaw_pose=truth.jaw_pose[frames],
                head_pose=truth.head_pose[frames],
                lam=store.load(ClipScores, scores).weight if scores.exists() else None,
            )
        )
    return clips


def clips_by_content(workspace: Workspace) -> dict[str, str]:
    """Return the id of every preprocessed clip by the sha256 of its video."""
    found = {}
    for clip_id in workspace.clips("preprocess"):
        with store.opened(FaceTrack, workspace.path("preprocess", clip_id)) as track:
            found[track.source_digest] = clip_id
    return found
