"""Cuts: found between shots, and only there."""

import numpy as np
import pytest


def scene(seed: int, n_frames: int, drift: float = 0.4) -> list[np.ndarray]:
    """A textured picture under a slowly moving camera."""
    import cv2

    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (18, 30, 3)).astype(np.float32)
    wide = cv2.resize(coarse, (360, 216), interpolation=cv2.INTER_CUBIC).clip(0, 255)
    shifts = [np.array([[1, 0, -20 - drift * k], [0, 1, -20 + 0.3 * drift * k]]) for k in range(n_frames)]
    moved = [cv2.warpAffine(wide, shift, (192, 144), borderMode=cv2.BORDER_REFLECT) for shift in shifts]
    return [(frame + rng.normal(0, 3, frame.shape)).clip(0, 255).astype(np.uint8) for frame in moved]


def cuts_of(frames: list[np.ndarray]) -> list[int]:
    from mead_manip.media.shots import Thumbnail, with_cuts

    passed = list(with_cuts(((index, 0, frame) for index, frame in enumerate(frames)), Thumbnail.of))
    assert [frame.index for frame in passed] == list(range(len(frames)))
    assert all(a.picture is b for a, b in zip(passed, frames, strict=True))
    return [frame.index for frame in passed if frame.cut]


def test_one_shot_has_no_cut():
    assert cuts_of(scene(0, 30)) == []
    assert cuts_of([]) == [] and cuts_of(scene(0, 1)) == [] and cuts_of(scene(0, 2)) == []


def test_cuts_are_where_scenes_meet():
    assert cuts_of(scene(0, 12) + scene(1, 7) + scene(2, 9)) == [12, 19]
    black = [np.zeros((144, 192, 3), np.uint8)] * 10
    assert cuts_of(black + scene(0, 12) + black) == [10, 22]


def test_a_flash_is_no_cut():
    frames = scene(0, 30)
    for length in (1, 2):
        flashed = list(frames)
        for k in range(15, 15 + length):
            flashed[k] = (flashed[k].astype(int) + 170).clip(0, 255).astype(np.uint8)
        assert cuts_of(flashed) == []
    covered = list(frames)
    covered[15] = covered[16] = np.full_like(frames[0], 40)
    assert cuts_of(covered) == []


def test_a_lamp_is_no_cut():
    frames = scene(0, 30)
    assert cuts_of(frames[:15] + [(frame * 0.4).astype(np.uint8) for frame in frames[15:]]) == []


def test_a_fast_pan_is_no_cut():
    assert cuts_of(scene(0, 12, drift=0.0)[:6] + scene(0, 16, drift=8.0)[1:]) == []


@pytest.fixture(scope="module")
def footage(shared):
    """Give the first and the last frames of real clips at one size."""
    import cv2

    from mead_manip.media.video import read_frames

    def read(name, end):
        frames = [frame for _, _, frame in read_frames(shared / "media" / "video" / f"{name}.mp4", end=end)]
        return [cv2.resize(frame, (480, 480), interpolation=cv2.INTER_AREA) for frame in frames]

    return {name: read(name, 40) for name in ("talk_d5", "talk_d8", "talk_d18", "talk_d3", "talk_d9")}


def test_cuts_between_real_clips(footage):
    from itertools import chain

    frames = list(chain.from_iterable(footage.values()))
    assert cuts_of(frames) == [40, 80, 120, 160]


def test_a_flash_in_a_real_clip_is_no_cut(footage):
    frames = list(footage["talk_d3"])
    frames[20] = (frames[20].astype(int) + 150).clip(0, 255).astype(np.uint8)
    assert cuts_of(frames) == []
