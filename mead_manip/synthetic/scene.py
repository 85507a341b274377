"""Vertices of the head -> a picture: textured skin, eyes, mouth, brows, lashes, hair, clothes, light and background."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from jaxtyping import Float, Float32, Int32, UInt8

from mead_manip.rendering import light, shading
from mead_manip.synthetic.backgrounds import background
from mead_manip.synthetic.bust import find_skirt
from mead_manip.synthetic.looks import Look
from mead_manip.synthetic.materials import GREY_MEAN, Textures

from ..artifacts.schemas import HeadAsset
from ..models.face_model import HeadModel
from ..rendering.camera import to_screen, with_perspective
from ..rendering.conditioning import add_normals
from ..rendering.creases import compression, rest_frames
from ..rendering.rasterizer import draw_depth, empty_buffers
from ..rendering.transparency import Strands, blend_strands

SKIN, MOUTH, EYE, TOOTH, TONGUE, CLOTH = range(6)
MATERIAL_OF_PART = {
    "skin": SKIN, "mouth": MOUTH, "socket": MOUTH, "eye_left": EYE, "eye_right": EYE,
    "teeth_upper": TOOTH, "teeth_lower": TOOTH, "tongue": TONGUE, "lash_guide": SKIN,
}  # fmt: skip
OCCLUDERS = ("skin", "mouth", "socket", "eye_left", "eye_right")
REACH_DM = 2.0  # around the head's origin: what shadow maps cover
AMBIENT_DIRECTIONS = light.sphere_directions(11, lowest_z=-0.35)
PENUMBRA = 0.09  # radians between the four shadow rays of the key light
NO_STRANDS = np.zeros((1, 1, 4), np.uint8)


@dataclass(frozen=True)
class Picture:
    """A rendered frame and what it shows of the face."""

    rgb: UInt8[np.ndarray, "height width rgb=3"]
    face: Float32[np.ndarray, "height width"]  # 1 where skin, eyes or mouth of the head are seen (hair and cloth: 0)


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
        self.occluders = np.ascontiguousarray(triangles[occludes])
        self.skin_faces = np.ascontiguousarray(triangles[is_skin])
        self.garment = np.concatenate([asset.neckline, np.ones(len(self.skirt.rim))]).astype(np.float32)

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


class Scene:
    """One person in one look; `draw` is called per frame."""

    def __init__(self, kit: SceneKit, look: Look, neutral: Float[np.ndarray, "vertex xyz=3"]) -> None:
        """`neutral`: the identity's own vertices at rest, not rotated: wrinkles and hair refer to it."""
        self.kit, self.look = kit, look
        self.neutral = np.ascontiguousarray(neutral, np.float32)
        self.surface = shading.Surface(
            faces=kit.faces,
            uv=kit.uv,
            uv_faces=kit.uv_faces,
            material=kit.material,
            materials=_materials(look),
            textures=(
                kit.textures.skin(look.skin, look.skin_detail),
                kit.textures.plain(look.eyes),
                kit.textures.plain("teeth"),
                kit.textures.plain("tongue"),
            ),
        )
        self.lights = shading.Lights(look.light_directions, look.light_colours)
        self._frames = rest_frames(self.neutral, kit.skin_faces)
        self._strands, self._strand_density = _strands(kit, look)
        self._strand_light = self._rest_light_of_strands()
        self._backgrounds: dict[tuple[int, int], np.ndarray] = {}

    def draw(
        self,
        vertices: Float[np.ndarray, "vertex xyz=3"],
        camera: Float[np.ndarray, " camera=3"],
        height: int,
        width: int,
        *,
        head_pose: Float[np.ndarray, " axis_angle=3"],
        perspective: float = 0.0,
        supersample: int = 1,
    ) -> Picture:
        """Draw one frame from posed `vertices` (dm), seen by a scaled-orthographic `camera` in frame pixels.

        `perspective` bends vertices by `with_perspective`; bend the landmarks likewise. `supersample` = 2 draws four
        samples a pixel.
        """
        vertices = np.ascontiguousarray(vertices, np.float32)
        strand_vertices = self._strand_vertices(vertices, head_pose)
        whole = np.concatenate([vertices, self.kit.skirt.lower(vertices)])
        normals = _normals(whole, self.kit.faces)
        strand_normals = _rounded(strand_vertices, _normals(strand_vertices, self._strands.faces))
        vertex_light = self._vertex_light(whole, vertices, normals)

        fine = supersampled(camera, supersample)
        rows, columns = height * supersample, width * supersample
        screen = to_screen(with_perspective(whole, perspective), fine)
        strand_screen = to_screen(with_perspective(strand_vertices, perspective), fine)
        triangle, depth = empty_buffers(rows, columns)
        draw_depth(screen, self.kit.faces, True, 0, triangle, depth)
        contact = shading.contact_light(depth, float(fine[0]))
        image = self._background(rows, columns).copy()
        shading.shade(
            self.surface, self.lights, screen, normals, vertex_light, self.look.garment, triangle, contact, image
        )
        hidden = np.zeros((rows, columns), np.float32)
        strands = self._strands_at(float(fine[0]))
        strand_light = self._light_of_strands(strand_normals)
        blend_strands(strands, self.lights, strand_screen, strand_normals, strand_light, depth, image, hidden)

        rgb = shading.to_display(image, (self.look.exposure * self.look.white_balance).astype(np.float32))
        face = self._face_mask(triangle, hidden)
        if supersample > 1:
            rgb = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
            face = cv2.resize(face, (width, height), interpolation=cv2.INTER_AREA)
        return Picture(rgb=rgb, face=face)

    # ---- light per vertex ------------------------------------------------------------------------------------------

    def _vertex_light(
        self,
        whole: Float32[np.ndarray, "vertex xyz=3"],
        vertices: Float32[np.ndarray, "head xyz=3"],
        normals: Float32[np.ndarray, "vertex xyz=3"],
    ) -> Float32[np.ndarray, "vertex channel=7"]:
        look = self.look
        occlusion, shadow = self._visibility(whole, normals)
        columns = np.empty((len(whole), shading.N_VERTEX_CHANNELS), np.float32)
        ambient = np.maximum(light.harmonics(normals) @ look.ambient, 0.02)
        columns[:, :3] = ambient * occlusion[:, None]
        columns[:, shading.SHADOW] = 1.0 - look.shadow * (1.0 - shadow)
        columns[:, shading.OCCLUSION] = occlusion
        columns[:, shading.WRINKLE] = 0.0
        pressed = compression(vertices, self.kit.skin_faces, self._frames)
        columns[: len(vertices), shading.WRINKLE] = np.clip(0.8 * (pressed - 0.08), 0.0, 0.3)
        columns[:, shading.GARMENT] = self.kit.garment
        return columns

    def _visibility(
        self, whole: Float32[np.ndarray, "vertex xyz=3"], normals: Float32[np.ndarray, "vertex xyz=3"]
    ) -> tuple[Float32[np.ndarray, " vertex"], Float32[np.ndarray, " vertex"]]:
        """Ambient occlusion (0 = no light from around) and the key light's visibility."""
        occluders = self.kit.occluders
        maps = light.visibility_of(whole, occluders, AMBIENT_DIRECTIONS, reach_dm=REACH_DM, resolution=96, bias_dm=0.06)
        weight = np.maximum(AMBIENT_DIRECTIONS @ normals.T, 0.0) + 0.02
        occlusion = (weight * maps).sum(0) / weight.sum(0)
        rays = _spread(self.look.light_directions[0], PENUMBRA)
        shadow = light.visibility_of(whole, occluders, rays, reach_dm=REACH_DM, resolution=160, bias_dm=0.04).mean(0)
        return occlusion, shadow

    # ---- hair, brows, lashes -----------------------------------------------------------------------------------------

    def _strand_vertices(
        self, vertices: Float32[np.ndarray, "vertex xyz=3"], head_pose: Float[np.ndarray, " axis_angle=3"]
    ) -> Float32[np.ndarray, "strand xyz=3"]:
        names = _attachments(self.look)
        pieces = [self.kit.attachment(name, vertices, self.neutral, head_pose) for name in names]
        return np.concatenate([np.zeros((0, 3), np.float32), *pieces])

    def _rest_light_of_strands(self) -> Float32[np.ndarray, " strand"]:
        """How much ambient light reaches each strand vertex through the hair around it, once per scene."""
        rest = self._strand_vertices(self.neutral, np.zeros(3, np.float32))
        n = len(self.neutral)
        whole = np.concatenate([self.neutral, rest])
        faces = np.concatenate(
            [self.kit.occluders, self._strands.faces[self._strands.hides[self._strands.material]] + n]
        )
        around = light.sphere_directions(20)
        maps = light.visibility_of(whole, faces.astype(np.int32), around, reach_dm=3.0, resolution=96, bias_dm=0.05)
        return np.clip(1.7 * maps[:, n:].mean(0), 0.12, 1.0)

    def _light_of_strands(
        self, normals: Float32[np.ndarray, "strand xyz=3"]
    ) -> Float32[np.ndarray, "strand channel=7"]:
        columns = np.zeros((len(normals), shading.N_VERTEX_CHANNELS), np.float32)
        ambient = np.maximum(light.harmonics(normals) @ self.look.ambient, 0.02)
        columns[:, :3] = ambient * self._strand_light[:, None]
        columns[:, shading.SHADOW] = self._strand_light
        columns[:, shading.OCCLUSION] = self._strand_light
        return columns

    def _strands_at(self, scale: float) -> Strands:
        """Choose the resolution of each strand texture for a camera of `scale` px per dm."""
        textures = []
        for (name, grey), density in zip(_strand_textures(self.look), self._strand_density, strict=True):
            level = max(round(float(np.log2(max(density / scale, 1e-3)))), 0)
            textures.append(self.kit.textures.strands(name, level, grey=grey))
        padded = (*textures, NO_STRANDS, NO_STRANDS, NO_STRANDS)[:3]
        return self._strands._replace(textures=padded)

    # ---- the rest ---------------------------------------------------------------------------------------------------

    def _background(self, rows: int, columns: int) -> Float32[np.ndarray, "height width rgb=3"]:
        if (rows, columns) not in self._backgrounds:
            painted = background(self.look.background, self.look.background_seed, rows, columns)
            self._backgrounds = {(rows, columns): (painted.astype(np.float32) / 255.0) ** 2}
        return self._backgrounds[rows, columns]

    def _face_mask(
        self, triangle: Int32[np.ndarray, "height width"], hidden: Float32[np.ndarray, "height width"]
    ) -> Float32[np.ndarray, "height width"]:
        is_face = self.kit.material != CLOTH
        is_face &= self.kit.garment[self.kit.faces].max(1) <= 0
        shown = np.where(triangle >= 0, is_face[triangle], False)
        return shown * (1.0 - hidden)


