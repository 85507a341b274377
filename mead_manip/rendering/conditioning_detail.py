"""Displacements over a texture -> normals over that texture: wrinkles as DECA draws them.

Every texel lies on a triangle of the mesh. Its place is moved along the interpolated normal by the displacement; the
normal of the moved surface is that of the grid of texels.
"""

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Float, Float32, Int, Int32, UInt8
from numba import njit

from mead_manip.rendering.rasterizer import rasterize


@dataclass(frozen=True)
class DetailAtlas:
    """Where the texels of a mesh's texture lie on it: made once a mesh."""

    triangle: Int32[np.ndarray, "row column"]  # under each texel, -1 for none
    barycentric: Float32[np.ndarray, "row column corner=3"]
    corner_texels: Float32[np.ndarray, "triangle corner=3 xy=2"]  # texel coordinates, centres at integers
    mask: Float32[np.ndarray, "row column"]  # how much a displacement counts, 0..1
    fixed: Float32[np.ndarray, "row column"]  # displacement that all faces have


def detail_atlas(
    uvs: Float[np.ndarray, "texcoord 2"],
    uv_triangles: Int[np.ndarray, "triangle corner=3"],
    mask: UInt8[np.ndarray, "row column"],
    fixed: Float[np.ndarray, "row column"] | None = None,
) -> DetailAtlas:
    """Find the triangle under every texel; `uvs` go from 0 to 1 with v down, texels are as many as the mask has."""
    rows, columns = mask.shape
    texels = (uvs * [columns, rows] - 0.5).astype(np.float32)
    flat = np.concatenate([texels, np.zeros((len(texels), 1), np.float32)], axis=1)
    seen = rasterize(flat, uv_triangles, rows, columns, cull_back=False)
    return DetailAtlas(
        triangle=seen.triangle,
        barycentric=seen.barycentric,
        corner_texels=np.ascontiguousarray(texels[uv_triangles]),
        mask=(mask / np.float32(255)).astype(np.float32),
        fixed=np.zeros(mask.shape, np.float32) if fixed is None or not fixed.size else fixed.astype(np.float32),
    )


def detail_normals(
    atlas: DetailAtlas,
    vertices: Float32[np.ndarray, "vertex xyz=3"],
    normals: Float32[np.ndarray, "vertex xyz=3"],
    triangles: Int32[np.ndarray, "triangle corner=3"],
    displacement: Float[np.ndarray, "row column"],
) -> Float32[np.ndarray, "row column xyz=3"]:
    """Give the normal of every texel: of the displaced surface where the mask is 1, of the mesh where it is 0."""
    along = (displacement * atlas.mask + atlas.fixed).astype(np.float32)
    places = np.zeros((*along.shape, 3), np.float32)
    found = np.zeros((*along.shape, 3), np.float32)
    _displace(atlas.triangle, atlas.barycentric, vertices, normals, triangles, along, places, found)
    _bend(atlas.triangle, atlas.mask, places, found)
    return found


# ---- kernels ---------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
@no_type_check
def _displace(
    triangle: np.ndarray,
    barycentric: np.ndarray,
    vertices: np.ndarray,
    normals: np.ndarray,
    triangles: np.ndarray,
    along: np.ndarray,
    places: np.ndarray,
    found: np.ndarray,
) -> None:
    """Fill the displaced place and the mesh's own normal of every texel that has a triangle."""
    for y in range(triangle.shape[0]):
        for x in range(triangle.shape[1]):
            face = triangle[y, x]
            if face < 0:
                continue
            a, b, c = triangles[face, 0], triangles[face, 1], triangles[face, 2]
            wa, wb, wc = barycentric[y, x, 0], barycentric[y, x, 1], barycentric[y, x, 2]
            for axis in range(3):
                normal = wa * normals[a, axis] + wb * normals[b, axis] + wc * normals[c, axis]
                place = wa * vertices[a, axis] + wb * vertices[b, axis] + wc * vertices[c, axis]
                found[y, x, axis] = normal
                places[y, x, axis] = place + along[y, x] * normal


@njit(cache=True, nogil=True)
@no_type_check
def _bend(triangle: np.ndarray, mask: np.ndarray, places: np.ndarray, found: np.ndarray) -> None:
    """Mix the normals of the grid of places into `found`, as far as the mask says."""
    for y in range(1, triangle.shape[0] - 1):
        for x in range(1, triangle.shape[1] - 1):
            if mask[y, x] <= 0.0 or triangle[y, x] < 0:
                continue
            if triangle[y, x - 1] < 0 or triangle[y, x + 1] < 0 or triangle[y - 1, x] < 0 or triangle[y + 1, x] < 0:
                continue
            ux = places[y, x + 1, 0] - places[y, x - 1, 0]
            uy = places[y, x + 1, 1] - places[y, x - 1, 1]
            uz = places[y, x + 1, 2] - places[y, x - 1, 2]
            vx = places[y + 1, x, 0] - places[y - 1, x, 0]
            vy = places[y + 1, x, 1] - places[y - 1, x, 1]
            vz = places[y + 1, x, 2] - places[y - 1, x, 2]
            nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
            length = np.sqrt(nx * nx + ny * ny + nz * nz)
            if length <= 0.0:
                continue
            # A texture may be laid out mirrored: outwards is where the mesh's own normal points.
            outwards = nx * found[y, x, 0] + ny * found[y, x, 1] + nz * found[y, x, 2]
            share = mask[y, x] / (length if outwards >= 0.0 else -length)
            rest = 1.0 - mask[y, x]
            found[y, x, 0] = share * nx + rest * found[y, x, 0]
            found[y, x, 1] = share * ny + rest * found[y, x, 1]
            found[y, x, 2] = share * nz + rest * found[y, x, 2]
