"""Files of FLAME's and DECA's layout and sizes, made of nothing of theirs: an egg that has a jaw, eyes and noise.

Import inside a test or fixture. Nothing here looks like anybody; what counts are names, shapes, types and conventions.
"""

import contextlib
import pickle
import sys
import types
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

N_VERTICES, N_TRIANGLES, N_UVS = 5023, 9976, 5118
ROWS, COLUMNS = 70, 70  # of the egg; two poles and two eyeballs come after it
EYE = 25  # vertices of one eyeball: half a ball, open at the back
RADII = np.array([0.075, 0.11, 0.095])  # m


@cache
def arrays() -> dict[str, np.ndarray]:
    """FLAME's arrays under the names of its pickle, float64 and uint32 as there."""
    rng = np.random.default_rng(0)
    vertices, triangles = _mesh()
    shapes = np.stack([_wobble(rng, vertices, 0.003 * 0.98**k) for k in range(400)], axis=2)
    shapes[..., 300:] *= (vertices[:, 2:] > 0)[..., None]
    weights = _weights(vertices)
    regressor = np.zeros((5, N_VERTICES))
    for joint, place in enumerate([[0, -0.1, -0.03], [0, -0.06, -0.03], [0, -0.02, 0.02], *_eyes()]):
        nearest = np.argsort(np.linalg.norm(vertices - place, axis=1))[:6]
        regressor[joint, nearest] = 1 / 6
    return {
        "v_template": vertices,
        "f": triangles.astype(np.uint32),
        "shapedirs": shapes,
        "posedirs": rng.normal(0, 2e-4, (N_VERTICES, 3, 36)),
        "J_regressor": regressor,
        "weights": weights,
        "kintree_table": np.array([[4294967295, 0, 1, 1, 1], [0, 1, 2, 3, 4]], np.uint32),
        "J": regressor @ vertices,
        "bs_style": np.array("lbs"),
        "bs_type": np.array("lrotmin"),
    }


@cache
def embedding() -> dict[str, np.ndarray]:
    """DECA's landmark embedding: iBUG's face, seen from in front, on the egg."""
    vertices, triangles = arrays()["v_template"], arrays()["f"].astype(int)
    layout = landmark_layout()
    rng = np.random.default_rng(1)
    owner = {int(corner): face for face, triangle in enumerate(triangles) for corner in triangle[::-1]}

    def nearest(points: np.ndarray) -> np.ndarray:
        front = np.flatnonzero(vertices[: 5000 - 2 * EYE, 2] > -0.02)
        distance = ((points[:, None] - vertices[None, front, :2]) ** 2).sum(2) - 0.01 * vertices[front, 2]
        return np.array([owner[int(front[index])] for index in distance.argmin(1)])

    yaw = np.concatenate([np.arange(0, -40, -1), np.arange(1, 40)])
    contour = np.stack([nearest(layout[:17] + np.array([0.0004 * degrees, 0])) for degrees in yaw])
    static = nearest(layout[17:])
    return {
        "static_lmk_faces_idx": static.astype(np.uint32),
        "static_lmk_bary_coords": rng.dirichlet([1, 1, 1], 51),
        "dynamic_lmk_faces_idx": contour,
        "dynamic_lmk_bary_coords": rng.dirichlet([1, 1, 1], (79, 17)),
        "full_lmk_faces_idx": np.concatenate([contour[0], static])[None],
        "full_lmk_bary_coords": rng.dirichlet([1, 1, 1], (1, 68)),
    }


def write_model(path: Path, *, protocol: int = 2, chumpy: bool = True, **changes: Any) -> Path:
    """Write a generic_model.pkl: sparse regressor, and chumpy arrays as FLAME 2020 has them."""
    import scipy.sparse

    given = {**arrays(), **changes}
    given["J_regressor"] = scipy.sparse.csc_matrix(given["J_regressor"])
    with stand_in_for_chumpy() as array_class:
        if chumpy:
            for name in ("v_template", "shapedirs", "posedirs", "weights"):
                given[name] = array_class(given[name])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(given, protocol=protocol))
    return path


def write_embedding(path: Path) -> Path:
    """Write a landmark_embedding.npy: the tables of the contour are tensors, as in DECA's."""
    import torch

    tables = {name: torch.from_numpy(array) for name, array in embedding().items() if name.startswith("dynamic")}
    np.save(path, {**embedding(), **tables}, allow_pickle=True)
    return path


def write_template(path: Path, order: np.ndarray | None = None) -> Path:
    """Write a head_template.obj: 5118 texture coordinates, the seam's being two for one vertex."""
    vertices, triangles = arrays()["v_template"], arrays()["f"].astype(int)
    uvs, uv_triangles = texture()
    lines = [f"v {x} {y} {z}" for x, y, z in vertices] + [f"vt {u} {v}" for u, v in uvs]
    order = np.arange(N_TRIANGLES) if order is None else order
    for face, uv_face in zip(triangles[order] + 1, uv_triangles[order] + 1, strict=True):
        lines.append("f " + " ".join(f"{corner}/{uv}" for corner, uv in zip(face, uv_face, strict=True)))
    path.write_text("\n".join(["# made by a test", *lines]) + "\n")
    return path


