"""A frame + a matte of what lies in front of its face + what draws the face -> the face, drawn behind it.

Whatever redraws a face is shown the frame without the hand, hair or glasses: the skin under them is filled in from
beside them. What it changes there is then added to the frame's own pixels by as much as the matte lets through. So
nothing of what lies in front is dragged onto the skin, and under a matte of 1 the frame keeps its bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import no_type_check

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from numba import njit

from mead_manip.rendering.face_zone import REACH, face_outline, interocular
from mead_manip.rendering.warp import push_pull

FRINGE = 0.008  # inter-ocular distances: mattes are seldom exact, so skin this near is not believed to be skin
BESIDE = 0.15  # likewise: how far around what lies in front skin is looked for

Rgb = UInt8[np.ndarray, "height width rgb=3"]
Matte = UInt8[np.ndarray, "height width"]  # 255 in front, 0 not
Box = tuple[int, int, int, int]  # x0, y0, x1, y1, pixels of the frame, end exclusive


def drawn_behind(
    frame: Rgb, front: Matte | None, landmarks_px: Float[np.ndarray, "68 2"], draw: Callable[[Rgb], Rgb]
) -> Rgb:
    """Give what `draw` makes of a frame, with what lies in front of its face as it was; without that, just `draw`'s."""
    box = None if front is None else _box(front, landmarks_px)
    if front is None or box is None:
        return draw(frame)
    clean = uncovered(frame, front, landmarks_px)
    result = draw(clean)
    x0, y0, x1, y1 = box
    # A draw that changes nothing may give back what it was given.
    result = result.copy() if result is clean else result
    _cover(*(picture[y0:y1, x0:x1] for picture in (frame, clean, front, result)))
    return result


def reach_behind(landmarks_px: Float[np.ndarray, "68 2"], size: tuple[int, int]) -> Box | None:
    """Give all that is looked at of a frame of (height, width) around a face that something may cover; None: nothing.

    Beyond the zone of the face nothing is changed, whatever lies there.
    """
    height, width = size
    outline, eyes = face_outline(landmarks_px), interocular(landmarks_px)
    x0, y0 = (int(low) for low in np.floor(outline.min(axis=0) - (REACH + BESIDE) * eyes) - _margin(eyes))
    x1, y1 = (int(high) for high in np.ceil(outline.max(axis=0) + (REACH + BESIDE) * eyes) + 1 + _margin(eyes))
    x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def _margin(eyes: float) -> int:
    return round(BESIDE * eyes) + 2


def uncovered(frame: Rgb, front: Matte | None, landmarks_px: Float[np.ndarray, "68 2"]) -> Rgb:
    """Give the frame with the skin under the matte filled in from beside it; elsewhere it keeps its bytes."""
    box = None if front is None else _box(front, landmarks_px)
    if front is None or box is None:
        return frame
    x0, y0, x1, y1 = box
    own = frame[y0:y1, x0:x1]
    radius = max(round(FRINGE * interocular(landmarks_px)), 1)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    matte = cv2.dilate(front[y0:y1, x0:x1], disc).astype(np.float32) / np.float32(255)
    skin = np.clip(1 - 2 * matte, 0, 1)  # what shines through by less than half tells too little
    size = ((x1 - x0 + 1) // 2, (y1 - y0 + 1) // 2)  # what is filled in is smooth: half the resolution tells it
    known = np.clip(2 * cv2.resize(skin, size, interpolation=cv2.INTER_AREA) - 1, 0, 1)
    colours = cv2.resize(own, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    filled = np.rint(push_pull(colours, known)).clip(0, 255).astype(np.uint8)
    filled = cv2.resize(filled, (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR)
    clean = frame.copy()
    clean[y0:y1, x0:x1] = cv2.blendLinear(np.ascontiguousarray(own), filled, skin, 1 - skin)
    return clean


def _box(front: Matte, landmarks_px: Float[np.ndarray, "68 2"]) -> Box | None:
    """Give a rectangle of the frame that holds the matte as far as an edit reaches, and skin around it; None: no matte.

    Beyond the zone of the face nothing is changed, whatever lies there.
    """
    height, width = front.shape
    outline, eyes = face_outline(landmarks_px), interocular(landmarks_px)
    x0, y0 = (int(low) for low in np.floor(outline.min(axis=0) - (REACH + BESIDE) * eyes))
    x1, y1 = (int(high) for high in np.ceil(outline.max(axis=0) + (REACH + BESIDE) * eyes) + 1)
    x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    if x1 <= x0 or y1 <= y0:
        return None
    left, top, across, down = cv2.boundingRect(front[y0:y1, x0:x1])
    if not across:
        return None
    margin = _margin(eyes)
    left, top, right, bottom = x0 + left, y0 + top, x0 + left + across, y0 + top + down
    return max(left - margin, 0), max(top - margin, 0), min(right + margin, width), min(bottom + margin, height)


@njit(cache=True, nogil=True)
@no_type_check
def _cover(own: np.ndarray, clean: np.ndarray, front: np.ndarray, drawn: np.ndarray) -> None:
    """Put the frame's own pixels over `drawn`, with what was changed of the clean ones where `front` lets through."""
    for y in range(front.shape[0]):
        for x in range(front.shape[1]):
            through = np.float32(255 - np.int32(front[y, x])) / np.float32(255)
            for k in range(3):
                change = np.float32(drawn[y, x, k]) - np.float32(clean[y, x, k])
                value = np.float32(own[y, x, k]) + through * change
                drawn[y, x, k] = min(max(value + np.float32(0.5), np.float32(0)), np.float32(255))


__all__ = ["Matte", "Rgb", "drawn_behind", "reach_behind", "uncovered"]
