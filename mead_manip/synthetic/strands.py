"""Hair, brows, lashes and glasses of one person: where they are, how light reaches them, how finely they are drawn."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32, Int32

from mead_manip.rendering import light, shading
from mead_manip.rendering.conditioning import vertex_normals
from mead_manip.rendering.transparency import Strands
from mead_manip.synthetic.glasses import build_glasses, glasses_texture
from mead_manip.synthetic.looks import Look
from mead_manip.synthetic.materials import GREY_MEAN
from mead_manip.synthetic.scene_kit import SceneKit

NO_TEXTURE = np.zeros((1, 1, 4), np.uint8)
TEXTURE_SIZE = 512
DENSE = 0.5  # mean alpha from which a triangle of hair casts a shadow
BROW, LASH, HAIR, GLASSES = range(4)  # rows of the material table
STILL = np.zeros(3, np.float32)


@dataclass(frozen=True)
class _Piece:
    """One mesh: hung on the skin by `name`, or stiff and turned with the skull."""

    row: int
    name: str
    rest: Float32[np.ndarray, "hung xyz=3"]  # on this person, head upright
    triangles: Int32[np.ndarray, "triangle corner=3"]
    uvs: Float32[np.ndarray, "texcoord uv=2"]
    uv_triangles: Int32[np.ndarray, "triangle corner=3"]

    @property
    def stiff(self) -> bool:
        return self.row in (HAIR, GLASSES)

    def texels_per_dm(self) -> float:
        """Measure the texture along the triangles' first edges, in the median."""
        length = np.linalg.norm(self.rest[self.triangles[:, 1]] - self.rest[self.triangles[:, 0]], axis=1)
        step = np.linalg.norm(self.uvs[self.uv_triangles[:, 1]] - self.uvs[self.uv_triangles[:, 0]], axis=1)
        return float(np.median(TEXTURE_SIZE * step / np.maximum(length, 1e-6)))


class PersonStrands:
    """What a look hangs on the head, joined into one list of triangles."""

    def __init__(self, kit: SceneKit, look: Look, neutral: Float32[np.ndarray, "vertex xyz=3"]) -> None:
        self._kit, self._look, self._neutral = kit, look, neutral
        self._pieces = _pieces(kit, look, neutral)
        self._texels_per_dm = [piece.texels_per_dm() for piece in self._pieces]
        self._strands = _join(self._pieces, look)
        self.faces: Int32[np.ndarray, "triangle corner=3"] = self._strands.faces
        self.shadow_casters = self._dense_triangles()
        self._reached = self._rest_light()

    def positions(
        self, vertices: Float32[np.ndarray, "vertex xyz=3"], head_pose: Float[np.ndarray, " axis_angle=3"]
    ) -> Float32[np.ndarray, "strand xyz=3"]:
        """Place every strand vertex on a posed head."""
        turn = cv2.Rodrigues(np.asarray(head_pose, np.float64))[0].astype(np.float32)
        placed = [np.zeros((0, 3), np.float32)]
        for piece in self._pieces:
            if piece.stiff:
                placed.append(piece.rest @ turn.T)
            else:
                placed.append(self._kit.attachment(piece.name, vertices, self._neutral, head_pose))
        return np.concatenate(placed)

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
        textures = [NO_TEXTURE] * 4
        for piece, density in zip(self._pieces, self._texels_per_dm, strict=True):
            if piece.row == GLASSES and self._look.glasses is not None:
                textures[GLASSES] = glasses_texture(self._look.glasses)
            else:
                level = max(round(float(np.log2(max(density / px_per_dm, 1e-3)))), 0)
                textures[piece.row] = self._kit.textures.strands(piece.name, level, grey=piece.row != LASH)
        return self._strands._replace(textures=tuple(textures))

    def _dense_triangles(self) -> Int32[np.ndarray, "triangle corner=3"]:
        """Triangles of hair that are mostly opaque, and the frame of glasses: they cast shadows."""
        material = self._strands.material
        dense = material == GLASSES
        if self._look.glasses is not None:  # not the lenses
            dense &= self._strands.uv[self._strands.uv_faces[:, 0], 0] < 0.5
        if self._look.hair:
            alpha = self._kit.textures.strands(self._look.hair, 3, grey=True)[..., 3]
            middle = self._strands.uv[self._strands.uv_faces].mean(1) % 1.0
            column, row = (middle * alpha.shape[::-1]).astype(np.int64).T
            dense |= (material == HAIR) & (alpha[row, column] > DENSE * 255)
        return np.ascontiguousarray(self._strands.faces[dense])

    def _rest_light(self) -> Float32[np.ndarray, " strand"]:
        """How much light from around reaches each strand vertex past head and hair."""
        rest = self.positions(self._neutral, STILL)
        n = len(self._neutral)
        faces = np.concatenate([self._kit.occluders, self.shadow_casters + n])
        around = light.sphere_directions(20)
        everything = np.concatenate([self._neutral, rest])
        maps = light.visibility_of(everything, faces, around, reach_dm=3.0, resolution=96, bias_dm=0.05)
        return np.clip(1.7 * maps[:, n:].mean(0), 0.12, 1.0)


