"""Everything a training needs, in memory once: windows, networks, recipe."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from mead_manip.artifacts import store
from mead_manip.artifacts.assets import SHIPPED_MANIPULATOR, asset_path
from mead_manip.artifacts.schemas import ClipScores, ManipulatorWeights, Reconstruction
from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import SHIPPED_RUN, Common, TrainConfig
from mead_manip.emotions import NED_EMOTIONS
from mead_manip.errors import ArtifactInvalid, UsageError
from mead_manip.models.manipulation import coefs_of
from mead_manip.models.manipulator import LEVELS, Architecture, Manipulator
from mead_manip.stages.learning.annotated import FrameLabels
from mead_manip.stages.learning.trained import run_or_file
from mead_manip.training.manipulator import Learner
from mead_manip.training.objectives import clip_weights
from mead_manip.training.recipe import Recipe, recipe_of, settings_of
from mead_manip.training.selection import Selection
from mead_manip.training.start import continued, default_scaling, new_manipulator
from mead_manip.training.windows import ClipSequence, Labels, Scale, Windows
from mead_manip.training.world import World

_NO_LIPS = "the preset's term for the lips is off: this face model names no unit of them"


@dataclass(frozen=True)
class Chosen:
    """The clips of a run, their labels, and how many frames they have."""

    selection: Selection
    n_frames: Mapping[str, int]  # that show a face
    frame_labels: FrameLabels = field(default_factory=FrameLabels)

    @property
    def emotions(self) -> tuple[str, ...]:
        """Give the emotions to learn, in NED's order."""
        shown = self.frame_labels.emotions() | {clip.emotion for clip in self.selection.training}
        return tuple(emotion for emotion in NED_EMOTIONS if emotion in shown)


@dataclass(frozen=True)
class Job:
    """A training, ready to start."""

    windows: Windows
    validation: Windows | None
    coef_names: tuple[str, ...]
    face_model: str
    trust: torch.Tensor  # lambda of every training clip
    weights: torch.Tensor  # what it becomes under the weighting
    scaling: str
    learner: Learner
    recipe: Recipe
    device: torch.device
    notes: list[str]

    @classmethod
    def of(
        cls,
        workspace: Workspace,
        chosen: Chosen,
        config: TrainConfig,
        common: Common,
        device: torch.device,
        world: World,
    ) -> Job:
        """Read the clips and make the networks."""
        settled, emotions = settings_of(config), chosen.emotions
        source = _Clips(workspace, chosen.frame_labels)
        training = chosen.selection.training
        trust = torch.tensor([source.trust(clip) if config.weighting != "none" else 1.0 for clip in training])
        labels = torch.tensor([emotions.index(clip.emotion) if clip.emotion in emotions else 0 for clip in training])
        weights = clip_weights(config.weighting, trust, labels)
        window = settled["window"]

        def windows_of(clips: Sequence[Labels], weights: torch.Tensor, *, balanced: bool) -> Windows:
            n_frames = sum(chosen.n_frames[clip.clip_id] for clip in clips)
            return Windows(
                source.clips(clips), emotions, weights,
                seed=common.seed, window=window, balanced=balanced, n_frames=n_frames,
            )  # fmt: skip

        windows = windows_of(training, weights, balanced=settled["balanced"])
        recipe = recipe_of(config, len(windows), source.coef_names)
        if recipe.batch_size < world.size:
            raise UsageError(f"{world.size} processes for batches of {recipe.batch_size} windows", expected="fewer")
        scaling = config.scaling if config.scaling != "auto" else default_scaling(source.face_model)
        scale = Scale.of(windows.frames, scaling)
        levels = _levels(training) if settled["intensity_levels"] else 0
        if config.init:
            nets = continued(_trained(workspace, config, source), emotions, window, levels, scale)
            scale = Scale(nets.coef_mean, nets.coef_std, scale.low, scale.high)
        else:
            shapes = (config.size, len(source.coef_names), emotions)
            nets = new_manipulator(Architecture.of_size(*shapes, window=window, levels=levels), scale, common.seed)
        held = [
            c for c in chosen.selection.validation if c.clip_id in chosen.frame_labels.of_clip or c.emotion in emotions
        ]
        validation = windows_of(held, torch.ones(len(held)), balanced=False).scaled(scale, device) if held else None
        learner = Learner(nets.to(device), recipe, world)
        if config.compile:
            learner.compile()
        notes = [_NO_LIPS] if settled["weight_lips"] and not recipe.lips else []
        return cls(
            windows.scaled(scale, device), validation, source.coef_names, source.face_model,
            trust, weights, scaling, learner, recipe, device, notes,
        )  # fmt: skip


