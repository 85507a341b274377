"""Intervals hold what is there, pairing removes what arms share, and claims follow the intervals."""

import numpy as np
import pytest

from mead_manip.evaluation.comparison import Draws, claim, difference, level, recovered
from mead_manip.evaluation.detection import Interval

ACTORS = [f"A{k}" for k in range(4) for _ in range(3)]


def outcomes(gain: float, seed: int = 0, noise: float = 0.02) -> np.ndarray:
    """Give accuracies (5 seeds, 12 sources, 6 targets) whose sources and seeds differ much more than the arms."""
    shared, own = np.random.default_rng(7), np.random.default_rng(seed)
    base = 0.5 + 0.15 * shared.normal(size=(5, 1, 1)) + 0.15 * shared.normal(size=(1, 12, 1))
    return base + gain + noise * own.normal(size=(5, 12, 6))


def test_pairing_sees_a_difference_that_levels_hide():
    draws = Draws.make(5, ACTORS)
    plain, rule = outcomes(0.0, 1), outcomes(0.05, 2)
    gap = difference(rule, plain, draws)
    assert gap.low > 0.03 and gap.high < 0.07 and gap.value == pytest.approx((rule - plain).mean())
    separate = level(rule, draws)
    assert separate.low < plain.mean() < separate.high


def test_no_difference_stays_one_within_the_interval():
    gap = difference(outcomes(0.0, 1), outcomes(0.0, 2), Draws.make(5, ACTORS))
    assert gap.low < 0 < gap.high


def test_the_recovered_share_needs_damage():
    draws = Draws.make(5, ACTORS)
    share = recovered(outcomes(0.0, 1), outcomes(0.05, 2), outcomes(0.1, 3), draws)
    assert share is not None and share.low < 0.5 < share.high and 0.4 < share.value < 0.6
    assert recovered(outcomes(0.0, 1), outcomes(0.0, 2), outcomes(0.0, 3), draws) is None


@pytest.mark.parametrize(
    ("plain", "control", "says"),
    [
        ((0.01, 0.2), (0.01, 0.1), "helps"),
        ((0.01, 0.2), (-0.01, 0.1), "not shown to be better than the same weights"),
        ((-0.1, 0.2), (0.01, 0.1), "no benefit"),
        ((-0.2, -0.1), (-0.1, 0.1), "harms"),
    ],
)
def test_a_claim_is_what_both_intervals_allow(plain, control, says):
    intervals = Interval(sum(plain) / 2, *plain), Interval(sum(control) / 2, *control)
    assert says in claim(*intervals, n_seeds=5, n_actors=3)
    assert "no claim" in claim(*intervals, n_seeds=2, n_actors=3)
    assert "no claim" in claim(*intervals, n_seeds=5, n_actors=1)


def test_intervals_cover_as_often_as_they_say():
    draws, hits = Draws.make(5, ACTORS, draws=400), 0
    for trial in range(200):
        rng = np.random.default_rng(trial)
        effect = 0.1 * rng.normal(size=(5, 1, 1)) + 0.02 * rng.normal(size=(5, 12, 6))
        gap = difference(effect, np.zeros_like(effect), draws)
        hits += gap.low <= 0 <= gap.high
    assert 0.9 <= hits / 200 <= 1.0
