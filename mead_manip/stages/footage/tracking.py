"""FaceSightings + video -> FaceTrack of one face: gaps filled, motion smoothed, crops gathered."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Int, Int64, UInt8

from mead_manip.artifacts.schemas import FaceSightings, FaceTrack
from mead_manip.errors import NoFaceError
from mead_manip.geometry import fill_invisible, landmark_jitter
from mead_manip.media.face_crops import crop_region, crop_squares, reduction, smooth_boxes
from mead_manip.media.mead_tree import ClipLabels
from mead_manip.media.pupils import bridge_pupils
from mead_manip.media.spool import Spool
from mead_manip.media.video import read_parts
from mead_manip.models.landmark_smoothing import smooth_points
from mead_manip.stages.footage.early_crops import EarlyCrops, crop_bytes

Shots = list[slice]


def track_face(
    path: Path, sightings: FaceSightings, face: int, labels: ClipLabels, early: EarlyCrops | None = None
) -> FaceTrack:
    """Follow one face of a video, numbered as in its sightings; crops that are in `early` are not cut again."""
    rows = np.flatnonzero(sightings.face == face)
    if not len(rows):
        raise NoFaceError(f"{path} shows {sightings.n_faces} faces", expected=f"--face 1 to {sightings.n_faces}")
    n_frames = sightings.n_frames
    visible = np.zeros(n_frames, bool)
    visible[sightings.frame[rows]] = True
    shots = [slice(a, b) for a, b in pairwise([0, *sightings.cuts.tolist(), n_frames])]
    stand_in = _stand_ins(visible, shots)
    row = rows[np.searchsorted(sightings.frame[rows], stand_in)]
    raw = sightings.landmarks_px[row]
    points = _smoothed(raw, sightings.pupils_px[row], visible, shots)[stand_in]
    boxes = np.concatenate([smooth_boxes(sightings.boxes_px[row[shot]]) for shot in shots])
    frame_from_crop = crop_squares(boxes)
    face_bytes, face_offsets = _cut(path, sightings, row, frame_from_crop, visible, early)
    return FaceTrack(
        face_bytes=face_bytes,
        face_offsets=face_offsets,
        landmarks_px=points[:, :68],
        landmarks_raw_px=raw,
        pupils_px=points[:, 68:],
        mesh_px=_picked(sightings.mesh_px, row),
        boxes_px=boxes,
        frame_from_crop=frame_from_crop,
        visible=visible,
        score=np.where(visible, sightings.score[row], 0).astype(np.float32),
        fps_num=sightings.fps_num,
        fps_den=sightings.fps_den,
        width=sightings.width,
        height=sightings.height,
        source=str(path),
        source_digest=sightings.source_digest,
        actor=labels.actor,
        emotion=labels.emotion,
        view=labels.view,
        level=labels.level,
        take=labels.take,
        sentence=labels.sentence,
        landmark_backend=sightings.landmark_backend,
        face=face,
        most_faces=int(np.bincount(sightings.frame[sightings.face > 0]).max()),
        cuts=sightings.cuts,
        jitter_raw=_jitter(raw, visible, shots),
        jitter=_jitter(points[:, :68], visible, shots),
    )


def _stand_ins(visible: Bool[np.ndarray, " frame"], shots: Shots) -> Int[np.ndarray, " frame"]:
    """Give the frame that stands for each: itself, else the nearest with the face in its shot, else of all."""
    frames = np.arange(len(visible))
    nearest = fill_invisible(frames, visible)
    for shot in shots:
        if visible[shot].any():
            nearest[shot] = fill_invisible(frames[shot], visible[shot])
    return nearest


def _smoothed(
    landmarks: Float32[np.ndarray, "frame 68 2"],
    pupils: Float32[np.ndarray, "frame 2 2"],
    visible: Bool[np.ndarray, " frame"],
    shots: Shots,
) -> Float32[np.ndarray, "frame 70 2"]:
    """Smooth landmarks and pupils, each shot by itself; closed eyes get their pupils first."""
    points = [
        smooth_points(np.concatenate([landmarks[s], bridge_pupils(pupils[s], landmarks[s])], axis=1), visible[s])
        for s in shots
    ]
    return np.concatenate(points)


def _jitter(landmarks: Float32[np.ndarray, "frame 68 2"], visible: Bool[np.ndarray, " frame"], shots: Shots) -> float:
    """Mean jitter over the stretches of frames that show the face, none of them across a cut."""
    starts = {shot.start for shot in shots}
    edges = [k for k in range(1, len(visible)) if k in starts or visible[k] != visible[k - 1]]
    runs = [slice(a, b) for a, b in pairwise([0, *edges, len(visible)]) if visible[a] and b - a >= 3]
    if not runs:
        return 0.0
    weights = [run.stop - run.start - 2 for run in runs]
    return float(np.average([landmark_jitter(landmarks[run]) for run in runs], weights=weights))


def _picked(
    mesh: Float32[np.ndarray, "sighting mesh 2"], rows: Int[np.ndarray, " frame"]
) -> Float32[np.ndarray, "frame mesh 2"]:
    """Give the rows of a large array, on disk."""
    with Spool(np.float32, *mesh.shape[1:]) as spool:
        for row in rows:
            spool.add(mesh[row])
        return spool.array()


def _cut(
    path: Path,
    sightings: FaceSightings,
    row: Int[np.ndarray, " frame"],
    frame_from_crop: Float32[np.ndarray, "frame 2 3"],
    visible: Bool[np.ndarray, " frame"],
    early: EarlyCrops | None,
) -> tuple[UInt8[np.ndarray, " byte"], Int64[np.ndarray, " frame+1"]]:
    """Put the crops together: those cut on the way, the others from a second decoding of what lies around the face."""
    size = (sightings.width, sightings.height)
    # The box as it was seen decides by how much a frame is shrunk: it is known before the smooth one.
    by = np.array([reduction(square, *size) for square in crop_squares(sightings.boxes_px[row])])
    there = visible & early.same(frame_from_crop, by) if early else np.zeros_like(visible)
    again = _second_pass(path, frame_from_crop, by, size, visible & ~there) if (visible & ~there).any() else iter(())
    sizes = [0]
    with Spool(np.uint8) as spool:
        for frame in range(len(visible)):
            anew = next(again, b"")
            data = early.crop(frame) if early and there[frame] else anew
            spool.extend(data)
            sizes.append(len(data))
        next(again, None)  # a video that has changed in between is told at its end
        return spool.array(), np.cumsum(sizes, dtype=np.int64)


def _second_pass(
    path: Path,
    frame_from_crop: Float32[np.ndarray, "frame 2 3"],
    by: Int[np.ndarray, " frame"],
    size: tuple[int, int],
    wanted: Bool[np.ndarray, " frame"],
) -> Iterator[bytes]:
    """Decode once more; give the crops of the frames that are wanted, and nothing for the others."""
    regions = np.stack([crop_region(s, *size, by=k) for s, k in zip(frame_from_crop, by.tolist(), strict=True)])
    regions[~wanted, 2:] = regions[~wanted, :2] + 1
    for index, part in read_parts(path, regions, by):
        yield crop_bytes(part, frame_from_crop[index], regions[index], int(by[index])) if wanted[index] else b""
