"""MEAD tree | video -> FaceTrack: geometry, freshness, names, and footage that is not as it should be."""

import numpy as np
import pytest
from faces import talking_head, write_clip


@pytest.fixture(scope="module")
def head():
    return talking_head()


@pytest.fixture
def preprocess(tmp_path):
    """Run the stage on a path; options are settings of its config."""
    from mead_manip.artifacts.workspace import Workspace
    from mead_manip.config import Common, PreprocessConfig
    from mead_manip.stages import preprocess
    from mead_manip.stages.running.runner import SilentProgress

    workspace = Workspace(tmp_path / "work")

    class Heard(SilentProgress):
        def say(self, text: str) -> None:
            said.append(text)

    said: list[str] = []

    def run(path, *, force=False, dry_run=False, **settings):
        said.clear()
        config = PreprocessConfig(path=str(path), **{"workers": 0, **settings})
        return preprocess.run(workspace, config, Common(), force=force, dry_run=dry_run, progress=Heard())

    run.workspace, run.said = workspace, said
    return run


def track(preprocess, clip_id):
    from mead_manip.artifacts import store
    from mead_manip.artifacts.schemas import FaceTrack

    return store.load(FaceTrack, preprocess.workspace.path("preprocess", clip_id))


def crop(face_track, frame):
    from mead_manip.media.images import decode

    start, stop = face_track.face_offsets[frame : frame + 2]
    return decode(face_track.face_bytes[start:stop])


def test_a_video_becomes_a_track(preprocess, tmp_path, head):
    frames, truth = head
    summary = preprocess(write_clip(tmp_path / "a clip.mp4", frames))
    (clip_id,) = summary.done
    assert clip_id.startswith("video_a_clip-") and summary.exit_code == 0
    assert summary.line().endswith(
        f"(jitter {summary.facts['jitter_raw']:.4f} -> {summary.facts['jitter']:.4f})".replace("0.", ".")
    )
    result = track(preprocess, clip_id)
    assert result.visible.all() and result.fps_num / result.fps_den == 30
    assert (result.width, result.height) == frames[0].shape[1::-1]
    size = np.linalg.norm(truth[:, 45] - truth[:, 36], axis=-1).mean()
    assert np.linalg.norm(result.landmarks_px - truth, axis=-1).mean() / size < 0.1
    assert (result.face, result.most_faces, result.take, len(result.cuts), result.mesh_px.shape) == (
        1,
        1,
        0,
        0,
        (12, 0, 2),
    )
    # A point of the frame is found where frame_from_crop says it is in the crop.
    for index in (0, 11):
        picture, transform = crop(result, index), result.frame_from_crop[index].astype(float)
        assert picture.shape == (256, 256, 3)
        seen = np.linalg.solve(transform[:, :2], (truth[index, 30] - transform[:, 2])).round().astype(int)
        x, y = truth[index, 30].round().astype(int)
        assert np.abs(picture[seen[1], seen[0]].astype(int) - frames[index][y, x].astype(int)).max() < 40
        in_crop = np.linalg.solve(transform[:, :2], (truth[index] - transform[:, 2]).T).T
        assert (in_crop > 20).all() and (in_crop < 240).all()


def test_a_second_run_is_fresh_and_reads_no_video(preprocess, tmp_path, head):
    clip = write_clip(tmp_path / "clip.mp4", head[0])
    (clip_id,) = preprocess(clip).done
    assert preprocess(clip).fresh == [clip_id]
    moved = clip.rename(tmp_path / "elsewhere.mp4")
    assert list(preprocess(moved, dry_run=True).planned) != [clip_id]  # another name, another id
    assert preprocess(moved.rename(clip), force=True).done == [clip_id]


def test_a_dry_run_writes_nothing(preprocess, tmp_path, head):
    summary = preprocess(write_clip(tmp_path / "clip.mp4", head[0]), dry_run=True)
    assert list(summary.planned.values()) == ["missing"]
    assert not (tmp_path / "work").exists()


