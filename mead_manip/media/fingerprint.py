"""Fingerprints that survive re-encoding: of pictures, of what moves in them, and of sound.

Pictures: the DCT hash of Zauner (Implementation and Benchmarking of Perceptual Image Hash Functions, 2010): 32x32 grey,
the 8x8 lowest frequencies without the constant row and column, one bit each: is it above the median? A studio's camera
and chair never move, so all clips of an actor share their pictures; the same hash of the change between two frames is
what tells takes apart.

Sound: Haitsma and Kalker (A Highly Robust Audio Fingerprinting System, 2002): every 11.6 ms a 32-bit word, whose bits
are the signs of energy differences between 33 logarithmic bands from 300 to 2000 Hz and between two frames of 0.37 s.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8, UInt32, UInt64

SOUND_RATE = 5512  # Hz: what the bands need
SIDE = 32  # pixels of a reduced picture
_FRAME, _HOP, _BANDS = 2048, 64, 33  # samples, samples, energy bands
_EDGES = np.round(np.geomspace(300, 2000, _BANDS + 1) * _FRAME / SOUND_RATE).astype(int)
_QUIET = 1e-5  # share of the loudest frame's energy under which a frame says nothing
_MAX_WORDS = 512  # 6 s
_STILL = 0.4  # grey levels: a change whose spread is smaller is noise of the codec
_BITS = np.array([bin(value).count("1") for value in range(1 << 16)], np.uint8)
_CROWD = 32  # a word that more clips share than this tells nothing

# Largest share of bits that differ between copies; independent clips lie at 0.5. Measured on six real clips, cut into
# takes of 2.5 s and encoded again (x264 crf 20 to 38, half the size, 25 fps), for pictures, motion and the second worst
# change: 95 % of the copies lie below 0.02, 0.22 and 0.31; 95 % of the takes of one person above 0.04, 0.40 and 0.50.
# Haitsma and Kalker allow sound 0.35.
SAME_PICTURE, SAME_MOTION, SAME_CHANGE, SAME_SOUND, OTHER_SOUND = 0.08, 0.2, 0.35, 0.25, 0.35
_LEAST_WORDS = 86  # of sound that two clips must share: 1 s
_SLACK = 16  # words by which encoders move sound: 0.2 s
_LEAST_CHANGES = 3  # changes between frames that both clips must show


@dataclass(frozen=True)
class Picture:
    """Hashes of some frames of a clip, and of the changes from each to the next; 0 where nothing moves."""

    frames: UInt64[np.ndarray, " moment"]
    changes: UInt64[np.ndarray, " change"]


@dataclass(frozen=True)
class Sound:
    """The sub-fingerprints of a clip's beginning, and which of them are loud enough to count."""

    words: UInt32[np.ndarray, " word"]
    loud: Bool[np.ndarray, " word"]


@dataclass(frozen=True)
class Pair:
    """Two clips that are the same, by their places in the list, and the share of bits that differ."""

    first: int
    second: int
    distance: float


def reduced(grey: UInt8[np.ndarray, "height width"]) -> Float32[np.ndarray, "side side"]:
    """Shrink a picture by averaging areas, which removes what codecs add."""
    return cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)


def picture_of(moments: Sequence[Float32[np.ndarray, "side side"]]) -> Picture:
    """Fingerprint a clip by reduced pictures of given moments."""
    changes = [after - before for before, after in itertools.pairwise(moments)]
    return Picture(
        np.array([_hash(moment) for moment in moments], np.uint64),
        np.array([_hash(change) if change.std() >= _STILL else 0 for change in changes], np.uint64),
    )


