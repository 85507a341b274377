"""What the manipulator learns from: which clips, cut into which windows, on which scale, in which order.

The frames of all clips are held once; a window is an index into them, and a clip a view. The order of the batches and
the noise depend on the seed and the number of the step alone, so a resumed run meets exactly the batches of an
uninterrupted one, and several processes their own parts of the batches of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int8, Int64
from torch import Tensor

from mead_manip.emotions import NED_EMOTIONS
from mead_manip.errors import MeadManipError
from mead_manip.models.manipulator import LEVELS, WINDOW
from mead_manip.training.drawing import balanced_order, class_members, draw_noise, generator_of, order

LOWEST_SPREAD = 0.1  # a coefficient that hardly moves counts as having this share of the median spread
RANGE_PERCENT = (0.5, 99.5)  # the training range that edited coefficients are kept in


@dataclass(frozen=True)
class Labels:
    """What a clip says about itself."""

    clip_id: str
    actor: str
    emotion: str
    level: int  # 0 where unknown
    view: str  # "" where unknown


@dataclass(frozen=True)
class ClipSequence:
    """One clip's coefficients with its labels and how far its label is trusted (lambda)."""

    labels: Labels
    coefs: Float32[np.ndarray, "frame coef"]
    visible: Bool[np.ndarray, " frame"]
    trust: float = 1.0
    frame_emotion: Int8[np.ndarray, " frame"] | None = None  # NED's index, -1 unknown; where frames have labels


@dataclass(frozen=True)
class Batch:
    """Windows on the networks' scale: a source and an independently drawn reference per sample."""

    source: Float[Tensor, "batch frame coef"]
    source_emotion: Int64[Tensor, " batch"]
    source_weight: Float[Tensor, " batch"]
    reference: Float[Tensor, "batch frame coef"]
    reference_emotion: Int64[Tensor, " batch"]
    reference_weight: Float[Tensor, " batch"]
    noise: Float[Tensor, "batch noise"]
    other_noise: Float[Tensor, "batch noise"]  # a second latent, for the diversity term
    source_level: Float[Tensor, " batch"]  # of intensity, 1 to 3; the highest for neutral and where unknown
    reference_level: Float[Tensor, " batch"]


def visible_runs(visible: Bool[np.ndarray, " frame"]) -> list[tuple[int, int]]:
    """Give (first, last + 1) of every run of visible frames."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], visible, [False]]).astype(np.int8)))
    return [(int(first), int(stop)) for first, stop in edges.reshape(-1, 2)]


@dataclass(frozen=True)
class Scale:
    """How coefficients are brought to the networks' scale, and the range they have in training."""

    mean: Float[Tensor, " coef"]
    std: Float[Tensor, " coef"]
    low: Float[Tensor, " coef"]
    high: Float[Tensor, " coef"]

    @classmethod
    def of(cls, frames: Float[Tensor, "frame coef"], scaling: str) -> Scale:
        """Measure the training frames.

        `raw` keeps the numbers, as NED does with FLAME's, which have unit variance by construction. `spread` divides
        all by one number: as large as FLAME's, in their own proportions. `each` gives every coefficient unit variance.
        """
        percent = torch.tensor(RANGE_PERCENT, dtype=torch.float64) / 100
        low, high = torch.from_numpy(np.quantile(frames.numpy(), percent.numpy(), axis=0)).float()
        mean, std = frames.mean(dim=0), frames.std(dim=0)
        if scaling == "raw":
            mean, std = torch.zeros_like(mean), torch.ones_like(std)
        elif scaling == "spread":
            std = torch.full_like(std, float(std.square().mean().sqrt().clamp_min(1e-6)))
        else:
            std = std.clamp_min(float((LOWEST_SPREAD * std.median()).clamp_min(1e-6)))
        return cls(mean, std, low, high)


