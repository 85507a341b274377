"""Colour metadata of a video and the conversions between its YUV and our full-range RGB."""

from __future__ import annotations

from dataclasses import dataclass

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from jaxtyping import UInt8

UNSPECIFIED = 2
_SWSCALE_MATRIX = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
_AREA = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_EXACT = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_THREADS = 1  # of swscale: more of them cost a third more of the processors, which have other work here


@dataclass(frozen=True)
class Colour:
    """Code points of ITU-T H.273 as FFmpeg numbers them; 2 (range: 0) means that the file does not say."""

    matrix: int = UNSPECIFIED
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    range: int = 0

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Colour:
        return cls(int(frame.colorspace), int(frame.color_primaries), int(frame.color_trc), int(frame.color_range))

    def swscale_matrix(self, height: int) -> Colorspace:
        """Where the file is silent, players take BT.601 below 720 lines and BT.709 from there on."""
        silent = Colorspace.ITU601 if height < 720 else Colorspace.ITU709
        return _SWSCALE_MATRIX.get(self.matrix, silent)

    def swscale_range(self) -> ColorRange:
        return ColorRange.JPEG if self.range == ColorRange.JPEG else ColorRange.MPEG


def rgb_from_frame(
    frame: av.VideoFrame,
    colour: Colour,
    *,
    quick: bool = False,
    lines: int | None = None,
    by: int = 1,
    reformatter: VideoReformatter | None = None,
) -> UInt8[np.ndarray, "height width rgb=3"]:
    """Full-range RGB. `quick` is about one level darker and a tenth of the work; `lines` of the whole, for a part.

    `by` gives means of so many pixels a side, in less time than all of them take; it must divide the sides. A
    `reformatter` that is kept does not prepare its tables for every frame anew.
    """
    if frame.format.is_rgb and by == 1:
        return frame.to_ndarray(format="rgb24")
    interpolation = Interpolation.BILINEAR if quick else _EXACT if by == 1 else _AREA
    converted = (reformatter or VideoReformatter()).reformat(
        frame,
        frame.width // by,
        frame.height // by,
        "rgb24",
        src_colorspace=None if frame.format.is_rgb else colour.swscale_matrix(lines or frame.height),
        src_color_range=colour.swscale_range() if not frame.format.is_rgb else None,
        dst_color_range=ColorRange.JPEG if not frame.format.is_rgb else None,
        interpolation=interpolation,
        threads=_THREADS,
    )
    return converted.to_ndarray()


def frame_from_rgb(
    rgb: UInt8[np.ndarray, "height width rgb=3"], colour: Colour, *, lines: int | None = None
) -> av.VideoFrame:
    """YUV 4:2:0; an odd height or width gains one replicated row or column, because 4:2:0 has no odd sizes.

    `lines` of the whole, for a part.
    """
    height, width = rgb.shape[:2]
    if height % 2 or width % 2:
        rgb = np.pad(rgb, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    return frame.reformat(
        format="yuv420p",
        dst_colorspace=colour.swscale_matrix(lines or height),
        src_color_range=ColorRange.JPEG,
        dst_color_range=colour.swscale_range(),
        interpolation=_EXACT,
        threads=_THREADS,
    )
