"""Each arm weighs what its name says; controls keep the weights and lose the knowledge."""

import numpy as np
import pytest

from mead_manip.evaluation.arms import ARMS, BY_NAME, Evidence, possible
from mead_manip.evaluation.injections import Injection


@pytest.fixture
def seen() -> Evidence:
    rng = np.random.default_rng(0)
    y = np.concatenate([rng.uniform(0.5, 1.0, 60), rng.uniform(0.0, 0.5, 60)])
    return Evidence(y, np.repeat([0, 1], 60), rng.random(120) < 0.3, 0.6, seed=2)


def test_the_rule_is_equation_one(seen):
    diet = BY_NAME["A1"].diet(seen)
    np.testing.assert_allclose(diet.weight, np.where(seen.y >= 0.6, 1.0, seen.y))
    assert diet.kept.all() and diet.weighting == "literal"


def test_plain_and_clean_weigh_nothing_and_only_clean_undoes_the_planting(seen):
    for name, as_it_was in (("A0", False), ("A8", True)):
        diet = BY_NAME[name].diet(seen)
        assert diet.kept.all() and (diet.weight == 1).all() and diet.weighting == "none"
        assert diet.as_it_was is as_it_was


@pytest.mark.parametrize("name", ["A4", "PC"])
def test_class_normalised_weights_have_mean_one_in_every_class(seen, name):
    weight = BY_NAME[name].diet(seen).weight
    assert weight[:60].mean() == pytest.approx(1) and weight[60:].mean() == pytest.approx(1)
    assert np.argsort(weight[:60]).tolist() == np.argsort(seen.lam[:60]).tolist()


def test_controls_permute_within_class_or_over_all(seen):
    within, everywhere = BY_NAME["A6"].diet(seen).weight, BY_NAME["A6'"].diet(seen).weight
    for weight in (within, everywhere):
        np.testing.assert_allclose(np.sort(weight), np.sort(seen.lam))
        assert (weight != seen.lam).mean() > 0.3
    for part in (slice(0, 60), slice(60, 120)):
        np.testing.assert_allclose(np.sort(within[part]), np.sort(seen.lam[part]))
    assert not np.allclose(np.sort(everywhere[:60]), np.sort(seen.lam[:60]))


def test_dropping_never_empties_a_class(seen):
    diet = BY_NAME["A2"].diet(seen)
    assert diet.kept[:60].sum() == (seen.y[:60] >= 0.6).sum()
    assert diet.kept[60:].sum() == 1 and diet.kept[60 + np.argmax(seen.y[60:])]


def test_the_ranked_drop_takes_the_same_share_of_every_class(seen):
    kept = BY_NAME["A5"].diet(seen).kept
    assert (~kept[:60]).sum() == (~kept[60:]).sum() == 12
    assert seen.y[:60][~kept[:60]].max() < seen.y[:60][kept[:60]].min()


def test_the_oracle_drops_the_outliers(seen):
    np.testing.assert_array_equal(BY_NAME["A7"].diet(seen).kept, ~seen.positive)


def test_arms_that_need_outliers_are_offered_only_with_them():
    rows, labels = np.arange(4), ("a", "a", "b", "b")
    clean = Injection("none", rows, labels, np.zeros(4, bool))
    planted = Injection("T1", rows, labels, np.array([True, False, False, False]))
    names = {arm.name for arm in ARMS}
    assert {arm.name for arm in possible(clean, planted=False)} == names - {"A7", "A8"}
    assert {arm.name for arm in possible(planted, planted=False)} == names - {"A8"}
    assert {arm.name for arm in possible(planted, planted=True)} == names