def sound_of(samples: Float32[np.ndarray, " sample"]) -> Sound:
    """Fingerprint mono samples at SOUND_RATE."""
    n_frames = min((len(samples) - _FRAME) // _HOP + 1, _MAX_WORDS + 1)
    if n_frames < 2:
        return Sound(np.zeros(0, np.uint32), np.zeros(0, bool))
    windows = np.lib.stride_tricks.sliding_window_view(samples, _FRAME)[::_HOP][:n_frames]
    power = np.abs(np.fft.rfft(windows * np.hanning(_FRAME).astype(np.float32), axis=1)) ** 2
    summed = np.concatenate([np.zeros((n_frames, 1)), np.cumsum(power, axis=1)], axis=1)
    energy = summed[:, _EDGES[1:]] - summed[:, _EDGES[:-1]]
    difference = energy[:, :-1] - energy[:, 1:]
    bits = np.diff(difference, axis=0) > 0
    loudness = energy.sum(axis=1)[1:]
    words = bits @ (np.uint64(1) << np.arange(_BANDS - 1, dtype=np.uint64))
    return Sound(words.astype(np.uint32), (loudness > _QUIET * loudness.max()) & (loudness > 0))


def same_pictures(clips: Sequence[Picture]) -> list[Pair]:
    """Find the clips that show the same scene moving in the same way."""
    shared = max((len(clip.changes) for clip in clips), default=0)
    if not shared:
        return []
    frames = np.stack([_padded(clip.frames, shared + 1) for clip in clips])
    changes = np.stack([_padded(clip.changes, shared) for clip in clips])
    # Candidates have a quarter of a hash in common: with a tenth of the bits of 8 changes wrong, 99.9 % of copies have.
    quarters = changes.view(np.uint16)
    owners, places = np.nonzero(np.repeat(changes != 0, 4, axis=1))
    keys = (places.astype(np.uint64) << np.uint64(16)) | quarters[owners, places]
    first, second, _ = _meetings(keys, owners, np.zeros(len(owners), np.int64))
    moving = (changes[first] != 0) & (changes[second] != 0)
    seen = (frames[first] != 0) & (frames[second] != 0)
    differing = np.where(moving, _ones(changes[first] ^ changes[second]) / 64, 0)
    of_changes = differing.sum(1) / np.maximum(moving.sum(1), 1)
    of_frames = np.where(seen, _ones(frames[first] ^ frames[second]) / 64, 0).sum(1) / np.maximum(seen.sum(1), 1)
    second_worst = np.sort(differing, axis=1)[:, -2:][:, 0] if len(first) else of_changes
    same = (moving.sum(1) >= _LEAST_CHANGES) & (of_changes <= SAME_MOTION) & (of_frames <= SAME_PICTURE)
    same &= second_worst <= SAME_CHANGE
    return [Pair(int(a), int(b), float(d)) for a, b, d in zip(first[same], second[same], of_changes[same], strict=True)]


def same_sounds(clips: Sequence[Sound], may: Callable[[int, int], bool] | None = None) -> list[Pair]:
    """Find the clips that sound alike at any shift, but for those that `may` (one take seen by several cameras)."""
    words = np.concatenate([np.zeros(0, np.uint32), *(clip.words for clip in clips)])
    loud = np.concatenate([np.zeros(0, bool), *(clip.loud for clip in clips)])
    owners = np.repeat(np.arange(len(clips)), [len(clip.words) for clip in clips])
    places = np.concatenate([np.zeros(0, np.int64), *(np.arange(len(clip.words)) for clip in clips)])
    # An eighth of the words, the same eighth in every clip, is enough to meet.
    chosen = loud & ((words * np.uint32(2654435761) >> np.uint32(29)) == 0)
    first, second, shift = _meetings(words[chosen].astype(np.uint64), owners[chosen], places[chosen])
    pairs = []
    for a, b, offset in zip(first.tolist(), second.tolist(), shift.tolist(), strict=True):
        if may is not None and may(a, b):
            continue
        distance = _sound_distance(clips[a], clips[b], offset)
        if distance <= SAME_SOUND:
            pairs.append(Pair(a, b, distance))
    return pairs


def sounds_differ(first: Sound, second: Sound) -> bool:
    """Tell whether two clips, begun together, certainly sound different; False where too little is loud to say."""
    at_rest = [_sound_distance(first, second, shift) for shift in range(-_SLACK, _SLACK + 1)]
    return OTHER_SOUND < min(at_rest) < 1.0


# ---- below: bits --------------------------------------------------------------------------------------------------


def _hash(picture: Float32[np.ndarray, "side side"]) -> int:
    low = cv2.dct(picture)[1:9, 1:9].reshape(-1)
    bits = low > np.median(low)
    return int(np.packbits(bits).view(">u8")[0])


def _padded(values: UInt64[np.ndarray, " some"], length: int) -> UInt64[np.ndarray, " length"]:
    return np.pad(values, (0, length - len(values)))


def _ones(values: np.ndarray) -> np.ndarray:
    """Count the bits that are set in each word."""
    halves = np.ascontiguousarray(values).view(np.uint16).reshape(*values.shape, values.itemsize // 2)
    return _BITS[halves].sum(axis=-1, dtype=np.int64)


def _sound_distance(first: Sound, second: Sound, shift: int) -> float:
    """Give the share of differing bits where word k of the first meets word k + shift of the second; 1 if few do."""
    start, stop = max(0, -shift), min(len(first.words), len(second.words) - shift)
    if stop - start < _LEAST_WORDS:
        return 1.0
    here, there = slice(start, stop), slice(start + shift, stop + shift)
    both = first.loud[here] & second.loud[there]
    if both.sum() < _LEAST_WORDS:
        return 1.0
    return float(_ones((first.words[here] ^ second.words[there])[both]).mean() / 32)


def _meetings(
    keys: UInt64[np.ndarray, " key"], owners: Int64[np.ndarray, " key"], places: Int64[np.ndarray, " key"]
) -> tuple[Int64[np.ndarray, " pair"], Int64[np.ndarray, " pair"], Int64[np.ndarray, " pair"]]:
    """Pair the owners that share a key, each pair once (first < second), with the commonest shift of their places."""
    order = np.lexsort((places, owners, keys))
    keys, owners, places = keys[order], owners[order], places[order]
    starts = np.flatnonzero(np.diff(keys, prepend=keys[:1] + np.uint64(1)))
    lengths = np.diff(np.append(starts, len(keys)))
    few = np.repeat(lengths <= _CROWD, lengths)
    keys, owners, places = keys[few], owners[few], places[few]
    found: list[np.ndarray] = [np.zeros((0, 3), np.int64)]
    for step in range(1, min(_CROWD, len(keys))):
        meet = (keys[:-step] == keys[step:]) & (owners[:-step] != owners[step:])
        found.append(
            np.stack([owners[:-step][meet], owners[step:][meet], (places[step:] - places[:-step])[meet]], axis=1)
        )
    rows, counts = np.unique(np.concatenate(found), axis=0, return_counts=True)
    best = np.lexsort((-counts, rows[:, 1], rows[:, 0]))
    rows = rows[best]
    new = np.any(np.diff(rows[:, :2], axis=0, prepend=-1), axis=1)
    return rows[new, 0], rows[new, 1], rows[new, 2]
