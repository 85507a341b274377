"""Frames of a video + what draws its faces -> edited frames, and the file that they become"""

from __future__ import annotations

import collections
import concurrent.futures
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from mead_manip.artifacts.schemas import FaceTrack
from mead_manip.errors import MeadManipError
from mead_manip.media.video import VideoInfo, read_frames, writer_like
from mead_manip.reports.figure import beside
from mead_manip.reports.tiles import tiled
from mead_manip.stages.neural_frames import NeuralRetargeter, filmed
from mead_manip.stages.retarget import FaceRetargeter
from mead_manip.stages.runner import Progress

GRID_COLUMNS = 4
GRID_WIDTH = 480  # of a tile at most, pixels

Rgb = UInt8[np.ndarray, "_ _ 3"]
Edit = Sequence[FaceRetargeter | NeuralRetargeter]  # of every face that it changes, all of one kind


@dataclass(frozen=True)
class Frame:
    """A frame of the source."""

    index: int
    pts: int
    rgb: Rgb


@dataclass(frozen=True)
class Layout:
    """What is written of source and edits, and from where to where (seconds; None: all)."""

    titles: tuple[str, ...]  # of the edits
    side_by_side: bool = False
    grid: bool = False
    start: float | None = None
    end: float | None = None

    def size(self, info: VideoInfo) -> tuple[int, int]:
        """Give width and height of the result."""
        blank = np.zeros((info.height, info.width, 3), np.uint8)
        height, width = self.picture(blank, [blank] * len(self.titles)).shape[:2]
        return width, height

    def picture(self, source: Rgb, edits: Sequence[Rgb]) -> Rgb:
        """Lay out one frame."""
        if self.grid:
            pictures, titles = [source, *edits], ["source", *self.titles]
            return tiled(pictures, titles, GRID_COLUMNS, min(GRID_WIDTH, source.shape[1]))
        return beside([source, edits[0]], ["source", self.titles[0]]) if self.side_by_side else edits[0]

    def keeps(self, seconds: float) -> bool:
        """Tell whether a frame is written."""
        return (self.start is None or seconds >= self.start) and (self.end is None or seconds < self.end)


def write_video(
    info: VideoInfo, out: Path, track: FaceTrack, edits: Sequence[Edit], layout: Layout, progress: Progress
) -> int:
    """Write the edits of a video with its rate, time stamps, sound and subtitles; give the number of frames."""
    width, height = layout.size(info)
    comment = f"edited with mead-manip: {', '.join(layout.titles)}"
    cut = layout.start is not None or layout.end is not None
    with writer_like(out, info, width=width, height=height, comment=comment, cut=cut) as writer:
        for codec in writer.left_out:
            progress.say(f"edit: {out.suffix} cannot hold {codec} subtitles: left out; an .mkv keeps them")
        frames = checked((Frame(*frame) for frame in read_frames(info.path)), track)
        first: int | None = None
        for frame, drawn in progress.clips(in_order(edits, frames), len(track.visible), f"edit {layout.titles[0]}"):
            origin = frame.pts if first is None else first
            first = origin
            if layout.keeps(float((frame.pts - origin) * info.time_base)):
                writer.write(layout.picture(frame.rgb, drawn), frame.pts)
        return writer.n_frames


def drawn_at(edits: Sequence[Edit], index: int, frames_from: Callable[[int], Iterator[Frame]]) -> list[Rgb]:
    """Draw one frame of every edit; `frames_from` gives the source's from a frame up to this one."""
    neural = [face for edit in edits for face in edit if isinstance(face, NeuralRetargeter)]
    first = min((face.first_needed(index) for face in neural), default=index)
    for frame, drawn in in_order(edits, frames_from(first)):
        if frame.index == index:
            return drawn
    raise MeadManipError(f"no frame {index}", remedy="run `mead-manip preprocess --force` on the video")


def in_order(edits: Sequence[Edit], frames: Iterator[Frame]) -> Iterator[tuple[Frame, list[Rgb]]]:
    """Draw every frame of every edit and give them in their order: memory does not grow with the video."""
    neural = [[face for face in edit if isinstance(face, NeuralRetargeter)] for edit in edits]
    if any(neural):
        return filmed(neural, frames)
    return _threaded([[face for face in edit if isinstance(face, FaceRetargeter)] for edit in edits], frames)


def _drawing(edit: Sequence[FaceRetargeter], index: int) -> Callable[[Rgb], Rgb]:
    """Give what draws one frame; faces that overlap are drawn one over the other."""
    jobs = [retargeter.job(index) for retargeter in edit]

    def draw(rgb: Rgb) -> Rgb:
        for job in jobs:
            rgb = job(rgb)
        return rgb

    return draw


def _threaded(edits: Sequence[Sequence[FaceRetargeter]], frames: Iterator[Frame]) -> Iterator[tuple[Frame, list[Rgb]]]:
    """Draw on all cores, a few frames ahead: each frame stands for itself."""
    threads = os.cpu_count() or 1
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        waiting: collections.deque[tuple[Frame, list[concurrent.futures.Future[Rgb]]]] = collections.deque()
        for frame in frames:
            waiting.append((frame, [pool.submit(_drawing(edit, frame.index), frame.rgb) for edit in edits]))
            if len(waiting) > 2 * threads:
                first, drawn = waiting.popleft()
                yield first, [future.result() for future in drawn]
        for first, drawn in waiting:
            yield first, [future.result() for future in drawn]


def checked(frames: Iterator[Frame], track: FaceTrack) -> Iterator[Frame]:
    """Pass the frames through; a video that no longer has as many as its face track is refused."""
    count = 0
    for frame in frames:
        count += 1
        if count > len(track.visible):
            break
        yield frame
    if count != len(track.visible):
        raise MeadManipError(
            f"{track.source}: {'more' if count > len(track.visible) else count} frames",
            expected=f"{len(track.visible)} as in its face track",
            remedy="run `mead-manip preprocess --force` on it",
        )
