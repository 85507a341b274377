"""Face models: the built-in head and FLAME, what faces do, and where detectors put their landmarks."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int16, Int32, Int64, UInt8

from mead_manip.artifacts.artifact import Artifact


class AttachmentMesh(NamedTuple):
    """Brows, lashes or hair: triangles over the attachment's own vertices, with their texture coordinates."""

    kind: str  # brow, lash or hair
    triangles: Int32[np.ndarray, "triangle 3"]
    uvs: Float32[np.ndarray, "texcoord 2"]
    uv_triangles: Int32[np.ndarray, "triangle 3"]


@dataclass(frozen=True)
class HeadAsset(Artifact):
    """The built-in head: shape, identity, expression units, rig, attachments, textures. synthetic.build_head ->

    Vertices are grouped by part; `skin` comes first, then `mouth` and `socket`, which share its texture. Integer bases
    times their scale are displacements in dm. `*_start` tables hold where each entry begins, and the end.
    """

    NAME = "head_asset"
    VERSION = 1
    COMPRESSED = frozenset(
        {
            "identity_basis",
            "expression_basis",
            "eyelid_arc",
            "eyelid_close",
            "eyelid_seal",
            "triangles",
            "triangle_part",
            "uvs",
            "uv_triangles",
            "attachment_refs",
            "attachment_weights",
            "attachment_offsets",
            "attachment_triangles",
            "attachment_uvs",
            "attachment_uv_triangles",
        }
    )

    template: Float32[np.ndarray, "vertex 3"]  # mean person, at rest
    identity_basis: Int16[np.ndarray, "identity vertex 3"]  # times scale: dm per standard deviation
    identity_scale: Float32[np.ndarray, " identity"]
    expression_basis: Int16[np.ndarray, "coef vertex 3"]  # times scale: dm at full strength
    expression_scale: Float32[np.ndarray, " coef"]
    eyelid_close: Float32[np.ndarray, "side=2 vertex 3"]  # left, right: dm at full closure on the mean person
    eyelid_arc: Float32[np.ndarray, "side=2 vertex 3"]  # extra at half closure: around the eyeball
    eyelid_seal: Int16[np.ndarray, "side=2 identity vertex 3"]  # change of eyelid_close per standard deviation
    eyelid_seal_scale: float
    jaw_weight: Float32[np.ndarray, " vertex"]  # 0 skull .. 1 mandible
    neck_weight: Float32[np.ndarray, " vertex"]  # 1 head .. 0 shoulders
    joints: Float32[np.ndarray, "joint=4 3"]  # jaw, left eye, right eye, neck of the mean person
    joint_basis: Float32[np.ndarray, "identity joint=4 3"]
    vertex_part: UInt8[np.ndarray, " vertex"]  # index into part_names
    triangles: Int32[np.ndarray, "triangle 3"]  # counter-clockwise seen from outside
    triangle_part: UInt8[np.ndarray, " triangle"]
    uvs: Float32[np.ndarray, "texcoord 2"]  # 0..1 of the part's texture, v down
    uv_triangles: Int32[np.ndarray, "triangle 3"]
    landmarks: Int32[np.ndarray, " landmark=68"]  # iBUG-68; points 0-16 where the head looks ahead
    contour_candidates: Int32[np.ndarray, "contour=17 candidate"]  # jaw rim first, then forward over the cheek
    neckline: Float32[np.ndarray, " vertex"]  # dm below a plain collar; positive = covered
    attachment_refs: Int32[np.ndarray, "hung 3"]  # vertices of the head
    attachment_weights: Float32[np.ndarray, "hung 3"]
    attachment_offsets: Float32[np.ndarray, "hung 3"]  # dm, head upright
    attachment_triangles: Int32[np.ndarray, "hung_triangle 3"]  # within the attachment
    attachment_uvs: Float32[np.ndarray, "hung_texcoord 2"]
    attachment_uv_triangles: Int32[np.ndarray, "hung_triangle 3"]  # within the attachment
    attachment_vertex_start: Int64[np.ndarray, "attachment+1"]
    attachment_triangle_start: Int64[np.ndarray, "attachment+1"]
    attachment_uv_start: Int64[np.ndarray, "attachment+1"]
    attachment_kind: UInt8[np.ndarray, " attachment"]  # index into attachment_kinds
    texture_bytes: UInt8[np.ndarray, " byte"]  # WebP pictures, one after another
    texture_start: Int64[np.ndarray, " texture_boundary"]  # one more than there are textures
    anchor_mean: Float32[np.ndarray, "anchor identity"]  # where people of each skin stand, standard deviations
    detail_factor: Float32[np.ndarray, "identity identity"]  # a person = an anchor + factor @ N(0, I)
    coef_names: tuple[str, ...]
    part_names: tuple[str, ...]
    attachment_names: tuple[str, ...]  # also the names of their textures
    attachment_kinds: tuple[str, ...]
    texture_names: tuple[str, ...]
    anchor_names: tuple[str, ...]  # skin_<anchor name> is the texture

    def texture(self, name: str) -> bytes:
        """Give one encoded picture."""
        index = self.texture_names.index(name)
        return self.texture_bytes[self.texture_start[index] : self.texture_start[index + 1]].tobytes()

    def attachment(self, name: str) -> AttachmentMesh:
        """Give one brow, lash or hair style as a mesh of its own."""
        index = self.attachment_names.index(name)
        triangles = slice(*self.attachment_triangle_start[index : index + 2])
        uvs = slice(*self.attachment_uv_start[index : index + 2])
        return AttachmentMesh(
            kind=self.attachment_kinds[self.attachment_kind[index]],
            triangles=self.attachment_triangles[triangles],
            uvs=self.attachment_uvs[uvs],
            uv_triangles=self.attachment_uv_triangles[triangles],
        )


