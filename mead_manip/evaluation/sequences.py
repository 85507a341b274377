"""Is a sequence of coefficients recognised as an emotion, and does it still speak? Classifiers without open_clip.

The referee must be independent of what is judged: train it on clips of other actors than the edited ones. Report its
accuracy on real clips of those actors beside every number; that is the ceiling.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Float32, Int64
from torch import Tensor, nn

from mead_manip.errors import MeadManipError

SEGMENT = 30  # frames that a classifier sees at once; a clip's verdict is the mean over its segments
HOP = 10
BATCH = 64


@dataclass(frozen=True)
class LabelledSequence:
    """Coefficients of one clip `[jaw_pose_x, expression...]` and the index of its emotion."""

    coefs: Float32[np.ndarray, "frame coef"]
    emotion: int


@runtime_checkable
class SequenceClassifier(Protocol):
    """Anything that reads an emotion off coefficients."""

    def probabilities(self, coefs: Float32[np.ndarray, "frame coef"]) -> Float[np.ndarray, " emotion"]:
        """Give the probability of every emotion for one clip."""


class SegmentNetwork(nn.Module):
    """A classifier of descriptions; what needs no learning is described once, before the first step."""

    def describe(self, segments: Float[Tensor, "segment frame coef"]) -> Tensor:
        """Turn segments into what `forward` reads."""
        return segments


class SegmentClassifier:
    """A network on standardised segments; a clip's verdict is the mean of its segments' probabilities."""

    def __init__(self, network: SegmentNetwork, mean: Tensor, std: Tensor) -> None:
        self.network, self.mean, self.std = network.eval(), mean, std

    @torch.no_grad()
    def probabilities(self, coefs: Float32[np.ndarray, "frame coef"]) -> Float[np.ndarray, " emotion"]:
        """Give the probability of every emotion for one clip."""
        segments = (_segments(coefs) - self.mean) / self.std
        return self.network(self.network.describe(segments)).softmax(dim=1).mean(dim=0).double().numpy()


class Statistics(SegmentNetwork):
    """Logistic regression on mean, spread and motion of every coefficient."""

    def __init__(self, n_coefs: int, n_emotions: int) -> None:
        super().__init__()
        self.linear = nn.Linear(3 * n_coefs, n_emotions)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def describe(self, segments: Float[Tensor, "segment frame coef"]) -> Float[Tensor, "segment statistic"]:
        """Give mean, spread and motion of every coefficient."""
        motion = segments.diff(dim=1).abs().mean(dim=1)
        return torch.cat([segments.mean(dim=1), segments.std(dim=1), motion], dim=1)

    def forward(self, statistics: Float[Tensor, "segment statistic"]) -> Float[Tensor, "segment emotion"]:
        """Give logits."""
        return self.linear(statistics)


class Convolution(SegmentNetwork):
    """A small convolutional network over time."""

    def __init__(self, n_coefs: int, n_emotions: int, width: int = 48) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(n_coefs, width, 5, padding=2),
            nn.ReLU(),
            nn.Conv1d(width, width, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.AdaptiveAvgPool1d(1),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(width, n_emotions),
        )

    def forward(self, segments: Float[Tensor, "segment frame coef"]) -> Float[Tensor, "segment emotion"]:
        """Give logits."""
        return self.layers(rearrange(segments, "segment frame coef -> segment coef frame"))


class Recurrence(SegmentNetwork):
    """A small LSTM read both ways, its states averaged over time."""

    def __init__(self, n_coefs: int, n_emotions: int, width: int = 24) -> None:
        super().__init__()
        self.lstm = nn.LSTM(n_coefs, width, batch_first=True, bidirectional=True)
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(2 * width, n_emotions))

    def forward(self, segments: Float[Tensor, "segment frame coef"]) -> Float[Tensor, "segment emotion"]:
        """Give logits."""
        states, _ = self.lstm(segments)
        return self.head(states.mean(dim=1))


KINDS: dict[str, Callable[[int, int], SegmentNetwork]] = {
    "statistics": Statistics,
    "convolution": Convolution,
    "recurrence": Recurrence,
}


def fit_classifier(
    clips: Sequence[LabelledSequence],
    n_emotions: int,
    *,
    kind: str = "statistics",
    steps: int = 200,
    decay: float = 0.1,
    seed: int = 0,
) -> SegmentClassifier:
    """Train a classifier; classes weigh alike however many clips they have. The same seed gives the same classifier."""
    if not clips:
        raise MeadManipError("a sequence classifier needs clips")
    segments = [_segments(clip.coefs) for clip in clips]
    labels = torch.cat([torch.full((len(part),), clip.emotion) for part, clip in zip(segments, clips, strict=True)])
    stacked = torch.cat(segments)
    mean, std = stacked.mean(dim=(0, 1)), stacked.std(dim=(0, 1))
    std = std.clamp_min(float((0.1 * std.median()).clamp_min(1e-6)))
    stacked = (stacked - mean) / std
    counts = torch.bincount(labels, minlength=n_emotions).float()
    class_weight = torch.where(counts > 0, len(labels) / counts.clamp_min(1.0), torch.zeros(()))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = KINDS[kind](stacked.shape[2], n_emotions).train()
        described = network.describe(stacked)
        optimizer = torch.optim.AdamW(network.parameters(), lr=0.01, weight_decay=decay)
        for _ in range(steps):
            chosen = torch.randint(len(labels), (min(BATCH, len(labels)),))
            loss = nn.functional.cross_entropy(network(described[chosen]), labels[chosen], weight=class_weight)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return SegmentClassifier(network, mean, std)


def predict(
    classifier: SequenceClassifier, clips: Sequence[Float32[np.ndarray, "_ coef"]]
) -> Int64[np.ndarray, " clip"]:
    """Name the most probable emotion of every clip."""
    return np.array([int(classifier.probabilities(coefs).argmax()) for coefs in clips], dtype=np.int64)


def balanced_accuracy(truth: Int64[np.ndarray, " clip"], predicted: Int64[np.ndarray, " clip"]) -> float:
    """Give the mean over the emotions that occur of the share recognised (UAR)."""
    shares = recalls(truth, predicted)
    return float(np.mean(list(shares.values())))


def recalls(truth: Int64[np.ndarray, " clip"], predicted: Int64[np.ndarray, " clip"]) -> dict[int, float]:
    """Give the share recognised of every emotion that occurs."""
    if not len(truth):
        raise MeadManipError("recall of no clips")
    return {int(label): float((predicted[truth == label] == label).mean()) for label in np.unique(truth)}


def agreement(
    source: Float32[np.ndarray, "frame coef"], edited: Float32[np.ndarray, "frame coef"], coef: int = 0
) -> float:
    """Give Pearson's correlation over the clip of a coefficient (the jaw's opening is the first).

    1 if neither moves, 0 if only one does.
    """
    u, v = source[:, coef].astype(np.float64), edited[:, coef].astype(np.float64)
    u, v = u - u.mean(), v - v.mean()
    size_u, size_v = float(np.sqrt(u @ u)), float(np.sqrt(v @ v))
    if size_u < 1e-9 or size_v < 1e-9:
        return float(size_u < 1e-9 and size_v < 1e-9)
    return float(u @ v / (size_u * size_v))


def jitter(coefs: Float32[np.ndarray, "frame coef"]) -> float:
    """Give the mean absolute second difference over time."""
    return float(np.abs(np.diff(coefs, n=2, axis=0)).mean()) if len(coefs) > 2 else 0.0


def intensity_ratio(
    source: Float[np.ndarray, " coef"], edited: Float[np.ndarray, " coef"], target: Float[np.ndarray, " coef"]
) -> float:
    """Give how far the edit went from the source's mean towards the target's: 0 nowhere, 1 there, more beyond.

    The form of Wav2Lip-Emotion, along the line from source to target.
    """
    way = (target - source).astype(np.float64)
    length = float(way @ way)
    return float((edited - source).astype(np.float64) @ way / length) if length > 0 else 0.0


def _segments(coefs: np.ndarray) -> Tensor:
    """Cut a clip into segments; a shorter clip is mirrored until it fills one."""
    frames = torch.from_numpy(np.ascontiguousarray(coefs, dtype=np.float32))
    while len(frames) < SEGMENT:
        frames = torch.cat([frames, frames.flip(0)])[:SEGMENT]
    return rearrange(frames.unfold(0, SEGMENT, HOP), "segment coef frame -> segment frame coef")
