"""Missing inputs are made if they can be, else the command to run is named."""

import os
import sys
import types

import pytest

from mead_manip.artifacts import store
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import Common
from mead_manip.errors import ArtifactMissing, MeadManipError
from mead_manip.stages import STAGES
from mead_manip.stages.running import plan
from mead_manip.stages.running.runner import SilentProgress, Summary


@pytest.fixture
def workspace(tmp_path, make_track):
    workspace = Workspace(tmp_path / "work")
    for name in ("a", "b"):
        track = Provenance("face_track/2", "preprocess", 1, {"clip": name})
        store.save(make_track(), workspace.path("preprocess", name), track)
    return workspace


def reconstruct(workspace, clip_id, artifact, key=None):
    key = key or store.read_key(workspace.path("preprocess", clip_id))
    provenance = Provenance("reconstruction/2", "reconstruct3d", 1, {}, {"face_track": key})
    store.save(artifact, workspace.path("reconstruct3d", clip_id), provenance)


def test_an_empty_workspace_names_the_first_command(tmp_path):
    for stage in ("reconstruct3d", "clip-score", "preprocess"):
        with pytest.raises(ArtifactMissing, match="train: nothing in .*; run `mead-manip preprocess PATH` first"):
            plan.require(Workspace(tmp_path), stage, needed_by="train")


def test_a_workspace_without_scores_names_clip_score(workspace):
    with pytest.raises(ArtifactMissing, match="run `mead-manip clip-score` first"):
        plan.require(workspace, "clip-score", needed_by="train")
    assert plan.require(workspace, "preprocess", needed_by="clip-score") == ["a", "b"]


def test_lacking_are_the_missing_and_the_outdated(workspace, make_reconstruction):
    assert plan.lacking(workspace, "reconstruct3d") == {"a": "missing", "b": "missing"}
    reconstruct(workspace, "a", make_reconstruction())
    reconstruct(workspace, "b", make_reconstruction(), key="another")
    assert plan.lacking(workspace, "reconstruct3d") == {"b": "its preprocess has changed"}
    workspace.path("reconstruct3d", "a").write_bytes(b"")
    assert "0 bytes" in plan.lacking(workspace, "reconstruct3d")["a"]


def test_a_result_that_has_not_changed_is_not_opened_again(workspace, make_reconstruction):
    for name in ("a", "b"):
        reconstruct(workspace, name, make_reconstruction())
    assert plan.lacking(workspace, "reconstruct3d") == {}
    path = workspace.path("reconstruct3d", "a")
    status = path.stat()
    path.write_bytes(bytes(status.st_size))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert plan.lacking(workspace, "reconstruct3d") == {}
    os.utime(path, ns=(0, 0))
    assert list(plan.lacking(workspace, "reconstruct3d")) == ["a"]


def test_only_what_is_missing_is_made_and_said(workspace, make_reconstruction, monkeypatch, in_folder):
    reconstruct(workspace, "a", make_reconstruction())
    made, said = [], []

    def run(workspace, config, common, **how):
        made.append((config.clips, config.backend, how["dry_run"]))
        return Summary("reconstruct3d", done=list(config.clips))

    module = types.ModuleType("a_stage")
    module.run = run
    monkeypatch.setitem(sys.modules, STAGES["reconstruct3d"].module, module)
    progress = SilentProgress()
    monkeypatch.setattr(progress, "say", said.append)
    summary = plan.make_missing(
        "reconstruct3d", workspace, Common(), needed_by="train", progress=progress, backend="fit"
    )
    assert made == [(("b",), "fit", False)] and summary.clips == ["b"]
    assert said == ["train: reconstruct3d is missing for 1 clip(s): making it first"]
    reconstruct(workspace, "b", make_reconstruction())
    assert plan.make_missing("reconstruct3d", workspace, Common(), needed_by="train", progress=progress) is None


def test_an_input_that_could_not_be_made_at_all_is_an_error(workspace, monkeypatch, in_folder):
    module = types.ModuleType("a_stage")
    module.run = lambda *_, **__: Summary("preprocess", failures={"a": "no face"})
    monkeypatch.setitem(sys.modules, STAGES["preprocess"].module, module)
    with pytest.raises(MeadManipError, match="preprocess: a: no face"):
        plan.make("preprocess", workspace, Common(), progress=SilentProgress(), path="x.mp4")


def test_the_table_is_in_an_order_in_which_it_can_run():
    seen = set()
    for stage in STAGES.values():
        assert set(stage.reads) <= seen, stage.name
        seen.add(stage.name)
