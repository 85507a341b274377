"""ArmResult -> the study's page, its Markdown, its figure and its numbers"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mead_manip.artifacts import store
from mead_manip.artifacts.schemas import ArmResult
from mead_manip.artifacts.workspace import Workspace
from mead_manip.evaluation.arms import BY_NAME, CLEAN, CONTROL, ORACLE, PLAIN, RULE
from mead_manip.evaluation.comparison import Draws, Outcomes, claim, difference, level, recovered
from mead_manip.evaluation.detection import Interval
from mead_manip.reports import study_page
from mead_manip.reports.intervals import Estimate, interval_plot
from mead_manip.reports.study_page import Section, Table, publish_study
from mead_manip.stages.judging.study_arms import Trainer
from mead_manip.stages.judging.study_runs import stacked

TITLE = "Does suppression help the manipulator?"
NOT_RUN = "the arms A0, A1 and A6 were not all run"


@dataclass(frozen=True)
class Study:
    """All results, and what is needed to read them."""

    results: dict[tuple[str, str], list[ArmResult]]  # (condition, arm) -> one per seed
    trainer: Trainer

    @classmethod
    def read(cls, workspace: Workspace, stage: str, names: list[str], trainer: Trainer) -> Study:
        """Load the results of some tasks."""
        results: dict[tuple[str, str], list[ArmResult]] = {}
        for name in names:
            result = store.load(ArmResult, workspace.path(stage, name))
            results.setdefault((result.condition, result.arm), []).append(result)
        return cls(results, trainer)

    @property
    def n_seeds(self) -> int:
        """Give how often every arm was trained."""
        return len(next(iter(self.results.values())))

    @property
    def conditions(self) -> list[str]:
        """Give the conditions in the order they were run."""
        return list(dict.fromkeys(condition for condition, _ in self.results))

    def arms(self, condition: str) -> list[str]:
        """Give the arms of a condition, in the order of the table of arms."""
        return [name for name in BY_NAME if (condition, name) in self.results]

    def outcomes(self, condition: str, arm: str, endpoint: str) -> Outcomes:
        """Give an endpoint of an arm, seed by seed."""
        return stacked(self.results[condition, arm], endpoint)

    def draws(self, condition: str) -> Draws:
        """Resample this condition's seeds and sources."""
        first = self.results[condition, self.arms(condition)[0]]
        return Draws.make(len(first), first[0].source_actors)


def publish(study: Study, folder: Path) -> dict[str, Any]:
    """Write the page, the Markdown, the figure and the JSON; give the facts."""
    ceiling, facts = study.trainer.ceiling(), {condition: _facts(study, condition) for condition in study.conditions}
    sections = [_section(study, condition, facts[condition]) for condition in study.conditions]
    record = {"ceiling": ceiling, "conditions": facts}
    publish_study(study_page.Study(TITLE, _lead(study, ceiling), sections), record, folder, "manipulator")
    return record


def _lead(study: Study, ceiling: dict[str, float]) -> list[str]:
    trainer = study.trainer
    known, config = trainer.known, trainer.config
    reached = ", ".join(f"{name} {value:.2f}" for name, value in ceiling.items())
    roles = trainer.roles.describe()
    return [
        f"All arms start from the same weights and take {config.iterations} iterations of the {config.size} network, "
        f"{study.n_seeds} seeds. {roles[0].upper()}{roles[1:]}. {known.truth}"
        f"Scores by {known.scorer}, threshold {known.corpus.threshold:g}.",
        "Accuracy is the balanced share of edits, styles drawn from noise, that classifiers of coefficient sequences "
        f"take for the target; none of them is CLIP. On real clips of the edited people they reach: {reached}. "
        "Intervals (95 %) draw actors and seeds anew; differences are paired by seed, source clip and target.",
    ]


