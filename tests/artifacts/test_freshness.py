"""What was seen to be fresh is not opened again, and every change of a file or of what is wanted is noticed."""

import os

import pytest

from mead_manip.artifacts import store
from mead_manip.artifacts.freshness import Results
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import FaceTrack


def wanted(margin=0.25):
    return Provenance(FaceTrack.schema_id(), "preprocess", 1, {"margin": margin})


@pytest.fixture
def path(tmp_path, make_track):
    path = tmp_path / "clip.h5"
    store.save(make_track(), path, wanted())
    return path


def kind(path, provenance=None):
    results = Results(path.parent)
    state = results.check(path, FaceTrack, provenance or wanted())
    results.keep()
    return state.kind


def spoil(path):
    """Overwrite a file's content and leave its stamp: whoever opens it sees that it is no artifact any more."""
    status = path.stat()
    path.write_bytes(bytes(status.st_size))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_file_that_was_vetted_is_not_opened_again(path):
    assert kind(path) is store.FRESH
    spoil(path)
    assert kind(path) is store.FRESH
    os.utime(path)
    assert kind(path) is store.STALE


def test_what_was_just_published_is_known(path):
    results = Results(path.parent)
    results.note(path, wanted())
    results.keep()
    spoil(path)
    assert kind(path) is store.FRESH


def test_another_key_a_new_file_and_no_file_are_noticed(path, make_track):
    assert kind(path) is store.FRESH
    assert kind(path, wanted(0.3)) is store.STALE
    store.save(make_track(), path, wanted(0.3))
    assert kind(path, wanted(0.3)) is store.FRESH and kind(path) is store.STALE
    path.unlink()
    assert kind(path) is store.MISSING


def test_stale_files_are_never_remembered(path):
    assert kind(path, wanted(0.3)) is store.STALE
    assert [name.name for name in path.parent.iterdir()] == ["clip.h5"]


def test_a_broken_memory_is_no_harm(path):
    assert kind(path) is store.FRESH
    (memory,) = path.parent.glob("*.json")
    memory.write_text("{nonsense")
    assert kind(path) is store.FRESH
