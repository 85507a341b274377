"""What a frame shows behind parted lips -> the same teeth and the same dark between the lips of another expression.

Teeth are bone: lips slide over them. Stretched along with the lips a grin's teeth would grow to fangs or shrink to a
line. So between the new lips teeth stay where the skull has them, and where the jaws are apart what is near the lower
lip goes with it. Lips uncover no more of clenched teeth than the old ones did; below them it is dark.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from mead_manip.geometry import rise

OUTLINE = slice(48, 60)  # iBUG-68, of the lips
UPPER_LIP, LOWER_LIP = [60, 61, 62, 63, 64], [60, 67, 66, 65, 64]  # their inner rims
# In inter-ocular distances:
RIM = 0.014  # as wide a rim of an opening may still be lip
LOCAL = 0.05  # what hides lips is looked for in surroundings of this standard deviation
UNCOVERS = (0.01, 0.04)  # an upper lip that rises so far uncovers more of the teeth than was to be seen
LEAVES = (0.06, 0.09)  # a lower lip that goes so far from clenched teeth leaves a dark slot below them
BEYOND, BEYOND_BELOW = 0.05, 0.012  # what the upper, the lower lip hid by less still counts as seen
NARROW = 0.35  # of the half height of an opening: the rim is no wider
PARTED, SURELY_OPEN = (0.03, 0.06), (0.07, 0.12)
# What lies between upper teeth and lower lip is stretched over so much of the opening that no pixel is squeezed to less
# than a third.
STEEPEST = 0.7
# Against lit skin: brightness of teeth and of the dark behind them, and green against red, which tells them from lips.
BRIGHT, DEEP, PALE, RED = (0.3, 0.6), (0.12, 0.3), (1.02, 1.15), (0.8, 0.95)
NO_LIPS = (0.86, 0.93)  # green against red of lips is less
COLOURED = (0.05, 0.15)  # how much less green than red skin is, in linear light, in a picture with colours
ROW = (0.03, 0.12)  # shares of an opening that teeth fill
CLENCHED = (0.72, 0.8)  # and of its middle, where jaws that part show what lies between them
MOSTLY = (0.4, 0.75)  # and that are no lips
DARK = np.array([0.07, 0.035, 0.035], np.float32)  # of the light of the skin comes from a mouth's depth, at most; RGB
FEWEST = 12  # pixels that tell


@dataclass(frozen=True)
class Between:
    """How far each pixel of a mouth is from the lips, pixels."""

    above: Float32[np.ndarray, "h w"]  # from the upper
    below: Float32[np.ndarray, "h w"]  # from the lower

    @property
    def lower_part(self) -> Float32[np.ndarray, "h w"]:
        """Tell the pixels near the lower lip, 1, from those near the upper one, 0."""
        return rise(self.above / np.maximum(self.above + self.below, 1.0), 0.3, 0.7).astype(np.float32)


def between_lips(landmarks: Float32[np.ndarray, "68 2"], size: tuple[int, int]) -> Between:
    """Measure a picture of (height, width) between the lips; landmarks in pixels of the picture."""
    return Between(*(_distance_to(landmarks[lip], size) for lip in (UPPER_LIP, LOWER_LIP)))


def bone_motion(
    between: Between, skull: Float32[np.ndarray, " 2"], lips: Float32[np.ndarray, "h w 2"], clenched: float
) -> Float32[np.ndarray, "h w 2"]:
    """Give where each pixel behind the new lips was, as a difference.

    `skull` says so of the upper teeth, `lips` of what the lips carry along. What lies between the upper teeth and the
    lower lip is stretched or squeezed. `clenched` teeth, 1, are one row, which stays with the skull.
    """
    apart = (1.0 - clenched) * (lips - skull)
    length = max(float(np.linalg.norm(apart[between.below < 2.0], axis=-1).max(initial=0.0)) / STEEPEST, 1.0)
    # Where the opening is too low for that, all of it gives way.
    within = np.minimum(length, np.maximum(between.above + between.below, 1.0))
    share = np.clip(1.0 - between.below / within, 0.0, 1.0)[..., None]
    return (skull + share * apart).astype(np.float32)


def rigid_share(
    between: Between, skull: Float32[np.ndarray, " 2"], lips: Float32[np.ndarray, "h w 2"], clenched: float, eyes: float
) -> float:
    """Tell whether teeth should stay as they are, 1, or be stretched with the lips, 0, which do little to them.

    What an upper lip that rises uncovers of teeth was not to be seen, nor what lies below `clenched` ones, unless the
    lower lip goes far: then it is dark there. `lips` as in `bone_motion`.
    """
    down = (lips - skull)[..., 1] / eyes
    lift, drop = (
        float(np.percentile(sign * down[rim], 75)) if rim.any() else 0.0
        for sign, rim in ((1.0, between.above < 2.0), (-1.0, between.below < 2.0))
    )
    return float((1.0 - rise(lift, *UNCOVERS)) * (1.0 - clenched * (1.0 - rise(drop, *LEAVES))))


@dataclass(frozen=True)
class OwnMouth:
    """The inside of a mouth as its own pixels show it between the new lips."""

    places: Float32[np.ndarray, "h w 2"]  # where to look each pixel up
    known: Float32[np.ndarray, "h w"]  # 0 hidden in the source .. 1 seen there
    below: Float32[np.ndarray, "h w"]  # 0 it is, or was hidden, near the old upper lip .. 1 near the lower one


def own_mouth(
    opening: Bool[np.ndarray, "h w"],
    motion: Float32[np.ndarray, "h w 2"],
    below: Float32[np.ndarray, "h w"],
    eyes: float,
) -> OwnMouth:
    """Find the pixels of the old `opening` that belong between the new lips.

    `motion`: see `bone_motion`; `eyes` is the distance of the outer eye corners; both in pixels. `below`:
    `Between.lower_part` of the old lips. Next to the upper one pixels are taken from further inside: outlines are off
    by some.
    """
    height, width = opening.shape
    depth = cv2.GaussianBlur(_depth_inside(opening), (0, 0), 1.0)  # an outline of pixels has steps, lips have none
    ys, xs = np.mgrid[:height, :width].astype(np.float32)
    places = np.dstack([xs, ys]) + motion
    down, along = np.gradient(cv2.GaussianBlur(depth, (0, 0), max(0.01 * eyes, 0.7)))
    told = np.dstack([depth, below, along, down])
    found = cv2.remap(told, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside, below, uphill = found[..., 0], found[..., 1], found[..., 2:]
    rim = min(RIM * eyes, NARROW * max(float(depth.max()), 0.0))
    steepness = np.linalg.norm(uphill, axis=-1, keepdims=True)
    beyond = np.maximum((BEYOND + (BEYOND_BELOW - BEYOND) * below) * eyes, 1.5)
    inwards = (1.0 - below) * np.clip(rim - inside, 0.0, beyond + rim)
    places += uphill / np.maximum(steepness, 1e-3) * inwards[..., None]
    known = np.clip(1.0 + (inside - rim) / beyond, 0.0, 1.0) if opening.any() else np.zeros_like(depth)
    return OwnMouth(places, known.astype(np.float32), np.ascontiguousarray(below))


@dataclass(frozen=True)
class Seen:
    """What a frame shows between the lips."""

    inside: float  # 0 lips only, which outlines took for an opening .. 1 what lies behind them
    parted: float  # the same by colours alone, however far apart outlines are
    teeth: float  # 0 none .. 1 a row of them
    clenched: float  # 0 something shows between the rows .. 1 nothing but teeth
    lit: Float32[np.ndarray, " 3"]  # colour of teeth in the light, linear RGB; 0 where there are none
    dark: Float32[np.ndarray, " 3"]  # of what lies between and behind them


def seen_inside(
    linear: Float32[np.ndarray, "h w 3"],
    opening: Bool[np.ndarray, "h w"],
    gap: float,
    skin: Float32[np.ndarray, " 3"],
    eyes: float,
) -> Seen:
    """Look between the lips of a picture in linear RGB, which part by `gap` inter-ocular distances (`eyes`, pixels).

    Teeth are about as bright as lit `skin`, and paler; what lies deep is dark; lips are neither.
    """
    depth = _depth_inside(opening)
    deepest = max(float(depth.max()), 0.0)
    within = depth > min(RIM * eyes, NARROW * deepest)
    pixels, middle = linear[within], depth[within] > 0.5 * deepest
    nothing = np.zeros(3, np.float32)
    if len(pixels) < FEWEST:
        return Seen(0.0, 0.0, 0.0, 0.0, nothing, nothing)
    relative = pixels / np.maximum(skin, 1e-4)
    brightness = relative.mean(axis=1)
    paleness = relative[:, 1] / np.maximum(relative[:, 0], 1e-4)
    tooth = _ramp(brightness, *BRIGHT) * _ramp(paleness, *PALE)
    no_lip = np.maximum(tooth, 1.0 - _ramp(brightness, *DEEP))
    parted = float(rise(no_lip.mean(), *MOSTLY))
    inside = max(float(rise(gap, *SURELY_OPEN)), parted)
    teeth = float(rise(_ramp(tooth.mean(), *ROW) * _ramp(gap, *PARTED), 0.0, 1.0))  # lips may shine, too
    closed = _ramp(brightness, *DEEP) * _ramp(paleness, *RED)
    clenched = float(rise(closed[middle].mean(), *CLENCHED)) if middle.any() else 0.0
    if teeth == 0.0:
        return Seen(inside, parted, teeth, clenched, nothing, nothing)
    lit = np.percentile(pixels[tooth >= np.percentile(tooth, 70)], 75, axis=0)
    dark = np.minimum(pixels[brightness <= np.percentile(brightness, 10)].mean(axis=0), DARK * skin)
    return Seen(inside, parted, teeth, clenched, lit.astype(np.float32), dark.astype(np.float32))


def hidden_lips(
    linear: Float32[np.ndarray, "h w 3"],
    landmarks: Float32[np.ndarray, "68 2"],
    skin: Float32[np.ndarray, " 3"],
    eyes: float,
) -> Float32[np.ndarray, "h w"]:
    """Tell where something lies before the lips of a picture in linear RGB, 1, which are in sight elsewhere, 0.

    Lips are redder than skin; a hand is not. Teeth and the dark between them tell nothing, nor does a picture without
    colours.
    """
    relative = linear / np.maximum(skin, 1e-4)
    brightness, paleness = relative.mean(axis=-1), relative[..., 1] / np.maximum(relative[..., 0], 1e-4)
    tooth = _ramp(brightness, *BRIGHT) * _ramp(paleness, *PALE)
    lips = np.zeros(brightness.shape, np.uint8)
    cv2.fillPoly(lips, [np.rint(landmarks[OUTLINE]).astype(np.int32)], 1)
    weight = (lips * (1.0 - tooth) * _ramp(brightness, *DEEP)).astype(np.float32)
    sums = cv2.GaussianBlur(np.dstack([weight, weight * paleness.clip(0, 2)]), (0, 0), LOCAL * eyes)
    mean = sums[..., 1] / np.maximum(sums[..., 0], 1e-4)
    coloured = _ramp(1.0 - float(skin[1] / max(skin[0], 1e-4)), *COLOURED)
    return (coloured * rise(mean, *NO_LIPS) * _ramp(sums[..., 0], 0.02, 0.1)).astype(np.float32)


def pixels_of(source: UInt8[np.ndarray, "h w 3"], places: Float32[np.ndarray, "h w 2"]) -> Float32[np.ndarray, "h w 3"]:
    """Look pixels up (bicubic), 0..255."""
    return cv2.remap(source, places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)


def _distance_to(line: Float32[np.ndarray, "point 2"], size: tuple[int, int]) -> Float32[np.ndarray, "h w"]:
    """Give every pixel's distance to a line of points."""
    apart = np.ones(size, np.uint8)
    cv2.polylines(apart, [np.rint(line).astype(np.int32)], False, 0)
    return cv2.distanceTransform(apart, cv2.DIST_L2, 5) if not apart.all() else np.full(size, sum(size), np.float32)


def _depth_inside(mask: Bool[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """Give the distance to the outline of a mask, positive inside."""
    padded = np.pad(mask, 1).astype(np.uint8)
    inside, outside = (cv2.distanceTransform(part, cv2.DIST_L2, 5)[1:-1, 1:-1] for part in (padded, 1 - padded))
    return inside - np.minimum(outside, float(sum(mask.shape)))


def _ramp(value: Any, start: float, end: float) -> Any:
    """Climb from 0 at `start` to 1 at `end`, evenly."""
    return np.clip((value - start) / (end - start), 0.0, 1.0)
