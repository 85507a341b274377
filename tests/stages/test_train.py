"""The train stage on a small workspace: fresh, stale, weighted, interrupted, refused."""

import json
import os
import signal

import numpy as np
import pytest

ACTORS, EMOTIONS = ("A1", "A2", "A3"), ("neutral", "angry", "happy")


@pytest.fixture
def common():
    from mead_manip.config import Common

    return Common(device="cpu")


@pytest.fixture
def workspace(tmp_path, make_reconstruction):
    """Give a workspace of reconstructions in which an emotion is an offset and the jaw speaks."""
    from mead_manip.artifacts import store
    from mead_manip.artifacts.provenance import Provenance
    from mead_manip.artifacts.schemas import Reconstruction
    from mead_manip.artifacts.workspace import Workspace

    workspace = Workspace(tmp_path / "work")
    rng = np.random.default_rng(0)
    for actor in ACTORS:
        for index, emotion in enumerate(EMOTIONS):
            n_frames = 24
            jaw = np.zeros((n_frames, 3), np.float32)
            jaw[:, 0] = 0.1 + 0.05 * np.sin(np.arange(n_frames) / 2)
            expression = (rng.normal(0, 0.05, (n_frames, 4)) + np.eye(4)[index]).astype(np.float32)
            clip = make_reconstruction(
                n_frames, 4, jaw_pose=jaw, expression=expression, actor=actor, emotion=emotion, level=3
            )
            provenance = Provenance(Reconstruction.schema_id(), "reconstruct3d", 1, inputs={"clip": actor + emotion})
            store.save(clip, workspace.path("reconstruct3d", f"{actor}_{emotion}"), provenance)
    return workspace


@pytest.fixture
def score(workspace, make_scores):
    """Give a function that publishes a lambda for every clip."""
    from mead_manip.artifacts import store
    from mead_manip.artifacts.provenance import Provenance
    from mead_manip.artifacts.schemas import ClipScores

    def publish(weight: float) -> None:
        for clip_id in workspace.clips("reconstruct3d"):
            scores = make_scores(label=clip_id.split("_")[1], weight=weight)
            provenance = Provenance(ClipScores.schema_id(), "clip-score", 1, inputs={"clip": clip_id, "w": str(weight)})
            store.save(scores, workspace.path("clip-score", clip_id), provenance)

    return publish


def train(workspace, common, progress=None, **settings):
    from mead_manip.config import TrainConfig
    from mead_manip.stages import train as stage
    from mead_manip.stages.running.runner import SilentProgress

    switches = {name: settings.pop(name) for name in ("force", "dry_run") if name in settings}
    config = TrainConfig(**{"size": "small", "iterations": 12, "weighting": "none", **settings})
    return stage.run(workspace, config, common, progress=progress or SilentProgress(), **switches)


def load(workspace, run="manipulator"):
    from mead_manip.artifacts import store
    from mead_manip.artifacts.schemas import ManipulatorWeights

    return store.load(ManipulatorWeights, workspace.run_dir(run) / "weights.h5")


def test_a_run_publishes_weights_that_can_be_used_and_is_then_fresh(workspace, common):
    from mead_manip.models.manipulation import manipulate
    from mead_manip.models.manipulator import Manipulator

    summary = train(workspace, common)
    assert summary.done == ["manipulator"] and "actor A3" in summary.detail
    folder = workspace.run_dir("manipulator")
    assert {path.name for path in folder.iterdir()} == {
        "config.toml",
        "metrics.jsonl",
        "resume.pt",
        "best.pt",
        "weights.h5",
    }
    weights = load(workspace)
    facts = json.loads(weights.facts)
    assert facts["coef_names"] == ["jaw_pose_x", "coef_0", "coef_1", "coef_2", "coef_3"]
    assert sorted(facts["training_set"]) == [f"{a}_{e}" for a in ("A1", "A2") for e in sorted(EMOTIONS)]
    assert facts["validation_actors"] == ["A3"] and facts["iterations"] == 12
    assert 0 <= facts["scores"]["balanced_accuracy"] <= 1 and facts["scores"]["ceiling"] == 1.0
    nets = Manipulator.from_arrays(weights.parameters, weights.config)
    assert nets.architecture.emotions == EMOTIONS
    edited = manipulate(nets, np.zeros((15, 5), np.float32), emotion="angry")
    assert edited.shape == (15, 5) and np.isfinite(edited).all()

    again = train(workspace, common)
    assert again.fresh == ["manipulator"] and not again.done and again.detail == summary.detail


def test_the_same_seed_gives_the_same_weights_and_another_does_not(workspace, common):
    import dataclasses

    for run, seed in (("one", 0), ("two", 0), ("three", 1)):
        train(workspace, dataclasses.replace(common, seed=seed), run=run)
    one, two, three = (load(workspace, run).parameters for run in ("one", "two", "three"))
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert not np.array_equal(one["generator.head.1.weight"], three["generator.head.1.weight"])


