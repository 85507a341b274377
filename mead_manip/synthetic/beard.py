"""Stubble and short beards, painted into the skin texture."""

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from mead_manip.artifacts.schemas import HeadAsset
from mead_manip.synthetic.atlas import smooth_step, spread_over_atlas

MOUSTACHE, JAW = 0, 1


class BeardMaps:
    """Where a beard grows on the skin texture, worked out once per head asset."""

    def __init__(self, asset: HeadAsset, height: int, width: int) -> None:
        growth = _growth(np.asarray(asset.template, np.float32), asset.template[asset.landmarks])
        maps = spread_over_atlas(asset, growth, height, width)
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
    bare_lips = smooth_step(off_lips, 0.0, 0.03) + (z < 0.6)
    corner_y, corner_x = float(landmarks[[48, 54], 1].mean()), float(np.abs(landmarks[[48, 54], 0]).mean())
    nose_y, chin_y = float(landmarks[33, 1]), float(landmarks[8, 1])
    moustache = (
        smooth_step(nose_y - y, 0.0, 0.06)
        * smooth_step(y - corner_y, -0.08, 0.02)
        * smooth_step(corner_x + 0.1 - x, 0.0, 0.08)
    )
    upper = corner_y + 0.04 + 0.9 * np.maximum(x - corner_x - 0.02, 0.0)
    jaw = smooth_step(upper - y, 0.0, 0.12) * smooth_step(y - chin_y, -0.3, 0.0) * smooth_step(z, 0.2, 0.45)
    front = (z > 0.6).astype(np.float32)
    regions = [moustache * front * np.minimum(bare_lips, 1.0), jaw * np.minimum(bare_lips, 1.0)]
    return np.stack(regions, axis=1).astype(np.float32)
