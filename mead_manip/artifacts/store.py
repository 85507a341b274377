"""Artifacts to and from HDF5: complete or absent on disk, checked on the way in, suspicious on the way out."""

import contextlib
import datetime
import errno
import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np

from mead_manip import __version__, files
from mead_manip.artifacts import reading
from mead_manip.artifacts.artifact import Artifact, check_values, encode_scalar, specs
from mead_manip.artifacts.provenance import Provenance, differences
from mead_manip.errors import ArtifactInvalid, ArtifactMissing, MeadManipError

A = TypeVar("A", bound=Artifact)
_BLOCK = 1 << 23  # bytes that are copied at a time


class Freshness(Enum):
    """What a look at a path tells about the result that should lie there."""

    MISSING = "missing"
    STALE = "stale"
    FRESH = "fresh"


MISSING, STALE, FRESH = Freshness.MISSING, Freshness.STALE, Freshness.FRESH


@dataclass(frozen=True)
class State:
    """Freshness of a path, with the reasons why it is stale."""

    kind: Freshness
    reasons: list[str] = field(default_factory=list)


def save(artifact: Artifact, path: Path, provenance: Provenance, *, reproducible: bool = False) -> None:
    """Publish an artifact: written beside, synced, renamed. `reproducible` leaves the time out: same bytes again."""
    if provenance.schema != artifact.schema_id():
        raise ArtifactInvalid(f"{path}: provenance for {provenance.schema}", expected=artifact.schema_id())
    with files.atomic(path) as temporary:
        try:
            with h5py.File(temporary, "w", libver=("earliest", "v110"), track_order=False) as file:
                write(file, artifact, provenance, reproducible)
        except OSError as error:
            # h5py gives a number only when it opens a file; a full disk later is just an OSError.
            if error.errno is None:
                raise OSError(errno.ENOSPC, f"HDF5 could not write ({error})") from error
            raise


def load(schema: type[A], path: Path, *, mapped: bool = False) -> A:
    """Read a whole artifact; ArtifactMissing or ArtifactInvalid says with path, found and expected what is wrong.

    `mapped` leaves large arrays on disk until they are looked at; they cannot be changed.
    """
    with _open(schema, path) as file, reading.naming(path):
        if mapped:
            return schema(**{spec.name: reading.mapped(file, spec, path) for spec in specs(schema)})
        return schema(**{spec.name: reading.read(file, spec) for spec in specs(schema)})


@contextlib.contextmanager
def opened(schema: type[Artifact], path: Path) -> "Iterator[reading.Opened]":
    """Yield an artifact whose arrays are read slice by slice: `track.landmarks_px[3:7]`. Names and axes are checked."""
    with _open(schema, path) as file:
        with reading.naming(path):
            check_values(schema, {spec.name: reading.outline(file, spec) for spec in specs(schema)})
        yield reading.Opened(file, {spec.name: spec for spec in specs(schema)}, path)


def peek(schema: type[Artifact], path: Path, *names: str) -> tuple[str, tuple[Any, ...]]:
    """Give an artifact's key and a few of its scalars without a look at its arrays: for tables of thousands."""
    fields = {spec.name: spec for spec in specs(schema)}
    with _open(schema, path) as file, reading.naming(path):
        return _provenance(file).key, tuple(reading.read(file, fields[name]) for name in names)


def read_provenance(path: Path, schema: type[Artifact] | None = None) -> Provenance:
    """Read what an artifact, of any schema where none is given, was made from."""
    with _open(schema, path) as file, reading.naming(path):
        return _provenance(file)


def read_key(path: Path, schema: type[Artifact] | None = None) -> str:
    """Give the key of a published artifact: what names it as an input."""
    return read_provenance(path, schema).key


def check(path: Path, schema: type[Artifact], provenance: Provenance) -> State:
    """Tell whether `path` holds the result that `provenance` describes. An unreadable or foreign file is stale."""
    try:
        with opened(schema, path) as artifact, reading.naming(path):
            stored = _provenance(artifact.file)
    except ArtifactMissing:
        return State(MISSING)
    except ArtifactInvalid as error:
        return State(STALE, [str(error)])
    if stored.key == provenance.key:
        return State(FRESH)
    return State(STALE, differences(stored, provenance))


