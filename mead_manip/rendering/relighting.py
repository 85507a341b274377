"""Old and new geometry -> how much brighter or darker the skin becomes (expression ratio image).

After Liu, Shan and Zhang, "Expressive expression mapping with ratio images" (SIGGRAPH 2001): the albedo cancels in the
ratio of two shadings, so the source's own pixels carry texture, make-up and camera.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Int

# A soft light from above and in front: the direction that makes furrows read as furrows in most footage.
LIGHT = np.array([0.0, -0.55, 0.835], np.float32)  # x right, y down, z to the viewer
AMBIENT = 0.55
LIMITS = (0.6, 1.35)


def vertex_normals(
    vertices: Float32[np.ndarray, "vertex 3"], triangles: Int[np.ndarray, "triangle 3"]
) -> tuple[Float32[np.ndarray, "vertex 3"], Float32[np.ndarray, " vertex"]]:
    """Return outward unit normals in image axes (y down, z to the viewer) and the area around each vertex."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    normal = np.cross(c - a, b - a)  # the y axis points down, which turns counter-clockwise round
    total = np.zeros_like(vertices)
    area = np.zeros(len(vertices), np.float32)
    size = np.linalg.norm(normal, axis=1)
    for corner in range(3):
        for axis in range(3):
            total[:, axis] += np.bincount(triangles[:, corner], normal[:, axis], len(vertices))
        area += np.bincount(triangles[:, corner], size, len(vertices)).astype(np.float32)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return (total / np.maximum(length, 1e-9)).astype(np.float32), area


def shading_ratio(
    old: Float32[np.ndarray, "vertex 3"],
    new: Float32[np.ndarray, "vertex 3"],
    triangles: Int[np.ndarray, "triangle 3"],
    relight: float,
    crease: float,
) -> Float32[np.ndarray, " vertex"]:
    """Return new over old brightness per vertex, within `LIMITS`; 1 where nothing changed."""
    old_normal, old_area = vertex_normals(old, triangles)
    new_normal, new_area = vertex_normals(new, triangles)
    shade = (AMBIENT + (1 - AMBIENT) * _diffuse(new_normal)) / (AMBIENT + (1 - AMBIENT) * _diffuse(old_normal))
    bunching = np.clip((new_area + 1e-6) / (old_area + 1e-6), 0.5, 1.15)
    return np.clip(shade**relight * bunching**crease, *LIMITS).astype(np.float32)


def _diffuse(normal: Float32[np.ndarray, "vertex 3"]) -> Float32[np.ndarray, " vertex"]:
    # Wrapped: skin scatters light past the terminator.
    return np.maximum((normal @ LIGHT + 0.3) / 1.3, 0.0)
