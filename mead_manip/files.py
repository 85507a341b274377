"""Whole files or none: write beside, then rename. Content digests. Nothing here knows a format."""

import contextlib
import errno
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from mead_manip.errors import InputMissing, MeadManipError

_TEMPORARY = re.compile(r"^\..+\.[0-9a-f]{8}\.tmp(\.[A-Za-z0-9]+)?$")
_BLOCK = 1 << 20
# A file that is being written has been touched more recently than this (seconds).
STALE_SECONDS = 600.0


@contextlib.contextmanager
def atomic(path: Path, *, suffix: str = "") -> Iterator[Path]:
    """Yield a temporary path beside `path`; publish it by rename if the block succeeds, remove it if not.

    `suffix` (".mp4") is appended to the temporary name for writers that choose their format by it.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp{suffix}")
    make_folder(path.parent)
    try:
        yield temporary
        _publish(temporary, path)
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            raise
        raise _unwritable(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def write_all(contents: Mapping[Path, bytes], spare: list[Path]) -> None:
    """Publish many small files: all written beside, one flush of the disk, then all renamed. Complete or absent.

    A flush for each would take most of the time, and so would freeing the blocks of what is replaced: old files become
    `spare`, and the next call writes over them. Who has called last removes them; after a kill they are swept.
    """
    temporaries = {path: spare.pop() if spare else _beside(path) for path in contents}
    for folder in {path.parent for path in contents}:
        make_folder(folder)
    try:
        for path, content in contents.items():
            _write_over(temporaries[path], content)
        os.sync()
        for path, temporary in temporaries.items():
            if path.is_file():
                spare.append(path.rename(_beside(path)))
            temporary.replace(path)
        for folder in {path.parent for path in contents}:
            _flush(folder)
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            raise
        raise _unwritable(next(iter(contents)).parent, error) from error
    finally:
        for temporary in temporaries.values():
            temporary.unlink(missing_ok=True)


def make_folder(path: Path) -> Path:
    """Make a folder with its parents, or say in one line why it cannot be written."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise MeadManipError(f"cannot write in {path}", expected="a writable folder", remedy=_REMEDY)
    return path


def sweep(folder: Path, *, older_than: float = STALE_SECONDS) -> list[Path]:
    """Remove temporary files that a killed run left in `folder`; give their paths."""
    if not folder.is_dir():
        return []
    limit = time.time() - older_than
    removed = []
    for path in sorted(folder.iterdir()):
        if not _TEMPORARY.match(path.name):
            continue
        # Another process may publish or sweep the same file at this moment: then it is gone, as wanted.
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime <= limit:
                path.unlink()
                removed.append(path)
    return removed


def digest(path: Path) -> str:
    """Give the sha256 of a file's content in hex."""
    sha = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                sha.update(block)
    except OSError as error:
        raise InputMissing(f"cannot read {path}: {error.strerror or error}", expected="a readable file") from error
    return sha.hexdigest()


_REMEDY = "choose a writable folder with --workspace, or free the disk"


# What the disk says when it will not take a file; any other OSError inside `atomic` is the writer's own.
_DISK_ERRORS = {errno.ENOSPC, errno.EACCES, errno.EPERM, errno.EROFS, errno.EDQUOT, errno.ENOTDIR, errno.EISDIR}


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


def _write_over(path: Path, content: bytes) -> None:
    """Write a file anew in the room that it has."""
    with path.open("r+b" if path.exists() else "xb") as file:
        file.write(content)
        file.truncate()


def _publish(temporary: Path, path: Path) -> None:
    _flush(temporary)
    temporary.replace(path)
    _flush(path.parent)


def _flush(path: Path) -> None:
    """Make a file's content, or a folder's entries, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(path: Path, error: OSError) -> MeadManipError:
    return MeadManipError(f"cannot write {path}: {error.strerror or error}", remedy=_REMEDY)
