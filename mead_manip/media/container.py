"""Opens local video files and decodes every frame there is, or says what is wrong with the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from mead_manip.errors import MediaError

MAX_PIXELS = 8192 * 8192
MIN_SIDE = 16
# Containers of videos only: a play list, a picture or a text file is none, and must not open further files.
CONFINED = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,matroska,avi,mpegts,mpeg,flv,ogg,asf,gif,mxf,h264,hevc,ivf,nut,dv,rm",
}


def decoded_frames(path: Path, end: int | None) -> Iterator[tuple[int, int, av.VideoFrame]]:
    """Yield index, time stamp and decoded frame, all of one size."""
    with opened(path) as (container, stream):
        ticks_per_frame = max(1, round(1 / rate_of(path, stream) / tick_of(stream)))
        size: tuple[int, int] | None = None
        pts = -ticks_per_frame
        for index, frame in enumerate(every_frame(container, stream, complete=True)):
            if end is not None and index >= end:
                return
            size = size or (frame.width, frame.height)
            if (frame.width, frame.height) != size:
                found = f"{path}: frame {index} is {frame.width}x{frame.height}"
                raise MediaError(
                    found, expected=f"{size[0]}x{size[1]} as before", remedy="re-encode the video at one size"
                )
            # Raw streams carry no time stamps, and some muxers repeat one.
            guess = pts + ticks_per_frame
            pts = guess if frame.pts is None or (index and frame.pts <= pts) else frame.pts
            yield index, pts, frame


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open the first true video stream of a local file, or say what is wrong with the file."""
    _require_file(path)
    unreadable = MediaError(
        f"{path} is not a readable video",
        expected="a complete mp4, mov, mkv, webm or avi file",
        remedy="download or export it again",
    )
    try:
        container = av.open(f"file:{path}", container_options=CONFINED)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise unreadable from error
    with container:
        streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
        if not container.streams:
            raise unreadable
        if not streams:
            raise MediaError(f"{path} has no video track", expected="a video")
        stream = streams[0]
        width, height = stream.width, stream.height
        if min(width, height) < MIN_SIDE or width * height > MAX_PIXELS:
            raise MediaError(
                f"{path} is {width}x{height}",
                expected=f"sides from {MIN_SIDE} and at most {MAX_PIXELS >> 20} megapixels",
            )
        stream.thread_type = "AUTO"
        yield container, stream


def _require_file(path: Path) -> None:
    if not path.exists():
        raise MediaError(f"{path} does not exist", expected="a video file")
    if not path.is_file():
        raise MediaError(f"{path} is not a file", expected="a video file")
    try:
        empty = path.stat().st_size == 0
        path.open("rb").close()
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror}", expected="a readable video file") from error
    if empty:
        raise MediaError(f"{path} is empty (0 bytes)", expected="a video file", remedy="download or export it again")


def rate_of(path: Path, stream: VideoStream) -> Fraction:
    """Give the frames per second, or refuse what can be none."""
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate
    if not rate or not 1 <= rate <= 1000:
        raise MediaError(f"{path} has {rate or 'no'} frames per second", expected="a rate from 1 to 1000")
    return Fraction(rate)


def tick_of(stream: VideoStream) -> Fraction:
    """Give the seconds that a time stamp counts."""
    assert stream.time_base is not None  # every demuxed stream has one
    return stream.time_base


def every_frame(container: InputContainer, stream: VideoStream, complete: bool = False) -> Iterator[av.VideoFrame]:
    """Decode every frame there is; `complete` then compares the number with what the file should hold."""
    expected, found, broken = stream.frames, 0, ""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
            # Packets outside the edit list are decoded for reference only and never shown.
            expected -= packet.size > 0 and packet.is_discard
            frames = packet.decode()
        except StopIteration:
            break
        except av.FFmpegError as error:
            if isinstance(error, (av.EOFError, StopIteration)):
                break
            broken = error.strerror or str(error)
            continue
        for frame in frames:
            found += 1
            yield frame
    if complete and (found < expected or (broken and not expected) or not found):
        of = f"{found} of {expected}" if expected else f"only {found}"
        raise MediaError(
            f"{container.name.removeprefix('file:')}: {of} frames can be decoded",
            expected="a complete video",
            remedy="download or export it again",
        )
