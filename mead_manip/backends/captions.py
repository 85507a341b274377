"""The language of the built-in CLIP: what a caption claims, how it says it, and how true it is of a picture.

A picture's facts are its acted strength per emotion (0 none, 1 full) and a few attributes; a caption claims some of
them. Weak acting is ambiguous, so an emotion claim is true with a probability, and training matches probabilities.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from mead_manip.emotions import EMOTIONS, NOUNS

# Attribute -> its values; a caption set stores the index of the value, or -1 where it does not know.
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "gender": ("woman", "man"),
    "age": ("young", "middle-aged", "old"),
    "skin": ("dark", "light"),
    "hair": ("no hair", "short hair", "long hair"),
    "mouth": ("closed", "open"),
    "eyes": ("closed", "open"),
    "gaze": ("left", "ahead", "right"),
    "head": ("left", "ahead", "right"),
}
MIRRORED = ("gaze", "head")  # attributes whose first and last value swap when a picture is flipped

# From this acted strength on most people see the emotion; below it they rather see a neutral face.
SEEN_AT, SEEN_WITHIN = 0.32, 0.07
# How much of a blend goes to its stronger part: shares are strengths to this power.
BLEND_POWER = 2.0

ADJECTIVES: dict[str, tuple[str, ...]] = {
    "neutral": ("neutral", "calm", "expressionless", "blank"),
    "angry": ("angry", "mad", "furious"),
    "disgusted": ("disgusted", "revolted"),
    "fear": ("fearful", "afraid", "scared", "frightened"),
    "happy": ("happy", "joyful", "smiling", "cheerful"),
    "sad": ("sad", "unhappy", "sorrowful"),
    "surprised": ("surprised", "astonished", "amazed"),
    "contempt": ("contemptuous", "scornful", "disdainful"),
}
SYNONYMS: dict[str, tuple[str, ...]] = {
    "neutral": ("neutral", "calm", "no emotion"),
    "angry": ("rage", "being angry"),
    "disgusted": ("revulsion", "being disgusted"),
    "fear": ("terror", "being afraid"),
    "happy": ("joy", "being happy"),
    "sad": ("sorrow", "being sad"),
    "surprised": ("astonishment", "being surprised"),
    "contempt": ("scorn", "disdain"),
}
WEAK, STRONG = 0, 1
ADVERBS = {WEAK: ("slightly", "a little", "weakly"), STRONG: ("very", "strongly", "extremely")}

# The first is the scorer's default and is drawn most often; the rest keep the model from depending on one wording.
NOUN_TEMPLATES = (
    "a photo of a face with an expression of {noun}",
    "an expression of {noun}.",
    "a photo of a face showing the emotion: {noun}.",
    "a face showing {noun}",
    "a person with a facial expression of {noun}",
    "{noun}.",
)
ADJECTIVE_TEMPLATES = (
    "a photo of a {adjective} looking face.",
    "a photo of a face looking {adjective}.",
    "a face that looks {adjective}.",
    "they look {adjective}.",
    "a {adjective} face",
    "a photo of a {adjective} person",
)
N_TEMPLATES = len(NOUN_TEMPLATES) + len(ADJECTIVE_TEMPLATES)


@dataclass(frozen=True)
class Caption:
    """A sentence and what it claims."""

    text: str
    emotion: int | None = None
    intensity: int | None = None
    attributes: Mapping[str, int] = field(default_factory=dict)


def seen_emotions(strength: Float[np.ndarray, "image emotion"]) -> Float[np.ndarray, "image emotion"]:
    """Give the probability that a viewer names each emotion, from acted strengths (column "neutral" is ignored)."""
    acted = np.clip(strength, 0.0, None) * (np.arange(len(EMOTIONS)) != EMOTIONS.index("neutral"))
    total = np.sqrt((acted**2).sum(axis=1, keepdims=True))
    seen = 1.0 / (1.0 + np.exp(-(total - SEEN_AT) / SEEN_WITHIN))
    share = acted**BLEND_POWER
    probability = 0.97 * seen * share / np.maximum(share.sum(axis=1, keepdims=True), 1e-9) + 0.03 / len(EMOTIONS)
    probability[:, EMOTIONS.index("neutral")] += 1.0 - probability.sum(axis=1)
    return probability


def strong_probability(strength: Float[np.ndarray, "image emotion"]) -> Float[np.ndarray, " image"]:
    """Give the probability that a viewer calls the expression strong rather than weak."""
    total = np.sqrt((np.clip(strength, 0.0, None) ** 2).sum(axis=1))
    return 1.0 / (1.0 + np.exp(-(total - 0.65) / 0.1))


def truth(
    captions: list[Caption],
    emotion: Float[np.ndarray, "image emotion"],
    strong: Float[np.ndarray, " image"],
    attributes: Mapping[str, np.ndarray],
) -> Float[np.ndarray, "image caption"]:
    """Give how true every caption is of every picture: the product of the probabilities of its claims."""
    table = np.ones((len(emotion), len(captions)))
    for column, caption in enumerate(captions):
        if caption.emotion is not None:
            table[:, column] *= emotion[:, caption.emotion]
        if caption.intensity is not None:
            table[:, column] *= strong if caption.intensity == STRONG else 1.0 - strong
        for name, value in caption.attributes.items():
            known = attributes[name] >= 0
            table[:, column] *= np.where(known, attributes[name] == value, 1.0 / len(ATTRIBUTES[name]))
    return table


def describe(emotion: np.ndarray, strong: float, attributes: Mapping[str, int], rng: np.random.Generator) -> Caption:
    """Write one caption of a picture; its emotion is drawn from what viewers would name."""
    seen = int(rng.choice(len(EMOTIONS), p=emotion / emotion.sum()))
    kind = rng.random()
    if kind < 0.3:
        return Caption(emotion_sentence(seen, rng), seen)
    known = [name for name, value in attributes.items() if value >= 0]
    claimed = {name: attributes[name] for name in known if rng.random() < 0.35}
    if kind < 0.45:
        return Caption(_sentence(None, None, claimed, rng), None, None, claimed)
    intensity = None
    if EMOTIONS[seen] != "neutral" and rng.random() < 0.4:
        intensity = STRONG if rng.random() < strong else WEAK
    return Caption(_sentence(seen, intensity, claimed, rng), seen, intensity, claimed)


def emotion_sentence(emotion: int, rng: np.random.Generator, template: int | None = None) -> str:
    """Write a sentence that claims an emotion and nothing else. Template 0 is the scorer's default prompt."""
    name = EMOTIONS[emotion]
    if template is None:
        template = 0 if rng.random() < 0.35 else int(rng.integers(N_TEMPLATES))
    if template == 0:
        return NOUN_TEMPLATES[0].format(noun=NOUNS[name])
    if template < len(NOUN_TEMPLATES):
        noun = NOUNS[name] if rng.random() < 0.6 else str(rng.choice(SYNONYMS[name]))
        return NOUN_TEMPLATES[template].format(noun=noun)
    words = ADJECTIVES[name]
    adjective = words[0] if rng.random() < 0.5 else str(rng.choice(words))
    return _articles(ADJECTIVE_TEMPLATES[template - len(NOUN_TEMPLATES)].format(adjective=adjective))


