"""Paths mirror the stages, and a name cannot leave them."""

import pytest

from mead_manip.artifacts.workspace import Workspace, clip_id_from
from mead_manip.errors import MeadManipError, UsageError


def test_paths_mirror_the_stages(tmp_path):
    workspace = Workspace(tmp_path)
    assert workspace.path("preprocess", "M003_happy") == tmp_path / "preprocess" / "M003_happy.h5"
    assert workspace.run_dir("one") == tmp_path / "train" / "one"


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "../a", "a\\b", "-flag", "a\nb", "a b"])
def test_a_name_that_could_leave_the_folder_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match="expected letters, digits"):
        Workspace(tmp_path).path("preprocess", name)
    with pytest.raises(UsageError, match="run name"):
        Workspace(tmp_path).run_dir(name)


def test_clips_are_the_published_files_sorted(tmp_path):
    workspace = Workspace(tmp_path)
    assert workspace.clips("preprocess") == []
    for name in ("b.h5", "a.h5", ".a.h5.01234567.tmp", "note.txt"):
        (workspace.prepare("preprocess") / name).write_bytes(b"")
    assert workspace.clips("preprocess") == ["a", "b"]


def test_runs_are_those_with_weights(tmp_path):
    workspace = Workspace(tmp_path)
    for name in ("done", "going"):
        workspace.run_dir(name).mkdir(parents=True)
    (workspace.run_dir("done") / "weights.h5").write_bytes(b"")
    assert workspace.runs() == ["done"]


def test_an_unwritable_workspace_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MeadManipError, match="cannot write .*; choose a writable folder"):
        Workspace(tmp_path / "file").prepare("preprocess")


def test_clip_ids_are_made_from_any_text():
    assert clip_id_from("M003", "", "front", "happy", "level_3", "012") == "M003_front_happy_level_3_012"
    assert clip_id_from("Über uns (2).mov") == "ber_uns_2_.mov"
    assert clip_id_from("...") == "clip"
    Workspace("x").path("preprocess", clip_id_from("-.a/b c"))
