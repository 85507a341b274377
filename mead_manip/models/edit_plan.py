"""What an edit does and when: styles, strengths and their passages in time, and the coefficients that come of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Float64

from mead_manip.emotions import Blend, blend_text
from mead_manip.geometry import fill_invisible
from mead_manip.models.manipulation import bounded, level_and_blend, restyle, style_of_emotion
from mead_manip.models.manipulator import STYLE, Manipulator

EASES = ("linear", "smooth", "none")
TYPICAL = 64  # draws whose mean is the typical style of an emotion
EASE_SECONDS = 0.4  # how long a change takes, half of it before and half after its moment


@dataclass(frozen=True)
class Style:
    """A blend of emotions, typical or drawn with a seed, or a code that was read off a reference."""

    blend: Blend = field(default_factory=dict)
    seed: int | None = None  # None: the mean of many draws, which no single whim of the mapping network decides
    code: tuple[float, ...] = ()

    @property
    def title(self) -> str:
        """Give its name for people."""
        return blend_text(self.blend) if self.blend else "reference"


@dataclass(frozen=True)
class Passage:
    """A style from one moment to another, in seconds of the video."""

    style: Style
    intensity: float = 1.0
    start: float | None = None  # None: from the first frame
    end: float | None = None  # None: to the last
    ease: str = "smooth"


@dataclass(frozen=True)
class EditPlan:
    """The passages of one face; where there is none, the face stays as it is."""

    passages: tuple[Passage, ...]
    neutral: Style | None = None  # taken on first, so that the actor's own emotion goes: `--from neutral`
    lip_lock: float = 0.0

    @property
    def title(self) -> str:
        """Give the names of its styles, each once."""
        return ", ".join(dict.fromkeys(passage.style.title for passage in self.passages))

    @property
    def is_timed(self) -> bool:
        """Tell whether any passage begins or ends within the video."""
        return any(p.start is not None or p.end is not None for p in self.passages)

    def record(self) -> dict[str, Any]:
        """Give what JSON can hold; numbers come back from it bit for bit."""
        return dict(json.loads(json.dumps(asdict(self))))

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> EditPlan:
        """Read what `record` gave."""
        passages = tuple(Passage(**{**row, "style": _style(row["style"])}) for row in record["passages"])
        neutral = record["neutral"]
        return cls(passages, None if neutral is None else _style(neutral), float(record["lip_lock"]))


def _style(record: dict[str, Any]) -> Style:
    seed = record["seed"]
    return Style(dict(record["blend"]), None if seed is None else int(seed), tuple(record["code"]))


def style_code(nets: Manipulator, style: Style, intensity: float = 1.0) -> tuple[Float32[np.ndarray, " style"], float]:
    """Give the point in the space of styles, and how far to go towards what it makes of a face.

    That of a blend is the weighted mean of those of its emotions. Networks that know levels play `intensity` as one.
    """
    if style.code:
        return np.array(style.code, np.float32), intensity
    drawn = {"seed": 0, "n_styles": TYPICAL} if style.seed is None else {"seed": style.seed}
    codes, share = [], 0.0
    for name, weight in style.blend.items():
        level, blend = level_and_blend(nets, name, intensity)
        codes.append(weight * style_of_emotion(nets, name, level=level, **drawn))
        share += weight * blend
    return torch.stack(codes).sum(dim=0).cpu().numpy(), share


def weight_of(passage: Passage, times: Float64[np.ndarray, " frame"]) -> Float64[np.ndarray, " frame"]:
    """Give how far a passage holds at some times, 0..1. Two that meet add up to 1 all through the change."""
    weight = np.ones(len(times))
    for moment, sign in ((passage.start, 1.0), (passage.end, -1.0)):
        if moment is None:
            continue
        if passage.ease == "none":
            inside = times >= moment
            weight *= inside if sign > 0 else ~inside
            continue
        ramp = np.clip(0.5 + sign * (times - moment) / EASE_SECONDS, 0.0, 1.0)
        weight *= 0.5 - 0.5 * np.cos(np.pi * ramp) if passage.ease == "smooth" else ramp
    return weight


@dataclass(frozen=True)
class Curves:
    """What holds in each frame."""

    style: Float32[np.ndarray, "frame style"]
    strength: Float32[np.ndarray, " frame"]  # intensity of the style
    presence: Float32[np.ndarray, " frame"]  # 0 the source .. 1 the edit


def curves(nets: Manipulator, passages: Sequence[Passage], times: Float64[np.ndarray, " frame"]) -> Curves:
    """Lay the passages over each other: where several hold, styles and intensities are their weighted means."""
    weights = np.stack([weight_of(passage, times) for passage in passages])
    total = weights.sum(axis=0)
    shares = weights / np.where(total > 0, total, 1.0)
    style = np.zeros((len(times), STYLE), np.float64)
    strength = np.zeros(len(times))
    for share, passage in zip(shares, passages, strict=True):
        code, far = style_code(nets, passage.style, passage.intensity)
        style += share[:, None] * code
        strength += share * far
    if (total > 0).any():
        # Windows reach into frames where nothing holds: these take the style of the nearest frame where one does.
        style = fill_invisible(style, total > 0)
    return Curves(*(a.astype(np.float32) for a in (style, strength, np.minimum(total, 1.0))))


@torch.no_grad()
def planned_coefs(
    nets: Manipulator,
    source: Float32[np.ndarray, "frame coef"],
    plan: EditPlan,
    times: Float64[np.ndarray, " frame"],
    own: Float32[np.ndarray, " coef"] | None = None,
) -> Float32[np.ndarray, "frame coef"]:
    """Give the clip's coefficients as the plan wants them, before the lips are locked.

    `own`: the person's face at rest (`resting.own_rest`), about which the edit is made.
    """
    held = curves(nets, plan.passages, times)
    whole = torch.from_numpy(source).to(nets.coef_mean)
    rest = torch.zeros_like(nets.coef_mean) if own is None else torch.from_numpy(own).to(whole)
    start = whole - rest
    strength, presence = (torch.from_numpy(a).to(start)[:, None] for a in (held.strength, held.presence))
    style = torch.from_numpy(held.style).to(start)
    if plan.neutral is None:
        result = start + presence * strength * (restyle(nets, start, style) - start)
    else:
        calm = restyle(nets, start, torch.from_numpy(style_code(nets, plan.neutral)[0]).to(start))
        result = start + presence * (calm + strength * (restyle(nets, calm, style) - calm) - start)
    # What the edit adds goes onto the source itself, so that what it leaves alone stays bit for bit.
    return bounded(nets, result if own is None else whole + (result - start), whole, rest).cpu().numpy()