def supersampled(camera: Float[np.ndarray, " camera=3"], factor: int) -> Float32[np.ndarray, " camera=3"]:
    """Camera of a frame with `factor` times as many pixels on each side (pixel centres at integers in both)."""
    scale, x_px, y_px = np.asarray(camera, np.float64)
    shift = 0.5 * (factor - 1)
    return np.array([scale * factor, x_px * factor + shift, y_px * factor + shift], np.float32)


def without_hair(look: Look) -> Look:
    """The same person, bald."""
    return replace(look, hair="")


def _normals(
    vertices: Float32[np.ndarray, "vertex xyz=3"], faces: Int32[np.ndarray, "triangle corner=3"]
) -> Float32[np.ndarray, "vertex xyz=3"]:
    normals = np.zeros((len(vertices), 3), np.float32)
    add_normals(vertices, faces, normals)
    return normals


def _rounded(
    vertices: Float32[np.ndarray, "vertex xyz=3"], normals: Float32[np.ndarray, "vertex xyz=3"]
) -> Float32[np.ndarray, "vertex xyz=3"]:
    """Turn the normals of loose strips towards the outside of the head: hair is lit as a volume, not strip by strip."""
    outward = vertices / np.maximum(np.linalg.norm(vertices, axis=1, keepdims=True), 1e-6)
    side = np.where((normals * outward).sum(1, keepdims=True) < 0, -1.0, 1.0)
    mixed = 1.2 * outward + side * normals
    return (mixed / np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-6)).astype(np.float32)


