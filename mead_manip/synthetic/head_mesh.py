"""MakeHuman base mesh and proxies -> the parts of our head, every vertex a linear function of the base mesh."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8
from scipy.sparse import coo_matrix, csr_matrix, vstack

from mead_manip.synthetic.decimation import decimate
from mead_manip.synthetic.makehuman import MakeHumanSource, Mesh, Proxy

PARTS = ("skin", "mouth", "socket", "eye_left", "eye_right", "teeth_upper", "teeth_lower", "tongue", "lash_guide")
N_BODY = 13380  # the body component; joints and helpers follow
BUST_Y, BUST_X = 4.9, 2.1  # dm, cut on the base mesh
EYE_CENTRE = (0.3078, 7.2842, 1.2454)  # of the left eye; the right one mirrors it
EYE_RADIUS, CORNEA_BULGE = 0.1455, 0.0035
UPPER_TEETH_DROP = 0.03  # dm: a parted mouth shows their edges
TEETH_KEPT = 0.35  # share of the triangles
LASH_GUIDE = range(14742, 14992)  # carries the lashes; has vertices but no triangles
UPPER_TEETH_FIRST = 15060  # helpers 14992..15059 carry the lower teeth, 15060..15127 the upper


@dataclass(frozen=True)
class HeadMesh:
    """The head in parts. Position of a vertex: carrier @ base vertices + offset."""

    carrier: csr_matrix  # (vertex, base vertex)
    offsets: Float64[np.ndarray, "vertex 3"]
    base_ids: Int64[np.ndarray, " skin"]  # base vertex of each skin vertex, cavity and sockets included
    triangles: Int64[np.ndarray, "triangle 3"]
    triangle_part: UInt8[np.ndarray, " triangle"]
    texcoords: Float64[np.ndarray, "texcoord 2"]
    uv_triangles: Int64[np.ndarray, "triangle 3"]
    vertex_part: UInt8[np.ndarray, " vertex"]

    def positions(self, base: Float64[np.ndarray, "base 3"]) -> Float64[np.ndarray, "vertex 3"]:
        """Place every vertex on a morphed base mesh."""
        return self.carrier @ base + self.offsets

    def displacements(self, target: Float64[np.ndarray, "base 3"]) -> Float64[np.ndarray, "vertex 3"]:
        """Carry base displacements to every vertex."""
        return self.carrier @ target


@dataclass(frozen=True)
class _Piece:
    """Triangles of one part on one source mesh, not yet renumbered."""

    part: int
    triangles: Int64[np.ndarray, "triangle 3"]
    uv_triangles: Int64[np.ndarray, "triangle 3"]


def _piece(name: str, mesh: Mesh, mask: Bool[np.ndarray, " quad"]) -> _Piece:
    return _Piece(PARTS.index(name), triangulate(mesh.quads[mask]), triangulate(mesh.quad_texcoords[mask]))


def build_mesh(source: MakeHumanSource, base: Mesh) -> HeadMesh:
    """Cut the skin, drop what is never seen, join the parts in the order of PARTS."""
    sources: list[tuple[Mesh, csr_matrix, Float64[np.ndarray, "vertex 3"], list[_Piece]]] = []
    n_base = len(base.vertices)
    identity = csr_matrix((np.ones(n_base), (np.arange(n_base), np.arange(n_base))), shape=(n_base, n_base))
    sources.append((base, identity, np.zeros((n_base, 3)), _skin_pieces(base)))
    for name, cut in (("eyes", _eye_pieces), ("teeth", _teeth_pieces), ("tongue", _whole_tongue)):
        proxy = source.proxy(name)
        carrier = carrier_of(proxy.refs, proxy.weights, n_base)
        positions = carrier @ base.vertices + proxy.offsets
        offsets = proxy.offsets + _reshape(name, positions)
        if name == "teeth":
            offsets = offsets - np.outer(_upper_teeth(proxy), (0, UPPER_TEETH_DROP, 0))
        sources.append((proxy, carrier, offsets, cut(proxy, positions)))
    return _join(sources)


def carrier_of(
    refs: Int64[np.ndarray, "vertex 3"], weights: Float64[np.ndarray, "vertex 3"], n_base: int
) -> csr_matrix:
    """Sparse matrix of a proxy: row i holds the weights of vertex i at its three base vertices."""
    rows = np.repeat(np.arange(len(refs)), 3)
    return coo_matrix((weights.ravel(), (rows, refs.ravel())), shape=(len(refs), n_base)).tocsr()


def triangulate(quads: Int64[np.ndarray, "quad 4"]) -> Int64[np.ndarray, "triangle 3"]:
    """Split each quad along its first diagonal."""
    return np.stack([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]], axis=1).reshape(-1, 3)


def _reshape(name: str, positions: Float64[np.ndarray, "vertex 3"]) -> Float64[np.ndarray, "vertex 3"]:
    """Fill the iris out to a cornea (its shell is dropped); lay the tongue flat so that an open mouth has room."""
    move = np.zeros_like(positions)
    if name == "eyes":
        for side in (-1, 1):
            eye = np.sign(positions[:, 0]) == side
            ray = positions[eye] - np.array(EYE_CENTRE) * (side, 1, 1)
            radius = np.linalg.norm(ray, axis=1, keepdims=True)
            forward = ray[:, 2:] / radius
            cornea = EYE_RADIUS + CORNEA_BULGE * np.clip((forward - 0.9) / 0.1, 0, 1) ** 0.5
            move[eye] = np.where(forward > 0.3, (cornea / radius - 1) * ray, 0)
    if name == "tongue":
        tip = np.clip((positions[:, 2] - 0.75) / 0.64, 0, 1)
        move[:, 1] = -0.10 * np.clip((positions[:, 1] - 6.30) / 0.3, 0, 1) - 0.04 * tip**2
        move[:, 2] = -0.04 * tip
    return move


def _skin_pieces(base: Mesh) -> list[_Piece]:
    """Head with bust; the texture islands tell outer skin, mouth cavity and eye sockets apart."""
    corners = base.vertices[base.quads]
    keep = (base.quads < N_BODY).all(1) & (corners[:, :, 1] > BUST_Y).all(1) & (abs(corners[:, :, 0]) < BUST_X).all(1)
    centre = base.texcoords[base.quad_texcoords].mean(1)
    mouth = (centre[:, 0] > 0.7) & (centre[:, 1] > 0.85)
    socket = centre[:, 0] < 0.16
    front = corners[:, :, 2].max(1) > 1.25  # the back of a socket is always behind the eyeball
    masks = {"skin": ~mouth & ~socket, "mouth": mouth, "socket": socket & front}
    return [_piece(name, base, keep & mask) for name, mask in masks.items()]


def _eye_pieces(eyes: Proxy, positions: Float64[np.ndarray, "vertex 3"]) -> list[_Piece]:
    """Keep the inner balls; the cornea shells use a transparent corner of the texture."""
    corner = eyes.texcoords[eyes.quad_texcoords].mean(1)
    ball = (corner[:, 0] < 0.87) | (corner[:, 1] < 0.87)
    left = positions[eyes.quads].mean(1)[:, 0] > 0
    front = positions[eyes.quads][:, :, 2].max(1) > 1.2
    return [_piece("eye_left", eyes, ball & left & front), _piece("eye_right", eyes, ball & ~left & front)]


def _teeth_pieces(teeth: Proxy, positions: Float64[np.ndarray, "vertex 3"]) -> list[_Piece]:
    """Upper and lower jaw by the helper they hang on; faces that no view through the lips can show are dropped."""
    corners = positions[teeth.quads]
    normal = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12
    upper = _upper_teeth(teeth)[teeth.quads].mean(1) > 0.5
    outward = normal[:, 2] + 0.6 * abs(normal[:, 0]) * np.sign(normal[:, 0] * corners[:, :, 0].mean(1))
    seen = (outward > -0.1) | (abs(normal[:, 1]) > 0.6) & (corners[:, :, 2].mean(1) > 1.2)
    visible = seen & (corners[:, :, 2].mean(1) > 1.0)
    pieces = [_piece("teeth_upper", teeth, visible & upper), _piece("teeth_lower", teeth, visible & ~upper)]
    return [
        _Piece(piece.part, *decimate(positions, piece.triangles, piece.uv_triangles, TEETH_KEPT)) for piece in pieces
    ]


def _upper_teeth(teeth: Proxy) -> Bool[np.ndarray, " vertex"]:
    return (teeth.refs >= UPPER_TEETH_FIRST).mean(1) > 0.5


def _whole_tongue(tongue: Proxy, positions: Float64[np.ndarray, "vertex 3"]) -> list[_Piece]:
    return [_piece("tongue", tongue, np.ones(len(tongue.quads), bool))]


def _join(
    sources: list[tuple[Mesh, csr_matrix, Float64[np.ndarray, "vertex 3"], list[_Piece]]],
) -> HeadMesh:
    """Renumber the vertices that are used, part by part; a vertex shared by parts belongs to the first."""
    carriers, offsets, triangles, parts, texcoords, uv_triangles, vertex_part = [], [], [], [], [], [], []
    base_ids: Int64[np.ndarray, " skin"] | None = None
    n_vertices = n_texcoords = 0
    for mesh, carrier, offset, pieces in sources:
        order, order_part = _first_use([(piece.part, piece.triangles) for piece in pieces], len(mesh.vertices))
        texcoord_order, _ = _first_use([(piece.part, piece.uv_triangles) for piece in pieces], len(mesh.texcoords))
        number = _inverse(order, len(mesh.vertices)) + n_vertices
        texcoord_number = _inverse(texcoord_order, len(mesh.texcoords)) + n_texcoords
        for piece in pieces:
            triangles.append(number[piece.triangles])
            uv_triangles.append(texcoord_number[piece.uv_triangles])
            parts.append(np.full(len(piece.triangles), piece.part, np.uint8))
        carriers.append(carrier[order])
        offsets.append(offset[order])
        vertex_part.append(order_part)
        texcoords.append(mesh.texcoords[texcoord_order])
        base_ids = order if base_ids is None else base_ids
        n_vertices += len(order)
        n_texcoords += len(texcoord_order)
    assert base_ids is not None
    guide = np.arange(LASH_GUIDE.start, LASH_GUIDE.stop)
    carriers.append(sources[0][1][guide])
    offsets.append(np.zeros((len(guide), 3)))
    vertex_part.append(np.full(len(guide), PARTS.index("lash_guide"), np.uint8))
    return HeadMesh(
        carrier=vstack(carriers, format="csr"),
        offsets=np.concatenate(offsets),
        base_ids=base_ids,
        triangles=np.concatenate(triangles),
        triangle_part=np.concatenate(parts),
        texcoords=np.concatenate(texcoords),
        uv_triangles=np.concatenate(uv_triangles),
        vertex_part=np.concatenate(vertex_part),
    )


def _first_use(
    pieces: list[tuple[int, Int64[np.ndarray, "triangle 3"]]], n: int
) -> tuple[Int64[np.ndarray, " used"], UInt8[np.ndarray, " used"]]:
    seen: Bool[np.ndarray, " node"] = np.zeros(n, bool)
    order, order_part = [], []
    for part, triangles in pieces:
        fresh = np.unique(triangles)
        fresh = fresh[~seen[fresh]]
        seen[fresh] = True
        order.append(fresh)
        order_part.append(np.full(len(fresh), part, np.uint8))
    return np.concatenate(order), np.concatenate(order_part)


def _inverse(order: Int64[np.ndarray, " used"], n: int) -> Int64[np.ndarray, " node"]:
    number = np.full(n, -1, np.int64)
    number[order] = np.arange(len(order))
    return number
