"""Picture and lids of an eye -> its iris, and where on circles about it the eye is in sight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import no_type_check

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numba import njit

RADIUS = 0.2  # of the width of an eye: 5.9 mm of 30 mm
SHARPNESS = 25.0  # weight of the best place over others: high, and a place is picked; low, and all are averaged
WHITE = 75  # per cent of an eye are darker than white
OTHERS = 0.5  # weight of the other eye
RESTS, ASIDE = 4.0, 1.0
WET = 0.14  # of the height: the rim of the lower lid
CORNER = 0.14  # of the width: neither iris nor white
N_RADII = 35  # circles about an iris, up to a bit more than the width of the eye
ANGLES = np.linspace(0.0, 2.2, 45, dtype=np.float32)  # radians from the top
TURNS = np.stack([np.stack([sign * np.sin(ANGLES), -np.cos(ANGLES)], axis=1) for sign in (1.0, -1.0)]).astype(
    np.float32
)
SOFT = 3.0  # pixels over which what is too far from the iris is drawn nearer
SQUEEZED = 3.0  # pixels of what is in sight, into which what is not is squeezed

STEP = 1 / 40  # of the width of an eye: of the grid on which an iris is sought
_X, _Y = np.meshgrid(np.arange(-0.5, 0.5001, STEP), np.arange(-0.36, 0.3601, STEP))
GRID = np.dstack([_X, _Y]).astype(np.float32)
CANDIDATES = np.ix_(np.abs(GRID[:, 0, 1] + 0.04) < 0.17, np.abs(GRID[0, :, 0]) < 0.31)  # places of its middle


def _rings(low: float, high: float) -> Float32[np.ndarray, "size size"]:
    """Make a kernel that sums up what lies between two circles, in radii of an iris."""
    reach = int(np.ceil(high * RADIUS / STEP))
    radius = np.hypot(*np.mgrid[-reach : reach + 1, -reach : reach + 1]) * STEP / RADIUS
    return ((radius >= low) & (radius <= high)).astype(np.float32)


INSIDE, OUTSIDE = _rings(0.0, 0.9), _rings(1.1, 1.5)


@dataclass(frozen=True)
class Lids:
    """The six points of iBUG-68 about one eye, and coordinates along and across it, from the middle of its corners."""

    points: Float32[np.ndarray, "6 2"]

    @cached_property
    def along(self) -> Float32[np.ndarray, " xy"]:
        """From the corner on the left of the picture to the other one, of length 1."""
        across = self.points[3] - self.points[0]
        return (across / max(float(np.linalg.norm(across)), 1e-6)).astype(np.float32)

    @cached_property
    def down(self) -> Float32[np.ndarray, " xy"]:
        """From the upper lid to the lower one, of length 1."""
        return np.array([-self.along[1], self.along[0]], np.float32)

    @cached_property
    def width(self) -> float:
        """From corner to corner, pixels."""
        return max(float(np.linalg.norm(self.points[3] - self.points[0])), 1e-6)

    @cached_property
    def apart(self) -> float:
        """From lid to lid, pixels."""
        return float(np.linalg.norm(self.points[[1, 2]] - self.points[[5, 4]], axis=1).mean())

    @cached_property
    def middle(self) -> Float32[np.ndarray, " xy"]:
        """Between the corners."""
        return (0.5 * (self.points[0] + self.points[3])).astype(np.float32)

    def raised(self, new: Float32[np.ndarray, "6 2"]) -> float:
        """Tell how far the upper lid of `new` is above this one, pixels."""
        return float(((self.points[[1, 2]] - new[[1, 2]]) @ self.down).mean())

    def own(self, places: Float32[np.ndarray, "*n 2"]) -> Float32[np.ndarray, "*n 2"]:
        """Turn places of the picture into coordinates along and across the eye."""
        away = places - self.middle
        return np.stack([away @ self.along, away @ self.down], axis=-1).astype(np.float32)

    def places(self, own: Float32[np.ndarray, "*n 2"]) -> Float32[np.ndarray, "*n 2"]:
        """Turn coordinates along and across the eye into places of the picture."""
        return (self.middle + own[..., :1] * self.along + own[..., 1:] * self.down).astype(np.float32)

    def between(self, own: Float32[np.ndarray, "*n 2"], shade: float) -> Bool[np.ndarray, "*n"]:
        """Tell what is between the lids, `shade` below the upper one, and not in a corner."""
        inside = np.abs(own[..., 0]) < (0.5 - CORNER) * self.width
        wet = 1.0 + WET * self.apart
        return (own[..., 1] > self.upper(own[..., 0]) + shade) & (own[..., 1] < self.lower(own[..., 0]) - wet) & inside

    def upper(self, along: Float32[np.ndarray, "*n"]) -> Float32[np.ndarray, "*n"]:
        """Tell how low the upper lid is."""
        rim = self.own(self.points[[0, 1, 2, 3]])
        return np.interp(along, rim[:, 0], rim[:, 1]).astype(np.float32)

    def lower(self, along: Float32[np.ndarray, "*n"]) -> Float32[np.ndarray, "*n"]:
        """Tell how low the lower lid is."""
        rim = self.own(self.points[[0, 5, 4, 3]])
        return np.interp(along, rim[:, 0], rim[:, 1]).astype(np.float32)


def find_irises(source: UInt8[np.ndarray, "h w 3"], eyes: Sequence[Lids]) -> list[Float32[np.ndarray, " xy"]]:
    """Return the middle of the iris of each eye, along and across it; eyes look about the same way.

    An average of all places, weighted by how well they fit, does not jump from frame to frame.
    """
    fits = [iris_fit(source, lids) for lids in eyes]
    together = np.sum(fits, axis=0)
    found = []
    for lids, fit in zip(eyes, fits, strict=True):
        fit = ((1.0 - OTHERS) * fit + OTHERS * together)[CANDIDATES]
        weight = np.exp(SHARPNESS * (fit - fit.max()))[..., None]
        found.append((lids.width * (weight * GRID[CANDIDATES]).sum(axis=(0, 1)) / weight.sum()).astype(np.float32))
    return found


def iris_fit(source: UInt8[np.ndarray, "h w 3"], lids: Lids) -> Float32[np.ndarray, "grid_h grid_w"]:
    """Rate the places of `GRID`: inside a circle of an iris's size it is dark, outside light (Daugman 1993); it rests
    about on the lower lid, as irises of people who look ahead do, and is rather in the middle of the eye."""
    own = lids.width * GRID
    colours = cv2.remap(source, lids.places(own), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    value = colours[..., 0]  # red: skin and white are bright in it, and an iris of any colour is dark
    seen = lids.between(own, 0.1 * lids.apart)
    if not seen.any():
        return np.zeros(GRID.shape[:2], np.float32)
    # Highlights are as bright as white.
    white = max(float(np.percentile(value[seen], WHITE)), 1.0)
    value = np.where(seen, np.minimum(value / white, 1.0), 0.0).astype(np.float32)
    both = cv2.merge([value, seen.astype(np.float32)])
    sums = (cv2.filter2D(both, -1, kernel, borderType=cv2.BORDER_CONSTANT) for kernel in (INSIDE, OUTSIDE))
    inside, outside = (total[..., 0] / (total[..., 1] + 1e-3) for total in sums)
    rests = lids.own(lids.points[[4, 5]])[:, 1].mean() / lids.width - 0.9 * RADIUS - GRID[..., 1]
    return (outside - inside - RESTS * rests**2 - ASIDE * GRID[..., 0] ** 2).astype(np.float32)


def in_sight(
    places: Float32[np.ndarray, "h w 2"],
    wanted: Bool[np.ndarray, "h w"],
    lids: Lids,
    iris: Float32[np.ndarray, " xy"],
    shade: float,
) -> tuple[Float32[np.ndarray, "h w 2"], Float32[np.ndarray, "h w"], Float32[np.ndarray, "h w"]]:
    """Return, for `wanted` places of an eye, themselves or, where the upper lid of the source hides them, places that
    it does not hide as far from the middle of the iris, how far round that is, and how far from the middle, pixels."""
    step = lids.width / (N_RADII - 5)
    hidden, reach = _hidden(step, lids, iris, shade)
    found, away, radius = places.copy(), np.zeros(wanted.shape, np.float32), np.zeros(wanted.shape, np.float32)
    _turn(
        places, wanted, lids.middle, lids.along, lids.down, iris, hidden, reach, np.float32(step), found, away, radius
    )
    return found, away, radius


def _hidden(
    step: float, lids: Lids, iris: Float32[np.ndarray, " xy"], shade: float
) -> tuple[Float32[np.ndarray, "side=2 radius"], Float32[np.ndarray, "side=2 smallest_largest=2"]]:
    """Return, right and left of the iris, how far from the top, radians, the upper lid hides circles about it, each
    `step` larger than the one before, and the radii of the smallest and the largest that come out between the lids."""
    radii = step * np.arange(N_RADII, dtype=np.float32)
    own = radii[:, None, None] * TURNS[:, None] + iris  # side radius angle xy
    below = own[..., 1] > lids.upper(own[..., 0]) + shade
    first = np.where(below.any(axis=2), below.argmax(axis=2), len(ANGLES) - 1)
    beyond = np.minimum(first + 1, len(ANGLES) - 1)[..., None, None]
    known = lids.between(np.take_along_axis(own, beyond, axis=2)[:, :, 0], shade)
    if not known.any(axis=1).all():
        return np.zeros(known.shape, np.float32), np.array([[0.0, radii[-1]]] * 2, np.float32)
    reach = [(radii[side][0], radii[side][-1]) for side in known]
    return cv2.blur(ANGLES[first], (3, 1)), np.array(reach, np.float32)


# ---- kernels -------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True, inline="always")
@no_type_check
def _at(table: np.ndarray, place: float) -> float:
    low = min(int(place), table.shape[0] - 2)
    share = min(place - low, np.float32(1.0))
    return table[low] + share * (table[low + 1] - table[low])


@njit(cache=True, nogil=True)
@no_type_check
def _turn(
    places: np.ndarray, wanted: np.ndarray, middle: np.ndarray, along: np.ndarray, down: np.ndarray, iris: np.ndarray,
    hidden: np.ndarray, reach: np.ndarray, step: float, found: np.ndarray, away: np.ndarray,
    radius: np.ndarray,
) -> None:  # fmt: skip
    zero, one, two, three = np.float32(0.0), np.float32(1.0), np.float32(2.0), np.float32(3.0)
    for row in range(places.shape[0]):
        for column in range(places.shape[1]):
            if not wanted[row, column]:
                continue
            x, y = places[row, column, 0] - middle[0], places[row, column, 1] - middle[1]
            u, v = x * along[0] + y * along[1] - iris[0], x * down[0] + y * down[1] - iris[1]
            side, sign = (0, one) if u >= zero else (1, -one)
            distance, from_top = np.sqrt(u * u + v * v), np.arctan2(abs(u), -v)
            radius[row, column] = distance
            limit = _at(hidden[side], distance / step)
            if limit <= zero:
                continue
            # There is less white in sight on the way to a corner than there is under a lid.
            share = min(max(distance * (limit - from_top) / np.float32(SOFT), zero), one)
            shorter = min(max(distance, reach[side, 0]), reach[side, 1])
            distance += share * share * (three - two * share) * (shorter - distance)
            limit = _at(hidden[side], distance / step)
            squeezed = min(np.float32(SQUEEZED) / max(distance, one), np.float32(0.3) * limit)
            turned = limit + squeezed * from_top / max(limit + squeezed, np.float32(1e-6))
            if turned <= from_top:
                continue
            radius[row, column] = distance
            away[row, column] = distance * (turned - from_top)
            u, v = iris[0] + sign * distance * np.sin(turned), iris[1] - distance * np.cos(turned)
            found[row, column, 0] = middle[0] + u * along[0] + v * down[0]
            found[row, column, 1] = middle[1] + u * along[1] + v * down[1]