class Windows:
    """All windows of some clips, hop 1, never across clips or over frames without a face (or, if they have, a label).

    The clips are read one by one into one array of their visible frames, of which `clips` are views. Where `n_frames`
    (as many as all clips have, or more) is given, `clips` may be a generator: then no frame is ever held twice.
    """

    def __init__(
        self,
        clips: Iterable[ClipSequence],
        emotions: Sequence[str],
        weights: Float[Tensor, " clip"],
        *,
        seed: int,
        window: int = WINDOW,
        balanced: bool = False,
        n_frames: int | None = None,
    ) -> None:
        if n_frames is None:
            clips = list(clips)
            n_frames = sum(int(clip.visible.sum()) for clip in clips)
        self.clips: list[ClipSequence] = []
        self.seed, self.window = seed, window
        pool, offset = np.empty((0, 0), np.float32), 0
        found = []
        for clip in clips:
            if not self.clips:
                pool = np.empty((n_frames, clip.coefs.shape[1]), np.float32)
            stop = offset + int(clip.visible.sum())
            np.compress(clip.visible, clip.coefs, axis=0, out=pool[offset:stop])
            found += _windows_of(clip, offset, len(self.clips), emotions, window)
            self.clips.append(_visible_view(clip, pool[offset:stop]))
            offset = stop
        if not found:
            raise MeadManipError(
                f"no run of {window} visible frames in {len(self.clips)} clips", expected="at least one"
            )
        starts, labels, owners, levels = (np.concatenate(part) for part in zip(*found, strict=True))
        self.frames = torch.from_numpy(pool[:offset])
        self.starts, self.emotion = torch.from_numpy(starts), torch.from_numpy(labels)
        self.weight = weights[torch.from_numpy(owners)].to(torch.float32)
        self.level = torch.from_numpy(levels)
        self.scale: Scale | None = None
        self._groups = class_members(self.emotion) if balanced else []
        self._balanced: tuple[int, Tensor] = (-1, self.starts)

    def __len__(self) -> int:
        return len(self.starts)

    def scaled(self, scale: Scale, device: torch.device) -> Windows:
        """Move to a device, and give batches on the networks' scale from now on. The clips stay as they are."""
        self.scale = Scale(*(part.to(device) for part in (scale.mean, scale.std, scale.low, scale.high)))
        self.frames, self.starts, self.emotion, self.weight, self.level = (
            tensor.to(device) for tensor in (self.frames, self.starts, self.emotion, self.weight, self.level)
        )
        return self

    def batches_per_epoch(self, batch_size: int) -> int:
        """Count the full batches of one pass; a last partial one is left out."""
        return max(1, len(self) // batch_size)

    def batch(self, step: int, batch_size: int, part: slice = slice(None)) -> Batch:
        """Give the batch of a step: the source loader's next windows, and as many of the reference loader.

        `part` gives only some of its samples: those that one of several processes works on.
        """
        epoch, position = divmod(step, self.batches_per_epoch(batch_size))
        chosen = slice(position * batch_size, (position + 1) * batch_size)
        source = self._source_order(epoch)[chosen][part]
        reference = order(len(self), self.seed, epoch, "reference")[chosen][part]
        n_samples = min(batch_size, len(self))
        noise, other = (draw_noise(n_samples, self.seed, step, role)[part] for role in ("noise", "other noise"))
        return self._batch(source, reference, noise, other)

    def all_batches(self, batch_size: int) -> Iterable[Batch]:
        """Give every window once as a source, with shuffled references: the same batches at every call."""
        references = order(len(self), self.seed, 0, "validation")
        for index in range(0, len(self), batch_size):
            source = torch.arange(index, min(index + batch_size, len(self)))
            noise = draw_noise(len(source), self.seed, index, "validation noise")
            yield self._batch(source, references[index : index + batch_size], noise, noise)

    def _source_order(self, epoch: int) -> Tensor:
        if not self._groups:
            return order(len(self), self.seed, epoch, "source")
        if self._balanced[0] != epoch:
            generator = generator_of(self.seed, epoch, "balanced source")
            self._balanced = (epoch, balanced_order(self._groups, len(self), generator))
        return self._balanced[1]

    def _batch(self, source: Tensor, reference: Tensor, noise: Tensor, other: Tensor) -> Batch:
        device = self.starts.device
        source, reference = source.to(device), reference.to(device)
        windows = self._windows(torch.cat([source, reference]))
        return Batch(
            windows[: len(source)],
            self.emotion[source],
            self.weight[source],
            windows[len(source) :],
            self.emotion[reference],
            self.weight[reference],
            noise.to(device),
            other.to(device),
            self.level[source],
            self.level[reference],
        )

    def _windows(self, index: Tensor) -> Tensor:
        taps = torch.arange(self.window, device=index.device)
        windows = self.frames[self.starts[index][:, None] + taps]
        return windows if self.scale is None else windows.sub_(self.scale.mean).div_(self.scale.std)


def weights_by_class(weights: Float[Tensor, " clip"], emotions: Sequence[str]) -> Mapping[str, float]:
    """Give the mean weight of the clips of every emotion."""
    present = [emotion for emotion in NED_EMOTIONS if emotion in emotions]
    return {
        emotion: float(weights[torch.tensor([other == emotion for other in emotions])].mean()) for emotion in present
    }


# ---- below: what a clip holds ---------------------------------------------------------------------------------------


def _windows_of(
    clip: ClipSequence, offset: int, owner: int, emotions: Sequence[str], window: int
) -> list[tuple[np.ndarray, ...]]:
    """Give start, emotion, owner and level of the windows of a clip whose visible frames lie at `offset`."""
    usable = clip.visible if clip.frame_emotion is None else clip.visible & (clip.frame_emotion >= 0)
    place = offset + np.cumsum(clip.visible) - 1
    level = clip.labels.level if clip.labels.level and clip.labels.emotion != "neutral" else LEVELS
    found: list[tuple[np.ndarray, ...]] = []
    for first, stop in visible_runs(usable):
        n_windows = stop - first - window + 1
        if n_windows < 1:
            continue
        if clip.frame_emotion is None:
            labels = np.full(n_windows, emotions.index(clip.labels.emotion))
        else:
            labels = _majority(clip.frame_emotion[first:stop], emotions, window)
        starts = place[first] + np.arange(n_windows)
        found.append((starts, labels, np.full(n_windows, owner), np.full(n_windows, level, np.float32)))
    return found


def _majority(frames: np.ndarray, emotions: Sequence[str], window: int) -> np.ndarray:
    """Give the most frequent label of every window, as an index into `emotions`; the first of several."""
    own = np.array([NED_EMOTIONS.index(emotion) for emotion in emotions])
    counts = np.cumsum(np.pad(frames[:, None] == own, ((1, 0), (0, 0))), axis=0)
    return (counts[window:] - counts[:-window]).argmax(axis=1)


def _visible_view(clip: ClipSequence, coefs: np.ndarray) -> ClipSequence:
    """Give a clip of its visible frames alone, which lie at `coefs`."""
    frame_emotion = None if clip.frame_emotion is None else clip.frame_emotion[clip.visible]
    return ClipSequence(clip.labels, coefs, np.ones(len(coefs), bool), clip.trust, frame_emotion)
