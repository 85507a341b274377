"""Reconstruction, ClipScores -> does lambda help the manipulator? Arms with equal steps, their endpoints, a page"""

from __future__ import annotations

from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import Common, EvaluateManipulatorConfig
from mead_manip.errors import UsageError
from mead_manip.evaluation.arms import BY_NAME, Arm, possible
from mead_manip.stages.judging import study_report
from mead_manip.stages.judging.study_arms import Task, Trainer
from mead_manip.stages.judging.study_runs import FOLDER, train_all, trainer_of
from mead_manip.stages.running.runner import Progress, Summary

STAGE = "evaluate-manipulator"


def run(
    workspace: Workspace,
    config: EvaluateManipulatorConfig,
    common: Common,
    *,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress,
) -> Summary:
    """Train every arm with every seed under every condition, judge it on people it never saw, compare."""
    trainer = trainer_of(workspace, config, STAGE, progress)
    tasks = {
        _name(condition, arm, seed): Task(condition, arm.name, seed)
        for condition in config.conditions
        for seed in range(common.seed, common.seed + config.seeds)
        for arm in _arms(trainer, condition, config.arms)
    }
    summary = train_all(STAGE, workspace, tasks, trainer, force=force, dry_run=dry_run, progress=progress)
    if dry_run or summary.failures:
        return summary
    study = study_report.Study.read(workspace, STAGE, list(tasks), trainer)
    summary.facts = study_report.publish(study, workspace.root / FOLDER)
    summary.detail = "; ".join(f"{name}: {facts['claim']}" for name, facts in summary.facts["conditions"].items())
    summary.destination = str(workspace.root / FOLDER / "manipulator.html")
    return summary


def _arms(trainer: Trainer, condition: str, wanted: tuple[str, ...]) -> tuple[Arm, ...]:
    for name in wanted:
        if name not in BY_NAME:
            raise UsageError(f"unknown arm {name!r}", expected=", ".join(BY_NAME))
    injection, planted = trainer.injection(condition, 0)
    return tuple(arm for arm in possible(injection, planted=planted) if not wanted or arm.name in wanted)


def _name(condition: str, arm: Arm, seed: int) -> str:
    return f"{condition}_{arm.name.replace(chr(39), '-global')}_{seed}"
