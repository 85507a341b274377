"""How suspicious is every clip of a training set? Scores from open_clip's probabilities, and rivals that never saw it.

Every scorer gives one number per row, higher = rather an outlier. Definitions of label-quality scores follow cleanlab's
"Model-Agnostic Label Quality Scoring" (self-confidence, margin, confidence-weighted entropy, class adjustment).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int64

from mead_manip.evaluation.calibration import fit_temperature
from mead_manip.evaluation.sequences import LabelledSequence, fit_classifier
from mead_manip.models.suppression import pool_frames, softmax, suppression_weight

NEIGHBOURS = 10
FOLDS = 5
EARLY_STEPS = 60  # a classifier trained this briefly has learned the rule and not yet the exceptions (small loss)
_TINY = 1e-12

Score = Float[np.ndarray, " row"]


@dataclass(frozen=True)
class Evidence:
    """What is known of every row: the label it carries, who acts, what open_clip saw and how the face moved."""

    label: Int64[np.ndarray, " row"]  # index into the classes
    actor: tuple[str, ...]
    frame_probability: tuple[Float32[np.ndarray, "_ class"], ...]  # of the sampled frames of every row
    coefs: tuple[Float32[np.ndarray, "_ coef"], ...]  # visible frames of every row
    threshold: float
    neutral: int  # index of the class neutral, -1 without one
    seed: int = 0

    @property
    def probability(self) -> Float[np.ndarray, "row class"]:
        """Give the clips' probabilities: the mean over their frames."""
        return np.stack([pool_frames(frames) for frames in self.frame_probability]).astype(np.float64)

    @property
    def own(self) -> Float[np.ndarray, " row"]:
        """Give y: the probability of the row's own label."""
        return self.probability[np.arange(len(self.label)), self.label]


def one_minus_lambda(seen: Evidence) -> Score:
    """Equation 1."""
    return np.array([1.0 - suppression_weight(y, seen.threshold) for y in seen.own])


def one_minus_y(seen: Evidence) -> Score:
    """Self-confidence, before the clipping of equation 1."""
    return 1.0 - seen.own


def calibrated(seen: Evidence) -> Score:
    """1 - y at a temperature that is fitted on the other actors: nobody calibrates their own clips."""
    score = np.zeros(len(seen.label))
    names = np.asarray(seen.actor)
    for actor in sorted(set(seen.actor)):
        mine = names == actor
        others = np.flatnonzero(~mine) if (~mine).any() else np.flatnonzero(mine)
        logits = [np.log(seen.frame_probability[row].astype(np.float64) + _TINY) for row in others]
        temperature = fit_temperature(logits, seen.label[others])
        for row in np.flatnonzero(mine):
            score[row] = 1.0 - at_temperature(seen.frame_probability[row], temperature).mean(axis=0)[seen.label[row]]
    return score


def class_adjusted(seen: Evidence) -> Score:
    """Self-confidence minus the mean self-confidence of the label's class: open_clip's taste for classes drops out."""
    own = seen.own
    score = np.zeros(len(own))
    for label in np.unique(seen.label):
        mine = seen.label == label
        score[mine] = own[mine].mean() - own[mine]
    return score


def margin(seen: Evidence) -> Score:
    """The best rival's probability minus the label's."""
    probability = seen.probability
    rivals = probability.copy()
    rivals[np.arange(len(seen.label)), seen.label] = -1.0
    return rivals.max(axis=1) - seen.own


def weighted_entropy(seen: Evidence) -> Score:
    """Entropy of the probabilities divided by the label's own probability."""
    probability = seen.probability
    entropy = -(probability * np.log(probability + _TINY)).sum(axis=1) / np.log(probability.shape[1])
    return entropy / np.maximum(seen.own, 1e-3)


def cross_validated(seen: Evidence) -> Score:
    """1 - probability by a classifier of coefficient sequences that was trained on the other folds of actors."""
    score = np.zeros(len(seen.label))
    folds = _folds(seen)
    n_classes = seen.frame_probability[0].shape[1]
    for fold in np.unique(folds):
        classifier = fit_classifier(_sequences(seen, np.flatnonzero(folds != fold)), n_classes, seed=seen.seed)
        for row in np.flatnonzero(folds == fold):
            score[row] = 1.0 - classifier.probabilities(seen.coefs[row])[seen.label[row]]
    return score


