"""What was read of files holds as long as they do not change."""

import os

from mead_manip.artifacts.ledger import Ledger


def ledger(tmp_path, kind="face_track/2", n_words=2):
    return Ledger(tmp_path / "files", tmp_path / "known.json", kind, n_words)


def write(tmp_path, name, text):
    path = tmp_path / "files" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_words_last_until_the_file_changes(tmp_path):
    path = write(tmp_path, "a.h5", "one")
    known = ledger(tmp_path)
    assert known.words(path) is None
    known.note(path, ("key", "happy"))
    known.keep()
    assert ledger(tmp_path).words(path) == ("key", "happy")
    os.utime(path, ns=(1, 1))
    assert ledger(tmp_path).words(path) is None
    write(tmp_path, "a.h5", "longer")
    assert ledger(tmp_path).words(path) is None
    path.unlink()
    assert ledger(tmp_path).words(path) is None


def test_only_files_that_are_there_are_kept_and_what_another_process_knows(tmp_path):
    a, b, gone = (write(tmp_path, name, "x") for name in ("a", "b", "gone"))
    mine, other = ledger(tmp_path), ledger(tmp_path)
    mine.note(a, ("1", "2"))
    mine.note(gone, ("1", "2"))
    other.note(b, ("3", "4"))
    gone.unlink()
    other.keep()
    mine.keep()
    both = ledger(tmp_path)
    assert (both.words(a), both.words(b)) == (("1", "2"), ("3", "4"))
    assert "gone" not in (tmp_path / "known.json").read_text()


def test_a_ledger_that_cannot_be_read_or_has_other_words_knows_nothing(tmp_path):
    path = write(tmp_path, "a", "x")
    known = ledger(tmp_path)
    known.note(path, ("1", "2"))
    known.keep()
    assert ledger(tmp_path, n_words=3).words(path) is None
    assert ledger(tmp_path, "face_track/3").words(path) is None
    for text in ("", "[1, 2]", '{"a": 3}', "\x00"):
        (tmp_path / "known.json").write_text(text)
        assert ledger(tmp_path).words(path) is None
