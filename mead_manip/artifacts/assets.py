"""The shipped weights and the head: mead_manip/assets/, each described in its README with its sha256."""

import functools
from pathlib import Path
from typing import TypeVar

from mead_manip import files
from mead_manip.artifacts import store
from mead_manip.artifacts.artifact import Artifact
from mead_manip.errors import InputMissing

ASSETS = Path(__file__).parent.parent / "assets"
SHIPPED_MANIPULATOR = "manipulator.h5"
A = TypeVar("A", bound=Artifact)


def asset_path(name: str) -> Path:
    """Give the path of a shipped asset, or say that the installation lacks it."""
    path = ASSETS / name
    if not path.is_file():
        raise InputMissing(
            f"no asset {name}", expected=f"{path}", remedy="reinstall mead-manip: its assets are part of it"
        )
    return path


def asset_digest(name: str) -> str:
    """Give the sha256 of an asset in hex (computed once a process and content)."""
    path = asset_path(name)
    status = path.stat()
    return _digest(path, status.st_size, status.st_mtime_ns)


def load_asset(schema: type[A], name: str) -> A:
    """Load a shipped asset as the artifact it is."""
    return store.load(schema, asset_path(name))


@functools.lru_cache(maxsize=32)
def _digest(path: Path, size: int, mtime_ns: int) -> str:
    return files.digest(path)
