"""Reconstruction (+ ClipScores) -> ManipulatorWeights"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from mead_manip.artifacts import store
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import ManipulatorWeights, Reconstruction
from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import SHIPPED_RUN, Common, TrainConfig, result_params
from mead_manip.emotions import NED_EMOTIONS
from mead_manip.errors import ArtifactMissing, UsageError
from mead_manip.models.threads import threads
from mead_manip.stages.learning.annotated import annotated, constant_pieces
from mead_manip.stages.learning.referee import referee
from mead_manip.stages.learning.run_folder import RunFolder
from mead_manip.stages.learning.train_job import Chosen, Job, initial_weights
from mead_manip.stages.learning.train_loop import STAGE, Outcome, learn
from mead_manip.stages.running import plan, split_parts
from mead_manip.stages.running.arithmetic import refuse_impossible
from mead_manip.stages.running.device import device_of_process
from mead_manip.stages.running.runner import Progress, SilentProgress, Summary
from mead_manip.training.recipe import settings_of
from mead_manip.training.windows import Labels, weights_by_class
from mead_manip.training.world import World, joined

STAGE_VERSION = 2  # 2: the best checkpoint is published, and the scale is that of all frames with a face


def run(
    workspace: Workspace,
    config: TrainConfig,
    common: Common,
    *,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress,
) -> Summary:
    """Train a manipulator on the reconstructed clips of a workspace, each weighted by its CLIP score.

    Started by `torchrun` or `accelerate launch`, the processes train as one; the first writes and speaks.
    """
    device = device_of_process(common.device)
    refuse_impossible(config, settings_of(config), device)
    with joined(device) as world:
        quiet = progress if world.leads else SilentProgress()
        return _run(workspace, config, common, device, world, force=force, dry_run=dry_run, progress=quiet)


def _run(
    workspace: Workspace,
    config: TrainConfig,
    common: Common,
    device: torch.device,
    world: World,
    *,
    force: bool,
    dry_run: bool,
    progress: Progress,
) -> Summary:
    if config.run == SHIPPED_RUN:
        raise UsageError(f"--run {SHIPPED_RUN}", expected="another name: this one means the manipulator that ships")
    folder = RunFolder(workspace.run_dir(config.run), tensorboard=config.tensorboard and world.leads)
    summary = Summary(STAGE, destination=str(folder.path))
    if (world.leads or dry_run) and not _reconstructed(workspace, common, dry_run=dry_run, progress=progress):
        summary.planned[config.run] = "after reconstruct3d"
        return summary
    world.wait()
    chosen = _chosen(workspace, config)
    _refuse_unscored(workspace, chosen, config)
    provenance = _provenance(workspace, chosen, config, common)

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

    job = Job.of(workspace, chosen, config, common, device, world)
    for note in chosen.selection.notes + job.notes:
        progress.say(f"{STAGE}: {note}")
    if world.leads:
        folder.prepare()
        folder.save_config(STAGE, _recorded(config, common))
    # Networks as narrow as the small ones are faster on one thread than on several.
    with threads(1 if config.size == "small" and job.device.type == "cpu" else None):
        outcome = learn(job, folder, provenance.key, config, force=force, progress=progress)
        if world.leads:
            summary.facts = _facts(job, outcome, chosen, provenance, config)
    if world.leads:
        _publish(outcome, folder, provenance, summary.facts)
        summary.detail = _detail(summary.facts)
    world.wait()
    summary.done.append(config.run)
    return summary


# ---- what to learn from ---------------------------------------------------------------------------------------------


def _reconstructed(workspace: Workspace, common: Common, *, dry_run: bool, progress: Progress) -> bool:
    """Make the reconstructions that are missing; False if a dry run would have to."""
    if workspace.clips("reconstruct3d") and not workspace.clips("preprocess"):
        return True  # reconstructions brought from elsewhere
    made = plan.make_missing("reconstruct3d", workspace, common, needed_by=STAGE, dry_run=dry_run, progress=progress)
    return not (dry_run and made is not None)


def _chosen(workspace: Workspace, config: TrainConfig) -> Chosen:
    """Choose clips by their labels, or by Aff-Wild2's annotations of their frames."""
    labels, frames, visible = [], {}, {}
    for clip_id in workspace.clips("reconstruct3d"):
        with store.opened(Reconstruction, workspace.path("reconstruct3d", clip_id)) as clip:
            labels.append(Labels(clip_id, clip.actor, clip.emotion, clip.level, clip.view))
            faces = clip.visible[:]
            frames[clip_id], visible[clip_id] = len(faces), int(faces.sum())
    if config.affwild2 is not None:
        if config.weighting != "none":
            raise UsageError("--affwild2: its clips have no lambda", expected="--weighting none")
        selection, frame_labels = annotated(labels, frames, Path(config.affwild2))
        chosen = Chosen(selection, visible, frame_labels)
    else:
        chosen = Chosen(split_parts.chosen(workspace, labels, config), visible)
    if len(chosen.emotions) < 2:
        raise ArtifactMissing(
            f"{STAGE}: {len(chosen.selection.training)} of {len(labels)} clips to train on, "
            f"of {len(chosen.emotions)} emotion(s)",
            expected="clips of at least two of " + ", ".join(NED_EMOTIONS),
            remedy="run `mead-manip preprocess MEAD` first, or loosen --views, --levels, --actors",
        )
    return chosen


