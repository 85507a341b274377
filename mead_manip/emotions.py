"""The vocabulary: MEAD's eight emotions, their order, their nouns for prompts and their aliases."""

import difflib

from mead_manip.errors import UsageError

# NED's label order for 0..6; contempt, which NED leaves out, comes last so that the indices agree.
EMOTIONS = ("neutral", "angry", "disgusted", "fear", "happy", "sad", "surprised", "contempt")
NED_EMOTIONS = EMOTIONS[:7]
# The columns of the figure, in its order.
TARGETS = ("happy", "sad", "surprised", "fear", "disgusted", "angry")

# What a text prompt calls the emotion: "an expression of {noun}".
NOUNS = {
    "neutral": "neutrality",
    "angry": "anger",
    "disgusted": "disgust",
    "fear": "fear",
    "happy": "happiness",
    "sad": "sadness",
    "surprised": "surprise",
    "contempt": "contempt",
}

ALIASES = {
    "calm": "neutral",
    "none": "neutral",
    "neutrality": "neutral",
    "anger": "angry",
    "mad": "angry",
    "disgust": "disgusted",
    "fearful": "fear",
    "afraid": "fear",
    "scared": "fear",
    "happiness": "happy",
    "joy": "happy",
    "sadness": "sad",
    "surprise": "surprised",
    "contemptuous": "contempt",
}


def parse_emotion(text: str) -> str:
    """Give the canonical name of an emotion, from the name or an alias in any case."""
    word = text.strip().lower()
    name = ALIASES.get(word, word)
    if name in EMOTIONS:
        return name
    close = difflib.get_close_matches(word, (*EMOTIONS, *ALIASES), n=1)
    raise UsageError(
        f"unknown emotion {text!r}",
        expected="one of " + ", ".join(EMOTIONS),
        remedy=f"did you mean {ALIASES.get(close[0], close[0])!r}?" if close else "",
    )


def emotion_index(name: str) -> int:
    """Give the class index of an emotion (NED's order, contempt last)."""
    return EMOTIONS.index(parse_emotion(name))


def noun(name: str) -> str:
    """Give the noun that a prompt uses for an emotion."""
    return NOUNS[parse_emotion(name)]
