"""Detection metrics against their definitions."""

import itertools

import numpy as np
import pytest

from mead_manip.errors import MeadManipError
from mead_manip.evaluation.detection import (
    auroc,
    auroc_by_class,
    average_precision,
    clean_mass_lost,
    cluster_bootstrap,
    lift,
    macro_auroc,
    recall_at_false_alarms,
)

SCORE = np.array([0.9, 0.8, 0.8, 0.3, 0.8, 0.1])
POSITIVE = np.array([1, 1, 0, 0, 1, 0], bool)


def test_auroc_counts_pairs_and_half_of_the_ties():
    pairs = [(p, n) for p in SCORE[POSITIVE] for n in SCORE[~POSITIVE]]
    assert auroc(SCORE, POSITIVE) == pytest.approx(np.mean([(p > n) + 0.5 * (p == n) for p, n in pairs]))
    assert auroc(np.zeros(6), POSITIVE) == 0.5
    assert auroc(-SCORE, POSITIVE) == pytest.approx(1 - auroc(SCORE, POSITIVE))


def test_average_precision_is_the_mean_over_the_orders_of_tied_clips():
    def precision_of(order):
        hits = POSITIVE[list(order)]
        return np.mean((np.cumsum(hits) / np.arange(1, 7))[hits])

    ordered = [p for p in itertools.permutations(range(6)) if (np.diff(SCORE[list(p)]) <= 0).all()]
    assert average_precision(SCORE, POSITIVE) == pytest.approx(np.mean([precision_of(p) for p in ordered]))


def test_average_precision_without_information_is_near_the_prevalence():
    positive = np.arange(1000) % 5 == 0
    assert average_precision(np.zeros(1000), positive) == pytest.approx(0.2, abs=0.01)


def test_class_bias_wins_the_pooled_value_only():
    labels = ["happy"] * 4 + ["sad"] * 4
    positive = np.array([0, 0, 0, 1, 1, 1, 1, 0], bool)
    score = np.array([0.1] * 4 + [0.9] * 4)
    assert auroc(score, positive) == 0.75
    assert auroc_by_class(score, positive, labels) == {"happy": 0.5, "sad": 0.5}
    assert macro_auroc(score, positive, labels) == 0.5


def test_clean_mass():
    assert clean_mass_lost(np.array([1.0, 0.5, 0.0]), np.array([0, 0, 1], bool)) == 0.25


def test_the_interval_holds_the_value_and_shrinks_with_actors():
    rng = np.random.default_rng(0)

    def interval(n_actors):
        positive = rng.random(20 * n_actors) < 0.3
        score = positive + rng.normal(0, 1, len(positive))
        actors = [str(index // 20) for index in range(len(positive))]
        return cluster_bootstrap(auroc, score, positive, actors, draws=200, seed=1)

    few, many = interval(4), interval(40)
    assert few.low <= few.value <= few.high and many.low <= many.value <= many.high
    assert many.high - many.low < few.high - few.low


def test_metrics_that_are_not_defined_are_refused():
    none = np.zeros(3, bool)
    with pytest.raises(MeadManipError, match="0 outliers and 3 good"):
        auroc(np.ones(3), none)
    with pytest.raises(MeadManipError, match="without outliers"):
        average_precision(np.ones(3), none)
    with pytest.raises(MeadManipError, match="no label"):
        macro_auroc(np.ones(3), none, ["a", "b", "c"])


def test_recall_takes_the_share_of_ties_that_the_rate_leaves_room_for():
    positive = np.array([True] * 4 + [False] * 10)
    clear = np.array([4.0, 3.0, 2.0, 1.0] + [0.0] * 10)
    assert recall_at_false_alarms(clear, positive, 0.05) == 1.0
    assert recall_at_false_alarms(np.zeros(14), positive, 0.05) == pytest.approx(0.05)
    one_good_above = np.array([4.0, 3.0, 2.0, 1.0, 3.5] + [0.0] * 9)
    assert recall_at_false_alarms(one_good_above, positive, 0.1) == 1.0
    assert recall_at_false_alarms(one_good_above, positive, 0.0) == 0.25
    assert recall_at_false_alarms(one_good_above, positive, 0.05) == 0.25


def test_lift_is_the_precision_at_as_many_clips_as_there_are_outliers_over_chance():
    positive = np.array([True] * 2 + [False] * 8)
    assert lift(np.arange(10.0, 0, -1), positive) == pytest.approx(5.0)
    assert lift(np.arange(10.0), positive) == 0.0
    assert lift(np.zeros(10), positive) == pytest.approx(1.0)
    assert lift(np.array([9.0, 5, 5, 5, 5, 0, 0, 0, 0, 0]), positive) == pytest.approx((1 + 1 / 4) / 2 / 0.2)
