"""A workspace whose probabilities tell the truth: planted outliers are found, page and numbers are published."""

import itertools
import json

import numpy as np
import pytest

from mead_manip.artifacts import store
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import Common, EvaluateDetectionConfig
from mead_manip.emotions import NED_EMOTIONS
from mead_manip.errors import ArtifactMissing
from mead_manip.stages import evaluate_detection
from mead_manip.stages.runner import SilentProgress

FRAMES = 16


@pytest.fixture
def workspace(tmp_path, make_track, make_reconstruction, make_scores) -> Workspace:
    """Publish 3 actors x (6 emotions x levels 1 and 3 + 2 neutral): strong clips are recognised, weak ones hardly."""
    workspace = Workspace(tmp_path / "work")
    rng = np.random.default_rng(0)
    acted = [(emotion, level) for emotion in NED_EMOTIONS if emotion != "neutral" for level in (1, 3)]
    for actor, (take, (emotion, level)) in itertools.product(
        ("M003", "M009", "W029"), enumerate([*acted, *acted, ("neutral", 1), ("neutral", 1)])
    ):
        clip_id = f"{actor}_{emotion}_{level}_{take:03d}"
        strength = 0.0 if emotion == "neutral" else (0.3, 0, 1.0)[level - 1]
        truth = np.eye(len(NED_EMOTIONS))[NED_EMOTIONS.index(emotion)]
        logits = (5 * max(strength, 0.9 * (emotion == "neutral"))) * truth + rng.normal(0, 0.3, (4, len(truth)))
        odds = np.exp(logits)
        probability = (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
        face = (strength * truth + rng.normal(0, 0.05, (FRAMES, len(truth)))).astype(np.float32)
        labels = {"actor": actor, "emotion": emotion, "level": level}
        own = float(probability.mean(axis=0)[NED_EMOTIONS.index(emotion)])
        artifacts = {
            "preprocess": make_track(FRAMES, **labels, source=str(tmp_path / "MEAD" / f"{clip_id}.mp4")),
            "reconstruct3d": make_reconstruction(FRAMES, len(truth), **labels, expression=face),
            "clip-score": make_scores(
                frame_index=np.arange(4, dtype=np.int32), frame_probability=probability,
                probability=probability.mean(axis=0), classes=NED_EMOTIONS, prompts=NED_EMOTIONS,
                label=emotion, y=own, weight=1.0 if own >= 0.6 else own, threshold=0.6, actor=actor, level=level,
            ),
        }  # fmt: skip
        for stage, artifact in artifacts.items():
            workspace.prepare(stage)
            store.save(artifact, workspace.path(stage, clip_id), Provenance(artifact.schema_id(), stage, 1))
    return workspace


def evaluate(workspace: Workspace, **settings):
    config = EvaluateDetectionConfig(**{"seeds": 2, "draws": 100, **settings})
    return evaluate_detection.run(workspace, config, Common(), progress=SilentProgress())


def test_planted_outliers_are_found_and_published(workspace):
    summary = evaluate(workspace)
    record = json.loads((workspace.root / "evaluate" / "detection.json").read_text())
    assert summary.facts["n_clips"] == record["n_clips"] == 3 * 26
    found = {(s["test"], s["scorer"]): s for s in record["scores"]}
    for test in ("T1 flips 20%", "T2 confusions 20%", "T3 level 1 20%", "T4 neutral 20%"):
        assert found[test, "1 - lambda"]["macro"]["value"] > 0.9, test
        assert 0.2 < found[test, "random"]["macro"]["value"] < 0.8
        low, high = found[test, "1 - lambda"]["macro"]["low"], found[test, "1 - lambda"]["macro"]["high"]
        assert low <= found[test, "1 - lambda"]["macro"]["value"] <= high
    # Nobody can tell a strong clip of one emotion from its own weak one by looking at which emotion it is.
    assert found["T3 level 1 20%", "magnitude"]["macro"]["value"] > 0.9
    assert ("T3 level 2 20%", "1 - lambda") not in found, "there is no clip of level 2"
    page = (workspace.root / "evaluate" / "detection.html").read_text()
    assert "T1 flips 20%" in page and "data:image/png;base64" in page
    assert (workspace.root / "evaluate" / "detection.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_command_gives_the_same_numbers(workspace):
    first = json.dumps(evaluate(workspace).facts)
    assert json.dumps(evaluate(workspace).facts) == first


def test_a_workspace_without_scores_names_what_to_run(tmp_path):
    with pytest.raises(ArtifactMissing, match="clip-score"):
        evaluate(Workspace(tmp_path / "empty"))


def test_a_dry_run_writes_nothing(workspace):
    config = EvaluateDetectionConfig()
    summary = evaluate_detection.run(workspace, config, Common(), dry_run=True, progress=SilentProgress())
    assert "T1 flips 20%" in summary.planned and not (workspace.root / "evaluate").exists()
