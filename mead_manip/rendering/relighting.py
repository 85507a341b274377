"""Old and new geometry -> how much brighter or darker the skin becomes (expression ratio image).

After Liu, Shan and Zhang, "Expressive expression mapping with ratio images" (SIGGRAPH 2001): the albedo cancels in the
ratio of two shadings, so the source's own pixels carry texture, make-up and camera.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Int

from mead_manip.rendering.conditioning import vertex_normals

# A soft light from above and in front: the direction that makes furrows read as furrows in most footage.
LIGHT = np.array([0.0, -0.55, 0.835], np.float32)  # x right, y down, z to the viewer
UP = np.array([1.0, -1.0, 1.0], np.float32)  # turns the y axis of the image round
AMBIENT = 0.55
LIMITS = (0.6, 1.35)


def image_normals(
    vertices: Float32[np.ndarray, "vertex 3"], triangles: Int[np.ndarray, "triangle 3"]
) -> Float32[np.ndarray, "vertex 3"]:
    """Return outward unit normals in image axes (y down, z to the viewer)."""
    return vertex_normals(vertices * UP, triangles) * UP


def vertex_areas(
    vertices: Float32[np.ndarray, "vertex 3"], triangles: Int[np.ndarray, "triangle 3"]
) -> Float32[np.ndarray, " vertex"]:
    """Return twice the area of the triangles around each vertex."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    size = np.linalg.norm(np.cross(c - a, b - a), axis=1)
    return np.bincount(triangles.ravel(), np.repeat(size, 3), len(vertices)).astype(np.float32)


def shading_ratio(
    old: Float32[np.ndarray, "vertex 3"],
    new: Float32[np.ndarray, "vertex 3"],
    triangles: Int[np.ndarray, "triangle 3"],
    relight: float,
    crease: float,
) -> Float32[np.ndarray, " vertex"]:
    """Return new over old brightness per vertex, within `LIMITS`; 1 where nothing changed."""
    old_normal, new_normal = image_normals(old, triangles), image_normals(new, triangles)
    old_area, new_area = vertex_areas(old, triangles), vertex_areas(new, triangles)
    shade = (AMBIENT + (1 - AMBIENT) * _diffuse(new_normal)) / (AMBIENT + (1 - AMBIENT) * _diffuse(old_normal))
    bunching = np.clip((new_area + 1e-6) / (old_area + 1e-6), 0.5, 1.15)
    return np.clip(shade**relight * bunching**crease, *LIMITS).astype(np.float32)


def _diffuse(normal: Float32[np.ndarray, "vertex 3"]) -> Float32[np.ndarray, " vertex"]:
    # Wrapped: skin scatters light past the terminator.
    return np.maximum((normal @ LIGHT + 0.3) / 1.3, 0.0)