@dataclass(frozen=True)
class FlameAsset(Artifact):
    """FLAME (Li et al. 2017) as arrays, metres, y up, z out of the face. import-flame ->

    Joints: root, neck, jaw, left eye, right eye. What lies beside the model is optional: no row where it was not given.
    """

    NAME = "flame_asset"
    VERSION = 1

    template: Float32[np.ndarray, "vertex 3"]  # mean person, at rest
    identity_basis: Float32[np.ndarray, "identity vertex 3"]  # per standard deviation
    expression_basis: Float32[np.ndarray, "expression vertex 3"]  # per standard deviation
    pose_basis: Float32[np.ndarray, "pose_feature=36 vertex 3"]  # rotation matrices of joints 1..4 less the identity
    joint_regressor: Float32[np.ndarray, "joint=5 vertex"]
    skin_weights: Float32[np.ndarray, "vertex joint=5"]
    parents: Int32[np.ndarray, " joint=5"]  # -1 for the root
    triangles: Int32[np.ndarray, "triangle 3"]  # counter-clockwise seen from outside
    static_triangles: Int32[np.ndarray, " static"]  # iBUG-68 points 17..67
    static_weights: Float32[np.ndarray, "static 3"]
    contour_triangles: Int32[np.ndarray, "yaw contour"]  # points 0..16; rows: head yaw 0..-39, then 1..39 degrees
    contour_weights: Float32[np.ndarray, "yaw contour 3"]
    uvs: Float32[np.ndarray, "texcoord 2"]  # 0..1, v down
    uv_triangles: Int32[np.ndarray, "uv_triangle 3"]
    detail_mask: UInt8[np.ndarray, "uv_row uv_column"]  # where DECA's wrinkles count, 0..255
    fixed_displacement: Float32[np.ndarray, "fixed_row fixed_column"]  # m along the normal, added to DECA's own
    variant: str  # 2020, 2023, 2023-open, unknown
    source_digest: str  # sha256 of the model's file


@dataclass(frozen=True)
class FacePrior(Artifact):
    """What faces do before one is seen: statistics of acted takes. synthetic.build_face_prior ->

    `face` counts expression coefficients, then jaw pose 3, then eyelids 2 (left, right; gaze included).
    """

    NAME = "face_prior"
    VERSION = 1

    mean_moment: Float32[np.ndarray, "face face"]  # second moment of the means of takes, about rest
    spread: Float32[np.ndarray, "face face"]  # covariance of frames about the mean of their take
    speed: Float32[np.ndarray, " face"]  # deviation of the change from frame to frame
    bend: Float32[np.ndarray, " face"]  # deviation of the change of that change
    fps: float  # of these frames
    identity_moment: Float32[np.ndarray, "identity identity"]  # second moment of people about the mean head
    coef_names: tuple[str, ...]


@dataclass(frozen=True)
class LandmarkConventions(Artifact):
    """Where a detector puts its landmarks, off the head's own. backends.build_conventions ->

    `face` counts as in FacePrior.
    """

    NAME = "landmark_conventions"
    VERSION = 2

    offsets: Float32[np.ndarray, "detector landmark=68 2"]  # on a face at rest: across and up, head space, dm
    response: Float32[np.ndarray, "detector landmark=68 2 face"]  # more, for every unit of what the face does
    pupil_rise: Float32[np.ndarray, " detector"]  # how far above the head's own its pupils lie, dm
    n_people: Int32[np.ndarray, " detector"]
    detectors: tuple[str, ...]  # names in the registry; "london" for points placed by hand
    coef_names: tuple[str, ...]  # of the head's expression


@dataclass(frozen=True)
class RestingFaces(Artifact):
    """What a fit finds in people who do nothing. backends.build_resting -> edit

    `coef`: opening of the jaw, then expression.
    """

    NAME = "resting_faces"
    VERSION = 1

    mean: Float32[np.ndarray, "detector coef"]
    covariance: Float32[np.ndarray, "detector coef coef"]  # between people
    n_people: Int32[np.ndarray, " detector"]
    detectors: tuple[str, ...]  # names in the registry
    coef_names: tuple[str, ...]
