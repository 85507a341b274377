"""mini-XCEPTION trained on FER2013, by the path of its Keras file: emotions of single frames, for `evaluate edit`.

Nothing of ours is trained on it or tuned by it: it is an outsider. FER2013's pictures are boxes of OpenCV's detector of
frontal faces, 48 pixels wide. Ours are made alike from landmarks: a level square that lies about the eyes as that
detector's does, 48 pixels, then enlarged to the network's 64. Settled by the photographs of the London set alone.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, UInt8

from mead_manip import files
from mead_manip.artifacts.keras_files import keras_weights
from mead_manip.emotions import NED_EMOTIONS
from mead_manip.media.face_crops import cut_crop
from mead_manip.models.mini_xception import CLASSES, SIDE, MiniXception, from_keras, keras_shapes

DATA_SIDE = 48  # pixels of FER2013's pictures
SIDE_PER_EYES = 2.4  # side of the square in distances of the middles of the eyes
BELOW_EYES = 0.12  # its middle lies so far below theirs, in sides
NOSE_PER_EYES = 0.8  # from between the eyes to below the nose, in their distance, at most in faces that look ahead
BATCH = 64
_ORDER = [CLASSES.index(name) for name in NED_EMOTIONS]

Grey = UInt8[np.ndarray, "64 64"]


class FerClassifier:
    """Tell how much each of NED's emotions a face shows. The weights are read on first use."""

    name = "fer"

    def __init__(self, path: Path, device: torch.device | str = "cpu") -> None:
        self.path, self.device = path, torch.device(device)

    @functools.cached_property
    def digest(self) -> str:
        """Name the weights by their content."""
        return f"{self.name}@{files.digest(self.path)[:12]}"

    @functools.cached_property
    def network(self) -> MiniXception:
        """Read the network."""
        return from_keras(keras_weights(self.path, keras_shapes())).to(self.device)

    @torch.inference_mode()
    def probabilities(self, faces: Sequence[Grey]) -> Float32[np.ndarray, "image class"]:
        """Give the probabilities of NED's emotions, in their order, for each grey face."""
        rows = [np.zeros((0, len(CLASSES)), np.float32)]
        for k in range(0, len(faces), BATCH):
            pixels = torch.from_numpy(np.stack(faces[k : k + BATCH])).to(self.device)
            rows.append(self.network(pixels[:, None].float() / 127.5 - 1).softmax(dim=1).cpu().numpy())
        return np.ascontiguousarray(np.concatenate(rows)[:, _ORDER])


def face_of(rgb: UInt8[np.ndarray, "height width rgb=3"], landmarks_px: Float[np.ndarray, "68 2"]) -> Grey:
    """Cut the face out of a frame as the network knows faces."""
    crop = cut_crop(rgb, frame_from_square(landmarks_px), DATA_SIDE)
    return cv2.resize(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)


def frame_from_square(landmarks_px: Float[np.ndarray, "68 2"]) -> Float64[np.ndarray, "2 3"]:
    """Give the square about a face: level, as that of a detector of frontal faces, whatever the mouth does."""
    points = landmarks_px.astype(np.float64)
    eyes = np.stack([points[36:42].mean(axis=0), points[42:48].mean(axis=0)])
    middle = eyes.mean(axis=0)
    # Eyes of a head that turns come together; the nose's length then tells the scale.
    apart, nose = float(np.linalg.norm(eyes[1] - eyes[0])), float(np.linalg.norm(points[33] - middle))
    across = max(apart, nose / NOSE_PER_EYES, 1.0)
    side = SIDE_PER_EYES * across
    centre, scale = middle + np.array([0.0, BELOW_EYES * side]), side / DATA_SIDE
    return np.column_stack([scale * np.eye(2), centre - scale * (DATA_SIDE - 1) / 2])
