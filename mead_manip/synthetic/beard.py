"""Stubble and short beards, painted into the skin texture."""

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from mead_manip.artifacts.schemas import HeadAsset
from mead_manip.rendering.rasterizer import rasterize_attributes

MOUSTACHE, JAW = 0, 1


class BeardMaps:
    """Where a beard grows on the skin texture, worked out once per head asset."""

    def __init__(self, asset: HeadAsset, height: int, width: int) -> None:
        is_skin = np.array([name == "skin" for name in asset.part_names])[asset.triangle_part]
        corners = asset.triangles[is_skin]
        growth = _growth(np.asarray(asset.template, np.float32), asset.template[asset.landmarks])
        # One texture coordinate may serve several triangles, so that its growth is that of any vertex it stands for.
        per_texcoord = np.zeros((len(asset.uvs), 2), np.float32)
        per_texcoord[asset.uv_triangles[is_skin].ravel()] = growth[corners.ravel()]
        pixels = np.zeros((len(asset.uvs), 3), np.float32)
        pixels[:, :2] = asset.uvs * [width, height] - 0.5
        maps = rasterize_attributes(pixels, asset.uv_triangles[is_skin], per_texcoord, height, width, cull_back=False)
        rows, columns = np.nonzero(maps.max(2) > 0)
        self.window = (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))
        self.growth = cv2.GaussianBlur(maps[self.window], (0, 0), 4.0)
        rng = np.random.default_rng(1)
        shape = self.growth.shape[:2]
        strokes = cv2.GaussianBlur(rng.normal(size=shape).astype(np.float32), (0, 0), 0.6, sigmaY=1.8)
        tufts = cv2.GaussianBlur(rng.normal(size=shape).astype(np.float32), (0, 0), 5.0)
        self.strokes = strokes / strokes.std() + 0.6 * tufts / tufts.std()

    def paint(
        self,
        skin: UInt8[np.ndarray, "height width rgb=3"],
        colour: Float[np.ndarray, " rgb=3"],
        moustache: float,
        jaw: float,
    ) -> UInt8[np.ndarray, "height width rgb=3"]:
        """Return the skin with a beard of a linear `colour`; 0 = shaven, .3 = stubble, 1 = full."""
        density = np.maximum(moustache * self.growth[..., MOUSTACHE], jaw * self.growth[..., JAW])
        cover = np.clip(density * (0.85 + 0.22 * self.strokes), 0.0, 0.95)[..., None]
        bearded = skin.copy()
        hair = 255.0 * np.sqrt(np.clip(colour, 0, 1)) * (1.0 + 0.12 * self.strokes[..., None])
        patch = bearded[self.window].astype(np.float32)
        bearded[self.window] = np.clip(patch + cover * (hair - patch), 0, 255).astype(np.uint8)
        return bearded


def _growth(
    points: Float32[np.ndarray, "vertex xyz=3"], landmarks: Float32[np.ndarray, "68 xyz=3"]
) -> Float32[np.ndarray, "vertex region=2"]:
    """How densely hair grows at each vertex of the mean person (0..1): moustache, jaw."""
    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    lips = landmarks[48:60, :2].astype(np.float32)
    off_lips = np.array([-cv2.pointPolygonTest(lips, (float(px), float(py)), True) for px, py in points[:, :2]])
    bare_lips = _rise(off_lips, 0.0, 0.03) + (z < 0.6)
    corner_y, corner_x = float(landmarks[[48, 54], 1].mean()), float(np.abs(landmarks[[48, 54], 0]).mean())
    nose_y, chin_y = float(landmarks[33, 1]), float(landmarks[8, 1])
    moustache = _rise(nose_y - y, 0.0, 0.06) * _rise(y - corner_y, -0.08, 0.02) * _rise(corner_x + 0.1 - x, 0.0, 0.08)
    upper = corner_y + 0.04 + 0.9 * np.maximum(x - corner_x - 0.02, 0.0)
    jaw = _rise(upper - y, 0.0, 0.12) * _rise(y - chin_y, -0.3, 0.0) * _rise(z, 0.2, 0.45)
    front = (z > 0.6).astype(np.float32)
    regions = [moustache * front * np.minimum(bare_lips, 1.0), jaw * np.minimum(bare_lips, 1.0)]
    return np.stack(regions, axis=1).astype(np.float32)


def _rise(value: np.ndarray, start: float, stop: float) -> np.ndarray:
    """0 below `start`, 1 above `stop`, smooth between."""
    ratio = np.clip((value - start) / (stop - start), 0.0, 1.0)
    return ratio * ratio * (3.0 - 2.0 * ratio)
