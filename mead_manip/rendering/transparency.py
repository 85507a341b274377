"""Hair, brows and lashes: textured triangles blended over the shaded image from back to front."""

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Bool, Float32, Int32, UInt8
from numba import njit

from mead_manip.rendering.rasterizer import drawable, snap, walk
from mead_manip.rendering.shading import (
    AMBIENT,
    GAIN,
    GLOSS,
    OCCLUSION,
    SHADOW,
    SHARPNESS,
    TEXTURE,
    Lights,
    half_vectors,
    sharp,
)

# Columns of a strand material row that `shading` uses for wrap:
BIAS = 5  # depth bias towards the viewer, dm
DENSITY = 6  # multiplies the texture's alpha


class Strands(NamedTuple):
    """Alpha-textured meshes in one list of triangles, all arrays contiguous."""

    faces: Int32[np.ndarray, "triangle corner=3"]
    uv: Float32[np.ndarray, "texcoord uv=2"]  # 0..1, v down
    uv_faces: Int32[np.ndarray, "triangle corner=3"]
    material: UInt8[np.ndarray, " triangle"]
    materials: Float32[np.ndarray, "material channel=10"]
    textures: tuple[UInt8[np.ndarray, "height width rgba=4"], ...]
    hides: Bool[np.ndarray, " material"]  # counts as an occluder of the face (hair does, brows and lashes do not)


def blend_strands(
    strands: Strands,
    lights: Lights,
    screen: Float32[np.ndarray, "vertex xyd=3"],
    normals: Float32[np.ndarray, "vertex xyz=3"],
    vertex_light: Float32[np.ndarray, "vertex channel=7"],
    depth: Float32[np.ndarray, "height width"],
    image: Float32[np.ndarray, "height width rgb=3"],
    hidden: Float32[np.ndarray, "height width"],
) -> None:
    """Blend into `image` what lies in front of `depth`; `hidden` grows to the opacity of the hair over each pixel."""
    if not len(strands.faces):
        return
    order = np.argsort(screen[strands.faces, 2].sum(axis=1), kind="stable").astype(np.int32)
    _blend(
        order,
        strands.faces,
        strands.uv,
        strands.uv_faces,
        strands.material,
        strands.materials,
        strands.textures,
        strands.hides,
        lights.directions,
        half_vectors(lights.directions),
        lights.colours,
        screen,
        normals,
        vertex_light,
        depth,
        image,
        hidden,
    )


@njit(cache=True, nogil=True, inline="always", fastmath=True)
@no_type_check
def _texel_alpha(texture: np.ndarray, u: float, v: float) -> tuple:
    """Bilinear look-up of linear RGB and alpha in 0..1."""
    rows, columns = texture.shape[0], texture.shape[1]
    x = min(max(u * columns - 0.5, 0.0), columns - 1.001)
    y = min(max(v * rows - 0.5, 0.0), rows - 1.001)
    column, row = int(x), int(y)
    fx, fy = np.float32(x - column), np.float32(y - row)
    w11 = fx * fy
    w01 = fx - w11
    w10 = fy - w11
    w00 = np.float32(1.0) - fx - w10
    a, b, c, d = texture[row, column], texture[row, column + 1], texture[row + 1, column], texture[row + 1, column + 1]
    scale = np.float32(1.0 / 255.0)
    red = (a[0] * w00 + b[0] * w01 + c[0] * w10 + d[0] * w11) * scale
    green = (a[1] * w00 + b[1] * w01 + c[1] * w10 + d[1] * w11) * scale
    blue = (a[2] * w00 + b[2] * w01 + c[2] * w10 + d[2] * w11) * scale
    alpha = (a[3] * w00 + b[3] * w01 + c[3] * w10 + d[3] * w11) * scale
    return red * red, green * green, blue * blue, alpha


