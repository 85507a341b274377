"""Renders with their truth -> how a landmark detector answers every unit of the face: often with less than was there.

A detector that flattens expressions hands its loss on to everything behind it. What it makes of a unit is measured
on renders, whose units are known, as a linear regression: it goes into the fit's head as that detector's own motion.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32, Int

from mead_manip.artifacts.schemas import SyntheticTruth
from mead_manip.backends.interfaces import Detection, LandmarkDetector
from mead_manip.geometry import matrix_from_axis_angle
from mead_manip.media.video import read_frames
from mead_manip.models.gaze import lids_with_gaze
from mead_manip.models.landmarker import mirror_order
from mead_manip.models.point_head import PointHead, linearise, select

ERROR = 0.01  # of a detector in one frame, dm
ALIKE = 10.0  # neighbouring frames that count as one
FAITHFUL = 0.35, 0.004  # doubt about a response: as a share of the true motion, and in dm


@dataclass(frozen=True)
class Watched:
    """Frames of a synthetic tree in which a detector saw a face."""

    found_px: Float32[np.ndarray, "frame point 2"]
    rows: Int[np.ndarray, " frame"]  # of the truth


def watch(
    detector: LandmarkDetector,
    tree: Path,
    truth: SyntheticTruth,
    points_of: Callable[[Detection], np.ndarray] = lambda face: face.landmarks_px,
) -> Watched:
    """Look at every clip of a tree with a detector, one face a frame."""
    found, rows = [], []
    for path, start in zip(truth.paths, truth.clip_start[:-1], strict=True):
        last: Float32[np.ndarray, "68 2"] | None = None
        for index, _, frame in read_frames(tree / path):
            (faces,) = detector.detect([frame], [] if last is None else [last], index)
            last = faces[0].landmarks_px if faces else None
            if faces:
                found.append(points_of(faces[0]))
                rows.append(start + index)
    return Watched(np.stack(found), np.array(rows))


def faces_of(truth: SyntheticTruth) -> Float32[np.ndarray, "frame face"]:
    """Expression, jaw and eyelids; lids follow the eye as they do on the head."""
    return np.concatenate([truth.expression, truth.jaw_pose, lids_with_gaze(truth.eyelids, truth.gaze)], axis=1)


def people_of(truth: SyntheticTruth) -> Int[np.ndarray, " frame"]:
    """Tell who is seen in every frame."""
    return np.repeat(truth.actor, np.diff(truth.clip_start))


def errors_of(seen: Watched, truth: SyntheticTruth) -> Float[np.ndarray, "frame 68 2"]:
    """How far the detector lies from the truth: across and up the head, dm."""
    turn = matrix_from_axis_angle(truth.head_pose[seen.rows])[:, :2, :2]
    away = (seen.found_px - truth.landmarks_px[seen.rows]) / truth.camera[seen.rows, None, :1] * [1, -1]
    return np.einsum("fij,fpj->fpi", np.linalg.inv(turn), away)


def response_of(
    errors: Float[np.ndarray, "frame point 2"],
    faces: Float32[np.ndarray, "frame face"],
    people: Int[np.ndarray, " frame"],
    motion: Float[np.ndarray, "point 2 face"],
) -> Float32[np.ndarray, "point 2 face"]:
    """Regress a detector's errors on what the face does, about every person's mean.

    Ridge: a response is believed to be none, the more so the less the unit moves that landmark (`motion`).
    """
    error, face = errors.astype(np.float64), faces.astype(np.float64)
    for person in np.unique(people):
        mine = people == person
        error[mine] -= error[mine].mean(axis=0)
        face[mine] -= face[mine].mean(axis=0)
    weight = 1 / (ALIKE * ERROR**2)
    share, least = FAITHFUL
    doubt = share * np.linalg.norm(motion, axis=1) + least  # point face
    normal = weight * face.T @ face + np.stack([np.diag(row**-2) for row in doubt])
    right = weight * np.einsum("fk,fpc->pkc", face, error)
    return np.linalg.solve(normal, right).transpose(0, 2, 1).astype(np.float32)


def motion_of(head: PointHead) -> Float[np.ndarray, "68 2 face"]:
    """How the landmarks of the mean person move with the face, face on: dm for every unit."""
    rest = torch.zeros(1, head.n_frame, dtype=torch.float64)
    shape = head.shaped(torch.zeros(head.identity.shape[-1], dtype=torch.float64))
    chosen = select(head, shape.points, rest[:, :3])
    return linearise(head, shape, rest, chosen).by_frame[0, :, :, : head.n_face].numpy()


def mirrored(response: Float32[np.ndarray, "68 2 face"], coef_names: Sequence[str]) -> Float32[np.ndarray, "68 2 face"]:
    """Swap left and right, of landmarks and of what the face does."""
    names = [*coef_names, "jaw", "jaw_y", "jaw_z", "lid_L", "lid_R"]
    columns = [names.index(_twin(name)) for name in names]
    result = response[mirror_order()][:, :, columns] * np.array([-1, 1], np.float32)[:, None]
    result[:, :, -4:-2] *= -1  # the jaw's turns to a side
    return result


def _twin(name: str) -> str:
    for left, right in (("_L", "_R"), ("_left", "_right")):
        if name.endswith(left):
            return name.removesuffix(left) + right
        if name.endswith(right):
            return name.removesuffix(right) + left
    return name
