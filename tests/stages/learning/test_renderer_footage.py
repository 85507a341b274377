"""The report on footage, over a workspace."""

import json

import numpy as np
import pytest

CLIP = "video_one"


@pytest.fixture
def workspace(tmp_path, make_track, make_reconstruction):
    from mead_manip.artifacts import store
    from mead_manip.artifacts.provenance import Provenance
    from mead_manip.artifacts.workspace import Workspace
    from mead_manip.models.face_model import load_head

    head, n = load_head(), 30
    rng = np.random.default_rng(0)
    names = head.coef_names
    artifacts = {
        "preprocess": make_track(n, face_bytes=np.zeros(0, np.uint8), face_offsets=np.zeros(n + 1, np.int64)),
        "reconstruct3d": make_reconstruction(
            n,
            identity=np.zeros(head.n_identity, np.float32),
            expression=rng.uniform(0, 0.2, (n, len(names))).astype(np.float32),
            coef_names=names,
            face_model="head",
        ),
    }
    workspace = Workspace(tmp_path / "work")
    for stage, artifact in artifacts.items():
        workspace.prepare(stage)
        store.save(artifact, workspace.path(stage, CLIP), Provenance(artifact.schema_id(), stage, 1))
    return workspace


def train(workspace, run):
    """Publish a manipulator that has learned nothing."""
    import torch

    from mead_manip.artifacts import store
    from mead_manip.artifacts.provenance import Provenance
    from mead_manip.artifacts.schemas import ManipulatorWeights
    from mead_manip.models.face_model import load_head
    from mead_manip.models.manipulator import Architecture, Manipulator

    names = load_head().coef_names
    torch.manual_seed(0)
    nets = Manipulator(Architecture.of_size("small", 1 + len(names)))
    facts = json.dumps({"coef_names": ["jaw_pose_x", *names]})
    path = workspace.run_dir(run) / "weights.h5"
    path.parent.mkdir(parents=True)
    weights = ManipulatorWeights(nets.to_arrays(), nets.architecture.to_json(), facts)
    store.save(weights, path, Provenance(ManipulatorWeights.schema_id(), "train", 1))


def test_the_report_holds_footage_against_the_edits_of_a_trained_run(workspace):
    from mead_manip.emotions import TARGETS
    from mead_manip.stages.learning.renderer_footage import footage_report

    train(workspace, "toy")
    report = footage_report(workspace, [CLIP])

    assert set(report.facts.coverage) == set(TARGETS)
    assert "run toy" in report.targets
    assert any(line.startswith("missing") for line in report.lines())
    assert json.loads(json.dumps(report.as_json()))["missing"] == report.lacks


def test_a_run_that_is_not_there_is_an_error_where_it_was_named(workspace):
    from mead_manip.errors import InputMissing
    from mead_manip.stages.learning.renderer_footage import footage_report

    with pytest.raises(InputMissing, match="nowhere"):
        footage_report(workspace, [CLIP], run="nowhere")


def test_coefficients_of_another_face_model_leave_the_edits_out_and_say_so(workspace, make_track, make_reconstruction):
    from mead_manip.artifacts import store
    from mead_manip.artifacts.provenance import Provenance
    from mead_manip.models.face_model import load_head
    from mead_manip.stages.learning.renderer_footage import footage_report

    train(workspace, "toy")
    head = load_head()
    other = make_reconstruction(
        30,
        identity=np.zeros(head.n_identity, np.float32),
        expression=np.zeros((30, head.n_expression), np.float32),
        coef_names=tuple(f"other_{k}" for k in range(head.n_expression)),
        face_model="head",
    )
    store.save(other, workspace.path("reconstruct3d", CLIP), Provenance(other.schema_id(), "reconstruct3d", 1))
    report = footage_report(workspace, [CLIP])

    assert not report.facts.coverage
    assert any("another face model" in line for line in report.lines())
