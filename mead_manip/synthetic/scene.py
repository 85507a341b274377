"""Vertices of the head -> a picture: textured skin, eyes, mouth, brows, lashes, hair, clothes, light and background."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32, Int32, UInt8

from mead_manip.rendering import light, shading
from mead_manip.rendering.camera import to_screen, with_perspective
from mead_manip.rendering.conditioning import vertex_normals
from mead_manip.rendering.creases import compression, rest_frames
from mead_manip.rendering.rasterizer import draw_depth, empty_buffers
from mead_manip.rendering.transparency import blend_strands
from mead_manip.synthetic.backgrounds import background
from mead_manip.synthetic.looks import Look
from mead_manip.synthetic.scene_kit import CLOTH, SceneKit
from mead_manip.synthetic.strands import PersonStrands

REACH_DM = 2.0  # around the head's origin: what shadow maps cover
AMBIENT_DIRECTIONS = light.sphere_directions(11, lowest_z=-0.35)
SUNKEN_LIFT = 0.5  # exponent on the ambient occlusion of teeth, tongue and eyes
PENUMBRA = 0.09  # radians between the four shadow rays of the key light


@dataclass(frozen=True)
class Picture:
    """A rendered frame and what it shows of the face."""

    rgb: UInt8[np.ndarray, "height width rgb=3"]
    face: Float32[np.ndarray, "height width"]  # 1 where skin, eyes or mouth of the head are seen (hair and cloth: 0)


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
                _skin(kit, look),
                kit.textures.plain(look.eyes),
                kit.textures.plain("teeth"),
                kit.textures.plain("tongue"),
            ),
            wrinkles=kit.wrinkles,
        )
        self.lights = shading.Lights(look.light_directions, look.light_colours)
        self._garment = kit.garment + np.float32(look.collar)
        self._frames = rest_frames(self.neutral, kit.skin_faces)
        self._strands = PersonStrands(kit, look, self.neutral)
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
        strand_vertices = self._strands.positions(vertices, head_pose)
        whole = np.concatenate([vertices, self.kit.skirt.lower(vertices)])
        normals = vertex_normals(whole, self.kit.faces)
        strand_normals = self._strands.normals(strand_vertices)
        vertex_light = self._vertex_light(whole, strand_vertices, normals)

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
        strands, strand_light = self._strands.at_scale(float(fine[0])), self._strands.light(strand_normals)
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
        strand_vertices: Float32[np.ndarray, "strand xyz=3"],
        normals: Float32[np.ndarray, "vertex xyz=3"],
    ) -> Float32[np.ndarray, "vertex channel=7"]:
        look = self.look
        occlusion, shadow = self._occlusion(whole, normals), self._shadow(whole, strand_vertices)
        sunken = self.kit.sunken
        occlusion[sunken] **= SUNKEN_LIFT
        shadow[sunken] = np.maximum(shadow[sunken], 0.7 * occlusion[sunken])
        columns = np.empty((len(whole), shading.N_VERTEX_CHANNELS), np.float32)
        ambient = np.maximum(light.harmonics(normals) @ look.ambient, 0.02)
        columns[:, :3] = ambient * occlusion[:, None]
        columns[:, shading.SHADOW] = 1.0 - look.shadow * (1.0 - shadow)
        columns[:, shading.OCCLUSION] = occlusion
        pressed = compression(whole, self.kit.skin_faces, self._frames)
        columns[:, shading.WRINKLE] = np.clip(look.wrinkles * (pressed - 0.06), 0.0, 0.3)
        columns[:, shading.GARMENT] = self._garment
        return columns

    def _occlusion(
        self, whole: Float32[np.ndarray, "vertex xyz=3"], normals: Float32[np.ndarray, "vertex xyz=3"]
    ) -> Float32[np.ndarray, " vertex"]:
        """How much of the light from around reaches each vertex: 0 deep in the mouth, 1 on the forehead."""
        maps = light.visibility_of(
            whole, self.kit.occluders, AMBIENT_DIRECTIONS, reach_dm=REACH_DM, resolution=96, bias_dm=0.06
        )
        weight = np.maximum(AMBIENT_DIRECTIONS @ normals.T, 0.0) + 0.02
        return (weight * maps).sum(0) / weight.sum(0)

    def _shadow(
        self, whole: Float32[np.ndarray, "vertex xyz=3"], strand_vertices: Float32[np.ndarray, "strand xyz=3"]
    ) -> Float32[np.ndarray, " vertex"]:
        """How much of the key light each vertex sees past the head and its hair."""
        rays = _spread(self.look.light_directions[0], PENUMBRA)
        faces = np.concatenate([self.kit.occluders, self._strands.shadow_casters + len(whole)])
        everything = np.concatenate([whole, strand_vertices])
        maps = light.visibility_of(everything, faces, rays, reach_dm=REACH_DM, resolution=160, bias_dm=0.04)
        return maps[:, : len(whole)].mean(0)

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
        is_face &= self._garment[self.kit.faces].max(1) <= 0
        shown = np.where(triangle >= 0, is_face[triangle], False)
        return shown * (1.0 - hidden)


def supersampled(camera: Float[np.ndarray, " camera=3"], factor: int) -> Float32[np.ndarray, " camera=3"]:
    """Camera of a frame with `factor` times as many pixels on each side (pixel centres at integers in both)."""
    scale, x_px, y_px = np.asarray(camera, np.float64)
    shift = 0.5 * (factor - 1)
    return np.array([scale * factor, x_px * factor + shift, y_px * factor + shift], np.float32)


def _spread(direction: Float32[np.ndarray, " xyz=3"], angle: float) -> Float32[np.ndarray, "ray=4 xyz=3"]:
    """Four rays around a direction: an area light."""
    side = np.cross(direction, [0.0, 1.0, 0.0] if abs(direction[1]) < 0.9 else [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    up = np.cross(side, direction)
    rays = np.stack([direction + angle * (a * side + b * up) for a, b in ((1, 0.3), (-0.3, 1), (-1, -0.3), (0.3, -1))])
    return (rays / np.linalg.norm(rays, axis=1, keepdims=True)).astype(np.float32)


def _skin(kit: SceneKit, look: Look) -> UInt8[np.ndarray, "height width rgb=3"]:
    shaven = kit.textures.skin(look.skin, look.skin_detail)
    if look.moustache <= 0 and look.beard <= 0:
        return shaven
    colour = 0.5 * (look.brow_colour + look.hair_colour)
    return kit.beards.paint(shaven, colour / look.skin_gain, look.moustache, look.beard)


def _materials(look: Look) -> Float32[np.ndarray, "material channel=10"]:
    """Rows: gain rgb, gloss, sharpness, wrap rgb (light that bleeds round into the shade), texture, bulge."""
    wet = (look.eye_gain,) * 3
    rows = [
        [*look.skin_gain, look.skin_gloss, 22.0, 0.32, 0.18, 0.14, 0, 1.0],
        [0.75, 0.45, 0.42, 0.05, 20.0, 0.3, 0.2, 0.2, 0, 1.0],
        [*wet, 1.4, 220.0, 0.25, 0.25, 0.25, 1, 2.2],
        [2.1, 1.9, 1.6, 0.12, 30.0, 0.3, 0.25, 0.25, 2, 1.0],
        [0.9, 0.7, 0.7, 0.06, 25.0, 0.35, 0.2, 0.2, 3, 1.0],
        [*look.garment, 0.0, 10.0, 0.2, 0.2, 0.2, 0, 1.0],
    ]
    return np.array(rows, np.float32)
