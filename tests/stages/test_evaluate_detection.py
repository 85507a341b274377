"""A workspace whose probabilities tell the truth: planted outliers are found, page and numbers are published."""

import dataclasses
import json

import pytest

from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import Common, EvaluateDetectionConfig
from mead_manip.errors import ArtifactInvalid, ArtifactMissing
from mead_manip.stages import evaluate_detection
from mead_manip.stages.running.runner import SilentProgress


def evaluate(workspace: Workspace, **settings):
    config = EvaluateDetectionConfig(**{"seeds": 2, "draws": 100, "faults": 0, **settings})
    return evaluate_detection.run(workspace, config, Common(), progress=SilentProgress())


def test_planted_outliers_are_found_and_published(scored_workspace):
    summary = evaluate(scored_workspace)
    record = json.loads((scored_workspace.root / "evaluate" / "detection.json").read_text())
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
    page = (scored_workspace.root / "evaluate" / "detection.html").read_text()
    assert "T1 flips 20%" in page and "data:image/png;base64" in page
    assert (scored_workspace.root / "evaluate" / "detection.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_command_gives_the_same_numbers(scored_workspace):
    first, again = (json.dumps(evaluate(scored_workspace, seeds=1).facts) for _ in range(2))
    assert first == again


def test_a_workspace_without_scores_names_what_to_run(tmp_path):
    with pytest.raises(ArtifactMissing, match="clip-score"):
        evaluate(Workspace(tmp_path / "empty"))


def test_scores_at_several_thresholds_are_refused(scored_workspace):
    from mead_manip.artifacts import store
    from mead_manip.artifacts.provenance import Provenance
    from mead_manip.artifacts.schemas import ClipScores

    path = scored_workspace.path("clip-score", scored_workspace.clips("clip-score")[0])
    other = dataclasses.replace(store.load(ClipScores, path), threshold=0.4)
    store.save(other, path, Provenance(ClipScores.schema_id(), "clip-score", 1))
    with pytest.raises(ArtifactInvalid, match="2 thresholds"):
        evaluate(scored_workspace)


def test_a_dry_run_writes_nothing(scored_workspace):
    config = EvaluateDetectionConfig()
    summary = evaluate_detection.run(scored_workspace, config, Common(), dry_run=True, progress=SilentProgress())
    assert "T1 flips 20%" in summary.planned and not (scored_workspace.root / "evaluate").exists()
