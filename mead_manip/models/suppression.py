"""Clip outlier suppression (NED with CLIP): prompts, zero-shot probabilities and the weight lambda of equation 1."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32

from mead_manip.emotions import EMOTIONS, NOUNS
from mead_manip.errors import UsageError

# The best single prompt of Exp-CLIP's logs on AffectNet-7 and DFEW, ViT-L/14; an ensemble of ten is no reliable gain.
TEMPLATE = "a photo of a face with an expression of {noun}"

# Below this mean probability of its own label a class is weighted by CLIP's bias, not by its clips (suppression.md 1).
LOW_CLASS_MEAN = 0.3


def zero_shot_probabilities(
    image_features: Float[np.ndarray, "image feature"],
    prompt_features: Float[np.ndarray, "prompt feature"],
    logit_scale: float,
) -> Float32[np.ndarray, "image prompt"]:
    """Give softmax(logit_scale * cosine) of every image over the prompts; the features have unit length.

    A logit bias (SigLIP) is the same for all prompts and cancels.
    """
    logits = logit_scale * (image_features.astype(np.float64) @ prompt_features.astype(np.float64).T)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)


def pool_frames(frame_probability: Float32[np.ndarray, "frame prompt"]) -> Float32[np.ndarray, " prompt"]:
    """Give a clip's probabilities: the mean of the probabilities (not of the features) of its frames."""
    return frame_probability.astype(np.float64).mean(axis=0).astype(np.float32)


def suppression_weight(probability: float, threshold: float) -> float:
    """Give lambda of equation 1: 1 where the own label's probability reaches the threshold, else the probability.

    The rule jumps at the threshold (.6): .59 -> .59, .60 -> 1.
    """
    return 1.0 if probability >= threshold else float(probability)


def emotion_prompts(template: str = TEMPLATE, emotions: Sequence[str] = EMOTIONS) -> tuple[str, ...]:
    """Write one prompt per emotion from a template with {noun} or {emotion}."""
    if "{noun}" not in template and "{emotion}" not in template:
        raise UsageError(f"the prompt {template!r} is the same for every emotion", expected="{noun} or {emotion} in it")
    try:
        return tuple(template.format(noun=NOUNS[emotion], emotion=emotion) for emotion in emotions)
    except (AttributeError, KeyError, IndexError, ValueError) as error:
        raise UsageError(
            f"the prompt {template!r} cannot be filled in: {error}", expected="only {noun} and {emotion} in braces"
        ) from error
