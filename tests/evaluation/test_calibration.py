"""A temperature that is known comes back; thresholds are cleanlab's."""

import importlib.util
import sys

import numpy as np
import pytest

from mead_manip.errors import BackendUnavailable, MeadManipError
from mead_manip.evaluation import calibration


def drawn(temperature, n_clips=4000, seed=0):
    """Draw clips of one frame whose labels follow softmax(logits / temperature)."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 4, (n_clips, 7))
    odds = np.exp(logits / temperature)
    odds /= odds.sum(axis=1, keepdims=True)
    label = np.array([rng.choice(7, p=row) for row in odds])
    return [row[None] for row in logits], label


@pytest.mark.parametrize("temperature", [0.5, 1.0, 5.0])
def test_the_temperature_that_drew_the_labels_is_found(temperature):
    assert calibration.fit_temperature(*drawn(temperature)) == pytest.approx(temperature, rel=0.1)


def test_what_is_fitted_is_the_least_loss_for_clips_of_many_frames():
    rng = np.random.default_rng(1)
    logits = [rng.normal(0, 10, (rng.integers(1, 9), 5)) for _ in range(60)]
    label = np.array([rows.mean(axis=0).argmax() if k % 3 else k % 5 for k, rows in enumerate(logits)])
    found = calibration.fit_temperature(logits, label)
    best = calibration.negative_log_likelihood(logits, label, found)
    others = [calibration.negative_log_likelihood(logits, label, float(t)) for t in np.geomspace(0.02, 50, 200)]
    assert best <= min(others) + 1e-6


def test_one_class_tells_no_temperature():
    with pytest.raises(MeadManipError, match=r"3 clips of 1 class"):
        calibration.fit_temperature([np.zeros((2, 7))] * 3, np.array([4, 4, 4]))


def test_thresholds_are_the_mean_probability_of_a_classs_own_clips():
    if importlib.util.find_spec("cleanlab") is None:
        pytest.skip("cleanlab is not installed (extra curate)")
    rng = np.random.default_rng(2)
    probability = rng.dirichlet(np.ones(7), 200)
    label = rng.integers(0, 6, 200)
    found = calibration.confident_thresholds(probability, label)
    assert sorted(found) == list(range(6))
    for index, value in found.items():
        assert value == pytest.approx(probability[label == index, index].mean())


def test_without_cleanlab_one_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "cleanlab.count", None)
    monkeypatch.setitem(sys.modules, "cleanlab", None)
    with pytest.raises(BackendUnavailable, match=r"pip install 'mead-manip\[curate\]'"):
        calibration.confident_thresholds(np.ones((1, 7)) / 7, np.array([0]))
