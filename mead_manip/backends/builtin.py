"""Landmarks by our own small networks, weights included: a face finder, then a tracked 68-point regressor."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8

from ..artifacts import store
from ..artifacts.assets import asset_digest, asset_path
from ..artifacts.schemas import LandmarkerWeights
from ..errors import BackendUnavailable
from ..files import digest
from ..geometry import compose_affine, invert_affine, transform_points
from ..media.face_crops import face_box
from ..models.landmarker import (
    CROP_SIZE,
    FINDER_SIZE,
    FaceFinder,
    LandmarkNet,
    fold_batch_norms,
    found_faces,
    load_weights,
    mirror_order,
)
from .interfaces import LOOK_AGAIN, Detection, largest_first

ASSET = "landmarker.h5"
FOUND = 0.2  # finder score from which a cell is looked at; what is found is then confirmed by the landmark network
# The landmark network's confidence, and the mean spread of its heat maps (crop px).
# Of degraded crops of held-out people 95 % reach .9999 and 5.6 px; other things in real footage stay above 8.9 px.
# A new face must be clear; one that is followed may be covered or blurred for a while.
NEW_FACE, NEW_SPREAD = 0.98, 6.8
KEPT_FACE, KEPT_SPREAD = 0.75, 8.0
_MAX_FACES = 4  # peaks of the finder that are looked at


@dataclass(frozen=True)
class Networks:
    """The two networks, ready to run."""

    landmarks: LandmarkNet
    finder: FaceFinder
    device: torch.device
    span: float  # side of a crop / larger side of its landmarks' bounding box


@dataclass(frozen=True)
class _Face:
    """A face and how spread its heat maps are, in crop px."""

    detection: Detection
    spread: float

    @property
    def clear(self) -> bool:
        return self.detection.score >= NEW_FACE and self.spread <= NEW_SPREAD


class BuiltinLandmarks:
    """Finds a face once, then follows it: each frame's crop comes from the landmarks of the frame before."""

    name = "builtin"
    n_mesh = 0

    def __init__(self, model: str | None = None, device: str = "auto") -> None:
        if model is not None and not Path(model).is_file():
            raise BackendUnavailable(
                f"{model} does not exist", expected="a landmarker.h5", remedy="leave --landmarks-model out"
            )
        self._path = Path(model) if model is not None else None
        self._device = "cpu" if device == "auto" else device  # the networks are so small that a GPU waits for them

    @property
    def digest(self) -> str:
        """Name and sha256 of the weights file."""
        return f"{self.name}@{(digest(self._path) if self._path else asset_digest(ASSET))[:16]}"

    def detect(
        self,
        frames: Sequence[UInt8[np.ndarray, "_ _ 3"]],
        hints: Sequence[Float32[np.ndarray, "68 2"]] = (),
        first: int = 0,
    ) -> list[list[Detection]]:
        """Follow the faces of the frame before; look at the whole frame where one is lost, and every so often."""
        last, found = list(hints), []
        for index, frame in enumerate(frames, first):
            faces = self._follow(frame, last)
            if not faces or len(faces) < len(last) or index % LOOK_AGAIN == 0:
                faces = _agree(faces, self._look(frame, faces))
            found.append(largest_first(face.detection for face in faces))
            last = [face.detection.landmarks_px for face in faces]
        return found

    def close(self) -> None:
        """Drop the networks."""
        self.__dict__.pop("_networks", None)

    def _follow(
        self, frame: UInt8[np.ndarray, "height width 3"], last: Sequence[Float[np.ndarray, "68 2"]]
    ) -> list[_Face]:
        """Give those of the last faces that are still seen; where two lead to one face, the surer."""
        faces = [self._regress(frame, crop_from_landmarks(landmarks, self._networks.span)) for landmarks in last]
        kept = [face for face in faces if face.detection.score >= KEPT_FACE and face.spread <= KEPT_SPREAD]
        return _distinct(sorted(kept, key=lambda face: face.spread))

    def _look(self, frame: UInt8[np.ndarray, "height width 3"], followed: Sequence[_Face]) -> list[_Face]:
        """Search the whole frame; what is followed and clear need not be confirmed."""
        known = [face for face in followed if face.clear]
        seen: list[_Face | None] = []
        for _, x, y, side in self.find(frame)[:_MAX_FACES]:
            middle = np.array([x, y])
            there = (face for face in known if _is_at(face, middle))
            seen.append(next(there, None) or self._confirm(frame, middle, side))
        return _distinct([face for face in seen if face is not None])

    def _confirm(
        self, frame: UInt8[np.ndarray, "height width 3"], middle_px: Float[np.ndarray, " 2"], side_px: float
    ) -> _Face | None:
        """Ask the landmark network, then once more with the face centred and upright, as it knows it best."""
        face = self._regress(frame, _crop_around(middle_px, side_px * self._networks.span, 0.0))
        if face.detection.score < KEPT_FACE:
            return None
        face = self._regress(frame, crop_from_landmarks(face.detection.landmarks_px, self._networks.span))
        return face if face.clear else None

    def find(self, frame: UInt8[np.ndarray, "height width 3"]) -> list[tuple[float, float, float, float]]:
        """Faces of a whole frame as (score, centre x, centre y, side of the landmarks' box), frame px, best first."""
        height, width = frame.shape[:2]
        scale = FINDER_SIZE / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        pad = [(0, -side % 32) for side in small.shape[:2]]
        padded = np.pad(small, (*pad, (0, 0)), mode="edge")
        with torch.inference_mode():
            maps = self._networks.finder(self._tensor(padded[None]))[0].cpu()
        return [
            (score, (x + 0.5) / scale - 0.5, (y + 0.5) / scale - 0.5, side / scale)
            for score, x, y, side in found_faces(maps, FOUND)
        ]

    def _regress(
        self, frame: UInt8[np.ndarray, "height width 3"], crop_from_frame: Float32[np.ndarray, "2 3"]
    ) -> _Face:
        """Means of what the network sees in the crop and in its mirror image."""
        source, inner = _reduced(frame, crop_from_frame)
        placed = crop_from_frame if inner is None else compose_affine(crop_from_frame, inner)
        crop = cv2.warpAffine(
            source, placed, (CROP_SIZE, CROP_SIZE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
        )
        with torch.inference_mode():
            points, spread, logit = self._networks.landmarks(self._tensor(np.stack([crop, crop[:, ::-1]])))
        both = points.cpu().numpy()
        mirrored = both[1][mirror_order(both.shape[1])] * [-1, 1] + [CROP_SIZE - 1, 0]
        mean = transform_points(invert_affine(crop_from_frame), (both[0] + mirrored) / 2).astype(np.float32)
        landmarks, pupils = mean[:68], mean[68:]
        score = float(logit.sigmoid().mean())
        seen = Detection(landmarks, face_box(landmarks), score, pupils if len(pupils) else None)
        return _Face(seen, float(spread[:, :68].mean()))

    def _tensor(
        self, pictures: UInt8[np.ndarray, "batch height width 3"]
    ) -> Float[torch.Tensor, "batch 3 height width"]:
        pixels = torch.from_numpy(np.ascontiguousarray(pictures)).to(self._networks.device)
        return pixels.permute(0, 3, 1, 2).float() / 255

    @cached_property
    def _networks(self) -> Networks:
        return load_networks(self._path or asset_path(ASSET), torch.device(self._device))


def _agree(followed: list[_Face], seen: list[_Face]) -> list[_Face]:
    """Add what is seen to what is followed. A follower that has drifted sees a face where a look sees none.

    A look that finds nothing says little, because it asks for a clear face.
    """
    kept = [face for face in followed if not seen or face.clear or any(_same(face, other) for other in seen)]
    return _distinct(kept + seen)


def _distinct(faces: list[_Face]) -> list[_Face]:
    """Leave out the later of two that are one face: two peaks of the finder, or two followers, may meet on it."""
    return [face for index, face in enumerate(faces) if not any(_same(face, other) for other in faces[:index])]


def _same(a: _Face, b: _Face) -> bool:
    return _is_at(a, b.detection.landmarks_px.mean(0))


def _is_at(face: _Face, middle_px: Float[np.ndarray, " 2"]) -> bool:
    here = face.detection.landmarks_px
    return float(np.linalg.norm(here.mean(0) - middle_px)) < float(np.ptp(here, axis=0).max()) / 2


def load_networks(path: Path, device: torch.device) -> Networks:
    """Read the weights (float16 on disk) into networks that compute in float32."""
    weights = store.load(LandmarkerWeights, path)
    shape = json.loads(weights.config)
    points = shape["landmarks"].get("points", 68)  # the first weights knew no pupils, and wider crops
    landmarks, finder = LandmarkNet(shape["landmarks"]["width"], points), FaceFinder(shape["finder"]["width"])
    for name, network in (("landmarks", landmarks), ("finder", finder)):
        load_weights(network, name, weights)
        network.eval()
        fold_batch_norms(network)
        network.requires_grad_(False).to(device).to(memory_format=torch.channels_last)
    return Networks(landmarks, finder, device, shape["landmarks"].get("span", 1.6))


def crop_from_landmarks(landmarks_px: Float[np.ndarray, "68 2"], span: float) -> Float32[np.ndarray, "2 3"]:
    """crop_from_frame: the face upright in the middle of the landmark network's square."""
    right, left = landmarks_px[36:42].mean(0), landmarks_px[42:48].mean(0)
    dx, dy = left - right
    angle = -float(np.arctan2(dy, dx))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = landmarks_px @ turn.T
    low, high = turned.min(0), turned.max(0)
    return _crop_around((low + high) / 2 @ turn, float((high - low).max()) * span, angle)


def _crop_around(middle_px: Float[np.ndarray, " 2"], side_px: float, angle: float) -> Float32[np.ndarray, "2 3"]:
    scale = CROP_SIZE / max(side_px, 1e-3)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.concatenate([turn, ((CROP_SIZE - 1) / 2 - turn @ middle_px)[:, None]], 1).astype(np.float32)


def _reduced(
    frame: UInt8[np.ndarray, "height width 3"], crop_from_frame: Float32[np.ndarray, "2 3"]
) -> tuple[UInt8[np.ndarray, "reduced_height reduced_width 3"], Float32[np.ndarray, "2 3"] | None]:
    """Shrink a large face by a whole number first, so that the crop skips no pixels; also frame_from_reduced."""
    scale = float(np.linalg.norm(crop_from_frame[:, 0]))
    by = int(0.75 / scale) if scale > 0 else 1
    if by < 2:
        return frame, None
    edge = np.array([[0, 0], [CROP_SIZE, 0], [0, CROP_SIZE], [CROP_SIZE, CROP_SIZE]], np.float32)
    corners = transform_points(invert_affine(crop_from_frame), edge)
    limit = np.array(frame.shape[1::-1]) // by
    low = np.clip(np.floor(corners.min(0) / by).astype(int) - 1, 0, np.maximum(limit - 1, 0))
    high = np.clip(np.ceil(corners.max(0) / by).astype(int) + 1, low + 1, np.maximum(limit, low + 1))
    (x0, y0), (x1, y1) = low * by, high * by
    reduced = cv2.resize(frame[y0:y1, x0:x1], tuple(int(n) for n in high - low), interpolation=cv2.INTER_AREA)
    return reduced, np.array([[by, 0, (by - 1) / 2 + x0], [0, by, (by - 1) / 2 + y0]], np.float32)
