"""One video -> FaceTrack, in two passes of constant memory: find the face in every frame, then cut smoothed crops."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

from mead_manip.artifacts.schemas import FaceTrack
from mead_manip.backends.interfaces import Detection, LandmarkDetector
from mead_manip.errors import ClipTooShort, MediaError, NoFaceError
from mead_manip.geometry import fill_invisible, landmark_jitter
from mead_manip.media.face_crops import crop_squares, cut_crop, smooth_boxes
from mead_manip.media.images import encode
from mead_manip.media.mead_tree import ClipLabels
from mead_manip.media.video import probe, read_frames

MIN_FRAMES = 10  # a window of the manipulator
_CHUNK = 8  # frames in memory at a time


@dataclass(frozen=True)
class Sightings:
    """What the detector saw, frame by frame; frames without a face repeat the nearest one with a face."""

    landmarks_px: Float32[np.ndarray, "frame 68 2"]
    boxes_px: Float32[np.ndarray, "frame 4"]
    visible: Bool[np.ndarray, " frame"]
    score: Float32[np.ndarray, " frame"]
    most_faces: int


def track_video(path: Path, detector: LandmarkDetector, labels: ClipLabels, digest: str) -> FaceTrack:
    """Follow the face of one video."""
    info = probe(path)
    seen = find_face(path, detector)
    boxes = smooth_boxes(seen.boxes_px)
    frame_from_crop = crop_squares(boxes)
    face_bytes, face_offsets = _cut(path, frame_from_crop, seen.visible)
    return FaceTrack(
        face_bytes=face_bytes,
        face_offsets=face_offsets,
        landmarks_px=seen.landmarks_px,
        landmarks_raw_px=seen.landmarks_px,
        pupils_px=np.stack([seen.landmarks_px[:, 36:42].mean(1), seen.landmarks_px[:, 42:48].mean(1)], axis=1),
        mesh_px=np.zeros((len(boxes), 0, 2), np.float32),
        boxes_px=boxes,
        frame_from_crop=frame_from_crop,
        visible=seen.visible,
        score=seen.score,
        fps_num=info.fps.numerator,
        fps_den=info.fps.denominator,
        width=info.width,
        height=info.height,
        source=str(path),
        source_digest=digest,
        actor=labels.actor,
        emotion=labels.emotion,
        view=labels.view,
        level=labels.level,
        take=labels.take,
        sentence=labels.sentence,
        landmark_backend=detector.name,
        face=1,
        most_faces=seen.most_faces,
        cuts=np.zeros(0, np.int32),
        jitter_raw=landmark_jitter(seen.landmarks_px),
        jitter=landmark_jitter(seen.landmarks_px),
    )


def find_face(path: Path, detector: LandmarkDetector) -> Sightings:
    """Detect in every frame, each with the landmarks of the last face as a hint."""
    detections: list[Detection | None] = []
    last: np.ndarray | None = None
    most_faces = 0
    for chunk in _chunks(path):
        for faces in detector.detect(chunk, [] if last is None else [last], len(detections)):
            most_faces = max(most_faces, len(faces))
            near = min(faces, key=lambda d: 0.0 if last is None else _distance(d.landmarks_px, last), default=None)
            last = last if near is None else near.landmarks_px
            detections.append(near)
    if len(detections) < MIN_FRAMES:
        raise ClipTooShort(f"{path} has {len(detections)} frames", expected=f"at least {MIN_FRAMES}")
    visible = np.array([d is not None for d in detections])
    if not visible.any():
        raise NoFaceError(
            f"no face in any of the {len(detections)} frames of {path}", expected="a video that shows a face"
        )
    landmarks = np.stack([d.landmarks_px if d else np.zeros((68, 2), np.float32) for d in detections])
    boxes = np.stack([d.box_px if d else np.zeros(4, np.float32) for d in detections])
    return Sightings(
        landmarks_px=fill_invisible(landmarks.astype(np.float32), visible),
        boxes_px=fill_invisible(boxes.astype(np.float32), visible),
        visible=visible,
        score=np.array([d.score if d else 0.0 for d in detections], np.float32),
        most_faces=most_faces,
    )


def _distance(a: Float32[np.ndarray, "68 2"], b: Float32[np.ndarray, "68 2"]) -> float:
    return float(np.linalg.norm(a.mean(0) - b.mean(0)))


def _chunks(path: Path) -> Iterator[list[UInt8[np.ndarray, "height width 3"]]]:
    chunk = []
    for _, _, frame in read_frames(path):
        chunk.append(frame)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _cut(
    path: Path, frame_from_crop: Float32[np.ndarray, "frame 2 3"], visible: Bool[np.ndarray, " frame"]
) -> tuple[UInt8[np.ndarray, " byte"], Int64[np.ndarray, " frame+1"]]:
    """Decode once more and write the crops to a temporary file, which is mapped: a long video stays out of memory."""
    sizes = []
    with tempfile.TemporaryFile() as spool:
        for index, _, frame in read_frames(path):
            if index >= len(visible):
                raise MediaError(f"{path} gave more frames the second time", expected=f"{len(visible)}")
            data = encode(cut_crop(frame, frame_from_crop[index]), quality=95) if visible[index] else b""
            spool.write(data)
            sizes.append(len(data))
        if len(sizes) != len(visible):
            raise MediaError(f"{path} gave {len(sizes)} frames the second time", expected=f"{len(visible)}")
        spool.flush()
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        # The map keeps the file's content after its name and handle are gone.
        return np.memmap(spool, np.uint8, mode="r", shape=(int(offsets[-1]),)), offsets
