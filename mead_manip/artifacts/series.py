"""Publish thousands of small artifacts of one schema: those laid out alike are copies of one file with other bytes.

Building an HDF5 file of twenty datasets takes milliseconds, copying one microseconds. Where a dataset's bytes lie is
asked of HDF5 itself. What is written is byte for byte what `store.save` writes (tests/artifacts/test_series.py).
"""

import datetime
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from mead_manip import files
from mead_manip.artifacts import reading, store
from mead_manip.artifacts.artifact import Artifact, encode_scalar, specs
from mead_manip.artifacts.provenance import Provenance
from mead_manip.errors import ArtifactInvalid

_ATTRIBUTE = "@"


@dataclass(frozen=True)
class _Layout:
    """One file as bytes, and where in it each value lies."""

    image: bytes
    places: dict[str, int]  # dataset or attribute -> offset


class Series:
    """Publishes artifacts of one schema; remembers every layout that it has met. Close it after the last."""

    def __init__(self, schema: type[Artifact]) -> None:
        if any(spec.kind == "mapping" for spec in specs(schema)) or schema.COMPRESSED:
            raise TypeError(f"{schema.schema_id()}: only plain, uncompressed datasets have bytes of their own")
        self._schema = schema
        self._layouts: dict[tuple[tuple[str, object], ...], _Layout] = {}
        self._spare: list[Path] = []  # files that were replaced

    def close(self) -> None:
        """Remove what was replaced."""
        while self._spare:
            self._spare.pop().unlink(missing_ok=True)

    def save(self, artifacts: Iterable[tuple[Artifact, Path, Provenance]]) -> None:
        """Publish artifacts, each complete or absent; the disk is flushed once for all."""
        contents = {path: self.encode(artifact, provenance) for artifact, path, provenance in artifacts}
        files.write_all(contents, self._spare)

    def encode(self, artifact: Artifact, provenance: Provenance) -> bytes:
        """Give the bytes of the file of one artifact."""
        if provenance.schema != artifact.schema_id() or type(artifact) is not self._schema:
            raise ArtifactInvalid(f"provenance for {provenance.schema}", expected=self._schema.schema_id())
        values = _contents(artifact, provenance)
        shape = tuple((name, getattr(value, "shape", len(value))) for name, value in values.items())
        if shape not in self._layouts:
            self._layouts[shape] = _layout(artifact, provenance, values)
        layout = self._layouts[shape]
        image = bytearray(layout.image)
        for name, value in values.items():
            content = value if isinstance(value, bytes) else value.tobytes()
            if content:
                start = layout.places[name]
                image[start : start + len(content)] = content
        return bytes(image)


def _contents(artifact: Artifact, provenance: Provenance) -> dict[str, bytes | np.ndarray]:
    """Give every value that differs between files of one layout."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    values: dict[str, bytes | np.ndarray] = {_ATTRIBUTE + "key": provenance.key.encode()}
    values[_ATTRIBUTE + "created_at"] = now.encode()
    values[reading.PROVENANCE] = provenance.to_json().encode()
    for spec in specs(type(artifact)):
        value = getattr(artifact, spec.name)
        values[spec.name] = value if spec.kind == "array" else encode_scalar(value).encode()
    return values


def _layout(artifact: Artifact, provenance: Provenance, names: Iterable[str]) -> _Layout:
    """Write one file as the store does and find where its values lie; those of attributes by looking for them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.h5"
        store.save(artifact, path, provenance)
        with h5py.File(path, "r") as file:
            places = {name: file[name].id.get_offset() for name in names if not name.startswith(_ATTRIBUTE)}
            attributes = {name: bytes(file.attrs[name]) for name in ("key", "created_at")}
        image = path.read_bytes()
    for name, content in attributes.items():
        if image.count(content) != 1:
            raise ArtifactInvalid(f"{artifact.schema_id()}: cannot tell where the attribute {name} lies")
        places[_ATTRIBUTE + name] = image.index(content)
    return _Layout(image, {name: place for name, place in places.items() if place is not None})