@cache
def texture() -> tuple[np.ndarray, np.ndarray]:
    """Texture coordinates with v up, and those of the corners of every triangle: the egg unrolled, seam at the back."""
    vertices, triangles = arrays()["v_template"], arrays()["f"].astype(int)
    first = np.arange(ROWS) * COLUMNS  # the first column closes the seam on the far side
    u = (np.arctan2(vertices[:, 0], vertices[:, 2]) / (2 * np.pi) + 0.5).clip(0, 1)
    u[first] = 0.0
    v = (vertices[:, 1] / (2 * RADII[1]) + 0.5).clip(0, 1)
    uvs = np.concatenate([np.stack([u, v], 1), np.zeros((N_UVS - N_VERTICES, 2))])
    uvs[N_VERTICES : N_VERTICES + ROWS] = np.stack([np.ones(ROWS), v[first]], 1)
    in_seam = (np.ptp(u[triangles], axis=1) > 0.6)[:, None] & np.isin(triangles, first)
    return uvs, np.where(in_seam, N_VERTICES + triangles // COLUMNS, triangles)


@contextlib.contextmanager
def stand_in_for_chumpy() -> Iterator[type]:
    """A class that pickles as chumpy.ch.Ch does: an instance whose dictionary holds the numbers as x."""
    module = types.ModuleType("chumpy.ch")

    class Ch:
        def __init__(self, x: np.ndarray) -> None:
            self.x, self._dirty_vars, self._itr = x, set(), None

    Ch.__module__, Ch.__qualname__, module.Ch = "chumpy.ch", "Ch", Ch
    before = {name: sys.modules.get(name) for name in ("chumpy", "chumpy.ch")}
    sys.modules.update(dict.fromkeys(before, module))
    try:
        yield Ch
    finally:
        for name, kept in before.items():
            if kept is None:
                del sys.modules[name]
            else:
                sys.modules[name] = kept


def asset(**changes: Any) -> Any:
    """The same as a FlameAsset, without going through files."""
    from mead_manip.artifacts.schemas import FlameAsset

    found, points = arrays(), embedding()
    uvs, uv_triangles = texture()
    shapes = np.ascontiguousarray(found["shapedirs"].astype(np.float32).transpose(2, 0, 1))
    values = {
        "template": found["v_template"].astype(np.float32),
        "identity_basis": shapes[:300],
        "expression_basis": shapes[300:],
        "pose_basis": np.ascontiguousarray(found["posedirs"].astype(np.float32).transpose(2, 0, 1)),
        "joint_regressor": found["J_regressor"].astype(np.float32),
        "skin_weights": found["weights"].astype(np.float32),
        "parents": np.array([-1, 0, 1, 1, 1], np.int32),
        "triangles": found["f"].astype(np.int32),
        "static_triangles": points["static_lmk_faces_idx"].astype(np.int32),
        "static_weights": points["static_lmk_bary_coords"].astype(np.float32),
        "contour_triangles": points["dynamic_lmk_faces_idx"].astype(np.int32),
        "contour_weights": points["dynamic_lmk_bary_coords"].astype(np.float32),
        "uvs": (uvs * [1, -1] + [0, 1]).astype(np.float32),
        "uv_triangles": uv_triangles.astype(np.int32),
        "detail_mask": np.full((256, 256), 255, np.uint8),
        "fixed_displacement": np.zeros((256, 256), np.float32),
        "variant": "2020",
        "source_digest": "0" * 64,
    }
    return FlameAsset(**{**values, **changes})


def checkpoint(seed: int = 0, scale: float = 9.0) -> dict[str, Any]:
    """What deca_model.tar holds, random: codes near zero, a face of about the crop's size."""
    import torch

    from mead_manip.models.deca import NETWORKS, Deca

    rng = torch.Generator().manual_seed(seed)
    with torch.device("meta"):
        deca = Deca()
    deca.to_empty(device="cpu")
    deca.E_detail.encoder = deca.E_flame.encoder  # half the work and half the file
    for name, value in deca.state_dict().items():
        if name.endswith(("running_var", "bn.weight")) or (value.ndim == 1 and name.endswith("weight")):
            value.fill_(1.0)
        elif value.ndim < 2:
            value.zero_()
        else:
            value.uniform_(-1, 1, generator=rng).mul_((3 / value[0].numel()) ** 0.5)
    for network in (deca.E_flame, deca.E_detail):
        network.layers[2].weight.data.mul_(0.2)
    deca.E_flame.layers[2].bias.data[206:209] = torch.tensor([scale, 0.0, 0.0])
    return {name: getattr(deca, name).state_dict() for name in NETWORKS}


def landmark_layout() -> np.ndarray:
    """68 points of a face seen from in front, m, y up, the subject's right first: a drawing, nobody's measure."""

    def arc(x: float, y: float, wide: float, high: float, first: float, last: float, count: int) -> list[list[float]]:
        turn = np.deg2rad(np.linspace(first, last, count))
        return np.stack([x + wide * np.cos(turn), y + high * np.sin(turn)], axis=1).tolist()

    jaw = arc(0, 0.03, 0.066, 0.095, 180, 360, 17)
    brows = arc(-0.034, 0.045, 0.018, 0.01, 170, 10, 5) + arc(0.034, 0.045, 0.018, 0.01, 170, 10, 5)
    nose = [[0, y] for y in np.linspace(0.03, 0.0, 4)] + [[x, -0.01] for x in np.linspace(-0.012, 0.012, 5)]
    eyes = arc(-0.031, 0.03, 0.013, 0.007, 180, -120, 6) + arc(0.031, 0.03, 0.013, 0.007, 180, -120, 6)
    lips = arc(0, -0.032, 0.024, 0.011, 180, -150, 12) + arc(0, -0.032, 0.018, 0.004, 180, -135, 8)
    return np.array([*jaw, *brows, *nose, *eyes, *lips])


# ---- below: the egg ------------------------------------------------------------------------------------------------


def _eyes() -> np.ndarray:
    return np.array([[0.031, 0.03, 0.075], [-0.031, 0.03, 0.075]])


def _mesh() -> tuple[np.ndarray, np.ndarray]:
    polar = np.pi * (np.arange(ROWS) + 1) / (ROWS + 1)
    around = 2 * np.pi * np.arange(COLUMNS) / COLUMNS + np.pi  # the first column is at the back
    p, a = np.meshgrid(polar, around, indexing="ij")
    egg = np.stack([np.sin(p) * np.sin(a), np.cos(p), np.sin(p) * np.cos(a)], axis=-1).reshape(-1, 3) * RADII
    nose = np.exp(-((egg[:, 0] / 0.012) ** 2) - ((egg[:, 1] / 0.02) ** 2)) * (egg[:, 2] > 0)
    egg[:, 2] += 0.02 * nose
    poles = np.array([[0, RADII[1], 0], [0, -RADII[1], 0]])
    k = np.arange(ROWS * COLUMNS)
    right = k - k % COLUMNS + (k + 1) % COLUMNS
    upper, upper_right = k[:-COLUMNS], right[:-COLUMNS]
    sides = [np.stack([upper, upper + COLUMNS, upper_right + COLUMNS], 1)]
    sides += [np.stack([upper, upper_right + COLUMNS, upper_right], 1)]
    first, last = np.arange(COLUMNS), (ROWS - 1) * COLUMNS + np.arange(COLUMNS)
    caps = [np.stack([first, np.roll(first, -1), np.full(COLUMNS, len(egg))], 1)]
    caps += [np.stack([np.roll(last, -1), last, np.full(COLUMNS, len(egg) + 1)], 1)]
    vertices, triangles = [egg, poles], [*sides, *caps]
    for eye in _eyes():
        start = sum(len(part) for part in vertices)
        ball, faces = _eyeball()
        vertices.append(eye + ball)
        triangles.append(start + faces)
    missing = N_VERTICES - sum(len(part) for part in vertices)
    vertices.append(np.tile([0.0, 0.0, -0.05], (missing, 1)))
    faces = np.concatenate(triangles)
    return np.concatenate(vertices), np.concatenate([faces, np.zeros((N_TRIANGLES - len(faces), 3), int)])


def _eyeball() -> tuple[np.ndarray, np.ndarray]:
    around = 2 * np.pi * np.arange(8) / 8
    rings = [0.012 * np.stack([np.sin(t) * np.cos(around), np.sin(t) * np.sin(around), np.cos(t) + 0 * around], 1)
             for t in (0.5, 1.0, 1.5)]  # fmt: skip
    k = np.arange(16)
    right = k - k % 8 + (k + 1) % 8
    faces = [np.stack([k, k + 8, right + 8], 1), np.stack([k, right + 8, right], 1)]
    faces.append(np.stack([np.full(8, 24), np.arange(8), (np.arange(8) + 1) % 8], 1))
    return np.concatenate([*rings, [[0, 0, 0.012]]]), np.concatenate(faces)


def _wobble(rng: np.random.Generator, vertices: np.ndarray, size: float) -> np.ndarray:
    waves = rng.normal(0, 25, (3, 3))
    return size * np.sin(vertices @ waves + rng.uniform(0, 6, 3)) * rng.normal(0, 1, 3)


def _weights(vertices: np.ndarray) -> np.ndarray:
    """Root below, neck the rest, the jaw low in front, an eyeball its eye."""
    x, y, z = vertices.T
    jaw = ((-0.02 - y) / 0.03).clip(0, 1) * (z / 0.04).clip(0, 1)
    root = ((-0.08 - y) / 0.02).clip(0, 1) * (1 - jaw)
    weights = np.stack([root, 1 - root - jaw, jaw, 0 * x, 0 * x], axis=1)
    first = ROWS * COLUMNS + 2
    weights[first : first + 2 * EYE] = 0
    weights[first : first + EYE, 3] = weights[first + EYE : first + 2 * EYE, 4] = 1
    return weights
