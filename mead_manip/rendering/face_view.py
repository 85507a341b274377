"""Posed faces -> the upright square picture that a neural renderer sees and draws: where it lies, and what is in it.

The square is placed by the head at rest, so that an expression never moves it. The mask covers the old and the new face
and some skin around them; only there is anything drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int, UInt8

from mead_manip.geometry import invert_affine, transform_points, umeyama
from mead_manip.rendering.conditioning import vertex_normals
from mead_manip.rendering.conditioning_face import FaceSurface, eye_image
from mead_manip.rendering.rasterizer import rasterize
from mead_manip.rendering.warp import push_pull

# Eye centres, nose base and mouth corners of a head at rest, in sizes of the square; the subject's right comes first.
_TEMPLATE = np.array([[0.37, 0.39], [0.63, 0.39], [0.5, 0.573], [0.40, 0.70], [0.60, 0.70]])
_RAISE = 0.32  # of the brows, to take in the forehead that moves with them; in distances of the outer eye corners
_GROW, _FADE = 0.16, 0.12  # how far the mask reaches beyond the face, and how much of that is its soft rim; likewise
_SEEN = 0.35  # normal z from which the colour of a vertex is believed
_SPREAD = 20  # edges of the mesh over which colours spread to vertices that were never seen

Square = UInt8[np.ndarray, "size size 3"]
Points = Float[np.ndarray, "68 2"]


class Drawn(NamedTuple):
    """What a generator may be shown of one frame; see `models.face_renderer.FaceView`."""

    nmfc: Square
    shape: UInt8[np.ndarray, "size size"]
    eyes: UInt8[np.ndarray, "size size"]
    appearance: Square
    surroundings: Square
    mask: UInt8[np.ndarray, "size size"]


@dataclass(frozen=True)
class PosedFace:
    """A face in pixels of some picture; larger depth is nearer."""

    vertices_px: Float32[np.ndarray, "vertex 3"]
    landmarks_px: Float32[np.ndarray, "68 2"]
    pupils_px: Float[np.ndarray, "eye=2 2"]

    def seen_from(self, image_from_frame: Float[np.ndarray, "2 3"]) -> PosedFace:
        """Give the face in pixels of another picture; depth takes its scale."""
        scale = float(np.sqrt(abs(np.linalg.det(image_from_frame[:, :2]))))
        places = transform_points(image_from_frame, self.vertices_px[:, :2])
        return PosedFace(
            np.column_stack([places, scale * self.vertices_px[:, 2]]).astype(np.float32),
            transform_points(image_from_frame, self.landmarks_px).astype(np.float32),
            transform_points(image_from_frame, self.pupils_px),
        )


class FacePainter:
    """Draws the pictures of posed faces of one face model, with one person's mean colours where they are known."""

    def __init__(self, surface: FaceSurface, appearance: UInt8[np.ndarray, "vertex 3"] | None = None) -> None:
        self.surface = surface
        self.dress = None
        if appearance is not None and appearance.any():
            self.dress = (appearance / np.float32(255)).astype(np.float32)

    def draw(self, square: Square, face: PosedFace, others: Sequence[Points] = ()) -> Drawn:
        """Draw a face in pixels of the square; the mask also covers faces with the landmarks of `others`."""
        size = len(square)
        # The rasteriser looks at space with y up; a camera of scale 1 turns it over again.
        upright = face.vertices_px * np.array([1, -1, 1], np.float32)
        camera = np.array([1, 0, 0], np.float32)
        (nmfc, shape), appearance = self.surface.draw_dressed(upright, camera, size, size, self.dress)
        eyes = eye_image(face.landmarks_px, face.pupils_px, size, size)[..., 0]
        mask = face_mask([face.landmarks_px, *others], size)
        surroundings = np.where(mask[..., None] > 0, np.uint8(0), square)
        if self.dress is not None:
            of_face = appearance.any(axis=2) & (_outline(face.landmarks_px, size) > 0)
            appearance = _joined(appearance, of_face, surroundings, mask == 0)
        return Drawn(nmfc, shape, eyes, appearance, surroundings, mask)


def square_from_frame(rest_px: Points, size: int) -> Float64[np.ndarray, "2 3"]:
    """Give the similarity that brings the landmarks of a head at rest upright into a square of `size` pixels."""
    anchors = [rest_px[36:42].mean(0), rest_px[42:48].mean(0), rest_px[33], rest_px[48], rest_px[54]]
    return umeyama(np.stack(anchors).astype(np.float64), _TEMPLATE * size)


