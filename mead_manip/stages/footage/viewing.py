"""What a detector is shown of frames: all of it, or only what lies around the one face that is followed.

To convert the colours of a large frame and to hand it over takes as long as to find a face in it. So the whole is shown
where a shot begins, where none or several faces are known, and every `LOOK_AGAIN` frames, for faces that are new; else
a part in which a face has room to move. Where the face is lost in its part, or comes near the rim, the whole is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, Int, UInt8

from mead_manip.backends.interfaces import LOOK_AGAIN, Detection, LandmarkDetector
from mead_manip.media.face_crops import crop_region, crop_squares, face_box, reduction
from mead_manip.media.parts import Decoded
from mead_manip.stages.footage.early_crops import wider

_ROOM = 1.6  # side of the part / side of the crop
_ONE_FACE = 0.6  # overlap / union of two boxes that are one face, seen twice


@dataclass(frozen=True)
class Seen:
    """The faces of a frame in its pixels, the largest first, and in those of the picture that was shown."""

    picture: UInt8[np.ndarray, "_ _ rgb=3"]
    shown: list[Detection]
    faces: list[Detection]
    view: View | None = None  # the part that was shown


@dataclass(frozen=True)
class View:
    """A part of frames that are shrunk by a whole number."""

    region: Int[np.ndarray, " 4"]
    by: int
    size: tuple[int, int]

    @classmethod
    def around(cls, landmarks_px: Float32[np.ndarray, "68 2"], size: tuple[int, int]) -> View:
        """Show a face as large as its crop will be, with room around."""
        square = crop_squares(face_box(landmarks_px)[None])[0]
        by = reduction(square, *size)
        return cls(crop_region(wider(square, _ROOM), *size, by=by), by, size)

    def shown(self, points_px: Float32[np.ndarray, "*point 2"]) -> Float32[np.ndarray, "*point 2"]:
        """Give points of the frame in pixels of the part."""
        return ((points_px - (self.by - 1) / 2) / self.by - self.region[:2]).astype(np.float32)

    def back(self, face: Detection) -> Detection:
        """Give a face of the part in pixels of the frame."""
        return replace(
            face,
            landmarks_px=self.back_points(face.landmarks_px),
            box_px=self.back_points(face.box_px.reshape(2, 2)).reshape(4),
            pupils_px=None if face.pupils_px is None else self.back_points(face.pupils_px),
            mesh_px=None if face.mesh_px is None else self.back_points(face.mesh_px),
        )

    def back_points(self, points: Float32[np.ndarray, "*point 2"]) -> Float32[np.ndarray, "*point 2"]:
        """Give points of the part in pixels of the frame."""
        return ((points + self.region[:2]) * self.by + (self.by - 1) / 2).astype(np.float32)

    def holds(self, face: Detection) -> bool:
        """Tell whether the crop of a face, in pixels of the frame, lies in the part."""
        needed = crop_region(crop_squares(face.box_px[None])[0], *self.size, by=self.by)
        return bool((self.region[:2] <= needed[:2]).all() and (needed[2:] <= self.region[2:]).all())


def see(
    frames: Sequence[Decoded],
    detector: LandmarkDetector,
    hints: Sequence[Float32[np.ndarray, "68 2"]],
    first: int,
    followed: int,
) -> list[Seen]:
    """Detect in frames that follow each other; `followed` faces are in the one before, `first` is their first index."""
    if len(hints) == followed == 1 and first % LOOK_AGAIN:
        seen = _see_part(frames, detector, hints[0], first)
        if seen is not None:
            return seen
    pictures = [frame.glance() for frame in frames]
    found = [distinct(faces) for faces in detector.detect(pictures, hints, first)]
    return [Seen(picture, faces, faces) for picture, faces in zip(pictures, found, strict=True)]


def distinct(faces: Sequence[Detection]) -> list[Detection]:
    """Leave out what shows a larger face once more."""
    kept: list[Detection] = []
    for face in faces:
        if all(_overlap(face.box_px, other.box_px) < _ONE_FACE for other in kept):
            kept.append(face)
    return kept


def _see_part(
    frames: Sequence[Decoded], detector: LandmarkDetector, hint: Float32[np.ndarray, "68 2"], first: int
) -> list[Seen] | None:
    """Show the part around one face; nothing where the face is not well inside of it all the time."""
    view = View.around(hint, frames[0].size)
    pictures = [frame.part(view.region, view.by) for frame in frames]
    found = detector.detect(pictures, [view.shown(hint)], first)
    seen = []
    for picture, shown in zip(pictures, map(distinct, found), strict=True):
        faces = [view.back(face) for face in shown]
        if len(faces) != 1 or not view.holds(faces[0]):
            return None
        seen.append(Seen(picture, shown, faces, view))
    return seen


def _overlap(a: Float32[np.ndarray, " 4"], b: Float32[np.ndarray, " 4"]) -> float:
    shared = np.prod(np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0))
    return float(shared / max(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared, 1e-9))
