"""One look at a clip: can it be read, what does its header say, how does it look and sound."""

from __future__ import annotations

import base64
import dataclasses
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MediaError
from .audio import read_mono
from .fingerprint import SOUND_RATE, Picture, Sound, picture_of, reduced, sound_of
from .video import count_frames, has_its_end, probe, read_brightness

MOMENTS = tuple(index / 4 for index in range(9))  # seconds: the pictures that are fingerprinted
SOUND_SECONDS = 8.0


@dataclass(frozen=True)
class Inspection:
    """What a look at a clip tells; `error` says why it cannot be read, and the rest is then as far as it is known."""

    error: str = ""
    width: int = 0
    height: int = 0
    fps: Fraction = Fraction(0)
    n_frames: int = 0  # as the header promises, or by duration and rate
    audio: str = ""  # codec; "" where there is no sound track
    peak: float = 0.0  # largest absolute sample of the sound's beginning
    deep: bool = False  # every frame was decoded
    picture: Picture | None = None  # None where no fingerprints were asked for
    sound: Sound | None = None

    def to_json(self) -> dict[str, Any]:
        """Give plain values."""
        record = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        record["fps"] = str(self.fps)
        if self.picture is not None:
            record["picture"] = [_text(self.picture.frames), _text(self.picture.changes)]
        if self.sound is not None:
            record["sound"] = [_text(self.sound.words), _text(np.packbits(self.sound.loud))]
        return record

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Inspection:
        """Read the plain values back; raises KeyError, TypeError or ValueError for anything else."""
        record = {**record, "fps": Fraction(record["fps"])}
        if record["picture"] is not None:
            frames, changes = record["picture"]
            record["picture"] = Picture(_array(frames, "<u8"), _array(changes, "<u8"))
        if record["sound"] is not None:
            words = _array(record["sound"][0], "<u4")
            loud = np.unpackbits(_array(record["sound"][1], "u1"), count=len(words)).astype(bool)
            record["sound"] = Sound(words, loud)
        return cls(**record)


def inspect(path: Path, *, deep: bool = False, fingerprints: bool = True) -> Inspection:
    """Look at a clip: its header, its first frame and its last packet; with `deep`, every frame."""
    known = Inspection(deep=deep)
    try:
        info = probe(path)
        known = dataclasses.replace(
            known,
            width=info.width,
            height=info.height,
            fps=info.fps,
            n_frames=info.n_frames or round((info.duration or 0) * info.fps),
            audio=info.audio_codec or "",
        )
        if deep:
            known = dataclasses.replace(known, n_frames=count_frames(path))
        if not has_its_end(path):
            return dataclasses.replace(known, error="cut short: frames that its header promises are not in the file")
        samples = read_mono(path, SOUND_RATE, SOUND_SECONDS)
        known = dataclasses.replace(known, peak=float(np.abs(samples).max(initial=0)))
        if not fingerprints:
            return known
        picture = picture_of([reduced(moment) for moment in read_brightness(path, MOMENTS)])
        return dataclasses.replace(known, picture=picture, sound=sound_of(samples))
    except MediaError as error:
        return dataclasses.replace(known, error=error.found.removeprefix(str(path)).lstrip(": "))


def _text(array: np.ndarray) -> str:
    return base64.b64encode(array.tobytes()).decode()


def _array(text: str, dtype: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype).astype(np.dtype(dtype).newbyteorder("="))
