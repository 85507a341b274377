"""Clip outlier suppression (NED with CLIP): zero-shot probabilities and the weight lambda of equation 1, with options.

Order of work: cosines -> logits (logit scale as trained, divided by a temperature) -> probabilities of every frame ->
their mean, the clip's -> y, that of its own label -> lambda (threshold, then the floor) -> lambda / class mean.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Float32, Int64

from mead_manip.emotions import EMOTIONS, NOUNS
from mead_manip.errors import UsageError

# The best single prompt of Exp-CLIP's logs for ViT-L/14 on AffectNet-7 and DFEW; why: backends/prompts.py.
TEMPLATE = "a photo of a face with an expression of {noun}"

# Where half the clips of a class lie below this, the class is weighted by CLIP's bias, not by its clips.
LOW_CLASS_WEIGHT = 0.3


@dataclass(frozen=True)
class Rule:
    """How probabilities become weights."""

    threshold: float  # of equation 1
    temperature: float = 1.0  # divides the logits; 1 leaves the model as it was trained
    min_lambda: float = 0.0
    class_thresholds: Mapping[str, float] = field(default_factory=dict)  # instead of `threshold`, where not empty
    class_means: Mapping[str, float] = field(default_factory=dict)  # of lambda, which is divided by them; empty: is not

    def params(self, label: str) -> dict[str, float | None]:
        """Give every value that decides the weight of a label's clips, for their key."""
        return {
            "threshold": self.threshold_of(label),
            "temperature": self.temperature,
            "min_lambda": self.min_lambda,
            "class_mean": self.class_means.get(label),
        }

    def threshold_of(self, label: str) -> float:
        """Give the threshold that a label's clips have to reach."""
        return self.class_thresholds.get(label, self.threshold)

    def weight(self, y: float, label: str) -> float:
        """Give lambda of a clip whose own label has the probability y."""
        return max(self.min_lambda, suppression_weight(y, self.threshold_of(label)))

    def normalised(self, weight: float, label: str) -> float | None:
        """Give lambda divided by the mean of its class, None where that is not asked for."""
        return weight / max(self.class_means[label], 1e-9) if self.class_means else None


def cosines(
    image_features: Float32[np.ndarray, "image feature"], prompt_features: Float32[np.ndarray, "prompt feature"]
) -> Float[np.ndarray, "image prompt"]:
    """Give the cosine of every image to every prompt; the features have unit length."""
    return image_features.astype(np.float64) @ prompt_features.astype(np.float64).T


def softmax(logits: Float[np.ndarray, "image prompt"]) -> Float32[np.ndarray, "image prompt"]:
    """Give the probabilities of every row of logits."""
    odds = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)


def zero_shot_probabilities(
    image_features: Float32[np.ndarray, "image feature"],
    prompt_features: Float32[np.ndarray, "prompt feature"],
    logit_scale: float,
) -> Float32[np.ndarray, "image prompt"]:
    """Give softmax(logit_scale * cosine) of every image over the prompts.

    A logit bias (SigLIP) is the same for all prompts and cancels.
    """
    return softmax(logit_scale * cosines(image_features, prompt_features))


def pool_frames(frame_probability: Float32[np.ndarray, "frame prompt"]) -> Float32[np.ndarray, " prompt"]:
    """Give a clip's probabilities: the mean of the probabilities (not of the features) of its frames."""
    return frame_probability.astype(np.float64).mean(axis=0).astype(np.float32)


def pool_clips(
    frame_probability: Float32[np.ndarray, "row prompt"], starts: Int64[np.ndarray, " boundary"]
) -> Float32[np.ndarray, "clip prompt"]:
    """Do the same for many clips at once: clip k has the rows starts[k] to starts[k + 1], at least one."""
    sums = np.add.reduceat(frame_probability.astype(np.float64), starts[:-1], axis=0)
    return (sums / np.diff(starts)[:, None]).astype(np.float32)


def suppression_weight(probability: float, threshold: float) -> float:
    """Give lambda of equation 1: 1 where the own label's probability reaches the threshold, else the probability.

    The rule jumps at the threshold (.6): .59 -> .59, .60 -> 1.
    """
    return 1.0 if probability >= threshold else float(probability)


def class_means(weights: Sequence[float], labels: Sequence[str]) -> dict[str, float]:
    """Give the mean weight of every label that occurs, in the order of the emotions."""
    values, names = np.asarray(weights, np.float64), np.asarray(labels)
    return {label: float(values[names == label].mean()) for label in EMOTIONS if (names == label).any()}


def class_skew(means: Mapping[str, float]) -> float:
    """Give the largest class mean over the smallest: 1 where all classes count alike."""
    return max(means.values()) / max(min(means.values()), 1e-9) if means else 1.0


def effective_sample_size(weights: Sequence[float]) -> float:
    """Give (sum w)^2 / sum w^2 (Kish): how many equally weighted clips say as much."""
    values = np.asarray(weights, np.float64)
    return float(values.sum() ** 2 / max(float((values**2).sum()), 1e-12))


def emotion_prompts(template: str = TEMPLATE, emotions: Sequence[str] = EMOTIONS) -> tuple[str, ...]:
    """Write one prompt per emotion from a template with {noun} or {emotion}."""
    return tuple(filled(template, NOUNS[emotion], emotion) for emotion in emotions)


def filled(template: str, noun: str, emotion: str) -> str:
    """Write the prompt of one emotion; refuse a template that would say the same of every emotion."""
    if "{noun}" not in template and "{emotion}" not in template:
        raise UsageError(f"the prompt {template!r} is the same for every emotion", expected="{noun} or {emotion} in it")
    try:
        return template.format(noun=noun, emotion=emotion)
    except (AttributeError, KeyError, IndexError, ValueError) as error:
        raise UsageError(
            f"the prompt {template!r} cannot be filled in: {error}", expected="only {noun} and {emotion} in braces"
        ) from error
