"""videos, FaceTrack, Reconstruction -> RendererWeights"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from mead_manip import files
from mead_manip.artifacts import store
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import FaceTrack, Reconstruction, RendererWeights
from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import Common, TrainRendererConfig, result_params
from mead_manip.errors import ArtifactInvalid, InputMissing, UsageError
from mead_manip.media.video import probe
from mead_manip.models.face_renderer import Architecture, FaceGenerator
from mead_manip.models.posed_faces import face_model_of
from mead_manip.models.vgg_features import VggFeatures, cached_vgg
from mead_manip.stages.editing.face_views import surface_of
from mead_manip.stages.learning.renderer_footage import footage_report
from mead_manip.stages.learning.renderer_frames import Clip, RendererFrames, split_of
from mead_manip.stages.learning.renderer_loop import STAGE, Outcome, RendererJob, learn
from mead_manip.stages.learning.run_folder import RunFolder
from mead_manip.stages.learning.trained import run_or_file
from mead_manip.stages.running import plan
from mead_manip.stages.running.device import device_of_process
from mead_manip.stages.running.runner import Progress, SilentProgress, Summary
from mead_manip.training.renderer import Learner
from mead_manip.training.renderer_recipe import RendererRecipe, renderer_recipe
from mead_manip.training.renderer_sequences import Sequences
from mead_manip.training.world import World, joined

STAGE_VERSION = 2  # 2: what is fed back lies within the range of pictures
_BUDGET = ("iterations", "minutes", "publish")
FINE_TUNING_EPOCHS = 20  # of NED's network from weights of many people


def run(
    workspace: Workspace,
    config: TrainRendererConfig,
    common: Common,
    *,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress,
) -> Summary:
    """Train a neural face renderer on videos; several people make a meta-renderer, a start for others."""
    device = device_of_process(common.device)
    _refuse_impossible(config, device)
    with joined(device) as world:
        quiet = progress if world.leads else SilentProgress()
        return _run(workspace, config, common, device, world, force=force, dry_run=dry_run, progress=quiet)


def _run(
    workspace: Workspace,
    config: TrainRendererConfig,
    common: Common,
    device: torch.device,
    world: World,
    *,
    force: bool,
    dry_run: bool,
    progress: Progress,
) -> Summary:
    folder = RunFolder(workspace.run_dir(config.run), tensorboard=config.tensorboard and world.leads)
    summary = Summary(STAGE, destination=str(folder.path))
    named = _prepared(workspace, config, common, world, dry_run=dry_run, progress=progress)
    if not all(named):
        summary.planned[config.run] = "after preprocess and reconstruct3d"
        return summary
    clips = [_clip(workspace, Path(video), str(name)) for video, name in zip(config.video, named, strict=True)]
    if config.report_only:
        return footage_report(workspace, [clip.clip_id for clip in clips]).told(summary)
    vgg = Path(config.vgg) if config.vgg else cached_vgg()
    provenance = _provenance(workspace, clips, config, common, vgg)

    state = store.check(folder.weights, RendererWeights, provenance)
    if state.kind is store.FRESH and not force:
        summary.fresh.append(config.run)
        summary.facts = json.loads(store.load(RendererWeights, folder.weights).facts)
        summary.detail = _detail(summary.facts)
        return summary
    if state.kind is store.STALE:
        progress.say(f"{STAGE}: {config.run}: stale " + "; ".join(state.reasons[:5]))
    if dry_run:
        summary.planned[config.run] = "; ".join(state.reasons) or ("forced" if force else "missing")
        return summary

    report = footage_report(workspace, [clip.clip_id for clip in clips])
    for line in report.lines():
        progress.say(line)
    job = _job(workspace, clips, config, common, device, world, vgg, progress)
    if world.leads:
        folder.prepare()
        folder.save_config(STAGE, {**result_params(config), "seed": common.seed})
    outcome = learn(job, folder, _lessons_key(provenance), config, force=force, progress=progress)
    if world.leads:
        summary.facts = _facts(job, outcome, clips, config) | {"footage": report.as_json()}
        _publish(job, outcome, clips, folder, provenance, summary.facts, config)
        summary.detail = _detail(summary.facts)
    world.wait()
    summary.done.append(config.run)
    return summary


# ---- what to learn from ---------------------------------------------------------------------------------------------


def _refuse_impossible(config: TrainRendererConfig, device: torch.device) -> None:
    if not config.video:
        raise UsageError("train renderer: no video", expected="one or more videos of a person who speaks")
    for video in config.video:
        if not Path(video).is_file():
            raise InputMissing(f"train renderer: {video}: no such file", expected="a video")
    if config.iterations is not None and config.minutes is not None:
        raise UsageError("--iterations with --minutes", expected="one of them")
    if config.precision == "bf16" and device.type != "cuda":
        raise UsageError(f"--precision bf16 on {device.type}", expected="fp32, or --device cuda")
    if config.vgg and not Path(config.vgg).is_file():
        raise InputMissing(f"--vgg {config.vgg}: no such file", expected="torchvision's VGG-19 weights (.pth)")
    if config.init == config.run:
        raise UsageError(f"--init {config.init}: the run itself", expected="another run", remedy="name it with --run")


def _prepared(
    workspace: Workspace,
    config: TrainRendererConfig,
    common: Common,
    world: World,
    *,
    dry_run: bool,
    progress: Progress,
) -> list[str | None]:
    """Bring the videos' faces up to date; give their clip ids, None where a dry run lacks them."""
    clip_ids: list[str | None] = []
    for leads in (True, False):  # the first process makes what is missing, the others then find it
        if world.leads is leads:
            for video in map(Path, config.video):
                probe(video)
                clip_id = plan.face_clip(
                    workspace,
                    common,
                    video,
                    config.face,
                    landmarks=config.landmarks,
                    landmarks_model=config.landmarks_model,
                    dry_run=dry_run,
                    progress=progress,
                )
                clip_ids.append(clip_id)
        world.wait()
    return clip_ids


