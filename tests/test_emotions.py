"""The vocabulary."""

import pytest

from mead_manip.emotions import ALIASES, EMOTIONS, NED_EMOTIONS, NOUNS, TARGETS, noun, parse_emotion
from mead_manip.errors import UsageError


def test_ned_s_indices_agree_and_contempt_is_last():
    assert NED_EMOTIONS == ("neutral", "angry", "disgusted", "fear", "happy", "sad", "surprised")
    assert (*NED_EMOTIONS, "contempt") == EMOTIONS
    assert set(TARGETS) == set(NED_EMOTIONS) - {"neutral"}
    assert set(NOUNS) == set(EMOTIONS) and set(ALIASES.values()) <= set(EMOTIONS)


@pytest.mark.parametrize(
    ("text", "name"), [("angry", "angry"), (" Anger ", "angry"), ("JOY", "happy"), ("fearful", "fear")]
)
def test_names_and_aliases_in_any_case(text, name):
    assert parse_emotion(text) == name
    assert noun(text) == NOUNS[name]


def test_an_unknown_emotion_lists_the_choices_and_guesses():
    with pytest.raises(UsageError, match="unknown emotion 'angri'; expected one of neutral, .*; did you mean 'angry'?"):
        parse_emotion("angri")
    for text in ("", "xyz"):
        with pytest.raises(UsageError, match="expected one of"):
            parse_emotion(text)
