"""Landmarks by MediaPipe's FaceLandmarker (Tasks API): 478 mesh points, of which iBUG-68 is read off."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, UInt8

from ..errors import BackendUnavailable
from ..files import digest
from ..geometry import points_along
from ..media.face_crops import face_box
from .download import fetch
from .interfaces import Detection, largest_first

URL = "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task"
SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
_MAX_FACES = 4

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


class MediapipeLandmarks:
    """Google's face landmarker; `model` is a face_landmarker.task, downloaded once where none is given."""

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
        """Detect in every frame by itself; `hints` and `first` change nothing."""
        return [largest_first(_detection(mesh) for mesh in self._faces(frame)) for frame in frames]

    def close(self) -> None:
        """Close the native landmarker: once the interpreter goes down, MediaPipe can only complain."""
        landmarker = self.__dict__.pop("_landmarker", None)
        if landmarker is not None:
            landmarker.close()

    def _faces(self, frame: UInt8[np.ndarray, "height width 3"]) -> list[Float32[np.ndarray, "mesh 2"]]:
        image = self._mediapipe.Image(self._mediapipe.ImageFormat.SRGB, np.ascontiguousarray(frame))
        with _quiet():
            result = self._landmarker.detect(image)
        size = np.array(frame.shape[1::-1], np.float32)
        # MediaPipe's 0..1 spans the picture from rim to rim, our pixel centres lie at integers.
        return [np.array([[p.x, p.y] for p in face], np.float32) * size - 0.5 for face in result.face_landmarks]

    @cached_property
    def _mediapipe(self) -> Any:
        os.environ.setdefault("GLOG_minloglevel", "3")
        return importlib.import_module("mediapipe")

    @cached_property
    def _landmarker(self) -> Any:
        path = Path(self._given) if self._given else fetch_model()
        with _quiet():
            tasks = self._mediapipe.tasks
            options = tasks.vision.FaceLandmarkerOptions(
                base_options=tasks.BaseOptions(model_asset_buffer=path.read_bytes()), num_faces=_MAX_FACES
            )
            try:
                return tasks.vision.FaceLandmarker.create_from_options(options)
            except (RuntimeError, ValueError) as error:
                raise BackendUnavailable(f"{path} is no FaceLandmarker model", remedy=f"download {URL}") from error


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
