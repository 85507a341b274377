"""Crops cut while faces are still being found, on a guess which and where: mostly right, it spares a second decoding.

The guess is that the face which has been the largest so far is the one that will be followed, and that its boxes are
smoothed as they would be with what lies up to `SMOOTHING_REACH` frames ahead. For so long what lies around it is held,
shrunk to about the size of a crop. Whoever takes a crop says where it should be cut; where the guess was another, there
is none, and the frame is decoded once more.
"""

from __future__ import annotations

import bisect
from collections import deque
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int, UInt8

from mead_manip.geometry import fill_invisible
from mead_manip.media.face_crops import (
    SMOOTHING,
    SMOOTHING_REACH,
    crop_region,
    crop_squares,
    cut_part,
    reduction,
    smooth_boxes,
)
from mead_manip.media.images import encode
from mead_manip.media.parts import Decoded
from mead_manip.media.spool import Spool

_BATCH = SMOOTHING - SMOOTHING_REACH  # frames that are cut at a time; with fewer the window were that of a short shot
_ROOM = 1.4  # side of what is held / side of the crop as the unsmoothed box has it
_LEAST_ROOM = 1.15  # the same where more would have to be converted for it
_SAME = 1e-3  # px between two places of a crop that are one


@dataclass(frozen=True)
class _Held:
    """What lies around the face of a frame that waits for those after it."""

    frame: int
    region: Int[np.ndarray, " 4"]
    by: int
    part: UInt8[np.ndarray, "height width rgb=3"]


class EarlyCrops:
    """Takes the frames of a video one by one, and then gives their crops; those lie on disk."""

    def __init__(self) -> None:
        self._size = (1, 1)  # of a frame
        self._held: deque[_Held] = deque()
        self._boxes: list[Float32[np.ndarray, " 4"] | None] = []  # of the shot, from frame `_first` on
        self._first = 0
        self._frames: list[int] = []  # that have been cut, and for each by how much its frame was shrunk
        self._by: list[int] = []
        self._offsets = [0]
        self._squares, self._data = Spool(np.float32, 2, 3), Spool(np.uint8)

    def __enter__(self) -> EarlyCrops:
        return self

    def __exit__(self, *error: object) -> None:
        self._squares.__exit__(*error)
        self._data.__exit__(*error)

    def see(
        self, frame: int, size: tuple[int, int], decoded: Decoded, box_px: Float32[np.ndarray, " 4"] | None
    ) -> None:
        """Take the next frame of a shot, of that width and height; it shows no face where there is no box."""
        self._size = size
        self._boxes.append(box_px)
        if box_px is not None:
            square = crop_squares(box_px[None])[0]
            by = reduction(square, *size)
            region = crop_region(wider(square, _ROOM), *size, by=by)
            kept = decoded.kept(crop_region(wider(square, _LEAST_ROOM), *size, by=by), by)
            if kept is not None:
                region = np.concatenate(
                    [np.maximum(region[:2], kept.region[:2]), np.minimum(region[2:], kept.region[2:])]
                )
            self._held.append(_Held(frame, region, by, decoded.part(region, by).copy()))
        if self._held and frame - self._held[0].frame >= SMOOTHING_REACH + _BATCH:
            self._cut(frame + 1 - SMOOTHING_REACH)

    def end_shot(self, frame: int) -> None:
        """Cut what waits: the frame with this index is of another shot, or none."""
        self._cut(frame)
        self._boxes, self._first = [], frame

    def same(
        self, frame_from_crop: Float32[np.ndarray, "frame 2 3"], by: Int[np.ndarray, " frame"]
    ) -> Bool[np.ndarray, " frame"]:
        """Tell of which frames there is the crop that is wanted."""
        there = np.zeros(len(frame_from_crop), bool)
        frames = np.array(self._frames, np.int64)
        apart = np.abs(self._squares.array() - frame_from_crop[frames]).max(axis=(1, 2), initial=0)
        there[frames] = (apart < _SAME) & (np.array(self._by, np.int64) == by[frames])
        return there

    def crop(self, frame: int) -> bytes:
        """Give the crop of a frame of which there is one."""
        place = bisect.bisect_left(self._frames, frame)
        return self._data.read(self._offsets[place], self._offsets[place + 1])

    def _cut(self, stop: int) -> None:
        """Cut the frames before `stop`, and forget what no later one needs."""
        visible = np.array([box is not None for box in self._boxes], bool)
        if visible.any():
            known = np.stack([np.zeros(4, np.float32) if box is None else box for box in self._boxes])
            squares = crop_squares(smooth_boxes(known[fill_invisible(np.arange(len(visible)), visible)]))
            while self._held and self._held[0].frame < stop:
                held = self._held.popleft()
                self._keep(held, squares[held.frame - self._first])
        gone = max(0, stop - SMOOTHING_REACH - self._first)
        self._boxes, self._first = self._boxes[gone:], self._first + gone

    def _keep(self, held: _Held, square: Float32[np.ndarray, "2 3"]) -> None:
        region = crop_region(square, *self._size, by=held.by)
        x0, y0, x1, y1 = region - np.tile(held.region[:2], 2)
        if x0 < 0 or y0 < 0 or y1 > held.part.shape[0] or x1 > held.part.shape[1]:
            return  # the face moves too fast
        data = crop_bytes(held.part[y0:y1, x0:x1], square, region, held.by)
        self._frames.append(held.frame)
        self._by.append(held.by)
        self._offsets.append(self._offsets[-1] + len(data))
        self._squares.add(square)
        self._data.extend(data)


def crop_bytes(
    part: UInt8[np.ndarray, "height width rgb=3"],
    frame_from_crop: Float32[np.ndarray, "2 3"],
    region: Int[np.ndarray, " 4"],
    by: int,
) -> bytes:
    """Cut a crop out of a part of its frame as it is stored."""
    return encode(cut_part(part, frame_from_crop, region, by=by), quality=95)


def wider(frame_from_crop: Float32[np.ndarray, "2 3"], room: float) -> Float32[np.ndarray, "2 3"]:
    """Give the square with room around, for the same number of pixels."""
    middle = frame_from_crop @ np.array([127.5, 127.5, 1.0], np.float32)
    wide = frame_from_crop * np.float32(room)
    wide[:, 2] = middle - wide[:, :2] @ np.array([127.5, 127.5], np.float32)
    return wide
