"""Brows, lashes and hair: meshes hung on vertices of the head, so that identity and expression carry them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from scipy.spatial import cKDTree

from mead_manip.synthetic.head_mesh import LASH_GUIDE, PARTS, HeadMesh, triangulate
from mead_manip.synthetic.makehuman import BROWS, HAIR, LASHES, MakeHumanSource, Proxy

KINDS = {**dict.fromkeys(BROWS, "brow"), **dict.fromkeys(LASHES, "lash"), **dict.fromkeys(HAIR, "hair")}


@dataclass(frozen=True)
class Attachment:
    """vertex = sum of weight x head[ref] + offset (dm, head upright)."""

    name: str
    kind: str
    refs: Int64[np.ndarray, "vertex 3"]
    weights: Float64[np.ndarray, "vertex 3"]
    offsets: Float64[np.ndarray, "vertex 3"]
    triangles: Int64[np.ndarray, "triangle 3"]
    texcoords: Float64[np.ndarray, "texcoord 2"]
    uv_triangles: Int64[np.ndarray, "triangle 3"]


def build_attachments(source: MakeHumanSource, mesh: HeadMesh, base: Float64[np.ndarray, "base 3"]) -> list[Attachment]:
    """Hang every whitelisted brow, lash and hair style on the head."""
    points = mesh.positions(base)
    number = np.full(len(base), -1)
    number[mesh.base_ids] = np.arange(len(mesh.base_ids))
    number[LASH_GUIDE.start : LASH_GUIDE.stop] = np.flatnonzero(mesh.vertex_part == PARTS.index("lash_guide"))
    return [_hang(name, kind, source.proxy(name), mesh, points, base, number) for name, kind in KINDS.items()]


def _hang(
    name: str,
    kind: str,
    proxy: Proxy,
    mesh: HeadMesh,
    points: Float64[np.ndarray, "vertex 3"],
    base: Float64[np.ndarray, "base 3"],
    number: Int64[np.ndarray, " base"],
) -> Attachment:
    refs, weights, offsets = np.where(proxy.weights == 0, proxy.refs[:, :1], proxy.refs), proxy.weights, proxy.offsets
    refs = number[refs]
    lost = (refs < 0).any(1)
    if lost.any():  # hung on a helper that is not part of the head
        positions = (proxy.weights[:, :, None] * base[proxy.refs]).sum(1) + proxy.offsets
        refs[lost], weights, offsets = (*_nearest_scalp(positions, lost, mesh, points, weights, offsets),)
    used = np.unique(proxy.quad_texcoords)
    texcoord_number = np.zeros(len(proxy.texcoords), np.int64)
    texcoord_number[used] = np.arange(len(used))
    return Attachment(
        name=name,
        kind=kind,
        refs=refs,
        weights=weights,
        offsets=offsets,
        triangles=triangulate(proxy.quads),
        texcoords=proxy.texcoords[used],
        uv_triangles=texcoord_number[triangulate(proxy.quad_texcoords)],
    )


def _nearest_scalp(
    positions: Float64[np.ndarray, "vertex 3"],
    lost: np.ndarray,
    mesh: HeadMesh,
    points: Float64[np.ndarray, "vertex 3"],
    weights: Float64[np.ndarray, "vertex 3"],
    offsets: Float64[np.ndarray, "vertex 3"],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hang vertices on the middle of the nearest skin triangle off the face."""
    middles = points[mesh.triangles].mean(1)
    off_face = (mesh.triangle_part == PARTS.index("skin")) & ((middles[:, 2] < 0.8) | (middles[:, 1] > 7.7))
    scalp = np.flatnonzero(off_face)
    _, nearest = cKDTree(middles[scalp]).query(positions[lost])
    triangles = mesh.triangles[scalp[nearest]]
    weights, offsets = weights.copy(), offsets.copy()
    weights[lost] = 1 / 3
    offsets[lost] = positions[lost] - points[triangles].mean(1)
    return triangles, weights, offsets
