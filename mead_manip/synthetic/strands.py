"""Hair, brows and lashes of one person: where they are, how light reaches them, how finely they are drawn."""

import cv2
import numpy as np
from jaxtyping import Float, Float32, Int32

from mead_manip.rendering import light, shading
from mead_manip.rendering.conditioning import vertex_normals
from mead_manip.rendering.transparency import Strands
from mead_manip.synthetic.looks import Look
from mead_manip.synthetic.materials import GREY_MEAN
from mead_manip.synthetic.scene_kit import SceneKit

NO_TEXTURE = np.zeros((1, 1, 4), np.uint8)
TEXTURE_SIZE = 512
DENSE = 0.5  # mean alpha from which a triangle of hair casts a shadow
BROW, LASH, HAIR = range(3)
STILL = np.zeros(3, np.float32)


class PersonStrands:
    """The attachments that a look asks for, joined into one list of triangles."""

    def __init__(self, kit: SceneKit, look: Look, neutral: Float32[np.ndarray, "vertex xyz=3"]) -> None:
        self._kit, self._look, self._neutral = kit, look, neutral
        self._names = [(row, name) for row, name in enumerate((look.brow, look.lash, look.hair)) if name]
        self._rest = {name: kit.attachment(name, neutral, neutral, STILL) for _, name in self._names}
        self._strands = self._join()
        self.faces: Int32[np.ndarray, "triangle corner=3"] = self._strands.faces
        self._texels_per_dm = self._measure_textures()
        self.shadow_casters = self._dense_hair()
        self._reached = self._rest_light()

    def positions(
        self, vertices: Float32[np.ndarray, "vertex xyz=3"], head_pose: Float[np.ndarray, " axis_angle=3"]
    ) -> Float32[np.ndarray, "strand xyz=3"]:
        """Place every strand vertex on a posed head."""
        pieces = [np.zeros((0, 3), np.float32)]
        for row, name in self._names:
            if row == HAIR:  # stiff: it follows the skull
                turn = cv2.Rodrigues(np.asarray(head_pose, np.float64))[0].astype(np.float32)
                pieces.append(self._rest[name] @ turn.T)
            else:
                pieces.append(self._kit.attachment(name, vertices, self._neutral, head_pose))
        return np.concatenate(pieces)

    def normals(self, positions: Float32[np.ndarray, "strand xyz=3"]) -> Float32[np.ndarray, "strand xyz=3"]:
        """Turn normals of loose strips towards the outside of the head: hair is lit as a volume, not strip by strip."""
        own = vertex_normals(positions, self.faces)
        outward = positions / np.maximum(np.linalg.norm(positions, axis=1, keepdims=True), np.float32(1e-6))
        side = np.where((own * outward).sum(1, keepdims=True) < 0, -1.0, 1.0).astype(np.float32)
        mixed = np.float32(1.2) * outward + side * own
        return mixed / np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), np.float32(1e-6))

    def light(self, normals: Float32[np.ndarray, "strand xyz=3"]) -> Float32[np.ndarray, "strand channel=7"]:
        """Fill the columns of `shading` for the strands: what gets through the hair at rest, whatever the pose."""
        columns = np.zeros((len(normals), shading.N_VERTEX_CHANNELS), np.float32)
        ambient = np.maximum(light.harmonics(normals) @ self._look.ambient, 0.02)
        columns[:, :3] = ambient * self._reached[:, None]
        columns[:, shading.SHADOW] = self._reached
        columns[:, shading.OCCLUSION] = self._reached
        return columns

    def at_scale(self, px_per_dm: float) -> Strands:
        """Choose the resolution of each texture, so that about one texel falls on a pixel."""
        textures = [NO_TEXTURE] * 3
        for (row, name), density in zip(self._names, self._texels_per_dm, strict=True):
            level = max(round(float(np.log2(max(density / px_per_dm, 1e-3)))), 0)
            textures[row] = self._kit.textures.strands(name, level, grey=row != LASH)
        return self._strands._replace(textures=(textures[0], textures[1], textures[2]))

    def _join(self) -> Strands:
        faces, uv_faces = [np.zeros((0, 3), np.int32)], [np.zeros((0, 3), np.int32)]
        uvs, material = [np.zeros((0, 2), np.float32)], [np.zeros(0, np.uint8)]
        n_vertices = n_uvs = 0
        for row, name in self._names:
            piece = self._kit.asset.attachment(name)
            faces.append(piece.triangles + n_vertices)
            uvs.append(piece.uvs)
            uv_faces.append(piece.uv_triangles + n_uvs)
            material.append(np.full(len(piece.triangles), row, np.uint8))
            n_vertices += len(self._rest[name])
            n_uvs += len(piece.uvs)
        return Strands(
            faces=np.ascontiguousarray(np.concatenate(faces), np.int32),
            uv=np.ascontiguousarray(np.concatenate(uvs), np.float32),
            uv_faces=np.ascontiguousarray(np.concatenate(uv_faces), np.int32),
            material=np.concatenate(material),
            materials=_materials(self._look),
            textures=(NO_TEXTURE, NO_TEXTURE, NO_TEXTURE),
            hides=np.array([False, False, True]),
        )

    def _measure_textures(self) -> list[float]:
        """Texels per dm of each attachment, in the median over its triangles' first edges."""
        densities = []
        for _, name in self._names:
            piece, rest = self._kit.asset.attachment(name), self._rest[name]
            length = np.linalg.norm(rest[piece.triangles[:, 1]] - rest[piece.triangles[:, 0]], axis=1)
            step = np.linalg.norm(piece.uvs[piece.uv_triangles[:, 1]] - piece.uvs[piece.uv_triangles[:, 0]], axis=1)
            densities.append(float(np.median(TEXTURE_SIZE * step / np.maximum(length, 1e-6))))
        return densities

    def _dense_hair(self) -> Int32[np.ndarray, "triangle corner=3"]:
        """Triangles of hair that are mostly opaque."""
        if not self._look.hair:
            return np.zeros((0, 3), np.int32)
        alpha = self._kit.textures.strands(self._look.hair, 3, grey=True)[..., 3]
        is_hair = self._strands.material == HAIR
        middle = self._strands.uv[self._strands.uv_faces[is_hair]].mean(1) % 1.0
        column, row = (middle * alpha.shape[::-1]).astype(np.int64).T
        return np.ascontiguousarray(self._strands.faces[is_hair][alpha[row, column] > DENSE * 255])

    def _rest_light(self) -> Float32[np.ndarray, " strand"]:
        """How much light from around reaches each strand vertex past head and hair."""
        rest = self.positions(self._neutral, STILL)
        n = len(self._neutral)
        faces = np.concatenate([self._kit.occluders, self.shadow_casters + n])
        around = light.sphere_directions(20)
        everything = np.concatenate([self._neutral, rest])
        maps = light.visibility_of(everything, faces, around, reach_dm=3.0, resolution=96, bias_dm=0.05)
        return np.clip(1.7 * maps[:, n:].mean(0), 0.12, 1.0)


def _materials(look: Look) -> Float32[np.ndarray, "material channel=10"]:
    """Rows: gain rgb, gloss, sharpness, depth bias (dm), density (of alpha), unused, texture, unused."""
    brow = [*look.brow_colour / GREY_MEAN, 0.0, 10.0, 0.03, look.brow_density, 0.0, BROW, 1.0]
    lash = [0.5, 0.5, 0.5, 0.0, 10.0, 0.02, look.lash_density, 0.0, LASH, 1.0]
    hair = [*look.hair_colour / GREY_MEAN, 0.25, 12.0, 0.05, 1.1, 0.0, HAIR, 1.0]
    return np.array([brow, lash, hair], np.float32)
