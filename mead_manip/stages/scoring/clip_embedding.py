"""FaceTrack -> image features. Threads read, decode and prepare crops ahead, so that the image tower never waits."""

import collections
import contextlib
import os
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, Int32
from torch import Tensor

from mead_manip.backends.interfaces import ZeroShotScorer
from mead_manip.stages.scoring.clip_sampling import sample_crops

# Crops that the tower takes at a time, over several clips, so that its batches are full.
BATCH = 64
AHEAD = 4  # batches that are prepared before they are needed


@dataclass(frozen=True)
class Embedded:
    """The sampled frames of one clip in the model's space."""

    frame_index: Int32[np.ndarray, " sample"]
    features: Float32[np.ndarray, "sample feature"]


@dataclass(frozen=True)
class _Prepared:
    clip_id: str
    frame_index: Int32[np.ndarray, " sample"]
    pixels: Tensor


def embed_clips(
    scorer: ZeroShotScorer, clips: Mapping[str, Path], frames: int, *, threads: int | None = None
) -> Generator[tuple[str, Embedded | Exception]]:
    """Embed `frames` crops of every clip (id -> FaceTrack); yield each with its features, or with what went wrong."""
    scorer.logit_scale()  # loads the weights, once and here: the threads share them
    held: list[_Prepared] = []
    with contextlib.closing(_prepared(scorer, clips, frames, threads)) as arriving:
        for clip_id, outcome in arriving:
            if isinstance(outcome, Exception):
                yield clip_id, outcome
                continue
            held.append(outcome)
            if sum(len(item.frame_index) for item in held) >= BATCH:
                yield from _embedded(scorer, held)
                held = []
    if held:
        yield from _embedded(scorer, held)


def _embedded(scorer: ZeroShotScorer, held: list[_Prepared]) -> Iterator[tuple[str, Embedded | Exception]]:
    rows = scorer.embedded(torch.cat([item.pixels for item in held]))
    bounds = np.cumsum([len(item.frame_index) for item in held])[:-1]
    for item, features in zip(held, np.split(rows, bounds), strict=True):
        yield item.clip_id, Embedded(item.frame_index, features)


def _prepared(
    scorer: ZeroShotScorer, clips: Mapping[str, Path], frames: int, threads: int | None
) -> Generator[tuple[str, _Prepared | Exception]]:
    """Prepare clips in threads, in order, never more than some batches ahead of who takes them."""
    ahead = max(2, AHEAD * BATCH // frames)
    waiting: collections.deque[tuple[str, Future[_Prepared]]] = collections.deque()
    with ThreadPoolExecutor(threads or max(2, os.cpu_count() or 2), "crops") as pool:
        try:
            for clip_id, path in clips.items():
                waiting.append((clip_id, pool.submit(_prepare, scorer, clip_id, path, frames)))
                if len(waiting) >= ahead:
                    yield _settled(*waiting.popleft())
            while waiting:
                yield _settled(*waiting.popleft())
        finally:
            pool.shutdown(cancel_futures=True)


def _prepare(scorer: ZeroShotScorer, clip_id: str, path: Path, frames: int) -> _Prepared:
    crops = sample_crops(path, frames)
    return _Prepared(clip_id, crops.frame_index, scorer.prepared(crops.images))


def _settled(clip_id: str, future: "Future[_Prepared]") -> tuple[str, _Prepared | Exception]:
    try:
        return clip_id, future.result()
    except Exception as error:  # one clip's failure must not end a run over thousands: it is counted and named
        return clip_id, error
