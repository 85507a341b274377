"""Landmarks as a detector gave them -> what the fit sees: normalised, gaps bridged, spikes and cuts marked."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mead_manip.models.face_model import N_CONTOUR
from mead_manip.models.point_head import initial_pose

FRAME_SPIKE = 0.25  # mean jump against the neighbours, in inter-ocular distances: the whole detection is wrong
POINT_SPIKE = 0.35  # the same for one landmark; a blink or a plosive stays below
_PIECE = 1024  # frames
CUT_JUMP, CUT_ZOOM = 1.5, 1.5  # between neighbouring frames: another shot


@dataclass(frozen=True)
class Observation:
    """Landmarks of a clip, y up, in inter-ocular distances of the clip; weight 0 hides a landmark.

    A whole clip is kept in single precision, for long ones are many megabytes; what `at` gives is in double.
    """

    points: Float[Tensor, "frame 68 2"]
    weight: Float[Tensor, "frame 68"]
    size: Float[Tensor, " frame"]  # inter-ocular distance in this frame over the clip's
    tied: Float[Tensor, " link"]  # 1 where frame t and t + 1 belong together, 0 at a cut; frames - 1 of them

    def at(self, index: Int[Tensor, " chosen"]) -> "Observation":
        """Keep some frames; their links no longer mean anything."""
        return Observation(self.points[index].double(), self.weight[index].double(), self.size[index], self.tied[:0])


@dataclass(frozen=True)
class Picture:
    """Where the fit's plane lies in the picture: its unit and its origin."""

    unit: float  # px per inter-ocular distance of the clip
    centre: Float[np.ndarray, " 2"]  # px

    def to_pixels(self, points: Float[Tensor, "frame 68 2"]) -> Float[np.ndarray, "frame 68 2"]:
        """Put points of the fit's plane into the picture."""
        return points.numpy() * np.array([self.unit, -self.unit]) + self.centre

    def to_camera(self, camera: Float[np.ndarray, "frame 3"]) -> Float[np.ndarray, "frame 3"]:
        """Turn (log scale, x, y) of the fit into (scale px/dm, tx px, ty px) of the picture."""
        scale = np.exp(camera[:, 0]) * self.unit
        return np.stack(
            [scale, self.centre[0] + self.unit * camera[:, 1], self.centre[1] - self.unit * camera[:, 2]], axis=1
        )


def observe(
    landmarks_px: Float[np.ndarray, "frame 68 2"],
    visible: Bool[np.ndarray, " frame"],
    template: Float[Tensor, "68 3"],
) -> tuple[Observation, Picture]:
    """Normalise a clip's landmarks. At least one frame must be visible."""
    visible = visible & np.isfinite(landmarks_px).all(axis=(1, 2))
    # Single precision throughout: of a long clip every copy counts, and a pixel's 10,000th decides nothing.
    points = bridge(landmarks_px.astype(np.float32), visible)
    size = _sizes(points, template)
    unit = float(np.median(size[visible]))
    jump = _jumps(points) / unit
    steady = visible & (jump.mean(axis=1) < FRAME_SPIKE)
    if steady.any():
        points, size = bridge(points, steady), bridge(size, steady)
    else:
        steady = visible

    centre = np.median(points[steady].mean(axis=1), axis=0).astype(np.float64)
    normal = points - centre.astype(np.float32)
    normal *= np.array([1.0, -1.0], np.float32) / np.float32(unit)
    weight = steady[:, None] & (jump < POINT_SPIKE)
    moved = np.linalg.norm(np.diff(normal.mean(axis=1), axis=0), axis=1)
    zoomed = np.abs(np.diff(np.log(size)))
    tied = (moved < CUT_JUMP) & (zoomed < np.log(CUT_ZOOM))
    arrays = (normal, weight.astype(np.float32), size / unit, tied.astype(np.float64))
    return Observation(*(torch.from_numpy(array) for array in arrays)), Picture(unit, centre)


def bridge(values: Float[np.ndarray, "frame ..."], good: Bool[np.ndarray, " frame"]) -> Float[np.ndarray, "frame ..."]:
    """Replace bad frames by interpolation between good ones; the ends repeat the nearest good frame."""
    if good.all():
        return values
    frame = np.arange(len(values))
    flat = values.reshape(len(values), -1)
    columns = [np.interp(frame, frame[good], column[good]) for column in flat.T]
    return np.stack(columns, axis=1).reshape(values.shape).astype(values.dtype)


def _sizes(points: Float[np.ndarray, "frame 68 2"], template: Float[Tensor, "68 3"]) -> Float[np.ndarray, " frame"]:
    """Inter-ocular distance (outer corners) of every frame as it would be face on, px."""
    weight = torch.ones(68, dtype=template.dtype)
    weight[:N_CONTOUR] = 0.2
    parts = torch.from_numpy(points).split(_PIECE)
    camera = torch.cat([initial_pose(template, part.double(), weight)[1] for part in parts])
    return (camera[:, 0].exp() * (template[36] - template[45]).norm()).numpy()


def _jumps(points: Float[np.ndarray, "frame point 2"]) -> Float[np.ndarray, "frame point"]:
    """Distance from the median over five frames, the clip mirrored at its ends."""
    reach = min(2, len(points) - 1)
    padded = np.concatenate([points[reach:0:-1], points, points[-2 : -2 - reach : -1]])
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0)
    # A median copies what it looks at: long clips piece by piece.
    pieces = [slice(start, start + _PIECE) for start in range(0, len(points), _PIECE)]
    return np.concatenate([np.linalg.norm(points[i] - np.median(around[i], axis=-1), axis=-1) for i in pieces])
