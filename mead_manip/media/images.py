"""Pictures as bytes: JPEG and PNG of RGB arrays, and many of them in one flat buffer with offsets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Int64, UInt8

from mead_manip.errors import MediaError

_SUFFIX = {"jpeg": ".jpg", "png": ".png"}
MAX_PIXELS = 8192 * 8192


def encode(rgb: UInt8[np.ndarray, "height width rgb=3"], codec: str = "jpeg", quality: int = 95) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if codec == "jpeg" else []
    encoded, data = cv2.imencode(_SUFFIX[codec], cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    if not encoded:
        raise MediaError(f"a {rgb.shape[1]}x{rgb.shape[0]} picture cannot be written as {codec}")
    return data.tobytes()


def decode(data: bytes | UInt8[np.ndarray, " byte"]) -> UInt8[np.ndarray, "height width rgb=3"]:
    return cv2.cvtColor(_decoded(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def decode_grey(data: bytes | UInt8[np.ndarray, " byte"]) -> UInt8[np.ndarray, "height width"]:
    """Give the luminance alone, in less time."""
    return _decoded(data, cv2.IMREAD_GRAYSCALE)


def _decoded(data: bytes | UInt8[np.ndarray, " byte"], flags: int) -> UInt8[np.ndarray, "height width *rgb"]:
    buffer = np.frombuffer(data, np.uint8) if isinstance(data, bytes) else np.asarray(data)
    try:
        picture = cv2.imdecode(buffer, flags) if len(buffer) else None
    except cv2.error:
        picture = None
    if picture is None:
        raise MediaError(f"{len(buffer)} bytes that are no picture", expected="JPEG or PNG")
    return picture


def read_image(path: Path) -> UInt8[np.ndarray, "height width rgb=3"]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror}", expected="a picture") from error
    try:
        return decode(data)
    except MediaError as error:
        raise MediaError(f"{path} is not a readable picture", expected="JPEG or PNG") from error


@dataclass(frozen=True)
class EncodedFrames:
    """Frame k is data[offsets[k] : offsets[k + 1]]; an empty stretch is a frame without a picture."""

    data: UInt8[np.ndarray, " byte"]
    offsets: Int64[np.ndarray, " offset"]

    @classmethod
    def pack(cls, pictures: Iterable[bytes]) -> EncodedFrames:
        pieces = list(pictures)
        offsets = np.cumsum([0, *map(len, pieces)], dtype=np.int64)
        return cls(np.frombuffer(b"".join(pieces), np.uint8), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, frame: int) -> UInt8[np.ndarray, "height width rgb=3"] | None:
        start, stop = self.offsets[frame], self.offsets[frame + 1]
        return decode(self.data[start:stop]) if stop > start else None

    def __iter__(self) -> Iterator[UInt8[np.ndarray, "height width rgb=3"] | None]:
        return (self[frame] for frame in range(len(self)))
