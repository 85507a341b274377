"""Equation 1, prompts and zero-shot probabilities."""

import itertools

import numpy as np
import pytest

from mead_manip.emotions import EMOTIONS, NED_EMOTIONS
from mead_manip.errors import UsageError
from mead_manip.models import suppression


@pytest.mark.parametrize(
    ("probability", "weight"), [(0.0, 0.0), (0.3, 0.3), (0.59, 0.59), (0.6, 1.0), (0.61, 1.0), (1.0, 1.0)]
)
def test_equation_1_jumps_at_the_threshold(probability, weight):
    assert suppression.suppression_weight(probability, 0.6) == weight


def test_threshold_zero_suppresses_nothing_and_above_one_everything():
    values = np.linspace(0, 1, 11)
    assert all(suppression.suppression_weight(float(value), 0.0) == 1.0 for value in values)
    assert [suppression.suppression_weight(float(value), 1.1) for value in values] == [float(value) for value in values]


def test_probabilities_sum_to_one_and_follow_the_cosine():
    rng = np.random.default_rng(0)
    prompts = np.linalg.qr(rng.normal(size=(16, 16)))[0][:7].astype(np.float32)
    probability = suppression.zero_shot_probabilities(prompts, prompts, 100.0)
    np.testing.assert_allclose(probability.sum(axis=1), 1.0, atol=1e-6)
    assert (probability.argmax(axis=1) == np.arange(7)).all()


def test_a_cosine_gap_of_ln9_over_the_scale_gives_06_of_7_classes():
    """The algebra of the threshold: at scale 100 a gap of .022 to six equal rivals is p = .6."""
    image = np.eye(1, 8, dtype=np.float32)
    prompts = np.zeros((7, 8), np.float32)
    prompts[0, 0] = np.log(9.0) / 100.0
    assert suppression.zero_shot_probabilities(image, prompts, 100.0)[0, 0] == pytest.approx(0.6, abs=1e-5)


def test_pooling_averages_probabilities():
    by_frame = np.array([[1.0, 0.0], [0.5, 0.5]], np.float32)
    np.testing.assert_allclose(suppression.pool_frames(by_frame), [0.75, 0.25])


def test_one_prompt_per_emotion():
    assert suppression.emotion_prompts()[4] == "a photo of a face with an expression of happiness"
    assert len(set(suppression.emotion_prompts())) == len(EMOTIONS)
    assert suppression.emotion_prompts("{emotion}.", NED_EMOTIONS) == tuple(f"{name}." for name in NED_EMOTIONS)


@pytest.mark.parametrize("template", ["a face", "a {face} of {noun}", "{noun} {", "{noun.x}"])
def test_a_template_that_cannot_work_is_refused(template):
    with pytest.raises(UsageError, match="prompt"):
        suppression.emotion_prompts(template)


def test_a_rule_is_equation_1_with_floor_thresholds_and_means():
    rule = suppression.Rule(0.6)
    assert [rule.weight(y, "sad") for y in (0.1, 0.59, 0.6)] == [0.1, 0.59, 1.0]
    assert rule.normalised(0.5, "sad") is None
    rule = suppression.Rule(0.6, min_lambda=0.2, class_thresholds={"sad": 0.3}, class_means={"sad": 0.5, "happy": 1.0})
    assert [rule.weight(y, "sad") for y in (0.1, 0.29, 0.3)] == [0.2, 0.29, 1.0]
    assert (rule.weight(0.3, "happy"), rule.normalised(0.4, "sad")) == (0.3, 0.8)


def test_a_key_holds_what_decides_a_labels_weights_and_no_more():
    rule = suppression.Rule(0.6, 2.0, 0.1, {"sad": 0.3}, {"sad": 0.5, "happy": 1.0})
    assert rule.params("sad") == {"threshold": 0.3, "temperature": 2.0, "min_lambda": 0.1, "class_mean": 0.5}
    assert suppression.Rule(0.6).params("sad")["class_mean"] is None


def test_many_clips_are_pooled_as_each_alone():
    rng = np.random.default_rng(0)
    counts = [3, 1, 8]
    rows = rng.dirichlet(np.ones(7), sum(counts)).astype(np.float32)
    starts = np.cumsum([0, *counts])
    alone = [suppression.pool_frames(rows[a:b]) for a, b in itertools.pairwise(starts)]
    np.testing.assert_array_equal(suppression.pool_clips(rows, starts), np.stack(alone))


def test_skew_and_effective_sample_size():
    means = suppression.class_means([1.0, 0.5, 0.25, 0.25], ["happy", "happy", "sad", "sad"])
    assert means == {"happy": 0.75, "sad": 0.25} and suppression.class_skew(means) == 3.0
    assert suppression.effective_sample_size([0.3] * 10) == pytest.approx(10.0)
    assert suppression.effective_sample_size([1.0, 0.0, 0.0]) == pytest.approx(1.0)
