"""The downstream study's one step: condition, arm, seed -> a manipulator, trained and judged on strangers."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32

from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import ArmResult
from mead_manip.config import StudyConfig, TrainConfig
from mead_manip.emotions import NED_EMOTIONS
from mead_manip.errors import MeadManipError, UsageError
from mead_manip.evaluation.arms import BY_NAME, Diet, Evidence
from mead_manip.evaluation.detection_study import Corpus
from mead_manip.evaluation.endpoints import TestSet, measure
from mead_manip.evaluation.injections import (
    Injection,
    Planting,
    all_levels,
    as_it_is,
    at_rate,
    confused_flips,
    neutral_swaps,
    symmetric_flips,
    weak_swaps,
)
from mead_manip.evaluation.sequences import KINDS, LabelledSequence, SegmentClassifier, fit_classifier
from mead_manip.evaluation.variants import BASE
from mead_manip.evaluation.variants import BY_NAME as VARIANTS
from mead_manip.models.manipulator import LEVELS, Architecture, Manipulator
from mead_manip.models.threads import threads
from mead_manip.stages.judging.corpus import Known
from mead_manip.training.manipulator import Learner, train
from mead_manip.training.recipe import lip_units, recipe_of, settings_of
from mead_manip.training.start import default_scaling, new_manipulator
from mead_manip.training.windows import ClipSequence, Labels, Scale, Windows

VERSION = 3  # 2: the lips' correlation; 3: outliers are planted among good clips only
MOST_SOURCES = 12  # neutral clips that are edited
MOST_REFERENCES = 3  # clips a reference style is read off, per emotion
OWN_JUDGES = 6  # from this many actors on the judges get people of their own
_JUDGES: dict[tuple[str, Roles], dict[str, SegmentClassifier]] = {}
CONDITIONS: dict[str, Planting] = {
    "none": lambda clips, seed: as_it_is(clips),
    "t1-10": at_rate(symmetric_flips, 0.1),
    "t1-20": at_rate(symmetric_flips, 0.2),
    "t1-30": at_rate(symmetric_flips, 0.3),
    "t2-20": at_rate(confused_flips, 0.2),
    "t3-20": at_rate(weak_swaps, 0.2),
    "t4-20": at_rate(neutral_swaps, 0.2),
}


@dataclass(frozen=True)
class Roles:
    """Who is trained on, who teaches the judges, who is edited."""

    training: tuple[str, ...]
    judges: tuple[str, ...]
    test: tuple[str, ...]

    def describe(self) -> str:
        """Give one line."""
        judges = "the same people's good clips" if self.judges == self.training else ", ".join(self.judges)
        return f"trained on {', '.join(self.training)}; judges trained on {judges}; edited {', '.join(self.test)}"


@dataclass(frozen=True)
class Task:
    """One training."""

    condition: str
    arm: str
    seed: int
    variant: str = BASE


def split_actors(actors: Sequence[str], test: Sequence[str] = ()) -> Roles:
    """Deal the actors out: a quarter is edited, another one teaches the judges if there are enough."""
    known = sorted(set(actors))
    if missing := sorted(set(test) - set(known)):
        raise UsageError(f"unknown actor {missing[0]!r}", expected="one of " + ", ".join(known))
    if len(known) < 2:
        raise MeadManipError(f"a study on {len(known)} actor(s)", expected="at least two: one to train on, one to edit")
    order = [known[index] for index in np.random.default_rng(0).permutation(len(known))]
    quarter = max(1, round(len(known) / 4))
    chosen = sorted(test) or sorted(order[:quarter])
    others = [actor for actor in order if actor not in chosen]
    if not others:
        raise UsageError("nobody is left to train on", expected="fewer --test-actors")
    if len(known) < OWN_JUDGES:
        return Roles(tuple(sorted(others)), tuple(sorted(others)), tuple(chosen))
    return Roles(tuple(sorted(others[quarter:])), tuple(sorted(others[:quarter])), tuple(chosen))


class Trainer:
    """Trains and judges; picklable, so that workers can do it."""

    def __init__(self, known: Known, roles: Roles, config: StudyConfig) -> None:
        self.known, self.roles, self.config = known, roles, config
        self.whole, self.sound = _of_actors(known.corpus, roles.training), _of_actors(known.sound, roles.training)
        self.digest = hashlib.sha256(json.dumps([known.keys, known.outliers], sort_keys=True).encode()).hexdigest()[:16]
        self.emotions = self._emotions()

    def injection(self, condition: str, seed: int) -> tuple[Injection, bool]:
        """Plant a condition among the training clips; also whether we planted it (else the data set came with it)."""
        if condition not in CONDITIONS:
            raise UsageError(f"unknown condition {condition!r}", expected=", ".join(CONDITIONS))
        corpus = self.corpus(condition)
        injection = CONDITIONS[condition](corpus.clips, seed)
        if condition != "none" or self.known.outliers is None:
            return injection, condition != "none"
        kinds = [self.known.outliers[corpus.clips[index].clip_id] for index in injection.content]
        positive = np.array([bool(kind) for kind in kinds])
        return Injection(injection.name, injection.content, injection.labels, positive), False

    def corpus(self, condition: str) -> Corpus:
        """Give the clips that a condition starts from: as they are, or the good ones if outliers are to be planted."""
        return self.whole if condition == "none" else self.sound

    def provenance(self, task: Task) -> Provenance:
        """Name everything that decides a result."""
        params = {
            "condition": task.condition,
            "arm": task.arm,
            "seed": task.seed,
            "size": self.config.size,
            "iterations": self.config.iterations,
            "training": ",".join(self.roles.training),
            "judges": ",".join(self.roles.judges),
            "test": ",".join(self.roles.test),
            "settings": {name: value for name, value in VARIANTS[task.variant].settings.items()},
        }
        return Provenance(ArmResult.schema_id(), "evaluate-manipulator", VERSION, params, {"corpus": self.digest})

    def compute(self, task: Task) -> ArmResult:
        """Train one arm, judge it."""
        with threads(1):
            rows, diet, injection = self._diet(task)
            nets = self._train(rows, diet, task)
            tests = self.tests()
            judges = self.judges()
            found = measure(nets, judges, tests, self.emotions, lip_units(self.known.coef_names))
        labels, weight = np.asarray(injection.labels)[diet.kept], diet.weight[diet.kept]
        means = [weight[labels == emotion].mean() if (labels == emotion).any() else 0.0 for emotion in self.emotions]
        return ArmResult(
            accuracy=found.accuracy,
            by_reference=found.by_reference,
            jaw=found.jaw,
            lips=found.lips,
            intensity=found.intensity,
            jitter=found.jitter,
            frechet=found.frechet,
            mean_weight=np.array(means, np.float32),
            separation=found.separation,
            effective_share=float(weight.sum() ** 2 / (len(weight) * (weight**2).sum())),
            n_clips=len(rows),
            source_actors=tests.source_actors,
            targets=tests.targets,
            judges=tuple(judges),
            classes=self.emotions,
            condition=task.condition,
            arm=task.arm if task.variant == BASE else f"{task.arm} {task.variant}",
            seed=task.seed,
        )

    def ceiling(self) -> dict[str, float]:
        """Give the judges' balanced accuracy on the real clips of the people who are edited."""
        tests = self.tests()
        with threads(1):
            return {
                name: float(
                    np.mean(
                        [
                            np.mean(
                                [judge.probabilities(clip).argmax() == self.emotions.index(emotion) for clip in clips]
                            )
                            for emotion, clips in tests.real.items()
                        ]
                    )
                )
                for name, judge in self.judges().items()
            }

    def judges(self) -> dict[str, SegmentClassifier]:
        """Train the judges on good clips of people of their own; once per process."""
        key = (self.digest, self.roles)
        if key not in _JUDGES:
            clips = [
                LabelledSequence(coefs, self.emotions.index(emotion))
                for _, emotion, coefs in self._good(self.roles.judges)
                if emotion in self.emotions
            ]
            _JUDGES[key] = {kind: fit_classifier(clips, len(self.emotions), kind=kind) for kind in KINDS}
        return _JUDGES[key]

    def tests(self) -> TestSet:
        """Gather what is edited, and what it should come to look like."""
        strangers, teachers = (self._good(actors) for actors in (self.roles.test, self.roles.training))
        sources = [(actor, coefs) for actor, emotion, coefs in strangers if emotion == "neutral"][:MOST_SOURCES]
        return TestSet(
            sources=tuple(coefs for _, coefs in sources),
            source_actors=tuple(actor for actor, _ in sources),
            real={e: [coefs for _, emotion, coefs in strangers if emotion == e] for e in self.emotions},
            references={
                e: [coefs for _, emotion, coefs in teachers if emotion == e][:MOST_REFERENCES] for e in self.emotions
            },
        )

    # ---- below: one training ------------------------------------------------------------------------------------

    def _config(self, task: Task) -> TrainConfig:
        settings = VARIANTS[task.variant].settings
        return TrainConfig(size=self.config.size, iterations=self.config.iterations, **settings)

    def _emotions(self) -> tuple[str, ...]:
        """Take the emotions that training people and strangers both act, good clips only."""
        acted = [{emotion for _, emotion, _ in self._good(actors)} for actors in (self.roles.training, self.roles.test)]
        common = tuple(emotion for emotion in NED_EMOTIONS if all(emotion in some for some in acted))
        if "neutral" not in common or len(common) < 2:
            raise MeadManipError(
                f"a study of {', '.join(common) or 'no emotion'}",
                expected="neutral and another emotion, acted by training and test people",
            )
        return common

    def _good(self, actors: Sequence[str]) -> list[tuple[str, str, Float32[np.ndarray, "_ coef"]]]:
        """List (actor, emotion, coefficients) of clips that NED would train on and that are no known outliers."""
        corpus = _of_actors(self.known.corpus, actors)
        rows = as_it_is(corpus.clips).content.tolist() if corpus.clips else []
        bad = self.known.outliers or {}
        chosen = [(corpus.clips[row], corpus.coefs[row]) for row in rows]
        return [(clip.actor, clip.emotion, coefs) for clip, coefs in chosen if not bad.get(clip.clip_id)]

    def _diet(self, task: Task) -> tuple[list[ClipSequence], Diet, Injection]:
        config = self._config(task)
        injection, _ = self.injection(task.condition, task.seed)
        corpus = self.corpus(task.condition)
        if len(config.levels) > 1:
            injection = all_levels(corpus.clips)
        own = corpus.evidence(injection, task.seed)
        seen = Evidence(own.own, own.label, injection.positive, corpus.threshold, task.seed)
        diet = BY_NAME[task.arm].diet(seen)
        served = as_it_is(corpus.clips) if diet.as_it_was else injection
        wanted = diet.kept & np.isin(served.labels, self.emotions)
        rows = [
            ClipSequence(
                Labels(corpus.clips[index].clip_id, "", served.labels[row], corpus.clips[index].level, ""),
                corpus.coefs[index],
                np.ones(len(corpus.coefs[index]), bool),
            )
            for row, index in enumerate(served.content)
            if wanted[row]
        ]
        return rows, Diet(wanted, diet.weight, diet.weighting, diet.as_it_was), served

    def _train(self, rows: list[ClipSequence], diet: Diet, task: Task) -> Manipulator:
        weights = torch.from_numpy(diet.weight[diet.kept]).float()
        config = dataclasses.replace(self._config(task), weighting=diet.weighting)
        settled = settings_of(config)
        windows = Windows(
            rows, self.emotions, weights, seed=task.seed, window=settled["window"], balanced=settled["balanced"]
        )
        everything = self._all_rows()
        plain = Windows(everything, self.emotions, torch.ones(len(everything)), seed=0)
        scale = Scale.of(plain.frames, default_scaling(self.known.face_model))
        recipe = recipe_of(config, len(windows), self.known.coef_names)
        architecture = Architecture.of_size(
            config.size,
            len(self.known.coef_names),
            self.emotions,
            window=settled["window"],
            levels=LEVELS if settled["intensity_levels"] else 0,
        )
        learner = Learner(new_manipulator(architecture, scale, task.seed), recipe)
        train(learner, windows.scaled(scale, torch.device("cpu")), range(recipe.iterations), lambda step, terms: True)
        return learner.published

    def _all_rows(self) -> list[ClipSequence]:
        """Give the training clips as they are: the scale that all arms share."""
        plain = as_it_is(self.whole.clips)
        return [
            ClipSequence(Labels("", "", label, 0, ""), self.whole.coefs[k], np.ones(len(self.whole.coefs[k]), bool))
            for k, label in zip(plain.content, plain.labels, strict=True)
            if label in self.emotions
        ]


def _of_actors(corpus: Corpus, actors: Sequence[str]) -> Corpus:
    """Keep the clips of some actors."""
    return corpus.keep(np.array([clip.actor in actors for clip in corpus.clips]))
