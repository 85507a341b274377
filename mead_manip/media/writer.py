"""Writes H.264 video: exact frame count and time stamps; audio and subtitles are copied; published atomically."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType, TracebackType

import av
import cv2
import numpy as np
from av.container import InputContainer, OutputContainer
from av.video.stream import VideoStream
from jaxtyping import UInt8

from mead_manip.errors import MediaError
from mead_manip.files import atomic
from mead_manip.media.audio import aac_packets
from mead_manip.media.colour import Colour, frame_from_rgb
from mead_manip.media.video_parts import VideoParts

_AVX512 = 256  # OpenCV's number for the set of a server processor, of which its Python module has no name
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
_TEXT = {"subrip", "srt", "ass", "ssa", "webvtt", "text"}
SUBTITLES = {
    "mp4": {"mov_text"},
    "mov": {"mov_text"},
    "matroska": _TEXT | {"hdmv_pgs_subtitle", "pgssub", "dvd_subtitle", "dvdsub", "dvb_subtitle", "dvbsub"},
}


class VideoWriter:
    """A context manager: what leaves the `with` block without an exception is a complete file under its final name.

    Args:
        rate: frames per second; frame k is shown at k / rate unless `write` gets a time stamp.
        time_base: seconds per tick of the time stamps given to `write` (needed for a variable frame rate).
        audio_from: a file whose audio and subtitle tracks are copied packet by packet; `left_out` names the codecs of
            subtitles that the container cannot hold.
        cut: of these, only what belongs to the frames that are written; the first frame then begins the file.
        crf: constant rate factor of x264; 16 to 18 is visually lossless.
        tuning: further parameters of x264.
        end_pts: when the last frame ends, in ticks (default: one frame later).
        sound: mono float samples and their rate, encoded as AAC (instead of `audio_from`).
        parts: frames are encoded into these and copied at the end: a run that was killed can go on (`pass_by`).
    """

    def __init__(
        self,
        path: Path,
        width: int,
        height: int,
        rate: Fraction,
        *,
        time_base: Fraction | None = None,
        end_pts: int | None = None,
        colour: Colour | None = None,
        pixel_aspect: Fraction | None = None,
        audio_from: Path | None = None,
        sound: tuple[np.ndarray, int] | None = None,
        crf: float = 17,
        preset: str = "medium",
        tuning: Mapping[str, int] = MappingProxyType({}),
        threads: int = 0,
        comment: str = "edited",
        cut: bool = False,
        parts: VideoParts | None = None,
    ) -> None:
        if path.suffix.lower() not in CONTAINERS:
            raise MediaError(f"cannot write {path}", expected=f"one of {', '.join(CONTAINERS)}")
        if audio_from is not None and sound is not None:
            raise ValueError("audio_from and sound exclude each other")
        self.path, self.width, self.height, self.rate = path, width, height, Fraction(rate)
        self.time_base = time_base or 1 / self.rate
        self.colour = colour or Colour()
        self._pixel_aspect, self._audio_from, self._sound = pixel_aspect, audio_from, sound
        parameters = {**tuning, **_repeatable()}
        self._options = {"crf": str(crf), "preset": preset, **_as_option(parameters)}
        self._threads, self._comment, self._parts = threads, comment, parts
        self._end_pts, self._cut = None if cut else end_pts, cut
        self._shift = Fraction(0)  # seconds by which everything comes earlier
        self.left_out: list[str] = []
        self.n_frames = 0
        self._container: OutputContainer | None = None
        self._source: InputContainer | None = None
        self._first_pts = self._last_pts = self._first_dts = 0
        self._pending: av.VideoFrame | None = None
        self._held: av.Packet | None = None

    def __enter__(self) -> VideoWriter:
        with ExitStack() as stack:
            temporary = stack.enter_context(atomic(self.path))
            try:
                self._file = stack.enter_context(temporary.open("wb"))
            except OSError as error:
                raise self._failed(error) from error
            stack.push(self._close)
            self._open()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._stack.__exit__(kind, error, trace)

    def write(self, rgb: UInt8[np.ndarray, "height width rgb=3"], pts: int | None = None) -> None:
        """Append a frame, shown from `pts` (ticks of `time_base`) until the next one."""
        if rgb.shape[:2] != (self.height, self.width):
            raise ValueError(f"frame {rgb.shape[1]}x{rgb.shape[0]}, video {self.width}x{self.height}")
        self.write_frame(frame_from_rgb(rgb, self.colour), pts)

    def write_frame(self, frame: av.VideoFrame, pts: int | None = None) -> None:
        """Append a frame as it is stored in the video: 4:2:0 in its colour, with even sides."""
        frame.pts, frame.time_base = self._follow(pts), self.time_base
        self._pending = frame

    def pass_by(self, pts: int) -> None:
        """Append a frame that is in `parts` since an earlier run."""
        assert self._parts is not None and self._pending is None
        self._parts.pass_by(self._follow(pts))

    def _follow(self, pts: int | None) -> int:
        """Encode the frame before, whose duration is known now, and give when the next one is shown."""
        pts = self._ticks(self.n_frames) if pts is None else pts
        if self._cut:
            if not self.n_frames:
                self._shift = pts * self.time_base
            pts -= round(self._shift / self.time_base)
        if not self.n_frames:
            self._first_pts = pts
        elif pts <= self._last_pts:
            raise MediaError(f"{self.path}: time stamp {pts} after {self._last_pts}", expected="rising time stamps")
        else:
            self._encode(pts - self._last_pts)
        self._last_pts = pts
        self.n_frames += 1
        return pts

    # ---- stream set-up -------------------------------------------------------------------

    def _open(self) -> None:
        options = {}
        kind = CONTAINERS[self.path.suffix.lower()]
        if self._audio_from is not None:
            self._source = av.open(f"file:{self._audio_from}")
        if kind != "matroska":
            # Start offsets are kept in units of the movie's time scale: the audio rate makes them exact.
            rates = [stream.rate for stream in self._source.streams.audio] if self._source else []
            options = {"movflags": "+faststart+write_colr", "movie_timescale": str(max(rates, default=90000))}
        # A seekable file of our own, not a name: errors of the disk then arrive as OSError.
        self._container = av.open(self._file, "w", format=kind, options=options)
        self._container.metadata["comment"] = self._comment
        self._video = self._add_video(self._container)
        if self._parts is not None:
            look = (self.width, self.height, self.rate, self.time_base, self.colour, self._pixel_aspect)
            self._parts.begin(self._add_video, (*look, self._options))
        packets: Iterator[av.Packet] = iter(())
        if self._source is not None:
            packets = self._copy_tracks(self._container, self._source)
        elif self._sound is not None:
            packets = self._encode_sound(self._container, *self._sound)
        self._audio_packets = packets
        self._next_audio = next(packets, None)
        try:
            self._container.start_encoding()  # writes the header: the container judges the audio codec here
        except av.ArgumentError as error:
            codecs = {stream.codec_context.name for stream in self._source.streams.audio} if self._source else set()
            raise self._refused(" and ".join(sorted(codecs))) from error

    def _add_video(self, container: OutputContainer) -> VideoStream:
        stream = container.add_stream("libx264", rate=self.rate, options=self._options)
        stream.width, stream.height = self.width + self.width % 2, self.height + self.height % 2
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = self.time_base
        stream.thread_count = self._threads
        context = stream.codec_context
        context.colorspace, context.color_primaries = self.colour.matrix, self.colour.primaries
        context.color_trc, context.color_range = self.colour.transfer, self.colour.range
        if self._pixel_aspect is not None:
            context.sample_aspect_ratio = self._pixel_aspect
        return stream

    def _copy_tracks(self, container: OutputContainer, source: InputContainer) -> Iterator[av.Packet]:
        copies: dict[int, av.stream.Stream] = {}
        held = SUBTITLES[CONTAINERS[self.path.suffix.lower()]]
        subtitles = [stream for stream in source.streams.subtitles if stream.codec_context.name in held]
        self.left_out = [s.codec_context.name for s in source.streams.subtitles if s not in subtitles]
        for stream in (*source.streams.audio, *subtitles):
            try:
                copies[stream.index] = container.add_stream_from_template(stream)
            except (ValueError, av.FFmpegError) as error:
                raise self._refused(stream.codec_context.name) from error
        if not copies:
            return
        for packet in source.demux([*source.streams.audio, *subtitles]):
            if packet.size and packet.dts is not None:
                packet.stream = copies[packet.stream_index]
                yield packet

    def _encode_sound(self, container: OutputContainer, samples: np.ndarray, rate: int) -> Iterator[av.Packet]:
        stream = container.add_stream("aac", rate=rate, layout="mono", options={"b": "96k"})
        return aac_packets(stream, samples, rate)

    def _refused(self, codec: str) -> MediaError:
        return MediaError(
            f"{self.path.suffix} cannot hold the {codec} audio of {self._audio_from}",
            remedy=f"write another of {', '.join(CONTAINERS)}, or convert the source's audio to AAC first",
        )

    # ---- packets ---------------------------------------------------------------------------

    def _ticks(self, index: int) -> int:
        return round(index / self.rate / self.time_base)

    def _encode(self, duration: int) -> None:
        """Encode the frame that was kept back, if there is one."""
        if self._pending is None:
            return
        frame, self._pending = self._pending, None
        frame.duration = duration
        try:
            if self._parts is not None:
                self._parts.encode(frame)
            else:
                self._mux(self._video.encode(frame))
        except (av.FFmpegError, OSError) as failure:
            raise self._failed(failure) from failure

    def _mux(self, packets: Iterable[av.Packet]) -> None:
        assert self._container is not None
        for packet in packets:
            packet.stream = self._video
            if self._held is None:
                self._first_dts = packet.dts or 0
            else:
                self._mux_video(self._held)
            self._held = packet

    def _mux_video(self, packet: av.Packet) -> None:
        assert self._container is not None and packet.dts is not None
        # Interleave here, so that memory does not grow with the clip.
        self._mux_audio(until=packet.dts * packet.time_base)
        self._container.mux(packet)

    def _mux_last(self, total: int) -> None:
        """Make the track `total` ticks long by the last packet's duration: the frame rate is read from it."""
        packet = self._held
        assert packet is not None and packet.dts is not None
        packet.duration = max(1, total - (packet.dts - self._first_dts))
        self._mux_video(packet)

    def _mux_audio(self, until: Fraction | None = None) -> None:
        assert self._container is not None
        while self._next_audio is not None:
            packet = self._next_audio
            assert packet.dts is not None
            time = packet.dts * packet.time_base - self._shift
            if until is not None and time > until:
                return
            if self._cut:
                ticks = round(self._shift / packet.time_base)
                packet.dts, packet.pts = packet.dts - ticks, None if packet.pts is None else packet.pts - ticks
            try:
                if time >= 0 or not self._cut:
                    self._container.mux(packet)
            except ValueError as error:
                raise self._refused(packet.stream.codec_context.name) from error
            self._next_audio = next(self._audio_packets, None)

    def _close(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        except (av.FFmpegError, OSError) as failure:
            raise self._failed(failure) from failure
        finally:
            if self._parts is not None:
                self._parts.abort()
            for container in (self._container, self._source):
                # Only after a failure is anything still to be written here, and that file is thrown away.
                with suppress(av.FFmpegError, OSError, ValueError):
                    if container is not None:
                        container.close()

    def _finish(self) -> None:
        assert self._container is not None
        if not self.n_frames:
            raise MediaError(f"no frame for {self.path}", expected="at least one")
        pts = self._last_pts
        rest = (self._end_pts or 0) - pts
        duration = rest if 0 < rest * self.time_base <= 1 else max(1, self._ticks(1))
        self._encode(duration)
        left = self._parts.packets(self.time_base, pts + duration) if self._parts else self._video.encode(None)
        self._mux(left)
        self._mux_last(pts + duration - self._first_pts)
        self._mux_audio(until=(pts + duration) * self.time_base if self._cut else None)
        self._container.close()

    def _failed(self, failure: Exception) -> MediaError:
        reason = getattr(failure, "strerror", None) or str(failure)
        return MediaError(f"cannot write {self.path}: {reason}", remedy="check the free space and the folder")


def _as_option(parameters: Mapping[str, object]) -> dict[str, str]:
    """Give what FFmpeg hands on to x264; nothing where there is nothing."""
    return {"x264-params": ":".join(f"{name}={value}" for name, value in parameters.items())} if parameters else {}


def _repeatable() -> dict[str, str]:
    """Give the parameters with which x264 writes the same bytes for the same frames.

    Its macroblock tree in AVX-512 reads memory that nobody has written where a row is no multiple of eight macroblocks;
    with AVX2 it is as fast, and never does.
    """
    return {"asm": "avx2"} if cv2.checkHardwareSupport(_AVX512) else {}
