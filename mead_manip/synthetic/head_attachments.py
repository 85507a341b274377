"""Brows, lashes and hair: meshes hung on vertices of the head, so that identity and expression carry them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from scipy.spatial import cKDTree

from mead_manip.synthetic.head_mesh import LASH_GUIDE, PARTS, HeadMesh, triangulate
from mead_manip.synthetic.makehuman import BROWS, HAIR, LASHES, MakeHumanSource, Proxy

KINDS = {**dict.fromkeys(BROWS, "brow"), **dict.fromkeys(LASHES, "lash"), **dict.fromkeys(HAIR, "hair")}
CROWN_Y, CLEARANCE = 7.75, 0.035  # dm: hair above this height of the base mesh stays that far off the skin


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
    refs = number[np.where(proxy.weights == 0, proxy.refs[:, :1], proxy.refs)]
    weights, offsets = proxy.weights.copy(), proxy.offsets.copy()
    lost = np.flatnonzero((refs < 0).any(axis=1))  # hung on a helper that is not part of the head
    if len(lost):
        positions = (proxy.weights[:, :, None] * base[proxy.refs]).sum(1) + proxy.offsets
        refs[lost], weights[lost], offsets[lost] = _rehang(positions[lost], mesh, points)
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


def _rehang(
    positions: Float64[np.ndarray, "lost 3"], mesh: HeadMesh, points: Float64[np.ndarray, "vertex 3"]
) -> tuple[Int64[np.ndarray, "lost 3"], Float64[np.ndarray, "lost 3"], Float64[np.ndarray, "lost 3"]]:
    """Hang vertices on the middle of the nearest skin triangle off the face; on the crown, keep them clear of it."""
    corners = points[mesh.triangles]
    middles = corners.mean(1)
    off_face = (mesh.triangle_part == PARTS.index("skin")) & ((middles[:, 2] < 0.8) | (middles[:, 1] > 7.7))
    scalp = np.flatnonzero(off_face)
    _, nearest = cKDTree(middles[scalp]).query(positions)
    chosen = scalp[nearest]
    normal = np.cross(corners[chosen, 1] - corners[chosen, 0], corners[chosen, 2] - corners[chosen, 0])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    offsets = positions - middles[chosen]
    height = (offsets * normal).sum(1)
    crown = (positions[:, 1] > CROWN_Y) & (height < CLEARANCE)
    offsets += normal * np.where(crown, CLEARANCE - height, 0)[:, None]
    return mesh.triangles[chosen], np.full_like(positions, 1 / 3), offsets
