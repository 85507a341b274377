"""Labels are read off any layout in which MEAD has been seen."""

from pathlib import Path

import pytest

from mead_manip.errors import UsageError
from mead_manip.media.mead_tree import ClipLabels, Selection, find_videos, parse_clip_path

M003 = ClipLabels("M003", "front", "angry", 3, 12)


@pytest.mark.parametrize(
    "path",
    [
        "MEAD/M003/video/front/angry/level_3/012.mp4",
        "MEAD/M003/1/front/angry/level_3/012.mp4",  # "video" is named 1 or 2 for some actors
        "/data/M003/video/extra/front/angry/level_3/012.mp4",  # one more level
        "M003/front/angry/level_3/output/012.MP4",
        "MEAD/video/front/M003#angry#level_3#012.mp4",  # EDTalk, in a folder that names the view
        "x/front/M003_ang_3_012.mp4",  # EAT
        "/home/W009/happy/left_30/M003/front/angry/level_3/012.mp4",  # the user's folders are not MEAD's
        "M003/front/anger/level3/012.mp4",
    ],
)
def test_layouts(path):
    assert parse_clip_path(Path(path)) == M003


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("M/W011/video/left_60/contempt/level_1/003.mp4", ClipLabels("W011", "left_60", "contempt", 1, 3)),
        ("M/W011/video/right-30/Neutral/level_1/040.mp4", ClipLabels("W011", "right_30", "neutral", 1, 40)),
        ("M003_01_1_output_01.mp4", ClipLabels("M003", sentence=1)),
        ("M028/front/sad/level_2/M028_001-r.mp4", ClipLabels("M028", "front", "sad", 2, 1)),
        ("holiday/sad/001.mp4", ClipLabels(emotion="sad")),
        ("holiday.mp4", ClipLabels()),
    ],
)
def test_what_is_unknown_stays_unknown(path, expected):
    assert parse_clip_path(Path(path)) == expected


def test_all_short_emotions_of_eat():
    shorts = {
        "ang": "angry",
        "con": "contempt",
        "dis": "disgusted",
        "fea": "fear",
        "hap": "happy",
        "neu": "neutral",
        "sad": "sad",
        "sur": "surprised",
    }
    for short, emotion in shorts.items():
        assert parse_clip_path(Path(f"W009_{short}_1_001.mp4")).emotion == emotion


def test_selection_checks_its_words_and_filters():
    selection = Selection.parse(["m003"], ["front"], ["anger"], ["level_3"])
    assert selection.wants(M003) and not selection.wants_all
    assert not selection.wants(ClipLabels("M003", "top", "angry", 3, 12))
    assert Selection.parse().wants_all and Selection.parse().wants(ClipLabels())
    for bad in ({"views": ["behind"]}, {"emotions": ["bored"]}, {"levels": ["4"]}):
        with pytest.raises(UsageError, match="expected one of"):
            Selection.parse(**bad)


def test_find_videos_skips_hidden_and_other_files(tmp_path):
    for name in ("b/2.mp4", "a/1.MOV", "a/.hidden.mp4", ".cache/3.mp4", "a/audio.m4a"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [p.relative_to(tmp_path).as_posix() for p in find_videos(tmp_path)] == ["a/1.MOV", "b/2.mp4"]
