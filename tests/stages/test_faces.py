"""video -> FaceSightings: several people, cuts, one that is chosen, none at all."""

import numpy as np
import pytest
from faces import talking_head, write_clip


@pytest.fixture(scope="module")
def heads():
    """Give frames and truth of two people, the second a little smaller: 24 frames each, forth and back."""
    both = [talking_head(seed=3, person=0), talking_head(seed=8, person=2, size=128)]
    return [([*frames, *frames[::-1]], np.concatenate([truth, truth[::-1]])) for frames, truth in both]


@pytest.fixture(scope="module")
def pair(heads, tmp_path_factory):
    """Give a video that shows both side by side, and their truth in it."""
    (left, left_truth), (right, right_truth) = heads
    frames = [
        np.hstack([a, np.pad(b, ((16, 16), (0, 32), (0, 0)), mode="edge")]) for a, b in zip(left, right, strict=True)
    ]
    path = write_clip(tmp_path_factory.mktemp("pair") / "two.mp4", frames)
    return path, [left_truth, right_truth + np.array([160, 16])]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    from mead_manip.artifacts.workspace import Workspace

    return Workspace(tmp_path_factory.mktemp("faces") / "work")


def run(stage, workspace, config, **how):
    from importlib import import_module

    from mead_manip.config import Common
    from mead_manip.stages.running.runner import SilentProgress

    module = import_module(f"mead_manip.stages.{stage}")
    return module.run(workspace, config, Common(), progress=SilentProgress(), **how)


def faces(workspace, path, out=None, **how):
    from mead_manip.config import FacesConfig

    return run("faces", workspace, FacesConfig(video=str(path), out=out and str(out)), **how)


def preprocess(workspace, path, face="auto", **how):
    from mead_manip.config import PreprocessConfig

    return run("preprocess", workspace, PreprocessConfig(path=str(path), face=face, workers=0), **how)


def load(workspace, stage, clip_id):
    from mead_manip.artifacts import store
    from mead_manip.artifacts.schemas import FaceSightings, FaceTrack

    return store.load(FaceTrack if stage == "preprocess" else FaceSightings, workspace.path(stage, clip_id))


def error(points, truth):
    return np.linalg.norm(points - truth, axis=-1).mean() / np.linalg.norm(truth[:, 45] - truth[:, 36], axis=-1).mean()


def test_both_people_are_told_and_drawn(workspace, pair, tmp_path):
    from mead_manip.media.images import read_image

    summary = faces(workspace, pair[0], tmp_path / "sheet.png")
    assert [fact["face"] for fact in summary.facts["faces"]] == [1, 2]
    assert all(fact["frames"] == 24 and fact["first"] == 0 and fact["last"] == 23 for fact in summary.facts["faces"])
    assert summary.text.count("\n") == 1 and "frames 0-23" in summary.text and "2 face(s)" in summary.line()
    sheet = read_image(tmp_path / "sheet.png")
    assert sheet.shape[0] > 2 * 128 and sheet.std() > 20
    again = faces(workspace, pair[0])
    assert again.fresh == summary.done and again.text == summary.text


def test_each_can_be_followed_without_detecting_twice(workspace, pair):
    (base,) = faces(workspace, pair[0]).clips
    kept = workspace.path("faces", base).stat().st_mtime_ns
    assert preprocess(workspace, pair[0]).done == [base]
    assert preprocess(workspace, pair[0], face="2").done == [f"{base}-face_2"]
    everyone = preprocess(workspace, pair[0], face="all")
    assert everyone.clips == [base, f"{base}-face_2"] and len(everyone.fresh) == 2
    assert preprocess(workspace, pair[0], face="1").fresh == [base]
    assert workspace.path("faces", base).stat().st_mtime_ns == kept
    for face, truth in enumerate(pair[1], start=1):
        track = load(workspace, "preprocess", base if face == 1 else f"{base}-face_{face}")
        assert (track.face, track.most_faces) == (face, 2) and track.visible.all()
        assert error(track.landmarks_px, truth) < 0.1 and error(track.landmarks_raw_px, truth) < 0.1
        assert track.jitter < track.jitter_raw
        eyes = np.stack([truth[:, 36:42].mean(1), truth[:, 42:48].mean(1)], 1)
        assert np.linalg.norm(track.pupils_px - eyes, axis=-1).max() < 8


def test_a_face_that_is_not_there_is_said(workspace, pair):
    summary = preprocess(workspace, pair[0], face="3")
    assert summary.exit_code == 1 and "shows 2 faces" in next(iter(summary.failures.values()))


def test_a_dry_run_counts_nothing(pair, tmp_path):
    from mead_manip.artifacts.workspace import Workspace

    fresh = Workspace(tmp_path / "work")
    assert len(preprocess(fresh, pair[0], face="all", dry_run=True).planned) == 1
    assert len(faces(fresh, pair[0], dry_run=True).planned) == 1 and not fresh.root.exists()


