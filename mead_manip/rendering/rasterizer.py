"""Triangles -> pixels: a z-buffer for scaled-orthographic meshes, compiled by numba.

Screen space: x right and y down in pixels, pixel centres at integer coordinates, depth larger = nearer.
Vertices are snapped to 1/256 pixel and edges are tested in integers, so that two triangles which share an edge
cover each pixel exactly once (top-left rule) and every run gives the same bytes. Equal depths: the earlier
triangle of the list wins. A triangle that is degenerate, not finite or beyond the guard band is not drawn.
"""

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float, Float32, Int, Int32
from numba import njit

SUBPIXELS = 256
GUARD_BAND_PX = 2.0**20  # products of two fixed-point edges stay below 2**63
NO_TRIANGLE = -1
BACKGROUND_DEPTH = np.float32(-np.inf)


class Visibility(NamedTuple):
    """What each pixel sees: the index of the nearest triangle (-1: none) and its weights there (0: none)."""

    triangle: Int32[np.ndarray, "height width"]
    barycentric: Float32[np.ndarray, "height width corner=3"]


def rasterize(
    vertices_px: Float[np.ndarray, "vertex xyd=3"],
    triangles: Int[np.ndarray, "triangle corner=3"],
    height: int,
    width: int,
    *,
    cull_back: bool = True,
) -> Visibility:
    """Find what each pixel of a mesh sees; `vertices_px` holds x, y in pixels and the depth.

    Front faces are counter-clockwise seen from the camera with y up (the usual mesh winding, clockwise on a screen
    whose y points down). With `cull_back=False` both sides are drawn.
    """
    vertices, faces = _as_kernel_arrays(vertices_px, triangles)
    triangle, depth = empty_buffers(height, width)
    draw_depth(vertices, faces, cull_back, 0, triangle, depth)
    barycentric = np.zeros((height, width, 3), np.float32)
    resolve_barycentric(vertices, faces, triangle, barycentric)
    return Visibility(triangle, barycentric)


def interpolate(
    visibility: Visibility,
    triangles: Int[np.ndarray, "triangle corner=3"],
    attributes: Float[np.ndarray, "vertex channel"],
) -> Float32[np.ndarray, "height width channel"]:
    """Spread per-vertex attributes over the visible pixels; zero where there is no triangle."""
    height, width = visibility.triangle.shape
    image = np.zeros((height, width, attributes.shape[1]), np.float32)
    faces = np.ascontiguousarray(triangles, np.int32)
    values = np.ascontiguousarray(attributes, np.float32)
    _interpolate(visibility.triangle, visibility.barycentric, faces, values, image)
    return image


def rasterize_attributes(
    vertices_px: Float[np.ndarray, "vertex xyd=3"],
    triangles: Int[np.ndarray, "triangle corner=3"],
    attributes: Float[np.ndarray, "vertex channel"],
    height: int,
    width: int,
    *,
    cull_back: bool = True,
) -> Float32[np.ndarray, "height width channel"]:
    """Same as `interpolate(rasterize(...))` without storing barycentric coordinates: the fast road for NMFC."""
    vertices, faces = _as_kernel_arrays(vertices_px, triangles)
    values = np.ascontiguousarray(attributes, np.float32)
    triangle, depth = empty_buffers(height, width)
    draw_depth(vertices, faces, cull_back, 0, triangle, depth)
    image = np.zeros((height, width, values.shape[1]), np.float32)
    _resolve_attributes(vertices, faces, triangle, values, image)
    return image


