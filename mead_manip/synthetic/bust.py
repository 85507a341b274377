"""The rest of the body: clothed shoulders and chest that hang below the rim of the head mesh."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32

DROP_DM = 6.0  # far enough down for any crop
SPREAD_DM = 0.9  # how far the arms lean outwards over that drop


@dataclass(frozen=True)
class Skirt:
    """A strip of triangles from the rim of the bust downwards; corner k >= 0 is a rim vertex, -1 - k its lower copy."""

    rim: Int32[np.ndarray, " rim"]  # mesh vertices on the rim
    faces: Int32[np.ndarray, "triangle corner=3"]  # vertices of the mesh followed by the lower copies, in rim order

    def lower(self, vertices: Float32[np.ndarray, "vertex xyz=3"]) -> Float32[np.ndarray, "rim xyz=3"]:
        """Place the lower rim below the present one, whatever the head does."""
        below = vertices[self.rim].copy()
        below[:, 0] *= 1.0 + SPREAD_DM / 2.1
        below[:, 1] -= DROP_DM
        return below


def find_skirt(
    vertices: Float32[np.ndarray, "vertex xyz=3"], triangles: Int32[np.ndarray, "triangle corner=3"], below_y: float
) -> Skirt:
    """Build the skirt on the open edges of `triangles` that lie below `below_y` (dm)."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).astype(np.int64)
    n = len(vertices)
    code, back = edges[:, 0] * n + edges[:, 1], edges[:, 1] * n + edges[:, 0]
    open_edges = edges[~np.isin(code, back)]
    open_edges = open_edges[(vertices[open_edges][:, :, 1] < below_y).all(1)]
    rim = np.unique(open_edges)
    lower_of = np.full(n, -1, np.int64)
    lower_of[rim] = n + np.arange(len(rim))
    start, stop = open_edges[:, 0], open_edges[:, 1]
    # The open edge runs start -> stop in its own triangle, so the strip next to it must run stop -> start.
    faces = np.concatenate(
        [
            np.stack([stop, start, lower_of[start]], axis=1),
            np.stack([stop, lower_of[start], lower_of[stop]], axis=1),
        ]
    )
    return Skirt(rim=rim.astype(np.int32), faces=faces.astype(np.int32))
