"""FaceTrack, ClipScores, Reconstruction -> does 1 - lambda find bad clips? A page, a table and the numbers as JSON"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import Common, EvaluateDetectionConfig
from mead_manip.evaluation.corruptions import CORRUPTIONS
from mead_manip.evaluation.detection_study import (
    MIN_OUTLIERS,
    Corpus,
    Score,
    cost_of,
    run_known,
    run_test,
    standard_tests,
)
from mead_manip.evaluation.faults import PREFIX, WRONG_PERSON, chosen_rows, with_faults, wrong_people
from mead_manip.evaluation.injections import Injection, as_it_is
from mead_manip.evaluation.suspicion import BY_PICTURE, LOTS, OURS, SCORERS
from mead_manip.evaluation.sweep import Point, sweep
from mead_manip.models.suppression import suppression_weight
from mead_manip.stages.judging import detection_report
from mead_manip.stages.judging.corpus import Known, load_corpus
from mead_manip.stages.judging.detection_report import FaultFacts, Findings
from mead_manip.stages.judging.fault_scoring import FaultScorer
from mead_manip.stages.judging.study_runs import FOLDER
from mead_manip.stages.running.device import choose_device
from mead_manip.stages.running.runner import Progress, Summary

STAGE = "evaluate-detection"
KNOWN = "planted by the data set"
SWEPT = ("T1 flips 20%", "T3 level 1 20%")  # besides what the data set planted

Judge = Callable[[], list[Score]]


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
    truth, sound = _known_injection(known), known.sound
    folder = workspace.root / FOLDER
    summary = Summary(STAGE, destination=str(folder / "detection.html"))
    judges = _judges(known, truth, sound, config)
    if dry_run:
        planned = [PREFIX + name for name in (*CORRUPTIONS, WRONG_PERSON)] if config.faults else []
        summary.planned = dict.fromkeys([*judges, *planned], "to do")
        return summary

    # First what may fail: the model's weights may not be here any more.
    faults = _faults(workspace, sound, config, common, progress)
    scores = [score for name in progress.clips(list(judges), len(judges), STAGE) for score in judges[name]()]
    findings = Findings(
        known=known,
        n_sound=len(sound.clips),
        scores=scores,
        faults=faults,
        cost=cost_of(known.corpus, truth if truth is not None else as_it_is(known.corpus.clips)),
        sweeps=_sweeps(known, truth, sound, config.seeds),
        seeds=config.seeds,
        draws=config.draws,
    )
    summary.facts = detection_report.publish(findings, folder)
    ours = [score for score in (*scores, *(fault.scores[0] for fault in faults[1:])) if score.scorer == OURS]
    summary.done = [score.test for score in ours]
    summary.detail = "; ".join(f"{score.test}: AUROC of {OURS} {score.macro}" for score in ours)
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


def _judges(known: Known, truth: Injection | None, sound: Corpus, config: EvaluateDetectionConfig) -> dict[str, Judge]:
    """Name every test with what runs it."""
    judges: dict[str, Judge] = {}
    if truth is not None:
        judges[KNOWN] = lambda: run_known(known.corpus, truth, config.draws)
    for name, test in standard_tests(sound.clips).items():
        judges[name] = lambda test=test: run_test(sound, test, config.seeds, config.draws)  # type: ignore[misc]
    return judges


def _sweeps(known: Known, truth: Injection | None, sound: Corpus, seeds: int) -> dict[str, tuple[Point, ...]]:
    """Try other thresholds and temperatures on some of the tests."""
    sweeps = {KNOWN: sweep(known.corpus, [truth])} if truth is not None else {}
    tests = standard_tests(sound.clips)
    for name in SWEPT:
        if name in tests:
            sweeps[name] = sweep(sound, [tests[name](sound.clips, seed) for seed in range(seeds)])
    return sweeps


# ---- T5 -------------------------------------------------------------------------------------------------------------


def _faults(
    workspace: Workspace, sound: Corpus, config: EvaluateDetectionConfig, common: Common, progress: Progress
) -> list[FaultFacts]:
    """Give some good clips every technical fault and let the scorers that look at pictures find them."""
    if not config.faults:
        return []
    chosen = chosen_rows(sound.clips, config.faults)
    ids = [sound.clips[index].clip_id for index in chosen]
    facts = []
    for name, faulty in FaultScorer(workspace, ids, str(choose_device(common.device))).score(progress).items():
        seen = {int(index): faulty.probability[clip_id] for index, clip_id in zip(chosen, ids, strict=True)}
        extended, injection = with_faults(sound, name, seen)
        facts.append(_fault(sound, extended, injection, config.draws, faulty.found))
    other = wrong_people(sound, chosen.tolist())
    if other is not None:
        facts.append(_fault(sound, sound, other, config.draws, None))
    return facts


def _fault(
    sound: Corpus, corpus: Corpus, injection: Injection, draws: int, found: Mapping[str, float] | None
) -> FaultFacts:
    """Judge one fault; `found` says where a detector still finds a face, None where nothing was painted."""
    # Paint changes no coefficients, another person does: only then can scorers that look at movement tell anything.
    scorers = SCORERS if found is None else BY_PICTURE | LOTS
    before, after = (
        float(np.mean([suppression_weight(y, corpus.threshold) for y in of.evidence(rows, 0).own[injection.positive]]))
        for of, rows in ((sound, as_it_is(sound.clips)), (corpus, injection))
    )
    return FaultFacts(
        scores=run_known(corpus, injection, draws, scorers),
        n_clips=int(injection.positive.sum()),
        mean_lambda_before=before,
        mean_lambda=after,
        face_found=None if found is None else float(np.mean(list(found.values()))),
        refused=None if found is None else float(np.mean([share == 0 for share in found.values()])),
    )
