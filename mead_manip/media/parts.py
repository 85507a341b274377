"""Decoded frames as RGB, whole or in parts: to convert a whole large frame takes longer than to decode it."""

from __future__ import annotations

from dataclasses import dataclass

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from jaxtyping import Int, UInt8

from mead_manip.media.colour import Colour, rgb_from_frame
from mead_manip.media.patching import RIM, Region, can_be_patched, patched, samples, with_rim

_GRAPHS = 4  # filters that are kept
_GRID = 64  # px: parts are cut along this grid, so that one that moves a little stays the same for the filter


@dataclass(frozen=True)
class Part:
    """What was read of a frame that is smaller by a whole number."""

    region: Int[np.ndarray, " 4"]  # x0 y0 x1 y1, ends excluded, px of the smaller frame
    by: int
    rgb: UInt8[np.ndarray, "height width rgb=3"]

    def inner(self, region: Int[np.ndarray, " 4"]) -> UInt8[np.ndarray, "part_height part_width rgb=3"]:
        """Give a part of it."""
        left, top = int(self.region[0]), int(self.region[1])
        return self.rgb[int(region[1]) - top : int(region[3]) - top, int(region[0]) - left : int(region[2]) - left]


@dataclass(frozen=True)
class Canvas:
    """A decoded frame of which only a part was read; the rest of its picture is black."""

    decoded: Decoded
    rgb: UInt8[np.ndarray, "height width rgb=3"]
    region: Region

    def patched(self, drawn: UInt8[np.ndarray, "height width rgb=3"], colour: Colour) -> av.VideoFrame:
        """Give the frame to encode: its own samples, but where something was drawn."""
        x0, y0, x1, y1 = self.region
        before, after = self.rgb[y0:y1, x0:x1], drawn[y0:y1, x0:x1]
        return patched(self.decoded.frame, before, after, self.region, colour)


