"""The trainings of a study, made or found again, and what they gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mead_manip.artifacts.schemas import ArmResult
from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import StudyConfig
from mead_manip.evaluation.comparison import Outcomes
from mead_manip.stages.judging.corpus import load_corpus
from mead_manip.stages.judging.study_arms import Task, Trainer, split_actors
from mead_manip.stages.running.runner import Progress, Summary, run_clips

FOLDER = "evaluate"  # of the workspace: where studies are published


def trainer_of(workspace: Workspace, config: StudyConfig, stage: str, progress: Progress) -> Trainer:
    """Read what there is to learn from, and deal the actors out."""
    known = load_corpus(workspace, needed_by=stage)
    roles = split_actors([clip.actor for clip in known.corpus.clips], config.test_actors)
    progress.say(f"{stage}: {roles.describe()}")
    return Trainer(known, roles, config)


def train_all(
    stage: str,
    workspace: Workspace,
    tasks: Mapping[str, Task],
    trainer: Trainer,
    *,
    force: bool,
    dry_run: bool,
    progress: Progress,
) -> Summary:
    """Make the results that are missing or stale."""
    return run_clips(
        stage,
        ArmResult,
        workspace,
        tasks,
        provenance=trainer.provenance,
        compute=trainer.compute,
        force=force,
        dry_run=dry_run,
        progress=progress,
        workers=trainer.config.workers,
    )


def stacked(results: Sequence[ArmResult], endpoint: str) -> Outcomes:
    """Stack an endpoint over seeds; what judges say is their mean."""
    values = [getattr(result, endpoint) for result in results]
    return np.stack([v.mean(axis=2) if v.ndim == 3 else v for v in values]).astype(np.float64)
