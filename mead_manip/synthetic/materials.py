"""Textures of the head asset, decoded, given pores, and re-coloured, in a cache of bounded size."""

import functools
from collections import OrderedDict
from collections.abc import Callable

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from mead_manip.artifacts.schemas import HeadAsset
from mead_manip.errors import ArtifactInvalid

CACHE_BYTES = 128 * 2**20
GREY_MEAN = 0.25  # mean linear value of a texture that is to be coloured (hair, brows)
MAX_CONTRAST = 0.45  # deviation of the logarithm of lightness in a texture that is to be coloured
MAX_LEVEL = 4


class Textures:
    """Decoded textures by name; the least recently used are dropped."""

    def __init__(self, asset: HeadAsset) -> None:
        self._asset = asset
        self._kept: OrderedDict[tuple, UInt8[np.ndarray, "height width channel"]] = OrderedDict()

    def skin(self, name: str, detail: float) -> UInt8[np.ndarray, "height width rgb=3"]:
        """Skin with pores: `detail` 0 = as photographed, .35 = natural, 1 looks diseased."""
        key = ("skin", name, round(detail, 2))
        return self._keep(key, lambda: self._with_pores(name, round(detail, 2)))

    def plain(self, name: str) -> UInt8[np.ndarray, "height width rgb=3"]:
        """An opaque texture (eyes, teeth, tongue)."""
        return self._keep(("plain", name), lambda: np.ascontiguousarray(self._decode(name)[..., :3]))

    def strands(self, name: str, level: int, *, grey: bool) -> UInt8[np.ndarray, "height width rgba=4"]:
        """An alpha texture, halved `level` times; `grey` makes it ready to be coloured (mean GREY_MEAN)."""
        level = min(max(level, 0), MAX_LEVEL)
        if level:
            return self._keep(("strands", name, grey, level), lambda: _halve(self.strands(name, level - 1, grey=grey)))
        return self._keep(("strands", name, grey, 0), lambda: self._strands(name, grey))

    def _keep(self, key: tuple, make: Callable[[], np.ndarray]) -> UInt8[np.ndarray, "height width channel"]:
        if key not in self._kept:
            self._kept[key] = make()
            while sum(kept.nbytes for kept in self._kept.values()) > CACHE_BYTES and len(self._kept) > 1:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _decode(self, name: str) -> UInt8[np.ndarray, "height width channel"]:
        """Decode to RGB, or to RGBA where the picture has an alpha channel."""
        data = self._asset.texture(name)
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if picture is None:
            raise ArtifactInvalid(f"texture {name} of the head asset is no picture")
        if picture.ndim == 2:
            return cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB)
        return cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA if picture.shape[2] == 4 else cv2.COLOR_BGR2RGB)

    def _with_pores(self, name: str, detail: float) -> UInt8[np.ndarray, "height width rgb=3"]:
        skin = self.plain(name)
        gain = 1.0 + detail * _pores(*skin.shape[:2])
        return cv2.multiply(skin, cv2.merge([gain, gain, gain]), dtype=cv2.CV_8U)  # rounds and clips

    def _strands(self, name: str, grey: bool) -> UInt8[np.ndarray, "height width rgba=4"]:
        texture = self._decode(name)
        if not grey:
            return texture
        alpha = texture[..., 3:].astype(np.float32) / 255.0
        linear = (texture[..., :3].astype(np.float32) / 255.0) ** 2
        lightness = linear @ np.array([[0.3], [0.6], [0.1]], np.float32)
        lightness = _evened(lightness, alpha)
        mean = float((lightness * alpha).sum() / max(float(alpha.sum()), 1.0))
        display = np.sqrt(np.clip(lightness * (GREY_MEAN / max(mean, 1e-5)), 0, 1)) * 255.0
        return np.concatenate([np.repeat(display, 3, axis=2), alpha * 255.0], axis=2).astype(np.uint8)


def _evened(
    lightness: Float32[np.ndarray, "height width 1"], alpha: Float32[np.ndarray, "height width 1"]
) -> Float32[np.ndarray, "height width 1"]:
    """Limit the contrast: some hair was painted with its highlights, and ours come from the light."""
    logs = np.log(lightness + 1e-3)
    mean = (logs * alpha).sum() / max(float(alpha.sum()), 1.0)
    deviation = float(np.sqrt((((logs - mean) ** 2) * alpha).sum() / max(float(alpha.sum()), 1.0)))
    return np.exp(mean + (logs - mean) * min(1.0, MAX_CONTRAST / max(deviation, 1e-6))).astype(np.float32)


@functools.lru_cache(maxsize=2)
def _pores(height: int, width: int) -> Float32[np.ndarray, "height width"]:
    """Relative brightness of skin texels at detail 1: fine pores, and mottling a few millimetres wide."""
    rng = np.random.default_rng(0)
    total = np.zeros((height, width), np.float32)
    for sigma, amount in ((1.0, 0.06), (2.5, 0.05), (9.0, 0.07)):
        layer = cv2.GaussianBlur(rng.normal(size=(height, width)).astype(np.float32), (0, 0), sigma)
        total += amount * layer / layer.std()
    return total


def _halve(texture: UInt8[np.ndarray, "height width rgba=4"]) -> UInt8[np.ndarray, "half_height half_width rgba=4"]:
    """Average 2 x 2 texels, colours weighted by alpha."""
    height, width = texture.shape[0] // 2, texture.shape[1] // 2
    colour = texture[: 2 * height, : 2 * width].astype(np.float32)
    alpha = colour[..., 3:] + 0.5
    size = (width, height)
    mean_alpha = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)[..., None]
    mean = cv2.resize(colour[..., :3] * alpha, size, interpolation=cv2.INTER_AREA) / mean_alpha
    return (np.concatenate([mean, mean_alpha - 0.5], axis=2) + 0.5).clip(0, 255).astype(np.uint8)
