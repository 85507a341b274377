"""What is known about a clip, found by id, by video and by file; stale is said; the picture is drawn."""

import json
from fractions import Fraction

import numpy as np
import pytest
from faces import talking_head, write_clip
from PIL import Image
from typer.testing import CliRunner

from mead_manip import cli, files
from mead_manip.artifacts import store
from mead_manip.artifacts.schemas import FaceTrack, ManipulatorWeights
from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import Common, InspectConfig, PreprocessConfig, Reconstruct3dConfig
from mead_manip.errors import InputMissing
from mead_manip.stages import inspect, preprocess, reconstruct3d
from mead_manip.stages.running.runner import SilentProgress


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A short video, preprocessed and reconstructed: its path, the workspace and the clip's id."""
    folder = tmp_path_factory.mktemp("inspect")
    video = write_clip(folder / "talk.mp4", talking_head(n_frames=12, size=160)[0], Fraction(25))
    workspace, common = Workspace(folder / "work"), Common(device="cpu")
    tracked = preprocess.run(workspace, PreprocessConfig(path=str(video), workers=0), common, progress=SilentProgress())
    assert not tracked.failures, tracked.tracebacks
    reconstruct3d.run(workspace, Reconstruct3dConfig(workers=0), common, progress=SilentProgress())
    (clip_id,) = workspace.clips("reconstruct3d")
    return video, workspace, clip_id


def look(workspace, clip, **settings):
    config = InspectConfig(clip=str(clip), **settings)
    return inspect.run(workspace, config, Common(device="cpu"), progress=SilentProgress())


def test_a_clip_is_found_by_id_by_its_video_and_by_its_artifacts(made, tmp_path):
    video, workspace, clip_id = made
    by_id = look(workspace, clip_id)
    copy = tmp_path / "renamed.mp4"
    copy.write_bytes(video.read_bytes())
    for other in (video, copy):
        assert look(workspace, other).done == [clip_id]
    assert look(Workspace(tmp_path), workspace.path("reconstruct3d", clip_id)).facts == by_id.facts
    assert {stage: facts["state"] for stage, facts in by_id.facts.items()} == {
        "preprocess": "fresh",
        "reconstruct3d": "fresh",
    }


def test_facts_are_those_of_the_artifacts(made):
    _, workspace, clip_id = made
    facts = look(workspace, clip_id).facts
    track = store.load(FaceTrack, workspace.path("preprocess", clip_id))
    said = facts["preprocess"]
    assert (said["frames"], said["visible"], said["size"], said["fps"]) == (12, track.visible.sum(), "160x160", 25)
    assert said["source_is"] == "there" and said["jitter"] == pytest.approx(track.jitter, abs=1e-5)
    least, mean, greatest = facts["reconstruct3d"]["ranges"]["jaw_pose_x"]
    assert least < mean < greatest and len(facts["reconstruct3d"]["ranges"]) > 40


def test_a_changed_track_makes_the_reconstruction_stale_and_a_missing_source_is_said(made, tmp_path):
    _, workspace, clip_id = made
    other = Workspace(tmp_path / "other")
    provenance = store.read_provenance(workspace.path("preprocess", clip_id))
    track = store.load(FaceTrack, workspace.path("preprocess", clip_id))
    changed = {**provenance.record(), "params": {**provenance.params, "more": 1}}
    object.__setattr__(track, "source", str(tmp_path / "gone.mp4"))
    store.save(track, other.path("preprocess", clip_id), type(provenance)(**changed))
    other.path("reconstruct3d", clip_id).parent.mkdir()
    other.path("reconstruct3d", clip_id).write_bytes(workspace.path("reconstruct3d", clip_id).read_bytes())
    summary = look(other, clip_id, overlay=str(tmp_path / "o.png"), frames=2)
    assert summary.facts["reconstruct3d"]["state"] == f"stale: the face track of {clip_id} has changed"
    assert summary.facts["preprocess"]["source_is"] == "missing" and "stored crops" in summary.detail


def test_the_picture_is_drawn_from_the_source(made, tmp_path):
    _, workspace, clip_id = made
    out = tmp_path / "o.png"
    summary = look(workspace, clip_id, overlay=str(out), frames=3)
    assert summary.detail == "pixels of the source" and summary.destination == str(out)
    picture = np.asarray(Image.open(out))
    assert picture.shape[0] > 4 * 300 and 3 * 300 < picture.shape[1] < 4 * 300


def test_any_other_artifact_tells_its_fields(tmp_path):
    from golden import example

    from mead_manip.artifacts.provenance import Provenance

    path = tmp_path / "weights.h5"
    weights = example(ManipulatorWeights)
    store.save(weights, path, Provenance(weights.schema_id(), "train", 1))
    summary = look(Workspace(tmp_path), path)
    assert "arrays" in summary.facts[weights.schema_id()]["parameters"] and weights.schema_id() in summary.text


def test_an_unknown_clip_gets_a_hint(made, tmp_path):
    video, workspace, clip_id = made
    with pytest.raises(InputMissing, match=f"did you mean '{clip_id}'"):
        look(workspace, clip_id[:-1])
    with pytest.raises(InputMissing, match="has not been preprocessed"):
        look(Workspace(tmp_path), video)


def test_the_command_prints_text_or_json(made, in_folder):
    _, workspace, clip_id = made
    runner, where = CliRunner(), ["-w", str(workspace.root)]
    text = runner.invoke(cli.app, ["inspect", clip_id, *where])
    assert text.exit_code == 0 and "jaw_pose_x" in text.stdout and text.stdout.endswith("inspect: 1 done\n")
    record = json.loads(runner.invoke(cli.app, ["inspect", clip_id, "--json", *where]).stdout)
    assert record["facts"]["preprocess"]["key"] == store.read_key(workspace.path("preprocess", clip_id))
    assert files.digest(workspace.path("preprocess", clip_id))  # nothing was written to it
