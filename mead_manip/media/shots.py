"""Where a video cuts from one shot to the next, told at decode time from small thumbnails.

A cut changes the structure of the picture at once and for good. So brightness is left out (a lamp that is switched on
changes no structure), a shift of the whole picture is undone (a hand-held camera), a difference must stand out from
those around it (a pan changes every frame), and no frame just before may look like one just after (a flash, a hand that
passes before the lens). Dissolves are not told: a face that is seen through one is linked by its place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

Picture = TypeVar("Picture")

WIDTH, HEIGHT = 64, 48  # of a thumbnail
_SHIFT = 6  # thumbnail pixels by which the picture may move
_LEAST = 0.12  # within the shots of our real footage .03 is not passed; cuts between shots of one studio reach .20
_STANDS_OUT = 2.5  # times the median of its neighbours
_AROUND = 3  # frames on either side that are compared


@dataclass(frozen=True)
class Frame(Generic[Picture]):
    """A frame, and whether it begins a shot; the first of a video does not."""

    index: int
    picture: Picture
    cut: bool


@dataclass(frozen=True)
class Thumbnail:
    """What is compared: grey levels and the strength of edges, both a little blurred."""

    grey: Float32[np.ndarray, "48 64"]
    edges: Float32[np.ndarray, "48 64"]

    @classmethod
    def of(cls, rgb: UInt8[np.ndarray, "_ _ 3"]) -> Thumbnail:
        """Take every n-th pixel of a large frame: enough for this, and eight times as fast as all of them."""
        step = sampling(*rgb.shape[:2])
        return cls.of_brightness(cv2.cvtColor(np.ascontiguousarray(rgb[::step, ::step]), cv2.COLOR_RGB2GRAY))

    @classmethod
    def of_brightness(cls, brightness: UInt8[np.ndarray, "_ _"]) -> Thumbnail:
        """Take a frame that is grey, and small already."""
        grey = cv2.resize(brightness, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(np.float32)
        edges = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
        return cls(cv2.GaussianBlur(grey, (0, 0), 1.0), cv2.GaussianBlur(edges, (0, 0), 1.0))


def sampling(height: int, width: int) -> int:
    """Give the distance of the pixels of a frame that a thumbnail needs."""
    return max(1, min(height, width) // (3 * HEIGHT))


def difference(a: Thumbnail, b: Thumbnail) -> float:
    """Give 0 for one structure, whatever its brightness, contrast and a shift; about 1 for two unrelated ones."""
    return float(np.sqrt(_unlike(a.grey, b.grey) * _unlike(a.edges, b.edges)))


def is_cut(before: Sequence[Thumbnail], after: Sequence[Thumbnail]) -> bool:
    """Tell whether the last of `before` and the first of `after` are of two shots."""
    step = difference(before[-1], after[0])
    if step < _LEAST:
        return False
    pairs = [*pairwise(before), *pairwise(after)]
    usual = float(np.median([difference(a, b) for a, b in pairs])) if pairs else 0.0
    return step > _STANDS_OUT * usual and all(difference(a, b) >= _LEAST for a in before for b in after)


def with_cuts(
    frames: Iterable[tuple[int, int, Picture]], thumbnail_of: Callable[[Picture], Thumbnail]
) -> Iterator[Frame[Picture]]:
    """Pass frames on (index, time stamp, picture), a few frames later, and say where shots begin."""
    before: deque[Thumbnail] = deque(maxlen=_AROUND)
    waiting: deque[tuple[int, Picture, Thumbnail]] = deque()

    def release() -> Frame[Picture]:
        cut = bool(before) and is_cut(list(before), [thumbnail for _, _, thumbnail in waiting])
        if cut:
            before.clear()
        index, picture, thumbnail = waiting.popleft()
        before.append(thumbnail)
        return Frame(index, picture, cut)

    for index, _, picture in frames:
        waiting.append((index, picture, thumbnail_of(picture)))
        if len(waiting) == _AROUND:
            yield release()
    while waiting:
        yield release()


def _unlike(a: Float32[np.ndarray, "48 64"], b: Float32[np.ndarray, "48 64"]) -> float:
    inner = b[_SHIFT:-_SHIFT, _SHIFT:-_SHIFT]
    if inner.std() < 1.0:  # a plain picture has no structure to be recognised
        return float(a[_SHIFT:-_SHIFT, _SHIFT:-_SHIFT].std() >= 1.0)
    return float(np.clip(1 - cv2.matchTemplate(a, inner, cv2.TM_CCOEFF_NORMED).max(), 0, 1))
