"""The rule at its ends and at every threshold: what is known of it without trying."""

import numpy as np
import pytest

from mead_manip.evaluation.detection_study import Corpus
from mead_manip.evaluation.injections import Clip, Injection
from mead_manip.evaluation.sweep import TEMPERATURES, place_of, sweep


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(0)
    emotions = [("happy", "sad")[k % 2] for k in range(80)]
    positive = rng.random(80) < 0.25
    # Sad clips are believed less: a taste for a class.
    own = np.clip(0.9 - 0.35 * (np.array(emotions) == "sad") - 0.4 * positive + rng.normal(0, 0.08, 80), 0.02, 0.98)
    frames = tuple(
        np.tile([y, 1 - y] if name == "happy" else [1 - y, y], (3, 1)).astype(np.float32)
        for y, name in zip(own, emotions, strict=True)
    )
    clips = tuple(Clip(str(k), f"A{k % 4}", name, 3) for k, name in enumerate(emotions))
    corpus = Corpus(clips, ("happy", "sad"), frames, (np.zeros((3, 2), np.float32),) * 80, 0.6)
    return sweep(corpus, [Injection("planted", np.arange(80), tuple(emotions), positive)])


def of(points, temperature=1.0, normalised=False):
    return [p for p in points if (p.temperature, p.normalised) == (temperature, normalised)]


def test_a_threshold_of_zero_suppresses_nothing_and_the_loss_grows_with_it(points):
    for temperature in TEMPERATURES:
        first = of(points, temperature)[0]
        assert (first.threshold, first.auroc, first.macro_auroc, first.clean_mass_lost) == (0, 0.5, 0.5, 0)
        assert first.class_skew == first.effective_share == first.trusted_good == pytest.approx(1.0)
        lost = [p.clean_mass_lost for p in of(points, temperature)]
        assert lost == sorted(lost) and lost[-1] > 0


def test_class_means_change_no_rank_within_labels_and_take_the_taste_for_classes_away(points):
    plain, divided = of(points), of(points, normalised=True)
    assert [p.macro_auroc for p in plain] == pytest.approx([p.macro_auroc for p in divided])
    at = next(k for k, p in enumerate(plain) if p.threshold == 1)
    assert divided[at].class_skew < plain[at].class_skew and divided[at].auroc > plain[at].auroc


def test_the_place_of_a_threshold_is_told_with_its_price(points):
    here = next(p for p in of(points) if p.threshold == 0.6)
    text = place_of(points, 0.6)
    assert f"macro AUROC of {here.macro_auroc:.3f}" in text and f"{here.clean_mass_lost:.1%}" in text
