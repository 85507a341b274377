"""video + ManipulatorWeights -> video"""

from __future__ import annotations

import collections
import concurrent.futures
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from mead_manip import files
from mead_manip.artifacts import store
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import FaceTrack, ManipulatorWeights, Reconstruction
from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import Common, EditConfig, result_params
from mead_manip.emotions import parse_emotion
from mead_manip.errors import InputMissing, MeadManipError, UsageError
from mead_manip.media.video import VideoInfo, probe, read_frames, writer_like
from mead_manip.reports.figure import beside
from mead_manip.stages import plan
from mead_manip.stages.retarget import FaceRetargeter, changed_reconstruction
from mead_manip.stages.runner import Progress, Summary

STAGE_VERSION = 1
RECIPE_SCHEMA = "edit/1"


def run(
    workspace: Workspace,
    config: EditConfig,
    common: Common,
    *,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress,
) -> Summary:
    """Give the face of `config.video` another emotion and write the video with the source's frames, rate and sound."""
    emotion = parse_emotion(config.to)
    source, out = Path(config.video), _destination(config, emotion)
    weights_path = _weights(workspace, config.run)
    info = probe(source)
    summary = Summary("edit", destination=str(out))

    inputs = _prepare(workspace, source, config, common, dry_run=dry_run, progress=progress)
    if inputs is None:
        summary.planned[source.name] = f"{emotion}, after preprocess and reconstruct3d"
        return summary
    provenance = _provenance(workspace, inputs, weights_path, config, common, emotion)
    reason = None if force else _stale(out, provenance)
    if reason is None and not force:
        summary.fresh.append(source.name)
        return summary
    if dry_run:
        summary.planned[source.name] = reason or "forced"
        return summary
    if reason:
        progress.say(f"edit: {out}: {reason}")

    track = store.load(FaceTrack, workspace.path("preprocess", inputs))
    before = store.load(Reconstruction, workspace.path("reconstruct3d", inputs))
    weights = store.load(ManipulatorWeights, weights_path)
    seed = common.seed if config.style_seed is None else config.style_seed
    after = changed_reconstruction(weights, before, emotion, intensity=config.intensity, seed=seed)
    n_frames = _write(info, out, track, before, after, config, emotion, progress)
    _write_recipe(out, provenance, source, config, n_frames)
    summary.done.append(source.name)
    summary.facts = {"frames": n_frames, "fps": str(info.fps), "emotion": emotion, "visible": int(track.visible.sum())}
    summary.detail = (
        f"{n_frames} frames at {info.fps} fps, run {config.run}, face in {int(track.visible.sum())} of them"
    )
    return summary


def _destination(config: EditConfig, emotion: str) -> Path:
    source = Path(config.video)
    out = Path(config.out) if config.out else Path(f"{source.stem}_{emotion}.mp4")
    if out.exists() and source.exists() and out.resolve() == source.resolve():
        raise UsageError(f"--out {out} is the source itself", remedy="give another name: the source stays as it is")
    return out


def _weights(workspace: Workspace, name: str) -> Path:
    path = workspace.run_dir(name) / "weights.h5"
    if not path.exists():
        runs = ", ".join(workspace.runs())
        remedy = f"--run takes one of: {runs}" if runs else "run `mead-manip train` first"
        raise InputMissing(
            f"edit: no trained manipulator {name!r} in {workspace.root}", expected=str(path), remedy=remedy
        )
    return path


def _prepare(
    workspace: Workspace, source: Path, config: EditConfig, common: Common, *, dry_run: bool, progress: Progress
) -> str | None:
    """Bring the video's FaceTrack and Reconstruction up to date; give its clip id, None if a dry run lacks them."""
    tracked = plan.make(
        "preprocess",
        workspace,
        common,
        dry_run=dry_run,
        progress=progress,
        path=str(source),
        face="auto",
        landmarks=config.landmarks,
        landmarks_model=config.landmarks_model,
    )
    if tracked.planned:
        return None
    (clip_id,) = tracked.clips
    fitted = plan.make("reconstruct3d", workspace, common, dry_run=dry_run, progress=progress, clips=clip_id)
    return None if fitted.planned else clip_id


