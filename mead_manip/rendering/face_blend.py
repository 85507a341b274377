"""What a network drew + the frame's own square -> what goes into the frame: only what the edit moves, in its colours.

A network paints hair, glasses and skin a little softer than the frame shows them. Where an edit moves nothing the frame
is right already; and where it does, the light is that of the skin around.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float32, Int, UInt8

from mead_manip.rendering.face_view import PosedFace
from mead_manip.rendering.rasterizer import rasterize_attributes

COARSE = 4  # pixels of the square to one of those in which change and colour are looked at
# Motion of the skin, in sizes of the square, up to which it counts as still, and from which on as moved.
STILL, MOVED = 0.002, 0.008
SPREAD, SOFT = 0.02, 0.02  # how far the moved part grows, and how softly it ends; likewise
COLOUR_REACH = 0.12  # likewise: how far around its colour is compared
MOST_COLOUR = 24.0  # levels of 255

Square = UInt8[np.ndarray, "size size 3"]
Mask = UInt8[np.ndarray, "size size"]


def moved_share(
    old: PosedFace, new: PosedFace, triangles: Int[np.ndarray, "triangle 3"], size: int
) -> Float32[np.ndarray, "coarse coarse"]:
    """Give how far an edit moves what is seen at a place, before or after: 0 still .. 1 moved, `COARSE`ly."""
    motion = np.linalg.norm(new.vertices_px - old.vertices_px, axis=1, keepdims=True) / size
    share = np.clip((motion - STILL) / (MOVED - STILL), 0, 1).astype(np.float32)
    coarse = size // COARSE
    scale = np.array([1 / COARSE, 1 / COARSE, 1], np.float32)
    seen = [
        rasterize_attributes(face.vertices_px * scale, triangles, share, coarse, coarse, cull_back=False)[..., 0]
        for face in (old, new)
    ]
    radius = max(round(SPREAD * coarse), 1)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return cv2.GaussianBlur(cv2.dilate(np.maximum(*seen), disc), (0, 0), SOFT * coarse)


def blended(drawn: Square, own: Square, mask: Mask, moved: Float32[np.ndarray, "coarse coarse"]) -> tuple[Square, Mask]:
    """Bring what was drawn to the frame's colours, and give it with the share that it has at each place."""
    coarse, size = len(moved), len(drawn)
    small = (cv2.resize(image, (coarse, coarse), interpolation=cv2.INTER_AREA) for image in (drawn, own, mask))
    small_drawn, small_own, small_mask = (image.astype(np.float32) for image in small)
    # Where the edit moves nothing, the drawn face and the frame should be the same.
    trust = (1 - moved) * (small_mask / 255) + 1e-3
    sigma = COLOUR_REACH * coarse
    missing = np.clip(small_own - small_drawn, -2 * MOST_COLOUR, 2 * MOST_COLOUR)
    total = cv2.GaussianBlur(missing * trust[..., None], (0, 0), sigma)
    weight = cv2.GaussianBlur(trust, (0, 0), sigma)
    # Far from all that can be compared the correction dies away.
    field = np.clip(total / (weight + 0.02)[..., None], -MOST_COLOUR, MOST_COLOUR)
    whole = cv2.resize(np.dstack([field, moved]), (size, size), interpolation=cv2.INTER_LINEAR)
    corrected = np.clip(np.rint(drawn + whole[..., :3]), 0, 255).astype(np.uint8)
    return corrected, np.rint(mask * np.clip(whole[..., 3], 0, 1)).astype(np.uint8)
