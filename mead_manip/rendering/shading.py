"""Visibility buffer -> linear colour: deferred shading of opaque surfaces, and the tone map to display values.

Colour is linear light with 1 = a white sheet in full key light. Textures and pictures are display values / 255 raised
to 2 (gamma 2 stands in for sRGB: exact to 2 % and free of pow()).
"""

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float32, Int32, UInt8
from numba import njit

from mead_manip.rendering.rasterizer import weights_at

AMBIENT, SHADOW, OCCLUSION, WRINKLE, GARMENT = 0, 3, 4, 5, 6  # columns of `vertex_light`; ambient takes three
N_VERTEX_CHANNELS = 7
GAIN, GLOSS, SHARPNESS, WRAP, TEXTURE, BULGE = 0, 3, 4, 5, 8, 9  # columns of a material row; gain, wrap take three
SHOULDER = 0.7  # linear light above this is compressed towards 1


class Surface(NamedTuple):
    """An opaque mesh ready for shading, all arrays contiguous."""

    faces: Int32[np.ndarray, "triangle corner=3"]
    uv: Float32[np.ndarray, "texcoord uv=2"]  # 0..1, v down
    uv_faces: Int32[np.ndarray, "triangle corner=3"]
    material: UInt8[np.ndarray, " triangle"]  # row of `materials`
    materials: Float32[np.ndarray, "material channel=10"]
    textures: tuple[UInt8[np.ndarray, "height width rgb=3"], ...]  # the first is the skin
    wrinkles: UInt8[
        np.ndarray, "wrinkle_height wrinkle_width"
    ]  # on the first texture: depth of the lines that can show


class Lights(NamedTuple):
    """Directional lights; the first one is the key light, which casts the shadow."""

    directions: Float32[np.ndarray, "light xyz=3"]  # unit vectors towards the light
    colours: Float32[np.ndarray, "light rgb=3"]


def shade(
    surface: Surface,
    lights: Lights,
    screen: Float32[np.ndarray, "vertex xyd=3"],
    normals: Float32[np.ndarray, "vertex xyz=3"],
    vertex_light: Float32[np.ndarray, "vertex channel=7"],
    garment: Float32[np.ndarray, " rgb=3"],
    triangle: Int32[np.ndarray, "height width"],
    contact: Float32[np.ndarray, "height width"],
    image: Float32[np.ndarray, "height width rgb=3"],
) -> None:
    """Write the linear colour of every covered pixel into `image`; other pixels stay."""
    _shade(
        surface.faces,
        surface.uv,
        surface.uv_faces,
        surface.material,
        surface.materials,
        surface.textures,
        surface.wrinkles,
        lights.directions,
        half_vectors(lights.directions),
        lights.colours,
        screen,
        normals,
        vertex_light,
        garment,
        triangle,
        contact,
        image,
    )


def contact_light(
    depth: Float32[np.ndarray, "height width"], scale: float, radius_dm: float = 0.08
) -> Float32[np.ndarray, "height width"]:
    """Tell how much light reaches the bottom of small folds (1 = all): lids over eyes, lips over teeth, nostrils.

    Compares each pixel with pairs of opposite neighbours up to `radius_dm` away; only their mean counts, so that a
    plain slope is not a fold. `scale` is px per dm, `depth` in dm.
    """
    light = np.ones(depth.shape, np.float32)
    turns = np.arange(4) * (np.pi / 4)
    radii = np.array([0.35, 1.0], np.float32) * max(radius_dm * scale, 2.0)
    steps = np.stack([np.cos(turns), np.sin(turns)], 1)[None] * radii[:, None, None]
    offsets = np.unique(np.rint(steps.reshape(-1, 2)).astype(np.int32), axis=0)
    offsets = np.ascontiguousarray(offsets[(offsets != 0).any(1)])
    _contact(depth, offsets, np.float32(1.0 / scale), np.float32(max(radius_dm, 2.0 / scale)), light)
    return light


def half_vectors(directions: Float32[np.ndarray, "light xyz=3"]) -> Float32[np.ndarray, "light xyz=3"]:
    """Halve the angle between each light and the viewer on +z (orthographic: the same for every pixel)."""
    halves = directions + np.array([0.0, 0.0, 1.0], np.float32)
    return halves / np.maximum(np.linalg.norm(halves, axis=1, keepdims=True), np.float32(1e-6))


def to_display(
    image: Float32[np.ndarray, "height width rgb=3"], gain: Float32[np.ndarray, " rgb=3"]
) -> UInt8[np.ndarray, "height width rgb=3"]:
    """Expose (gain per channel), roll off the highlights, and apply the display gamma."""
    shown = np.empty(image.shape, np.uint8)
    _to_display(image, gain, shown)
    return shown


# ---- kernels (fastmath: bytes may differ by a rounding between processors, never between runs) -----------------------


