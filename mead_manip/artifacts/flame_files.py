"""The files that FLAME and DECA are distributed as -> FlameAsset: pickles are read without executing anything."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int, Int32, UInt8

from mead_manip import files
from mead_manip.artifacts import pickles
from mead_manip.artifacts.schemas import FlameAsset
from mead_manip.errors import ArtifactInvalid, InputMissing

N_VERTICES, N_TRIANGLES, N_IDENTITY, N_EXPRESSION = 5023, 9976, 300, 100
N_STATIC, N_CONTOUR, N_YAW = 51, 17, 79
DISPLACEMENT_SHAPE = (256, 256)
# What an array is called in one release or another, and the shape that it has in all of them.
_ARRAYS: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
    "template": (("v_template",), (N_VERTICES, 3)),
    "triangles": (("f", "faces"), (N_TRIANGLES, 3)),
    "shapes": (("shapedirs",), (N_VERTICES, 3, N_IDENTITY + N_EXPRESSION)),
    "poses": (("posedirs",), (N_VERTICES, 3, 36)),
    "joint_regressor": (("J_regressor",), (5, N_VERTICES)),
    "skin_weights": (("weights", "lbs_weights"), (N_VERTICES, 5)),
    "parents": (("kintree_table",), (2, 5)),
}
# FLAME's tree: the neck hangs on the root, jaw and eyes on the neck.
_PARENTS = np.array([-1, 0, 1, 1, 1], np.int32)


def flame_from_files(
    model: Path,
    landmarks: Path | None = None,
    template: Path | None = None,
    detail_mask: UInt8[np.ndarray, "uv_row uv_column"] | None = None,
    displacement: Path | None = None,
) -> FlameAsset:
    """Read generic_model.pkl, and what lies beside it in DECA's data folder, and check every name, shape and index."""
    arrays = _model_arrays(model)
    shapes = np.ascontiguousarray(arrays["shapes"].astype(np.float32).transpose(2, 0, 1))
    triangles = arrays["triangles"].astype(np.int32)
    uvs, uv_triangles = _uvs(template, triangles) if template else (np.zeros((0, 2)), np.zeros((0, 3)))
    return FlameAsset(
        template=arrays["template"].astype(np.float32),
        identity_basis=shapes[:N_IDENTITY],
        expression_basis=shapes[N_IDENTITY:],
        pose_basis=np.ascontiguousarray(arrays["poses"].astype(np.float32).transpose(2, 0, 1)),
        joint_regressor=arrays["joint_regressor"].astype(np.float32),
        skin_weights=arrays["skin_weights"].astype(np.float32),
        parents=_PARENTS,
        triangles=triangles,
        **_embedding(landmarks),
        uvs=uvs.astype(np.float32),
        uv_triangles=uv_triangles.astype(np.int32),
        detail_mask=np.zeros((0, 0), np.uint8) if detail_mask is None else detail_mask,
        fixed_displacement=_displacement(displacement),
        variant=variant_of(model),
        source_digest=files.digest(model),
    )


def variant_of(path: Path) -> str:
    """Tell the release by the names of file and folder: the arrays of all have the same names and shapes."""
    names = f"{path.parent.name}/{path.name}".lower()
    if "2023" in names:
        return "2023-open" if "open" in names else "2023-no-jaw" if "no_jaw" in path.name.lower() else "2023"
    known = "2020" in names or path.name in ("generic_model.pkl", "male_model.pkl", "female_model.pkl")
    return "2020" if known else "unknown"


# ---- below: one file each ------------------------------------------------------------------------------------------


def _model_arrays(path: Path) -> dict[str, np.ndarray]:
    found = pickles.read_pickle(path)
    if not isinstance(found, dict):
        raise ArtifactInvalid(f"{path}: a {type(found).__name__}", expected="FLAME's arrays under their names")
    arrays = {}
    for name, (aliases, shape) in _ARRAYS.items():
        known = [alias for alias in aliases if alias in found]
        if not known:
            raise ArtifactInvalid(
                f"{path}: no {aliases[0]}, only {', '.join(sorted(map(str, found))[:12])}",
                expected="a FLAME model (2020, 2023 or 2023 Open)",
            )
        arrays[name] = _checked(f"{path}: {known[0]}", found[known[0]], shape)
    parents = arrays["parents"][0, 1:].astype(np.int64)
    if (parents != _PARENTS[1:]).any():
        raise ArtifactInvalid(f"{path}: kintree_table with parents {parents.tolist()}", expected="[0, 1, 1, 1]")
    _check_indices(f"{path}: f", arrays["triangles"], N_VERTICES)
    return arrays