@njit(cache=True, nogil=True, fastmath=True)
@no_type_check
def _light_vertices(
    faces: np.ndarray, material: np.ndarray, materials: np.ndarray, directions: np.ndarray, halves: np.ndarray,
    colours: np.ndarray, normals: np.ndarray, vertex_light: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Light on each vertex, highlights included (they take the hair's colour too)."""
    lit = np.zeros((normals.shape[0], 3), np.float32)
    row_of = np.full(normals.shape[0], -1, np.int32)
    for face in range(faces.shape[0]):
        for corner in range(3):
            row_of[faces[face, corner]] = material[face]
    for vertex in range(normals.shape[0]):
        if row_of[vertex] < 0:
            continue
        row = materials[row_of[vertex]]
        nx, ny, nz = normals[vertex, 0], normals[vertex, 1], normals[vertex, 2]
        for k in range(3):
            lit[vertex, k] = vertex_light[vertex, AMBIENT + k]
        for light in range(directions.shape[0]):
            seen = vertex_light[vertex, SHADOW] if light == 0 else vertex_light[vertex, OCCLUSION]
            cosine = nx * directions[light, 0] + ny * directions[light, 1] + nz * directions[light, 2]
            half = nx * halves[light, 0] + ny * halves[light, 1] + nz * halves[light, 2]
            diffuse = seen * max((cosine + 0.3) / 1.3, 0.0)
            shine = seen * row[GLOSS] * sharp(max(half, 0.0), row[SHARPNESS]) if cosine > 0.0 else 0.0
            for k in range(3):
                lit[vertex, k] += colours[light, k] * (diffuse + shine)
    return lit


@njit(cache=True, nogil=True, fastmath=True)
@no_type_check
def _blend(
    order: np.ndarray, faces: np.ndarray, uv: np.ndarray, uv_faces: np.ndarray, material: np.ndarray,
    materials: np.ndarray, textures: tuple, hides: np.ndarray, directions: np.ndarray, halves: np.ndarray,
    colours: np.ndarray, screen: np.ndarray, normals: np.ndarray, vertex_light: np.ndarray, depth: np.ndarray,
    image: np.ndarray, hidden: np.ndarray,
) -> None:  # fmt: skip
    lit = _light_vertices(faces, material, materials, directions, halves, colours, normals, vertex_light)
    for face in order:
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        if not drawable(screen, a, b, c):
            continue
        ta, tb, tc = uv_faces[face, 0], uv_faces[face, 1], uv_faces[face, 2]
        ax, ay = snap(screen[a, 0]), snap(screen[a, 1])
        bx, by = snap(screen[b, 0]), snap(screen[b, 1])
        cx, cy = snap(screen[c, 0]), snap(screen[c, 1])
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if area == 0:
            continue
        if area < 0:
            b, c, tb, tc, bx, by, cx, cy, area = c, b, tc, tb, cx, cy, bx, by, -area
        row = materials[material[face]]
        box = walk(ax, ay, bx, by, cx, cy, depth.shape[0], depth.shape[1])
        _blend_face(
            box, np.float32(1.0) / np.float32(area), (a, b, c), (ta, tb, tc), row, textures[int(row[TEXTURE])],
            hides[material[face]], uv, screen, lit, depth, image, hidden,
        )  # fmt: skip


@njit(cache=True, nogil=True, fastmath=True, inline="always")
@no_type_check
def _blend_face(
    box: tuple, per_area: float, corner: tuple, texcoord: tuple, row: np.ndarray, texture: np.ndarray, hides: bool,
    uv: np.ndarray, screen: np.ndarray, lit: np.ndarray, depth: np.ndarray, image: np.ndarray, hidden: np.ndarray,
) -> None:  # fmt: skip
    """Blend the pixels of one clockwise triangle that lie in front of `depth`."""
    a, b, c = corner
    ta, tb, tc = texcoord
    x_first, x_last, y_first, y_last, side_a, side_b, side_c = box
    row_a, row_b, row_c = side_a[0], side_b[0], side_c[0]
    for y in range(y_first, y_last + 1):
        edge_a, edge_b, edge_c = row_a, row_b, row_c
        for x in range(x_first, x_last + 1):
            wb, wc = edge_b * per_area, edge_c * per_area
            wa = np.float32(1.0) - wb - wc
            inside = (edge_a | edge_b | edge_c) >= 0
            if inside and wa * screen[a, 2] + wb * screen[b, 2] + wc * screen[c, 2] + row[BIAS] > depth[y, x]:
                u = wa * uv[ta, 0] + wb * uv[tb, 0] + wc * uv[tc, 0]
                v = wa * uv[ta, 1] + wb * uv[tb, 1] + wc * uv[tc, 1]
                red, green, blue, alpha = _texel_alpha(texture, u, v)
                alpha = min(alpha * row[DENSITY], np.float32(1.0))
                keep = np.float32(1.0) - alpha
                colour = (red, green, blue)
                for k in range(3):
                    light = wa * lit[a, k] + wb * lit[b, k] + wc * lit[c, k]
                    image[y, x, k] = image[y, x, k] * keep + alpha * colour[k] * row[GAIN + k] * light
                if hides:
                    hidden[y, x] = hidden[y, x] * keep + alpha
            edge_a += side_a[1]
            edge_b += side_b[1]
            edge_c += side_c[1]
        row_a += side_a[2]
        row_b += side_b[2]
        row_c += side_c[2]
