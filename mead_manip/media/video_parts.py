"""A video that is encoded in parts: each is a whole file, so that after a kill only the part at work is lost.

Every part has an encoder of its own and begins with a key frame; at the end the packets of all parts are copied, not
encoded again. A run that was not interrupted makes the same parts, and so the same video.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from fractions import Fraction
from glob import escape
from pathlib import Path

import av
from av.container import OutputContainer
from av.video.stream import VideoStream

from mead_manip.errors import MediaError
from mead_manip.files import atomic, make_folder, sweep

PART_FRAMES = 250  # x264 puts a key frame at least so often: parts then cost hardly a byte
_FORMAT = "nut"  # keeps time stamps of any time base

AddStream = Callable[[OutputContainer], VideoStream]


class VideoParts:
    """The parts of one video, in `<video>.parts/<key>` beside it.

    Args:
        key: of all that decides the frames; parts of another key are removed.
        length: frames of every part but the last.
    """

    def __init__(self, video: Path, key: str, length: int = PART_FRAMES) -> None:
        self.root, self.length = video.with_name(video.name + ".parts"), length
        self._key = key
        self.n_kept = 0  # frames that earlier runs left
        self._firsts: list[int] = []  # time stamp of the first frame of every part
        self._n_frames = 0
        self._part: _Part | None = None

    @property
    def exist(self) -> bool:
        """Tell whether an earlier run with the same key was interrupted."""
        return any(self.root.glob(f"{self._key}-*/*.{_FORMAT}"))

    def begin(self, add_stream: AddStream, settings: object) -> None:
        """Find what is left of an earlier run with the same key and the same settings of the encoder."""
        digest = hashlib.sha256(repr((settings, self.length, av.__version__)).encode()).hexdigest()[:8]
        self._folder, self._add_stream = self.root / f"{self._key}-{digest}", add_stream
        for other in self.root.glob("*"):
            if other != self._folder:
                shutil.rmtree(other)
        make_folder(self._folder)
        sweep(self._folder)
        number = 0
        while self._path(number).exists():
            number += 1
        if number:
            self.n_kept = (number - 1) * self.length + len(_time_stamps(self._path(number - 1)))

    def pass_by(self, pts: int) -> None:
        """Count a frame that an earlier run left."""
        self._count(pts)

    def encode(self, frame: av.VideoFrame) -> None:
        """Put the next frame into its part, and publish the part when that is full."""
        if self._part is None:
            self._part = _Part(self._path(self._n_frames // self.length), self._add_stream)
        assert frame.pts is not None
        self._count(frame.pts)
        self._part.encode(frame)
        if self._n_frames % self.length == 0:
            self._publish()

    def packets(self, time_base: Fraction, end: int) -> Iterator[av.Packet]:
        """Publish the last part and give the packets of all, in ticks of `time_base`; `end`: when the last frame ends.

        Decoding times are derived anew, as x264 does: those of the showing, late by as many frames as any packet comes
        out of order. Nothing jumps where parts meet, at a variable rate neither.
        """
        if self._part is not None:
            self._publish()
        paths = [self._path(number) for number in range(len(self._firsts))]
        stamps = [self._shown(path, number, time_base) for number, path in enumerate(paths)]
        shown = sorted(pts for part in stamps for pts in part)
        late = max(k - rank for part in stamps for k, rank in enumerate(_ranks(part)))
        lead = shown[min(late, len(shown) - 1)] - shown[0]
        following = dict(zip(shown, [*shown[1:], end], strict=True))
        k = 0
        for path, part in zip(paths, stamps, strict=True):
            for packet, pts in zip(_packets(path), part, strict=True):
                packet.time_base, packet.pts, packet.duration = time_base, pts, following[pts] - pts
                packet.dts = shown[k - late] if k >= late else shown[k] - lead
                k += 1
                yield packet

    def abort(self) -> None:
        """Throw away the part at work, if there is one; those that are finished stay."""
        if self._part is not None:
            self._part.abort()
            self._part = None

    def remove(self) -> None:
        """Remove all parts of the video, whatever their key, and what killed runs left of the video itself."""
        if self.root.exists():
            shutil.rmtree(self.root)
            for unfinished in self.root.parent.glob(f".{escape(self.root.stem)}.*.tmp"):
                unfinished.unlink()

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:05d}.{_FORMAT}"

    def _count(self, pts: int) -> None:
        if self._n_frames % self.length == 0:
            self._firsts.append(pts)
        self._n_frames += 1

    def _publish(self) -> None:
        assert self._part is not None
        part, self._part = self._part, None
        part.close()

    def _shown(self, path: Path, number: int, time_base: Fraction) -> list[int]:
        """Give when the frames of a part are shown, in the order of its packets."""
        stamps = _time_stamps(path)
        expected = min(self.length, self._n_frames - number * self.length)
        if len(stamps) != expected:
            raise MediaError(
                f"{path} has {len(stamps)} frames", expected=f"{expected}", remedy="begin anew with --force"
            )
        first = min(stamps)  # the container moves all of them where decoding begins before nought
        return [self._firsts[number] + round((stamp - first) / time_base) for stamp in stamps]


class _Unfinished(Exception):
    """A part is thrown away."""


class _Part:
    """An encoder and the file that it fills."""

    def __init__(self, path: Path, add_stream: AddStream) -> None:
        with ExitStack() as stack:
            file = stack.enter_context(stack.enter_context(atomic(path)).open("wb"))
            self._container = stack.enter_context(av.open(file, "w", format=_FORMAT))
            self._stream = add_stream(self._container)
            self._stack = stack.pop_all()

    def encode(self, frame: av.VideoFrame | None) -> None:
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def close(self) -> None:
        """Publish the file."""
        with self._stack:
            self.encode(None)

    def abort(self) -> None:
        """Remove the file."""
        with suppress(_Unfinished), self._stack:
            raise _Unfinished


def _packets(path: Path) -> Iterator[av.Packet]:
    with av.open(f"file:{path}") as container:
        for packet in container.demux(video=0):
            if packet.size:
                yield packet


def _time_stamps(path: Path) -> list[Fraction]:
    """Give when the frames of a part are shown, in seconds, in the order of its packets."""
    return [packet.pts * packet.time_base for packet in _packets(path) if packet.pts is not None]


def _ranks(stamps: list[int]) -> list[int]:
    rank = {pts: k for k, pts in enumerate(sorted(stamps))}
    return [rank[pts] for pts in stamps]