def _clip(workspace: Workspace, video: Path, clip_id: str) -> Clip:
    track = store.load(FaceTrack, workspace.path("preprocess", clip_id))
    return Clip(clip_id, video, track, store.load(Reconstruction, workspace.path("reconstruct3d", clip_id)))


def _provenance(
    workspace: Workspace, clips: Sequence[Clip], config: TrainRendererConfig, common: Common, vgg: Path | None
) -> Provenance:
    inputs: dict[str, Any] = {
        stage: {clip.clip_id: store.read_key(workspace.path(stage, clip.clip_id)) for clip in clips}
        for stage in ("preprocess", "reconstruct3d")
    }
    inputs["vgg"] = files.digest(vgg) if vgg else None
    if config.init:
        inputs["init"] = store.read_key(run_or_file(workspace, config.init))
    params = {**result_params(config), "seed": common.seed}
    return Provenance(RendererWeights.schema_id(), STAGE, STAGE_VERSION, params, inputs)


def _lessons_key(provenance: Provenance) -> str:
    """Name the lessons, however many are taken: with more iterations or minutes a training goes on where it ended."""
    lessons = {name: value for name, value in provenance.params.items() if name not in _BUDGET}
    return dataclasses.replace(provenance, params=lessons).key


def _job(
    workspace: Workspace,
    clips: Sequence[Clip],
    config: TrainRendererConfig,
    common: Common,
    device: torch.device,
    world: World,
    vgg: Path | None,
    progress: Progress,
) -> RendererJob:
    """Read the frames and make the networks."""
    face_model = _face_model(clips)
    flame = workspace.root / "models" / "flame.h5"
    architecture = Architecture.of_size(config.size, int(config.pixels))
    bf16 = config.precision == "bf16" or (config.precision == "auto" and device.type == "cuda")
    recipe = renderer_recipe(config.size, bf16=bf16, temporal=config.temporal, learning_rate=config.learning_rate)
    if recipe.schedule.sequences < world.size:
        wider = dataclasses.replace(recipe.schedule, sequences=world.size)
        recipe = dataclasses.replace(recipe, schedule=wider)
        progress.say(f"{STAGE}: {world.size} sequences a step, one for each process")
    split = split_of(clips, config.most_frames)
    sequences = Sequences(split.training, recipe.schedule, common.seed)
    model = face_model_of(face_model, flame)
    frames = RendererFrames.read(clips, split, model, surface_of(face_model, flame), architecture, progress)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(common.seed)
        generator = FaceGenerator.of(architecture).to(device)
        if config.init:
            _take_over(generator, store.load(RendererWeights, run_or_file(workspace, config.init)))
        features = VggFeatures.load(vgg).to(device) if vgg else None
        learner = Learner(generator, recipe, features, world)
    learner.use_channels_last()
    if config.compile or (config.compile is None and device.type == "cuda"):
        learner.compile()
    kind = f"VGG-19 of {vgg.name}" if vgg else "Laplacian pyramids (no VGG-19 weights: --vgg names them)"
    progress.say(f"{STAGE}: perceptual loss: {kind}")
    used = sum(shot.end - shot.start for shot in split.training)
    progress.say(f"{STAGE}: {used} frames to learn from, {sum(s.end - s.start for s in split.held_out)} held out")
    iterations = None if config.minutes is not None else config.iterations or _iterations(recipe, sequences, config)
    return RendererJob(learner, frames, sequences, split.held_out, iterations, config.minutes)


