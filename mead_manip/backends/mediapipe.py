"""Landmarks by MediaPipe's FaceLandmarker (Tasks API): 478 mesh points, of which iBUG-68 is read off."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import sys
import zipfile
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from ..errors import BackendUnavailable
from ..files import digest
from ..geometry import points_along
from ..media.face_crops import face_box
from .download import fetch
from .interfaces import LOOK_AGAIN, Detection, largest_first

URL = "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task"
SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
_MAX_FACES = 4
_LOOK_PX = 480  # longer side of what the face finder sees: its network takes 128
_AROUND = 2.0  # side of the square in which a face is looked for / height of its box
_FOUND = 2.6  # the same / side of the finder's box, which is smaller
_FACE_PX = 384  # side of that square from which it is shrunk by whole numbers: the landmark network takes 256
# The network reads a square of 256 px whose side is 1.16 times the longer side of the mesh (from the asymmetry between
# 62 photographs and their mirror images, at three sizes), and gives points that lie half of its pixels too far.
_HALF_PIXEL = 0.5 * 1.16 / 256

# Mesh points of MediaPipe's canonical face, the subject's right side first.
_JAW_RIGHT = [127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152]
_JAW_LEFT = [152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 356]
_BRIDGE = [168, 6, 197, 195, 5, 4]
_BROW_RIGHT = [(70, 46), (63,), (105,), (66,), (107, 55)]  # the ends lie between the upper and the lower rim
_BROW_LEFT = [(336, 285), (296,), (334,), (293,), (300, 276)]
_NOSE_BASE = [98, 97, 2, 326, 327]
_EYE_RIGHT = [33, 246, 161, 160, 159, 158, 157, 173, 133], [133, 155, 154, 153, 145, 144, 163, 7, 33]
_EYE_LEFT = [362, 398, 384, 385, 386, 387, 388, 466, 263], [263, 249, 390, 373, 374, 380, 381, 382, 362]
_UPPER_LIP = [61, 39, 37, 0, 267, 269, 291]
_LOWER_LIP = [291, 375, 321, 405, 314, 17, 84, 181, 91, 146, 61]
_INNER_LIPS = [78, 82, 13, 312, 308, 317, 14, 87]
_IRISES = [468, 473]  # their centres
_MESH = 478  # points
_LEAST_PX = 8  # sides of a picture that could show a face


class MediapipeLandmarks:
    """Google's face landmarker on what lies around each known face; the whole frame is searched now and then.

    `model` is a face_landmarker.task, downloaded once where none is given. The landmarker finds a face anew in every
    frame, better where that fills the picture, and in a fraction of the time that a large frame takes to hand over.
    """

    name = "mediapipe"

    def __init__(self, model: str | None = None, device: str = "auto") -> None:
        if importlib.util.find_spec("mediapipe") is None:
            raise BackendUnavailable(
                "landmarks backend 'mediapipe' needs the package mediapipe",
                remedy="pip install 'mead-manip[mediapipe]'",
            )
        if model is not None and not Path(model).is_file():
            raise BackendUnavailable(
                f"{model} does not exist", expected="a face_landmarker.task", remedy=f"download {URL}"
            )
        self._given = model

    @property
    def digest(self) -> str:
        """Name and sha256 of the model file."""
        return f"{self.name}@{(digest(Path(self._given)) if self._given else SHA256)[:16]}"

    @property
    def n_mesh(self) -> int:
        """Google's face mesh, irises included."""
        return _MESH

    def detect(
        self,
        frames: Sequence[UInt8[np.ndarray, "_ _ 3"]],
        hints: Sequence[Float32[np.ndarray, "68 2"]] = (),
        first: int = 0,
    ) -> list[list[Detection]]:
        """Follow the faces of the frame before; search the whole frame where one is lost, and every so often."""
        last, found = list(hints), []
        for index, frame in enumerate(frames, first):
            faces = _distinct([face for known in last if (face := self._around(frame, known)) is not None])
            if not faces or len(faces) < len(last) or index % LOOK_AGAIN == 0:
                faces = _distinct(faces + self._search(frame, faces))
            found.append(largest_first(faces))
            last = [face.landmarks_px for face in faces]
        return found

    def close(self) -> None:
        """Close what is native: once the interpreter goes down, MediaPipe can only complain."""
        for task in ("_landmarker", "_finder"):
            opened = self.__dict__.pop(task, None)
            if opened is not None:
                with _quiet():
                    opened.close()

    def _around(
        self, frame: UInt8[np.ndarray, "height width 3"], landmarks: Float[np.ndarray, "68 2"]
    ) -> Detection | None:
        """Look for the face that was here."""
        x0, y0, x1, y1 = face_box(landmarks)
        return self._in_square(frame, np.array([x0 + x1, y0 + y1]) / 2, float(y1 - y0) * _AROUND)

    def _search(self, frame: UInt8[np.ndarray, "height width 3"], known: Sequence[Detection]) -> list[Detection]:
        """Give the faces of a whole frame that are not known; each is looked at as it will be from then on."""
        found = []
        for middle, side in self.find(frame)[:_MAX_FACES]:
            if any(_is_at(face, middle) for face in known):
                continue
            face = self._in_square(frame, middle, side * _FOUND)
            again = None if face is None else self._around(frame, face.landmarks_px)
            found += [] if again is None else [again]
        return found

    def find(self, frame: UInt8[np.ndarray, "height width 3"]) -> list[tuple[Float[np.ndarray, " 2"], float]]:
        """Give centre and side (px) of the faces in a frame, the surest first."""
        height, width = frame.shape[:2]
        by = max(1.0, max(height, width) / _LOOK_PX)
        size = (max(1, round(width / by)), max(1, round(height / by)))
        small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA) if by > 1 else frame
        with _quiet():
            faces = self._finder.detect(self._image(small)).detections
        faces.sort(key=lambda face: -face.categories[0].score)
        boxes = [face.bounding_box for face in faces]
        return [
            (
                np.array([box.origin_x + box.width / 2, box.origin_y + box.height / 2]) * by,
                max(box.width, box.height) * by,
            )
            for box in boxes
        ]

    def _in_square(
        self, frame: UInt8[np.ndarray, "height width 3"], middle: Float[np.ndarray, " 2"], side: float
    ) -> Detection | None:
        """Give the face that is nearest to the middle of a square of a frame."""
        by = max(1, int(side / _FACE_PX))
        limits = np.array(frame.shape[1::-1]) // by
        x0, y0 = np.clip(np.floor((middle - side / 2) / by).astype(int), 0, limits)
        x1, y1 = np.clip(np.ceil((middle + side / 2) / by).astype(int), 0, limits)
        if min(x1 - x0, y1 - y0) < _LEAST_PX:
            return None
        part = frame[y0 * by : y1 * by, x0 * by : x1 * by]
        if by > 1:
            part = cv2.resize(part, (int(x1 - x0), int(y1 - y0)), interpolation=cv2.INTER_AREA)
        corner = np.array([x0, y0], np.float32)
        meshes = [(mesh + corner + np.float32(0.5)) * by - np.float32(0.5) for mesh in self._meshes(part)]
        faces = [_detection(mesh) for mesh in meshes]
        here = [face for face in faces if np.abs(face.landmarks_px.mean(0) - middle).max() < side / 4]
        return min(here, key=lambda face: float(np.linalg.norm(face.landmarks_px.mean(0) - middle)), default=None)

    def _meshes(self, picture: UInt8[np.ndarray, "height width 3"]) -> list[Float32[np.ndarray, "mesh 2"]]:
        """Give the points of every face of a picture; pixel centres lie at integers."""
        with _quiet():
            result = self._landmarker.detect(self._image(picture))
        size = np.array(picture.shape[1::-1], np.float32)
        meshes = [np.array([[p.x, p.y] for p in face], np.float32) * size for face in result.face_landmarks]
        return [mesh - np.float32(_HALF_PIXEL * np.ptp(mesh, axis=0).max()) for mesh in meshes]

    def _image(self, picture: UInt8[np.ndarray, "height width 3"]) -> Any:
        return self._mediapipe.Image(self._mediapipe.ImageFormat.SRGB, np.ascontiguousarray(picture))

    @cached_property
    def _mediapipe(self) -> Any:
        os.environ.setdefault("GLOG_minloglevel", "3")
        return importlib.import_module("mediapipe")

    @cached_property
    def _landmarker(self) -> Any:
        vision = self._mediapipe.tasks.vision
        options = {"num_faces": _MAX_FACES}
        return self._task(vision.FaceLandmarker, vision.FaceLandmarkerOptions, self._model.read_bytes(), **options)

    @cached_property
    def _finder(self) -> Any:
        """The landmarker's own face finder: alone it takes a fifth of the time."""
        vision = self._mediapipe.tasks.vision
        try:
            with zipfile.ZipFile(self._model) as parts:
                finder = parts.read("face_detector.tflite")
        except (zipfile.BadZipFile, KeyError) as error:
            raise self._unusable() from error
        return self._task(vision.FaceDetector, vision.FaceDetectorOptions, finder)

    def _task(self, task: Any, options: Any, model: bytes, **settings: Any) -> Any:
        base = self._mediapipe.tasks.BaseOptions(model_asset_buffer=model)
        try:
            with _quiet():
                return task.create_from_options(options(base_options=base, **settings))
        except (RuntimeError, ValueError) as error:
            raise self._unusable() from error

    @cached_property
    def _model(self) -> Path:
        return Path(self._given) if self._given else fetch_model()

    def _unusable(self) -> BackendUnavailable:
        return BackendUnavailable(f"{self._model} is no FaceLandmarker model", remedy=f"download {URL}")


