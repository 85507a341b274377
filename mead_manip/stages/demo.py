"""nothing -> figure1.png, angry.mp4 and summary.html: the whole road on synthetic people"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from mead_manip import files
from mead_manip.artifacts import store
from mead_manip.artifacts.schemas import FaceTrack
from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import Common, DemoConfig
from mead_manip.emotions import TARGETS
from mead_manip.media.images import encode
from mead_manip.media.video import probe, read_frames, writer_like
from mead_manip.reports.demo_page import Measurement, Step, demo_page
from mead_manip.reports.edit_figure import heads_at
from mead_manip.reports.figure import beside
from mead_manip.stages.judging.demo_measures import clips_by_content, measure
from mead_manip.stages.running import plan
from mead_manip.stages.running.runner import Progress, Summary

RUNS = {"NED": "none", "ours": "literal"}  # row of the figure -> weighting, which is also the name of the run
EMOTIONS = "neutral,angry,disgusted,fear,happy,sad,surprised"
UNSEEN = 16  # added to the seed of the people who are edited, so that nobody has trained on them
INTENSITY = 1.5  # the fit sees less than was acted, and the manipulator learns what the fit saw
MINUTES = 5  # what all of it takes on two cores


def run(
    workspace: Workspace,
    config: DemoConfig,
    common: Common,
    *,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress,
) -> Summary:
    """Make a data set, train with and without suppression, edit an unseen actor both ways, measure, and show it."""
    folder = Path(config.directory)
    road = _Road(folder, common, dry_run=dry_run, force=force, progress=progress)
    summary = Summary("demo", destination=str(folder))
    progress.say(f"demo: seven steps, about {MINUTES} minutes on two cores; everything goes to {folder}")

    tree, held_out = folder / "MEAD", folder / "unseen"
    size = {"size": config.size, "emotions": EMOTIONS, "levels": "3"}
    road.step("synth", str(tree), directory=str(tree), actors=config.actors, clips=config.clips,
              outliers=config.outliers, seed=common.seed, seconds=config.seconds, **size)  # fmt: skip
    road.step("synth", str(held_out), directory=str(held_out), actors=2, clips=2, seed=common.seed + UNSEEN,
              seconds=config.seconds + 1, **{**size, "emotions": "neutral", "size": max(config.size, 384)})  # fmt: skip
    road.step("preprocess", str(tree), path=str(tree), landmarks="builtin", workers=2)
    road.step("reconstruct3d")
    road.step("clip-score", model="builtin", threshold=0.6)
    for weighting in RUNS.values():
        road.step("train", size="small", weighting=weighting, run=weighting)
    if dry_run:
        summary.planned = {step.command: "to do" for step in road.steps}
        return summary

    # As single videos: what is preprocessed without labels never joins the training set.
    videos = sorted(held_out.glob("**/*.mp4"))
    for stranger in videos:
        road.step("preprocess", str(stranger), path=str(stranger), landmarks="builtin")
    road.step("reconstruct3d")
    video = videos[0]
    for weighting in RUNS.values():
        for emotion in TARGETS:
            road.step("edit", str(video), video=str(video), to=emotion, run=weighting, landmarks="builtin",
                      intensity=INTENSITY, out=str(_edited(folder, weighting, emotion)))  # fmt: skip

    progress.say("demo: measuring and drawing")
    measurements = measure(road.workspace, tree, held_out, RUNS, seed=common.seed)
    _publish(road.workspace, folder, video, measurements, road.steps)
    summary.done = ["figure1.png", "angry.mp4", "summary.html"]
    summary.facts = {m.name: m.value for m in measurements}
    for m in measurements:
        progress.say(f"  {m.name}: {m.value}" + (f"  ({m.note})" if m.note else ""))
    summary.detail = f"open {folder / 'summary.html'}"
    return summary


class _Road:
    """Runs stages one after another as their commands would, and remembers what was typed and how long it took."""

    def __init__(self, folder: Path, common: Common, *, dry_run: bool, force: bool, progress: Progress) -> None:
        self.workspace = Workspace(folder / "work")
        self.common, self.dry_run, self.force, self.progress = common, dry_run, force, progress
        self.steps: list[Step] = []

    def step(self, stage: str, argument: str = "", **settings: Any) -> None:
        command = _command(stage, argument, settings, self.workspace)
        self.progress.say(f"$ {command}")
        start = time.monotonic()
        if not self.dry_run:
            summary = plan.make(
                stage, self.workspace, self.common, force=self.force, progress=self.progress, **settings
            )
            self.progress.say(f"  {summary.line()}")
        self.steps.append(Step(command, time.monotonic() - start))


def _command(stage: str, argument: str, settings: Mapping[str, Any], workspace: Workspace) -> str:
    """Return what a user would type for this step."""
    positional = {"directory", "path", "video"}
    flags = [f"--{name.replace('_', '-')} {value}" for name, value in settings.items() if name not in positional]
    common = [] if stage == "synth" else [f"-w {workspace.root}"]
    return " ".join(["mead-manip", stage, *([argument] if argument else []), *flags, *common])


def _edited(folder: Path, weighting: str, emotion: str) -> Path:
    return folder / "edits" / f"{weighting}_{emotion}.mp4"


def _publish(
    workspace: Workspace, folder: Path, video: Path, measurements: list[Measurement], steps: list[Step]
) -> None:
    figure = folder / "figure1.png"
    with files.atomic(figure) as temporary:
        temporary.write_bytes(encode(_figure(workspace, folder, video), "png"))
    _three_abreast(folder, video, "angry", folder / "angry.mp4")
    captions = {"angry.mp4": "Source, NED, ours: the same seconds, made angry. The sound is the source's own."}
    with files.atomic(folder / "summary.html") as temporary:
        temporary.write_text(demo_page(figure, captions, measurements, steps), encoding="utf-8")
    with files.atomic(folder / "summary.json") as temporary:
        record = [{"name": m.name, "value": m.value, "note": m.note} for m in measurements]
        temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _figure(workspace: Workspace, folder: Path, video: Path) -> UInt8[np.ndarray, "height width 3"]:
    """Return the same frame of the input and of every edit: methods in rows, emotions in columns."""
    clip_id = clips_by_content(workspace)[files.digest(video)]
    with store.opened(FaceTrack, workspace.path("preprocess", clip_id)) as track:
        index = len(track.visible) // 2
        box = np.asarray(track.boxes_px[index])
    rows = {
        name: [video, *(_edited(folder, weighting, emotion) for emotion in TARGETS)] for name, weighting in RUNS.items()
    }
    return heads_at(rows, ["input", *TARGETS], index, box)


def _three_abreast(folder: Path, video: Path, emotion: str, out: Path) -> None:
    info = probe(video)
    edits = [read_frames(_edited(folder, weighting, emotion)) for weighting in RUNS.values()]
    with writer_like(out, info, width=3 * info.width, comment=f"edited with mead-manip: {emotion}") as writer:
        for (_, pts, source), *others in zip(read_frames(video), *edits, strict=True):
            writer.write(beside([source, *(rgb for _, _, rgb in others)], ["source", *RUNS]), pts)