def _embedding(path: Path | None) -> dict[str, Any]:
    """DECA's landmark_embedding.npy: a dict of arrays and tensors. No rows without the file."""
    if path is None:
        return {
            "static_triangles": np.zeros(0, np.int32),
            "static_weights": np.zeros((0, 3), np.float32),
            "contour_triangles": np.zeros((0, 0), np.int32),
            "contour_weights": np.zeros((0, 0, 3), np.float32),
        }
    found = pickles.read_npy(path)
    if not isinstance(found, dict):
        raise ArtifactInvalid(f"{path}: a {type(found).__name__}", expected="DECA's landmark_embedding.npy")
    shapes: dict[str, tuple[int, ...]] = {
        "static_lmk_faces_idx": (N_STATIC,),
        "static_lmk_bary_coords": (N_STATIC, 3),
        "dynamic_lmk_faces_idx": (N_YAW, N_CONTOUR),
        "dynamic_lmk_bary_coords": (N_YAW, N_CONTOUR, 3),
    }
    lacking = [name for name in shapes if name not in found]
    if lacking:
        raise ArtifactInvalid(f"{path}: no {lacking[0]}", expected="DECA's landmark_embedding.npy")
    arrays = [_checked(f"{path}: {name}", found[name], shape) for name, shape in shapes.items()]
    for array in (arrays[0], arrays[2]):
        _check_indices(f"{path}: a landmark's triangle", array, N_TRIANGLES)
    return {
        "static_triangles": arrays[0].astype(np.int32),
        "static_weights": arrays[1].astype(np.float32),
        "contour_triangles": arrays[2].astype(np.int32),
        "contour_weights": arrays[3].astype(np.float32),
    }


def _displacement(path: Path | None) -> Float32[np.ndarray, "fixed_row fixed_column"]:
    if path is None:
        return np.zeros((0, 0), np.float32)
    return _checked(f"{path}: displacement", pickles.read_npy(path), DISPLACEMENT_SHAPE).astype(np.float32)


def _uvs(path: Path, triangles: Int32[np.ndarray, "triangle 3"]) -> tuple[np.ndarray, np.ndarray]:
    """Texture coordinates of head_template.obj, and which of them every corner of the model's triangles has."""
    uvs, faces, uv_faces = _read_obj(path)
    _check_indices(f"{path}: a texture index", uv_faces, len(uvs))
    if faces.shape != triangles.shape or (faces != triangles).any():
        faces, uv_faces = _reordered(path, faces, uv_faces, triangles)
    return uvs * [1, -1] + [0, 1], uv_faces  # v up in the file


def _read_obj(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Texture coordinates, and the vertices and texture coordinates of triangles."""
    uvs, corners = [], []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            word, *parts = line.split() or [""]
            if word == "vt":
                uvs.append([float(part) for part in parts[:2]])
            elif word == "f":
                corners.append([[int(number) for number in part.split("/")[:2]] for part in parts])
        faces = np.array(corners, np.int64) - 1
        if faces.ndim != 3 or faces.shape[1:] != (3, 2):
            raise ValueError("faces that are no triangles with texture coordinates")
        return np.array(uvs, np.float64).reshape(-1, 2), faces[..., 0], faces[..., 1]
    except OSError as error:
        raise InputMissing(f"cannot read {path}: {error.strerror or error}", expected="a readable file") from error
    except ValueError as error:
        raise ArtifactInvalid(f"{path}: {error}", expected="FLAME's head_template.obj") from error


def _reordered(
    path: Path,
    faces: Int[np.ndarray, "face 3"],
    uv_faces: Int[np.ndarray, "face 3"],
    triangles: Int32[np.ndarray, "triangle 3"],
) -> tuple[np.ndarray, np.ndarray]:
    """Bring the file's faces into the order of the model's triangles, corner by corner."""

    def canonical(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        first = corners.argmin(axis=1)
        turned = (first[:, None] + np.arange(3)) % 3
        return np.take_along_axis(corners, turned, axis=1), turned

    known, turned = canonical(faces)
    uv_known = np.take_along_axis(uv_faces, turned, axis=1)
    row_of = {tuple(face): row for row, face in enumerate(known.tolist())}
    wanted, turns = canonical(triangles)
    rows = [row_of.get(tuple(face), -1) for face in wanted.tolist()]
    if -1 in rows:
        raise ArtifactInvalid(f"{path}: other triangles than the model's", expected="FLAME's head_template.obj")
    ordered = np.empty_like(uv_known[rows])
    np.put_along_axis(ordered, turns, uv_known[rows], axis=1)
    return triangles, ordered


def _checked(name: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind not in "iuf" or array.shape != shape:
        raise ArtifactInvalid(f"{name}: {array.dtype} with shape {array.shape}", expected=f"numbers of shape {shape}")
    if not np.isfinite(array).all():
        raise ArtifactInvalid(f"{name}: not all finite", expected="numbers")
    return array


def _check_indices(name: str, indices: np.ndarray, count: int) -> None:
    if indices.size and (indices.min() < 0 or indices.max() >= count):
        raise ArtifactInvalid(f"{name}: {indices.min()}..{indices.max()}", expected=f"0..{count - 1}")
