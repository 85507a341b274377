"""Frames of a video + what draws its faces -> edited frames, and how they are laid out"""

from __future__ import annotations

import collections
import concurrent.futures
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from mead_manip.errors import MeadManipError
from mead_manip.media.mattes import Matte
from mead_manip.media.parts import Canvas
from mead_manip.media.video import VideoInfo
from mead_manip.reports.figure import beside
from mead_manip.reports.tiles import tiled
from mead_manip.stages.editing.neural_frames import NeuralRetargeter, filmed
from mead_manip.stages.editing.retarget import FaceRetargeter

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
    written: bool = True  # to the result
    front: Matte | None = None  # of what lies in front of its faces, where one was given
    canvas: Canvas | None = None  # what `rgb` is, if only what the drawing looks at was read


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

    @property
    def plain(self) -> bool:
        """Tell whether the result is the frames of one edit and nothing else."""
        return not self.grid and not self.side_by_side and len(self.titles) == 1

    def keeps(self, seconds: float) -> bool:
        """Tell whether a frame is written."""
        return (self.start is None or seconds >= self.start) and (self.end is None or seconds < self.end)


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


def _drawing(edit: Sequence[FaceRetargeter], frame: Frame) -> Callable[[Rgb], Rgb]:
    """Give what draws one frame; faces that overlap are drawn one over the other."""
    jobs = [retargeter.job(frame.index, frame.front) for retargeter in edit]

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
            waiting.append((frame, [pool.submit(_drawing(edit, frame), frame.rgb) for edit in edits]))
            if len(waiting) > 2 * threads:
                first, drawn = waiting.popleft()
                yield first, [future.result() for future in drawn]
        for first, drawn in waiting:
            yield first, [future.result() for future in drawn]
