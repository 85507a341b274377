"""A posed face of any model -> what NED's neural renderer is shown of it: NMFC, shape and eyes, at any size.

One walk over the mesh draws NMFC and shape together, straight to bytes. `image_from_frame` places them in a crop or in
an aligned picture without resampling: the mesh is drawn there, and its light stays that of the frame.
"""

from dataclasses import dataclass
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float, Float32, Float64, Int, Int32, UInt8
from numba import njit

from mead_manip.rendering.camera import to_screen
from mead_manip.rendering.conditioning import FACING_LIMIT, template_colours, vertex_normals
from mead_manip.rendering.conditioning_detail import DetailAtlas, detail_normals
from mead_manip.rendering.rasterizer import draw_depth, empty_buffers

ALBEDO = 180 / 255
INTENSITY = 1.7
# Directions that light comes from, in camera space (y up, z to the viewer).
_CORNERS = np.array([[-1, 1, 1], [1, 1, 1], [-1, -1, 1], [1, -1, 1], [0, 0, 1]], np.float32)
LIGHTS = _CORNERS / np.linalg.norm(_CORNERS, axis=1, keepdims=True)
_RIGHT_EYE, _LEFT_EYE = slice(36, 42), slice(42, 48)
_NO_NORMALS = np.zeros((0, 0, 3), np.float32)
_NO_TEXELS = np.zeros((0, 3, 2), np.float32)


class FaceImages(NamedTuple):
    """The two pictures of a mesh."""

    nmfc: UInt8[np.ndarray, "height width rgb=3"]
    shape: UInt8[np.ndarray, "height width"]  # grey: NED repeats it three times


@dataclass(frozen=True)
class FaceSurface:
    """What is drawn of a face model, whatever person, pose and expression."""

    triangles: Int32[np.ndarray, "triangle corner=3"]
    colours: Float32[np.ndarray, "vertex rgb=3"]  # of the mean template
    atlas: DetailAtlas | None = None  # where wrinkles lie, if the model has any

    @classmethod
    def of(
        cls,
        template: Float[np.ndarray, "vertex xyz=3"],
        triangles: Int[np.ndarray, "triangle corner=3"],
        atlas: DetailAtlas | None = None,
    ) -> "FaceSurface":
        """Colour a mesh by its mean template."""
        return cls(np.ascontiguousarray(triangles, np.int32), template_colours(template), atlas)

    def draw(
        self,
        vertices: Float[np.ndarray, "vertex xyz=3"],
        camera: Float[np.ndarray, " camera=3"],
        height: int,
        width: int,
        *,
        image_from_frame: Float[np.ndarray, "2 3"] | None = None,
        displacement: Float[np.ndarray, "row column"] | None = None,
    ) -> FaceImages:
        """Draw posed vertices; black outside the mesh and where it looks away. A displacement needs an atlas."""
        return self.draw_dressed(vertices, camera, height, width, None, image_from_frame, displacement)[0]

    def draw_dressed(
        self,
        vertices: Float[np.ndarray, "vertex xyz=3"],
        camera: Float[np.ndarray, " camera=3"],
        height: int,
        width: int,
        dress: Float32[np.ndarray, "vertex rgb=3"] | None,
        image_from_frame: Float[np.ndarray, "2 3"] | None = None,
        displacement: Float[np.ndarray, "row column"] | None = None,
    ) -> tuple[FaceImages, UInt8[np.ndarray, "height width rgb=3"]]:
        """Draw the same, and the mesh in other colours beside it (black for None): it is rasterised once."""
        vertices = np.ascontiguousarray(vertices, np.float32)
        normals = vertex_normals(vertices, self.triangles)
        screen = to_screen(vertices, camera)
        if image_from_frame is not None:
            screen[:, :2] = screen[:, :2] @ image_from_frame[:, :2].T + image_from_frame[:, 2]
        wrinkled, texels = _NO_NORMALS, _NO_TEXELS
        if displacement is not None:
            if self.atlas is None:
                raise ValueError("a displacement for a face without an atlas")
            wrinkled = detail_normals(self.atlas, vertices, normals, self.triangles, displacement)
            texels = self.atlas.corner_texels
        triangle, depth = empty_buffers(height, width)
        draw_depth(screen, self.triangles, False, 0, triangle, depth)
        nmfc, shape = np.zeros((height, width, 3), np.uint8), np.zeros((height, width), np.uint8)
        _colour(screen, self.triangles, triangle, self.colours, normals, wrinkled, texels, LIGHTS, nmfc, shape)
        dressed = np.zeros_like(nmfc)
        if dress is not None:
            _dress(screen, self.triangles, triangle, dress, normals, dressed)
        return FaceImages(nmfc, shape), dressed


