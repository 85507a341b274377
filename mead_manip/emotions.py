"""The vocabulary: MEAD's eight emotions, their order, their nouns for prompts and their aliases; blends of them."""

import difflib
import math

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


def noun(name: str) -> str:
    """Give the noun that a prompt uses for an emotion."""
    return NOUNS[parse_emotion(name)]


Blend = dict[str, float]  # emotion -> weight; the weights add up to 1


def parse_blend(text: str) -> Blend:
    """Read "happy" or "happy:0.6,surprised:0.4"; the weights come back normalised."""
    weights: Blend = {}
    for part in text.split(","):
        word, colon, number = part.partition(":")
        name = parse_emotion(word)
        if name in weights:
            raise UsageError(f"{name} twice in {text!r}", expected="every emotion once")
        weights[name] = _weight(number, text) if colon else 1.0
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def blend_text(blend: Blend) -> str:
    """Write a blend as `parse_blend` reads it."""
    if len(blend) == 1:
        return next(iter(blend))
    return ",".join(f"{name}:{weight:g}" for name, weight in blend.items())


def parse_targets(text: str) -> dict[int | None, Blend]:
    """Read one blend (under None), or those of numbered faces: "1=angry,2=happy:0.6,surprised:0.4"."""
    pieces: dict[int | None, list[str]] = {}
    face: int | None = None
    for part in text.split(","):
        number, equals, rest = part.partition("=")
        if equals:
            if not number.strip().isdecimal() or int(number) < 1:
                raise UsageError(
                    f"face {number.strip()!r} in {text!r}", expected="numbers from 1, as in 1=angry,2=happy"
                )
            face = int(number)
            if face in pieces or None in pieces:
                raise UsageError(f"{text!r}", expected="every face once, each with its number: 1=angry,2=happy")
        pieces.setdefault(face, []).append(rest if equals else part)
    return {face: parse_blend(",".join(parts)) for face, parts in pieces.items()}


def parse_target_text(text: str) -> str:
    """Give the canonical form of what `parse_targets` reads."""
    targets = parse_targets(text)
    return ",".join(("" if face is None else f"{face}=") + blend_text(blend) for face, blend in targets.items())


def _weight(text: str, whole: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not 0 < weight < math.inf:
        raise UsageError(f"weight {text.strip()!r} in {whole!r}", expected="a number above 0, as in happy:0.6,sad:0.4")
    return weight