def test_settings_and_scores_make_a_run_stale(workspace, common, score):
    score(0.5)
    train(workspace, common, weighting="literal")
    assert train(workspace, common, weighting="literal").fresh
    changed = train(workspace, common, weighting="literal", weight_cycle=2.0, dry_run=True)
    assert "params.weight_cycle: 1.0 -> 2.0" in changed.planned["manipulator"]
    score(0.25)
    assert "clip_scores" in train(workspace, common, weighting="literal", dry_run=True).planned["manipulator"]
    assert train(workspace, common, weighting="literal", save_every=3, dry_run=True).planned
    assert train(workspace, common, weighting="literal").done


def test_lambda_reaches_the_loss_and_the_facts(workspace, common, score):
    score(0.25)
    for run, weighting in (("literal", "literal"), ("classnorm", "provenance-classnorm"), ("none", "none")):
        train(workspace, common, run=run, weighting=weighting, iterations=1, mapping_rate=1.0, ema=0.0)
    facts = {run: json.loads(load(workspace, run).facts) for run in ("literal", "classnorm", "none")}
    assert facts["literal"]["mean_weight"] == dict.fromkeys(EMOTIONS, 0.25)
    assert facts["literal"]["trusted_share"] == 0.0
    assert facts["classnorm"]["mean_weight"] == facts["none"]["mean_weight"] == dict.fromkeys(EMOTIONS, 1.0)


def test_without_scores_only_an_unweighted_run_is_allowed(workspace, common):
    from mead_manip.errors import ArtifactMissing

    with pytest.raises(ArtifactMissing, match="6 of 6 training clips have no up-to-date CLIP score") as caught:
        train(workspace, common, weighting="literal")
    assert caught.value.exit_code == 3 and "mead-manip clip-score" in str(caught.value)
    assert not workspace.run_dir("manipulator").exists()


def test_an_empty_workspace_names_the_command_to_run(tmp_path, common):
    from mead_manip.artifacts.workspace import Workspace
    from mead_manip.errors import ArtifactMissing

    with pytest.raises(ArtifactMissing, match="mead-manip preprocess"):
        train(Workspace(tmp_path), common)


def test_one_emotion_is_not_enough(workspace, common):
    from mead_manip.errors import ArtifactMissing

    for clip_id in workspace.clips("reconstruct3d"):
        if not clip_id.endswith("happy"):
            workspace.path("reconstruct3d", clip_id).unlink()
    with pytest.raises(ArtifactMissing, match="1 emotion"):
        train(workspace, common)


class Interrupting:
    """Ctrl-C in the middle of an iteration."""

    def __init__(self, at: int) -> None:
        self.at, self.said = at, []

    def clips(self, items, total, description):
        for item in items:
            if item == self.at:
                os.kill(os.getpid(), signal.SIGINT)
            yield item

    def say(self, text):
        self.said.append(text)


def test_ctrl_c_keeps_a_resume_point_and_the_resumed_run_is_the_uninterrupted_one(workspace, common):
    from mead_manip.errors import Interrupted

    train(workspace, common, run="whole")
    with pytest.raises(Interrupted, match="after iteration 6 of 12") as caught:
        train(workspace, common, Interrupting(5), run="broken")
    assert caught.value.exit_code == 4
    folder = workspace.run_dir("broken")
    assert not (folder / "weights.h5").exists() and (folder / "resume.pt").exists()

    progress = Interrupting(-1)
    train(workspace, common, progress, run="broken")
    assert progress.said == ["train: broken: resuming at iteration 6 of 12"]
    whole, broken = load(workspace, "whole"), load(workspace, "broken")
    assert all(np.array_equal(whole.parameters[name], broken.parameters[name]) for name in whole.parameters)
    lines = [(workspace.run_dir(run) / "metrics.jsonl").read_text() for run in ("whole", "broken")]
    assert lines[0] == lines[1]


def test_a_damaged_or_foreign_resume_point_starts_again(workspace, common):
    folder = workspace.run_dir("manipulator")
    folder.mkdir(parents=True)
    (folder / "resume.pt").write_bytes(b"not a checkpoint")
    assert train(workspace, common).done
    progress = Interrupting(-1)
    assert train(workspace, common, progress, iterations=13).done
    assert not any("resuming" in text for text in progress.said)
    assert any("params.iterations: 12 -> 13" in text for text in progress.said)


def test_clips_of_another_face_model_are_refused(workspace, common, make_reconstruction):
    from mead_manip.artifacts import store
    from mead_manip.artifacts.provenance import Provenance
    from mead_manip.artifacts.schemas import Reconstruction
    from mead_manip.errors import ArtifactInvalid

    other = make_reconstruction(24, 7, actor="A1", emotion="happy")
    store.save(other, workspace.path("reconstruct3d", "A1_happy"), Provenance(Reconstruction.schema_id(), "x", 1))
    with pytest.raises(ArtifactInvalid, match="coefficients of toy"):
        train(workspace, common)


def test_flame_keeps_its_numbers():
    from mead_manip.training.start import default_scaling

    assert default_scaling("FLAME2020") == "raw" and default_scaling("mead-manip head") != "raw"
