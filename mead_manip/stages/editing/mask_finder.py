"""FaceTrack, Reconstruction -> mattes of what passes before a face: microphones, cups, gloves, cards, hair

The crops of the face track are unwrapped by the fitted head; what departs from how the face looks in the rest of its
shot is in front. Each frame is looked at with a few around it and no others, so a run that goes on finds the same.
"""

from __future__ import annotations

import dataclasses
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float32, Int, UInt8

from mead_manip.artifacts.schemas import FaceTrack, Reconstruction
from mead_manip.media.images import decode
from mead_manip.models.face_model import HeadModel
from mead_manip.models.posed_faces import FaceModel
from mead_manip.rendering.alignment import residual_offsets
from mead_manip.rendering.occlusion import Matte
from mead_manip.rendering.occlusion_person import PersonModel, closed
from mead_manip.rendering.occlusion_rim import refined
from mead_manip.rendering.occlusion_texture import SIDE, FaceTexture, Known, Texels
from mead_manip.rendering.warp import push_pull
from mead_manip.stages.editing.retarget import CHUNK, Geometry, geometry, shifted

FINDER_VERSION = 1  # raised by hand where other mattes come out
LEARNED, FEWEST = 64, 24  # frames that a shot's face is learned from, and must have
SIGHT = 2  # frames before and after that have a say
SURE = (0.4, 0.75)  # of these frames, weighed: not in front; in front
GROWN = 3  # texels by which it grows before its rim is fitted to the picture
PIXELS = 128  # side of the crop in which a matte is drawn

V = TypeVar("V")


