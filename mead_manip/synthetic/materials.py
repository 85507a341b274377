"""Textures of the head asset, decoded, upsampled and re-coloured, in a cache of bounded size."""

from collections import OrderedDict
from typing import Protocol

import cv2
import numpy as np
from jaxtyping import Float32, Shaped, UInt8

from mead_manip.errors import ArtifactInvalid

CACHE_BYTES = 128 * 2**20
SKIN_SIZE = 1024  # the atlas has 512: cubic upsampling hides its texels
GREY_MEAN = 0.25  # mean linear value of a texture that is to be coloured (hair, brows)
MAX_LEVEL = 4


class TextureSource(Protocol):
    """What this module needs of the head asset."""

    def texture(self, name: str) -> bytes | UInt8[np.ndarray, " byte"]: ...


class Textures:
    """Decoded textures by name; the least recently used are dropped."""

    def __init__(self, source: TextureSource) -> None:
        self._source = source
        self._kept: OrderedDict[tuple, UInt8[np.ndarray, "height width channel"]] = OrderedDict()

    def skin(self, name: str, detail: float) -> UInt8[np.ndarray, "height width rgb=3"]:
        """Upsampled skin with pores: `detail` 0 = as photographed, .35 = natural, 1 looks diseased."""
        key = ("skin", name, round(detail, 2))
        return self._keep(key, lambda: self._with_pores(name, round(detail, 2)))

    def plain(self, name: str) -> UInt8[np.ndarray, "height width rgb=3"]:
        """An opaque texture (eyes, teeth, tongue); transparent texels take the colour of their neighbours."""
        return self._keep(("plain", name), lambda: np.ascontiguousarray(_bleed(self._decode(name))[..., :3]))

    def strands(self, name: str, level: int, *, grey: bool) -> UInt8[np.ndarray, "height width rgba=4"]:
        """An alpha texture, halved `level` times; `grey` makes it ready to be coloured (mean GREY_MEAN)."""
        level = min(max(level, 0), MAX_LEVEL)
        if level:
            return self._keep(("strands", name, grey, level), lambda: _halve(self.strands(name, level - 1, grey=grey)))
        return self._keep(("strands", name, grey, 0), lambda: self._strands(name, grey))

    def _keep(self, key: tuple, make) -> UInt8[np.ndarray, "height width channel"]:  # type: ignore[no-untyped-def]
        if key not in self._kept:
            self._kept[key] = make()
            while sum(kept.nbytes for kept in self._kept.values()) > CACHE_BYTES and len(self._kept) > 1:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _decode(self, name: str) -> UInt8[np.ndarray, "height width channel"]:
        """Decode to RGB, or to RGBA where the picture has an alpha channel."""
        data = self._source.texture(name)
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if picture is None:
            raise ArtifactInvalid(f"texture {name} of the head asset is no picture")
        if picture.ndim == 2:
            return cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB)
        return cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA if picture.shape[2] == 4 else cv2.COLOR_BGR2RGB)

    def _with_pores(self, name: str, detail: float) -> UInt8[np.ndarray, "height width rgb=3"]:
        skin = _upsample(self._decode(name)[..., :3])
        if detail:
            pores = _upsample(self._decode("skin_detail")[..., :3])[..., :1]
            skin *= 1.0 + detail * (pores / 128.0 - 1.0)
        return (np.clip(skin, 0, 255) + 0.5).astype(np.uint8)

    def _strands(self, name: str, grey: bool) -> UInt8[np.ndarray, "height width rgba=4"]:
        texture = _bleed(self._decode(name))
        if not grey:
            return texture
        alpha = texture[..., 3:].astype(np.float32) / 255.0
        linear = (texture[..., :3].astype(np.float32) / 255.0) ** 2
        lightness = linear @ np.array([[0.3], [0.6], [0.1]], np.float32)
        mean = float((lightness * alpha).sum() / max(float(alpha.sum()), 1.0))
        display = np.sqrt(np.clip(lightness * (GREY_MEAN / max(mean, 1e-5)), 0, 1)) * 255.0
        return np.concatenate([np.repeat(display, 3, axis=2), alpha * 255.0], axis=2).astype(np.uint8)


def _upsample(picture: UInt8[np.ndarray, "height width rgb=3"]) -> Float32[np.ndarray, "size size rgb=3"]:
    if picture.shape[0] >= SKIN_SIZE:
        return picture.astype(np.float32)
    return cv2.resize(picture.astype(np.float32), (SKIN_SIZE, SKIN_SIZE), interpolation=cv2.INTER_CUBIC)


def _bleed(picture: Shaped[np.ndarray, "height width channel"]) -> UInt8[np.ndarray, "height width rgba=4"]:
    """Give transparent texels the mean colour of the opaque ones around, so that filtering draws no dark fringe."""
    if picture.shape[2] == 3:
        opaque = np.full((*picture.shape[:2], 1), 255, np.uint8)
        return np.concatenate([picture, opaque], axis=2)
    alpha = picture[..., 3:].astype(np.float32) / 255.0
    colour = picture[..., :3].astype(np.float32)
    total = (colour * alpha).sum((0, 1)) / max(float(alpha.sum()), 1.0)
    fill = np.broadcast_to(total, colour.shape)
    for sigma in (24.0, 6.0, 2.0):
        weight = cv2.GaussianBlur(alpha, (0, 0), sigma)[..., None]
        spread = cv2.GaussianBlur(colour * alpha, (0, 0), sigma)
        trust = np.clip(weight * 20.0, 0, 1)
        fill = fill * (1 - trust) + trust * spread / np.maximum(weight, 1e-4)
    filled = colour * alpha + fill * (1 - alpha)
    return np.concatenate([np.clip(filled, 0, 255) + 0.5, picture[..., 3:]], axis=2).astype(np.uint8)


def _halve(texture: UInt8[np.ndarray, "height width rgba=4"]) -> UInt8[np.ndarray, "half_height half_width rgba=4"]:
    """Average 2 x 2 texels, colours weighted by alpha."""
    height, width = texture.shape[0] // 2, texture.shape[1] // 2
    colour = texture[: 2 * height, : 2 * width].astype(np.float32)
    alpha = colour[..., 3:] + 0.5
    size = (width, height)
    mean_alpha = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)[..., None]
    mean = cv2.resize(colour[..., :3] * alpha, size, interpolation=cv2.INTER_AREA) / mean_alpha
    return (np.concatenate([mean, mean_alpha - 0.5], axis=2) + 0.5).clip(0, 255).astype(np.uint8)
