"""What the manipulator learns from: which clips, cut into which windows, on which scale, in which order.

The frames of all clips are held once; a window is an index into them. The order of the batches and the noise depend on
the seed and the number of the step alone, so a resumed run meets exactly the batches of an uninterrupted one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64
from torch import Tensor

from mead_manip.emotions import NED_EMOTIONS
from mead_manip.errors import MeadManipError, UsageError
from mead_manip.models.manipulator import NOISE, WINDOW

NED_VALIDATION = "M023"  # NED trains on M003, M009, W029 and validates on this actor
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


@dataclass(frozen=True)
class Selection:
    """The clips of a run, and what is worth saying about the choice."""

    training: list[Labels]
    validation: list[Labels]
    notes: list[str]


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


def select(
    clips: Iterable[Labels],
    *,
    views: Sequence[str],
    levels: Sequence[str],
    actors: Sequence[str] = (),
    val_actors: Sequence[str] = (),
) -> Selection:
    """Choose as NED does: one view, the strongest level, neutral at any, no contempt, an actor held out.

    A clip of unknown view counts as wanted. An emotion that has no clip of a wanted level is taken at its highest.
    """
    usable = [clip for clip in clips if clip.emotion in NED_EMOTIONS and clip.view in ("", *views)]
    held_out = _held_out(sorted({clip.actor for clip in usable}), actors, val_actors)
    wanted_levels = {_level(word) for word in levels}
    training, validation, notes = [], [], []
    for emotion in NED_EMOTIONS:
        of_emotion = [clip for clip in usable if clip.emotion == emotion]
        chosen = [clip for clip in of_emotion if emotion == "neutral" or clip.level in wanted_levels]
        if of_emotion and not chosen:
            highest = max(clip.level for clip in of_emotion)
            chosen = [clip for clip in of_emotion if clip.level == highest]
            notes.append(f"{emotion}: no clip of level {', '.join(levels)}; taking level {highest or 'unknown'}")
        validation += [clip for clip in chosen if clip.actor in held_out]
        training += [clip for clip in chosen if clip.actor not in held_out and (not actors or clip.actor in actors)]
    return Selection(training, validation, notes)


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
    """All windows of some clips, hop 1, never across clips or over frames without a face."""

    def __init__(
        self, clips: Sequence[ClipSequence], emotions: Sequence[str], weights: Float[Tensor, " clip"], *, seed: int
    ) -> None:
        frames, starts, owners, offset = [], [], [], 0
        for index, clip in enumerate(clips):
            for first, stop in visible_runs(clip.visible):
                n_windows = stop - first - WINDOW + 1
                if n_windows < 1:
                    continue
                frames.append(torch.from_numpy(clip.coefs[first:stop]))
                starts.append(torch.arange(offset, offset + n_windows))
                owners.append(torch.full((n_windows,), index))
                offset += stop - first
        if not frames:
            raise MeadManipError(f"no run of {WINDOW} visible frames in {len(clips)} clips", expected="at least one")
        labels = torch.tensor([emotions.index(clip.labels.emotion) for clip in clips])
        owner = torch.cat(owners)
        self.seed = seed
        self.frames = torch.cat(frames)
        self.starts = torch.cat(starts)
        self.emotion = labels[owner]
        self.weight = weights[owner].to(torch.float32)

    def __len__(self) -> int:
        return len(self.starts)

    def scaled(self, scale: Scale, device: torch.device) -> Windows:
        """Move to the networks' scale and device, in place: the frames are never held twice."""
        self.frames = self.frames.sub_(scale.mean).div_(scale.std).to(device)
        self.starts, self.emotion, self.weight = (
            tensor.to(device) for tensor in (self.starts, self.emotion, self.weight)
        )
        return self

    def batches_per_epoch(self, batch_size: int) -> int:
        """Count the full batches of one pass; a last partial one is left out."""
        return max(1, len(self) // batch_size)

    def batch(self, step: int, batch_size: int) -> Batch:
        """Give the batch of a step: the source loader's next windows, and as many of the reference loader."""
        epoch, position = divmod(step, self.batches_per_epoch(batch_size))
        chosen = slice(position * batch_size, (position + 1) * batch_size)
        source = _order(len(self), self.seed, epoch, "source")[chosen].to(self.starts.device)
        reference = _order(len(self), self.seed, epoch, "reference")[chosen].to(self.starts.device)
        noise = torch.randn(len(source), NOISE, generator=_generator(self.seed, step, "noise"))
        return self._batch(source, reference, noise.to(self.frames))

    def all_batches(self, batch_size: int) -> Iterable[Batch]:
        """Give every window once as a source, with shuffled references: the same batches at every call."""
        order = _order(len(self), self.seed, 0, "validation").to(self.starts.device)
        for index in range(0, len(self), batch_size):
            source = torch.arange(index, min(index + batch_size, len(self)), device=self.starts.device)
            noise = torch.randn(len(source), NOISE, generator=_generator(self.seed, index, "validation noise"))
            yield self._batch(source, order[index : index + batch_size], noise.to(self.frames))

    def _batch(self, source: Tensor, reference: Tensor, noise: Tensor) -> Batch:
        return Batch(
            self._windows(source),
            self.emotion[source],
            self.weight[source],
            self._windows(reference),
            self.emotion[reference],
            self.weight[reference],
            noise,
        )

    def _windows(self, index: Tensor) -> Tensor:
        taps = torch.arange(WINDOW, device=index.device)
        return self.frames[self.starts[index][:, None] + taps]


def weights_by_class(weights: Float[Tensor, " clip"], emotions: Sequence[str]) -> Mapping[str, float]:
    """Give the mean weight of the clips of every emotion."""
    present = [emotion for emotion in NED_EMOTIONS if emotion in emotions]
    return {
        emotion: float(weights[torch.tensor([other == emotion for other in emotions])].mean()) for emotion in present
    }


# ---- below: who is held out, and the order of things ----------------------------------------------------------------


def _held_out(known: list[str], actors: Sequence[str], val_actors: Sequence[str]) -> set[str]:
    if tuple(val_actors) == ("none",):
        return set()
    unknown = sorted({*actors, *val_actors} - set(known))
    if unknown:
        raise UsageError(f"unknown actor {unknown[0]!r}", expected="one of " + ", ".join(known))
    if val_actors:
        return set(val_actors)
    candidates = [actor for actor in known if actor not in actors]
    if len(known) < 2 or not candidates:
        return set()
    return {NED_VALIDATION if NED_VALIDATION in candidates else candidates[-1]}


def _level(word: str) -> int:
    digits = word.removeprefix("level_")
    if digits not in ("1", "2", "3"):
        raise UsageError(f"--levels: {word!r}", expected="1, 2 or 3")
    return int(digits)


@lru_cache(maxsize=4)
def _order(n_windows: int, seed: int, epoch: int, role: str) -> Tensor:
    return torch.randperm(n_windows, generator=_generator(seed, epoch, role))


def _generator(seed: int, index: int, role: str) -> torch.Generator:
    """Give a generator that depends on nothing but its name and number."""
    state = np.random.SeedSequence([seed, index, *role.encode()]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))
