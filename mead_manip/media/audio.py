"""Sound: a mono signal to AAC packets, and any audio track back to mono float."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from jaxtyping import Float32

from mead_manip.errors import MediaError

_AAC_FRAME = 1024


def aac_packets(stream: AudioStream, samples: Float32[np.ndarray, " sample"], rate: int) -> Iterator[av.Packet]:
    """Encode mono samples in -1..1, lazily."""
    for start in range(0, len(samples), _AAC_FRAME):
        block = np.ascontiguousarray(samples[None, start : start + _AAC_FRAME], dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def read_mono(path: Path, rate: int = 16000, seconds: float | None = None) -> Float32[np.ndarray, " sample"]:
    """Decode the first audio track, or its first `seconds`, as mono at `rate` Hz; empty where the file has none."""
    try:
        with av.open(f"file:{path}") as container:
            if not container.streams.audio:
                return np.zeros(0, np.float32)
            resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
            blocks: list[np.ndarray] = []
            for frame in [*_audio_frames(container, seconds), None]:
                blocks += [block.to_ndarray().reshape(-1) for block in resampler.resample(frame)]
    except (av.FFmpegError, OSError) as error:
        raise MediaError(f"{path}: the audio cannot be decoded", expected="a complete file") from error
    return np.concatenate([np.zeros(0, np.float32), *blocks]).astype(np.float32)


def _audio_frames(container: av.container.InputContainer, seconds: float | None) -> Iterator[av.AudioFrame]:
    heard = 0.0
    for frame in container.decode(container.streams.audio[0]):
        frame.pts = None  # the resampler would fill gaps by time stamp; samples are enough here
        yield frame
        heard += frame.samples / frame.sample_rate
        if seconds is not None and heard >= seconds:
            return
