"""Reconstruction, ClipScores -> what each named option of training is worth: variants with equal steps, a page"""

from __future__ import annotations

from typing import Any

import numpy as np

from mead_manip.artifacts import store
from mead_manip.artifacts.schemas import ArmResult
from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import Common, EvaluateOptionsConfig
from mead_manip.errors import UsageError
from mead_manip.evaluation.arms import PLAIN, RULE
from mead_manip.evaluation.comparison import Draws, difference, level
from mead_manip.evaluation.detection import Interval
from mead_manip.evaluation.variants import BASE, BY_NAME, VARIANTS
from mead_manip.reports.intervals import Estimate, interval_plot
from mead_manip.reports.study_page import Section, Study, Table, publish_study
from mead_manip.stages.judging.study_arms import Task, Trainer
from mead_manip.stages.judging.study_runs import FOLDER, stacked, train_all, trainer_of
from mead_manip.stages.running.runner import Progress, Summary

STAGE = "evaluate-options"
TITLE = "What are the options of training worth?"
ENDPOINTS = ("accuracy", "by_reference", "intensity", "jaw", "lips", "jitter")
SHOWN = ("accuracy", "lips", "jitter")  # with the interval of their difference from the base


def run(
    workspace: Workspace,
    config: EvaluateOptionsConfig,
    common: Common,
    *,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress,
) -> Summary:
    """Train the base and every variant with every seed, judge them on people they never saw, compare."""
    trainer = trainer_of(workspace, config, STAGE, progress)
    arm = PLAIN if config.weighting == "none" else RULE
    tasks = {
        f"{variant}_{config.weighting}_{seed}": Task("none", arm, seed, variant)
        for variant in _variants(config.variants)
        for seed in range(common.seed, common.seed + config.seeds)
    }
    summary = train_all(STAGE, workspace, tasks, trainer, force=force, dry_run=dry_run, progress=progress)
    if dry_run or summary.failures:
        return summary
    results: dict[str, list[ArmResult]] = {}
    for name, task in tasks.items():
        results.setdefault(task.variant, []).append(store.load(ArmResult, workspace.path(STAGE, name)))
    summary.facts = _publish(results, trainer, workspace)
    best = max(summary.facts["variants"], key=lambda name: summary.facts["variants"][name]["accuracy"]["value"])
    summary.detail = f"most accurate: {best} ({summary.facts['variants'][best]['accuracy']['value']:.3f})"
    summary.destination = str(workspace.root / FOLDER / "options.html")
    return summary


def _variants(wanted: tuple[str, ...]) -> list[str]:
    for name in wanted:
        if name not in BY_NAME:
            raise UsageError(f"unknown variant {name!r}", expected=", ".join(BY_NAME))
    return [variant.name for variant in VARIANTS if not wanted or variant.name in (BASE, *wanted)]


# ---- what is published ----------------------------------------------------------------------------------------------


def _publish(results: dict[str, list[ArmResult]], trainer: Trainer, workspace: Workspace) -> dict[str, Any]:
    base = results[BASE]
    draws = Draws.make(len(base), base[0].source_actors)
    facts = {name: _facts(mine, base, draws) for name, mine in results.items()}
    ceiling = trainer.ceiling()
    record = {"ceiling": ceiling, "variants": facts}
    study = Study(TITLE, _lead(trainer, ceiling, len(base)), [_section(facts)])
    publish_study(study, record, workspace.root / FOLDER, "options")
    return record


def _facts(mine: list[ArmResult], base: list[ArmResult], draws: Draws) -> dict[str, Any]:
    """Give the endpoints of a variant, and how they differ from the base's."""
    known = [name for name in ENDPOINTS if np.isfinite(stacked(base, name)).all()]  # a model may name no lips
    facts: dict[str, Any] = {name: float(stacked(mine, name).mean()) for name in known}
    facts["frechet"] = float(np.mean([result.frechet.mean() for result in mine]))
    facts["separation"] = float(np.mean([result.separation for result in mine]))
    facts["n_clips"] = mine[0].n_clips
    facts["accuracy"] = vars(level(stacked(mine, "accuracy"), draws))
    facts["over_base"] = {
        name: vars(difference(stacked(mine, name), stacked(base, name), draws)) for name in SHOWN if name in known
    }
    return facts


def _lead(trainer: Trainer, ceiling: dict[str, float], n_seeds: int) -> list[str]:
    reached = ", ".join(f"{name} {value:.2f}" for name, value in ceiling.items())
    roles = trainer.roles.describe()
    return [
        f"Every variant changes one thing of the base, takes {trainer.config.iterations} iterations of the "
        f"{trainer.config.size} network and {n_seeds} seeds. {roles[0].upper()}{roles[1:]}. {trainer.known.truth}",
        "Accuracy is the balanced share of edits, styles drawn from noise, that classifiers of coefficient sequences "
        f"take for the target. On real clips of the edited people they reach: {reached}. Differences (95 %) are paired "
        "by seed, source clip and target, with actors and seeds drawn anew; no correction for the number of variants.",
    ]


def _section(facts: dict[str, dict[str, Any]]) -> Section:
    dots = {f"{name}: {BY_NAME[name].title}": Estimate(**found["accuracy"]) for name, found in facts.items()}
    base = f"{BASE}: {BY_NAME[BASE].title}"
    figure = interval_plot({"accuracy": dots}, label="balanced accuracy of edits", emphasised=(base,))
    header = (
        "variant",
        "accuracy",
        *(f"{name} - base" for name in SHOWN),
        *ENDPOINTS[1:],
        "Frechet",
        "styles apart",
        "clips",
    )
    rows = tuple(
        (
            f"{name}: {BY_NAME[name].title}",
            str(Interval(**found["accuracy"])),
            *("" if name == BASE else _signed(found["over_base"].get(shown)) for shown in SHOWN),
            *(f"{found[endpoint]:.3f}" if endpoint in found else "-" for endpoint in ENDPOINTS[1:]),
            f"{found['frechet']:.3f}",
            f"{found['separation']:.3f}",
            str(found["n_clips"]),
        )
        for name, found in facts.items()
    )
    return Section("Variants", (), (Table(header, rows),), {"options.png": figure})  # fmt: skip


def _signed(interval: dict[str, float] | None) -> str:
    if interval is None:
        return "-"
    return f"{interval['value']:+.3f} [{interval['low']:+.3f}, {interval['high']:+.3f}]"