def cut_square(
    frame: UInt8[np.ndarray, "height width 3"], image_from_frame: Float[np.ndarray, "2 3"], size: int
) -> Square:
    """Cut the square out of a frame; beyond the frame its border goes on."""
    shrinks = np.linalg.det(image_from_frame[:, :2]) < 0.5
    if shrinks:  # by more than 1.4: no pixel may be skipped
        scale = float(np.sqrt(np.linalg.det(image_from_frame[:, :2])))
        frame = cv2.GaussianBlur(frame, (0, 0), 0.4 / scale)
    return cv2.warpAffine(frame, image_from_frame, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def face_mask(faces: Sequence[Points], size: int) -> UInt8[np.ndarray, "size size"]:
    """Cover every face from the jaw to above the brows; 255 inside, falling to 0 at the rim."""
    inside = np.zeros((size, size), np.uint8)
    reach = 1.0
    for points in faces:
        reach = max(reach, float(np.linalg.norm(points[36] - points[45])))
        inside |= _outline(points, size)
    distance = cv2.distanceTransform(1 - inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    share = np.clip((_GROW * reach - distance) / (_FADE * reach), 0.0, 1.0)
    return np.rint(255 * share * share * (3 - 2 * share)).astype(np.uint8)


def _outline(points: Points, size: int) -> UInt8[np.ndarray, "size size"]:
    """Fill a face from the jaw to above the brows with 1."""
    brows = points[17:27] - [0.0, _RAISE * float(np.linalg.norm(points[36] - points[45]))]
    hull = cv2.convexHull(np.concatenate([points[:17], brows]).astype(np.float32))
    filled = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(filled, np.rint(hull).astype(np.int32), 1)
    return filled


def _joined(
    face: Square, of_face: Bool[np.ndarray, "size size"], around: Square, of_around: Bool[np.ndarray, "size size"]
) -> Square:
    """Put a face into what surrounds it; what neither shows is filled smoothly from both."""
    known = (of_face | of_around).astype(np.float32)
    values = np.where(of_face[..., None], face, around).astype(np.float32)
    return np.rint(push_pull(values, known)).clip(1, 255).astype(np.uint8)


def pasted(
    frame: UInt8[np.ndarray, "height width 3"],
    square: Square,
    mask: UInt8[np.ndarray, "size size"],
    image_from_frame: Float[np.ndarray, "2 3"],
) -> UInt8[np.ndarray, "height width 3"]:
    """Blend a square into a copy of its frame; where the mask is 0 the bytes stay the frame's own."""
    height, width = frame.shape[:2]
    size = len(square)
    square_corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], np.float64)
    corners = transform_points(invert_affine(image_from_frame), square_corners)
    x0, y0 = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, [width, height])
    x1, y1 = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 1, 0, [width, height])
    result = frame.copy()
    if x1 <= x0 or y1 <= y0:
        return result
    moved = image_from_frame.copy()
    moved[:, 2] += image_from_frame[:, :2] @ [x0, y0]
    inverse = cv2.WARP_INVERSE_MAP
    region = (int(x1 - x0), int(y1 - y0))
    drawn = cv2.warpAffine(square, moved, region, flags=cv2.INTER_CUBIC | inverse, borderMode=cv2.BORDER_REPLICATE)
    share = cv2.warpAffine(mask, moved, region, flags=cv2.INTER_LINEAR | inverse)[..., None] / np.float32(255)
    old = frame[y0:y1, x0:x1]
    mixed = np.rint(share * drawn + (1 - share) * old).astype(np.uint8)
    result[y0:y1, x0:x1] = np.where(share > 0, mixed, old)
    return result


class MeanColours:
    """The mean colour of every vertex over the frames that show it."""

    def __init__(self, n_vertices: int, triangles: Int[np.ndarray, "triangle 3"]) -> None:
        self.triangles = np.ascontiguousarray(triangles, np.int32)
        self.total = np.zeros((n_vertices, 3))
        self.weight = np.zeros((n_vertices, 1))

    def add(self, square: Square, face: PosedFace) -> None:
        """Take the colours of the vertices that this picture shows."""
        size = len(square)
        upright = face.vertices_px * np.array([1, -1, 1], np.float32)
        facing = vertex_normals(upright, self.triangles)[:, 2]
        shown = rasterize(face.vertices_px, self.triangles, size, size, cull_back=False).triangle
        nearest = np.zeros(len(facing), bool)
        nearest[np.unique(self.triangles[np.unique(shown[shown >= 0])])] = True
        x, y = face.vertices_px[:, 0], face.vertices_px[:, 1]
        within = (x > 0) & (y > 0) & (x < size - 1) & (y < size - 1)
        weight = np.where(nearest & within & (facing > _SEEN), facing, 0.0)[:, None]
        places = np.ascontiguousarray(face.vertices_px[None, :, :2])
        colours = cv2.remap(square, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        self.total += weight * colours[0]
        self.weight += weight

    def colours(self) -> UInt8[np.ndarray, "vertex 3"]:
        """Give the means, from 1 to 255; 0 far from all that any frame showed."""
        known = self.weight > 0
        if not known.any():
            return np.zeros(self.total.shape, np.uint8)
        mean = self.total / np.maximum(self.weight, 1e-6)
        edges = self.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
        edges = np.concatenate([edges, edges[:, ::-1]])
        for _ in range(_SPREAD):
            # A vertex that no frame showed takes the colour of those around it.
            total, count = np.zeros_like(mean), np.zeros_like(self.weight)
            given = edges[known[edges[:, 1], 0] & ~known[edges[:, 0], 0]]
            np.add.at(total, given[:, 0], mean[given[:, 1]])
            np.add.at(count, given[:, 0], 1.0)
            mean = np.where(known, mean, total / np.maximum(count, 1.0))
            known = known | (count > 0)
        return np.where(known, np.rint(mean).clip(1, 255), 0).astype(np.uint8)