def _pieces(kit: SceneKit, look: Look, neutral: Float32[np.ndarray, "vertex xyz=3"]) -> list[_Piece]:
    pieces = []
    for row, name in enumerate((look.brow, look.lash, look.hair)):
        if name:
            mesh, rest = kit.asset.attachment(name), kit.attachment(name, neutral, neutral, STILL)
            pieces.append(_Piece(row, name, rest, mesh.triangles, mesh.uvs, mesh.uv_triangles))
    if look.glasses is not None:
        made = build_glasses(look.glasses, neutral[kit.asset.landmarks])
        pieces.append(_Piece(GLASSES, "glasses", made.vertices, made.triangles, made.uvs, made.uv_triangles))
    return pieces


def _join(pieces: list[_Piece], look: Look) -> Strands:
    faces, uv_faces = [np.zeros((0, 3), np.int32)], [np.zeros((0, 3), np.int32)]
    uvs, material = [np.zeros((0, 2), np.float32)], [np.zeros(0, np.uint8)]
    n_vertices = n_uvs = 0
    for piece in pieces:
        faces.append(piece.triangles + n_vertices)
        uvs.append(piece.uvs)
        uv_faces.append(piece.uv_triangles + n_uvs)
        material.append(np.full(len(piece.triangles), piece.row, np.uint8))
        n_vertices += len(piece.rest)
        n_uvs += len(piece.uvs)
    return Strands(
        faces=np.ascontiguousarray(np.concatenate(faces), np.int32),
        uv=np.ascontiguousarray(np.concatenate(uvs), np.float32),
        uv_faces=np.ascontiguousarray(np.concatenate(uv_faces), np.int32),
        material=np.concatenate(material),
        materials=_materials(look),
        textures=(NO_TEXTURE,) * 4,
        hides=np.array([False, False, True, False]),
    )


def _materials(look: Look) -> Float32[np.ndarray, "material channel=10"]:
    """Rows: gain rgb, gloss, sharpness, depth bias (dm), density (of alpha), unused, texture, unused."""
    brow = [*look.brow_colour / GREY_MEAN, 0.0, 10.0, 0.03, look.brow_density, 0.0, BROW, 1.0]
    lash = [0.5, 0.5, 0.5, 0.0, 10.0, 0.02, look.lash_density, 0.0, LASH, 1.0]
    hair = [*look.hair_colour / GREY_MEAN, 0.25, 12.0, 0.05, 1.1, 0.0, HAIR, 1.0]
    glasses = [1.0, 1.0, 1.0, 0.4, 60.0, 0.0, 1.0, 0.0, GLASSES, 1.0]
    return np.array([brow, lash, hair, glasses], np.float32)