def _iterations(recipe: RendererRecipe, sequences: Sequences, config: TrainRendererConfig) -> int:
    return recipe.iterations or sequences.steps_of(FINE_TUNING_EPOCHS if config.init else recipe.epochs)


def _face_model(clips: Sequence[Clip]) -> str:
    first = clips[0].found.face_model
    for clip in clips:
        if clip.found.face_model != first:
            raise ArtifactInvalid(
                f"{clip.clip_id}: reconstructed with {clip.found.face_model}", expected=f"{first}, as the other videos"
            )
    return first


def _take_over(generator: FaceGenerator, weights: RendererWeights) -> None:
    """Take the parameters of a trained renderer."""
    if weights.config != generator.architecture.to_json():
        raise UsageError("--init: networks of another --size or --pixels", expected="the same")
    generator.load_state_dict(FaceGenerator.from_arrays(weights.parameters, weights.config).state_dict())


# ---- what is published ----------------------------------------------------------------------------------------------


def _facts(job: RendererJob, outcome: Outcome, clips: Sequence[Clip], config: TrainRendererConfig) -> dict[str, Any]:
    return {
        "size": config.size,
        "pixels": int(config.pixels),
        "clips": [clip.clip_id for clip in clips],
        "videos": [clip.video.name for clip in clips],
        "perceptual": "pyramid" if job.learner.vgg is None else "vgg19",
        "weights": job.learner.recipe.generator_weights,
        "temporal": config.temporal,
        "iterations": outcome.iterations,
        "seconds": outcome.seconds,
        "published": outcome.published,
        "published_iteration": outcome.iteration,
        "held_out_frames": sum(shot.end - shot.start for shot in job.held_out),
        "validation": dict(outcome.validation),
    }


def _publish(
    job: RendererJob,
    outcome: Outcome,
    clips: Sequence[Clip],
    folder: RunFolder,
    provenance: Provenance,
    facts: Mapping[str, Any],
    config: TrainRendererConfig,
) -> None:
    weights = RendererWeights(
        outcome.generator.to_arrays(),
        job.learner.architecture.to_json(),
        json.dumps(facts),
        job.frames.appearance,
        clips[0].found.face_model,
        tuple(f"{clip.track.source_digest}#{config.face}" for clip in clips),
    )
    store.save(weights, folder.weights, provenance)


def _detail(facts: Mapping[str, Any]) -> str:
    scores = facts["validation"]
    seen = (
        f"; {facts['held_out_frames']} held-out frames: {scores['l1']:.1f} grey levels off, "
        f"{scores['mouth_l1']:.1f} at the mouth, {scores['sharpness']:.2f} as sharp"
        if scores
        else ""
    )
    best = f", the best at {facts['published_iteration']}" if facts["published"] == "best" else ""
    return f"{facts['size']} network, {facts['pixels']} px, {facts['iterations']} iterations{best}{seen}"
