"""Geometry -> conditioning images of a neural renderer: NMFC and normals.

NMFC ("normalised mean face coordinates", Head2Head and NED): every vertex wears the colour of its place in the mean
template, whatever the person, the expression or the pose, so that a renderer can read the correspondence off the image.
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Float, Float32, Int, UInt8
from numba import njit

from mead_manip.rendering.camera import to_screen
from mead_manip.rendering.rasterizer import rasterize_attributes

FACING_LIMIT = -0.15  # NED hides what looks away from the camera by more than this (camera-space normal z)


def template_colours(
    template: Float[np.ndarray, "vertex xyz=3"],
) -> Float32[np.ndarray, "vertex rgb=3"]:
    """Scale the template's coordinates to [0, 1] per axis: red = x, green = y, blue = z."""
    low, high = template.min(axis=0), template.max(axis=0)
    return ((template - low) / np.maximum(high - low, 1e-9)).astype(np.float32)


def vertex_normals(
    vertices: Float[np.ndarray, "vertex xyz=3"], triangles: Int[np.ndarray, "triangle corner=3"]
) -> Float32[np.ndarray, "vertex xyz=3"]:
    """Average the normals of the triangles around each vertex, weighted by area; unit length, zero where undefined."""
    normals = np.zeros((len(vertices), 3), np.float32)
    add_normals(np.ascontiguousarray(vertices, np.float32), np.ascontiguousarray(triangles, np.int32), normals)
    return normals


def nmfc_image(
    vertices: Float[np.ndarray, "vertex xyz=3"],
    triangles: Int[np.ndarray, "triangle corner=3"],
    colours: Float[np.ndarray, "vertex rgb=3"],
    camera: Float[np.ndarray, " camera=3"],
    height: int,
    width: int,
) -> Float32[np.ndarray, "height width rgb=3"]:
    """Draw `template_colours` at the rotated `vertices`: in [0, 1], zero outside the mesh and where it looks away."""
    normals = vertex_normals(vertices, triangles)
    attributes = np.concatenate([np.asarray(colours, np.float32), normals[:, 2:]], axis=1)
    image = rasterize_attributes(to_screen(vertices, camera), triangles, attributes, height, width, cull_back=False)
    nmfc = np.empty((height, width, 3), np.float32)
    _hide_averted(image, np.float32(FACING_LIMIT), nmfc)
    return nmfc


def normal_image(
    vertices: Float[np.ndarray, "vertex xyz=3"],
    triangles: Int[np.ndarray, "triangle corner=3"],
    camera: Float[np.ndarray, " camera=3"],
    height: int,
    width: int,
) -> Float32[np.ndarray, "height width xyz=3"]:
    """Draw camera-space normals as (n + 1) / 2, zero where `nmfc_image` is zero; (.5, .5, 1) looks at the viewer."""
    normals = vertex_normals(vertices, triangles)
    attributes = np.concatenate([(normals + 1.0) / 2.0, normals[:, 2:]], axis=1)
    image = rasterize_attributes(to_screen(vertices, camera), triangles, attributes, height, width, cull_back=False)
    shown = np.empty((height, width, 3), np.float32)
    _hide_averted(image, np.float32(FACING_LIMIT), shown)
    return shown


def as_bytes(image: Float[np.ndarray, "height width rgb=3"]) -> UInt8[np.ndarray, "height width rgb=3"]:
    """Round an image in [0, 1] to 8 bits."""
    return (image * 255.0 + 0.5).astype(np.uint8)


# ---- kernels ---------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
@no_type_check
def add_normals(vertices: np.ndarray, triangles: np.ndarray, normals: np.ndarray) -> None:
    """Fill `normals` (zeros on entry) with unit vertex normals."""
    for face in range(triangles.shape[0]):
        a, b, c = triangles[face, 0], triangles[face, 1], triangles[face, 2]
        ux, uy, uz = (
            vertices[b, 0] - vertices[a, 0],
            vertices[b, 1] - vertices[a, 1],
            vertices[b, 2] - vertices[a, 2],
        )
        vx, vy, vz = (
            vertices[c, 0] - vertices[a, 0],
            vertices[c, 1] - vertices[a, 1],
            vertices[c, 2] - vertices[a, 2],
        )
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for corner in (a, b, c):
            normals[corner, 0] += nx
            normals[corner, 1] += ny
            normals[corner, 2] += nz
    for vertex in range(normals.shape[0]):
        x, y, z = normals[vertex, 0], normals[vertex, 1], normals[vertex, 2]
        length = np.sqrt(x * x + y * y + z * z)
        if length > 0.0:
            normals[vertex, 0] = x / length
            normals[vertex, 1] = y / length
            normals[vertex, 2] = z / length


@njit(cache=True, nogil=True)
@no_type_check
def _hide_averted(image: np.ndarray, limit: float, shown: np.ndarray) -> None:
    """Copy three channels where the fourth, the normal's z, says that the surface is seen; clamp to [0, 1]."""
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            seen = image[y, x, 3] >= limit
            for channel in range(3):
                shown[y, x, channel] = min(max(image[y, x, channel], 0.0), 1.0) if seen else 0.0
