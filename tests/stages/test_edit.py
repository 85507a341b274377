"""video + ManipulatorWeights -> video, on a rendered talking head and networks that have learned nothing."""

import json
from fractions import Fraction

import numpy as np
import pytest
from faces import talking_head

RUN = "toy"


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """24 frames of a rendered head at 25000/1001 frames/s with sound."""
    from mead_manip.media.video import VideoWriter

    frames, _ = talking_head()
    frames = (frames * 24)[:24]
    path = tmp_path_factory.mktemp("source") / "talk.mp4"
    height, width = frames[0].shape[:2]
    sound = (0.2 * np.sin(np.arange(16000) / 20)).astype(np.float32), 16000
    with VideoWriter(path, width, height, Fraction(25000, 1001), sound=sound, comment="test") as writer:
        for frame in frames:
            writer.write(frame)
    return path


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A workspace with a run whose networks are as they were born."""
    import torch

    from mead_manip.artifacts import store
    from mead_manip.artifacts.provenance import Provenance
    from mead_manip.artifacts.schemas import ManipulatorWeights
    from mead_manip.artifacts.workspace import Workspace
    from mead_manip.models.face_model import load_head
    from mead_manip.models.manipulator import Architecture, Manipulator

    workspace = Workspace(tmp_path_factory.mktemp("work"))
    names = load_head().coef_names
    torch.manual_seed(0)
    nets = Manipulator(Architecture.of_size("small", 1 + len(names)))
    nets.coef_std = torch.full_like(nets.coef_std, 0.3)
    weights = ManipulatorWeights(
        nets.to_arrays(), nets.architecture.to_json(), json.dumps({"coef_names": ["jaw_pose_x", *names]})
    )
    path = workspace.run_dir(RUN) / "weights.h5"
    path.parent.mkdir(parents=True)
    store.save(weights, path, Provenance(ManipulatorWeights.schema_id(), "train", 1))
    return workspace


@pytest.fixture
def edit(workspace, video, tmp_path):
    from mead_manip.config import Common, EditConfig
    from mead_manip.stages import edit
    from mead_manip.stages.runner import SilentProgress

    def run(*, source=video, out=tmp_path / "out.mp4", force=False, dry_run=False, **settings):
        config = EditConfig(video=str(source), out=str(out), **{"to": "happy", "run": RUN, **settings})
        return edit.run(workspace, config, Common(), force=force, dry_run=dry_run, progress=SilentProgress()), out

    return run


def frames_of(path):
    from mead_manip.media.video import read_frames

    return [rgb for _, _, rgb in read_frames(path)]


def audio_packets(path):
    import av

    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def test_the_result_has_the_source_s_frames_rate_and_sound_and_another_face(edit, video):
    from mead_manip.media.video import probe

    summary, out = edit()

    assert summary.exit_code == 0 and summary.facts["frames"] == 24
    before, after = frames_of(video), frames_of(out)
    assert len(after) == len(before)
    assert probe(out).fps == probe(video).fps == Fraction(25000, 1001)
    assert audio_packets(out) == audio_packets(video)
    change = np.abs(np.stack(after).astype(int) - np.stack(before)).mean(axis=(0, 3))
    face = change[80:180, 80:180] if change.shape[0] > 200 else change
    assert face.max() > 8
    assert change[:10, :10].max() < 4  # a corner of the frame: only the encoder touched it


def test_a_recipe_lies_beside_it_and_makes_it_fresh(edit):
    first, out = edit()
    recipe = json.loads(out.with_suffix(".json").read_text())
    assert recipe["frames"] == 24 and "edited" in recipe["note"]

    again, _ = edit()
    assert (first.done, again.fresh) == (["talk.mp4"], ["talk.mp4"])

    other, _ = edit(to="sad")
    assert other.done == ["talk.mp4"]


def test_a_video_that_somebody_changed_is_made_again(edit):
    _, out = edit()
    out.write_bytes(out.read_bytes()[:-10])

    assert edit()[0].done == ["talk.mp4"]


def test_a_dry_run_writes_nothing(edit):
    summary, out = edit(dry_run=True)

    assert summary.planned and not out.exists()


def test_side_by_side_is_twice_as_wide(edit, video):
    _, out = edit(side_by_side=True)

    before, after = frames_of(video), frames_of(out)
    width = before[0].shape[1]
    assert after[0].shape[1] == 2 * width
    assert np.abs(after[3][:, :width].astype(int) - before[3])[40:].mean() < 4  # below the title


def test_a_file_that_is_no_edit_of_ours_stays(edit, tmp_path):
    from mead_manip.errors import UsageError

    precious = tmp_path / "holiday.mp4"
    precious.write_bytes(b"not to be lost")

    with pytest.raises(UsageError, match="no edit of ours"):
        edit(out=precious)
    assert precious.read_bytes() == b"not to be lost"


def test_the_source_is_never_the_destination(edit, video):
    from mead_manip.errors import UsageError

    with pytest.raises(UsageError, match="source itself"):
        edit(out=video)


def test_an_unknown_run_names_those_that_exist(edit):
    from mead_manip.errors import InputMissing

    with pytest.raises(InputMissing, match=f"one of: {RUN}"):
        edit(run="missing")


def test_an_unknown_emotion_is_refused(edit):
    from mead_manip.errors import UsageError

    with pytest.raises(UsageError, match="emotion"):
        edit(to="hungry")


def test_a_video_without_a_face_is_refused_and_nothing_is_written(edit, tmp_path):
    from mead_manip.errors import MeadManipError
    from mead_manip.media.video import VideoWriter

    path = tmp_path / "wall.mp4"
    with VideoWriter(path, 128, 128, Fraction(30), comment="test") as writer:
        for _ in range(12):
            writer.write(np.full((128, 128, 3), 120, np.uint8))

    with pytest.raises(MeadManipError, match="no face"):
        edit(source=path)
    assert not (tmp_path / "out.mp4").exists()


def test_fewer_frames_than_a_window_are_refused(edit, tmp_path, video):
    from mead_manip.errors import MeadManipError
    from mead_manip.media.video import VideoWriter

    path = tmp_path / "short.mp4"
    frames = frames_of(video)[:6]
    with VideoWriter(path, frames[0].shape[1], frames[0].shape[0], Fraction(30), comment="test") as writer:
        for frame in frames:
            writer.write(frame)

    with pytest.raises(MeadManipError, match="10"):
        edit(source=path)
