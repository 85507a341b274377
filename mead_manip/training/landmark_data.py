"""Pictures with known landmarks: the London photographs (hand-placed points) and the rendered set."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from ..artifacts import store
from ..artifacts.schemas import LandmarkShard
from ..errors import InputMissing
from ..media.images import decode, read_image

# London's 189-point template, as index lists; "left" and "right" are the subject's.
_JAW_RIGHT = [109, 185, 110, 186, 111, 125, 126, 127, 128, 129]
_JAW_LEFT = [129, 130, 131, 132, 133, 114, 188, 113, 187, 112]
_BROWS = ([71, 72, 73, 74, 75, 76], [77, 78, 79, 80, 81, 82])
_EYES = (([18, 19, 20, 21, 22], [22, 30, 29, 28, 18]), ([23, 24, 25, 26, 27], [27, 33, 32, 31, 23]))
_OUTER_LIPS = [87, 88, 89, 90, 91, 92, 93, 108, 107, 106, 105, 104]


@dataclass(frozen=True)
class Picture:
    """One picture of one face; `alpha` is 1 on the person and 0 on the background, where it is known."""

    rgb: UInt8[np.ndarray, "height width rgb=3"]
    landmarks_px: Float32[np.ndarray, "68 2"]
    person: str
    alpha: UInt8[np.ndarray, "height width"] | None = None
    neutral: bool = False  # frontal and at rest: it may be made to act


class RenderedFaces:
    """The rendered set in memory as JPEG bytes, read from its shards; every 20th shard is kept for measuring."""

    def __init__(self, folder: Path, *, held_out: bool = False) -> None:
        self.folder = folder
        self.held_out = held_out
        self._shards: dict[Path, LandmarkShard] = {}
        self.refresh()

    def refresh(self) -> None:
        """Take in shards that have been written since."""
        for path in sorted(self.folder.glob("*.h5")):
            kept = int(path.stem.rsplit("_", 1)[-1]) % 20 == 0
            if path not in self._shards and kept == self.held_out:
                self._shards[path] = store.load(LandmarkShard, path)
        self._last = np.cumsum([len(s.identity_seed) for s in self._shards.values()])

    def __len__(self) -> int:
        return int(self._last[-1]) if len(self._last) else 0

    def __getitem__(self, index: int) -> Picture:
        which = int(np.searchsorted(self._last, index, side="right"))
        shard = list(self._shards.values())[which]
        row = index - (int(self._last[which - 1]) if which else 0)
        rgb = decode(shard.image_bytes[shard.image_offsets[row] : shard.image_offsets[row + 1]])
        return Picture(rgb, shard.landmarks_px[row], f"rendered/{shard.identity_seed[row]}")


def read_london(folder: Path) -> list[Picture]:
    """Read the neutral photographs with their hand-placed points (DeBruine & Jones 2017, CC BY 4.0)."""
    template = folder / "landmarks189.json"
    if not template.is_file():
        raise InputMissing(
            f"{template} does not exist", expected="the London photographs with their 189-point templates"
        )
    faces = json.loads(template.read_text())["faces"]
    pictures = []
    for person, points in sorted(faces.items()):
        rgb = read_image(folder / f"{person}_neutral.jpg")
        landmarks = ibug_from_template(np.array(points, np.float32))
        pictures.append(Picture(rgb, landmarks, f"london/{person}", _person_alpha(rgb, landmarks), neutral=True))
    return pictures


def ibug_from_template(points: Float[np.ndarray, "189 2"]) -> Float32[np.ndarray, "68 2"]:
    """Choose iBUG-68 from the template: contours are spaced evenly along their length, as iBUG's annotators did."""
    out = np.zeros((68, 2), np.float32)
    out[0:9] = _along(points[_JAW_RIGHT], 9)
    out[8:17] = _along(points[_JAW_LEFT], 9)
    for start, brow in zip((17, 22), _BROWS, strict=True):
        out[start : start + 5] = _along(points[brow], 5)
    bridge = points[[50, 56, 51, 57]].mean(0)
    tip = 0.8 * points[[54, 60]].mean(0) + 0.2 * points[55]
    out[27:31] = bridge + np.linspace(0, 1, 4)[:, None] * (tip - bridge)
    out[31], out[35] = points[[63, 64]].mean(0), points[[68, 69]].mean(0)
    out[32:35] = points[[170, 55, 172]]
    for start, (upper, lower) in zip((36, 42), _EYES, strict=True):
        out[start : start + 4] = _along(points[upper], 4)
        out[start + 4 : start + 6] = _along(points[lower], 4)[1:3]
    out[48:60] = points[_OUTER_LIPS]
    out[60] = 0.7 * points[87] + 0.3 * points[94]
    out[64] = 0.7 * points[93] + 0.3 * points[98]
    out[61:64], out[65:68] = points[[95, 96, 97]], points[[102, 101, 100]]
    return out


def _along(line: Float[np.ndarray, "corner 2"], count: int) -> Float[np.ndarray, "point 2"]:
    """Place `count` points evenly along a polygonal line, ends included."""
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    at = np.linspace(0, length[-1], count)
    return np.stack([np.interp(at, length, line[:, axis]) for axis in (0, 1)], axis=1)


def _person_alpha(
    rgb: UInt8[np.ndarray, "height width rgb=3"], landmarks_px: Float32[np.ndarray, "68 2"]
) -> UInt8[np.ndarray, "height width"] | None:
    """Cut a person out of the plain studio background: flood it from the upper rim, soften the edge.

    None where the flood ran into the face: then the picture keeps its own background.
    """
    height, width = rgb.shape[:2]
    smooth = cv2.bilateralFilter(rgb, 7, 20, 7)
    mask = np.zeros((height + 2, width + 2), np.uint8)
    for x in range(0, width, 8):
        cv2.floodFill(smooth, mask, (x, 1), 0, (3, 3, 3), (3, 3, 3), cv2.FLOODFILL_MASK_ONLY | (255 << 8))
    for y in range(0, height // 2, 8):
        for x in (1, width - 2):
            cv2.floodFill(smooth, mask, (x, y), 0, (3, 3, 3), (3, 3, 3), cv2.FLOODFILL_MASK_ONLY | (255 << 8))
    background = cv2.morphologyEx(mask[1:-1, 1:-1], cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    face = cv2.fillConvexPoly(np.zeros((height, width), np.uint8), cv2.convexHull(landmarks_px.astype(np.int32)), 255)
    if (background[face > 0] > 0).mean() > 0.01:
        return None
    return cv2.GaussianBlur(255 - cv2.dilate(background, np.ones((3, 3), np.uint8)), (5, 5), 0)