def _spread(direction: Float32[np.ndarray, " xyz=3"], angle: float) -> Float32[np.ndarray, "ray=4 xyz=3"]:
    """Four rays around a direction: an area light."""
    side = np.cross(direction, [0.0, 1.0, 0.0] if abs(direction[1]) < 0.9 else [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    up = np.cross(side, direction)
    rays = np.stack([direction + angle * (a * side + b * up) for a, b in ((1, 0.3), (-0.3, 1), (-1, -0.3), (0.3, -1))])
    return (rays / np.linalg.norm(rays, axis=1, keepdims=True)).astype(np.float32)


def _materials(look: Look) -> Float32[np.ndarray, "material channel=9"]:
    """Rows: gain rgb, gloss, sharpness, wrap rgb (light that bleeds round into the shade), texture."""
    wet = (look.eye_gain,) * 3
    rows = [
        [*look.skin_gain, look.skin_gloss, 22.0, 0.32, 0.18, 0.14, 0],
        [0.75, 0.45, 0.42, 0.05, 20.0, 0.3, 0.2, 0.2, 0],
        [*wet, 0.8, 500.0, 0.25, 0.25, 0.25, 1],
        [1.15, 1.02, 0.86, 0.12, 30.0, 0.3, 0.25, 0.25, 2],
        [0.75, 0.6, 0.6, 0.06, 25.0, 0.35, 0.2, 0.2, 3],
        [*look.garment, 0.0, 10.0, 0.2, 0.2, 0.2, 0],
    ]
    return np.array(rows, np.float32)


def _attachments(look: Look) -> list[str]:
    return [name for name in (look.brow, look.lash, look.hair) if name]


def _strand_textures(look: Look) -> list[tuple[str, bool]]:
    """Texture name and whether it is to be coloured, per strand material."""
    return [(name, name != look.lash) for name in _attachments(look)]


def _strands(kit: SceneKit, look: Look) -> tuple[Strands, list[float]]:
    """Join the look's attachments into one list of triangles; also give each one's texels per dm."""
    faces, uvs, uv_faces, material, density = [], [], [], [], []
    template = np.asarray(kit.asset.template, np.float32)
    n_vertices = n_uvs = 0
    for row, name in enumerate(_attachments(look)):
        piece = kit.asset.attachment(name)
        rest = kit.attachment(name, template, template, np.zeros(3, np.float32))
        faces.append(piece.triangles + n_vertices)
        uvs.append(piece.uvs)
        uv_faces.append(piece.uv_triangles + n_uvs)
        material.append(np.full(len(piece.triangles), row, np.uint8))
        density.append(_texel_density(rest, piece.triangles, piece.uvs, piece.uv_triangles))
        n_vertices += len(rest)
        n_uvs += len(piece.uvs)
    brow = [*look.brow_colour / GREY_MEAN, 0.0, 10.0, 0.03, look.brow_density, 0.0, 0]
    lash = [0.5, 0.5, 0.5, 0.0, 10.0, 0.02, look.lash_density, 0.0, 1]
    hair = [*look.hair_colour / GREY_MEAN, 0.25, 12.0, 0.0, 1.1, 0.0, 2]
    return (
        Strands(
            faces=np.ascontiguousarray(np.concatenate(faces), np.int32),
            uv=np.ascontiguousarray(np.concatenate(uvs), np.float32),
            uv_faces=np.ascontiguousarray(np.concatenate(uv_faces), np.int32),
            material=np.concatenate(material),
            materials=np.array([brow, lash, hair], np.float32),
            textures=(NO_STRANDS, NO_STRANDS, NO_STRANDS),
            hides=np.array([False, False, True]),
        ),
        density,
    )


def _texel_density(
    vertices: Float[np.ndarray, "vertex xyz=3"],
    faces: Int32[np.ndarray, "triangle corner=3"],
    uv: Float[np.ndarray, "texcoord uv=2"],
    uv_faces: Int32[np.ndarray, "triangle corner=3"],
    size: int = 512,
) -> float:
    """Texels per dm along the edges of a textured mesh, in the median."""
    length = np.linalg.norm(vertices[faces[:, 1]] - vertices[faces[:, 0]], axis=1)
    texels = size * np.linalg.norm(uv[uv_faces[:, 1]] - uv[uv_faces[:, 0]], axis=1)
    return float(np.median(texels / np.maximum(length, 1e-6)))
