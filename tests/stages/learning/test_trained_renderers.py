"""Which neural renderer draws a face: only one that knows the person."""

import os

import pytest

VERTICES = 5


@pytest.fixture
def workspace(tmp_path):
    from mead_manip.artifacts.workspace import Workspace

    return Workspace(tmp_path)


@pytest.fixture
def train(workspace):
    import neural

    def make(run, *sources, face_model="head", age=0):
        neural.publish(workspace, run, neural.weights(VERTICES, sources, face_model))
        os.utime(workspace.run_dir(run) / "weights.h5", (1e9 - age, 1e9 - age))

    return make


def wanted(digest="aaa", face=1):
    from mead_manip.stages.learning.trained_renderers import Wanted

    return Wanted(digest, face, "head", "talk.mp4")


def found(workspace, face=None, run=None):
    from mead_manip.stages.learning.trained_renderers import renderer_for

    return renderer_for(workspace, face or wanted(), run)


def test_the_renderer_of_this_very_face_is_found(workspace, train):
    train("one", "bbb#1", "aaa#1")

    chosen = found(workspace)
    assert (chosen.name, chosen.row, chosen.own) == ("one", 1, True)
    assert found(workspace, wanted(face=2)) is None
    assert found(workspace, wanted("ccc")) is None


def test_a_source_without_a_face_is_the_first_face_of_its_video(workspace, train):
    train("one", "aaa")

    assert found(workspace).row == 0 and found(workspace, wanted(face=2)) is None


def test_of_several_the_one_of_fewest_people_and_then_the_newest_is_taken(workspace, train):
    train("many", "aaa#1", "bbb#1")
    train("old", "aaa#1", age=100)
    train("new", "aaa#1", age=50)

    assert found(workspace).name == "new"


def test_renderers_of_another_face_model_and_other_weights_do_not_count(workspace, train):
    import neural

    train("flame", "aaa#1", face_model="flame-2020@0")
    manipulator = workspace.run_dir("manipulator") / "weights.h5"
    manipulator.parent.mkdir(parents=True)
    manipulator.write_bytes(b"something else")

    assert found(workspace) is None
    neural.publish(workspace, "own", neural.weights(VERTICES, ("aaa#1",), "head"))
    assert found(workspace).name == "own"


def test_a_named_run_of_one_person_may_draw_another_video(workspace, train):
    train("one", "bbb#1")

    chosen = found(workspace, run="one")
    assert (chosen.row, chosen.own) == (0, False)


def test_a_named_run_of_several_people_must_know_this_one(workspace, train):
    from mead_manip.errors import UsageError

    train("many", "bbb#1", "ccc#1")
    with pytest.raises(UsageError, match=r"2 videos.*--init many"):
        found(workspace, run="many")
    assert found(workspace, wanted("ccc"), run="many").row == 1


def test_a_named_run_that_is_none_or_of_another_model_is_refused(workspace, train):
    from mead_manip.errors import InputMissing, UsageError

    train("one", "aaa#1", face_model="flame-2020@0")
    with pytest.raises(InputMissing, match=r"one of: one.*train renderer talk.mp4"):
        found(workspace, run="two")
    with pytest.raises(UsageError, match="flame"):
        found(workspace, run="one")


def test_what_helps_is_said_where_there_is_none(workspace, train):
    from mead_manip.stages.learning.trained_renderers import missing_renderer

    assert "--renderer warp" in str(missing_renderer(workspace, wanted()))
    assert "--renderer-run" not in str(missing_renderer(workspace, wanted()))
    train("one", "bbb#1")
    assert "--renderer-run (one)" in str(missing_renderer(workspace, wanted()))
