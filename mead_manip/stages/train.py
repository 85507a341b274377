"""Reconstruction (+ ClipScores) -> ManipulatorWeights"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from mead_manip.artifacts import store
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import ClipScores, ManipulatorWeights, Reconstruction
from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import Common, TrainConfig, result_params
from mead_manip.emotions import NED_EMOTIONS
from mead_manip.errors import ArtifactInvalid, ArtifactMissing, Interrupted, MeadManipError
from mead_manip.models.manipulation import coefs_of
from mead_manip.models.manipulator import Architecture, Manipulator
from mead_manip.models.threads import threads
from mead_manip.stages import plan, split_parts
from mead_manip.stages.device import choose_device
from mead_manip.stages.referee import referee
from mead_manip.stages.run_folder import RunFolder, stop_requests
from mead_manip.stages.runner import Progress, Summary
from mead_manip.training.manipulator import Learner, Terms, train, validate
from mead_manip.training.objectives import clip_weights
from mead_manip.training.recipe import Recipe, recipe_of, settings_of
from mead_manip.training.start import default_scaling, new_manipulator
from mead_manip.training.windows import ClipSequence, Labels, Scale, Selection, Windows, weights_by_class

STAGE, STAGE_VERSION = "train", 1
LOG_EVERY = 10  # iterations
VALIDATIONS = 4  # times during a run


def run(
    workspace: Workspace,
    config: TrainConfig,
    common: Common,
    *,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress,
) -> Summary:
    """Train a manipulator on the reconstructed clips of a workspace, each weighted by its CLIP score."""
    folder = RunFolder(workspace.run_dir(config.run))
    summary = Summary(STAGE, destination=str(folder.path))
    if not _reconstructed(workspace, common, dry_run=dry_run, progress=progress):
        summary.planned[config.run] = "after reconstruct3d"
        return summary
    selection = _selection(workspace, config)
    _refuse_unscored(workspace, selection, config)
    provenance = _provenance(workspace, selection, config, common)

    state = store.check(folder.weights, ManipulatorWeights, provenance)
    if state.kind is store.FRESH and not force:
        summary.fresh.append(config.run)
        summary.facts = json.loads(store.load(ManipulatorWeights, folder.weights).facts)
        summary.detail = _detail(summary.facts)
        return summary
    if state.kind is store.STALE:
        progress.say(f"{STAGE}: {config.run}: stale " + "; ".join(state.reasons[:5]))
    if dry_run:
        summary.planned[config.run] = "; ".join(state.reasons) or ("forced" if force else "missing")
        return summary

    for note in selection.notes:
        progress.say(f"{STAGE}: {note}")
    job = _Job.of(workspace, selection, config, common)
    folder.prepare()
    folder.save_config({**result_params(config), **settings_of(config), "run": config.run, "seed": common.seed})
    # Networks as narrow as the small ones are faster on one thread than on several.
    with threads(1 if config.size == "small" and job.device.type == "cpu" else None):
        facts = _learn(job, folder, provenance.key, config, force=force, progress=progress)
        facts |= _facts(job, selection, provenance, config)
        facts["scores"] = referee(job.learner.published, job.training, job.validation or job.training)
    _publish(job.learner.published, folder, provenance, facts)
    summary.done.append(config.run)
    summary.facts = facts
    summary.detail = _detail(facts)
    return summary


# ---- what to learn from ---------------------------------------------------------------------------------------------


def _reconstructed(workspace: Workspace, common: Common, *, dry_run: bool, progress: Progress) -> bool:
    """Make the reconstructions that are missing; False if a dry run would have to."""
    if workspace.clips("reconstruct3d") and not workspace.clips("preprocess"):
        return True  # reconstructions brought from elsewhere
    made = plan.make_missing("reconstruct3d", workspace, common, needed_by=STAGE, dry_run=dry_run, progress=progress)
    return not (dry_run and made is not None)


def _selection(workspace: Workspace, config: TrainConfig) -> Selection:
    labels = []
    for clip_id in workspace.clips("reconstruct3d"):
        with store.opened(Reconstruction, workspace.path("reconstruct3d", clip_id)) as clip:
            labels.append(Labels(clip_id, clip.actor, clip.emotion, clip.level, clip.view))
    selection = split_parts.chosen(workspace, labels, config)
    emotions = {clip.emotion for clip in selection.training}
    if len(emotions) < 2:
        raise ArtifactMissing(
            f"{STAGE}: {len(selection.training)} of {len(labels)} clips to train on, of {len(emotions)} emotion(s)",
            expected="clips of at least two of " + ", ".join(NED_EMOTIONS),
            remedy="run `mead-manip preprocess MEAD` first, or loosen --views, --levels, --actors",
        )
    return selection


def _refuse_unscored(workspace: Workspace, selection: Selection, config: TrainConfig) -> None:
    """Every training clip needs its lambda, unless nothing is weighted."""
    if config.weighting == "none":
        return
    scored = set(workspace.clips("clip-score"))
    outdated = plan.lacking(workspace, "clip-score") if workspace.clips("preprocess") else {}
    lacking = [c.clip_id for c in selection.training if c.clip_id not in scored or c.clip_id in outdated]
    if lacking:
        raise ArtifactMissing(
            f"{STAGE} --weighting {config.weighting}: {len(lacking)} of {len(selection.training)} training clips "
            f"have no up-to-date CLIP score (first: {lacking[0]})",
            expected="results of clip-score",
            remedy="run `mead-manip clip-score` first, or train with --weighting none",
        )


def _provenance(workspace: Workspace, selection: Selection, config: TrainConfig, common: Common) -> Provenance:
    def keys(stage: str, clips: Sequence[Labels]) -> dict[str, str]:
        return {clip.clip_id: store.read_key(workspace.path(stage, clip.clip_id)) for clip in clips}

    inputs = {"training": keys("reconstruct3d", selection.training)}
    inputs["validation"] = keys("reconstruct3d", selection.validation)
    if config.weighting != "none":
        inputs["clip_scores"] = keys("clip-score", selection.training)
    params = {**result_params(config), **settings_of(config), "seed": common.seed}
    return Provenance(ManipulatorWeights.schema_id(), STAGE, STAGE_VERSION, params, inputs)


@dataclass(frozen=True)
class _Job:
    """Everything a training needs, in memory."""

    training: list[ClipSequence]
    validation: list[ClipSequence]
    coef_names: tuple[str, ...]
    face_model: str
    trust: torch.Tensor  # lambda of every training clip
    weights: torch.Tensor  # what it becomes under the weighting
    scaling: str
    windows: Windows
    validation_windows: Windows | None
    learner: Learner
    recipe: Recipe
    device: torch.device

    @classmethod
    def of(cls, workspace: Workspace, selection: Selection, config: TrainConfig, common: Common) -> _Job:
        device = choose_device(common.device)
        source = _Clips(workspace)
        weighted = config.weighting != "none"
        training = [source.clip(labels, scored=weighted) for labels in selection.training]
        validation = [source.clip(labels, scored=False) for labels in selection.validation]
        emotions = tuple(e for e in NED_EMOTIONS if any(clip.labels.emotion == e for clip in training))
        validation = [clip for clip in validation if clip.labels.emotion in emotions]
        trust = torch.tensor([clip.trust for clip in training])
        labels = torch.tensor([emotions.index(clip.labels.emotion) for clip in training])
        weights = clip_weights(config.weighting, trust, labels)

        windows = Windows(training, emotions, weights, seed=common.seed)
        recipe = recipe_of(config, len(windows), source.coef_names)
        scaling = config.scaling if config.scaling != "auto" else default_scaling(source.face_model)
        scale = Scale.of(windows.frames, scaling)
        nets = new_manipulator(Architecture.of_size(config.size, len(source.coef_names), emotions), scale, common.seed)
        held_out = Windows(validation, emotions, torch.ones(len(validation)), seed=common.seed) if validation else None
        return cls(
            training,
            validation,
            source.coef_names,
            source.face_model,
            trust,
            weights,
            scaling,
            windows.scaled(scale, device),
            held_out.scaled(scale, device) if held_out else None,
            Learner(nets.to(device), recipe),
            recipe,
            device,
        )


class _Clips:
    """Loads clips and refuses those of another face model than the first."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.face_model = ""
        self.coef_names: tuple[str, ...] = ()

    def clip(self, labels: Labels, *, scored: bool) -> ClipSequence:
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
        trust = self._trust(labels) if scored else 1.0
        return ClipSequence(labels, coefs_of(found.jaw_pose, found.expression), found.visible, trust)

    def _trust(self, labels: Labels) -> float:
        path = self.workspace.path("clip-score", labels.clip_id)
        scores = store.load(ClipScores, path)
        if scores.label != labels.emotion:
            raise ArtifactInvalid(
                f"{path}: scored as {scores.label!r}", expected=f"{labels.emotion!r}, the clip's label"
            )
        return scores.weight


