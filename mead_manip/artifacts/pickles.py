"""Read the arrays out of a stranger's pickle: nothing that it names is imported, called or given a state of its own.

The names on the list below stand for stubs that keep what they are given; when all is read, `plain` turns stubs into
arrays by checked arithmetic. Any other name is refused by its name. What a pickle can cost is bounded before it is
read: by its size, its number of opcodes, and memo places that are not beyond them.
"""

import io
import pickle
import pickletools
from pathlib import Path
from typing import Any

import numpy as np

from mead_manip.artifacts.pickle_stubs import STUBS, Stub, StubTensorFile, is_chumpy, plain, scipy_stub
from mead_manip.errors import ArtifactInvalid, InputMissing

MAX_BYTES = 512 << 20
MAX_OPCODES = 1_000_000
# Opcodes that reach for something outside the file, or make old-style instances; no file that is read here needs them.
_REFUSED = {"EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID", "INST", "OBJ", "NEWOBJ_EX", "NEXT_BUFFER", "READONLY_BUFFER"}
_MEMO = {"PUT", "BINPUT", "LONG_BINPUT", "GET", "BINGET", "LONG_BINGET"}
_BROKEN = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)


def read_pickle(path: Path) -> Any:
    """Read a pickle of arrays: dicts, lists, numbers, texts and arrays, nothing else."""
    return _named(path, lambda data: loads(data))


def read_npy(path: Path) -> Any:
    """Read an .npy; one that holds an object (DECA's landmark embedding is a dict) goes the same way as a pickle."""
    return _named(path, _npy)


def loads(data: bytes) -> Any:
    """Read the first pickle of some bytes."""
    end = _vet(data, 0, _REFUSED)
    return plain(_Reader(io.BytesIO(data[:end]), encoding="latin1").load(), _torch_storage)


# ---- below: bytes to stubs -----------------------------------------------------------------------------------------


class _Reader(pickle.Unpickler):
    """An unpickler for which the listed names are stubs, and no other name exists."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        stub = STUBS.get((module_name, global_name)) or scipy_stub(module_name, global_name)
        if stub is None and is_chumpy(module_name):
            stub = STUBS["chumpy.ch", "Ch"]
        if stub is None:
            raise ArtifactInvalid(
                f"it asks for {module_name}.{global_name}",
                expected="arrays of numpy, scipy.sparse, chumpy or torch only; nothing was executed",
            )
        return stub

    def persistent_load(self, pid: Any, /) -> Any:
        raise ArtifactInvalid("it refers to an object outside the file", expected="a pickle that holds all its data")


class _StorageReader(_Reader):
    """The same inside the old file format of torch, where a storage is named by its type, key and size."""

    def persistent_load(self, pid: Any, /) -> Any:
        return pid


def _named(path: Path, read: Any) -> Any:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ArtifactInvalid(f"{path}: {size} bytes", expected=f"at most {MAX_BYTES}")
        data = path.read_bytes()
    except OSError as error:
        raise InputMissing(f"cannot read {path}: {error.strerror or error}", expected="a readable file") from error
    try:
        return read(data)
    except ArtifactInvalid as error:
        raise ArtifactInvalid(f"{path}: {error.found}", expected=error.expected, remedy=error.remedy) from error
    except _BROKEN as error:
        found = f"{path}: {type(error).__name__}: {error}"
        raise ArtifactInvalid(found, expected="a pickle of arrays, undamaged") from error


def _vet(data: bytes, start: int, refused: set[str]) -> int:
    """Walk over the opcodes of one pickle without obeying any; give where it ends."""
    file = io.BytesIO(data)
    file.seek(start)
    for count, (opcode, argument, _) in enumerate(pickletools.genops(file), 1):
        if count > MAX_OPCODES:
            raise ArtifactInvalid(f"more than {MAX_OPCODES} opcodes", expected="arrays, not millions of objects")
        if opcode.name in refused:
            raise ArtifactInvalid(f"opcode {opcode.name}", expected="a pickle that holds all its data")
        if opcode.name in _MEMO and not 0 <= (argument or 0) <= 2 * count:
            raise ArtifactInvalid(f"memo place {argument} after {count} opcodes", expected="places in their order")
    return file.tell()


def _npy(data: bytes) -> Any:
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if header is None:
        raise ArtifactInvalid(f"npy version {version}", expected="1.0 or 2.0")
    shape, _, dtype = header(file)
    if not dtype.hasobject:
        return np.load(io.BytesIO(data), allow_pickle=False)
    found = loads(data[file.tell() :])
    if shape == () and isinstance(found, np.ndarray) and found.shape == ():
        return found[()]
    return found


def _torch_storage(file: StubTensorFile) -> np.ndarray:
    """Read the storage of a tensor that was pickled by itself: torch's old format, four small pickles and the keys."""
    data, at = file.data(), 0
    parts = []
    for _ in range(5):
        end = _vet(data, at, _REFUSED - {"BINPERSID"})
        parts.append(_StorageReader(io.BytesIO(data[at:end]), encoding="latin1").load())
        at = end
    kind, numel = _storage_facts(parts[3])
    dtype = np.dtype(_STORAGES[kind])
    stored = int(np.frombuffer(data, "<i8", 1, at)[0])
    if numel != stored or len(parts[4]) != 1 or len(data) != at + 8 + numel * dtype.itemsize:
        raise ArtifactInvalid(f"a torch storage of {stored} numbers", expected=f"{numel}, all in the file")
    return np.frombuffer(data, dtype, numel, at + 8)


_STORAGES = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "LongStorage": "<i8", "IntStorage": "<i4"}


def _storage_facts(persistent: Any) -> tuple[str, int]:
    match persistent:
        case ("storage", type() as kind, str(), str(), int(numel), None) if issubclass(kind, Stub) and numel >= 0:
            if kind.said in _STORAGES:
                return kind.said, numel
    raise ArtifactInvalid("a torch storage of an unknown kind", expected="one of " + ", ".join(_STORAGES))
