"""A look at a clip tells what is in it, survives JSON, and never raises for a bad file."""

import json
from fractions import Fraction

import numpy as np
from takes import speech, sway, write_take

from mead_manip.media.inspection import Inspection, inspect


def test_facts_come_from_the_file(tmp_path):
    path = write_take(tmp_path / "a.mp4", sway(1, 40, size=64), speech(1, 1.6, 16000), fps=25, rate=16000)
    seen = inspect(path)
    assert (seen.error, seen.width, seen.height, seen.fps, seen.n_frames) == ("", 64, 64, Fraction(25), 40)
    assert seen.audio == "aac" and 0.05 < seen.peak < 1
    assert len(seen.picture.frames) == 7 and seen.sound.loud.any()  # at 0, 0.25, ... 1.5 s


def test_an_inspection_survives_json(tmp_path):
    path = write_take(tmp_path / "a.mp4", sway(1, 20, size=64), speech(1, 0.7, 16000), rate=16000)
    for seen in (inspect(path), inspect(path, fingerprints=False), inspect(tmp_path / "nowhere.mp4", deep=True)):
        back = Inspection.from_json(json.loads(json.dumps(seen.to_json())))
        assert back.to_json() == seen.to_json() and back.fps == seen.fps
        if seen.sound is not None:
            assert (back.sound.words == seen.sound.words).all() and (back.sound.loud == seen.sound.loud).all()
            assert (back.picture.changes == seen.picture.changes).all() and back.picture.frames.dtype == np.uint64


def test_bad_files_are_told_by_their_error_without_their_path(tmp_path):
    whole = write_take(tmp_path / "whole.mp4", sway(1, 60, size=64)).read_bytes()
    for name, content in {"empty": b"", "text": b"no video", "half": whole[: len(whole) // 2]}.items():
        (tmp_path / f"{name}.mp4").write_bytes(content)
        error = inspect(tmp_path / f"{name}.mp4").error
        assert error and str(tmp_path) not in error
    half = inspect(tmp_path / "half.mp4")
    assert half.error.startswith("cut short") and half.n_frames == 60
    deep = inspect(tmp_path / "half.mp4", deep=True)
    assert "of 60 frames can be decoded" in deep.error


def test_a_clip_without_sound_or_motion_has_empty_fingerprints(tmp_path):
    seen = inspect(write_take(tmp_path / "still.mp4", [sway(1)[0]] * 40))
    assert (seen.audio, seen.peak, len(seen.sound.words)) == ("", 0, 0)
    assert not seen.picture.changes.any() and seen.picture.frames.all()
