"""Landmarks by FAN (Bulat and Tzimiropoulos, 2017) through the package face-alignment, with weights of the user's.

The whole frame is searched on every tenth frame only. Between two such looks the crops lie on a straight line from the
face's place at the one to its place at the other, so that all frames of a call go through the network in batches. A
crop that turns out to lie badly is cut again where its landmarks are. So landmarks, though not faces, depend a little
on where one call ends and the next begins: by less than what a cell of a heat map covers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import nn

from ..errors import BackendUnavailable
from ..media.face_crops import face_box
from . import fan_source
from .fan_crops import Placement, between, place, place_landmarks, read_landmarks
from .interfaces import LOOK_AGAIN, Detection, largest_first

_LOOK_PX = 480  # longer side of what the detector sees: YuNet finds faces of 10 px in it
_MAX_FACES = 4  # boxes of a look, the largest
# FAN was trained to peaks of height 1; of single points, its author calls .92 good and .6 less so. Mean of all 68.
_SEEN = 0.4
_CLEAR = (
    0.6  # what a followed face must reach that a look does not show, or a network that sees faces in clouds keeps it
)
_SHIFT, _GROWTH = 0.12, 1.3  # how far a crop may lie from where its own landmarks would put it: in sides, as a factor
_TRIES = 3  # crops of one face in one frame
_MOVED, _GREW = 0.5, 1.6  # how far a face comes between two looks: in sides of its crop, as a factor
_SAME = 0.25  # faces of a frame nearer than this many sides of a crop are one
# YuNet's boxes, placed as face-alignment places them, give crops that are 1.41 (+- .05)
# times as large as the landmarks' own and lie .116 (+- .018) of these higher, on 59 frames of ten real videos, with
# MediaPipe's landmarks. Of the others no weights were at hand: their crops are cut a second time where that is needed.
_YUNET_LARGER, _YUNET_HIGHER = 1.41, 0.116
# Frames after the last look of a call that are followed one by one instead of looking at the last of them: a CPU gains
# nothing from batches, a GPU waits for every call.
_CPU_SHORT, _GPU_SHORT = LOOK_AGAIN, 2


@dataclass(frozen=True)
class _Face:
    """A face in one frame, and where its crop should lie."""

    landmarks_px: Float32[np.ndarray, "68 2"]
    score: float
    place: Placement


class FanLandmarks:
    """FAN on crops of followed faces; `model` says where the weights are: see fan_source."""

    name = "fan"
    n_mesh = 0

    def __init__(self, model: str | None = None, device: str = "auto") -> None:
        self._source = fan_source.find(model)
        self._device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)

    @cached_property
    def digest(self) -> str:
        """Name and sha256 of the weights of network and detector."""
        return f"{self.name}@{self._source.digest[:16]}"

    def detect(
        self,
        frames: Sequence[UInt8[np.ndarray, "_ _ 3"]],
        hints: Sequence[Float32[np.ndarray, "68 2"]] = (),
        first: int = 0,
    ) -> list[list[Detection]]:
        """Go from look to look; a face that only one of two looks shows is followed frame by frame from there."""
        found: list[list[_Face]] = [[] for _ in frames]
        short = _GPU_SHORT if self._device.type == "cuda" else _CPU_SHORT
        looks = _looks(len(frames), first, known=len(hints) > 0, short=short)
        seen = self._look(frames, looks)
        known, left = [_Face(hint, 1.0, place_landmarks(hint)) for hint in hints], -1
        paths: list[tuple[int, Placement]] = []
        for right, faces in zip(looks, seen, strict=True):
            pairs, gone, come = _match(known, faces)
            for a, b in pairs:
                span = right - left
                paths += [(t, between(a.place, b.place, (t - left) / span)) for t in range(left + 1, right)]
            stayed = self._chase(frames, gone, range(left + 1, right + 1), found)
            self._chase(frames, come, range(right - 1, left, -1), found)
            found[right] = known = _distinct(faces + [face for face in stayed if face.score >= _CLEAR])
            left = right
        self._chase(frames, known, range(left + 1, len(frames)), found)
        for (t, _), face in zip(paths, self._walk(frames, paths), strict=True):
            found[t] += [] if face is None else [face]
        return [largest_first(map(_detection, _distinct(faces))) for faces in found]

    def close(self) -> None:
        """Drop network and detector."""
        for part in ("_network", "_detector"):
            self.__dict__.pop(part, None)

    def _look(self, frames: Sequence[UInt8[np.ndarray, "_ _ 3"]], looks: Sequence[int]) -> list[list[_Face]]:
        """Search whole frames."""
        jobs = [(t, crop) for t in looks for crop in self._boxes(frames[t])]
        faces = self._settle(frames, jobs)
        return [
            _distinct([face for (t, _), face in zip(jobs, faces, strict=True) if t == look and face is not None])
            for look in looks
        ]

    def _boxes(self, frame: UInt8[np.ndarray, "height width 3"]) -> list[Placement]:
        """Give crops for the largest boxes that the detector finds in the reduced frame."""
        height, width = frame.shape[:2]
        by = max(1.0, max(height, width) / _LOOK_PX)
        size = (max(1, round(width / by)), max(1, round(height / by)))
        small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA) if by > 1 else np.ascontiguousarray(frame)
        try:
            boxes = self._detector.detect_from_image(small)
        except cv2.error as error:
            raise BackendUnavailable(f"face detector {self._source.detector} fails: {error.err}") from error
        grow = np.array([width / size[0], height / size[1]] * 2)
        # BlazeFace says [[]] where it sees nothing.
        placed = [place(np.array(box[:4]) * grow, self._detector.reference_scale) for box in boxes if len(box)]
        larger, higher = (_YUNET_LARGER, _YUNET_HIGHER) if self._source.detector == "yunet" else (1.0, 0.0)
        crops = [Placement(crop.x, crop.y + higher * crop.side_px / larger, crop.scale / larger) for crop in placed]
        return sorted((crop for crop in crops if crop.lies_in(frame)), key=lambda crop: -crop.scale)[:_MAX_FACES]

    def _chase(
        self,
        frames: Sequence[UInt8[np.ndarray, "_ _ 3"]],
        faces: list[_Face],
        order: Iterable[int],
        found: list[list[_Face]],
    ) -> list[_Face]:
        """Follow faces frame by frame, writing them down, until they are lost; give those that are left at the end."""
        for t in order:
            followed = self._settle(frames, [(t, face.place) for face in faces])
            faces = _distinct([face for face in followed if face is not None])
            found[t] += faces
        return faces

    def _walk(
        self, frames: Sequence[UInt8[np.ndarray, "_ _ 3"]], jobs: Sequence[tuple[int, Placement]]
    ) -> list[_Face | None]:
        """Look along the paths between two looks; where nothing is seen, once more where the frame before saw it."""
        faces = self._settle(frames, jobs)
        tried: set[int] = set()
        while again := [
            (index, before.place)
            for index in range(1, len(jobs))
            if faces[index] is None
            and index not in tried
            and jobs[index][0] == jobs[index - 1][0] + 1
            and (before := faces[index - 1]) is not None
        ]:
            tried |= {index for index, _ in again}
            retried = self._settle(frames, [(jobs[index][0], placement) for index, placement in again])
            for (index, _), face in zip(again, retried, strict=True):
                faces[index] = face
        return faces

    def _settle(
        self, frames: Sequence[UInt8[np.ndarray, "_ _ 3"]], jobs: Sequence[tuple[int, Placement]]
    ) -> list[_Face | None]:
        """Read landmarks in crops; crops that lie badly are cut again around them. None where no face is seen."""
        faces: list[_Face | None] = [None] * len(jobs)
        left = dict(enumerate(jobs))
        for _ in range(_TRIES):
            todo = {slot: (t, crop) for slot, (t, crop) in left.items() if crop.lies_in(frames[t])}
            left = {}
            read = read_landmarks(self._network, [(frames[t], crop) for t, crop in todo.values()])
            for (slot, (t, crop)), (landmarks, score) in zip(todo.items(), read, strict=True):
                if score < _SEEN:
                    continue
                own = place_landmarks(landmarks)
                if own.agrees(crop, _SHIFT, _GROWTH):
                    faces[slot] = _Face(landmarks, score, own)
                else:
                    left[slot] = (t, own)
        return faces

    @cached_property
    def _network(self) -> nn.Module:
        return fan_source.load_network(self._source.network, self._device)

    @cached_property
    def _detector(self) -> fan_source.Detector:
        return fan_source.load_detector(self._source, self._device)


def _looks(n_frames: int, first: int, known: bool, short: int) -> list[int]:
    """Frames of a call to search whole: every tenth of the video, the first if nothing is known, and perhaps the last.

    A look at the last frame places the crops of the frames before it; where they are no more than `short` it is spared.
    """
    looks = [t for t in range(n_frames) if (first + t) % LOOK_AGAIN == 0 or (t == 0 and not known)]
    left = looks[-1] if looks else -1
    return [*looks, n_frames - 1] if n_frames - 1 - left > short else looks


def _match(known: list[_Face], seen: list[_Face]) -> tuple[list[tuple[_Face, _Face]], list[_Face], list[_Face]]:
    """Pair the faces of two looks, the nearest first; also give those that only the earlier or the later one shows."""
    near = sorted(
        (float(np.hypot(a.place.x - b.place.x, a.place.y - b.place.y)) / b.place.side_px, i, j)
        for i, a in enumerate(known)
        for j, b in enumerate(seen)
        if a.place.agrees(b.place, _MOVED, _GREW)
    )
    pairs: dict[int, int] = {}
    for _, i, j in near:
        if i not in pairs and j not in pairs.values():
            pairs[i] = j
    gone = [face for i, face in enumerate(known) if i not in pairs]
    come = [face for j, face in enumerate(seen) if j not in pairs.values()]
    return [(known[i], seen[j]) for i, j in pairs.items()], gone, come


def _distinct(faces: list[_Face]) -> list[_Face]:
    """Of several that are one face keep the surest: two boxes, or two followers, may meet on it."""
    kept: list[_Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if not any(face.place.agrees(other.place, _SAME, np.inf) for other in kept):
            kept.append(face)
    return kept


def _detection(face: _Face) -> Detection:
    return Detection(face.landmarks_px, face_box(face.landmarks_px), face.score)
