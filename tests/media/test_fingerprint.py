"""Copies are found after honest abuse; takes of one person before one camera are told apart."""

import numpy as np
import pytest
from takes import resized, speech, sway, write_take

from mead_manip.media.fingerprint import (
    SOUND_RATE,
    picture_of,
    reduced,
    same_pictures,
    same_sounds,
    sound_of,
    sounds_differ,
)

MOMENTS = tuple(index / 4 for index in range(9))


def pairs(found):
    return {(pair.first, pair.second) for pair in found}


def at_sound_rate(samples, rate=44100):
    grid = np.arange(int(len(samples) * SOUND_RATE / rate)) * rate / SOUND_RATE
    kernel = np.hanning(17) / np.hanning(17).sum()
    return np.interp(grid, np.arange(len(samples)), np.convolve(samples, kernel, "same")).astype(np.float32)


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    """Give a function that encodes frames and fingerprints the file."""
    from mead_manip.media.video import read_brightness

    folder = tmp_path_factory.mktemp("clips")

    def make(frames, size=96, crf=17):
        path = write_take(folder / f"{len([*folder.iterdir()])}.mp4", resized(frames, size), crf=crf)
        return picture_of([reduced(picture) for picture in read_brightness(path, MOMENTS)])

    return make


def test_reencoded_pictures_are_the_same_and_other_takes_are_not(encoded):
    takes = [sway(seed) for seed in range(6)]
    originals = [encoded(frames) for frames in takes]
    copies = [
        encoded(takes[0], crf=34),
        encoded(takes[1], size=64, crf=26),
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

    def encode(name, samples, rate):
        path = write_take(tmp_path / name, [np.zeros((32, 32, 3), np.uint8)] * 120, samples, rate=rate)
        return sound_of(read_mono(path, SOUND_RATE, seconds=8))

    sentences = [encode(f"{seed}.mp4", speech(seed), 44100) for seed in range(5)]
    copy = encode("copy.mp4", 0.4 * speech(0, rate=22050), 22050)  # another rate, another gain, another encoder state
    assert pairs(same_sounds([*sentences, copy])) == {(0, 5)}
    assert same_sounds([*sentences, copy], may=lambda a, b: {a, b} == {0, 5}) == []


def test_sound_is_recognised_through_noise_and_when_it_begins_later():
    rng = np.random.default_rng(0)
    plain = speech(1)
    noisy = plain + 0.05 * plain.std() * rng.normal(size=len(plain)).astype(np.float32)
    late = np.concatenate([np.zeros(4000, np.float32), plain])
    clips = [sound_of(at_sound_rate(samples)) for samples in (plain, noisy, late, speech(2))]
    assert pairs(same_sounds(clips)) == {(0, 1), (0, 2), (1, 2)}


def test_sounds_differ_only_where_both_are_loud_enough_to_say():
    first, second, quiet = (at_sound_rate(samples) for samples in (speech(1), speech(2), np.zeros(44100 * 4)))
    late = np.concatenate([np.zeros(300, np.float32), first])
    clips = [sound_of(samples.astype(np.float32)) for samples in (first, second, quiet, late)]
    assert sounds_differ(clips[0], clips[1])
    assert not sounds_differ(clips[0], clips[2]) and not sounds_differ(clips[0], clips[3])


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
