"""ClipScores, Reconstruction -> does 1 - lambda find bad clips? A page, a table and the numbers as JSON"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import Common, EvaluateDetectionConfig
from mead_manip.evaluation.detection_study import (
    MIN_OUTLIERS,
    Corpus,
    Cost,
    Score,
    cost_of,
    run_known,
    run_test,
    standard_tests,
)
from mead_manip.evaluation.injections import Clip, Injection, as_it_is
from mead_manip.evaluation.suspicion import SCORERS
from mead_manip.reports.intervals import Estimate, interval_plot
from mead_manip.reports.study_page import Section, Study, Table, publish_study
from mead_manip.stages.corpus import Known, load_corpus
from mead_manip.stages.runner import Progress, Summary

STAGE = "evaluate-detection"
FOLDER = "evaluate"
KNOWN = "planted by the data set"
OURS = "1 - lambda"
TITLE = "Which clips does CLIP distrust, and rightly?"

Test = Callable[[Sequence[Clip], int], Injection]


def run(
    workspace: Workspace,
    config: EvaluateDetectionConfig,
    common: Common,
    *,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress,
) -> Summary:
    """Plant known outliers among the scored clips and let every scorer look for them."""
    known = load_corpus(workspace, needed_by=STAGE)
    tests = dict(standard_tests(known.corpus.clips))
    folder = workspace.root / FOLDER
    summary = Summary(STAGE, destination=str(folder / "detection.html"))
    truth = _known_injection(known)
    names = [*([KNOWN] if truth is not None else []), *tests]
    if dry_run:
        summary.planned = dict.fromkeys(names, "to do")
        return summary

    scores: list[Score] = []
    for name in progress.clips(names, len(names), STAGE):
        if truth is not None and name == KNOWN:
            scores += run_known(known.corpus, truth, config.draws)
        else:
            scores += run_test(known.corpus, tests[name], config.seeds, config.draws)
    cost = cost_of(known.corpus, truth if truth is not None else as_it_is(known.corpus.clips))
    summary.facts = _facts(known, scores, cost)
    study = Study(TITLE, _lead(known, config), _sections(known.corpus, scores, cost))
    publish_study(study, summary.facts | {"clips": known.keys}, folder, "detection")
    summary.done = [score.test for score in scores if score.scorer == OURS]
    summary.detail = "; ".join(f"{s.test}: AUROC of {OURS} {s.macro}" for s in scores if s.scorer == OURS)
    return summary


def _known_injection(known: Known) -> Injection | None:
    """Give the outliers of a synthetic data set as an injection, if it has enough of them."""
    if known.outliers is None:
        return None
    plain = as_it_is(known.corpus.clips)
    positive = np.array([bool(known.outliers[known.corpus.clips[index].clip_id]) for index in plain.content])
    if not MIN_OUTLIERS <= positive.sum() <= len(positive) - MIN_OUTLIERS:
        return None
    return dataclasses.replace(plain, name=KNOWN, positive=positive)


# ---- what is published ----------------------------------------------------------------------------------------------


def _lead(known: Known, config: EvaluateDetectionConfig) -> list[str]:
    corpus = known.corpus
    actors = {clip.actor for clip in corpus.clips}
    return [
        f"{len(corpus.clips)} clips of {len(actors)} actors, scored by {known.scorer}, threshold {corpus.threshold:g}. "
        f"Outliers are planted {config.seeds} times per test; intervals (95 %) come from {config.draws} draws of whole "
        f"actors and all plantings together. With {len(actors)} actors they are rather too narrow than too wide.",
        "AUROC is the chance that an outlier looks more suspicious than a good clip (0.5: chance). The macro AUROC "
        "compares only clips of the same label, so that a taste for some emotions wins nothing.",
    ]


def _sections(corpus: Corpus, scores: list[Score], cost: Cost) -> list[Section]:
    tests = list(dict.fromkeys(score.test for score in scores))
    panels = {
        test: {s.scorer: Estimate(s.macro.value, s.macro.low, s.macro.high) for s in scores if s.test == test}
        for test in tests
    }
    figure = interval_plot(panels, label="macro AUROC", line=0.5, emphasised=(OURS,), limits=(0.2, 1.02))
    overview = Table(
        ("scorer", *tests),
        tuple(
            (name, *(str(next(s.macro for s in scores if (s.test, s.scorer) == (test, name))) for test in tests))
            for name in SCORERS
        ),
    )
    sections = [Section("Macro AUROC of every scorer", (), (overview,), {"detection.png": figure})]
    sections += [_test_section(test, [s for s in scores if s.test == test]) for test in tests]
    return [*sections, _cost_section(cost)]


def _test_section(test: str, scores: list[Score]) -> Section:
    labels = sorted({label for score in scores for label in score.by_class})
    table = Table(
        ("scorer", "AUROC", "macro", "AP", "recall at 5 %", *labels),
        tuple(
            (
                s.scorer,
                str(s.auroc),
                str(s.macro),
                f"{s.average_precision:.3f}",
                f"{s.recall:.2f}",
                *(f"{s.by_class[label]:.2f}" if label in s.by_class else "" for label in labels),
            )
            for s in scores
        ),
    )
    return Section(test, (f"{scores[0].prevalence:.1%} of the rows are outliers (the AP of chance).",), (table,))


def _cost_section(cost: Cost) -> Section:
    table = Table(
        ("label", "mean lambda of good clips"),
        tuple((label, f"{value:.3f}") for label, value in cost.class_mean.items()),
    )
    text = (
        f"Equation 1 takes {cost.clean_mass_lost:.1%} of the weight of good clips; its means over the labels differ "
        f"by a factor of {cost.class_skew:.2f}. What differs between labels re-weights emotions; it finds no bad clips."
    )
    return Section("What suppression costs the good clips", (text,), (table,))


def _facts(known: Known, scores: list[Score], cost: Cost) -> dict[str, Any]:
    return {
        "scorer": known.scorer,
        "threshold": known.corpus.threshold,
        "n_clips": len(known.corpus.clips),
        "scores": [dataclasses.asdict(score) for score in scores],
        "cost": dataclasses.asdict(cost),
    }
