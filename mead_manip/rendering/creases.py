"""Skin that is pressed together: where wrinkles show when a face moves."""

from typing import no_type_check

import numpy as np
from jaxtyping import Float32, Int32
from numba import njit


def rest_frames(
    vertices: Float32[np.ndarray, "vertex xyz=3"], triangles: Int32[np.ndarray, "triangle corner=3"]
) -> Float32[np.ndarray, "triangle row=2 column=2"]:
    """Invert each triangle's two edges, written in its own plane; zero for a degenerate triangle."""
    first = vertices[triangles[:, 1]] - vertices[triangles[:, 0]]
    second = vertices[triangles[:, 2]] - vertices[triangles[:, 0]]
    length = np.linalg.norm(first, axis=1)
    along = (first * second).sum(1) / np.maximum(length, 1e-9)
    across = np.sqrt(np.maximum((second**2).sum(1) - along**2, 0.0))
    inverse = np.zeros((len(triangles), 2, 2), np.float32)
    good = (length > 1e-6) & (across > 1e-6)
    inverse[good, 0, 0] = 1.0 / length[good]
    inverse[good, 0, 1] = -along[good] / (length[good] * across[good])
    inverse[good, 1, 1] = 1.0 / across[good]
    return inverse


def compression(
    vertices: Float32[np.ndarray, "vertex xyz=3"],
    triangles: Int32[np.ndarray, "triangle corner=3"],
    frames: Float32[np.ndarray, "triangle row=2 column=2"],
) -> Float32[np.ndarray, " vertex"]:
    """Give how much the skin around each vertex is pressed together against its rest shape (`rest_frames`).

    0 = not at all, 1 = to nothing: one minus the smaller principal stretch, averaged over the triangles around.
    """
    pressed = np.zeros(len(vertices), np.float32)
    _compress(vertices, triangles, frames, pressed)
    return pressed


@njit(cache=True, nogil=True)
@no_type_check
def _compress(vertices: np.ndarray, triangles: np.ndarray, frames: np.ndarray, pressed: np.ndarray) -> None:
    count = np.zeros(vertices.shape[0], np.float32)
    for face in range(triangles.shape[0]):
        a, b, c = triangles[face, 0], triangles[face, 1], triangles[face, 2]
        # Stretch tensor G = F^T F of F = [edges now] [edges at rest]^-1; its smaller eigenvalue is the stretch squared.
        e = f = g = np.float32(0.0)
        for axis in range(3):
            u = vertices[b, axis] - vertices[a, axis]
            v = vertices[c, axis] - vertices[a, axis]
            left = u * frames[face, 0, 0] + v * frames[face, 1, 0]
            right = u * frames[face, 0, 1] + v * frames[face, 1, 1]
            e += left * left
            f += left * right
            g += right * right
        if e + g <= 0.0:
            continue
        middle, half = (e + g) * 0.5, (e - g) * 0.5
        stretch = np.sqrt(max(middle - np.sqrt(half * half + f * f), 0.0))
        amount = min(max(1.0 - stretch, 0.0), 1.0)
        for corner in (a, b, c):
            pressed[corner] += amount
            count[corner] += 1.0
    for vertex in range(vertices.shape[0]):
        if count[vertex] > 0.0:
            pressed[vertex] /= count[vertex]
