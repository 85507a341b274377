"""A training at work: watched, validated, interrupted, resumed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from mead_manip.config import TrainConfig
from mead_manip.errors import Interrupted, MeadManipError
from mead_manip.models.manipulator import Manipulator
from mead_manip.stages.learning.run_folder import Checkpoint, RunFolder, stop_requests
from mead_manip.stages.learning.train_job import Job
from mead_manip.stages.learning.validation import score
from mead_manip.stages.running.runner import Progress
from mead_manip.training.manipulator import Terms, train

STAGE = "train"
LOG_EVERY = 10  # iterations
VALIDATIONS = 8  # times during a run


@dataclass(frozen=True)
class Outcome:
    """What came of a training."""

    nets: Manipulator  # worth publishing
    published: str  # best or last
    iteration: int  # of these networks
    iterations: int
    seconds: float
    validation: Mapping[str, float]  # of these networks; empty without validation actors


def learn(job: Job, folder: RunFolder, key: str, config: TrainConfig, *, force: bool, progress: Progress) -> Outcome:
    """Run the loop to its end; where somebody stops it, the resume point is published and Interrupted raised."""
    learner, recipe, world = job.learner, job.recipe, job.learner.world
    keeper = _Keeper(job, folder, key, config)
    keeper.take_up(force=force, progress=progress)
    share = world.share(recipe.batch_size)
    remaining = range(learner.step, recipe.iterations)
    start = time.monotonic()

    with stop_requests() as stop:

        def watch(step: int, terms: Mapping[str, Terms]) -> bool:
            done = step + 1
            if done % LOG_EVERY == 0 or done == recipe.iterations:
                means = world.mean(_means(terms), share, job.device)
                keeper.log({"step": done, "rate": recipe.rate(step), **means})
            if keeper.validates_at(done):
                keeper.validate(done)
            stopped = world.any(stop.made, job.device)
            if done % config.save_every == 0 or done == recipe.iterations or stopped:
                keeper.save()
            return not stopped

        train(learner, job.windows, progress.clips(remaining, len(remaining), f"{STAGE} {config.run}"), watch)
    folder.close()
    if learner.step < recipe.iterations:
        raise Interrupted(
            f"{STAGE}: interrupted after iteration {learner.step} of {recipe.iterations}",
            remedy="run the same command again to go on",
        )
    finite = all(bool(parameter.isfinite().all()) for parameter in learner.nets.parameters())
    if not finite:
        raise MeadManipError(f"{STAGE}: the networks are no longer finite", remedy="lower --learning-rate")
    return keeper.outcome(round(time.monotonic() - start, 1))


class _Keeper:
    """Writes what a run leaves behind, in the one process that writes."""

    def __init__(self, job: Job, folder: RunFolder, key: str, config: TrainConfig) -> None:
        self.job, self.folder, self.key, self.config = job, folder, key, config
        self.leads = job.learner.world.leads
        self.best: Checkpoint | None = None
        self.latest: Mapping[str, float] = {}
        self.validate_every = max(1, job.recipe.iterations // VALIDATIONS)

    def take_up(self, *, force: bool, progress: Progress) -> None:
        """Go on where the same training was left, if it was."""
        learner = self.job.learner
        state = None if force else self.folder.load_resume_point(self.key)
        learner.world.wait()
        if state is not None:
            learner.load_state_dict(state)
            progress.say(
                f"{STAGE}: {self.config.run}: resuming at iteration {learner.step} of {self.job.recipe.iterations}"
            )
        if not self.leads:
            return
        if state is None:
            self.folder.forget_best()
        self.best = self.folder.load_best(self.key)
        if self.best is None and self.job.validation and learner.step >= self.validate_every:
            progress.say(f"{STAGE}: {self.config.run}: {self.folder.best.name} is gone: what was best so far is lost")
        self.folder.start_metrics(learner.step)

    def log(self, line: Mapping[str, object]) -> None:
        """Write a line of metrics."""
        if self.leads:
            self.folder.log(line)

    def validates_at(self, done: int) -> bool:
        """Tell whether the validation actors are asked after so many iterations."""
        due = done % self.validate_every == 0 or done == self.job.recipe.iterations
        return self.leads and self.job.validation is not None and due

    def validate(self, done: int) -> None:
        """Ask the validation actors, and keep the weights if none were better."""
        assert self.job.validation is not None
        nets = self.job.learner.published
        self.latest = score(nets, self.job.validation, self.job.recipe.batch_size)
        self.log({"step": done, "validation": self.latest})
        self.best = self.folder.keep_better(self.key, self.best, done, self.latest, nets)

    def save(self) -> None:
        """Publish the resume point."""
        if self.leads:
            self.folder.save_resume_point(self.key, self.job.learner.state_dict())

    def outcome(self, seconds: float) -> Outcome:
        """Give the networks that the run publishes."""
        learner, iterations = self.job.learner, self.job.recipe.iterations
        if self.config.publish == "last" or self.best is None:
            return Outcome(learner.published, "last", iterations, iterations, seconds, self.latest)
        nets = Manipulator(learner.nets.architecture)
        nets.load_state_dict(dict(self.best.weights))
        return Outcome(nets.eval(), "best", self.best.iteration, iterations, seconds, self.best.scores)


def _means(terms: Mapping[str, Terms]) -> dict[str, float]:
    return {
        f"{phase}.{name}": float(term.detach().mean())
        for phase, of_phase in terms.items()
        for name, term in of_phase.items()
    }
