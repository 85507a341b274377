"""What all scenes of one head asset share: topology, materials of the parts, the texture cache."""

import functools

import numpy as np
import torch
from jaxtyping import Float, Float32, Int32, UInt8

from mead_manip.artifacts.schemas import HeadAsset
from mead_manip.models.face_model import HeadModel
from mead_manip.synthetic.beard import BeardMaps
from mead_manip.synthetic.bust import find_skirt
from mead_manip.synthetic.materials import Textures
from mead_manip.synthetic.wrinkles import wrinkle_map

SKIN, MOUTH, EYE, TOOTH, TONGUE, CLOTH = range(6)
MATERIAL_OF_PART = {
    "skin": SKIN, "mouth": MOUTH, "socket": MOUTH, "eye_left": EYE, "eye_right": EYE,
    "teeth_upper": TOOTH, "teeth_lower": TOOTH, "tongue": TONGUE, "lash_guide": SKIN,
}  # fmt: skip
OCCLUDERS = ("skin", "mouth", "socket", "eye_left", "eye_right")
SHOULDER_DM, SHOULDER_Y = 0.8, -1.2  # nothing is bare further out than this, and lower


class SceneKit:
    """What all scenes of one head asset share: topology and the texture cache."""

    def __init__(self, asset: HeadAsset, model: HeadModel) -> None:
        self.asset, self.model = asset, model
        self.textures = Textures(asset)
        parts = np.array([MATERIAL_OF_PART[name] for name in asset.part_names], np.uint8)
        triangles = asset.triangles.astype(np.int32)
        is_skin = np.array([name == "skin" for name in asset.part_names])[asset.triangle_part]
        occludes = np.array([name in OCCLUDERS for name in asset.part_names])[asset.triangle_part]
        template = np.asarray(asset.template, np.float32)
        self.n_vertices = len(template)
        self.skirt = find_skirt(template, triangles[is_skin], below_y=float(template[:, 1].min()) + 1.6)
        n_skirt = len(self.skirt.faces)
        self.faces: Int32[np.ndarray, "triangle corner=3"] = np.concatenate([triangles, self.skirt.faces])
        self.material = np.concatenate([parts[asset.triangle_part], np.full(n_skirt, CLOTH, np.uint8)])
        self.uv = np.ascontiguousarray(asset.uvs, np.float32)
        uv_faces = asset.uv_triangles.astype(np.int32)
        self.uv_faces = np.concatenate([uv_faces, np.repeat(uv_faces[:1], n_skirt, axis=0)])
        # Teeth, tongue and eyes sit in narrow openings, which coarse shadow maps close too early.
        self.sunken = np.zeros(self.n_vertices + len(self.skirt.rim), bool)
        self.sunken[np.unique(triangles[np.isin(parts[asset.triangle_part], (EYE, TOOTH, TONGUE))])] = True
        self.occluders = np.ascontiguousarray(triangles[occludes])
        self.skin_faces = np.ascontiguousarray(triangles[is_skin])
        shoulder = np.where(template[:, 1] < SHOULDER_Y, 3.0 * (np.abs(template[:, 0]) - SHOULDER_DM), -1.0)
        covered = np.maximum(asset.neckline, shoulder)
        self.garment = np.concatenate([covered, np.ones(len(self.skirt.rim))]).astype(np.float32)

    @functools.cached_property
    def wrinkles(self) -> UInt8[np.ndarray, "height width"]:
        """Lines that pressed skin folds into, on the skin texture."""
        return wrinkle_map(self.asset, *self._skin_size())

    @functools.cached_property
    def beards(self) -> BeardMaps:
        """Where beards grow, worked out on first use."""
        return BeardMaps(self.asset, *self._skin_size())

    def _skin_size(self) -> tuple[int, int]:
        height, width = self.textures.plain(f"skin_{self.asset.anchor_names[0]}").shape[:2]
        return height, width

    def attachment(
        self,
        name: str,
        vertices: Float32[np.ndarray, "vertex xyz=3"],
        neutral: Float32[np.ndarray, "vertex xyz=3"],
        head_pose: Float[np.ndarray, " axis_angle=3"],
    ) -> Float32[np.ndarray, "hung xyz=3"]:
        """Place one brow, lash or hair style on a posed head."""
        posed, rest = torch.from_numpy(vertices)[None], torch.from_numpy(neutral)[None]
        pose = torch.as_tensor(np.asarray(head_pose, np.float32))[None]
        return self.model.attachment(name, posed, rest, pose)[0].numpy()
