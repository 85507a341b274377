"""Source and edited videos -> emotion, person, speech, tremble and picture of the edits: a table, a page, JSON"""

from __future__ import annotations

import dataclasses
import json
import math
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mead_manip import files
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.workspace import Workspace, clip_id_from
from mead_manip.config import Common, EvaluateEditConfig, result_params
from mead_manip.emotions import NED_EMOTIONS
from mead_manip.errors import BackendUnavailable, Interrupted, MeadManipError, UsageError
from mead_manip.evaluation.edit_measures import NAMES, Measures, means, missed
from mead_manip.reports.edit_table import LEGEND, as_text, measures_table
from mead_manip.reports.study_page import Section, Study, Table, publish_study, study_markdown
from mead_manip.stages.judging.edit_measuring import UNITS, Measurer, Row
from mead_manip.stages.judging.edit_pairs import Pair, check_pair, pairs_of
from mead_manip.stages.judging.study_runs import FOLDER
from mead_manip.stages.running.runner import Progress, Summary

STAGE = "evaluate-edit"
STAGE_VERSION = 5
SCHEMA = "edit-measures/1"
TITLE = "What the edits did"


def run(
    workspace: Workspace,
    config: EvaluateEditConfig,
    common: Common,
    *,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress,
) -> Summary:
    """Measure every result against its source, frame for frame; what was measured before is read."""
    limits = limits_of(config.fail_under)
    pairs = pairs_of(config)
    work = _Work(workspace, config, common, force, dry_run, progress)
    summary = Summary(STAGE, destination=str(workspace.root / FOLDER / "edit.html"))
    rows: list[Row] = []
    for pair in pairs:
        try:
            rows += work.one(pair, summary)
        except (BackendUnavailable, Interrupted):
            raise
        except MeadManipError as error:
            if len(pairs) == 1:
                raise
            summary.failures[str(pair.result)] = str(error)
            summary.tracebacks[str(pair.result)] = "".join(traceback.format_exception(error))
            progress.say(f"{STAGE}: {pair.name}: failed: {error}")
    if not rows or dry_run:
        return summary
    study, overall = _study(rows, work.models), means([row.found for row in rows])
    summary.facts = {
        "models": work.models,
        "rows": [_known(dataclasses.asdict(row)) for row in rows],
        "mean": _known(dataclasses.asdict(overall)),
    }
    publish_study(study, summary.facts, workspace.root / FOLDER, "edit")
    if config.out:
        with files.atomic(Path(config.out)) as temporary:
            temporary.write_text(study_markdown(study), encoding="utf-8")
    summary.text = "\n\n".join(as_text(table) for section in study.sections[:-1] for table in section.tables)
    summary.missed = missed(overall, limits)
    return summary


class _Work:
    """What is done for every pair, and where its rows are kept."""

    def __init__(
        self,
        workspace: Workspace,
        config: EvaluateEditConfig,
        common: Common,
        force: bool,
        dry_run: bool,
        progress: Progress,
    ) -> None:
        self.folder = workspace.root / FOLDER / "edit"
        self.config, self.force, self.dry_run, self.progress = config, force, dry_run, progress
        self.measurer = Measurer(workspace, config, common, progress)
        self.models = self.measurer.identities()

    def one(self, pair: Pair, summary: Summary) -> list[Row]:
        """Give the rows of a pair, measured now or before."""
        check_pair(pair)
        provenance = self._provenance(pair)
        path = self.folder / (clip_id_from(f"{pair.result.stem}-{provenance.key}") + ".json")
        if path.is_file() and not self.force:
            summary.fresh.append(pair.name)
            return _rows(path, pair.run)
        if self.dry_run:
            summary.planned[str(pair.result)] = "to do"
            return []
        if not (self.config.to or pair.plans):
            self.progress.say(f"{STAGE}: {pair.name}: no recipe: --to says what it was edited to")
        rows = [dataclasses.replace(row, run=pair.run) for row in self.measurer.measure(pair)]
        with files.atomic(path) as temporary:
            temporary.write_text(json.dumps([dataclasses.asdict(row) for row in rows]) + "\n", encoding="utf-8")
        for note in dict.fromkeys(note for row in rows for note in row.notes):
            self.progress.say(f"{STAGE}: {pair.name}: {note}")
        summary.done.append(pair.name)
        return rows

    def _provenance(self, pair: Pair) -> Provenance:
        params = {**result_params(self.config), "emotion_model": "", "identity_model": ""}
        inputs = {
            "source": files.digest(pair.source),
            "result": files.digest(pair.result),
            "recipe": pair.recipe["key"] if pair.recipe is not None else "",
            **self.models,
        }
        return Provenance(SCHEMA, STAGE, STAGE_VERSION, params, inputs)


def limits_of(words: tuple[str, ...]) -> dict[str, float]:
    """Read NAME=VALUE."""
    limits: dict[str, float] = {}
    for word in words:
        name, _, text = word.partition("=")
        try:
            limits[name] = float(text)
        except ValueError:
            limits[name] = math.nan
        if name not in NAMES or not math.isfinite(limits[name]):
            raise UsageError(f"--fail-under {word!r}", expected="NAME=VALUE with one of " + ", ".join(NAMES))
    return limits


def _rows(path: Path, run: str) -> list[Row]:
    records = json.loads(path.read_text(encoding="utf-8"))
    return [Row(**{**record, "found": Measures(**record["found"]), "run": run}) for record in records]


# ---- what is published ----------------------------------------------------------------------------------------------


def _study(rows: list[Row], models: Mapping[str, str]) -> Study:
    return Study(TITLE, _lead(models), [_every(rows), *([_means(rows)] if len(rows) > 1 else []), _classes(rows)])


def _lead(models: Mapping[str, str]) -> list[str]:
    outsider = models["emotion"] != UNITS
    note = "" if outsider else " units has its idea of emotions from where our synthetic data has it: no outsider."
    return [f"Emotions by {models['emotion']}, identity by {models['identity']}.{note}", LEGEND]


def _every(rows: list[Row]) -> Section:
    table = measures_table(("result", "target"), [((_title(row), row.emotion or "-"), row.found) for row in rows])
    return Section("Every result", (), (table,))


def _means(rows: list[Row]) -> Section:
    lines = []
    for run in sorted({row.run for row in rows}):
        mine = [row for row in rows if row.run == run]
        groups = {name: [row.found for row in mine if row.emotion == name] for name in NED_EMOTIONS}
        groups["all"] = [row.found for row in mine]
        lines += [((run or "-", name, str(len(found))), means(found)) for name, found in groups.items() if found]
    return Section("Means", (), (measures_table(("run", "target", "results"), lines),))


def _classes(rows: list[Row]) -> Section:
    lines = [
        (_title(row), when, *(f"{chances[name]:.2f}" for name in NED_EMOTIONS))
        for row in rows
        for when, chances in (("source", row.before), ("result", row.after))
    ]
    return Section("Mean probability of every emotion", (), (Table(("result", "of", *NED_EMOTIONS), tuple(lines)),))


def _title(row: Row) -> str:
    return Path(row.result).stem + (f", face {row.face}" if row.face > 1 else "")


def _known(record: Any) -> Any:
    """Give what JSON can hold: a measure that was not taken is null."""
    if isinstance(record, dict):
        return {name: _known(value) for name, value in record.items()}
    return None if isinstance(record, float) and not math.isfinite(record) else record
