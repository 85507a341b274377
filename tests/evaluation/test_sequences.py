"""The referee: recognises what it was shown, is the same under a seed, and measures what it says."""

import numpy as np
import pytest

from mead_manip.errors import MeadManipError
from mead_manip.evaluation.sequences import (
    KINDS,
    LabelledSequence,
    agreement,
    balanced_accuracy,
    fit_classifier,
    intensity_ratio,
    jitter,
    predict,
    recalls,
)


def clip(emotion: int, seed: int, n_frames: int = 40) -> LabelledSequence:
    rng = np.random.default_rng(seed)
    coefs = rng.normal(0, 0.2, (n_frames, 6))
    coefs[:, 1 + emotion] += 0.8
    return LabelledSequence(coefs.astype(np.float32), emotion)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_unseen_clips_are_recognised_and_the_seed_decides(kind):
    known = [clip(emotion, seed) for emotion in range(3) for seed in range(6)]
    unseen = [clip(emotion, 100 + seed, n_frames=12 + 30 * seed) for emotion in range(3) for seed in range(3)]
    first, second = (fit_classifier(known, 3, kind=kind, steps=40, seed=1) for _ in range(2))
    truth = np.array([c.emotion for c in unseen])
    assert balanced_accuracy(truth, predict(first, [c.coefs for c in unseen])) == 1.0
    assert np.array_equal(first.probabilities(unseen[0].coefs), second.probabilities(unseen[0].coefs))
    assert first.probabilities(unseen[0].coefs).sum() == pytest.approx(1.0, abs=1e-6)


def test_balanced_accuracy_is_the_mean_of_recalls():
    truth, named = np.array([0, 0, 0, 0, 2]), np.array([0, 0, 0, 1, 1])
    assert recalls(truth, named) == {0: 0.75, 2: 0.0}
    assert balanced_accuracy(truth, named) == 0.375
    with pytest.raises(MeadManipError):
        recalls(truth[:0], named[:0])


def test_jaw_agreement():
    coefs = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)
    still = np.zeros_like(coefs)
    assert agreement(coefs, 2 * coefs + 1) == pytest.approx(1.0)
    assert agreement(coefs, -coefs) == pytest.approx(-1.0)
    assert agreement(still, still) == 1.0 and agreement(coefs, still) == 0.0


def test_intensity_ratio_is_0_at_the_source_and_1_at_the_target():
    source, target = np.array([0.0, 1.0]), np.array([1.0, 1.0])
    assert intensity_ratio(source, source, target) == 0.0
    assert intensity_ratio(source, target, target) == 1.0
    assert intensity_ratio(source, 2 * target - source, target) == 2.0


def test_a_straight_line_has_no_jitter():
    line = np.linspace(0, 1, 20, dtype=np.float32)[:, None].repeat(2, axis=1)
    assert jitter(line) == pytest.approx(0.0, abs=1e-6)
    assert jitter(np.tile(np.array([[0.0], [1.0]], np.float32), (5, 1))) == 2.0


def test_agreement_is_of_the_coefficient_that_was_named():
    source = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    edited = source.copy()
    edited[:, 3] *= -1
    assert agreement(source, edited, 2) == pytest.approx(1.0) and agreement(source, edited, 3) == pytest.approx(-1.0)
