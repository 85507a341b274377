"""T5: faulty crops go through the model of the scores; scores that cannot be had again are refused."""

import dataclasses

import numpy as np
import pytest
from clip_scoring import read, score


@pytest.fixture
def judged(actors, weights, make_reconstruction):
    """Score the clips of two actors and give them coefficients."""
    from mead_manip.artifacts import store
    from mead_manip.artifacts.provenance import Provenance

    score(actors, weights, frames=2)
    actors.prepare("reconstruct3d")
    for clip_id in actors.clips("clip-score"):
        actor, emotion, take = clip_id.split("_")
        face = np.random.default_rng(int(take)).normal(size=(20, 4)).astype(np.float32)
        clip = make_reconstruction(20, 4, actor=actor, emotion=emotion, level=3, expression=face)
        store.save(clip, actors.path("reconstruct3d", clip_id), Provenance(clip.schema_id(), "reconstruct3d", 1))
    return actors


def save(workspace, clip_id, **changes):
    from mead_manip.artifacts import store
    from mead_manip.artifacts.provenance import Provenance
    from mead_manip.artifacts.schemas import ClipScores

    other = dataclasses.replace(read(workspace, clip_id), **changes)
    store.save(other, workspace.path("clip-score", clip_id), Provenance(ClipScores.schema_id(), "clip-score", 1))


def evaluate(workspace, faults):
    from mead_manip.config import Common, EvaluateDetectionConfig
    from mead_manip.stages import evaluate_detection
    from mead_manip.stages.running.runner import SilentProgress

    config = EvaluateDetectionConfig(seeds=1, draws=100, faults=faults)
    return evaluate_detection.run(workspace, config, Common(device="cpu"), progress=SilentProgress())


def test_every_fault_is_scored_and_published(judged):
    from mead_manip.evaluation.corruptions import CORRUPTIONS

    faults = evaluate(judged, 3).facts["faults"]
    assert list(faults) == ["as they are", *CORRUPTIONS, "wrong person"]
    control = faults["as they are"]
    assert control["n_clips"] == 3 and control["mean_lambda"] == pytest.approx(control["mean_lambda_before"], abs=1e-5)
    moved = [abs(fault["mean_lambda"] - control["mean_lambda"]) for fault in faults.values()]
    assert max(moved) > 1e-4
    asked = {name: {part["scorer"] for part in fault["scores"]} for name, fault in faults.items()}
    assert "magnitude" in asked["wrong person"] and "magnitude" not in asked["dark"] and "random" in asked["dark"]
    assert "mouth covered" in (judged.root / "evaluate" / "detection.html").read_text()


def test_scores_of_another_model_or_of_other_crops_are_refused(judged, tmp_path):
    from mead_manip.errors import ArtifactInvalid, MeadManipError

    for clip_id in judged.clips("clip-score"):
        save(judged, clip_id, frame_probability=np.eye(7, dtype=np.float32)[[0, 0]])
    with pytest.raises(ArtifactInvalid, match="scored again.*--faults 0"):
        evaluate(judged, 3)
    for clip_id in judged.clips("clip-score"):
        save(judged, clip_id, pretrained=str(tmp_path / "gone.h5"))
    with pytest.raises(MeadManipError, match="--faults 0"):
        evaluate(judged, 3)
    assert evaluate(judged, 0).facts["faults"] == {}
