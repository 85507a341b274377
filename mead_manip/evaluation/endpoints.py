"""What a manipulator is worth: endpoints on clips of people it never saw, judged without open_clip.

Every endpoint is kept per source clip and target emotion, so that arms can be compared pair by pair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int64
from scipy.linalg import sqrtm

from mead_manip.evaluation.sequences import SegmentClassifier, agreement, intensity_ratio, jitter
from mead_manip.models.manipulation import manipulate, style_of_reference
from mead_manip.models.manipulator import Manipulator

STYLES = 8  # noise vectors per source and target: one draw says little
RIDGE = 1e-6  # added to covariances of few frames


@dataclass(frozen=True)
class TestSet:
    """Clips of people that neither the manipulator nor the judges have seen."""

    __test__ = False  # pytest: no class of tests

    sources: tuple[Float32[np.ndarray, "_ coef"], ...]  # neutral clips, to be edited
    source_actors: tuple[str, ...]
    real: dict[str, list[Float32[np.ndarray, "_ coef"]]]  # emotion -> good clips of these people
    references: dict[str, list[Float32[np.ndarray, "_ coef"]]]  # emotion -> good clips of training people

    @property
    def targets(self) -> tuple[str, ...]:
        """Give the emotions that sources are edited to."""
        return tuple(emotion for emotion in self.real if emotion != "neutral")


@dataclass(frozen=True)
class Endpoints:
    """How one manipulator did."""

    accuracy: Float32[np.ndarray, "source target judge"]  # share of styles that the judge takes for the target
    by_reference: Float32[np.ndarray, "source target judge"]  # 1 where the judge does, style read off clips
    jaw: Float32[np.ndarray, "source target"]  # correlation of the jaw's opening with the source's
    lips: Float32[np.ndarray, "source target"]  # the same of the lips' units, their mean; NaN where none is named
    intensity: Float32[np.ndarray, "source target"]  # 1: as far from the source as real clips of the target are
    jitter: Float32[np.ndarray, "source target"]  # relative to the source's
    frechet: Float32[np.ndarray, " target"]  # distance of generated from real frames of the target
    separation: float  # silhouette of the style codes of real clips by emotion


def measure(
    nets: Manipulator,
    judges: Mapping[str, SegmentClassifier],
    tests: TestSet,
    emotions: Sequence[str],
    lips: Sequence[int] = (),
) -> Endpoints:
    """Edit every source to every target, styles from noise and from reference clips; `lips` names their units."""
    shape = (len(tests.sources), len(tests.targets))
    accuracy, by_reference = np.zeros((2, *shape, len(judges)), np.float32)
    jaw, mouth, intensity, shake = np.zeros((4, *shape), np.float32)
    frechet = np.zeros(len(tests.targets), np.float32)
    for t, target in enumerate(tests.targets):
        wanted = emotions.index(target)
        goal = np.mean([clip.mean(axis=0) for clip in tests.real[target]], axis=0)
        generated = []
        for s, source in enumerate(tests.sources):
            edits = [manipulate(nets, source, emotion=target, seed=seed) for seed in range(STYLES)]
            like = manipulate(nets, source, reference=tests.references[target])
            accuracy[s, t] = _hits(judges, edits, wanted)
            by_reference[s, t] = _hits(judges, [like], wanted)
            jaw[s, t] = np.mean([agreement(source, edit) for edit in edits])
            mouth[s, t] = (
                np.mean([[agreement(source, edit, unit) for edit in edits] for unit in lips]) if lips else np.nan
            )
            mean = np.mean([edit.mean(axis=0) for edit in edits], axis=0)
            intensity[s, t] = intensity_ratio(source.mean(axis=0), mean, goal)
            shake[s, t] = np.mean([jitter(edit) for edit in edits]) / max(jitter(source), 1e-9)
            generated.append(edits[0])
        frechet[t] = frechet_distance(np.concatenate(generated), np.concatenate(tests.real[target]))
    codes, labels = _codes(nets, tests.real)
    return Endpoints(accuracy, by_reference, jaw, mouth, intensity, shake, frechet, silhouette(codes, labels))


def frechet_distance(a: Float32[np.ndarray, "_ coef"], b: Float32[np.ndarray, "_ coef"]) -> float:
    """Give the Frechet distance of two Gaussians fitted to frames: |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^1/2)."""
    ridge = RIDGE * np.eye(a.shape[1])
    first, second = (np.cov(part.astype(np.float64), rowvar=False) + ridge for part in (a, b))
    root = np.real(sqrtm(first @ second))
    gap = a.mean(axis=0).astype(np.float64) - b.mean(axis=0)
    return float(max(0.0, gap @ gap + np.trace(first + second - 2 * root)))


def silhouette(codes: Float[np.ndarray, "clip style"], labels: Int64[np.ndarray, " clip"]) -> float:
    """Give the mean silhouette width (Rousseeuw 1987) of codes grouped by label; 0 for a group of one."""
    distance = np.linalg.norm(codes[:, None] - codes[None], axis=-1)
    groups = np.unique(labels)
    if len(groups) < 2:
        return 0.0
    widths = []
    for row, label in enumerate(labels):
        mine = labels == label
        if mine.sum() < 2:
            widths.append(0.0)
            continue
        own = distance[row, mine].sum() / (mine.sum() - 1)
        other = min(distance[row, labels == group].mean() for group in groups if group != label)
        widths.append((other - own) / max(own, other, 1e-12))
    return float(np.mean(widths))


def _hits(
    judges: Mapping[str, SegmentClassifier], clips: Sequence[Float32[np.ndarray, "_ coef"]], wanted: int
) -> list[float]:
    return [
        float(np.mean([int(judge.probabilities(clip).argmax()) == wanted for clip in clips]))
        for judge in judges.values()
    ]


def _codes(
    nets: Manipulator, real: Mapping[str, Sequence[Float32[np.ndarray, "_ coef"]]]
) -> tuple[Float32[np.ndarray, "clip style"], Int64[np.ndarray, " clip"]]:
    pairs = [(label, clip) for label, clips in enumerate(real.values()) for clip in clips]
    codes = np.stack([style_of_reference(nets, [clip]).numpy() for _, clip in pairs])
    return codes, np.array([label for label, _ in pairs], np.int64)
