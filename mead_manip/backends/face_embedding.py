"""An ONNX network that turns an aligned face into a vector, by the path of its file: who is it, for `evaluate edit`.

Faces are aligned to the five points that ArcFace's family of networks shares (112x112). Networks of SFace's kind take
the pixels as they are, those of ArcFace's from -1 to 1: the file's name tells which ("sface" in it or not).
"""

from __future__ import annotations

import functools
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, Float32, Float64, UInt8

from mead_manip import files
from mead_manip.errors import BackendUnavailable
from mead_manip.geometry import invert_affine, umeyama
from mead_manip.media.face_crops import cut_crop

SIDE = 112
# Where eyes, tip of the nose and corners of the mouth lie in an aligned picture, px.
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float64
)


class FaceEmbedding:
    """Say who a face is as a vector of length 1. The network is read on first use."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_raw = "sface" in path.name.lower()

    @functools.cached_property
    def digest(self) -> str:
        """Name the network by its content."""
        return f"{self.path.stem}@{files.digest(self.path)[:12]}"

    @functools.cached_property
    def network(self) -> cv2.dnn.Net:
        """Read the network."""
        if not self.path.is_file():
            raise BackendUnavailable(f"{self.path} does not exist", expected="an ONNX file of SFace or ArcFace")
        try:
            return cv2.dnn.readNetFromONNX(str(self.path))
        except cv2.error as error:
            raise BackendUnavailable(
                f"{self.path} cannot be read ({error.err})", expected="an ONNX file that OpenCV knows"
            ) from error

    def embed(
        self, rgb: UInt8[np.ndarray, "height width rgb=3"], landmarks_px: Float[np.ndarray, "68 2"]
    ) -> Float32[np.ndarray, " feature"]:
        """Embed the face of one frame."""
        face = cut_crop(rgb, frame_from_aligned(landmarks_px), SIDE)
        pixels = face.astype(np.float32) if self.is_raw else face.astype(np.float32) / 127.5 - 1
        self.network.setInput(np.ascontiguousarray(pixels.transpose(2, 0, 1))[None])
        try:
            vector = self.network.forward().ravel().astype(np.float32)
        except cv2.error as error:
            raise BackendUnavailable(
                f"{self.path} does not take a face ({error.err})", expected=f"an input of 1x3x{SIDE}x{SIDE}"
            ) from error
        return vector / max(float(np.linalg.norm(vector)), 1e-12)


def frame_from_aligned(landmarks_px: Float[np.ndarray, "68 2"]) -> Float64[np.ndarray, "2 3"]:
    """Give the picture about a face in which its five points lie where the networks know them."""
    points = landmarks_px.astype(np.float64)
    five = np.stack([points[36:42].mean(axis=0), points[42:48].mean(axis=0), points[30], points[48], points[54]])
    return invert_affine(umeyama(five, TEMPLATE))