def _provenance(
    workspace: Workspace, clip_id: str, weights: Path, config: EditConfig, common: Common, emotion: str
) -> Provenance:
    params = {**result_params(config), "to": emotion, "side_by_side": config.side_by_side}
    for name in ("landmarks", "landmarks_model"):  # they are in the key of the face track
        params.pop(name, None)
    params["style_seed"] = common.seed if config.style_seed is None else config.style_seed
    inputs = {
        "reconstruction": store.read_key(workspace.path("reconstruct3d", clip_id)),
        "manipulator_weights": store.read_key(weights),
    }
    return Provenance(RECIPE_SCHEMA, "edit", STAGE_VERSION, params, inputs, backend=config.renderer)


# ---- freshness: a recipe beside the video -------------------------------------------------------------------------


def recipe_path(video: Path) -> Path:
    """Give the path of the recipe that lies beside an edited video."""
    return video.with_suffix(".json")


def _stale(out: Path, provenance: Provenance) -> str | None:
    """Give None if the video on disk is what `provenance` describes, "" if there is none, else why it is not."""
    if not out.exists():
        return ""
    try:
        recipe = json.loads(recipe_path(out).read_text(encoding="utf-8"))
        same_key, same_bytes = recipe["key"] == provenance.key, recipe["sha256"] == files.digest(out)
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(
            f"{out} exists and is no edit of ours (no recipe {recipe_path(out).name} beside it)",
            remedy="name another --out, or --force to replace it",
        ) from None
    if not same_bytes:
        return "stale: the file was changed since"
    return None if same_key else "stale: made with other settings or weights"


def _write_recipe(out: Path, provenance: Provenance, source: Path, config: EditConfig, n_frames: int) -> None:
    recipe = {
        "key": provenance.key,
        "sha256": files.digest(out),
        "source": str(source),
        "settings": asdict(config),
        "frames": n_frames,
        "provenance": provenance.record(),
        "note": "synthetically edited: the expression of the face was changed by mead-manip",
    }
    with files.atomic(recipe_path(out)) as temporary:
        temporary.write_text(json.dumps(recipe, indent=2) + "\n", encoding="utf-8")


# ---- pixels -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Frame:
    index: int
    pts: int
    rgb: UInt8[np.ndarray, "height width 3"]


def _write(
    info: VideoInfo,
    out: Path,
    track: FaceTrack,
    before: Reconstruction,
    after: Reconstruction,
    config: EditConfig,
    emotion: str,
    progress: Progress,
) -> int:
    retarget = FaceRetargeter(before, after, track)
    frames = (_Frame(*frame) for frame in read_frames(info.path))
    width = info.width * (2 if config.side_by_side else 1)
    with writer_like(out, info, width=width, comment=f"edited with mead-manip: {emotion}") as writer:
        drawn = _in_order(retarget, _checked(frames, track))
        for frame, edited in progress.clips(drawn, len(track.visible), f"edit {emotion}"):
            if config.side_by_side:
                edited = beside([frame.rgb, edited], ["source", emotion])
            writer.write(edited, frame.pts)
        return writer.n_frames


def _in_order(
    retarget: FaceRetargeter, frames: Iterator[_Frame]
) -> Iterator[tuple[_Frame, UInt8[np.ndarray, "_ _ 3"]]]:
    """Draw on all cores, a few frames ahead, and give them in their order: memory does not grow with the video."""
    threads = os.cpu_count() or 1
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        waiting: collections.deque[tuple[_Frame, concurrent.futures.Future[np.ndarray]]] = collections.deque()
        for frame in frames:
            waiting.append((frame, pool.submit(retarget.job(frame.index, frame.rgb))))
            if len(waiting) > 2 * threads:
                first, drawn = waiting.popleft()
                yield first, drawn.result()
        for first, drawn in waiting:
            yield first, drawn.result()


def _checked(frames: Iterator[_Frame], track: FaceTrack) -> Iterator[_Frame]:
    """Pass the frames through; a video that no longer has as many as its face track is refused."""
    count = 0
    for frame in frames:
        count += 1
        if count > len(track.visible):
            break
        yield frame
    if count != len(track.visible):
        raise MeadManipError(
            f"{track.source}: {'more' if count > len(track.visible) else count} frames",
            expected=f"{len(track.visible)} as in its face track",
            remedy="run `mead-manip preprocess --force` on it",
        )


__all__ = ["recipe_path", "run"]