# ---- learning, watched ----------------------------------------------------------------------------------------------


def _learn(
    job: _Job, folder: RunFolder, key: str, config: TrainConfig, *, force: bool, progress: Progress
) -> dict[str, Any]:
    """Run the loop to its end; where somebody stops it, the resume point is published and Interrupted raised."""
    learner, recipe = job.learner, job.recipe
    state = None if force else folder.load_resume_point(key)
    if state is not None:
        learner.load_state_dict(state)
        progress.say(f"{STAGE}: {config.run}: resuming at iteration {learner.step} of {recipe.iterations}")
    folder.start_metrics(learner.step)
    remaining = range(learner.step, recipe.iterations)
    validate_every = max(1, recipe.iterations // VALIDATIONS)
    start = time.monotonic()
    validation: dict[str, float] = {}

    with stop_requests() as stop:

        def watch(step: int, terms: Mapping[str, Terms]) -> bool:
            done = step + 1
            if done % LOG_EVERY == 0 or done == recipe.iterations:
                folder.log({"step": done, "rate": recipe.rate(step), **_means(terms)})
            if job.validation_windows is not None and (done % validate_every == 0 or done == recipe.iterations):
                validation.update(validate(learner.published, job.validation_windows, recipe.batch_size))
                folder.log({"step": done, "validation": validation})
            if done % config.save_every == 0 or done == recipe.iterations or stop.made:
                folder.save_resume_point(key, learner.state_dict())
            return not stop.made

        train(learner, job.windows, progress.clips(remaining, len(remaining), f"{STAGE} {config.run}"), watch)
    if stop.made and learner.step < recipe.iterations:
        raise Interrupted(
            f"{STAGE}: interrupted after iteration {learner.step} of {recipe.iterations}",
            remedy="run the same command again to go on",
        )
    finite = all(bool(parameter.isfinite().all()) for parameter in learner.nets.parameters())
    if not finite:
        raise MeadManipError(f"{STAGE}: the networks are no longer finite", remedy="lower --learning-rate")
    seconds = time.monotonic() - start
    return {"iterations": learner.step, "seconds": round(seconds, 1), "validation": validation}


def _means(terms: Mapping[str, Terms]) -> dict[str, float]:
    return {
        f"{phase}.{name}": float(term.detach().mean())
        for phase, of_phase in terms.items()
        for name, term in of_phase.items()
    }


# ---- what is published ----------------------------------------------------------------------------------------------


def _facts(job: _Job, selection: Selection, provenance: Provenance, config: TrainConfig) -> dict[str, Any]:
    emotions = [clip.labels.emotion for clip in job.training]
    return {
        "face_model": job.face_model,
        "coef_names": list(job.coef_names),
        "scaling": job.scaling,
        "size": config.size,
        "weighting": config.weighting,
        "windows": len(job.windows),
        "training_set": provenance.inputs["training"],
        "training_actors": sorted({clip.actor for clip in selection.training}),
        "validation_actors": sorted({clip.actor for clip in selection.validation}),
        "mean_weight": {name: round(value, 4) for name, value in weights_by_class(job.weights, emotions).items()},
        "trusted_share": float((job.trust >= 1.0).float().mean()),
        "effective_share": float(job.weights.sum().square() / (job.weights.square().sum() * len(job.weights))),
    }


def _publish(nets: Manipulator, folder: RunFolder, provenance: Provenance, facts: Mapping[str, Any]) -> None:
    weights = ManipulatorWeights(nets.to_arrays(), nets.architecture.to_json(), json.dumps(facts))
    store.save(weights, folder.weights, provenance)


def _detail(facts: Mapping[str, Any]) -> str:
    scores, weights = facts["scores"], facts["mean_weight"]
    by_class = " ".join(f"{name} {value:.2f}" for name, value in weights.items())
    trusted = (
        "" if facts["weighting"] == "none" else f"; mean weight {by_class}; lambda = 1 for {facts['trusted_share']:.0%}"
    )
    on = f"actor {', '.join(facts['validation_actors'])}" if facts["validation_actors"] else "its own training actors"
    return (
        f"{facts['size']} network, {facts['iterations']} iterations, {facts['windows']} windows{trusted}; on {on}: "
        f"emotion accuracy {scores['balanced_accuracy']:.2f} (real clips {scores['ceiling']:.2f}), "
        f"jaw correlation {scores['jaw_correlation']:.3f}"
    )
