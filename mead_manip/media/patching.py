"""A decoded frame + what was drawn over a part of it -> the frame to encode, its own samples wherever nothing changed.

To bring a large frame to RGB and back takes as long as to draw a face into it, and rounds every pixel twice.
"""

from __future__ import annotations

from typing import no_type_check

import av
import numpy as np
from av.video.plane import VideoPlane
from jaxtyping import UInt8
from numba import njit

from mead_manip.media.colour import Colour, frame_from_rgb

Region = tuple[int, int, int, int]  # x0, y0, x1, y1, pixels of the frame, end exclusive

RIM = 8  # px around a part that are converted with it, so that chroma is interpolated as in the whole frame
_PLAIN = ("yuv420p", "yuvj420p")


def can_be_patched(frame: av.VideoFrame, colour: Colour) -> bool:
    """Tell whether a frame is stored as it will be encoded: 8-bit 4:2:0 of that colour, with even sides, not turned."""
    even = frame.width % 2 == frame.height % 2 == 0
    return frame.format.name in _PLAIN and even and not frame.rotation and Colour.of(frame) == colour


def with_rim(region: Region, width: int, height: int) -> Region:
    """Give a part with all that tells its samples of colour, within a frame of even sides."""
    x0, y0, x1, y1 = region
    left, top = max(x0 - RIM, 0) // 2 * 2, max(y0 - RIM, 0) // 2 * 2
    return left, top, min(-(-(x1 + RIM) // 2) * 2, width), min(-(-(y1 + RIM) // 2) * 2, height)


def patched(
    frame: av.VideoFrame,
    before: UInt8[np.ndarray, "h w rgb=3"],
    after: UInt8[np.ndarray, "h w rgb=3"],
    region: Region,
    colour: Colour,
) -> av.VideoFrame:
    """Give a copy of a frame in which those 2x2 pixels that differ between `before` and `after` are the latter's.

    Both show `region`, which has its rim (`with_rim`): what changed lies inside of it, or at a side of the frame.
    """
    result = av.VideoFrame(frame.width, frame.height, "yuv420p")
    for source, target in zip(frame.planes, result.planes, strict=True):
        samples(target)[:] = samples(source)
    if before.size:
        x0, y0, x1, y1 = region
        drawn = frame_from_rgb(after, colour, lines=frame.height)
        luma, *chroma = (samples(plane) for plane in drawn.planes)
        own_luma, *own_chroma = (samples(plane) for plane in result.planes)
        places = [plane[y0 // 2 : y1 // 2, x0 // 2 : x1 // 2] for plane in own_chroma]
        _put_changed(before, after, luma, *chroma, own_luma[y0:y1, x0:x1], *places)
    return result


def samples(plane: VideoPlane) -> UInt8[np.ndarray, "_ _"]:
    """Give the 8-bit samples of a plane where they lie, without the padding of its rows."""
    rows = np.frombuffer(memoryview(plane), np.uint8)[: plane.height * plane.line_size]
    return rows.reshape(plane.height, plane.line_size)[:, : plane.width]


@njit(cache=True, nogil=True)
@no_type_check
def _put_changed(
    before: np.ndarray, after: np.ndarray, luma: np.ndarray, blue: np.ndarray, red: np.ndarray,
    own_luma: np.ndarray, own_blue: np.ndarray, own_red: np.ndarray,
) -> None:  # fmt: skip
    for row in range(own_blue.shape[0]):
        for column in range(own_blue.shape[1]):
            changed = False
            for y in range(2 * row, 2 * row + 2):
                for x in range(2 * column, 2 * column + 2):
                    for k in range(3):
                        changed |= before[y, x, k] != after[y, x, k]
            if changed:
                own_blue[row, column], own_red[row, column] = blue[row, column], red[row, column]
                for y in range(2 * row, 2 * row + 2):
                    for x in range(2 * column, 2 * column + 2):
                        own_luma[y, x] = luma[y, x]
