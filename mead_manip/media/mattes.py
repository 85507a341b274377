"""Mattes made by any tool: a video, numbered pictures, or one picture -> the matte of every frame, in order."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from jaxtyping import UInt8

from mead_manip import files
from mead_manip.errors import InputMissing, MediaError, UsageError
from mead_manip.media.images import decode_grey
from mead_manip.media.video import count_frames, probe, read_frames

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
SNAP = 4  # levels: what lossy files make of black and white is black and white
_NUMBER = re.compile(r"#+|%0?\d*d")
_LEVELS = np.clip(np.rint((np.arange(256) - SNAP) * 255 / (255 - 2 * SNAP)), 0, 255).astype(np.uint8)

Matte = UInt8[np.ndarray, "height width"]  # 255 in front, 0 not
F = TypeVar("F")


@dataclass(frozen=True)
class Mattes:
    """Where the mattes of a clip are: one video, one picture for all frames, or a picture for each."""

    given: str  # as it was named
    paths: tuple[Path, ...]
    kind: str  # video, picture or pictures

    @property
    def digest(self) -> str:
        """Give the sha256 of the content: of the file, or of the files' own, in their order."""
        if self.kind != "pictures":
            return files.digest(self.paths[0])
        return hashlib.sha256("".join(files.digest(path) for path in self.paths).encode()).hexdigest()

    def check(self, n_frames: int, width: int, height: int) -> None:
        """Refuse another number of frames than a clip has, or another size."""
        info = probe(self.paths[0]) if self.kind == "video" else None
        size = (info.width, info.height) if info else _read(self.paths[0]).shape[::-1]
        if size != (width, height):
            raise self._unfit(f"is {size[0]}x{size[1]}", f"{width}x{height}, as the video has")
        if self.kind == "picture":
            return
        count = len(self.paths) if info is None else info.n_frames or count_frames(self.paths[0])
        if count != n_frames:
            raise self._unfit(f"has {count} frames", f"{n_frames}, one for each frame of the video")

    def frames(self, first: int = 0) -> Iterator[Matte]:
        """Give the mattes from frame `first` on; one picture stands for every frame, without an end."""
        if self.kind == "picture":
            return itertools.repeat(_read(self.paths[0]))
        if self.kind == "pictures":
            return map(_read, self.paths[first:])
        grey = (cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY) for _, _, rgb in read_frames(self.paths[0], first))
        return (cv2.LUT(matte, _LEVELS) for matte in grey)

    def beside(self, frames: Iterable[F], first: int = 0) -> Iterator[tuple[F, Matte]]:
        """Give each frame with its matte, from frame `first` on; where mattes end too early, whatever a header said,
        or change their size, this is refused."""
        mattes, size = self.frames(first), None
        for count, frame in enumerate(frames, first):
            matte = next(mattes, None)
            if matte is None:
                raise self._unfit(f"has {count} frames", "one for each frame of the video")
            size = size or matte.shape
            if matte.shape != size:
                raise self._unfit(f"is {matte.shape[1]}x{matte.shape[0]} in frame {count}", f"{size[1]}x{size[0]}")
            yield frame, matte

    def _unfit(self, found: str, expected: str) -> MediaError:
        remedy = "export the matte once more from this very video, or give one picture for all frames"
        return MediaError(f"--mask {self.given} {found}", expected=expected, remedy=remedy)


def find_mattes(given: str) -> Mattes:
    """Find what a name stands for: a video, a picture, a folder of pictures, or a pattern such as `matte.####.png`."""
    path = Path(given)
    if _NUMBER.search(path.name) and not path.exists():
        return Mattes(given, _numbered(path), "pictures")
    if path.is_dir():
        found = sorted((p for p in path.iterdir() if p.suffix.lower() in PICTURES), key=_natural)
        if not found:
            raise InputMissing(f"--mask {given}: no picture in this folder", expected=", ".join(PICTURES))
        return Mattes(given, tuple(found), "pictures")
    if not path.is_file():
        raise InputMissing(
            f"--mask {given} does not exist",
            expected="none, auto, a video, a picture, a folder of pictures or a pattern such as matte.####.png",
        )
    return Mattes(given, (path,), "picture" if path.suffix.lower() in PICTURES else "video")


def _numbered(pattern: Path) -> tuple[Path, ...]:
    """Give the pictures of a pattern in the order of their numbers; a gap among them is refused."""
    if pattern.suffix.lower() not in PICTURES:
        raise UsageError(f"--mask {pattern}", expected="pictures: " + ", ".join(PICTURES))
    before, after = _NUMBER.split(pattern.name, maxsplit=1)
    name = re.compile(re.escape(before) + r"(\d+)" + re.escape(after))
    found = {}
    for path in pattern.parent.iterdir() if pattern.parent.is_dir() else ():
        match = name.fullmatch(path.name)
        if match:
            found[int(match[1])] = path
    if not found:
        raise InputMissing(f"--mask {pattern}: no such picture", expected="pictures that are numbered like this")
    for number in range(min(found), max(found)):
        if number not in found:
            raise InputMissing(
                f"--mask {pattern}: number {number} is missing",
                expected=f"all from {min(found)} to {max(found)}",
                remedy="export it again; a frame without anything in front is black",
            )
    return tuple(found[number] for number in sorted(found))


def _natural(path: Path) -> list[tuple[int, str]]:
    """Order names as people do: 2 before 10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name)]


def _read(path: Path) -> Matte:
    try:
        return cv2.LUT(decode_grey(path.read_bytes()), _LEVELS)
    except OSError as error:
        raise MediaError(f"--mask {path} cannot be read: {error.strerror}", expected="a picture") from error
    except MediaError as error:
        raise MediaError(f"--mask {path} is no readable picture", expected=", ".join(PICTURES)) from error


__all__ = ["Matte", "Mattes", "find_mattes"]