def write(file: h5py.File, artifact: Artifact, provenance: Provenance, reproducible: bool = False) -> None:
    """Write an artifact into an open file. To publish one, `save` it."""
    file.attrs["schema"] = np.bytes_(artifact.schema_id())
    file.attrs["key"] = np.bytes_(provenance.key)
    file.attrs["created_by"] = np.bytes_(f"mead-manip {__version__}")
    if not reproducible:
        file.attrs["created_at"] = np.bytes_(datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"))
    _write_text(file, reading.PROVENANCE, provenance.to_json())
    for spec in specs(type(artifact)):
        value = getattr(artifact, spec.name)
        if spec.kind == "array":
            _write_array(file, spec.name, value, compressed=spec.name in artifact.COMPRESSED)
            file[spec.name].attrs["dims"] = np.bytes_(spec.dims)
        elif spec.kind == "mapping":
            group = file.create_group(spec.name)
            for name, array in value.items():
                _write_array(group, name, array, compressed=False)
        else:
            _write_text(file, spec.name, encode_scalar(value))


# ---- below: how a file is laid out ------------------------------------------------------------------------------


def _write_array(group: h5py.Group, name: str, array: np.ndarray, *, compressed: bool) -> None:
    # Contiguous unless asked: coefficients gain nothing from compression, and chunks h5py chooses are slow for pixels.
    if compressed and array.size:
        group.create_dataset(name, data=array, chunks=array.shape, compression="gzip", compression_opts=9, shuffle=True)
    elif isinstance(array, np.memmap):
        _copy_mapped(group.create_dataset(name, array.shape, array.dtype), array)
    else:
        group.create_dataset(name, data=np.ascontiguousarray(array).reshape(array.shape))


def _copy_mapped(dataset: h5py.Dataset, array: np.memmap) -> None:
    """Copy what lies on disk block by block, and keep none of it in memory."""
    rows = max(1, _BLOCK // max(1, array[:1].nbytes))
    mapping: object = array.base
    for start in range(0, len(array), rows):
        dataset[start : start + rows] = array[start : start + rows]
        if isinstance(mapping, mmap.mmap):
            mapping.madvise(mmap.MADV_DONTNEED)


def _write_text(file: h5py.File, name: str, text: str) -> None:
    # A dataset, because an attribute ends at 64 KB; fixed length, because readers refuse variable-length types.
    file.create_dataset(name, data=np.bytes_(text.encode()))


def _provenance(file: h5py.File) -> Provenance:
    provenance = Provenance.from_json(reading.read_text(file, reading.PROVENANCE))
    if reading.attribute(file, "key") != provenance.key:
        raise ArtifactInvalid("key and provenance disagree", expected=f"key {provenance.key}")
    return provenance


@contextlib.contextmanager
def _open(schema: type[Artifact] | None, path: Path) -> Iterator[h5py.File]:
    if not path.exists():
        raise ArtifactMissing(f"{path} does not exist", expected=schema.schema_id() if schema else "an artifact")
    if not path.is_file():
        raise ArtifactInvalid(f"{path} is no file", expected=schema.schema_id() if schema else "an artifact")
    try:
        file = h5py.File(path, "r", locking=False)
    except (OSError, RuntimeError, ValueError) as error:
        found = f"{path} is empty (0 bytes)" if path.stat().st_size == 0 else f"{path} is no readable HDF5 file"
        expected = f"an HDF5 file holding {schema.schema_id()}" if schema else "an HDF5 file"
        raise ArtifactInvalid(found, expected=expected, remedy="remove it and run its stage again") from error
    with file:
        if schema is not None:
            with reading.naming(path):
                reading.check_schema(file, schema)
        yield file


__all__ = [
    "FRESH",
    "MISSING",
    "STALE",
    "Freshness",
    "MeadManipError",
    "State",
    "check",
    "load",
    "opened",
    "peek",
    "read_key",
    "read_provenance",
    "save",
    "write",
]