class MaskFinder:
    """Finds, of one face of a clip, what passes before it."""

    def __init__(
        self, before: Reconstruction, track: FaceTrack, model: FaceModel, surface: Int[np.ndarray, "triangle 3"]
    ) -> None:
        self._before, self._track = before, track
        rest = model(torch.from_numpy(before.identity)[None])
        self._texture = FaceTexture.of(rest[0].numpy(), model.landmarks(rest)[0].numpy(), surface)
        self._model = model
        if isinstance(model, HeadModel):
            self._model, self._texture = _restricted(model, self._texture)
        self._shots = np.searchsorted(track.cuts, np.arange(len(track.visible)), side="right")
        self._lock = threading.Lock()
        self._posed = _Recent(self._geometry, 2)
        self._found = _Recent(self._front, 4 * SIGHT + 16)
        self._person = _Recent(self._learned, 4)
        self._mattes = _Recent(self._drawn, 16)

    def matte(self, index: int, size: tuple[int, int]) -> Matte | None:
        """Give the matte of frame `index` of (height, width), None where nothing is in front; any thread may ask."""
        with self._lock:
            drawn = self._mattes[index]
        if drawn is None:
            return None
        frame_from_crop = self._track.frame_from_crop[index].astype(np.float64)
        frame_from_drawn = frame_from_crop @ np.diag([256 / PIXELS, 256 / PIXELS, 1.0])
        height, width = size
        return cv2.warpAffine(drawn, frame_from_drawn, (width, height), flags=cv2.INTER_LINEAR)

    def share(self, index: int) -> float:
        """Give the share of the face's skin that something covers in a frame."""
        with self._lock:
            return float(self._shares(index).sum() / max(int(self._texture.region.sum()), 1))

    def _drawn(self, index: int) -> Matte | None:
        share = self._shares(index)
        if not share.any():
            return None
        image, covered = self._texture.drawn(share, self._vertices(index), PIXELS)
        # Beyond the skin it goes on a little: a hand is larger than the cheek that it covers.
        twice = np.dstack([image, image])  # of one channel OpenCV drops the axis
        whole = push_pull(twice, covered.astype(np.float32))[..., 0]
        rough = np.clip((whole - 0.25) / 0.5, 0, 1).astype(np.float32)
        crop = cv2.resize(self._crop(index), (PIXELS, PIXELS), interpolation=cv2.INTER_AREA)
        return np.rint(255 * refined(rough, crop)).astype(np.uint8)

    def _shares(self, index: int) -> Float32[np.ndarray, "row column"]:
        """Give how surely each texel is covered, from this frame and those around it in the same shot."""
        total, weights = np.zeros((SIDE, SIDE), np.float32), 0.0
        for other in range(max(index - SIGHT, 0), min(index + SIGHT + 1, len(self._track.visible))):
            if self._track.visible[other] and self._shots[other] == self._shots[index]:
                weight = float(SIGHT + 1 - abs(other - index))
                total += weight * self._found[other]
                weights += weight
        low, high = SURE
        share = np.clip((total / max(weights, 1.0) - low) / (high - low), 0, 1).astype(np.float32)
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * GROWN + 1, 2 * GROWN + 1))
        return cv2.GaussianBlur(cv2.dilate(share, disc), (0, 0), 0.7) if share.any() else share

    def _front(self, index: int) -> Bool[np.ndarray, "row column"]:
        person = self._person[int(self._shots[index])]
        if person is None:
            return np.zeros((SIDE, SIDE), bool)
        found = person.front(*self._read(index))
        # Eyes and the inside of the mouth are no skin: they are covered where all around them is.
        return (found | closed(found, 2)) if found.any() else found

    def _learned(self, shot: int) -> PersonModel | None:
        """Learn the face of a shot from frames all over it; None where it shows too few."""
        frames = np.flatnonzero((self._shots == shot) & self._track.visible)
        if len(frames) < FEWEST:
            return None
        chosen = np.unique(np.linspace(0, len(frames) - 1, min(LEARNED, len(frames))).round().astype(int))
        read = [self._read(int(index)) for index in frames[chosen]]
        return PersonModel.fitted(read, self._texture.region, self._texture.landmarks)

    def _read(self, index: int) -> tuple[Texels, Known]:
        return self._texture.read(self._crop(index), self._vertices(index, 256))

    def _crop(self, index: int) -> UInt8[np.ndarray, "256 256 3"]:
        start, stop = self._track.face_offsets[index : index + 2]
        return decode(self._track.face_bytes[start:stop])

    def _vertices(self, index: int, side: int = PIXELS) -> Float32[np.ndarray, "vertex 3"]:
        """Give the head of a frame, nudged onto its landmarks, in pixels of its crop of `side`."""
        posed, row = self._posed[index // CHUNK], index % CHUNK
        vertices, landmarks = posed.vertices_px[row], posed.landmarks_px[row]
        moved = shifted(vertices, residual_offsets(vertices, landmarks, self._track.landmarks_px[index]))
        frame_from_crop = self._track.frame_from_crop[index]
        moved[:, :2] -= frame_from_crop[:, 2]
        return (moved * (side / 256 / frame_from_crop[0, 0])).astype(np.float32)

    def _geometry(self, chunk: int) -> Geometry:
        return geometry(self._model, self._before, slice(chunk * CHUNK, (chunk + 1) * CHUNK))


def _restricted(model: HeadModel, texture: FaceTexture) -> tuple[HeadModel, FaceTexture]:
    """Give the head without the vertices that the texture does not need: it is posed in a fraction of the time."""
    kept = torch.unique(torch.cat([torch.from_numpy(texture.vertices), model.required_vertices()]))
    corners = np.where(texture.region[..., None], np.searchsorted(kept.numpy(), texture.corners), 0)
    return model.restricted(kept), dataclasses.replace(texture, corners=corners)


class _Recent(Generic[V]):
    """What was computed last, by number."""

    def __init__(self, make: Callable[[int], V], most: int) -> None:
        self._make, self._most = make, most
        self._known: OrderedDict[int, V] = OrderedDict()

    def __getitem__(self, key: int) -> V:
        if key not in self._known:
            self._known[key] = self._make(key)
            if len(self._known) > self._most:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]


__all__ = ["FINDER_VERSION", "MaskFinder"]
