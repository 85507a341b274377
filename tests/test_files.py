"""Whole files or none."""

import errno

import pytest

from mead_manip import files
from mead_manip.errors import InputMissing, MeadManipError


def test_a_block_that_succeeds_publishes_under_the_name(tmp_path):
    with files.atomic(tmp_path / "deep" / "out.mp4", suffix=".mp4") as temporary:
        assert temporary.suffix == ".mp4" and temporary.name.startswith(".out.mp4.")
        temporary.write_bytes(b"whole")
    assert (tmp_path / "deep" / "out.mp4").read_bytes() == b"whole"
    assert len(list((tmp_path / "deep").iterdir())) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("x"), OSError("a codec's own trouble")])
def test_a_block_that_fails_keeps_the_old_file_and_leaves_nothing(tmp_path, error):
    (tmp_path / "out").write_bytes(b"old")
    with pytest.raises(type(error)), files.atomic(tmp_path / "out") as temporary:
        temporary.write_bytes(b"half")
        raise error
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_a_full_disk_is_one_clear_line(tmp_path):
    with (
        pytest.raises(MeadManipError, match="cannot write .*out: No space left; choose"),
        files.atomic(tmp_path / "out"),
    ):
        raise OSError(errno.ENOSPC, "No space left")


def test_sweeping_touches_only_old_temporaries(tmp_path):
    for name in (".a.h5.0123abcd.tmp", ".b.mp4.0123abcd.tmp.mp4", "a.h5", ".hidden", "b.0123abcd.tmp"):
        (tmp_path / name).write_bytes(b"")
    assert files.sweep(tmp_path) == []
    assert [path.name for path in files.sweep(tmp_path, older_than=-1.0)] == [
        ".a.h5.0123abcd.tmp",
        ".b.mp4.0123abcd.tmp.mp4",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hidden", "a.h5", "b.0123abcd.tmp"]
    assert files.sweep(tmp_path / "absent") == []


def test_digest_is_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert files.digest(tmp_path / "a").startswith("ba7816bf8f01cfea")
    with pytest.raises(InputMissing, match="cannot read"):
        files.digest(tmp_path / "b")


def test_many_files_are_published_together_in_the_room_of_those_they_replace(tmp_path):
    folder, spare = tmp_path / "new", []
    for length in (5, 9, 2):
        files.write_all({folder / f"{k}.bin": bytes([k]) * length for k in range(5)}, spare)
        assert [(folder / f"{k}.bin").read_bytes() for k in range(5)] == [bytes([k]) * length for k in range(5)]
        assert len(spare) == (0 if length == 5 else 5)
    assert files.sweep(folder, older_than=-60.0) == sorted(spare), "a kill leaves them to the sweep"
    (folder / "0.bin").unlink()
    (folder / "0.bin").mkdir()
    with pytest.raises(MeadManipError, match="cannot write"):
        files.write_all({folder / "1.bin": b"new", folder / "0.bin": b"new"}, [])
    assert (folder / "1.bin").read_bytes() == b"new"
