"""Spectacles and sunglasses: two rims, a bridge, two temples and two lenses, made to measure for a face."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32

N_RIM = 28
LENS_IN_FRONT_DM = 0.16  # of the middle of the eye
RIM, LENS = (0.25, 0.5), (0.75, 0.5)  # texture coordinates in the two-texel texture


@dataclass(frozen=True)
class GlassesStyle:
    """Shape and colour; lengths in dm."""

    width: float  # half width of a lens
    height: float  # half height
    roundness: float  # 2 = ellipse, 4 = nearly a rectangle
    thickness: float  # of the rim
    frame: tuple[float, float, float]  # linear colour
    tint: tuple[float, float, float]
    darkness: float  # opacity of the lenses, 0..1


@dataclass(frozen=True)
class GlassesMesh:
    """Triangles to be blended like hair; `solid` are those of the frame."""

    vertices: Float32[np.ndarray, "vertex xyz=3"]
    triangles: Int32[np.ndarray, "triangle corner=3"]
    uvs: Float32[np.ndarray, "texcoord uv=2"]
    uv_triangles: Int32[np.ndarray, "triangle corner=3"]
    n_solid: int  # the first triangles are the frame


def random_glasses(rng: np.random.Generator) -> GlassesStyle:
    """Draw a style: mostly clear lenses in dark, metal or coloured frames."""
    grey = rng.uniform(0.005, 0.08) if rng.uniform() < 0.65 else rng.uniform(0.1, 0.5)
    colour = grey * np.exp(rng.normal(0, 0.4, 3)) if rng.uniform() < 0.5 else np.full(3, grey)
    dark = rng.uniform() < 0.2
    return GlassesStyle(
        width=float(rng.uniform(0.23, 0.29)),
        height=float(rng.uniform(0.15, 0.25)),
        roundness=float(rng.uniform(2.0, 4.5)),
        thickness=float(rng.uniform(0.008, 0.028)),
        frame=(float(colour[0]), float(colour[1]), float(colour[2])),
        tint=(0.02, 0.02, 0.02) if dark else (0.5, 0.55, 0.6),
        darkness=float(rng.uniform(0.5, 0.95) if dark else rng.uniform(0.0, 0.08)),
    )


def build_glasses(style: GlassesStyle, landmarks: Float32[np.ndarray, "68 xyz=3"]) -> GlassesMesh:
    """Fit glasses to a face at rest, given its iBUG-68 points in head space (dm)."""
    eyes = np.stack([landmarks[36:42].mean(0), landmarks[42:48].mean(0)])  # right (-x), left
    plane = max(float(eyes[:, 2].max()) + LENS_IN_FRONT_DM, float(landmarks[27, 2]) + 0.02)
    turn = np.linspace(0, 2 * np.pi, N_RIM, endpoint=False)
    power = 2.0 / style.roundness
    outline_x = style.width * np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** power
    outline_y = style.height * np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** power
    paths, closed, lenses = [], [], []
    for eye, outer in zip(eyes, (-1.0, 1.0), strict=True):
        centre = np.array([eye[0] + 0.03 * outer, eye[1] - 0.03, plane])
        bend = -0.12 * np.maximum(outer * outline_x, 0.0) ** 2 / style.width  # the frame wraps round the face
        rim = centre + np.stack([outline_x, outline_y, bend], axis=1)
        hinge = centre + np.array([outer * style.width, 0.35 * style.height, bend.min()])
        temple = landmarks[0 if outer < 0 else 16]
        ear = np.array([temple[0] + 0.11 * outer, hinge[1] + 0.02, temple[2] - 0.4])
        paths += [rim, np.stack([hinge, hinge + 0.5 * (ear - hinge) + [0.03 * outer, 0, 0], ear])]
        closed += [True, False]
        lenses.append((centre, rim))
    inner = [lens[0] + np.array([-outer * style.width, 0.02, 0.0]) for lens, outer in zip(lenses, (-1, 1), strict=True)]
    paths.append(np.stack([inner[0], (inner[0] + inner[1]) / 2 + [0, 0.03, 0.03], inner[1]]))
    closed.append(False)
    return _assemble(paths, closed, lenses, style.thickness)


def _assemble(paths: list, closed: list[bool], lenses: list, thickness: float) -> GlassesMesh:
    vertices, triangles, n = [], [], 0
    for path, ring in zip(paths, closed, strict=True):
        points, faces = _tube(path, ring, thickness)
        vertices.append(points)
        triangles.append(faces + n)
        n += len(points)
    n_solid = sum(len(faces) for faces in triangles)
    for centre, rim in lenses:
        k = np.arange(len(rim))
        vertices.append(np.concatenate([centre[None], rim]))
        triangles.append(np.stack([np.zeros_like(k), 1 + k, 1 + (k + 1) % len(rim)], axis=1) + n)
        n += 1 + len(rim)
    faces = np.concatenate(triangles).astype(np.int32)
    uv_triangles = np.repeat((np.arange(len(faces)) >= n_solid).astype(np.int32)[:, None], 3, axis=1)
    return GlassesMesh(
        vertices=np.concatenate(vertices).astype(np.float32),
        triangles=faces,
        uvs=np.array([RIM, LENS], np.float32),
        uv_triangles=uv_triangles,
        n_solid=n_solid,
    )


def _tube(path: np.ndarray, ring: bool, thickness: float) -> tuple[np.ndarray, np.ndarray]:
    """Sweep a small square along a path."""
    ahead = np.roll(path, -1, axis=0) - path if ring else np.gradient(path, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    side = np.cross(ahead, [0.05, 0.3, 1.0])
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    up = np.cross(side, ahead)
    corners = [(1, 1), (-1, 1), (-1, -1), (1, -1)]
    points = np.stack([path + thickness * (a * side + b * up) / 2 for a, b in corners], axis=1)
    n = len(path)
    k = np.arange(n if ring else n - 1)
    faces = []
    for corner in range(4):
        here, there = 4 * k + corner, 4 * k + (corner + 1) % 4
        here_on, there_on = 4 * ((k + 1) % n) + corner, 4 * ((k + 1) % n) + (corner + 1) % 4
        faces += [np.stack([here, there, there_on], axis=1), np.stack([here, there_on, here_on], axis=1)]
    return points.reshape(-1, 3), np.concatenate(faces)


def glasses_texture(style: GlassesStyle) -> np.ndarray:
    """Two columns of texels: frame and lens, RGBA display values."""
    frame = [*(255 * np.sqrt(np.clip(style.frame, 0, 1))), 255]
    lens = [*(255 * np.sqrt(np.clip(style.tint, 0, 1))), 255 * style.darkness]
    texture = np.zeros((2, 8, 4), np.uint8)
    texture[:, :4], texture[:, 4:] = np.array(frame), np.array(lens)
    return texture
