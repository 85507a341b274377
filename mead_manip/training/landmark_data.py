"""Pictures with known landmarks: the London photographs (hand-placed points) and the rendered set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from ..artifacts import store
from ..artifacts.schemas import LandmarkShard
from ..media.images import decode, read_image
from ..media.london import hand_placed, hand_placed_pupils

Mood = Literal["neutral", "smiling", "acted"]  # the first two are frontal, and may be made to act


@dataclass(frozen=True)
class Picture:
    """One picture of one face; `alpha` is 1 on the person and 0 on the background, where it is known."""

    rgb: UInt8[np.ndarray, "height width rgb=3"]
    landmarks_px: Float32[np.ndarray, "70 2"]  # iBUG-68 and the pupils
    person: str
    alpha: UInt8[np.ndarray, "height width"] | None = None
    mood: Mood = "acted"


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
        points = np.concatenate([shard.landmarks_px[row], shard.pupils_px[row]])
        return Picture(rgb, points, f"rendered/{shard.identity_seed[row]}")


def read_london(folder: Path) -> list[Picture]:
    """Read the neutral photographs with their hand-placed points."""
    pupils = hand_placed_pupils(folder)
    return [
        read_person(folder, person, "neutral", np.concatenate([landmarks, pupils[person]]))
        for person, landmarks in hand_placed(folder).items()
    ]


def read_person(folder: Path, person: str, mood: Mood, landmarks_px: Float32[np.ndarray, "70 2"]) -> Picture:
    """Read the photograph of one person in one mood, with the points it is said to have."""
    rgb = read_image(folder / f"{person}_{mood}.jpg")
    return Picture(rgb, landmarks_px, f"london/{person}", _person_alpha(rgb, landmarks_px), mood)


def _person_alpha(
    rgb: UInt8[np.ndarray, "height width rgb=3"], landmarks_px: Float32[np.ndarray, "70 2"]
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