@njit(cache=True, nogil=True, inline="always", fastmath=True)
@no_type_check
def sharp(cosine: float, exponent: float) -> float:
    """Stand in for cosine ** exponent: the square of Schlick's rational approximation at half the exponent."""
    root = cosine / (np.float32(0.5) * exponent * (np.float32(1.0) - cosine) + cosine)
    return root * root


@njit(cache=True, nogil=True, inline="always", fastmath=True)
@no_type_check
def texel(texture: np.ndarray, u: float, v: float) -> tuple:
    """Bilinear look-up of RGB at u, v in 0..1 (clamped), squared to linear light."""
    rows, columns = texture.shape[0], texture.shape[1]
    x = min(max(u * columns - 0.5, 0.0), columns - 1.001)
    y = min(max(v * rows - 0.5, 0.0), rows - 1.001)
    column, row = int(x), int(y)
    fx, fy = np.float32(x - column), np.float32(y - row)
    w11 = fx * fy
    w01 = fx - w11
    w10 = fy - w11
    w00 = np.float32(1.0) - fx - w10
    a, b, c, d = texture[row, column], texture[row, column + 1], texture[row + 1, column], texture[row + 1, column + 1]
    scale = np.float32(1.0 / 255.0)
    red = (a[0] * w00 + b[0] * w01 + c[0] * w10 + d[0] * w11) * scale
    green = (a[1] * w00 + b[1] * w01 + c[1] * w10 + d[1] * w11) * scale
    blue = (a[2] * w00 + b[2] * w01 + c[2] * w10 + d[2] * w11) * scale
    return red * red, green * green, blue * blue


@njit(cache=True, nogil=True, inline="always", fastmath=True)
@no_type_check
def _level(texture: np.ndarray, u: float, v: float) -> float:
    """Bilinear look-up of one channel at u, v in 0..1 (clamped)."""
    rows, columns = texture.shape[0], texture.shape[1]
    x = min(max(u * columns - 0.5, 0.0), columns - 1.001)
    y = min(max(v * rows - 0.5, 0.0), rows - 1.001)
    column, row = int(x), int(y)
    fx, fy = np.float32(x - column), np.float32(y - row)
    upper = texture[row, column] + fx * (np.float32(texture[row, column + 1]) - texture[row, column])
    lower = texture[row + 1, column] + fx * (np.float32(texture[row + 1, column + 1]) - texture[row + 1, column])
    return (upper + fy * (lower - upper)) * np.float32(1.0 / 255.0)


@njit(cache=True, nogil=True, inline="always", fastmath=True)
@no_type_check
def _wrapped(cosine: float, wrap: float) -> float:
    """Diffuse light that reaches `wrap` beyond the terminator."""
    return max((cosine + wrap) / (np.float32(1.0) + wrap), np.float32(0.0))


