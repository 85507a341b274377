"""A run is what was named; without a name the workspace's own, and where that is missing, said aloud, the shipped."""

import json
import shutil
from pathlib import Path

import pytest
from listening import Listening

from mead_manip.artifacts import store
from mead_manip.artifacts.assets import SHIPPED_MANIPULATOR, asset_path, load_asset
from mead_manip.artifacts.schemas import ManipulatorWeights
from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import OWN_RUN, SHIPPED_RUN
from mead_manip.emotions import NED_EMOTIONS
from mead_manip.errors import InputMissing
from mead_manip.models.face_model import load_head
from mead_manip.models.manipulator import Manipulator
from mead_manip.stages.learning.trained import run_of, weights_of


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "work")


def with_run(workspace, name):
    folder = workspace.run_dir(name)
    folder.mkdir(parents=True)
    return Path(shutil.copy(asset_path(SHIPPED_MANIPULATOR), folder / "weights.h5"))


def test_the_workspaces_own_run_comes_first(workspace):
    path, listening = with_run(workspace, OWN_RUN), Listening()
    assert run_of(workspace, None, "edit", listening) == OWN_RUN and not listening.said
    assert weights_of(workspace, OWN_RUN, "edit") == path


def test_the_shipped_one_stands_in_aloud(workspace):
    listening = Listening()
    assert run_of(workspace, None, "edit", listening) == SHIPPED_RUN
    (line,) = listening.said
    assert "shipped manipulator" in line and "mead-manip train" in line


def test_a_name_gives_that_run_or_an_error(workspace):
    with_run(workspace, "other")
    listening = Listening()
    assert run_of(workspace, "mine", "edit", listening) == "mine" and not listening.said
    with pytest.raises(InputMissing, match=r"no trained manipulator 'mine'.*one of: other, builtin"):
        weights_of(workspace, "mine", "edit")


def test_the_shipped_manipulator_drives_the_head_that_ships(workspace):
    path = weights_of(workspace, SHIPPED_RUN, "edit")
    weights = load_asset(ManipulatorWeights, SHIPPED_MANIPULATOR)
    facts = json.loads(weights.facts)
    assert store.read_key(path) and facts["coef_names"] == ["jaw_pose_x", *load_head().coef_names]
    nets = Manipulator.from_arrays(weights.parameters, weights.config)
    assert nets.architecture.emotions == NED_EMOTIONS and nets.architecture.levels == 3


def test_manipulators_and_renderers_lie_side_by_side_and_are_told_apart(tmp_path):
    import neural

    from mead_manip.artifacts.schemas import RendererWeights
    from mead_manip.stages.learning.trained import runs_of

    workspace = Workspace(tmp_path)
    neural.publish(workspace, "face", neural.weights(3, ("x",), "head"))
    damaged = workspace.run_dir("damaged") / "weights.h5"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"no weights")

    assert runs_of(workspace, RendererWeights) == ["face"]
    assert runs_of(workspace, ManipulatorWeights) == []
