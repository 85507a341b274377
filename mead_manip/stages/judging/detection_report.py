"""What the referee of detection found -> its page, its Markdown, its figures and its JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mead_manip.evaluation.detection import Interval
from mead_manip.evaluation.detection_study import Cost, Score
from mead_manip.evaluation.faults import PREFIX
from mead_manip.evaluation.suspicion import OURS, SCORERS
from mead_manip.evaluation.sweep import Point, place_of
from mead_manip.reports.curves import curve_sheet
from mead_manip.reports.intervals import Estimate, interval_plot
from mead_manip.reports.study_page import Section, Study, Table, publish_study
from mead_manip.stages.judging.corpus import Known

TITLE = "Which clips does CLIP distrust, and rightly?"
QUESTIONS = {
    "auroc": "AUROC, pooled",
    "macro_auroc": "AUROC within labels",
    "clean_mass_lost": "weight of good clips lost",
    "class_skew": "class skew",
    "effective_share": "effective share of rows",
}
FORMS = {False: "lambda", True: "lambda / class mean"}


@dataclass(frozen=True)
class FaultFacts:
    """One technical fault (T5)."""

    scores: list[Score]
    n_clips: int
    mean_lambda_before: float
    mean_lambda: float
    face_found: float | None  # share of faulty crops where the built-in detector finds a face; None: nothing painted
    refused: float | None  # share of clips where it finds none at all: preprocess would refuse them

    @property
    def name(self) -> str:
        """Give its name."""
        return self.scores[0].test.removeprefix(PREFIX)


@dataclass(frozen=True)
class Findings:
    """All that is published."""

    known: Known
    n_sound: int  # clips among which outliers were planted
    scores: list[Score]
    faults: list[FaultFacts]  # the first is no fault: the clips as they are, scored again
    cost: Cost
    sweeps: Mapping[str, tuple[Point, ...]]  # test -> settings of the rule
    seeds: int
    draws: int


def publish(found: Findings, folder: Path) -> dict[str, Any]:
    """Write the page, the Markdown, the figures and the JSON; give the facts."""
    facts = {
        "scorer": found.known.scorer,
        "threshold": found.known.corpus.threshold,
        "n_clips": len(found.known.corpus.clips),
        "n_sound": found.n_sound,
        "scores": [dataclasses.asdict(score) for score in found.scores],
        "faults": {fault.name: dataclasses.asdict(fault) for fault in found.faults},
        "cost": dataclasses.asdict(found.cost),
        "sweeps": {
            test: {
                "place": place_of(points, found.known.corpus.threshold),
                "points": [dataclasses.asdict(p) for p in points],
            }
            for test, points in found.sweeps.items()
        },
    }
    publish_study(
        Study(TITLE, _lead(found), _sections(found)), facts | {"clips": found.known.keys}, folder, "detection"
    )
    return facts


def _lead(found: Findings) -> list[str]:
    corpus = found.known.corpus
    n_actors = len({clip.actor for clip in corpus.clips})
    left_out = len(corpus.clips) - found.n_sound
    sound = f"{left_out} clips that are outliers by the data set's own truth are left out there. " if left_out else ""
    return [
        f"{len(corpus.clips)} clips of {n_actors} actors, scored by {found.known.scorer}, threshold "
        f"{corpus.threshold:g}. Outliers are planted {found.seeds} times per test among clips of level 3 and neutral "
        f"ones. {sound}Intervals (95 %) come from {found.draws} draws of whole actors and all plantings together; with "
        f"{n_actors} actors they are rather too narrow than too wide.",
        "AUROC is the chance that an outlier looks more suspicious than a good clip (0.5: chance). Macro values are "
        "means over labels, each among the clips of one label, so that a taste for some emotions wins nothing. "
        f"The lead is the macro AUROC of {OURS} less the scorer's, in the same plantings and draws: it says more about "
        "two scorers than their own intervals do. Lift is how many times more outliers lead the ranking than chance "
        "puts there.",
    ]


def _sections(found: Findings) -> list[Section]:
    tests = list(dict.fromkeys(score.test for score in found.scores))
    sections = [_overview("Macro AUROC of every scorer", found.scores, "detection.png", ())]
    sections += [_fault_section(found.faults)] if found.faults else []
    sections += [_test_section(test, [s for s in found.scores if s.test == test]) for test in tests]
    sections += [_cost_section(found.cost)]
    threshold = found.known.corpus.threshold
    return sections + [_sweep_section(test, points, threshold) for test, points in found.sweeps.items()]


def _overview(heading: str, scores: Sequence[Score], figure: str, paragraphs: tuple[str, ...]) -> Section:
    """Draw and list the macro AUROC of every scorer on every test."""
    table: dict[str, dict[str, Interval]] = {}
    for score in scores:
        table.setdefault(score.test, {})[score.scorer] = score.macro
    panels = {
        test.removeprefix(PREFIX): {name: Estimate(m.value, m.low, m.high) for name, m in row.items()}
        for test, row in table.items()
    }
    drawn = interval_plot(panels, label="macro AUROC", line=0.5, emphasised=(OURS,), limits=(0.0, 1.02))
    names = [name for name in SCORERS if any(name in row for row in table.values())]
    rows = tuple((name, *(str(row[name]) if name in row else "" for row in table.values())) for name in names)
    return Section(heading, paragraphs, (Table(("scorer", *panels), rows),), {figure: drawn})


def _fault_section(faults: Sequence[FaultFacts]) -> Section:
    plain, others = faults[0], faults[1:]
    text = (
        f"{plain.n_clips} good clips get each fault, in their crops; the same model scores them again. A fault ought "
        "to be refused, not weighted: the second table says where the built-in detector still finds a face in a crop, "
        "and how many clips show none at all. Paint changes no coefficients, so scorers that look at movement are "
        "asked about the wrong person alone (a clip of another actor, of the same emotion). The control is the clips "
        f"{plain.name}, scored again."
    )
    facts = Table(
        (
            "fault",
            "clips",
            "mean lambda before",
            "after",
            f"macro AUROC of {OURS}",
            "crops with a face",
            "clips refused",
        ),
        tuple(
            (
                fault.name,
                str(fault.n_clips),
                f"{fault.mean_lambda_before:.2f}",
                f"{fault.mean_lambda:.2f}",
                str(fault.scores[0].macro),
                _share(fault.face_found),
                _share(fault.refused),
            )
            for fault in faults
        ),
    )
    drawn = _overview("", [score for fault in others for score in fault.scores], "detection_faults.png", ())
    return Section("Technical faults (T5)", (text,), (*drawn.tables, facts), drawn.figures)


def _test_section(test: str, scores: Sequence[Score]) -> Section:
    labels = sorted({label for score in scores for label in score.by_class})
    numbers = ("AUROC", "macro AUROC", f"lead of {OURS}", "AP", "macro AP", "recall at 5 %", "lift")
    values = Table(
        ("scorer", *numbers),
        tuple(
            (
                s.scorer,
                *map(str, (s.auroc, s.macro, s.lead, s.average_precision, s.macro_average_precision)),
                f"{s.recall:.2f}",
                f"{s.lift:.2f}",
            )
            for s in scores
        ),
    )
    prevalence = scores[0].prevalence_by_class
    text = f"{scores[0].prevalence:.1%} of the rows are outliers (the AP of chance); by label " + ", ".join(
        f"{label} {prevalence[label]:.0%}" for label in labels
    )
    tables = [values]
    for what, by_class in (
        ("AUROC", {s.scorer: s.by_class for s in scores}),
        ("AP", {s.scorer: s.average_precision_by_class for s in scores}),
    ):
        rows = tuple((name, *(_short(row.get(label)) for label in labels)) for name, row in by_class.items())
        tables.append(Table((what, *labels), rows))
    return Section(test, (text + ".",), tuple(tables))


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


def _sweep_section(test: str, points: Sequence[Point], threshold: float) -> Section:
    rows = {
        form: {
            title: {
                f"{temperature:g}": _curve(points, question, temperature, normalised)
                for temperature in dict.fromkeys(point.temperature for point in points)
            }
            for question, title in QUESTIONS.items()
        }
        for normalised, form in FORMS.items()
    }
    figure = curve_sheet(rows, label="threshold", mark=threshold, note="temperature x")
    header = tuple(f"{title}, {form}" for form in FORMS.values() for title in QUESTIONS.values())
    shown = [step for step in dict.fromkeys(p.threshold for p in points) if step == threshold or (step * 10) % 1 < 1e-9]
    by_threshold = Table(("threshold", *header), tuple((f"{step:g}", *_cells(points, 1.0, step)) for step in shown))
    temperatures = dict.fromkeys(point.temperature for point in points)
    by_temperature = Table(
        (f"temperature x, threshold {threshold:g}", *header),
        tuple((f"{temperature:g}", *_cells(points, temperature, threshold)) for temperature in temperatures),
    )
    texts = (
        place_of(points, threshold),
        "Temperatures are times that of the scores. Dividing lambda by the mean of its label's clips changes no rank "
        "within a label, so the macro AUROC is the same; it changes the pooled one, and what emotions count.",
    )
    place = "".join(letter if letter.isalnum() else "-" for letter in test.lower()).strip("-")
    figures = {f"detection_sweep_{place}.png": figure}
    return Section(f"Other thresholds: {test}", texts, (by_threshold, by_temperature), figures)


# ---- below: cells ---------------------------------------------------------------------------------------------------


def _curve(
    points: Sequence[Point], question: str, temperature: float, normalised: bool
) -> tuple[list[float], list[float]]:
    chosen = [point for point in points if (point.temperature, point.normalised) == (temperature, normalised)]
    return [point.threshold for point in chosen], [getattr(point, question) for point in chosen]


def _cells(points: Sequence[Point], temperature: float, threshold: float) -> list[str]:
    chosen = {p.normalised: p for p in points if (p.temperature, p.threshold) == (temperature, threshold)}
    return [f"{getattr(chosen[normalised], question):.3f}" for normalised in FORMS for question in QUESTIONS]


def _short(interval: Interval | None) -> str:
    return f"{interval.value:.2f} [{interval.low:.2f}, {interval.high:.2f}]" if interval is not None else ""


def _share(value: float | None) -> str:
    return f"{value:.0%}" if value is not None else ""