def empty_buffers(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Give a triangle buffer and a depth buffer that hold nothing yet, for `draw_depth`."""
    return (
        np.full((height, width), NO_TRIANGLE, np.int32),
        np.full((height, width), BACKGROUND_DEPTH, np.float32),
    )


def _as_kernel_arrays(vertices_px: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    faces = np.ascontiguousarray(triangles, np.int32)
    if faces.size and (faces.min() < 0 or faces.max() >= len(vertices_px)):
        raise IndexError(f"triangles name vertices outside 0..{len(vertices_px) - 1}")
    return np.ascontiguousarray(vertices_px, np.float32), faces


# ---- kernels: float32 (vertex, 3) and int32 (triangle, 3), both contiguous, indices already checked ----------------
# (`no_type_check` keeps the run-time type checker of the tests out of compiled functions)


@njit(cache=True, nogil=True, inline="always")
@no_type_check
def snap(value: float) -> int:
    return np.int64(np.floor(value * SUBPIXELS + 0.5))


@njit(cache=True, nogil=True, inline="always")
@no_type_check
def _owns_edge(from_x: int, from_y: int, to_x: int, to_y: int) -> int:
    """Top-left rule for clockwise screen triangles: 0 when a pixel on this edge is inside, -1 when it is not."""
    if to_y < from_y or (to_y == from_y and to_x > from_x):
        return 0
    return -1


@njit(cache=True, nogil=True, inline="always")
@no_type_check
def drawable(vertices: np.ndarray, a: int, b: int, c: int) -> bool:
    """Whether all corners are finite and inside the guard band; written so that NaN fails every comparison."""
    for corner in (a, b, c):
        x, y, z = abs(vertices[corner, 0]), abs(vertices[corner, 1]), abs(vertices[corner, 2])
        if not (x < GUARD_BAND_PX and y < GUARD_BAND_PX and z < np.inf):
            return False
    return True


@njit(cache=True, nogil=True)
@no_type_check
def draw_depth(
    vertices: np.ndarray, faces: np.ndarray, cull_back: bool, offset: int, triangle: np.ndarray, depth: np.ndarray
) -> None:
    """Draw `faces` into the buffers; their index is stored plus `offset`, so that several meshes share one buffer."""
    for face in range(faces.shape[0]):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        if not drawable(vertices, a, b, c):
            continue
        ax, ay = snap(vertices[a, 0]), snap(vertices[a, 1])
        bx, by = snap(vertices[b, 0]), snap(vertices[b, 1])
        cx, cy = snap(vertices[c, 0]), snap(vertices[c, 1])
        az, bz, cz = vertices[a, 2], vertices[b, 2], vertices[c, 2]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if area > 0 and not cull_back:
            _fill(ax, ay, az, bx, by, bz, cx, cy, cz, area, face + offset, triangle, depth)
        elif area < 0:
            _fill(ax, ay, az, cx, cy, cz, bx, by, bz, -area, face + offset, triangle, depth)


@njit(cache=True, nogil=True, inline="always")
@no_type_check
def walk(ax: int, ay: int, bx: int, by: int, cx: int, cy: int, height: int, width: int) -> tuple:
    """Prepare the walk over a clockwise snapped triangle: its pixel box (x first, last, y first, last) and three edges.

    An edge is (value at the first pixel, change to the right, change downwards); a pixel is inside where no value is
    negative. The value opposite to a corner is that corner's weight times twice the triangle's area.
    """
    x_first = max(-((-min(ax, bx, cx)) // SUBPIXELS), 0)
    x_last = min(max(ax, bx, cx) // SUBPIXELS, width - 1)
    y_first = max(-((-min(ay, by, cy)) // SUBPIXELS), 0)
    y_last = min(max(ay, by, cy) // SUBPIXELS, height - 1)
    px, py = x_first * SUBPIXELS, y_first * SUBPIXELS
    edge_a = (
        (cx - bx) * (py - by) - (cy - by) * (px - bx) + _owns_edge(bx, by, cx, cy),
        (by - cy) * SUBPIXELS,
        (cx - bx) * SUBPIXELS,
    )
    edge_b = (
        (ax - cx) * (py - cy) - (ay - cy) * (px - cx) + _owns_edge(cx, cy, ax, ay),
        (cy - ay) * SUBPIXELS,
        (ax - cx) * SUBPIXELS,
    )
    edge_c = (
        (bx - ax) * (py - ay) - (by - ay) * (px - ax) + _owns_edge(ax, ay, bx, by),
        (ay - by) * SUBPIXELS,
        (bx - ax) * SUBPIXELS,
    )
    return x_first, x_last, y_first, y_last, edge_a, edge_b, edge_c


@njit(cache=True, nogil=True, inline="always")
@no_type_check
def _fill(
    ax: int, ay: int, az: float, bx: int, by: int, bz: float, cx: int, cy: int, cz: float, area: int, index: int,
    triangle: np.ndarray, depth: np.ndarray,
) -> None:  # fmt: skip
    """Test every pixel of the bounding box of a clockwise triangle, in fixed point."""
    x_first, x_last, y_first, y_last, side_a, side_b, side_c = walk(
        ax, ay, bx, by, cx, cy, depth.shape[0], depth.shape[1]
    )
    row_a, row_b, row_c = side_a[0], side_b[0], side_c[0]
    slope_b, slope_c = (bz - az) / area, (cz - az) / area
    for y in range(y_first, y_last + 1):
        edge_a, edge_b, edge_c = row_a, row_b, row_c
        for x in range(x_first, x_last + 1):
            if (edge_a | edge_b | edge_c) >= 0:
                z = np.float32(az + edge_b * slope_b + edge_c * slope_c)
                if z > depth[y, x]:
                    depth[y, x] = z
                    triangle[y, x] = index
            edge_a += side_a[1]
            edge_b += side_b[1]
            edge_c += side_c[1]
        row_a += side_a[2]
        row_b += side_b[2]
        row_c += side_c[2]


@njit(cache=True, nogil=True, inline="always")
@no_type_check
def weights_at(vertices: np.ndarray, a: int, b: int, c: int, x: int, y: int) -> tuple:
    """Give the barycentric weights of a pixel in a screen triangle; callers pass covered pixels only.

    Snapping may put the pixel up to 1/256 px outside the unsnapped triangle: weights are clamped and renormalised.
    """
    ax, ay = np.float64(vertices[a, 0]), np.float64(vertices[a, 1])
    bx, by = np.float64(vertices[b, 0]), np.float64(vertices[b, 1])
    cx, cy = np.float64(vertices[c, 0]), np.float64(vertices[c, 1])
    area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
    if area == 0.0:
        return 1.0, 0.0, 0.0
    weight_a = min(max(((bx - x) * (cy - y) - (cx - x) * (by - y)) / area, 0.0), 1.0)
    weight_b = min(max(((cx - x) * (ay - y) - (ax - x) * (cy - y)) / area, 0.0), 1.0 - weight_a)
    return weight_a, weight_b, 1.0 - weight_a - weight_b


@njit(cache=True, nogil=True)
@no_type_check
def resolve_barycentric(vertices: np.ndarray, faces: np.ndarray, triangle: np.ndarray, barycentric: np.ndarray) -> None:
    """Fill (height, width, 3) weights for every pixel whose triangle is known."""
    for y in range(triangle.shape[0]):
        for x in range(triangle.shape[1]):
            face = triangle[y, x]
            if face >= 0:
                a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
                weight_a, weight_b, weight_c = weights_at(vertices, a, b, c, x, y)
                barycentric[y, x, 0] = weight_a
                barycentric[y, x, 1] = weight_b
                barycentric[y, x, 2] = weight_c


@njit(cache=True, nogil=True)
@no_type_check
def _interpolate(
    triangle: np.ndarray, barycentric: np.ndarray, faces: np.ndarray, values: np.ndarray, image: np.ndarray
) -> None:
    for y in range(triangle.shape[0]):
        for x in range(triangle.shape[1]):
            face = triangle[y, x]
            if face >= 0:
                a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
                for channel in range(values.shape[1]):
                    image[y, x, channel] = (
                        barycentric[y, x, 0] * values[a, channel]
                        + barycentric[y, x, 1] * values[b, channel]
                        + barycentric[y, x, 2] * values[c, channel]
                    )


@njit(cache=True, nogil=True)
@no_type_check
def _resolve_attributes(
    vertices: np.ndarray, faces: np.ndarray, triangle: np.ndarray, values: np.ndarray, image: np.ndarray
) -> None:
    for y in range(triangle.shape[0]):
        for x in range(triangle.shape[1]):
            face = triangle[y, x]
            if face >= 0:
                a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
                weight_a, weight_b, weight_c = weights_at(vertices, a, b, c, x, y)
                for channel in range(values.shape[1]):
                    image[y, x, channel] = (
                        weight_a * values[a, channel] + weight_b * values[b, channel] + weight_c * values[c, channel]
                    )
