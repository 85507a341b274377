"""Rigging of the head: jaw and neck weights, joints, lids that close on every face."""

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.sparse.linalg import spsolve

from mead_manip.synthetic.head_mesh import PARTS, HeadMesh

JOINT_NAMES = ("jaw", "eye_left", "eye_right", "neck")
# First base vertex of the cube that marks each; the jaw turns about what MakeHuman calls the mouth joint.
_JOINT_CUBES = {"jaw": 14590, "eye_left": 13606, "eye_right": 13614, "neck": 14534}


def joint_carrier(n_base: int) -> csr_matrix:
    """Each joint is the middle of its cube of 8 base vertices."""
    rows = np.repeat(np.arange(len(JOINT_NAMES)), 8)
    columns = np.concatenate([np.arange(_JOINT_CUBES[name], _JOINT_CUBES[name] + 8) for name in JOINT_NAMES])
    return coo_matrix((np.full(len(rows), 1 / 8), (rows, columns)), shape=(len(JOINT_NAMES), n_base)).tocsr()


def jaw_weights(mesh: HeadMesh, points: Float64[np.ndarray, "vertex 3"]) -> Float64[np.ndarray, " vertex"]:
    """1 where a vertex turns with the mandible, 0 on the skull, harmonic between: lips part, cheeks stretch."""
    x, y, z = points.T
    part = mesh.vertex_part
    skin, mouth = part == PARTS.index("skin"), part == PARTS.index("mouth")
    lip_width = (abs(x) < 0.2) & (z > 1.3)
    skull = skin & ((y > 6.98) | (z < 0.45) | (y < 5.95))
    skull |= skin & (y > 6.612) & lip_width & (abs(x) < 0.19)
    skull |= skin & (y > 6.75) & (abs(x) < 0.3)  # nose and the fold beside it
    skull |= mouth & (y > 6.612) & ((z < 1.3) | lip_width)
    chin = skin & (y < 6.603) & (y > 6.14) & (abs(x) < 0.2) & (z > 1.1)
    chin |= skin & (abs(x) < 0.36) & (y < 6.42) & (y > 6.2) & (z > 1.05)
    chin |= mouth & (y < 6.603) & (z > 1.0) & ((z < 1.3) | lip_width)
    soft = skin | mouth
    weights = np.zeros(len(points))
    weights[soft] = _harmonic(mesh, points, soft, skull, chin)[soft]
    weights[part == PARTS.index("teeth_lower")] = 1.0
    weights[part == PARTS.index("tongue")] = np.clip((points[part == PARTS.index("tongue"), 2] - 0.6) / 0.3, 0.5, 1.0)
    return weights


def neck_weights(points: Float64[np.ndarray, "vertex 3"]) -> Float64[np.ndarray, " vertex"]:
    """1 on the head, falling to 0 at the shoulders."""
    rise = np.clip((points[:, 1] - 5.35) / (6.35 - 5.35), 0, 1)
    return rise * rise * (3 - 2 * rise)


def _harmonic(
    mesh: HeadMesh,
    points: Float64[np.ndarray, "vertex 3"],
    domain: Bool[np.ndarray, " vertex"],
    zeros: Bool[np.ndarray, " vertex"],
    ones: Bool[np.ndarray, " vertex"],
) -> Float64[np.ndarray, " vertex"]:
    """Solve Laplace's equation on the skin with inverse edge lengths as conductances."""
    triangles = mesh.triangles[mesh.triangle_part <= PARTS.index("mouth")]
    sides = np.concatenate([triangles[:, [k, (k + 1) % 3]] for k in range(3)])
    edges = np.unique(np.sort(sides, axis=1), axis=0)
    conductance = 1 / np.maximum(np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1), 1e-3)
    n = len(points)
    half = coo_matrix((conductance, (edges[:, 0], edges[:, 1])), shape=(n, n))
    graph = (half + half.T).tocsr()
    laplacian = (diags(np.asarray(graph.sum(1)).ravel()) - graph).tocsr()
    values = np.where(ones & ~zeros, 1.0, 0.0)
    known = zeros | ones
    free: Int64[np.ndarray, " free"] = np.flatnonzero(domain & ~known & (np.asarray(graph.sum(1)).ravel() > 0))
    fixed = np.flatnonzero(known)
    values[free] = spsolve(laplacian[free][:, free].tocsc(), -laplacian[free][:, fixed] @ values[fixed])
    return values


# ---- lids ------------------------------------------------------------------------------------------------------------


