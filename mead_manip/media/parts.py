"""Decoded frames as RGB, whole or in parts: to convert a whole large frame takes longer than to decode it."""

from __future__ import annotations

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from jaxtyping import Int, UInt8

from mead_manip.media.colour import Colour, rgb_from_frame

_RIM = 8  # px converted around a part, so that chroma is interpolated as in the whole frame
_GRID = 64  # px: parts are cut along this grid, so that one that moves a little stays the same for the filter


class Decoded:
    """A decoded frame, upright: all of it at a glance, or parts of it in exact colours."""

    def __init__(self, frame: av.VideoFrame, reader: PartReader) -> None:
        self._frame, self._reader = frame, reader

    def glance(self) -> UInt8[np.ndarray, "height width rgb=3"]:
        """Give all of it, its colours rounded down."""
        frame = self._frame
        rgb = rgb_from_frame(frame, Colour.of(frame), quick=True, reformatter=self._reader.whole)
        return upright(rgb, frame.rotation)

    def whole(self) -> UInt8[np.ndarray, "height width rgb=3"]:
        """Give all of it in exact colours."""
        return upright(rgb_from_frame(self._frame, Colour.of(self._frame)), self._frame.rotation)

    def part(self, region: Int[np.ndarray, " 4"], by: int = 1) -> UInt8[np.ndarray, "height width rgb=3"]:
        """Give x0 y0 x1 y1 (ends excluded) of the frame that is smaller by a whole number, each pixel a mean."""
        frame = self._frame
        x0, y0, x1, y1 = (int(side) for side in region)
        # Of a frame with an odd side swscale stretches the colour samples: its parts have other colours.
        if frame.rotation or frame.width % 2 or frame.height % 2:
            return shrunk(self.whole()[y0 * by : y1 * by, x0 * by : x1 * by], by)
        return self._reader.read(frame, x0, y0, x1, y1, by)


class PartReader:
    """Cut parts out of frames before their colours are converted; the filter that cuts is kept while it fits."""

    def __init__(self) -> None:
        self._made_for: tuple[object, ...] = ()
        self._graph = av.filter.Graph()
        self._part, self.whole = VideoReformatter(), VideoReformatter()

    def read(
        self, frame: av.VideoFrame, x0: int, y0: int, x1: int, y1: int, by: int = 1
    ) -> UInt8[np.ndarray, "height width rgb=3"]:
        """Give columns x0 to x1 and rows y0 to y1 (excluded), in the very colours of the whole frame."""
        grid = _GRID * by  # whole pixels of the small frame, and even ones of the large one
        right, bottom = reduced_size(frame.width, frame.height, by)
        left, top = max(0, x0 * by - _RIM) // grid * grid, max(0, y0 * by - _RIM) // grid * grid
        right = min(right * by, -(-(x1 * by + _RIM) // grid) * grid)
        bottom = min(bottom * by, -(-(y1 * by + _RIM) // grid) * grid)
        self._fit(frame, left, top, right - left, bottom - top)
        self._graph.push(frame)
        part = self._graph.pull()
        assert isinstance(part, av.VideoFrame)  # a graph of video filters
        rgb = rgb_from_frame(part, Colour.of(frame), lines=frame.height, by=by, reformatter=self._part)
        left, top = left // by, top // by
        return rgb[y0 - top : y1 - top, x0 - left : x1 - left]

    def _fit(self, frame: av.VideoFrame, left: int, top: int, width: int, height: int) -> None:
        wanted = (frame.width, frame.height, frame.format.name, left, top, width, height)
        if wanted == self._made_for:
            return
        self._graph, self._made_for = av.filter.Graph(), wanted
        source = self._graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
        )
        crop = self._graph.add("crop", f"{width}:{height}:{left}:{top}:exact=1")
        sink = self._graph.add("buffersink")
        source.link_to(crop)
        crop.link_to(sink)
        self._graph.configure()


def reduced_size(width: int, height: int, by: int) -> tuple[int, int]:
    """Give the sides of a frame that is smaller by a whole number: even ones, as colours are stored for two pixels."""
    return (width, height) if by == 1 else (width // (2 * by) * 2, height // (2 * by) * 2)


def shrunk(
    rgb: UInt8[np.ndarray, "height width rgb=3"], by: int
) -> UInt8[np.ndarray, "small_height small_width rgb=3"]:
    """Give the means of squares of pixels."""
    if by == 1:
        return rgb
    return cv2.resize(rgb, (rgb.shape[1] // by, rgb.shape[0] // by), interpolation=cv2.INTER_AREA)


def upright(
    rgb: UInt8[np.ndarray, "height width rgb=3"], rotation: int
) -> UInt8[np.ndarray, "upright_height upright_width rgb=3"]:
    """Undo the rotation that a header asks for."""
    quarters = round(rotation / 90) % 4
    return rgb if quarters == 0 else np.ascontiguousarray(np.rot90(rgb, quarters))
