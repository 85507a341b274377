"""Copies are found after honest abuse; takes of one person before one camera are told apart."""

from fractions import Fraction

import numpy as np
import pytest

from mead_manip.media.fingerprint import (
    SOUND_RATE,
    picture_of,
    reduced,
    same_pictures,
    same_sounds,
    sound_of,
)

MOMENTS = tuple(index / 4 for index in range(9))


def pairs(found):
    return {(pair.first, pair.second) for pair in found}


def speech(seed, seconds=4.0, rate=44100):
    """Make something with the spectrum and the pauses of speech: filtered noise under moving formants."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * rate)) / rate
    knots = np.linspace(0, seconds, int(8 * seconds))
    pitch = np.interp(time, knots, rng.uniform(90, 220, len(knots)))
    loud = np.interp(time, knots, rng.choice([0.02, 0.5, 1.0], len(knots)))
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    formant = np.interp(time, knots, rng.uniform(300, 1800, len(knots)))
    voice = sum(np.exp(-(((k * pitch - formant) / 250) ** 2)) * np.sin(k * phase) for k in range(1, 20))
    return (0.2 * loud * (voice + 0.02 * rng.normal(size=len(time)))).astype(np.float32)


def resampled(samples, rate=44100):
    grid = np.arange(int(len(samples) * SOUND_RATE / rate)) * rate / SOUND_RATE
    kernel = np.hanning(17) / np.hanning(17).sum()
    return np.interp(grid, np.arange(len(samples)), np.convolve(samples, kernel, "same")).astype(np.float32)


def sway(seed, n_frames=75, size=96):
    """Draw a blob of a face that moves before a wall that does not: the wall is the same for every seed."""
    rng = np.random.default_rng(seed)
    wall = np.random.default_rng(99).uniform(40, 200, (6, 6, 3)).repeat(16, 0).repeat(16, 1)
    y, x = np.mgrid[:size, :size]
    path = np.cumsum(rng.normal(0, 0.9, (n_frames, 2)), axis=0)
    path -= path.mean(0)
    mouth = 2 + 4 * np.abs(np.sin(np.cumsum(rng.uniform(0.1, 0.8, n_frames))))
    frames = []
    for (dx, dy), opening in zip(path, mouth, strict=True):
        face = ((x - 48 - dx) / 22) ** 2 + ((y - 48 - dy) / 30) ** 2 < 1
        lips = ((x - 48 - dx) / 9) ** 2 + ((y - 62 - dy) / opening) ** 2 < 1
        frame = np.where(face[..., None], [210, 160, 140], wall)
        frames.append(np.where(lips[..., None], [60, 20, 30], frame).astype(np.uint8))
    return frames


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    """Give a function that encodes frames and fingerprints the file."""
    import cv2

    from mead_manip.media.video import VideoWriter, read_brightness

    folder = tmp_path_factory.mktemp("clips")

    def make(frames, size=96, crf=17, preset="ultrafast"):
        path = folder / f"{len([*folder.iterdir()])}.mp4"
        with VideoWriter(path, size, size, Fraction(30), crf=crf, preset=preset) as writer:
            for frame in frames:
                writer.write(cv2.resize(frame, (size, size), interpolation=cv2.INTER_AREA))
        return picture_of([reduced(picture) for picture in read_brightness(path, MOMENTS)])

    return make


def test_reencoded_pictures_are_the_same_and_other_takes_are_not(encoded):
    takes = [sway(seed) for seed in range(6)]
    originals = [encoded(frames) for frames in takes]
    copies = [
        encoded(takes[0], crf=34, preset="fast"),
        encoded(takes[1], size=64, crf=26, preset="veryfast"),
        encoded([np.clip(frame * 0.9 + 12, 0, 255).astype(np.uint8) for frame in takes[2]], crf=23),
    ]
    assert pairs(same_pictures(originals + copies)) == {(0, 6), (1, 7), (2, 8)}


def test_clips_that_do_not_move_are_never_called_the_same(encoded):
    still = [sway(0)[0]] * 75
    assert same_pictures([encoded(still), encoded(still, crf=30)]) == []


def test_short_clips_have_few_moments_and_no_false_matches(encoded):
    assert len(encoded(sway(0, n_frames=12)).frames) == 2
    assert same_pictures([encoded(sway(0, n_frames=12)), encoded(sway(0, n_frames=12)), encoded(sway(1))]) == []
    assert same_pictures([]) == [] and same_pictures([picture_of([])]) == []


def test_reencoded_sound_is_the_same_and_other_sentences_are_not(tmp_path):
    from mead_manip.media.audio import read_mono
    from mead_manip.media.video import VideoWriter

    def encode(name, samples, rate):
        with VideoWriter(tmp_path / name, 32, 32, Fraction(30), sound=(samples, rate)) as writer:
            for _ in range(120):
                writer.write(np.zeros((32, 32, 3), np.uint8))
        return sound_of(read_mono(tmp_path / name, SOUND_RATE, seconds=8))

    sentences = [encode(f"{seed}.mp4", speech(seed), 44100) for seed in range(5)]
    copy = encode("copy.mp4", 0.4 * speech(0, rate=22050), 22050)  # another rate, another gain, another encoder state
    assert pairs(same_sounds([*sentences, copy])) == {(0, 5)}
    assert same_sounds([*sentences, copy], groups=[7, 1, 2, 3, 4, 7]) == []


def test_sound_is_recognised_through_noise_and_when_it_begins_later():
    rng = np.random.default_rng(0)
    plain = speech(1)
    noisy = plain + 0.05 * plain.std() * rng.normal(size=len(plain)).astype(np.float32)
    late = np.concatenate([np.zeros(4000, np.float32), plain])
    clips = [sound_of(resampled(samples)) for samples in (plain, noisy, late, speech(2))]
    assert pairs(same_sounds(clips)) == {(0, 1), (0, 2), (1, 2)}


def test_silence_matches_nothing():
    quiet = sound_of(np.zeros(4 * SOUND_RATE, np.float32))
    assert not quiet.loud.any() and same_sounds([quiet, quiet]) == []
    assert len(sound_of(np.zeros(100, np.float32)).words) == 0 and same_sounds([]) == []


def test_hundreds_of_takes_of_one_setting_give_no_false_alarm():
    from mead_manip.media.fingerprint import Picture, Sound

    rng = np.random.default_rng(0)
    scene = rng.integers(0, 1 << 63, 9, dtype=np.uint64)
    clips = [Picture(scene, rng.integers(1, 1 << 63, 8, dtype=np.uint64)) for _ in range(600)]
    assert same_pictures(clips) == []
    words = [rng.integers(0, 1 << 32, 300).astype(np.uint32) for _ in range(600)]
    assert same_sounds([Sound(word, np.ones(300, bool)) for word in words]) == []
