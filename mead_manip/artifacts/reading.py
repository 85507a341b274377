"""Read HDF5 as if a stranger had written it: no links, no outside data, no code-bearing types, no absurd sizes."""

import contextlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from mead_manip.artifacts.artifact import Artifact, Spec, decode_scalar, specs
from mead_manip.errors import ArtifactInvalid

PROVENANCE = "provenance"
MAX_BYTES = 8 << 30  # of one array in memory; an hour of 256x256 JPEG crops is under 2 GB
MAX_TEXT = 64 << 20
_WORTH_MAPPING = 1 << 20  # bytes
_MAX_DEFLATE = 1100  # gzip cannot shrink by more than 1032 : 1
_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}
_HDF5_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError)


class Opened:
    """Field by field access to an open artifact: arrays are sliced on disk, scalars are values."""

    def __init__(self, file: h5py.File, fields: Mapping[str, Spec], path: Path) -> None:
        self.file = file
        self.fields = fields
        self.path = path

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self.fields:
            raise AttributeError(name)
        with naming(self.path):
            spec = self.fields[name]
            return vetted(self.file, name) if spec.kind == "array" else read(self.file, spec)


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put the path in front of what is wrong with a file."""
    try:
        yield
    except ArtifactInvalid as error:
        raise ArtifactInvalid(f"{path}: {error.found}", expected=error.expected, remedy=error.remedy) from error
    except _HDF5_ERRORS as error:
        raise ArtifactInvalid(f"{path}: damaged ({error})", expected="a readable HDF5 file") from error


def check_schema(file: h5py.File, schema: type[Artifact]) -> None:
    """Refuse a file of another schema or with other names than the schema's."""
    found = attribute(file, "schema")
    if found != schema.schema_id():
        raise ArtifactInvalid(f"holds {found or 'no schema name'}", expected=schema.schema_id())
    names, expected = set(file), {spec.name for spec in specs(schema)} | {PROVENANCE}
    if names != expected:
        lacking, extra = sorted(expected - names), sorted(names - expected)
        text = "; ".join(
            part
            for part in (lacking and "lacks " + ", ".join(lacking), extra and "has also " + ", ".join(extra[:5]))
            if part
        )
        raise ArtifactInvalid(text, expected=f"the datasets of {schema.schema_id()}")


def attribute(file: h5py.File, name: str) -> str:
    """Give a text attribute of the file, "" where there is none."""
    if name not in file.attrs:
        return ""
    identity = file.attrs.get_id(name)
    if identity.shape != () or identity.dtype.kind != "S" or identity.get_type().is_variable_str():
        raise ArtifactInvalid(f"attribute {name} of type {identity.dtype}", expected="a fixed-length text")
    return bytes(file.attrs[name]).decode()


def read(file: h5py.File, spec: Spec) -> Any:
    """Read one field."""
    if spec.kind == "array":
        return _array(vetted(file, spec.name))
    if spec.kind == "mapping":
        group = group_in(file, spec.name)
        return {name: _array(vetted(group, name)) for name in group}
    return decode_scalar(read_text(file, spec.name))


def mapped(file: h5py.File, spec: Spec, path: Path) -> Any:
    """Read one field, a large array as a map of the file: what is not looked at takes no memory."""
    if spec.kind != "array":
        return read(file, spec)
    dataset = vetted(file, spec.name)
    offset = dataset.id.get_offset()  # None where the data lies in chunks
    if offset is None or dataset.nbytes < _WORTH_MAPPING:
        return _array(dataset)
    return np.memmap(path, dataset.dtype, mode="r", offset=offset, shape=dataset.shape)


def read_text(file: h5py.Group, name: str) -> str:
    """Read a fixed-length scalar text."""
    dataset, dtype, shape = _vetted(file, name)
    if dtype.kind != "S" or shape != () or dtype.itemsize > MAX_TEXT:
        found = f"{name}: {dtype} with shape {shape}"
        raise ArtifactInvalid(found, expected=f"one fixed-length text of at most {MAX_TEXT} bytes")
    text = np.empty((), dtype)
    dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, text)
    return bytes(text[()]).decode()