def test_a_shard_of_all_faces_is_refused(workspace, pair):
    from mead_manip.config import PreprocessConfig
    from mead_manip.errors import UsageError

    with pytest.raises(UsageError, match="--shard"):
        run("preprocess", workspace, PreprocessConfig(path=str(pair[0]), face="all", shard="1/2", workers=0))


def test_cuts_split_a_video_and_people_are_known_again(workspace, heads, tmp_path):
    (first, truth), (second, other) = heads
    wide = [np.pad(frame, ((16, 16), (16, 16), (0, 0)), mode="edge") for frame in second]
    clip = write_clip(tmp_path / "cut.mp4", first + wide + first[:12])
    (base,) = preprocess(workspace, clip, face="all").done[:1]
    track = load(workspace, "preprocess", base)
    assert track.cuts.tolist() == [24, 48] and track.most_faces == 1
    assert track.visible.tolist() == [True] * 24 + [False] * 24 + [True] * 12
    assert error(track.landmarks_px[:24], truth) < 0.1 and error(track.landmarks_px[48:], truth[:12]) < 0.1
    # Nothing of one shot is smoothed into another, and the nearest frame with the face stands in.
    assert np.array_equal(track.landmarks_px[30], track.landmarks_px[23])
    assert np.array_equal(track.landmarks_px[45], track.landmarks_px[48])
    assert track.jitter_raw < 0.05
    second_track = load(workspace, "preprocess", f"{base}-face_2")
    assert second_track.visible.sum() == 24 and error(second_track.landmarks_px[24:48], other + 16) < 0.1


def test_one_who_comes_back_after_a_gap_is_one_track(workspace, heads, tmp_path):
    frames, _ = heads[0]
    empty = [np.full_like(frames[0], 140)] * 45
    clip = write_clip(tmp_path / "gap.mp4", empty[:5] + frames[:12] + empty + frames[12:])
    summary = preprocess(workspace, clip, face="all")
    (base,) = summary.done
    assert load(workspace, "preprocess", base).visible.sum() == 24


def test_two_who_cross_are_not_swapped(workspace, heads, tmp_path):
    """The first passes behind the second, as real detections see it: sliding on, doubled, or gone."""
    (first, first_truth), (second, second_truth) = heads
    frames, middles = [], []
    for k in range(34):
        frame, here = np.full((192, 520, 3), 128, np.uint8), (10 + 10 * k, 360 - 10 * k)
        frame[16:176, here[0] : here[0] + 160] = first[k % 24]
        frame[32:160, here[1] : here[1] + 128] = second[k % 24]
        frames.append(frame)
        middles.append(
            [
                first_truth[k % 24].mean(0) + np.array([here[0], 16]),
                second_truth[k % 24].mean(0) + np.array([here[1], 32]),
            ]
        )
    write_clip(tmp_path / "cross.mp4", frames)
    (base,) = faces(workspace, tmp_path / "cross.mp4").done
    sightings = load(workspace, "faces", base)
    whose = {0: set(), 1: set()}
    for frame, face, landmarks in zip(sightings.frame, sightings.face, sightings.landmarks_px, strict=True):
        apart = [np.linalg.norm(landmarks.mean(0) - middle) for middle in middles[frame]]
        if abs(apart[0] - apart[1]) > 25:  # else they cover each other
            whose[int(np.argmin(apart))].add(int(face))
    assert sorted(map(list, whose.values())) == [[1], [2]]


def test_real_shots_of_one_man_are_linked_across_another(shared, workspace, tmp_path):
    import cv2

    from mead_manip.media.video import read_frames

    def shot(name, start):
        frames = read_frames(shared / "media" / "video" / f"{name}.mp4", start=start, end=start + 24)
        return [cv2.resize(frame, (240, 240), interpolation=cv2.INTER_AREA) for _, _, frame in frames]

    clip = write_clip(tmp_path / "cut.mp4", shot("talk_d5", 0) + shot("talk_d8", 0) + shot("talk_d5", 110))
    (base,) = faces(workspace, clip).done
    sightings = load(workspace, "faces", base)
    assert sightings.cuts.tolist() == [24, 48]
    assert sightings.face.tolist() == [1] * 24 + [2] * 24 + [1] * 24


def test_no_face_is_exit_code_3(workspace, tmp_path):
    from mead_manip.errors import InputMissing, UsageError

    clip = write_clip(tmp_path / "empty.mp4", [np.full((96, 96, 3), 90, np.uint8)] * 12)
    with pytest.raises(InputMissing, match="no face in any of the 12 frames"):
        faces(workspace, clip)
    with pytest.raises(UsageError, match="is a folder"):
        faces(workspace, tmp_path)


@pytest.mark.parametrize("word", ["0", "-1", "first", "1.5"])
def test_a_face_is_a_number_auto_or_all(word):
    from mead_manip.config import PreprocessConfig
    from mead_manip.errors import UsageError
    from mead_manip.resolution import resolve

    with pytest.raises(UsageError, match="--face"):
        resolve(PreprocessConfig, {"face": word})