def _facts(study: Study, condition: str) -> dict[str, Any]:
    """Compare the arms of one condition."""
    arms, draws = study.arms(condition), study.draws(condition)
    accuracy = {arm: study.outcomes(condition, arm, "accuracy") for arm in arms}
    facts: dict[str, Any] = {"accuracy": {arm: level(accuracy[arm], draws) for arm in arms}}
    if PLAIN in arms:
        others = [arm for arm in arms if arm != PLAIN]
        facts["over_plain"] = {arm: difference(accuracy[arm], accuracy[PLAIN], draws) for arm in others}
    best = next((arm for arm in (CLEAN, ORACLE) if arm in arms), None)
    if {PLAIN, RULE, CONTROL} <= set(arms):
        over_control = difference(accuracy[RULE], accuracy[CONTROL], draws)
        facts["over_control"] = over_control
        n_actors = len(set(study.results[condition, RULE][0].source_actors))
        over_plain = facts["over_plain"][RULE]
        facts["claim"] = claim(over_plain, over_control, n_seeds=draws.n_seeds, n_actors=n_actors)
        facts["recovered"] = recovered(accuracy[PLAIN], accuracy[RULE], accuracy[best], draws) if best else None
    else:
        facts["claim"], facts["recovered"] = NOT_RUN, None
    facts["best"] = best
    return {name: _plain(value) for name, value in facts.items()}


def _plain(value: Any) -> Any:
    """Turn intervals into what JSON knows."""
    if isinstance(value, Interval):
        return dataclasses.asdict(value)
    return {name: _plain(part) for name, part in value.items()} if isinstance(value, dict) else value


def _section(study: Study, condition: str, facts: dict[str, Any]) -> Section:
    arms = study.arms(condition)
    dots = {f"{arm} {BY_NAME[arm].title}": Estimate(**facts["accuracy"][arm]) for arm in arms}
    rule = f"{RULE} {BY_NAME[RULE].title}"
    panels = {"accuracy": dots}
    figure = interval_plot(panels, label="balanced accuracy of edits", emphasised=(rule,))
    texts = [f"Result: {facts['claim']}."]
    if "over_control" in facts:
        texts.append(
            f"A1 - A0: {_text(facts['over_plain'][RULE])}; A1 - A6: {_text(facts['over_control'])}; recovered share "
            f"R = (A1 - A0) / ({facts['best'] or 'A8'} - A0): {_share(facts['recovered'])}."
        )
    tables = (_arm_table(study, condition, facts), _emotion_table(study, condition))
    return Section(f"Condition {condition}", tuple(texts), tables, {f"manipulator_{condition}.png": figure})


def _arm_table(study: Study, condition: str, facts: dict[str, Any]) -> Table:
    header = (
        "arm",
        "accuracy",
        "- A0",
        "by reference",
        "intensity",
        "jaw",
        "lips",
        "jitter",
        "Frechet",
        "styles apart",
        "data used",
    )
    rows = []
    for arm in study.arms(condition):
        results = study.results[condition, arm]
        over = facts.get("over_plain", {}).get(arm)
        numbers = [
            float(study.outcomes(condition, arm, name).mean())
            for name in ("by_reference", "intensity", "jaw", "lips", "jitter")
        ]
        numbers += [
            float(np.mean([r.frechet.mean() for r in results])),
            float(np.mean([r.separation for r in results])),
        ]
        used = float(np.mean([r.effective_share for r in results]))
        rows.append(
            (
                f"{arm} {BY_NAME[arm].title}",
                _text(facts["accuracy"][arm]),
                _text(over) if over else "",
                *(f"{number:.3f}" if np.isfinite(number) else "-" for number in numbers),
                f"{results[0].n_clips} clips, {used:.0%} effective",
            )
        )
    return Table(header, tuple(rows))


def _emotion_table(study: Study, condition: str) -> Table:
    arms = study.arms(condition)
    targets = study.results[condition, arms[0]][0].targets
    rows = [
        (arm, *(f"{value:.2f}" for value in study.outcomes(condition, arm, "accuracy").mean(axis=(0, 1))))
        for arm in arms
    ]
    return Table(("accuracy", *targets), tuple(rows))


def _text(interval: dict[str, float]) -> str:
    return str(Interval(**interval))


def _share(interval: dict[str, float] | None) -> str:
    return _text(interval) if interval else "not defined, because no damage by outliers is shown"