def initial_weights(workspace: Workspace, init: str) -> Path:
    """Give the file that --init means: a run of this workspace, the shipped one, or a path."""
    if init == SHIPPED_RUN:
        return asset_path(SHIPPED_MANIPULATOR)
    return run_or_file(workspace, init)


class _Clips:
    """Loads clips and refuses those of another face model than the first."""

    def __init__(self, workspace: Workspace, frame_labels: FrameLabels) -> None:
        self.workspace, self.frame_labels = workspace, frame_labels
        self.face_model = ""
        self.coef_names: tuple[str, ...] = ()

    def clips(self, labels: Sequence[Labels]) -> Iterator[ClipSequence]:
        """Give one clip after the other."""
        return map(self._clip, labels)

    def _clip(self, labels: Labels) -> ClipSequence:
        found = store.load(Reconstruction, self.workspace.path("reconstruct3d", labels.clip_id))
        names = ("jaw_pose_x", *found.coef_names)
        if not self.coef_names:
            self.face_model, self.coef_names = found.face_model, names
        if (found.face_model, names) != (self.face_model, self.coef_names):
            raise ArtifactInvalid(
                f"{labels.clip_id}: {len(names)} coefficients of {found.face_model}",
                expected=f"{len(self.coef_names)} of {self.face_model}, as the other clips",
                remedy="run `mead-manip reconstruct3d` again on all clips",
            )
        coefs = coefs_of(found.jaw_pose, found.expression)
        return ClipSequence(labels, coefs, found.visible, frame_emotion=self.frame_labels.of_clip.get(labels.clip_id))

    def trust(self, labels: Labels) -> float:
        """Give a clip's lambda."""
        path = self.workspace.path("clip-score", labels.clip_id)
        scores = store.load(ClipScores, path)
        if scores.label != labels.emotion:
            raise ArtifactInvalid(
                f"{path}: scored as {scores.label!r}", expected=f"{labels.emotion!r}, the clip's label"
            )
        return scores.weight


def _levels(clips: Sequence[Labels]) -> int:
    acted = [clip for clip in clips if clip.emotion != "neutral"]
    if unknown := [clip.clip_id for clip in acted if not 1 <= clip.level <= LEVELS]:
        raise UsageError(f"--intensity-levels: the level of {unknown[0]} is unknown", expected="clips of MEAD")
    if len({clip.level for clip in acted}) < 2:
        raise UsageError(
            "--intensity-levels: all clips are of one level", expected="at least two", remedy="--levels 1,2,3"
        )
    return LEVELS


def _trained(workspace: Workspace, config: TrainConfig, source: _Clips) -> Manipulator:
    """Load the networks that --init means, if they fit."""
    weights = store.load(ManipulatorWeights, initial_weights(workspace, str(config.init)))
    known: dict[str, Any] = json.loads(weights.facts)
    if tuple(known["coef_names"]) != source.coef_names:
        raise UsageError(
            f"--init: trained on {len(known['coef_names'])} coefficients of {known['face_model']}",
            expected=f"{len(source.coef_names)} of {source.face_model}",
        )
    nets = Manipulator.from_arrays(weights.parameters, weights.config)
    found = nets.architecture
    wanted = Architecture.of_size(config.size, found.n_coefs, found.emotions, window=found.window, levels=found.levels)
    if found != wanted:
        raise UsageError(f"--init: networks of another size than {config.size}", expected="the same --size")
    return nets