def test_a_tree_is_labelled_filtered_and_survives_bad_clips(preprocess, tmp_path, head):
    tree = tmp_path / "MEAD"
    for name in (
        "M003/video/front/angry/level_3/001",
        "M003/video/front/neutral/level_1/002",
        "W009/1/top/happy/level_2/001",
    ):
        write_clip(tree / f"{name}.mp4", head[0])
    whole = (tree / "W009/1/top/happy/level_2/001.mp4").read_bytes()
    bad = tree / "W009/1/front/sad/level_2"
    bad.mkdir(parents=True)
    (bad / "001.mp4").write_bytes(whole[: len(whole) // 2])
    (bad / "002.mp4").write_bytes(b"")
    (bad / "003.mp4").write_text("not a video")
    write_clip(bad / "004.mp4", head[0][:6])
    write_clip(bad / "005.mp4", [np.full((96, 96, 3), 90, np.uint8)] * 12)
    summary = preprocess(tree)
    assert summary.done == [
        "M003_front_angry_level_3_001",
        "M003_front_neutral_level_1_002",
        "W009_top_happy_level_2_001",
    ]
    assert (
        sorted(summary.failures) == [f"W009_front_sad_level_2_{n:03d}" for n in range(1, 6)] and summary.exit_code == 1
    )
    reasons = list(dict(sorted(summary.failures.items())).values())
    assert "empty" in reasons[1] and "at least 10" in reasons[3] and "no face" in reasons[4]
    assert preprocess.workspace.clips("preprocess") == summary.done
    result = track(preprocess, "W009_top_happy_level_2_001")
    assert (result.actor, result.view, result.emotion, result.level, result.take) == ("W009", "top", "happy", 2, 1)
    again = preprocess(tree, actors=("M003",), emotions=("anger",), face="2")
    assert again.fresh == ["M003_front_angry_level_3_001"] and again.exit_code == 0
    assert any("--face is for other videos" in text for text in preprocess.said)
    assert not preprocess.workspace.clips("faces")  # of MEAD's clips nobody asks twice who is in them


def test_workers_give_the_same_tracks(preprocess, tmp_path, head):
    tree = tmp_path / "MEAD"
    for number in (1, 2):
        write_clip(tree / f"M003/front/sad/level_1/{number:03d}.mp4", head[0])
    summary = preprocess(tree, workers=2)
    assert len(summary.done) == 2
    first, second = (track(preprocess, clip_id) for clip_id in summary.done)
    assert np.allclose(first.landmarks_px, second.landmarks_px, atol=0.01)


def test_a_face_that_leaves_and_returns(preprocess, tmp_path, head):
    empty = [np.full_like(head[0][0], 140)] * 6
    clip = write_clip(tmp_path / "leaves.mp4", head[0][:8] + empty + head[0][:8])
    (clip_id,) = preprocess(clip).done
    result = track(preprocess, clip_id)
    assert result.visible.tolist() == [True] * 8 + [False] * 6 + [True] * 8
    sizes = np.diff(result.face_offsets)
    assert (sizes[8:14] == 0).all() and (sizes[:8] > 0).all()
    assert np.isfinite(result.landmarks_px).all() and (result.score[8:14] == 0).all()
    assert np.allclose(result.landmarks_px[8], result.landmarks_px[7])  # the nearest good ones stand in
    assert any("the face in 16 of 22 frames" in text for text in preprocess.said)


def test_two_faces_are_said_and_one_is_followed(preprocess, tmp_path, head):
    large = head[0][0].shape[0]
    canvas = [np.full((large, 2 * large, 3), 120, np.uint8) for _ in head[0]]
    for frame, face in zip(canvas, head[0], strict=True):
        frame[:, :large] = face
        frame[large // 2 :, large + large // 2 :] = face[::2, ::2]
    (clip_id,) = preprocess(write_clip(tmp_path / "two.mp4", canvas)).done
    result = track(preprocess, clip_id)
    assert result.visible.all() and (result.landmarks_px[:, 30, 0] < large).all()
    assert result.most_faces == 2 and any("2 faces" in text for text in preprocess.said)


def test_paths_that_hold_nothing(preprocess, tmp_path, head):
    from mead_manip.errors import InputMissing, UsageError

    with pytest.raises(InputMissing, match="does not exist"):
        preprocess(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputMissing, match="no video"):
        preprocess(tmp_path / "empty")
    write_clip(tmp_path / "MEAD/M003/front/sad/level_1/001.mp4", head[0][:2])
    with pytest.raises(UsageError, match="none of the 1 clips"):
        preprocess(tmp_path / "MEAD", actors=("W009",))
    with pytest.raises(UsageError, match="unknown landmarks backend"):
        preprocess(tmp_path / "MEAD", landmarks="magic")
