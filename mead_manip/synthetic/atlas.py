"""From the head's surface to its skin texture: fields over the template, spread over texels."""

import numpy as np
from jaxtyping import Float32

from mead_manip.artifacts.schemas import HeadAsset
from mead_manip.rendering.rasterizer import rasterize_attributes


def spread_over_atlas(
    asset: HeadAsset, values: Float32[np.ndarray, "vertex channel"], height: int, width: int
) -> Float32[np.ndarray, "height width channel"]:
    """Paint per-vertex values of the outer skin into texture space; zero where the skin has no texel."""
    is_skin = np.array([name == "skin" for name in asset.part_names])[asset.triangle_part]
    per_texcoord = np.zeros((len(asset.uvs), values.shape[1]), np.float32)
    per_texcoord[asset.uv_triangles[is_skin].ravel()] = values[asset.triangles[is_skin].ravel()]
    pixels = np.zeros((len(asset.uvs), 3), np.float32)
    pixels[:, :2] = asset.uvs * [width, height] - 0.5
    return rasterize_attributes(pixels, asset.uv_triangles[is_skin], per_texcoord, height, width, cull_back=False)


def smooth_step(value: np.ndarray, start: float, stop: float) -> np.ndarray:
    """0 up to `start`, 1 from `stop` on, smooth between."""
    ratio = np.clip((value - start) / (stop - start), 0.0, 1.0)
    return ratio * ratio * (3.0 - 2.0 * ratio)
