"""A renderer at its lessons: watched, validated, interrupted, resumed"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from mead_manip import files
from mead_manip.config import TrainRendererConfig
from mead_manip.errors import Interrupted, MeadManipError
from mead_manip.media.images import encode
from mead_manip.models.face_renderer import FaceGenerator
from mead_manip.reports.tiles import tiled
from mead_manip.stages.learning.renderer_frames import RendererFrames
from mead_manip.stages.learning.run_folder import Checkpoint, RunFolder, stop_requests
from mead_manip.stages.running.runner import Progress
from mead_manip.training.renderer import Learner, Moment, train
from mead_manip.training.renderer_sequences import Sequences, Shot
from mead_manip.training.renderer_validation import validate

STAGE = "train-renderer"
PREVIEWED = 6  # held-out frames of a preview
TILE = 192  # pixels
SAY_EVERY = 30.0  # seconds


@dataclass(frozen=True)
class RendererJob:
    """A training, ready to start."""

    learner: Learner
    frames: RendererFrames
    sequences: Sequences
    held_out: list[Shot]
    iterations: int | None  # where it ends; None: by the clock
    minutes: float | None


@dataclass(frozen=True)
class Outcome:
    """What came of a training."""

    generator: FaceGenerator  # worth publishing
    published: str  # best or last
    iteration: int  # of this generator
    iterations: int
    seconds: float
    validation: Mapping[str, float]


def learn(
    job: RendererJob, folder: RunFolder, key: str, config: TrainRendererConfig, *, force: bool, progress: Progress
) -> Outcome:
    """Run the loop to its end; where somebody stops it, the resume point is published and Interrupted raised."""
    learner, world = job.learner, job.learner.world
    keeper = _Keeper(job, folder, key, config, progress)
    keeper.take_up(force=force)
    share = world.share(learner.recipe.schedule.sequences)
    steps: Iterator[int] = itertools.count(learner.step)
    done_already = keeper.is_over(learner.step)

    with stop_requests() as stop:

        def watch(step: int, terms: Mapping[str, Tensor]) -> bool:
            done = step + 1
            keeper.tick(done, terms, share)
            # Only where sequences begin a state holds no picture.
            if not job.sequences.begins(done):
                return True
            over, stopped = keeper.is_over(done), world.any(stop.made, learner.device)
            keeper.keep(done, last=over or stopped)
            return not (over or stopped)

        if not done_already:
            train(learner, job.frames.jittered(learner.recipe.jitter), job.sequences, steps, watch)
    folder.close()
    if not keeper.is_over(learner.step):
        raise Interrupted(
            f"{STAGE}: interrupted after iteration {learner.step}", remedy="run the same command again to go on"
        )
    return keeper.outcome()


class _Keeper:
    """Writes what a run leaves behind, in the one process that writes."""

    def __init__(
        self, job: RendererJob, folder: RunFolder, key: str, config: TrainRendererConfig, progress: Progress
    ) -> None:
        self.job, self.folder, self.key, self.config, self.progress = job, folder, key, config, progress
        self.leads = job.learner.world.leads
        self.best: Checkpoint | None = None
        self.latest: Mapping[str, float] = {}
        self.before = 0.0  # seconds of earlier runs of this training
        self.started = self.said = self.validated = time.monotonic()
        self.means: dict[str, float] = {}

    @property
    def seconds(self) -> float:
        """Say how long this training has run, all its runs together."""
        return self.before + time.monotonic() - self.started

    def is_over(self, done: int) -> bool:
        """Tell whether the training ends after so many iterations; the first process's clock counts."""
        if self.job.iterations is not None:
            return done >= self.job.iterations
        late = self.leads and self.seconds >= 60 * (self.job.minutes or 0)
        return self.job.learner.world.any(late, self.job.learner.device)

    def take_up(self, *, force: bool) -> None:
        """Go on where the same training was left, if it was."""
        learner = self.job.learner
        state = None if force else self.folder.load_resume_point(self.key)
        learner.world.wait()
        if state is not None:
            learner.load_state_dict(state["learner"])
            self.before = float(state["seconds"])
            self.progress.say(
                f"{STAGE}: {self.config.run}: resuming at iteration {learner.step}, {self.before / 60:.1f} min done"
            )
        if self.leads:
            if state is None:
                self.folder.forget_best()
            self.best = self.folder.load_best(self.key)
            self.folder.start_metrics(learner.step)

    def tick(self, done: int, terms: Mapping[str, Tensor], share: float) -> None:
        """Follow the terms, and say them now and then."""
        for name, term in terms.items():
            value = float(term.detach())
            self.means[name] = 0.95 * self.means.get(name, value) + 0.05 * value
        if not all(math.isfinite(value) for value in self.means.values()):
            raise MeadManipError(f"{STAGE}: a loss is no longer finite", remedy="lower --learning-rate")
        if done % self.config.log_every == 0:
            learner = self.job.learner
            means = learner.world.mean(self.means, share, learner.device)
            if self.leads:
                rounded = {name: round(value, 5) for name, value in means.items()}
                self.folder.log({"step": done, "seconds": round(self.seconds, 1), **rounded})
        if self.leads and time.monotonic() - self.said >= SAY_EVERY:
            self.said = time.monotonic()
            text = " ".join(f"{name} {value:.3f}" for name, value in self.means.items())
            end = f" of {self.job.iterations}" if self.job.iterations else f", {self.seconds / 60:.1f} min"
            self.progress.say(f"{STAGE}: iteration {done}{end}: {text}")

    def keep(self, done: int, *, last: bool) -> None:
        """Validate and save, when it is time."""
        if not self.leads:
            return
        waited = time.monotonic() - self.validated
        if last or waited >= 60 * self.config.validate_every:
            self.validate(done)
            state = {"learner": self.job.learner.state_dict(), "seconds": self.seconds}
            self.folder.save_resume_point(self.key, state)
            self.validated = time.monotonic()

    def validate(self, done: int) -> None:
        """Draw the held-out frames, keep the weights if none were better, and show some of them."""
        if not self.job.held_out:
            return
        sheet = _Sheet(sum(shot.end - shot.start for shot in self.job.held_out))
        self.latest = validate(self.job.learner, self.job.frames, self.job.held_out, sheet.see)
        self.folder.log({"step": done, "validation": self.latest})
        text = " ".join(f"{name} {value:.3f}" for name, value in self.latest.items())
        self.progress.say(f"{STAGE}: iteration {done}, {self.seconds / 60:.1f} min: held-out frames: {text}")
        with files.atomic(files.make_folder(self.folder.path / "previews") / f"{done:06d}.jpg") as temporary:
            temporary.write_bytes(encode(sheet.picture(), "jpeg", 92))
        self.best = self.folder.keep_better(self.key, self.best, done, self.latest, self.job.learner.published)

    def outcome(self) -> Outcome:
        """Give the generator that the run publishes."""
        learner, seconds = self.job.learner, round(self.seconds, 1)
        if self.config.publish == "last" or self.best is None:
            return Outcome(learner.published, "last", learner.step, learner.step, seconds, self.latest)
        generator = FaceGenerator.of(learner.architecture)
        generator.load_state_dict(dict(self.best.weights))
        return Outcome(generator.eval(), "best", self.best.iteration, learner.step, seconds, self.best.scores)


class _Sheet:
    """A few held-out frames: what is true, what was asked for, what was drawn."""

    def __init__(self, n_frames: int) -> None:
        self.wanted = set(np.linspace(0, n_frames - 1, min(PREVIEWED, n_frames)).astype(int).tolist())
        self.pictures: list[np.ndarray] = []

    def see(self, number: int, moment: Moment, fake: Tensor) -> None:
        """Take a frame if it is one of those."""
        if number in self.wanted:
            true, drawn = _bytes((moment.target + 1) / 2), _bytes((fake + 1) / 2)
            mixed = cv2.addWeighted(
                _bytes(moment.view.nmfc), 0.6, _bytes(moment.view.shape.expand(-1, 3, -1, -1)), 0.4, 0
            )
            self.pictures += [true, mixed, drawn]

    def picture(self) -> np.ndarray:
        """Give the sheet, two frames a row."""
        titles = ["source", "asked for", "drawn"] * (len(self.pictures) // 3)
        return tiled(self.pictures, titles, 6, TILE)


def _bytes(picture: Tensor) -> np.ndarray:
    """Turn the first picture of a batch in [0, 1] into bytes."""
    return (picture[0].permute(1, 2, 0).clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
