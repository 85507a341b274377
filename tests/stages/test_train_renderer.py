"""train renderer on a rendered head: published, fresh, resumed, extended, started from another, refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from listening import Listening
from toy_edit import write_talk


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_talk(tmp_path_factory.mktemp("source") / "talk.mp4")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    from mead_manip.artifacts.workspace import Workspace

    return Workspace(tmp_path_factory.mktemp("work"))


@pytest.fixture
def train(workspace, video):
    from mead_manip.config import Common, TrainRendererConfig
    from mead_manip.stages import train_renderer
    from mead_manip.stages.running.runner import SilentProgress

    def run(*, videos=(video,), progress=None, force=False, dry_run=False, **settings):
        config = TrainRendererConfig(
            video=tuple(map(str, videos)), **{"iterations": 8, "validate_every": 0.01, "log_every": 1, **settings}
        )
        how = {"force": force, "dry_run": dry_run, "progress": progress or SilentProgress()}
        return train_renderer.run(workspace, config, Common(device="cpu"), **how)

    return run


def lines_of(workspace, run):
    return [json.loads(line) for line in (workspace.run_dir(run) / "metrics.jsonl").read_text().splitlines()]


def test_a_run_publishes_weights_with_the_person_s_colours_and_is_then_fresh(train, workspace):
    from mead_manip.artifacts import store
    from mead_manip.artifacts.schemas import FaceTrack, RendererWeights
    from mead_manip.models.face_renderer import FaceGenerator

    heard = Listening()
    summary = train(progress=heard)
    assert summary.done == ["renderer"] and summary.exit_code == 0
    weights = store.load(RendererWeights, workspace.run_dir("renderer") / "weights.h5")
    (clip_id,) = workspace.clips("preprocess")
    track = store.load(FaceTrack, workspace.path("preprocess", clip_id))
    assert weights.sources == (f"{track.source_digest}#1",)
    assert weights.appearance.shape[0] == 1 and weights.appearance[0].max() > 50
    assert FaceGenerator.from_arrays(weights.parameters, weights.config).architecture.size == 256

    facts = json.loads(weights.facts)
    assert facts["perceptual"] in ("pyramid", "vgg19") and any("perceptual loss" in text for text in heard.said)
    assert facts["validation"]["l1"] > 0 and facts["iterations"] == 8
    logged = lines_of(workspace, "renderer")
    assert {"step", "seconds", "pixel", "perceptual", "mouth_pixel"} == logged[0].keys()
    assert logged[-1]["validation"] == facts["validation"]
    assert list((workspace.run_dir("renderer") / "previews").glob("*.jpg"))
    assert train().fresh == ["renderer"]


@pytest.mark.slow
def test_more_iterations_go_on_where_it_ended_as_if_asked_for_at_once(train, workspace):
    from mead_manip.artifacts import store
    from mead_manip.artifacts.schemas import RendererWeights

    def parameters(run):
        return store.load(RendererWeights, workspace.run_dir(run) / "weights.h5").parameters

    train(run="short", iterations=8, publish="last")
    first = parameters("short")
    heard = Listening()
    train(run="short", iterations=16, publish="last", progress=heard)
    assert any("resuming at iteration 8" in text for text in heard.said)
    train(run="whole", iterations=16, publish="last")
    for name, value in parameters("whole").items():
        np.testing.assert_array_equal(parameters("short")[name], value, err_msg=name)
    assert any((first[name] != value).any() for name, value in parameters("whole").items())


@pytest.mark.slow
def test_another_run_may_be_the_start(train, workspace):
    train(run="parent")
    heard = Listening()
    summary = train(run="child", init="parent", progress=heard)
    assert summary.done == ["child"]
    assert lines_of(workspace, "child")[0]["pixel"] < 2 * lines_of(workspace, "parent")[0]["pixel"]
    with pytest.raises(Exception, match="another --size or --pixels"):
        train(run="large", init="parent", pixels="512")


def test_held_out_frames_are_never_learned_from(workspace, train):
    from mead_manip.artifacts import store
    from mead_manip.artifacts.schemas import FaceTrack, Reconstruction
    from mead_manip.stages.learning.renderer_frames import Clip, split_of

    train()
    (clip_id,) = workspace.clips("preprocess")
    track = store.load(FaceTrack, workspace.path("preprocess", clip_id))
    clip = Clip(clip_id, Path("talk.mp4"), track, store.load(Reconstruction, workspace.path("reconstruct3d", clip_id)))
    split = split_of([clip], 9000)
    learned = {k for shot in split.training for k in range(shot.start, shot.end)}
    held = {k for shot in split.held_out for k in range(shot.start, shot.end)}
    assert learned | held == set(np.flatnonzero(track.visible).tolist()) and not learned & held and held


def test_shots_end_at_cuts_and_gaps_and_long_footage_is_thinned(make_track, make_reconstruction):
    import dataclasses

    from mead_manip.stages.learning.renderer_frames import Clip, split_of

    track = make_track(1000)
    visible = track.visible.copy()
    visible[300:320] = False
    track = dataclasses.replace(track, visible=visible, cuts=np.array([100, 950], np.int32))
    clip = Clip("a", Path("a.mp4"), track, make_reconstruction(1000))
    split = split_of([clip], 9000)
    assert [shot[1:] for shot in split.training] == [(0, 100), (100, 300), (320, 900)]
    assert [shot[1:] for shot in split.held_out] == [(900, 950), (950, 1000)]
    fewer = split_of([clip], 400)
    total = sum(shot.end - shot.start for shot in fewer.training)
    assert total <= 400 and fewer.training[0].start == 0 and fewer.training[-1].end > 800


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"videos": ()}, "no video"),
        ({"iterations": 3, "minutes": 1.0}, "one of them"),
        ({"precision": "bf16"}, "--precision bf16 on cpu"),
        ({"init": "renderer"}, "the run itself"),
        ({"vgg": "nowhere.pth"}, "nowhere.pth"),
    ],
)
def test_what_cannot_be_is_refused(train, settings, says):
    from mead_manip.errors import MeadManipError

    with pytest.raises(MeadManipError, match=says):
        train(**settings)


def test_a_dry_run_says_what_it_would_do_and_trains_nothing(train, workspace):
    assert train(run="dry", dry_run=True).planned
    assert not (workspace.run_dir("dry") / "weights.h5").exists()
