"""Lids that rise -> the eye that they uncover, which the source does not show.

Iris and white look about the same all around the pupil: what is uncovered is fetched from where the same circle about
the pupil is in sight, instead of being stretched down from the lid with pupil and highlights (`still_eyes`). Lashes and
the shadow below them go along with their lid.
"""

from __future__ import annotations

from typing import no_type_check

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int32, UInt8
from numba import njit

from mead_manip.geometry import rise
from mead_manip.rendering.eyes import EYES, opening_of
from mead_manip.rendering.iris import GRID, RADIUS, Lids, find_irises, in_sight

BAND = 0.24  # of the height of the opening: how far the rim of the upper lid reaches onto the eye
LOWER_BAND, PER_TRAVEL = 0.25, 3.0  # the lower lid's motion fades within this band, or so many times its travel
SHADE = 0.22  # of the height of the opening: lashes and shadow below the lid of the source, which go with the lid
PER_RAISED = 0.6  # of the way that the lid rises: no more of them than that
OPEN = (0.17, 0.26)  # height by width of an eye: nothing to fetch from within the first, all of it from the second on
RAISED = (0.0, 0.1)  # of the height of the opening: lids that rise less than the second uncover little
CORNERS = (0.28, 0.42)  # of the width, from the middle: beyond there is little white to fetch
HIGHLIGHT = 0.09  # of the width of an eye: larger than highlights
GLARE = 88  # per cent of an eye are darker than reflections on its white


def show_eyes(
    image: UInt8[np.ndarray, "h w 3"],
    source: UInt8[np.ndarray, "h w 3"],
    motion: Float32[np.ndarray, "h w 2"],
    covered: Bool[np.ndarray, "h w"],
    old_landmarks: Float32[np.ndarray, "68 2"],
    new_landmarks: Float32[np.ndarray, "68 2"],
) -> None:
    """Draw eyes whose upper lids rise into `image`, in place; where skin is `covered` it moves by `motion`."""
    eyes = [Lids(old_landmarks[eye]) for eye in EYES]
    raised = [lids.raised(new_landmarks[eye]) for lids, eye in zip(eyes, EYES, strict=True)]
    opened = rise(np.array([lids.apart / lids.width for lids in eyes]), *OPEN)
    amounts = opened * rise(
        np.array([up / max(lids.apart, 1.0) for lids, up in zip(eyes, raised, strict=True)]), *RAISED
    )
    if not amounts.any():
        return
    irises = find_irises(source, eyes)
    for eye, lids, iris, up, amount in zip(EYES, eyes, irises, raised, amounts, strict=True):
        found = opening_of(new_landmarks[eye], covered)
        if amount == 0.0 or found is None:
            continue
        (x0, y0, x1, y1), opening = found
        places = np.empty((y1 - y0, x1 - x0, 2), np.float32)
        places[..., 0], places[..., 1] = np.arange(x0, x1), np.arange(y0, y1)[:, None]
        away = lids.own(places)
        weight = np.float32(amount) * (1.0 - rise(np.abs(away[..., 0]) / lids.width, *CORNERS))
        weight[opening == 0] = 0.0
        layers = _layers(source, motion[y0:y1, x0:x1], opening, places, away[..., 1] >= 0, lids, iris, up)
        if layers is not None:
            _mix(*layers, weight, image[y0:y1, x0:x1])


def _layers(
    source: UInt8[np.ndarray, "h w 3"],
    motion: Float32[np.ndarray, "a b 2"],
    opening: UInt8[np.ndarray, "a b"],
    places: Float32[np.ndarray, "a b 2"],
    below: Bool[np.ndarray, "a b"],
    lids: Lids,
    iris: Float32[np.ndarray, " xy"],
    raised: float,
) -> tuple[np.ndarray, ...] | None:
    """Return what `_mix` puts together; None where the opening ends at the border of the picture."""
    rim = cv2.dilate(opening, np.ones((3, 3), np.uint8)) & ~opening
    upper, lower = rim & ~below, rim & below
    if not (upper.any() and lower.any()):
        return None
    lid, faded, of_eye = places.copy(), np.zeros_like(places), np.zeros(opening.shape, np.float32)
    near_upper, near_lower = _nearest(motion, upper), _nearest(motion, lower)
    _slide(*near_upper, *near_lower, opening, lids.down, np.float32(lids.apart), lid, faded, of_eye)
    eye, turned, radius = in_sight(places, opening > 0, lids, iris, min(SHADE * lids.apart, PER_RAISED * raised))
    eye += faded
    without, white = _without_highlights(source, eye, lids)
    return (
        _fetch(source, lid),
        _fetch(source, eye),
        without,
        white,
        radius / np.float32(RADIUS * lids.width),
        turned,
        of_eye,
    )


