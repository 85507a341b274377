"""What captions claim and how true it is."""

import numpy as np
import pytest


@pytest.fixture
def strength():
    """Five faces: nothing, happy at the three levels of MEAD, and half happy, half sad."""
    from mead_manip.emotions import EMOTIONS

    strength = np.zeros((5, len(EMOTIONS)))
    strength[1:4, EMOTIONS.index("happy")] = 0.35, 0.7, 1.0
    strength[4, [EMOTIONS.index("happy"), EMOTIONS.index("sad")]] = 0.5
    return strength


def test_what_is_seen_is_graded_and_ambiguous(strength):
    from mead_manip.backends.captions import seen_emotions
    from mead_manip.emotions import EMOTIONS

    seen = seen_emotions(strength)
    happy, sad = EMOTIONS.index("happy"), EMOTIONS.index("sad")
    np.testing.assert_allclose(seen.sum(axis=1), 1.0)
    assert (np.diff(seen[:4, happy]) > 0).all() and seen[0, 0] > 0.9
    assert 0.2 < seen[1, happy] < 0.6 < seen[2, happy], "level 1 is doubtful, level 2 is clear"
    assert seen[4, happy] == pytest.approx(seen[4, sad]) and seen[4, happy] < 0.6


def test_a_caption_is_true_of_its_own_picture_and_words_match_claims(strength):
    from mead_manip.backends import captions

    rng = np.random.default_rng(0)
    facts = {"gender": 0, "age": 1, "skin": 1, "hair": 2, "mouth": 1, "eyes": 1, "gaze": 0, "head": -1}
    seen, strong = captions.seen_emotions(strength), captions.strong_probability(strength)
    said = [captions.describe(seen[3], strong[3], facts, rng) for _ in range(200)]
    table = captions.truth(said, seen, strong, {name: np.full(5, value) for name, value in facts.items()})
    assert (table[3] > 0).all() and np.median(table[3]) > 0.5
    for caption in said:
        words = caption.text.replace(",", " ").split()
        assert ("woman" in words) == ("gender" in caption.attributes)
        assert ("man" in words) is False and "head" not in caption.attributes
    assert any(caption.intensity == captions.STRONG for caption in said)


def test_a_wrong_attribute_makes_a_caption_false(strength):
    from mead_manip.backends import captions

    caption = captions.Caption("a man", attributes={"gender": 1})
    seen, strong = captions.seen_emotions(strength), captions.strong_probability(strength)
    table = captions.truth([caption], seen, strong, {"gender": np.array([1, 0, -1, 1, 0])})
    np.testing.assert_allclose(table[:, 0], [1, 0, 0.5, 1, 0])


def test_sentences_of_an_attribute_differ_in_its_value_only():
    from mead_manip.backends import captions

    rng = np.random.default_rng(0)
    for name, values in captions.ATTRIBUTES.items():
        sentences = captions.attribute_sentences(name, rng)
        rest = {text.replace(value, "").replace(" an ", " a ") for text, value in zip(sentences, values, strict=True)}
        assert len(rest) == 1 and len(set(sentences)) == len(values)


def test_the_default_prompt_is_among_the_captions():
    from mead_manip.backends import captions
    from mead_manip.models import suppression

    rng = np.random.default_rng(0)
    assert captions.NOUN_TEMPLATES[0] == suppression.TEMPLATE
    assert captions.emotion_sentence(4, rng, 0) == suppression.emotion_prompts()[4]


def test_renderer_and_captions_name_the_same_attributes():
    from mead_manip.backends import captions
    from mead_manip.synthetic import caption_set

    assert caption_set.ATTRIBUTES == captions.ATTRIBUTES
