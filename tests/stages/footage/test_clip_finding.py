"""Which clips a path holds; nothing here needs a video that can be read."""

import os

import pytest


@pytest.fixture
def find(tmp_path):
    """Give a function that finds clips below tmp_path/MEAD, as ids."""
    from mead_manip.artifacts.workspace import Workspace
    from mead_manip.config import PreprocessConfig
    from mead_manip.stages.footage.clip_finding import Digests, find_clips
    from mead_manip.stages.running.runner import SilentProgress

    def run(path=tmp_path / "MEAD", **settings):
        digests = Digests(Workspace(tmp_path / "work"), "preprocess")
        clips = find_clips(PreprocessConfig(path=str(path), **settings), digests, SilentProgress())
        digests.keep()
        return clips

    return run


@pytest.fixture
def tree(tmp_path):
    """Give a function that puts files of different content at paths below tmp_path/MEAD."""

    def put(*names):
        for name in names:
            path = tmp_path / "MEAD" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)

    return put


def test_ids_name_takes_and_sentences_are_ranks_before_selection(find, tree):
    gapped = [take for take in range(1, 70) if take % 7 in (1, 2, 3)][:30]
    tree(*(f"M039/video/front/angry/level_2/{take:03d}.mp4" for take in gapped))
    tree("M039/video/front/sad/level_2/004.mp4")
    clips = find(emotions=("angry",))
    assert list(clips) == [f"M039_front_angry_level_2_{take:03d}" for take in gapped]
    assert [clip.labels.sentence for clip in clips.values()] == [*range(1, 31)]
    assert find(emotions=("sad",))["M039_front_sad_level_2_004"].labels.sentence == 0


def test_a_split_keeps_its_own_clips(find, tree):
    from mead_manip.errors import UsageError

    tree(*(f"{actor}/front/angry/level_{level}/001.mp4" for actor in ("M003", "M005", "M023") for level in (1, 3)))
    tree("M003/top/angry/level_3/001.mp4", "M003/front/contempt/level_3/001.mp4", "W029/front/neutral/level_1/001.mp4")
    assert sorted(find(split="ned")) == [
        "M003_front_angry_level_3_001",
        "M023_front_angry_level_3_001",
        "W029_front_neutral_level_1_001",
    ]
    assert list(find(split="ned", actors=("M023", "M005"))) == ["M023_front_angry_level_3_001"]
    with pytest.raises(UsageError, match="--actors M005: none of them in split ned"):
        find(split="ned", actors=("M005",))
    with pytest.raises(UsageError, match="none of the 9 clips"):
        find(split="authors")  # no cell is complete


def test_clips_that_look_alike_by_name_are_told_apart_by_content(find, tree):
    tree("M003/1/front/sad/level_1/001.mp4", "M003/2/front/sad/level_1/001.mp4", "holiday/001.mp4")
    clips = find()
    assert len(clips) == 3 and all(clip_id.endswith(clip.digest[:8]) for clip_id, clip in clips.items())


def test_links_are_named_by_where_they_lie_and_by_where_they_lead(find, tree, tmp_path):
    tree("M003/front/sad/level_1/001.mp4")
    (tmp_path / "store").mkdir()
    (tmp_path / "store/ab12.mp4").write_text("content")
    (tmp_path / "MEAD/M003/front/sad/level_1/002.mp4").symlink_to(tmp_path / "store/ab12.mp4")
    assert list(find()) == ["M003_front_sad_level_1_001", "M003_front_sad_level_1_002"]
    (tmp_path / "link").symlink_to(tmp_path / "MEAD/M003/front")
    assert list(find(tmp_path / "link")) == ["M003_front_sad_level_1_001", "M003_front_sad_level_1_002"]


def test_digests_are_remembered_until_a_file_changes(find, tree, tmp_path):
    tree("M003/front/sad/level_1/001.mp4", "M003/front/sad/level_1/002.mp4")
    before = find()
    changed = tmp_path / "MEAD/M003/front/sad/level_1/002.mp4"
    status, size = changed.stat(), len(changed.read_text())
    changed.write_text("x" * size)
    os.utime(changed, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert find() == before  # the same size and time: the content was not read
    os.utime(changed, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    after = find()
    assert [after[clip] == before[clip] for clip in before] == [True, False]


def test_a_file_that_cannot_be_read_stays_a_clip_and_stops_no_other(find, tree, tmp_path):
    tree("M003/front/sad/level_1/001.mp4")
    (tmp_path / "MEAD/M003/front/sad/level_1/002.mp4").symlink_to(tmp_path / "nowhere.mp4")
    clips = find()
    assert [bool(clip.digest) for clip in clips.values()] == [True, False]
    (tmp_path / "MEAD/M003/1/front/sad/level_1").mkdir(parents=True)
    (tmp_path / "MEAD/M003/1/front/sad/level_1/002.mp4").symlink_to(tmp_path / "nowhere.mp4")
    assert len(find()) == 3