class Decoded:
    """A decoded frame, upright: all of it at a glance, or parts of it in exact colours."""

    def __init__(self, frame: av.VideoFrame, reader: PartReader) -> None:
        self.frame, self._reader = frame, reader
        self._kept: Part | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Give width and height as shown."""
        frame = self.frame
        return (frame.height, frame.width) if frame.rotation % 180 == 90 else (frame.width, frame.height)

    def glance(self) -> UInt8[np.ndarray, "height width rgb=3"]:
        """Give all of it, its colours rounded down."""
        frame = self.frame
        rgb = rgb_from_frame(frame, Colour.of(frame), quick=True, reformatter=self._reader.whole)
        return upright(rgb, frame.rotation)

    def whole(self) -> UInt8[np.ndarray, "height width rgb=3"]:
        """Give all of it in exact colours."""
        return upright(rgb_from_frame(self.frame, Colour.of(self.frame)), self.frame.rotation)

    def can_be_patched(self, colour: Colour) -> bool:
        """Tell whether it is stored as in a video of that colour: a canvas is read of such frames only."""
        return can_be_patched(self.frame, colour)

    def canvas(self, region: Region | None) -> Canvas:
        """Read only what a drawing looks at, and what tells the colours of that."""
        width, height = self.size
        rgb = np.zeros((height, width, 3), np.uint8)  # pages that nobody touches take no time
        if region is None:
            return Canvas(self, rgb, (0, 0, 0, 0))
        x0, y0, x1, y1 = with_rim(region, width, height)
        rgb[y0:y1, x0:x1] = self.part(np.array([x0, y0, x1, y1]))
        return Canvas(self, rgb, (x0, y0, x1, y1))

    def brightness(self, step: int) -> UInt8[np.ndarray, "height width"]:
        """Give every n-th pixel of every n-th row as stored, without any conversion where that can be."""
        frame = self.frame
        if frame.format.is_rgb or not frame.format.is_planar or frame.format.components[0].bits != 8:
            return cv2.cvtColor(np.ascontiguousarray(self.glance()[::step, ::step]), cv2.COLOR_RGB2GRAY)
        rows = samples(frame.planes[0])
        return upright(np.ascontiguousarray(rows[::step, ::step]), frame.rotation)

    def part(self, region: Int[np.ndarray, " 4"], by: int = 1) -> UInt8[np.ndarray, "height width rgb=3"]:
        """Give x0 y0 x1 y1 (ends excluded) of the frame that is smaller by a whole number, each pixel a mean."""
        kept = self.kept(region, by)
        if kept is None:
            self._kept = kept = Part(region, by, self._read(region, by))
        return kept.inner(region)

    def kept(self, region: Int[np.ndarray, " 4"], by: int) -> Part | None:
        """Give the part that was read last, if this one lies in it."""
        kept = self._kept
        if kept is None or kept.by != by:
            return None
        inside = (kept.region[:2] <= region[:2]).all() and (region[2:] <= kept.region[2:]).all()
        return kept if inside else None

    def _read(self, region: Int[np.ndarray, " 4"], by: int) -> UInt8[np.ndarray, "height width rgb=3"]:
        frame = self.frame
        x0, y0, x1, y1 = (int(side) for side in region)
        # Of a frame with an odd side swscale stretches the colour samples: its parts have other colours.
        if frame.rotation or frame.width % 2 or frame.height % 2:
            return shrunk(self.whole()[y0 * by : y1 * by, x0 * by : x1 * by], by)
        return self._reader.read(frame, x0, y0, x1, y1, by)


class PartReader:
    """Cut parts out of frames before their colours are converted; the filters that cut are kept for a while."""

    def __init__(self) -> None:
        self._graphs: dict[tuple[object, ...], av.filter.Graph] = {}
        self._part, self.whole = VideoReformatter(), VideoReformatter()

    def read(
        self, frame: av.VideoFrame, x0: int, y0: int, x1: int, y1: int, by: int = 1
    ) -> UInt8[np.ndarray, "height width rgb=3"]:
        """Give columns x0 to x1 and rows y0 to y1 (excluded), in the very colours of the whole frame."""
        grid = _GRID * by  # whole pixels of the small frame, and even ones of the large one
        right, bottom = reduced_size(frame.width, frame.height, by)
        left, top = max(0, x0 * by - RIM) // grid * grid, max(0, y0 * by - RIM) // grid * grid
        right = min(right * by, -(-(x1 * by + RIM) // grid) * grid)
        bottom = min(bottom * by, -(-(y1 * by + RIM) // grid) * grid)
        graph = self._graph(frame, left, top, right - left, bottom - top)
        graph.push(frame)
        part = graph.pull()
        assert isinstance(part, av.VideoFrame)  # a graph of video filters
        rgb = rgb_from_frame(part, Colour.of(frame), lines=frame.height, by=by, reformatter=self._part)
        left, top = left // by, top // by
        return rgb[y0 - top : y1 - top, x0 - left : x1 - left]

    def _graph(self, frame: av.VideoFrame, left: int, top: int, width: int, height: int) -> av.filter.Graph:
        wanted = (frame.width, frame.height, frame.format.name, left, top, width, height)
        graph = self._graphs.pop(wanted, None)
        if graph is None:
            graph = av.filter.Graph()
            source = graph.add_buffer(
                width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
            )
            crop = graph.add("crop", f"{width}:{height}:{left}:{top}:exact=1")
            sink = graph.add("buffersink")
            source.link_to(crop)
            crop.link_to(sink)
            graph.configure()
        self._graphs[wanted] = graph  # the last one used is the last to go
        if len(self._graphs) > _GRAPHS:
            del self._graphs[next(iter(self._graphs))]
        return graph


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
    pixels: UInt8[np.ndarray, "height width *rgb"], rotation: int
) -> UInt8[np.ndarray, "upright_height upright_width *rgb"]:
    """Undo the rotation that a header asks for."""
    quarters = round(rotation / 90) % 4
    return pixels if quarters == 0 else np.ascontiguousarray(np.rot90(pixels, quarters))