def _sentence(emotion: int | None, intensity: int | None, claimed: Mapping[str, int], rng: np.random.Generator) -> str:
    words = {name: ATTRIBUTES[name][value] for name, value in claimed.items()}
    adjective = str(rng.choice(ADJECTIVES[EMOTIONS[emotion]])) if emotion is not None else ""
    if intensity is not None:
        adjective = f"{rng.choice(ADVERBS[intensity])} {adjective}"
    subject = words.get("gender", "person" if "age" in words or rng.random() < 0.6 else "face")
    before = " ".join(part for part in (adjective, words.get("age", "")) if part)
    after = [
        f"with {words['skin']} skin" if "skin" in words else "",
        f"with {words['hair']}" if "hair" in words else "",
        f"with {words['mouth']} mouth" if "mouth" in words else "",
        f"with {words['eyes']} eyes" if "eyes" in words else "",
        f"looking {words['gaze']}" if "gaze" in words else "",
        f"the head turned {words['head']}" if "head" in words else "",
    ]
    tail = [part for part in after if part]
    rng.shuffle(tail)
    start = str(rng.choice(("a photo of a ", "a ", "a close-up of a ", "a portrait of a ")))
    return _articles(", ".join([f"{start}{before} {subject}".replace("  ", " "), *tail]))


def _articles(text: str) -> str:
    """Put "an" before a vowel and nothing before "a little"."""
    words = text.replace("a a little", "a little").split(" ")
    for index in range(len(words) - 1):
        if words[index] == "a" and words[index + 1][:1] in "aeiou":
            words[index] = "an"
    return " ".join(words)


def attribute_sentences(name: str, rng: np.random.Generator) -> list[str]:
    """Write one sentence per value of an attribute, alike but for it."""
    subject = str(rng.choice(("person", "face"))) if name != "gender" else ""
    start = str(rng.choice(("a photo of a", "a", "a close-up of a", "a portrait of a")))
    endings = {
        "gender": "{value}",
        "age": f"{{value}} {subject}",
        "skin": f"{subject}, with {{value}} skin",
        "hair": f"{subject}, with {{value}}",
        "mouth": f"{subject}, with {{value}} mouth",
        "eyes": f"{subject}, with {{value}} eyes",
        "gaze": f"{subject}, looking {{value}}",
        "head": f"{subject}, the head turned {{value}}",
    }
    return [_articles(f"{start} {endings[name].format(value=value)}") for value in ATTRIBUTES[name]]


def sample_of_every_word() -> list[str]:
    """Give sentences that together hold every word and every spelling a caption can have."""
    groups = (*ADJECTIVES.values(), *SYNONYMS.values(), *ATTRIBUTES.values(), *ADVERBS.values())
    words = [word for group in groups for word in group]
    frames = [template.format(noun="fear", adjective="sad") for template in (*NOUN_TEMPLATES, *ADJECTIVE_TEMPLATES)]
    fixed = [
        "a portrait of a person, a close-up of an angry man, looking left",
        "with dark skin, with long hair, with open mouth, with closed eyes, the head turned ahead",
    ]
    # CLIP's tokenizer parts words from punctuation first, so a word is spelt alike wherever it stands.
    return [*frames, *fixed, *words, *NOUNS.values()]
