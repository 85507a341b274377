"""A posed head + a picture of it -> the face, unwrapped: a small texture in which each point of the skin stays put.

The skin is laid out on a cylinder about the head at rest, whatever the face model. Colours are read as log luminance
and two log ratios, so that light multiplies into an offset.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Int, UInt8

from mead_manip.rendering.rasterizer import rasterize, rasterize_attributes

SIDE = 64  # texels
HALF_ANGLE = 1.15  # radians to either side that the texture shows
BEHIND = 0.35  # inter-ocular distances: how far behind the jaw's corners the axis of the cylinder stands
ABOVE, BELOW = 0.85, 0.12  # likewise: how far the texture reaches above the eyes and below the chin
CALM = 1.5  # pixels of the picture: standard deviation of the blur before reading
DARK = 8.0  # grey levels added before the logarithm
FACING = 0.45  # cosine to the camera from which skin is believed
_LUMINANCE = np.array([0.3, 0.59, 0.11], np.float32)

Texels = Float32[np.ndarray, "row column channel"]
Known = Bool[np.ndarray, "row column"]


@dataclass(frozen=True)
class FaceTexture:
    """Which triangle of the skin every texel lies in."""

    corners: Int[np.ndarray, "row column corner=3"]  # vertices
    weights: Float32[np.ndarray, "row column corner=3"]
    region: Known  # texels that lie on skin
    landmarks: Float32[np.ndarray, "68 2"]  # texels

    @classmethod
    def of(
        cls,
        rest: Float32[np.ndarray, "vertex 3"],
        rest_landmarks: Float32[np.ndarray, "68 3"],
        surface: Int[np.ndarray, "triangle 3"],
    ) -> FaceTexture:
        """Lay out the skin of a head at rest; y is up, z towards the camera."""
        eyes, chin = rest_landmarks[36:48].mean(axis=0), rest_landmarks[8]
        unit = float(np.linalg.norm(rest_landmarks[36] - rest_landmarks[45]))
        axis_x, axis_z = eyes[0], rest_landmarks[[0, 16], 2].mean() - BEHIND * unit
        top, bottom = eyes[1] + ABOVE * unit, chin[1] - BELOW * unit

        def flat(points: Float32[np.ndarray, "point 3"]) -> Float32[np.ndarray, "point 3"]:
            across, near = points[:, 0] - axis_x, points[:, 2] - axis_z
            columns = (np.arctan2(across, near) / HALF_ANGLE + 1) / 2 * (SIDE - 1)
            rows = (top - points[:, 1]) / (top - bottom) * (SIDE - 1)
            return np.stack([columns, rows, np.hypot(across, near)], axis=1).astype(np.float32)

        places = flat(rest)
        # The back of the head, where the cylinder is cut open, is left out.
        kept = surface[np.ptp(places[surface][..., 0], axis=1) < SIDE / 2]
        seen = rasterize(places, kept, SIDE, SIDE, cull_back=False)
        corners = kept[np.maximum(seen.triangle, 0)].astype(np.int64)
        return cls(corners, seen.barycentric, seen.triangle >= 0, flat(rest_landmarks)[:, :2])

    @property
    def vertices(self) -> Int[np.ndarray, " used"]:
        """Give the vertices that the texture needs."""
        return np.unique(self.corners[self.region])

    def places(self, vertices_px: Float32[np.ndarray, "vertex 3"]) -> Float32[np.ndarray, "row column 3"]:
        """Give where every texel lies in a picture; larger depth is nearer."""
        return (vertices_px[self.corners] * self.weights[..., None]).sum(axis=2, dtype=np.float32)

    def read(
        self, picture: UInt8[np.ndarray, "height width 3"], vertices_px: Float32[np.ndarray, "vertex 3"]
    ) -> tuple[Texels, Known]:
        """Give the colours of the skin in a picture, and which texels it shows well."""
        places = self.places(vertices_px)
        calm = cv2.GaussianBlur(picture, (0, 0), CALM)
        read = cv2.remap(calm, places[..., :2], None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        logs = np.log(read.astype(np.float32) + np.float32(DARK))
        colours = np.stack([logs @ _LUMINANCE, logs[..., 0] - logs[..., 1], logs[..., 2] - logs[..., 1]], axis=-1)
        height, width = picture.shape[:2]
        within = (places[..., 0] > 0) & (places[..., 1] > 0) & (places[..., 0] < width - 1)
        within &= (places[..., 1] < height - 1) & (self._facing(vertices_px) > FACING) & self.region
        # At the rim of what is seen the background shines in.
        return colours, cv2.erode(within.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0

    def _facing(self, vertices_px: Float32[np.ndarray, "vertex 3"]) -> Float32[np.ndarray, "row column"]:
        a, b, c = (vertices_px[self.corners[..., k]] for k in range(3))
        normal = np.cross(b - a, c - a)
        # y points down in a picture: what faces the camera winds the other way.
        return -normal[..., 2] / np.maximum(np.linalg.norm(normal, axis=-1), 1e-6)

    def drawn(
        self, texture: Float[np.ndarray, "row column"], vertices_px: Float32[np.ndarray, "vertex 3"], size: int
    ) -> tuple[Float32[np.ndarray, "size size"], Bool[np.ndarray, "size size"]]:
        """Draw a texture back into a picture, and tell where the face covers it."""
        grid, places = _grid(), self.places(vertices_px).reshape(-1, 3)
        kept = grid[self.region.ravel()[grid].all(axis=1)]
        values = np.stack([texture.ravel(), np.ones(texture.size)], axis=1).astype(np.float32)
        image = rasterize_attributes(places, kept, values, size, size, cull_back=False)
        return image[..., 0], image[..., 1] > 0.5


def _grid() -> Int[np.ndarray, "triangle 3"]:
    """Give the triangles between neighbouring texels."""
    first = (np.arange(SIDE - 1)[:, None] * SIDE + np.arange(SIDE - 1)).ravel()
    lower = np.stack([first, first + 1, first + SIDE], axis=1)
    return np.concatenate([lower, np.stack([first + 1, first + SIDE + 1, first + SIDE], axis=1)]).astype(np.int32)
