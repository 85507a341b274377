"""Labels are read off any layout in which MEAD has been seen."""

from pathlib import Path

import pytest

from mead_manip.errors import UsageError
from mead_manip.media.mead_tree import (
    ClipLabels,
    Selection,
    find_videos,
    layout_of,
    parse_clip_path,
    with_sentences,
)

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
        "M003/2/front/angry/level_3/012 (1).mp4",  # a browser's second download
        "m003/FRONT/Angry/Level-3/012.mp4",
        "M003/video.tar.d/front/angry/v1.2/level_3/012.mp4",  # dots in folders
        "./W009/../M003/./video/front/angry/level_3/012.mp4",
        "w640/M003/front/angry/level_3/012_25fps.mp4",
        "front/M003-angry-level_3-012-r.mp4",
    ],
)
def test_layouts(path):
    assert parse_clip_path(Path(path)) == M003


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("M/W011/video/left_60/contempt/level_1/003.mp4", ClipLabels("W011", "left_60", "contempt", 1, 3)),
        ("M/W011/video/right-30/Neutral/level_1/040.mp4", ClipLabels("W011", "right_30", "neutral", 1, 40)),
        ("M003_01_1_output_01.mp4", ClipLabels("M003", "", "angry", 1, 101)),
        ("M028/front/sad/level_2/M028_001-r.mp4", ClipLabels("M028", "front", "sad", 2, 1)),
        ("front/W003_73_1_output_02.mp4", ClipLabels("W003", "front", "neutral", 1, 7302)),
        ("M003_00_1_output_02.mp4", ClipLabels("M003", "", "", 1, 2)),  # no such page
        ("M003/left 30/disgust/level_2/007.mov", ClipLabels("M003", "left_30", "disgusted", 2, 7)),
        ("w640/sad/001.mp4", ClipLabels(emotion="sad")),
        ("holiday/sad/001.mp4", ClipLabels(emotion="sad")),
        ("holiday.mp4", ClipLabels()),
    ],
)
def test_what_is_unknown_stays_unknown(path, expected):
    assert parse_clip_path(Path(path)) == expected


def test_folders_above_the_root_do_not_label_files_that_name_their_actor():
    path = Path("/home/left_30/W009/eat/M003_ang_3_012.mp4")
    assert parse_clip_path(path, Path("/home/left_30/W009/eat")) == ClipLabels("M003", "", "angry", 3, 12)
    assert parse_clip_path(Path("/x/front/M003_ang_3_012.mp4"), Path("/x/front")) == M003
    # Files that do not name their actor need the folder that does, wherever the root is.
    below = Path("/MEAD/M003/video/front/angry/level_3/012.mp4")
    assert parse_clip_path(below, below.parent) == M003


def test_the_pages_of_the_script_name_the_emotions():
    ends = {8: "angry", 16: "disgusted", 24: "contempt", 33: "fear", 43: "happy", 52: "sad", 61: "surprised"}
    for last, emotion in ends.items():
        assert parse_clip_path(Path(f"M003_{last:02d}_2_output_03.mp4")).emotion == emotion
        assert parse_clip_path(Path(f"M003_{last + 1:02d}_2_output_03.mp4")).emotion != emotion


def test_layouts_are_described_without_names():
    layouts = {
        "M003/video/front/angry/level_3/012.mp4": "<actor>/video/<view>/<emotion>/<level>/<take>.mp4",
        "M003/1/left_30/sad/level_1/001.mp4": "<actor>/1/<view>/<emotion>/<level>/<take>.mp4",
        "M003#angry#level_1#001.mp4": "<actor>#<emotion>#<level>#<take>.mp4",
        "M003_ang_3_001.mp4": "<actor>_<emo>_<level>_<take>.mp4",
        "M003_01_1_output_01.mp4": "<actor>_<page>_<level>_output_<piece>.mp4",
    }
    assert {name: layout_of(Path("/MEAD", name), Path("/MEAD")) for name in layouts} == layouts


def cell(actor, takes, emotion="happy", level=2):
    return {
        Path(f"{actor}/{emotion}/{level}/{take}"): ClipLabels(actor, "front", emotion, level, take) for take in takes
    }


def test_sentences_are_ranks_of_complete_cells():
    gapped = [take for take in range(1, 120) if take % 8 in (1, 2, 3)][:30]
    labels = {**cell("M039", gapped), **cell("M003", range(1, 31)), **cell("W009", range(1, 41), "neutral", 1)}
    ranked = with_sentences(labels)
    assert [ranked[path].sentence for path in cell("M039", gapped)] == list(range(1, 31))
    assert all(clip.sentence == clip.take for clip in ranked.values() if clip.actor != "M039")
    assert all(ranked[path].take == labels[path].take for path in labels)


@pytest.mark.parametrize("takes", [range(1, 30), range(1, 32), range(2, 31)])
def test_incomplete_cells_have_no_sentences(takes):
    assert {clip.sentence for clip in with_sentences(cell("M003", takes)).values()} == {0}


def test_a_take_that_lies_there_twice_leaves_its_cell_unranked():
    labels = cell("M003", range(1, 30))
    labels[Path("copy")] = ClipLabels("M003", "front", "happy", 2, 29)
    assert {clip.sentence for clip in with_sentences(labels).values()} == {0}


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
    assert selection.wants(M003)
    assert not selection.wants(ClipLabels("M003", "top", "angry", 3, 12))
    assert Selection.parse().wants(ClipLabels())
    for bad in ({"views": ["behind"]}, {"emotions": ["bored"]}, {"levels": ["4"]}):
        with pytest.raises(UsageError, match="expected one of"):
            Selection.parse(**bad)


def test_find_videos_skips_hidden_and_other_files(tmp_path):
    for name in ("b/2.mp4", "a/1.MOV", "a/.hidden.mp4", ".cache/3.mp4", "a/audio.m4a"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [p.relative_to(tmp_path).as_posix() for p in find_videos(tmp_path)] == ["a/1.MOV", "b/2.mp4"]


def test_links_to_folders_are_followed_once(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk/001.mp4").touch()
    (tmp_path / "MEAD").mkdir()
    (tmp_path / "MEAD/M003").symlink_to(tmp_path / "disk")
    (tmp_path / "disk/round").symlink_to(tmp_path / "MEAD")
    assert [p.relative_to(tmp_path).as_posix() for p in find_videos(tmp_path / "MEAD")] == ["MEAD/M003/001.mp4"]
