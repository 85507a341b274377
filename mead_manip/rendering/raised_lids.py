"""Lids that rise -> the eye that they uncover, which the source does not show.

Iris and white look about the same all around the pupil: what is uncovered is fetched from where the same circle about
the pupil is in sight, instead of being stretched down from the lid with pupil and highlights (`still_eyes`). Lashes and
the shadow below them go along with their lid.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from mead_manip.rendering.eyes import EYES
from mead_manip.rendering.iris import RADIUS, Lids, find_irises, in_sight, rise

BAND = 0.24  # of the height of the opening: how far the rim of the upper lid reaches onto the eye
LOWER_BAND, PER_TRAVEL = 0.25, 3.0  # the lower lid's motion fades within this band, or so many times its travel
SHADE = 0.22  # of the height of the opening: lashes and shadow below the lid of the source, which go with the lid
PER_RAISED = 0.6  # of the way that the lid rises: no more of them than that
OPEN = (0.15, 0.24)  # height by width of an eye: nothing to fetch from within the first, all of it from the second on
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
        places = np.dstack(np.meshgrid(np.arange(x0, x1), np.arange(y0, y1))).astype(np.float32)
        drawn = _drawn(source, motion[y0:y1, x0:x1], opening, places, lids, iris, up)
        if drawn is None:
            continue
        before = image[y0:y1, x0:x1]
        aside = np.abs((places - lids.middle) @ lids.along) / lids.width
        mixed = before + (amount * (1.0 - rise(aside, *CORNERS)))[..., None] * (drawn - before)
        np.copyto(before, np.rint(np.clip(mixed, 0, 255)).astype(np.uint8), where=opening[..., None] > 0)


def opening_of(
    lids: Float32[np.ndarray, "6 2"], covered: Bool[np.ndarray, "h w"]
) -> tuple[tuple[int, int, int, int], UInt8[np.ndarray, "_ _"]] | None:
    """Return a rectangle about an eye and which of its pixels are between the lids; None where none are."""
    height, width = covered.shape
    x0, y0 = np.maximum(np.floor(lids.min(axis=0)).astype(int) - 2, 0).tolist()
    x1, y1 = np.minimum(np.ceil(lids.max(axis=0)).astype(int) + 3, (width, height)).tolist()
    if x1 - x0 < 4 or y1 - y0 < 4:
        return None
    opening = np.zeros((y1 - y0, x1 - x0), np.uint8)
    cv2.fillConvexPoly(opening, np.rint(lids - (x0, y0)).astype(np.int32), 1)
    opening = cv2.dilate(opening, np.ones((3, 3), np.uint8)) & ~covered[y0:y1, x0:x1]
    return ((x0, y0, x1, y1), opening) if opening.any() else None


def _drawn(
    source: UInt8[np.ndarray, "h w 3"],
    motion: Float32[np.ndarray, "a b 2"],
    opening: UInt8[np.ndarray, "a b"],
    places: Float32[np.ndarray, "a b 2"],
    lids: Lids,
    iris: Float32[np.ndarray, " xy"],
    raised: float,
) -> Float32[np.ndarray, "a b 3"] | None:
    """Return the eye in its new opening; None where that ends at the border of the picture."""
    rim = cv2.dilate(opening, np.ones((3, 3), np.uint8)) & ~opening
    below = (places - lids.middle) @ lids.down >= 0
    upper, lower = rim & ~below, rim & below
    if not (upper.any() and lower.any()):
        return None
    from_upper, of_upper = _of_nearest(motion, upper)
    from_lower, of_lower = _of_nearest(motion, lower)
    travel = -(of_lower @ lids.down)
    beyond = rise(from_lower / np.maximum(PER_TRAVEL * travel, LOWER_BAND * lids.apart), 0, 1)
    faded = of_lower * (1.0 - beyond)[..., None]
    # Where lids meet their motions blend.
    share = (from_lower / np.maximum(from_upper + from_lower, 1e-6))[..., None]
    lid = places + share * of_upper + (1.0 - share) * faded
    eye, turned = in_sight(places, lids, iris, min(SHADE * lids.apart, PER_RAISED * raised))
    of_eye = rise(from_upper / (BAND * lids.apart), 0, 1)[..., None]
    rim_of_lid = _fetch(source, lid)
    on_iris = 1.0 - rise(np.linalg.norm(lids.own(eye) - iris, axis=-1) / (RADIUS * lids.width), 0.95, 1.15)
    dull = rise(turned, 0, 2)
    return rim_of_lid + of_eye * (_eyeball(source, eye + faded, dull, on_iris, lids) - rim_of_lid)


def _eyeball(
    source: UInt8[np.ndarray, "h w 3"],
    places: Float32[np.ndarray, "a b 2"],
    dull: Float32[np.ndarray, "a b"],
    on_iris: Float32[np.ndarray, "a b"],
    lids: Lids,
) -> Float32[np.ndarray, "a b 3"]:
    """Look places up, without highlights where they are to be `dull`: those do not go round a pupil."""
    low = np.maximum(np.floor(lids.points.min(axis=0)).astype(int) - 2, 0)
    high = np.ceil(lids.points.max(axis=0)).astype(int) + 3
    eye = source[low[1] : high[1], low[0] : high[0]]
    looked_up = _fetch(source, places)
    if eye.size == 0:
        return looked_up
    size = int(HIGHLIGHT * lids.width) | 1
    darker = cv2.morphologyEx(eye, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    # The white is next to skin, which such a filter would draw over it: there no more is known than how bright it is.
    at = (np.argwhere(np.ones(eye.shape[:2]))[:, ::-1] + low).astype(np.float32)
    seen = lids.between(lids.own(at), SHADE * lids.apart)
    white = np.percentile(eye.reshape(-1, 3)[seen], GLARE, axis=0) if seen.any() else np.full(3, 255.0)
    capped = np.minimum(looked_up, white.astype(np.float32))
    without = capped + on_iris[..., None] * (_fetch(darker, places - low.astype(np.float32)) - capped)
    return looked_up + dull[..., None] * (without - looked_up)


def _of_nearest(
    part: Float32[np.ndarray, "h w 2"], rim: UInt8[np.ndarray, "h w"]
) -> tuple[Float32[np.ndarray, "h w"], Float32[np.ndarray, "h w 2"]]:
    """Return how far each pixel is from the rim of a lid, and the motion of that rim where it is nearest."""
    distance, label = cv2.distanceTransformWithLabels(1 - rim, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    moves = np.zeros((int(label.max()) + 1, 2), np.float32)
    moves[label[rim > 0]] = part[rim > 0]
    return distance, cv2.blur(moves[label], (3, 3))


def _fetch(source: UInt8[np.ndarray, "h w 3"], places: Float32[np.ndarray, "a b 2"]) -> Float32[np.ndarray, "a b 3"]:
    return cv2.remap(source, places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
