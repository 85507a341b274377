"""Light that falls on vertices: visibility of directions (shadow, ambient occlusion) and spherical-harmonic ambient.

Triangles of the head are a few pixels large, so everything soft is worked out per vertex and interpolated; only the
sharp part of shading (texture, highlights) is done per pixel, in `shading`.
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Float, Float32, Int
from numba import njit

from mead_manip.rendering.rasterizer import draw_depth

N_HARMONICS = 9


def harmonics(directions: Float[np.ndarray, "*n xyz=3"]) -> Float32[np.ndarray, "*n harmonic=9"]:
    """Real spherical harmonics to order 2 without their constants (1, y, z, x, xy, yz, 3z^2-1, xz, x^2-y^2)."""
    x, y, z = np.moveaxis(np.asarray(directions, np.float32), -1, 0)
    one = np.ones_like(x)
    return np.stack([one, y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], axis=-1).astype(np.float32)


def sphere_directions(n: int, lowest_z: float = -1.0) -> Float32[np.ndarray, "direction xyz=3"]:
    """Spread `n` unit vectors evenly (Fibonacci) over the part of the sphere with z >= `lowest_z`."""
    k = np.arange(n) + 0.5
    z = 1.0 - k / n * (1.0 - lowest_z)
    turn = np.pi * (1.0 + 5.0**0.5) * k
    radius = np.sqrt(1.0 - z * z)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), z], axis=-1).astype(np.float32)


def visibility_of(
    vertices: Float32[np.ndarray, "vertex xyz=3"],
    triangles: Int[np.ndarray, "triangle corner=3"],
    directions: Float32[np.ndarray, "direction xyz=3"],
    *,
    reach_dm: float,
    resolution: int,
    bias_dm: float,
) -> Float32[np.ndarray, "direction vertex"]:
    """Tell how much of each direction every vertex sees (0..1), by one small depth map per direction.

    The maps cover +-`reach_dm` around the origin; what lies outside is seen. `bias_dm` keeps a surface from hiding
    itself; half of it is the width of the soft comparison.
    """
    seen = np.ones((len(directions), len(vertices)), np.float32)
    _see(vertices, triangles, directions, np.float32(reach_dm), resolution, np.float32(bias_dm), seen)
    return seen


@njit(cache=True, nogil=True)
@no_type_check
def _see(
    vertices: np.ndarray,
    triangles: np.ndarray,
    directions: np.ndarray,
    reach: float,
    resolution: int,
    bias: float,
    seen: np.ndarray,
) -> None:
    centre = np.float32(0.5 * (resolution - 1))
    scale = np.float32(0.5 * (resolution - 1) / reach)
    projected = np.empty((vertices.shape[0], 3), np.float32)
    depth = np.empty((resolution, resolution), np.float32)
    triangle = np.empty((resolution, resolution), np.int32)
    for index in range(directions.shape[0]):
        dx, dy, dz = directions[index, 0], directions[index, 1], directions[index, 2]
        # Any right-handed frame whose third axis is the direction.
        if abs(dy) < 0.9:
            length = np.sqrt(dx * dx + dz * dz)
            rx, ry, rz = dz / length, np.float32(0.0), -dx / length
        else:
            length = np.sqrt(dy * dy + dz * dz)
            rx, ry, rz = np.float32(0.0), -dz / length, dy / length
        ux, uy, uz = dy * rz - dz * ry, dz * rx - dx * rz, dx * ry - dy * rx
        for vertex in range(vertices.shape[0]):
            x, y, z = vertices[vertex, 0], vertices[vertex, 1], vertices[vertex, 2]
            projected[vertex, 0] = centre + scale * (x * rx + y * ry + z * rz)
            projected[vertex, 1] = centre - scale * (x * ux + y * uy + z * uz)
            projected[vertex, 2] = x * dx + y * dy + z * dz
        depth[:] = -np.inf
        draw_depth(projected, triangles, True, 0, triangle, depth)
        _compare(projected, depth, bias, seen[index])


@njit(cache=True, nogil=True)
@no_type_check
def _compare(projected: np.ndarray, depth: np.ndarray, bias: float, seen: np.ndarray) -> None:
    """Bilinear mean of four soft depth comparisons."""
    resolution = depth.shape[0]
    for vertex in range(projected.shape[0]):
        x, y, z = projected[vertex, 0], projected[vertex, 1], projected[vertex, 2]
        if not (x >= 0.0 and y >= 0.0 and x < resolution - 1 and y < resolution - 1):
            continue
        column, row = int(x), int(y)
        fx, fy = x - column, y - row
        total = 0.0
        for down in range(2):
            for right in range(2):
                weight = (fx if right else 1.0 - fx) * (fy if down else 1.0 - fy)
                free = (z - depth[row + down, column + right] + bias) / (0.5 * bias)
                total += weight * min(max(free + 0.5, 0.0), 1.0)
        seen[vertex] = total