def small_loss(seen: Evidence) -> Score:
    """Cross entropy under a classifier trained briefly on these very rows: what is learned late is suspicious."""
    n_classes = seen.frame_probability[0].shape[1]
    rows = np.arange(len(seen.label))
    classifier = fit_classifier(_sequences(seen, rows), n_classes, steps=EARLY_STEPS, seed=seen.seed)
    own = [classifier.probabilities(seen.coefs[row])[seen.label[row]] for row in rows]
    return -np.log(np.array(own) + _TINY)


def neighbours_disagree(seen: Evidence) -> Score:
    """Share of the nearest clips of other actors that carry another label; distance of standardised statistics."""
    features = np.stack([np.concatenate([c.mean(axis=0), c.std(axis=0)]) for c in seen.coefs]).astype(np.float64)
    features = (features - features.mean(axis=0)) / np.maximum(features.std(axis=0), 1e-6)
    distance = np.linalg.norm(features[:, None] - features[None], axis=-1)
    names = np.asarray(seen.actor)
    same = names[:, None] == names[None]
    distance[same if not same.all() else np.eye(len(names), dtype=bool)] = np.inf
    score = np.zeros(len(names))
    for row, order in enumerate(np.argsort(distance, axis=1, kind="stable")):
        near = [other for other in order[:NEIGHBOURS] if np.isfinite(distance[row, other])]
        score[row] = float((seen.label[near] != seen.label[row]).mean()) if near else 0.0
    return score


def magnitude(seen: Evidence) -> Score:
    """Lack of expression (its excess where the label is neutral): the trivial detector of weakness."""
    spread = np.maximum(np.concatenate(seen.coefs).std(axis=0), 1e-6)
    means = np.stack([c.mean(axis=0) for c in seen.coefs]) / spread
    names = np.asarray(seen.actor)
    score = np.zeros(len(names))
    for actor in sorted(set(seen.actor)):
        mine = names == actor
        at_rest = mine & (seen.label == seen.neutral)
        rest = means[at_rest if at_rest.any() else mine].mean(axis=0)
        strength = np.linalg.norm(means[mine] - rest, axis=1)
        score[mine] = np.where(seen.label[mine] == seen.neutral, strength, -strength)
    return score


def random_guess(seen: Evidence) -> Score:
    """Draw lots."""
    return np.random.default_rng([seen.seed, 99]).random(len(seen.label))


OURS = "1 - lambda"
BY_PICTURE: dict[str, Callable[[Evidence], Score]] = {
    OURS: one_minus_lambda,
    "1 - y": one_minus_y,
    "1 - y, calibrated": calibrated,
    "1 - y, class-adjusted": class_adjusted,
    "margin": margin,
    "entropy / y": weighted_entropy,
}
BY_MOVEMENT: dict[str, Callable[[Evidence], Score]] = {
    "sequence classifier": cross_validated,
    "small loss": small_loss,
    "neighbours": neighbours_disagree,
    "magnitude": magnitude,
}
LOTS: dict[str, Callable[[Evidence], Score]] = {"random": random_guess}
SCORERS = BY_PICTURE | BY_MOVEMENT | LOTS


# ---- calibration --------------------------------------------------------------------------------------------------


def at_temperature(
    probability: Float32[np.ndarray, "frame class"], temperature: float
) -> Float[np.ndarray, "frame class"]:
    """Divide the logits behind softmax probabilities by a temperature."""
    return softmax(np.log(probability.astype(np.float64) + _TINY) / temperature)


# ---- below: folds -------------------------------------------------------------------------------------------------


def _folds(seen: Evidence) -> Int64[np.ndarray, " row"]:
    """Deal whole actors into folds; single clips where there is one actor only."""
    rng = np.random.default_rng([seen.seed, 5])
    actors = sorted(set(seen.actor))
    if len(actors) < 2:
        return rng.permutation(len(seen.label)).astype(np.int64) % min(FOLDS, len(seen.label))
    order = rng.permutation(len(actors))
    fold = {actors[index]: place % min(FOLDS, len(actors)) for place, index in enumerate(order)}
    return np.array([fold[actor] for actor in seen.actor], np.int64)


def _sequences(seen: Evidence, rows: Int64[np.ndarray, " chosen"]) -> list[LabelledSequence]:
    return [LabelledSequence(seen.coefs[row], int(seen.label[row])) for row in rows]