@njit(cache=True, nogil=True, fastmath=True)
@no_type_check
def _shade(
    faces: np.ndarray, uv: np.ndarray, uv_faces: np.ndarray, material: np.ndarray, materials: np.ndarray,
    textures: tuple, wrinkles: np.ndarray, directions: np.ndarray, halves: np.ndarray, colours: np.ndarray,
    screen: np.ndarray, normals: np.ndarray, vertex_light: np.ndarray, garment: np.ndarray, triangle: np.ndarray,
    contact: np.ndarray, image: np.ndarray,
) -> None:  # fmt: skip
    """Shade all pixels. In one piece: every array handed to a helper costs a reference count, three times the time."""
    channel = np.empty(N_VERTEX_CHANNELS, np.float32)
    for y in range(triangle.shape[0]):
        for x in range(triangle.shape[1]):
            face = triangle[y, x]
            if face < 0:
                continue
            a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
            w64_a, w64_b, w64_c = weights_at(screen, a, b, c, x, y)
            wa, wb, wc = np.float32(w64_a), np.float32(w64_b), np.float32(w64_c)
            nx = wa * normals[a, 0] + wb * normals[b, 0] + wc * normals[c, 0]
            ny = wa * normals[a, 1] + wb * normals[b, 1] + wc * normals[c, 1]
            nz = wa * normals[a, 2] + wb * normals[b, 2] + wc * normals[c, 2]
            inverse = np.float32(1.0) / np.sqrt(nx * nx + ny * ny + nz * nz + np.float32(1e-12))
            nx, ny, nz = nx * inverse, ny * inverse, nz * inverse
            for k in range(N_VERTEX_CHANNELS):
                channel[k] = wa * vertex_light[a, k] + wb * vertex_light[b, k] + wc * vertex_light[c, k]
            ta, tb, tc = uv_faces[face, 0], uv_faces[face, 1], uv_faces[face, 2]
            u = wa * uv[ta, 0] + wb * uv[tb, 0] + wc * uv[tc, 0]
            v = wa * uv[ta, 1] + wb * uv[tb, 1] + wc * uv[tc, 1]

            # Albedo: texture, darkened in creases; or the cloth, with a darker hem.
            row = materials[material[face]]
            gloss = row[GLOSS]
            if channel[GARMENT] > 0.0:
                gloss = np.float32(0.0)
                hem = np.float32(0.62) if channel[GARMENT] < 0.025 else np.float32(1.0)
                red, green, blue = garment[0] * hem, garment[1] * hem, garment[2] * hem
            else:
                red, green, blue = texel(textures[int(row[TEXTURE])], u, v)
                crease = np.float32(1.0)
                if channel[WRINKLE] > 0.0 and row[TEXTURE] == 0.0:
                    line = np.float32(0.45) + np.float32(2.0) * _level(wrinkles, u, v)
                    crease -= min(channel[WRINKLE] * line, np.float32(0.6))
                red, green, blue = red * row[0] * crease, green * row[1] * crease, blue * row[2] * crease

            # Light; a bulge (the cornea over the iris) draws highlights towards the middle.
            hx, hy = nx * row[BULGE], ny * row[BULGE]
            inverse = np.float32(1.0) / np.sqrt(hx * hx + hy * hy + nz * nz + np.float32(1e-12))
            hx, hy, hz = hx * inverse, hy * inverse, nz * inverse
            sum_r, sum_g, sum_b = channel[AMBIENT], channel[AMBIENT + 1], channel[AMBIENT + 2]
            shine_r, shine_g, shine_b = np.float32(0.0), np.float32(0.0), np.float32(0.0)
            for light in range(directions.shape[0]):
                seen = channel[SHADOW] if light == 0 else channel[OCCLUSION]
                cosine = nx * directions[light, 0] + ny * directions[light, 1] + nz * directions[light, 2]
                sum_r += seen * colours[light, 0] * _wrapped(cosine, row[WRAP])
                sum_g += seen * colours[light, 1] * _wrapped(cosine, row[WRAP + 1])
                sum_b += seen * colours[light, 2] * _wrapped(cosine, row[WRAP + 2])
                if cosine > 0.0 and gloss > 0.0:
                    half = hx * halves[light, 0] + hy * halves[light, 1] + hz * halves[light, 2]
                    shine = seen * gloss * sharp(max(half, np.float32(0.0)), row[SHARPNESS])
                    shine_r += shine * colours[light, 0]
                    shine_g += shine * colours[light, 1]
                    shine_b += shine * colours[light, 2]
            fold = contact[y, x]
            if row[TEXTURE] != 0.0:  # eyes and teeth are wet: they shine in the depth
                fold = np.sqrt(fold)
            image[y, x, 0] = (red * sum_r + shine_r) * fold
            image[y, x, 1] = (green * sum_g + shine_g) * fold
            image[y, x, 2] = (blue * sum_b + shine_b) * fold


@njit(cache=True, nogil=True)
@no_type_check
def _contact(depth: np.ndarray, offsets: np.ndarray, dm_per_px: float, radius_dm: float, light: np.ndarray) -> None:
    height, width = depth.shape
    for y in range(height):
        for x in range(width):
            here = depth[y, x]
            if not here > -np.inf:
                continue
            folded = np.float32(0.0)
            for k in range(offsets.shape[0]):
                dx, dy = offsets[k, 0], offsets[k, 1]
                if not (abs(dx) <= x < width - abs(dx) and abs(dy) <= y < height - abs(dy)):
                    continue
                rise = depth[y + dy, x + dx] - here
                other = depth[y - dy, x - dx] - here
                if max(rise, other) > 5.0 * radius_dm:  # another thing far in front
                    continue
                mean = 0.5 * (max(rise, -radius_dm) + max(other, -radius_dm))
                distance = np.sqrt(np.float32(dx * dx + dy * dy)) * dm_per_px
                folded += min(max(mean / distance - np.float32(0.1), 0.0), 1.0)
            light[y, x] = np.float32(1.0) / (np.float32(1.0) + np.float32(1.8) * folded / offsets.shape[0])


@njit(cache=True, nogil=True, fastmath=True)
@no_type_check
def _to_display(image: np.ndarray, gain: np.ndarray, shown: np.ndarray) -> None:
    rest = np.float32(1.0 - SHOULDER)
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            for k in range(3):
                value = max(image[y, x, k] * gain[k], np.float32(0.0))
                if value > SHOULDER:
                    over = (value - np.float32(SHOULDER)) / rest
                    value = np.float32(SHOULDER) + rest * over / (np.float32(1.0) + over)
                shown[y, x, k] = np.uint8(np.sqrt(value) * np.float32(255.0) + np.float32(0.5))