def _refuse_unscored(workspace: Workspace, chosen: Chosen, config: TrainConfig) -> None:
    """Every training clip needs its lambda, unless nothing is weighted."""
    if config.weighting == "none":
        return
    scored = set(workspace.clips("clip-score"))
    outdated = plan.lacking(workspace, "clip-score") if workspace.clips("preprocess") else {}
    training = chosen.selection.training
    lacking = [c.clip_id for c in training if c.clip_id not in scored or c.clip_id in outdated]
    if lacking:
        raise ArtifactMissing(
            f"{STAGE} --weighting {config.weighting}: {len(lacking)} of {len(training)} training clips "
            f"have no up-to-date CLIP score (first: {lacking[0]})",
            expected="results of clip-score",
            remedy="run `mead-manip clip-score` first, or train with --weighting none",
        )


def _provenance(workspace: Workspace, chosen: Chosen, config: TrainConfig, common: Common) -> Provenance:
    def keys(stage: str, clips: Sequence[Labels]) -> dict[str, str]:
        return {clip.clip_id: store.read_key(workspace.path(stage, clip.clip_id)) for clip in clips}

    inputs: dict[str, Any] = {"training": keys("reconstruct3d", chosen.selection.training)}
    inputs["validation"] = keys("reconstruct3d", chosen.selection.validation)
    if config.weighting != "none":
        inputs["clip_scores"] = keys("clip-score", chosen.selection.training)
    if config.affwild2 is not None:
        of_clip = chosen.frame_labels.of_clip
        inputs["annotations"] = {name: hashlib.sha256(of_clip[name].tobytes()).hexdigest() for name in sorted(of_clip)}
    if config.init:
        if config.init == config.run:
            raise UsageError(
                f"--init {config.init}: the run itself", expected="another run", remedy="name it with --run"
            )
        inputs["init"] = store.read_key(initial_weights(workspace, config.init))
    params = {**result_params(config), **settings_of(config), "seed": common.seed}
    return Provenance(ManipulatorWeights.schema_id(), STAGE, STAGE_VERSION, params, inputs)


def _recorded(config: TrainConfig, common: Common) -> dict[str, Any]:
    """Give every setting of the run, with those that preset and size decide."""
    sources = {name: getattr(config, name) for name in ("preset", "init", "affwild2", "run")}
    return {**result_params(config), **settings_of(config), **sources, "seed": common.seed}


# ---- what is published ----------------------------------------------------------------------------------------------


def _facts(job: Job, outcome: Outcome, chosen: Chosen, provenance: Provenance, config: TrainConfig) -> dict[str, Any]:
    training, validation = chosen.selection.training, chosen.selection.validation
    known = constant_pieces(job.windows.clips)
    held_out = constant_pieces(job.validation.clips) if job.validation else known
    emotions = outcome.nets.architecture.emotions
    owners = {"training": training, "validation": validation}
    weights = {} if config.affwild2 else weights_by_class(job.weights, [clip.emotion for clip in training])
    return {
        "face_model": job.face_model,
        "coef_names": list(job.coef_names),
        "emotions": list(emotions),
        "scaling": job.scaling,
        "size": config.size,
        "preset": config.preset,
        "weighting": config.weighting,
        "settings": settings_of(config),
        "iterations": outcome.iterations,
        "seconds": outcome.seconds,
        "published": outcome.published,
        "published_iteration": outcome.iteration,
        "validation": dict(outcome.validation),
        "windows": len(job.windows),
        "training_set": provenance.inputs["training"],
        **{f"{part}_actors": sorted({clip.actor for clip in clips} - {""}) for part, clips in owners.items()},
        "lambda": {clip.clip_id: round(float(trust), 6) for clip, trust in zip(training, job.trust, strict=True)},
        "mean_weight": {name: round(value, 4) for name, value in weights.items()},
        "trusted_share": float((job.trust >= 1.0).float().mean()),
        "effective_share": float(job.weights.sum().square() / (job.weights.square().sum() * len(job.weights))),
        "scores": referee(outcome.nets, known, [clip for clip in held_out if clip.labels.emotion in emotions]),
    }


def _publish(outcome: Outcome, folder: RunFolder, provenance: Provenance, facts: Mapping[str, Any]) -> None:
    nets = outcome.nets
    weights = ManipulatorWeights(nets.to_arrays(), nets.architecture.to_json(), json.dumps(facts))
    store.save(weights, folder.weights, provenance)


def _detail(facts: Mapping[str, Any]) -> str:
    scores, weights = facts["scores"], facts["mean_weight"]
    by_class = " ".join(f"{name} {value:.2f}" for name, value in weights.items())
    trusted = (
        "" if facts["weighting"] == "none" else f"; mean weight {by_class}; lambda = 1 for {facts['trusted_share']:.0%}"
    )
    actors = facts["validation_actors"]
    on = f"actor {', '.join(actors)}" if actors else "its own training actors"
    best = f", the best at {facts['published_iteration']}" if facts["published"] == "best" else ""
    return (
        f"{facts['size']} network, {facts['iterations']} iterations{best}, {facts['windows']} windows{trusted}; "
        f"on {on}: emotion accuracy {scores['balanced_accuracy']:.2f} (real clips {scores['ceiling']:.2f}), "
        f"jaw correlation {scores['jaw_correlation']:.3f}"
    )
