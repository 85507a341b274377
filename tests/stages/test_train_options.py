"""What training can be asked for: presets, the best checkpoint, another run's networks, levels, Aff-Wild2."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from listening import Listening

EMOTIONS = ("neutral", "angry", "happy")


@pytest.fixture
def common():
    from mead_manip.config import Common

    return Common(device="cpu")


@pytest.fixture
def publish(tmp_path, make_reconstruction):
    """Give a function that publishes a reconstruction in which an emotion is an offset, as strong as its level."""
    from mead_manip.artifacts import store
    from mead_manip.artifacts.provenance import Provenance
    from mead_manip.artifacts.schemas import Reconstruction
    from mead_manip.artifacts.workspace import Workspace

    workspace = Workspace(tmp_path / "work")
    rng = np.random.default_rng(0)

    def make(clip_id, emotion, n_frames=20, **labels):
        jaw = np.zeros((n_frames, 3), np.float32)
        jaw[:, 0] = 0.1 + 0.05 * np.sin(np.arange(n_frames) / 2)
        strength = labels.get("level", 3) / 3
        face = np.eye(4)[EMOTIONS.index(emotion)] if emotion else np.zeros(4)
        expression = (rng.normal(0, 0.05, (n_frames, 4)) + strength * face).astype(np.float32)
        clip = make_reconstruction(n_frames, 4, jaw_pose=jaw, expression=expression, emotion=emotion, **labels)
        provenance = Provenance(Reconstruction.schema_id(), "reconstruct3d", 1, inputs={"clip": clip_id})
        store.save(clip, workspace.path("reconstruct3d", clip_id), provenance)
        return workspace

    return make


@pytest.fixture
def workspace(publish):
    for actor in ("A1", "A2", "A3"):
        for emotion in EMOTIONS:
            for level in (1,) if emotion == "neutral" else (1, 3):
                made = publish(f"{actor}_{emotion}_{level}", emotion, actor=actor, level=level)
    return made


def train(workspace, common, progress=None, **settings):
    from mead_manip.config import TrainConfig
    from mead_manip.stages import train as stage
    from mead_manip.stages.running.runner import SilentProgress

    config = TrainConfig(**{"size": "small", "iterations": 3, "batch_size": 6, "weighting": "none", **settings})
    return stage.run(workspace, config, common, progress=progress or SilentProgress())


def load(workspace, run="manipulator"):
    from mead_manip.artifacts import store
    from mead_manip.artifacts.schemas import ManipulatorWeights

    weights = store.load(ManipulatorWeights, workspace.run_dir(run) / "weights.h5")
    return weights, json.loads(weights.facts)


def test_all_options_at_once_are_trained_and_recorded(workspace, common):
    on = {
        "weight_r1": 0.5, "weight_diversity": 1.0, "balanced": True, "intensity_levels": True, "window": 12,
        "levels": ("1", "2", "3"),
    }  # fmt: skip
    train(workspace, common, **on)
    weights, facts = load(workspace)
    architecture = json.loads(weights.config)
    assert (architecture["window"], architecture["levels"]) == (12, 3)
    recorded = (workspace.run_dir("manipulator") / "config.toml").read_text()
    for name in ("weight_r1 = 0.5", "weight_diversity = 1.0", "balanced = true", "intensity_levels = true"):
        assert name in recorded
    assert facts["settings"]["window"] == 12 and len(facts["lambda"]) == 10
    lines = [json.loads(line) for line in (workspace.run_dir("manipulator") / "metrics.jsonl").read_text().splitlines()]
    assert {"discriminator_latent.r1", "generator_latent.diversity"} <= set().union(*lines)


def test_a_preset_decides_what_is_not_given(workspace, common):
    told = Listening()
    train(workspace, common, told, preset="ours", weight_adversarial=2.0)
    _, facts = load(workspace)
    assert (facts["settings"]["weight_adversarial"], facts["settings"]["mapping_rate"]) == (2.0, 0.01)
    assert any("no unit" in text for text in told.said)  # of the lips, in this face model
    assert 'preset = "ours"' in (workspace.run_dir("manipulator") / "config.toml").read_text()
    # A preset is a name for settings: the same settings under no name are the same run.
    same = {"mapping_rate": 0.01, "ema": 0.99, "weight_adversarial": 2.0, "weight_lips": 1.0}
    from mead_manip.config import TrainConfig
    from mead_manip.training.recipe import settings_of

    config = TrainConfig(size="small", iterations=3, batch_size=6)
    assert settings_of(dataclasses.replace(config, **same)) == facts["settings"]


def test_the_best_checkpoint_on_the_validation_actors_is_published(workspace, common):
    train(workspace, common, iterations=16, run="best", ema=0.0)
    train(workspace, common, iterations=16, run="last", ema=0.0, publish="last")
    scores = {}
    for line in (workspace.run_dir("best") / "metrics.jsonl").read_text().splitlines():
        found = json.loads(line)
        if "validation" in found:
            scores[found["step"]] = found["validation"]["score"]
    (weights, best), (others, last) = load(workspace, "best"), load(workspace, "last")
    assert len(scores) == 8 and best["published_iteration"] == min(scores, key=scores.get)
    assert best["validation"]["score"] == min(scores.values())
    assert (last["published"], last["published_iteration"]) == ("last", 16)
    assert last["validation"]["score"] == scores[16]
    name = "generator.head.1.weight"
    assert np.array_equal(weights.parameters[name], others.parameters[name]) is (best["published_iteration"] == 16)


def test_without_validation_actors_the_last_weights_are_published(workspace, common):
    train(workspace, common, val_actors=("none",))
    facts = load(workspace)[1]
    assert facts["published"] == "last" and facts["validation"] == {}


def test_a_run_starts_from_the_networks_of_another(workspace, common):
    from mead_manip.errors import UsageError

    train(workspace, common, run="first")
    first = load(workspace, "first")[0].parameters
    # No step at all: what is published is what it started from.
    train(workspace, common, run="second", init="first", learning_rate=0.0, iterations=1, publish="last", ema=0.0)
    second = load(workspace, "second")[0].parameters
    assert all(np.array_equal(second[name], first[name]) for name in first if name not in ("coef_low", "coef_high"))
    for settings, message in (({"size": "full"}, "another size"), ({"init": "second"}, "the run itself")):
        with pytest.raises(UsageError, match=message):
            train(workspace, common, run="second", **{"init": "first", **settings})


def test_a_run_on_fewer_emotions_takes_their_heads(workspace, common, publish):
    from mead_manip.artifacts.workspace import Workspace

    train(workspace, common, run="first")
    for path in list(workspace.folder("reconstruct3d").glob("*angry*")):
        path.unlink()
    init = str(workspace.run_dir("first") / "weights.h5")
    other = Workspace(workspace.root.parent / "other")
    shutil.copytree(workspace.folder("reconstruct3d"), other.folder("reconstruct3d"))
    train(other, common, init=init, learning_rate=0.0, iterations=1, publish="last", ema=0.0)
    first, second = load(workspace, "first")[0].parameters, load(other)[0].parameters
    assert np.array_equal(second["mapping.heads.1.0.weight"], first["mapping.heads.2.0.weight"])
    assert np.array_equal(second["discriminator.head.1.weight"], first["discriminator.head.1.weight"][[0, 2]])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"precision": "bf16"}, "bf16 on cpu"),
        ({"compile": True, "weight_r1": 1.0}, "gradient of a gradient"),
        ({"intensity_levels": True}, "all clips are of one level"),
        ({"affwild2": ".", "weighting": "literal"}, "have no lambda"),
    ],
)
def test_what_cannot_be_done_is_refused(workspace, common, settings, message):
    from mead_manip.errors import UsageError

    with pytest.raises(UsageError, match=message):
        train(workspace, common, **settings)
    assert not workspace.run_dir("manipulator").exists()


def test_tensorboard_gets_the_metrics_or_is_asked_for(workspace, common, monkeypatch):
    from mead_manip.errors import BackendUnavailable

    try:
        import tensorboard  # noqa: F401
    except ImportError:
        with pytest.raises(BackendUnavailable, match=r"mead-manip\[tensorboard\]"):
            train(workspace, common, tensorboard=True)
        return
    train(workspace, common, tensorboard=True)
    folder = workspace.run_dir("manipulator")
    assert list(folder.glob("events.out.tfevents.*")) and (folder / "metrics.jsonl").stat().st_size


def test_aff_wild2_is_learned_from_its_frames_labels(publish, common, tmp_path):
    header = "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise"
    labels = {"one": [0] * 15 + [4] * 15, "two": [-1] * 5 + [1] * 25, "short": [0] * 10, "val": [4] * 15 + [0] * 15}
    for stem, frames in labels.items():
        workspace = publish(f"video_{stem}-0123abcd", "", n_frames=30, actor="", level=0, view="")
        folder = tmp_path / "EXPR" / ("Validation_Set" if stem == "val" else "Train_Set")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{stem}.txt").write_text("\n".join([header, *map(str, frames)]))
    publish("video_stranger-0123abcd", "", n_frames=30, actor="", level=0, view="")
    told = Listening()
    train(workspace, common, told, affwild2=str(tmp_path / "EXPR"), run="pretrained")
    weights, facts = load(workspace, "pretrained")
    assert json.loads(weights.config)["emotions"] == ["neutral", "angry", "happy"]
    assert sorted(facts["training_set"]) == ["video_one-0123abcd", "video_two-0123abcd"]
    assert facts["windows"] == 21 + 16 and facts["published"] == "best"
    assert any("1 clip(s) without annotations" in text for text in told.said)
    assert any("1 clip(s) with fewer labels than frames" in text for text in told.said)


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["torchrun", "accelerate"])
def test_two_processes_train_as_one(workspace, tmp_path, launcher):
    root = workspace.root
    options = ["--size", "small", "--iterations", "2", "--batch-size", "7", "--weighting", "none", "--device", "cpu"]
    options += ["--publish", "last", "--quiet"]
    single = [sys.executable, "-m", "mead_manip", "train", "-w", str(root), "--run", "single", *options]
    commands = {
        "torchrun": [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29587"],
        "accelerate": [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"],
    }
    if launcher == "accelerate":
        pytest.importorskip("accelerate")
    # Without the -- torchrun takes --run for an abbreviation of its own --run-path.
    several = [*commands[launcher], "-m", "--", "mead_manip", "train", "-w", str(root), "--run", "several", *options]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    for command in (single, several):
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
    one, two = load(workspace, "single")[0].parameters, load(workspace, "several")[0].parameters
    assert max(np.abs(one[name] - two[name]).max() for name in one) < 1e-4
    lines = [(workspace.run_dir(run) / "metrics.jsonl").read_text().splitlines() for run in ("single", "several")]
    assert len(lines[0]) == len(lines[1])
    for ours, theirs in zip(*(map(json.loads, part) for part in lines), strict=True):
        assert ours.keys() == theirs.keys()
