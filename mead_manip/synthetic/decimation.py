"""Fewer triangles from the same vertices: greedy half-edge collapses by quadric error (Garland and Heckbert 1997).

Vertices never move, so a decimated mesh can still hang on whatever its vertices hung on.
"""

import heapq

import numpy as np
from jaxtyping import Float64, Int64

MAX_TURN = np.cos(np.radians(70))  # a collapse may not turn a triangle further


def decimate(
    positions: Float64[np.ndarray, "vertex 3"],
    triangles: Int64[np.ndarray, "triangle 3"],
    uv_triangles: Int64[np.ndarray, "triangle 3"],
    keep: float,
) -> tuple[Int64[np.ndarray, "fewer 3"], Int64[np.ndarray, "fewer 3"]]:
    """Collapse edges until the share `keep` of the triangles is left, or no edge may go.

    Texture seams and open borders stay as they are.
    """
    mesh = _Mesh(positions, triangles, uv_triangles)
    heap = [(cost, a, b, 0) for a in range(len(positions)) for cost, b in mesh.candidates(a)]
    heapq.heapify(heap)
    goal = int(keep * len(triangles))
    while heap and mesh.n_alive > goal:
        _, a, b, version = heapq.heappop(heap)
        if version != mesh.version[a] or not mesh.may_collapse(a, b):
            continue
        for neighbour in mesh.collapse(a, b):
            mesh.version[neighbour] += 1
            for cost, c in mesh.candidates(neighbour):
                heapq.heappush(heap, (cost, neighbour, c, int(mesh.version[neighbour])))
    return mesh.triangles[mesh.alive], mesh.uv_triangles[mesh.alive]


class _Mesh:
    def __init__(
        self,
        positions: Float64[np.ndarray, "vertex 3"],
        triangles: Int64[np.ndarray, "triangle 3"],
        uv_triangles: Int64[np.ndarray, "triangle 3"],
    ) -> None:
        self.positions, self.triangles, self.uv_triangles = positions, triangles.copy(), uv_triangles.copy()
        self.alive = np.ones(len(triangles), bool)
        self.n_alive = len(triangles)
        self.version = np.zeros(len(positions), np.int64)
        self.around: list[set[int]] = [set() for _ in positions]
        uv_of: list[set[int]] = [set() for _ in positions]
        for t, (corners, uvs) in enumerate(zip(triangles, uv_triangles, strict=True)):
            for corner, uv in zip(corners, uvs, strict=True):
                self.around[corner].add(t)
                uv_of[corner].add(int(uv))
        self.locked = np.array([len(uvs) != 1 for uvs in uv_of])
        self._lock_borders()
        normal = self._normals(triangles)
        plane = np.concatenate([normal, -(normal * positions[triangles[:, 0]]).sum(1, keepdims=True)], axis=1)
        self.quadric = np.zeros((len(positions), 4, 4))
        for k in range(3):
            np.add.at(self.quadric, triangles[:, k], plane[:, :, None] * plane[:, None, :])

    def candidates(self, a: int) -> list[tuple[float, int]]:
        """Neighbours that vertex `a` may fall onto, with the error that makes."""
        if self.locked[a]:
            return []
        found = []
        for b in self._neighbours(a):
            point = np.append(self.positions[b], 1.0)
            length = float(((self.positions[a] - self.positions[b]) ** 2).sum())
            found.append((float(point @ self.quadric[a] @ point) + 1e-3 * length, b))
        return found

    def may_collapse(self, a: int, b: int) -> bool:
        """Two shared triangles, no other shared neighbour, and no triangle turns over."""
        shared = self.around[a] & self.around[b]
        if len(shared) != 2 or len(self._neighbours(a) & self._neighbours(b)) != 2:
            return False
        rest = np.array(sorted(self.around[a] - shared), np.int64)
        before = self.triangles[rest]
        after = np.where(before == a, b, before)
        turned = (self._normals(before) * self._normals(after)).sum(1)
        return bool((turned > MAX_TURN).all())

    def collapse(self, a: int, b: int) -> set[int]:
        """Let `a` fall onto `b`; return the vertices whose candidates changed."""
        shared = self.around[a] & self.around[b]
        # Of a vertex on a seam, the texture coordinate on the side where `a` lies.
        beside = next(iter(shared))
        uv = self.uv_triangles[beside][self.triangles[beside] == b][0]
        for t in shared:
            self.alive[t] = False
            self.n_alive -= 1
            for corner in self.triangles[t]:
                self.around[corner].discard(t)
        for t in self.around[a]:
            corner = int(np.flatnonzero(self.triangles[t] == a)[0])
            self.triangles[t, corner], self.uv_triangles[t, corner] = b, uv
            self.around[b].add(t)
        self.around[a] = set()
        self.quadric[b] += self.quadric[a]
        self.locked[a] = True
        return self._neighbours(b) | {b}

    def _neighbours(self, a: int) -> set[int]:
        return {int(corner) for t in self.around[a] for corner in self.triangles[t]} - {a}

    def _normals(self, triangles: Int64[np.ndarray, "triangle 3"]) -> Float64[np.ndarray, "triangle 3"]:
        corners = self.positions[triangles]
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        return normal / (np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12)

    def _lock_borders(self) -> None:
        sides = [self.triangles[:, [k, (k + 1) % 3]] for k in range(3)]
        edges = np.sort(np.concatenate(sides), axis=1)
        unique, count = np.unique(edges, axis=0, return_counts=True)
        self.locked[unique[count != 2].ravel()] = True