def _without_highlights(
    source: UInt8[np.ndarray, "h w 3"], places: Float32[np.ndarray, "a b 2"], lids: Lids
) -> tuple[UInt8[np.ndarray, "a b 3"], Float32[np.ndarray, " rgb=3"]]:
    """Look places on an iris up, but for highlights, which do not go round a pupil, and tell how bright the white is.

    The white is next to skin, which such a filter would draw over it: of its highlights no more is known than that.
    """
    low = np.maximum(np.floor(lids.points.min(axis=0)).astype(int) - 2, 0)
    high = np.ceil(lids.points.max(axis=0)).astype(int) + 3
    eye = source[low[1] : high[1], low[0] : high[0]]
    if eye.size == 0:
        return _fetch(source, places), np.full(3, 255, np.float32)
    size = int(HIGHLIGHT * lids.width) | 1
    darker = cv2.morphologyEx(eye, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    own = lids.width * GRID
    seen = lids.between(own, SHADE * lids.apart)
    colours = _fetch(source, lids.places(own))[seen] if seen.any() else np.full((1, 3), 255)
    white = np.percentile(colours, GLARE, axis=0).astype(np.float32)
    return cv2.remap(darker, places - low.astype(np.float32), None, cv2.INTER_LINEAR), white


def _nearest(
    motion: Float32[np.ndarray, "a b 2"], rim: UInt8[np.ndarray, "a b"]
) -> tuple[Float32[np.ndarray, "a b"], Int32[np.ndarray, "a b"], Float32[np.ndarray, "label 2"]]:
    """Return how far each pixel is from the rim of a lid, the label of the pixel of the rim that is nearest, and the
    motion of each label."""
    distance, label = cv2.distanceTransformWithLabels(1 - rim, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    moves = np.zeros((int(label.max()) + 1, 2), np.float32)
    moves[label[rim > 0]] = motion[rim > 0]
    return distance, label, moves


def _fetch(source: UInt8[np.ndarray, "h w 3"], places: Float32[np.ndarray, "a b 2"]) -> UInt8[np.ndarray, "a b 3"]:
    return cv2.remap(source, places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


# ---- kernels -------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
@no_type_check
def _slide(
    from_upper: np.ndarray, upper: np.ndarray, of_upper: np.ndarray, from_lower: np.ndarray, lower: np.ndarray,
    of_lower: np.ndarray, opening: np.ndarray, down: np.ndarray, apart: float, lid: np.ndarray, faded: np.ndarray,
    of_eye: np.ndarray,
) -> None:  # fmt: skip
    """Move `lid` along with the lids, tell what the eye has of the lower lid's motion, and how far it is no lid."""
    one, two, three = np.float32(1.0), np.float32(2.0), np.float32(3.0)
    for y in range(opening.shape[0]):
        for x in range(opening.shape[1]):
            if not opening[y, x]:
                continue
            low, high = of_lower[lower[y, x]], of_upper[upper[y, x]]
            travel = -(low[0] * down[0] + low[1] * down[1])
            far = max(np.float32(PER_TRAVEL) * travel, np.float32(LOWER_BAND) * apart, np.float32(1e-3))
            fade = one - min(from_lower[y, x] / far, one)
            fade = fade * fade * (three - two * fade)
            # Where lids meet their motions blend.
            share = from_lower[y, x] / max(from_upper[y, x] + from_lower[y, x], np.float32(1e-6))
            for k in range(2):
                faded[y, x, k] = fade * low[k]
                lid[y, x, k] += share * high[k] + (one - share) * fade * low[k]
            way = min(from_upper[y, x] / (np.float32(BAND) * apart), one)
            of_eye[y, x] = way * way * (three - two * way)


@njit(cache=True, nogil=True)
@no_type_check
def _mix(
    lid: np.ndarray, eye: np.ndarray, without: np.ndarray, white: np.ndarray, radii: np.ndarray, turned: np.ndarray,
    of_eye: np.ndarray, weight: np.ndarray, image: np.ndarray,
) -> None:  # fmt: skip
    zero, half, one, two, three = np.float32(0.0), np.float32(0.5), np.float32(1.0), np.float32(2.0), np.float32(3.0)
    for y in range(lid.shape[0]):
        for x in range(lid.shape[1]):
            if weight[y, x] <= np.float32(0.0):
                continue
            # Whatever was turned by 2 pixels is without highlights; an iris ends between these shares of its radius.
            dull = min(turned[y, x] * half, one)
            dull = dull * dull * (three - two * dull)
            off_iris = min(max((radii[y, x] - np.float32(0.95)) * np.float32(5.0), zero), one)
            on_iris = one - off_iris * off_iris * (three - two * off_iris)
            for k in range(3):
                value = np.float32(eye[y, x, k])
                capped = min(value, white[k])
                value += dull * (capped + on_iris * (without[y, x, k] - capped) - value)
                value = lid[y, x, k] + of_eye[y, x] * (value - lid[y, x, k])
                before = np.float32(image[y, x, k])
                image[y, x, k] = np.uint8(before + weight[y, x] * (value - before) + np.float32(0.5))