def lid_arcs(
    closure: Float64[np.ndarray, "vertex 3"], points: Float64[np.ndarray, "vertex 3"], centre: Float64[np.ndarray, " 3"]
) -> Float64[np.ndarray, "vertex 3"]:
    """What a half closed lid needs beyond half the way to slide along the eyeball instead of through it."""
    start, end = points - centre, points + closure - centre
    middle = 0.5 * (start + end)
    radius = 0.5 * (np.linalg.norm(start, axis=1) + np.linalg.norm(end, axis=1))
    lift = radius / np.linalg.norm(middle, axis=1) - 1
    near = np.linalg.norm(closure, axis=1) > 0.01
    return middle * (lift * near)[:, None]


def lid_seals(
    closure: Float64[np.ndarray, "vertex 3"],
    points: Float64[np.ndarray, "vertex 3"],
    basis: Float64[np.ndarray, "identity vertex 3"],
    margins: list[tuple[int, int]],
) -> Float64[np.ndarray, "identity vertex 3"]:
    """Change of the closure per identity component: a lid travels as far as that person's eye is open.

    `margins` are pairs of vertices (upper, lower) on the rims; between them the aperture is interpolated in x.
    """
    pairs = np.array(sorted(margins, key=lambda pair: points[pair[0], 0]))
    aperture = points[pairs[:, 0], 1] - points[pairs[:, 1], 1]
    change = basis[:, pairs[:, 0], 1] - basis[:, pairs[:, 1], 1]
    ratio = np.stack([np.interp(points[:, 0], points[pairs[:, 0], 0], row / aperture) for row in change])
    return ratio[:, :, None] * closure


# ---- landmarks -------------------------------------------------------------------------------------------------------

# Base-mesh vertices in iBUG-68 order (the subject's right side first).
LANDMARKS = (
    5264, 5182, 5205, 5241, 740, 1000, 743, 914, 5225, 7616, 7463, 7694, 7460, 11850, 11816, 11794, 11872,
    253, 179, 170, 174, 166, 6943, 6950, 6946, 6955, 7022, 133, 5063, 291, 297, 358, 285, 317, 7054, 7119,
    21, 0, 54, 66, 47, 41, 6850, 6838, 6784, 6805, 6825, 6831,
    422, 447, 457, 466, 7216, 7207, 7182, 7166, 7235, 492, 480, 406, 446, 470, 474, 7226, 7206, 7236, 493, 481,
)  # fmt: skip
N_CONTOUR, N_CANDIDATES = 17, 10
_CONTOUR_AXIS_Z = 0.45
_FRONT_AZIMUTH = np.radians((33, 30, 28, 26, 24, 22, 18, 10))  # how far forward the row of points 0..7 reaches


def contour_candidates(
    mesh: HeadMesh, points: Float64[np.ndarray, "vertex 3"]
) -> Int64[np.ndarray, "contour candidate"]:
    """Find rows of skin vertices at the height of each contour point, from the jaw line forward over the cheek.

    As the head turns, the visible contour of the far side moves along such a row. Point 8, the chin, stays.
    """
    number = np.full(mesh.carrier.shape[1], -1)
    number[mesh.base_ids] = np.arange(len(mesh.base_ids))
    landmarks = number[list(LANDMARKS)]
    outer = np.flatnonzero((mesh.vertex_part == PARTS.index("skin")) & (points[:, 2] > 0.3))
    azimuth = np.arctan2(abs(points[outer, 0]), points[outer, 2] - _CONTOUR_AXIS_Z)
    rows = np.repeat(landmarks[:N_CONTOUR, None], N_CANDIDATES, axis=1)
    for contour in range(N_CONTOUR):
        if contour == 8:
            continue
        start = points[landmarks[contour]]
        first = np.arctan2(abs(start[0]), start[2] - _CONTOUR_AXIS_Z)
        last = _FRONT_AZIMUTH[min(contour, 16 - contour)]
        side = points[outer, 0] * start[0] > 0
        for step, angle in enumerate(np.linspace(first, last, N_CANDIDATES)[1:], start=1):
            cost = np.where(side, (azimuth - angle) ** 2 + ((points[outer, 1] - start[1]) / 0.8) ** 2, np.inf)
            rows[contour, step] = outer[cost.argmin()]
    return rows


def landmark_vertices(mesh: HeadMesh) -> Int64[np.ndarray, " landmark"]:
    """The 68 landmarks as vertices of the head."""
    number = np.full(mesh.carrier.shape[1], -1)
    number[mesh.base_ids] = np.arange(len(mesh.base_ids))
    return number[list(LANDMARKS)]


def neckline(points: Float64[np.ndarray, "vertex 3"]) -> Float64[np.ndarray, " vertex"]:
    """Height below a round collar at the foot of the neck; positive is under the garment."""
    collar = 5.75 - 0.32 * np.clip((points[:, 2] - 0.1) / 0.8, -0.3, 1) + 0.05 * abs(points[:, 0])
    return collar - points[:, 1]
