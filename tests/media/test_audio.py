"""Sound survives AAC: level, pitch, length."""

from fractions import Fraction

import numpy as np
import pytest


def test_a_tone_survives(tmp_path):
    from mead_manip.media.audio import read_mono
    from mead_manip.media.video import VideoWriter

    rate = 44100
    time = np.arange(rate) / rate
    loudness = np.where(time < 0.5, 0.1, 0.5)
    samples = (loudness * np.sin(2 * np.pi * 441 * time)).astype(np.float32)
    with VideoWriter(tmp_path / "a.mp4", 32, 32, Fraction(25), sound=(samples, rate)) as writer:
        for _ in range(25):
            writer.write(np.zeros((32, 32, 3), np.uint8))
    heard = read_mono(tmp_path / "a.mp4", 16000)
    assert abs(len(heard) - 16000) < 2000
    quiet, loud = heard[2000:7000], heard[9000:14000]
    assert np.sqrt(np.mean(quiet**2)) == pytest.approx(0.1 / np.sqrt(2), rel=0.1)
    assert np.sqrt(np.mean(loud**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.1)
    assert np.abs(np.fft.rfft(loud)).argmax() * 16000 / len(loud) == pytest.approx(441, abs=5)


def test_no_audio_is_empty_and_no_file_is_an_error(tmp_path):
    from mead_manip.errors import MediaError
    from mead_manip.media.audio import read_mono
    from mead_manip.media.video import VideoWriter

    with VideoWriter(tmp_path / "a.mp4", 32, 32, Fraction(25)) as writer:
        writer.write(np.zeros((32, 32, 3), np.uint8))
    assert read_mono(tmp_path / "a.mp4").shape == (0,)
    (tmp_path / "b.mp4").write_bytes(b"nothing")
    with pytest.raises(MediaError, match="cannot be decoded"):
        read_mono(tmp_path / "b.mp4")
