"""Parts of decoded frames as RGB: colour conversion of a whole large frame takes longer than decoding it."""

from __future__ import annotations

import av
import numpy as np
from jaxtyping import UInt8

from mead_manip.media.colour import Colour, rgb_from_frame

_RIM = 8  # px converted around a part, so that chroma is interpolated as in the whole frame
_GRID = 64  # px: parts are cut along this grid, so that one that moves a little stays the same for the filter


class PartReader:
    """Cut parts out of frames before their colours are converted; the filter that cuts is kept while it fits."""

    def __init__(self) -> None:
        self._made_for: tuple[object, ...] = ()
        self._graph = av.filter.Graph()

    def read(self, frame: av.VideoFrame, x0: int, y0: int, x1: int, y1: int) -> UInt8[np.ndarray, "height width rgb=3"]:
        """Give columns x0 to x1 and rows y0 to y1 (excluded), in the very colours of the whole frame."""
        left, top = max(0, x0 - _RIM) // _GRID * _GRID, max(0, y0 - _RIM) // _GRID * _GRID
        right = min(frame.width, -(-(x1 + _RIM) // _GRID) * _GRID)
        bottom = min(frame.height, -(-(y1 + _RIM) // _GRID) * _GRID)
        self._fit(frame, left, top, right - left, bottom - top)
        self._graph.push(frame)
        part = self._graph.pull()
        assert isinstance(part, av.VideoFrame)  # a graph of video filters
        rgb = rgb_from_frame(part, Colour.of(frame), lines=frame.height)
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
