"""Scorers find what they are made for, ignore what they must not see, and chance stays chance."""

import dataclasses

import numpy as np
import pytest

from mead_manip.evaluation.calibration import fit_temperature
from mead_manip.evaluation.detection import auroc
from mead_manip.evaluation.suspicion import SCORERS, Evidence, at_temperature

N_CLASSES, N_ACTORS, PER_CLASS, NEUTRAL = 4, 6, 6, 0


@pytest.fixture(scope="module")
def world():
    """Clips whose coefficients and probabilities show their true class; a fifth carries another label."""
    rng = np.random.default_rng(0)
    truth = np.tile(np.repeat(np.arange(N_CLASSES), PER_CLASS), N_ACTORS)
    actor = tuple(f"A{k}" for k in np.repeat(np.arange(N_ACTORS), N_CLASSES * PER_CLASS))
    directions = np.eye(N_CLASSES, 6)
    directions[NEUTRAL] = 0.0
    coefs = tuple((2.0 * directions[k] + 0.3 * rng.normal(size=(40, 6))).astype(np.float32) for k in truth)
    logits = 3.0 * np.eye(N_CLASSES)[truth] + rng.normal(0, 1.0, (len(truth), N_CLASSES))
    frames = np.exp(logits[:, None] + rng.normal(0, 0.3, (len(truth), 5, N_CLASSES)))
    frames = (frames / frames.sum(axis=2, keepdims=True)).astype(np.float32)
    label = truth.copy()
    positive = rng.random(len(truth)) < 0.2
    label[positive] = (truth[positive] + rng.integers(1, N_CLASSES, positive.sum())) % N_CLASSES
    return Evidence(label, actor, tuple(frames), coefs, 0.6, NEUTRAL), positive


@pytest.mark.parametrize("name", [name for name in SCORERS if name != "random"])
def test_a_scorer_finds_wrong_labels(world, name):
    seen, positive = world
    # Strength of expression tells little about which one it is.
    assert auroc(SCORERS[name](seen), positive) > (0.6 if name == "magnitude" else 0.85), name


def test_lots_tell_nothing(world):
    seen, positive = world
    values = [auroc(SCORERS["random"](dataclasses.replace(seen, seed=seed)), positive) for seed in range(40)]
    assert abs(np.mean(values) - 0.5) < 0.04


def test_clipping_only_ties_the_trusted(world):
    seen, _ = world
    clipped, plain = SCORERS["1 - lambda"](seen), SCORERS["1 - y"](seen)
    below = seen.own < seen.threshold
    np.testing.assert_allclose(clipped[below], plain[below])
    assert (clipped[~below] == 0).all()


def test_class_adjustment_has_no_mean_within_a_class(world):
    seen, _ = world
    score = SCORERS["1 - y, class-adjusted"](seen)
    assert all(abs(score[seen.label == k].mean()) < 1e-9 for k in range(N_CLASSES))


def test_coefficient_scorers_never_look_at_probabilities(world):
    seen, _ = world
    blind = dataclasses.replace(
        seen, frame_probability=tuple(np.full((1, N_CLASSES), 0.25, np.float32) for _ in seen.actor)
    )
    for name in ("sequence classifier", "small loss", "neighbours", "magnitude"):
        np.testing.assert_array_equal(SCORERS[name](seen), SCORERS[name](blind))


def test_an_actor_is_calibrated_by_the_others_alone(world):
    seen, _ = world
    label = seen.label.copy()
    mine = np.array([name == "A0" for name in seen.actor])
    # Whatever A0's labels say, the temperature of A0's clips stays: only the columns that are read change.
    label[mine] = (label[mine] + 1) % N_CLASSES
    changed = SCORERS["1 - y, calibrated"](dataclasses.replace(seen, label=label))
    row = int(np.flatnonzero(mine)[0])
    logits = [np.log(p.astype(np.float64) + 1e-12) for p, m in zip(seen.frame_probability, mine, strict=True) if not m]
    temperature = fit_temperature(logits, seen.label[~mine])
    expected = 1 - at_temperature(seen.frame_probability[row], temperature).mean(axis=0)[label[row]]
    assert changed[row] == pytest.approx(expected, abs=1e-6)