def ibug_from_mesh(mesh: Float[np.ndarray, "point 2"]) -> Float32[np.ndarray, "68 2"]:
    """Read iBUG-68 off MediaPipe's mesh; points of a contour are spaced evenly along it, as iBUG's are."""
    out = np.empty((68, 2), np.float32)
    out[0:9] = points_along(mesh[_JAW_RIGHT], 9)
    out[8:17] = points_along(mesh[_JAW_LEFT], 9)
    for start, brow in ((17, _BROW_RIGHT), (22, _BROW_LEFT)):
        out[start : start + 5] = points_along(np.stack([mesh[list(ends)].mean(0) for ends in brow]), 5)
    out[27:31] = points_along(mesh[_BRIDGE], 4)
    out[31:36] = mesh[_NOSE_BASE]
    for start, (upper, lower) in ((36, _EYE_RIGHT), (42, _EYE_LEFT)):
        out[start : start + 4] = points_along(mesh[upper], 4)
        out[start + 4 : start + 6] = points_along(mesh[lower], 4)[1:3]
    out[48:55] = mesh[_UPPER_LIP]
    out[55:60] = points_along(mesh[_LOWER_LIP], 7)[1:6]
    out[60:68] = mesh[_INNER_LIPS]
    return out


def fetch_model() -> Path:
    """Give the cached model, downloading and checking it the first time."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mead-manip"
    remedy = "give a face_landmarker.task with --landmarks-model"
    return fetch(URL, SHA256, folder / "face_landmarker.task", remedy=remedy)


def _distinct(faces: Sequence[Detection]) -> list[Detection]:
    """Leave out the later of two that are one face: two followers may meet on it."""
    return [face for k, face in enumerate(faces) if not any(_is_at(o, face.landmarks_px.mean(0)) for o in faces[:k])]


def _is_at(face: Detection, middle: Float[np.ndarray, " 2"]) -> bool:
    here = face.landmarks_px
    return float(np.linalg.norm(here.mean(0) - middle)) < float(np.ptp(here, axis=0).max()) / 2


def _detection(mesh: Float32[np.ndarray, "mesh 2"]) -> Detection:
    landmarks = ibug_from_mesh(mesh)
    return Detection(landmarks, face_box(landmarks), 1.0, pupils_px=mesh[_IRISES], mesh_px=mesh)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep MediaPipe's native code from writing on stderr, where our progress lives."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