def eye_image(
    landmarks_px: Float[np.ndarray, "68 2"], pupils_px: Float[np.ndarray, "eye=2 2"], height: int, width: int
) -> UInt8[np.ndarray, "height width rgb=3"]:
    """Draw two red discs at the pupils, each as large as NED makes it; points are pixels of this picture."""
    image = np.zeros((height, width, 3), np.uint8)
    for eyelid, pupil in zip((landmarks_px[_RIGHT_EYE], landmarks_px[_LEFT_EYE]), pupils_px, strict=True):
        if np.isfinite(eyelid).all() and np.isfinite(pupil).all():
            _disc(image, float(pupil[0]), float(pupil[1]), eye_radius(eyelid))
    return image


def eye_radius(eyelid_px: Float[np.ndarray, "6 2"]) -> int:
    """A quarter of the eyelid's two diagonals (points 1-4 and 2-5), in whole pixels."""
    first, second = eyelid_px[1] - eyelid_px[4], eyelid_px[2] - eyelid_px[5]
    return int((np.hypot(*first) + np.hypot(*second)) / 4)


def moved_pupils(
    pupils_px: Float[np.ndarray, "eye=2 2"],
    before_px: Float[np.ndarray, "68 2"],
    after_px: Float[np.ndarray, "68 2"],
) -> Float64[np.ndarray, "eye=2 2"]:
    """Move the pupils of a face along with their eyelids, when landmarks go from `before_px` to `after_px`."""
    shift = [(after_px[eye] - before_px[eye]).mean(axis=0) for eye in (_RIGHT_EYE, _LEFT_EYE)]
    return (pupils_px + np.stack(shift)).astype(np.float64)


# ---- kernels ---------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True, fastmath=True)
@no_type_check
def _colour(
    screen: np.ndarray, faces: np.ndarray, triangle: np.ndarray, colours: np.ndarray, normals: np.ndarray,
    wrinkled: np.ndarray, texels: np.ndarray, lights: np.ndarray, nmfc: np.ndarray, shape: np.ndarray,
) -> None:  # fmt: skip
    """Fill both pictures where the surface is seen and does not look away."""
    gain = np.float32(255.0 * ALBEDO * INTENSITY / lights.shape[0])
    zero, half, one, white = np.float32(0.0), np.float32(0.5), np.float32(1.0), np.float32(255.0)
    limit = np.float32(FACING_LIMIT)
    normal = np.empty(3, np.float32)
    for y in range(triangle.shape[0]):
        for x in range(triangle.shape[1]):
            face = triangle[y, x]
            if face < 0:
                continue
            a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
            wa, wb, wc = _weights(screen, a, b, c, np.float32(x), np.float32(y))
            normal[2] = wa * normals[a, 2] + wb * normals[b, 2] + wc * normals[c, 2]
            if normal[2] < limit:
                continue
            normal[0] = wa * normals[a, 0] + wb * normals[b, 0] + wc * normals[c, 0]
            normal[1] = wa * normals[a, 1] + wb * normals[b, 1] + wc * normals[c, 1]
            for channel in range(3):
                value = wa * colours[a, channel] + wb * colours[b, channel] + wc * colours[c, channel]
                nmfc[y, x, channel] = np.uint8(min(max(value, zero), one) * white + half)
            if wrinkled.shape[0] > 0:
                column = wa * texels[face, 0, 0] + wb * texels[face, 1, 0] + wc * texels[face, 2, 0]
                row = wa * texels[face, 0, 1] + wb * texels[face, 1, 1] + wc * texels[face, 2, 1]
                _sample(wrinkled, column, row, normal)
            total = zero
            for light in range(lights.shape[0]):
                along = normal[0] * lights[light, 0] + normal[1] * lights[light, 1] + normal[2] * lights[light, 2]
                total += min(max(along, zero), one)
            shape[y, x] = np.uint8(min(gain * total, white) + half)