def outline(file: h5py.File, spec: Spec) -> Any:
    """Give a value of the field's dtype and shape without reading its data: enough to check axes."""
    if spec.kind == "array":
        return _hollow(file, spec.name)
    if spec.kind == "mapping":
        group = group_in(file, spec.name)
        return {name: _hollow(group, name) for name in group}
    return read(file, spec)


def vetted(group: h5py.Group, name: str) -> h5py.Dataset:
    """Give a dataset that lies in this file, holds plain numbers or text, and is as large as its storage says."""
    return h5py.Dataset(_vetted(group, name)[0])


def group_in(file: h5py.Group, name: str) -> h5py.Group:
    """Give a group that lies in this file."""
    group = _local(file, name)
    if not isinstance(group, h5py.h5g.GroupID):
        raise ArtifactInvalid(f"{name} is a dataset", expected="a group of datasets")
    return h5py.Group(group)


# ---- below: single checks -----------------------------------------------------------------------------------------


def _vetted(group: h5py.Group, name: str) -> tuple[h5py.h5d.DatasetID, np.dtype, tuple[int, ...]]:
    """Vet a dataset and give its type and shape too. At HDF5's own level, because thousands of files are checked."""
    dataset = _local(group, name)
    if not isinstance(dataset, h5py.h5d.DatasetID):
        raise ArtifactInvalid(f"{name} is a group", expected="a dataset")
    properties = dataset.get_create_plist()
    if properties.get_layout() == h5py.h5d.VIRTUAL:
        raise ArtifactInvalid(f"{name} is a virtual dataset", expected="data inside the file")
    if properties.get_external_count():
        raise ArtifactInvalid(f"{name} keeps its data in another file", expected="data inside the file")
    dtype, shape = dataset.dtype, dataset.shape
    if shape is None or dtype.kind not in "biufS" or dtype.hasobject:
        found = f"{name} has type {_type_name(h5py.Dataset(dataset))}"
        raise ArtifactInvalid(found, expected="plain numbers or fixed-length text")
    filters = {properties.get_filter(index)[0] for index in range(properties.get_nfilters())}
    _check_size(name, filters, dataset.get_storage_size(), math.prod(shape) * dtype.itemsize)
    return dataset, dtype, shape


def _local(group: h5py.Group, name: str) -> h5py.h5g.GroupID | h5py.h5d.DatasetID | h5py.h5t.TypeID:
    kind_of_link = group.id.links.get_info(name.encode()).type
    if kind_of_link != h5py.h5l.TYPE_HARD:
        kind = "a soft link" if kind_of_link == h5py.h5l.TYPE_SOFT else "an external link"
        raise ArtifactInvalid(f"{name} is {kind}", expected="data inside the file")
    return h5py.h5o.open(group.id, name.encode())


def _check_size(name: str, filters: set[int], stored: int, declared: int) -> None:
    if filters - _FILTERS:
        raise ArtifactInvalid(f"{name} uses HDF5 filter {sorted(filters - _FILTERS)}", expected="gzip or none")
    ratio = _MAX_DEFLATE if h5py.h5z.FILTER_DEFLATE in filters else 1
    if declared > MAX_BYTES or declared > stored * ratio:
        found = f"{name} declares {declared} bytes and stores {stored}"
        raise ArtifactInvalid(found, expected=f"all its data in the file, at most {MAX_BYTES} bytes")


def _type_name(dataset: h5py.Dataset) -> str:
    if h5py.check_string_dtype(dataset.dtype) or h5py.check_vlen_dtype(dataset.dtype):
        return "variable length"
    if h5py.check_ref_dtype(dataset.dtype):
        return "reference"
    return "empty" if dataset.shape is None else str(dataset.dtype)


def _array(dataset: h5py.Dataset) -> np.ndarray:
    return np.asarray(dataset[()])


def _hollow(group: h5py.Group, name: str) -> np.ndarray:
    _, dtype, shape = _vetted(group, name)
    return np.broadcast_to(np.zeros((), dtype), shape)
