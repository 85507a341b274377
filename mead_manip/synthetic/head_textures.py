"""MakeHuman's 512 px pictures -> the textures of the head: the skin repacked around the face, all as WebP."""

import cv2
import numpy as np
from jaxtyping import Float64, Int64, UInt8

from mead_manip.synthetic.makehuman import AGES, BROWS, EYE_COLOURS, GENDERS, HAIR, LASHES, RACES, MakeHumanSource

SOURCE_SIZE = 512
ATLAS_WIDTH, ATLAS_HEIGHT = 768, 1056
# Islands of the skin texture: (left, top, right, bottom) in the source, enlargement, (left, top) in our atlas.
_ISLANDS = (
    ((324, 88, 512, 440), 3, (0, 0)),  # head
    ((96, 10, 296, 116), 1, (565, 0)),  # neck and bust
    ((384, 438, 480, 510), 2, (565, 112)),  # mouth cavity
    ((4, 184, 84, 236), 1, (565, 264)),  # eye sockets
)
_QUALITY = 88


def repack_skin_uvs(
    texcoords: Float64[np.ndarray, "texcoord 2"], triangles: Int64[np.ndarray, "triangle 3"]
) -> Float64[np.ndarray, "texcoord 2"]:
    """Move the texture coordinates that `triangles` use into our atlas."""
    moved = texcoords.copy()
    for corners in np.unique(triangles):
        pixel = texcoords[corners] * SOURCE_SIZE
        for (left, top, right, bottom), enlargement, place in _ISLANDS:
            if left <= pixel[0] <= right and top <= pixel[1] <= bottom:
                inside = (pixel - (left, top)) * enlargement
                moved[corners] = (inside + place) / (ATLAS_WIDTH, ATLAS_HEIGHT)
                break
        else:
            raise ValueError(f"texture coordinate {texcoords[corners]} lies in no island")
    return moved


def build_textures(source: MakeHumanSource) -> dict[str, bytes]:
    """Encode every texture of the asset; pictures with holes keep their alpha channel."""
    textures = {}
    for age in AGES:
        for race in RACES:
            for gender in GENDERS:
                name = f"skin_{age}_{race}_{gender}"
                textures[name] = _encode(_skin_atlas(source.picture(name)[:, :, :3]))
    for name in ("teeth", "tongue", *(f"eye_{colour}" for colour in EYE_COLOURS)):
        textures[name] = _encode(source.picture(name)[:, :, :3])
    for name in (*BROWS, *LASHES, *HAIR):
        textures[name] = _encode(_bleed(source.picture(name)))
    return textures


def _skin_atlas(skin: UInt8[np.ndarray, "size size 3"]) -> UInt8[np.ndarray, "height width 3"]:
    atlas = np.empty((ATLAS_HEIGHT, ATLAS_WIDTH, 3), np.uint8)
    atlas[:] = np.median(skin[20:100, 150:250].reshape(-1, 3), axis=0)
    for (left, top, right, bottom), enlargement, (x, y) in _ISLANDS:
        island = skin[top:bottom, left:right]
        size = ((right - left) * enlargement, (bottom - top) * enlargement)
        atlas[y : y + size[1], x : x + size[0]] = cv2.resize(island, size, interpolation=cv2.INTER_CUBIC)
    return atlas


def _bleed(picture: UInt8[np.ndarray, "height width 4"]) -> UInt8[np.ndarray, "height width 4"]:
    """Carry colour into transparent texels, so that filtering at edges does not mix in black."""
    alpha = picture[:, :, 3:].astype(np.float32) / 255
    colour = picture[:, :, :3].astype(np.float32)
    spread = cv2.GaussianBlur(colour * alpha, (0, 0), 6)
    weight = cv2.GaussianBlur(alpha, (0, 0), 6)[:, :, None]
    mean = (colour * alpha).sum((0, 1)) / max(float(alpha.sum()), 1e-3)
    filled = (spread + 1e-3 * mean) / (weight + 1e-3)
    mixed = np.where(alpha > 0.02, colour, filled)
    return np.concatenate([np.clip(mixed, 0, 255).astype(np.uint8), picture[:, :, 3:]], axis=2)


def _encode(picture: UInt8[np.ndarray, "height width channel"]) -> bytes:
    code = cv2.COLOR_RGBA2BGRA if picture.shape[2] == 4 else cv2.COLOR_RGB2BGR
    done, data = cv2.imencode(".webp", cv2.cvtColor(picture, code), [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])
    if not done:
        raise ValueError("cv2 cannot encode WebP")
    return data.tobytes()
