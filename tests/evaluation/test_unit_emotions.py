"""Emotions from units: a prototype is taken for itself at any strength, rest for neutral, and speech for nothing."""

import numpy as np
import pytest

from mead_manip.evaluation.unit_emotions import UnitEmotions, knows

NAMES = ("AU1_L", "AU1_R", "AU4_L", "AU4_R", "AU12_L", "AU12_R", "AU25", "AU18")
PROTOTYPES = {
    "neutral": {},
    "happy": {"AU12": 0.9, "AU25": 0.4},
    "sad": {"AU1": 1.0, "AU4": 0.4},
    "angry": {"AU4": 1.1},
}


def face(strength=1.0, **units):
    return strength * np.array([[units.get(name.partition("_")[0], 0.0) for name in NAMES]], np.float32)


@pytest.mark.parametrize("strength", [0.4, 0.7, 1.0, 1.3])
@pytest.mark.parametrize("emotion", ["happy", "sad", "angry"])
def test_a_prototype_is_recognised(emotion, strength):
    judge = UnitEmotions(PROTOTYPES, NAMES)
    probability = judge.probabilities(face(strength, **PROTOTYPES[emotion]))[0]
    assert judge.classes[probability.argmax()] == emotion and probability.sum() == pytest.approx(1)


def test_rest_and_speech_are_neutral():
    judge = UnitEmotions(PROTOTYPES, NAMES)
    rest = judge.probabilities(face())[0]
    assert judge.classes[rest.argmax()] == "neutral"
    np.testing.assert_array_equal(judge.probabilities(face(AU25=1.0, AU18=1.0))[0], rest)


def test_more_of_an_emotion_is_more_probable():
    judge = UnitEmotions(PROTOTYPES, NAMES)
    chance = [judge.probabilities(face(s, **PROTOTYPES["happy"]))[0, 1] for s in (0, 0.25, 0.5, 1)]
    assert chance == sorted(chance) and chance[0] < 0.35 < 0.9 < chance[-1]


def test_coefficients_without_names_are_not_judged():
    assert knows(NAMES) and not knows(tuple(f"exp_{k}" for k in range(50)))