@njit(cache=True, nogil=True, fastmath=True)
@no_type_check
def _dress(
    screen: np.ndarray, faces: np.ndarray, triangle: np.ndarray, colours: np.ndarray, normals: np.ndarray,
    image: np.ndarray,
) -> None:  # fmt: skip
    """Fill a picture with colours of the vertices where the surface is seen and does not look away."""
    zero, half, one, white = np.float32(0.0), np.float32(0.5), np.float32(1.0), np.float32(255.0)
    limit = np.float32(FACING_LIMIT)
    for y in range(triangle.shape[0]):
        for x in range(triangle.shape[1]):
            face = triangle[y, x]
            if face < 0:
                continue
            a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
            wa, wb, wc = _weights(screen, a, b, c, np.float32(x), np.float32(y))
            if wa * normals[a, 2] + wb * normals[b, 2] + wc * normals[c, 2] < limit:
                continue
            for channel in range(3):
                value = wa * colours[a, channel] + wb * colours[b, channel] + wc * colours[c, channel]
                image[y, x, channel] = np.uint8(min(max(value, zero), one) * white + half)


@njit(cache=True, nogil=True, inline="always")
@no_type_check
def _weights(screen: np.ndarray, a: int, b: int, c: int, x: float, y: float) -> tuple:
    """Barycentric weights of a covered pixel in single precision: bytes need no more. See `rasterizer.weights_at`."""
    ax, ay = screen[a, 0] - x, screen[a, 1] - y
    bx, by = screen[b, 0] - x, screen[b, 1] - y
    cx, cy = screen[c, 0] - x, screen[c, 1] - y
    of_a, of_b, of_c = bx * cy - cx * by, cx * ay - ax * cy, ax * by - bx * ay
    area = of_a + of_b + of_c
    zero, one = np.float32(0.0), np.float32(1.0)
    if area == zero:
        return one, zero, zero
    scale = one / area
    weight_a = min(max(of_a * scale, zero), one)
    weight_b = min(max(of_b * scale, zero), one - weight_a)
    return weight_a, weight_b, one - weight_a - weight_b


@njit(cache=True, nogil=True, inline="always")
@no_type_check
def _sample(wrinkled: np.ndarray, column: float, row: float, normal: np.ndarray) -> None:
    """Read the normals bilinearly; beyond the rim, the rim's."""
    one = np.float32(1.0)
    column = min(max(column, np.float32(0.0)), np.float32(wrinkled.shape[1] - 1))
    row = min(max(row, np.float32(0.0)), np.float32(wrinkled.shape[0] - 1))
    left, top = int(column), int(row)
    right, bottom = min(left + 1, wrinkled.shape[1] - 1), min(top + 1, wrinkled.shape[0] - 1)
    fx, fy = column - np.float32(left), row - np.float32(top)
    for axis in range(3):
        upper = wrinkled[top, left, axis] * (one - fx) + wrinkled[top, right, axis] * fx
        lower = wrinkled[bottom, left, axis] * (one - fx) + wrinkled[bottom, right, axis] * fx
        normal[axis] = upper * (one - fy) + lower * fy


@njit(cache=True, nogil=True)
@no_type_check
def _disc(image: np.ndarray, x: float, y: float, radius: int) -> None:
    height, width = image.shape[0], image.shape[1]
    for row in range(max(int(np.ceil(y - radius)), 0), min(int(np.floor(y + radius)) + 1, height)):
        for column in range(max(int(np.ceil(x - radius)), 0), min(int(np.floor(x + radius)) + 1, width)):
            if (column - x) ** 2 + (row - y) ** 2 <= radius * radius:
                image[row, column, 0] = 255
