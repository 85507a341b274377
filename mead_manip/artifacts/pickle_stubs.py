"""What the names in a pickle of arrays stand for while it is read, and how arrays are made of it afterwards."""

import math
import re
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from mead_manip.errors import ArtifactInvalid

MAX_DEPTH = 32
MAX_ELEMENTS = 1 << 27  # of all arrays together
MAX_TENSORS = 64  # each is a file of its own, inside
_DTYPE = re.compile(r"[<>|=]?([iu][1248]|f[248]|b1|O8?|[SU]\d{1,4})")
_SPARSE = re.compile(r"(csc|csr)_(matrix|array)")
_PLAIN = (type(None), bool, int, float, str, bytes, bytearray)


class Stub:
    """Keep the arguments and the state that a pickle gives to a name; do nothing with them."""

    __slots__ = ("parts", "state")
    parts: tuple[Any, ...]
    state: Any
    said: ClassVar[str] = ""

    def __new__(cls, *parts: Any) -> Any:
        stub = super().__new__(cls)
        stub.parts, stub.state = parts, None
        return stub

    def __setstate__(self, state: Any) -> None:
        self.state = state


class StubName(Stub):
    """A name that is only mentioned, never data: numpy.ndarray, object, a kind of torch storage."""


class StubArray(Stub):
    """numpy's _reconstruct, and the state that follows: (version, shape, dtype, Fortran order, bytes or objects)."""


class StubBuffer(Stub):
    """numpy's _frombuffer of protocol 5: (bytes, dtype, shape, order)."""


class StubScalar(Stub):
    """A numpy scalar: (dtype, bytes)."""


class StubDtype(Stub):
    """numpy.dtype: the code, and the byte order in the state."""


class StubText(Stub):
    """_codecs.encode(text, "latin1"): how Python 3 writes bytes for Python 2; also bytes()."""


class StubSet(Stub):
    """A set, as a list."""


class StubObject(Stub):
    """copy_reg._reconstructor(class, object, None): an instance of another stub."""

    def __new__(cls, *parts: Any) -> Any:
        if not (parts and isinstance(parts[0], type) and issubclass(parts[0], Stub)):
            raise ArtifactInvalid("an object of no known class", expected="arrays only")
        return Stub.__new__(parts[0])


class StubSparse(Stub):
    """A scipy.sparse matrix; its attributes are the state."""


class StubChumpy(Stub):
    """A chumpy array, whose state holds the numbers as `x`."""


class StubTensor(Stub):
    """torch's _rebuild_tensor_v2: (storage, offset, shape, strides, ...)."""


class StubTensorFile(Stub):
    """A storage of torch as the bytes of a file of its own."""

    __slots__ = ()

    def data(self) -> bytes:
        """Give the file."""
        return _bytes(plain(self.parts[0]))


def _said(name: str) -> type[Stub]:
    return type(name, (StubName,), {"said": name, "__slots__": ()})


STUBS: dict[tuple[str, str], type[Stub]] = {
    **{(f"{core}.multiarray", "_reconstruct"): StubArray for core in ("numpy.core", "numpy._core")},
    **{(f"{core}.multiarray", "scalar"): StubScalar for core in ("numpy.core", "numpy._core")},
    **{(f"{core}.numeric", "_frombuffer"): StubBuffer for core in ("numpy.core", "numpy._core")},
    ("numpy", "ndarray"): StubName,
    ("numpy", "dtype"): StubDtype,
    ("_codecs", "encode"): StubText,
    ("collections", "OrderedDict"): StubName,  # of a tensor's hooks, which are left alone
    **{(builtins, "object"): StubName for builtins in ("builtins", "__builtin__")},
    **{(builtins, "set"): StubSet for builtins in ("builtins", "__builtin__")},
    **{(builtins, "bytes"): StubText for builtins in ("builtins", "__builtin__")},
    **{(copyreg, "_reconstructor"): StubObject for copyreg in ("copyreg", "copy_reg")},
    ("chumpy.ch", "Ch"): StubChumpy,
    ("torch._utils", "_rebuild_tensor_v2"): StubTensor,
    ("torch.storage", "_load_from_bytes"): StubTensorFile,
    **{("torch", name): _said(name) for name in ("FloatStorage", "DoubleStorage", "LongStorage", "IntStorage")},
}


def scipy_stub(module: str, name: str) -> type[Stub] | None:
    """Give the stub of a sparse matrix under any of the places where scipy has kept it."""
    known = re.fullmatch(r"scipy\.sparse\._?(csc|csr)|scipy\.sparse", module) and _SPARSE.fullmatch(name)
    return type(name, (StubSparse,), {"said": name[:3], "__slots__": ()}) if known else None


def is_chumpy(module: str) -> bool:
    """Tell whether a name belongs to chumpy: all of its arrays are read alike."""
    return re.fullmatch(r"chumpy(\.\w+)*", module) is not None


def plain(value: Any, storage: "Callable[[StubTensorFile], np.ndarray] | None" = None) -> Any:
    """Turn what was read into dicts, lists, numbers, texts and arrays; what is shared is made once."""
    return _Maker(storage).make(value, 0)


class _Maker:
    """Makes plain values of stubs, each object once, to a limited depth."""

    def __init__(self, storage: "Callable[[StubTensorFile], np.ndarray] | None") -> None:
        self.storage = storage
        self.made: dict[int, Any] = {}
        self.elements = 0
        self.tensors = 0

    def shape(self, value: Any) -> tuple[int, ...]:
        """Check the shape of an array that is about to be made: sparse and strided ones are larger than their data."""
        sizes = _shape(value)
        self.elements += math.prod(sizes)
        if self.elements > MAX_ELEMENTS:
            raise ArtifactInvalid(f"arrays of {self.elements} numbers", expected=f"at most {MAX_ELEMENTS} together")
        return sizes

    def make(self, value: Any, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise ArtifactInvalid(f"objects nested deeper than {MAX_DEPTH}", expected="arrays in a dict")
        if type(value) in _PLAIN:
            return value
        if id(value) not in self.made:
            self.made[id(value)] = self._make(value, depth + 1)
        return self.made[id(value)]

    def _make(self, value: Any, depth: int) -> Any:
        if isinstance(value, dict):
            return {self._key(key): self.make(part, depth) for key, part in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.make(part, depth) for part in value]
        make = _MAKERS.get(type(value)) or (_sparse if isinstance(value, StubSparse) else None)
        if make is None:
            raise ArtifactInvalid(f"a {getattr(value, 'said', '') or type(value).__name__} as data", expected="arrays")
        return make(self, value, depth)

    def _key(self, key: Any) -> Any:
        if type(key) not in _PLAIN:
            raise ArtifactInvalid("a key that is no text or number", expected="arrays under their names")
        return key


# ---- below: one kind of stub each ----------------------------------------------------------------------------------


def _array(maker: _Maker, stub: StubArray, depth: int) -> np.ndarray:
    state = stub.state
    if not isinstance(state, tuple) or len(state) not in (4, 5):
        raise ArtifactInvalid("an array without its data", expected="shape, type, order and data")
    shape, dtype, fortran, data = state[-4:]
    return _filled(maker, shape, _dtype(dtype), "F" if fortran else "C", data, depth)


def _buffer(maker: _Maker, stub: StubBuffer, depth: int) -> np.ndarray:
    data, dtype, shape, order = stub.parts
    return _filled(maker, shape, _dtype(dtype), "F" if order == "F" else "C", maker.make(data, depth), depth)


def _filled(maker: _Maker, shape: Any, dtype: np.dtype, order: Any, data: Any, depth: int) -> np.ndarray:
    sizes = maker.shape(shape)
    if dtype.hasobject:
        parts = data if isinstance(data, list) else []
        if len(parts) != math.prod(sizes):
            raise ArtifactInvalid(f"{len(parts)} objects", expected=f"{math.prod(sizes)} for shape {sizes}")
        array = np.empty(len(parts), object)
        for index, part in enumerate(parts):
            array[index] = maker.make(part, depth)
        return array.reshape(sizes, order=order)
    raw = _bytes(data if isinstance(data, _PLAIN) else maker.make(data, depth))
    if len(raw) != math.prod(sizes) * dtype.itemsize:
        raise ArtifactInvalid(f"{len(raw)} bytes for {dtype} with shape {sizes}", expected="as many as it takes")
    return np.frombuffer(raw, dtype).reshape(sizes, order=order)


def _scalar(maker: _Maker, stub: StubScalar, depth: int) -> Any:
    dtype, data = stub.parts
    return _filled(maker, (), _dtype(dtype), "C", maker.make(data, depth), depth).item()


def _sparse(maker: _Maker, stub: StubSparse, depth: int) -> np.ndarray:
    """A dense array of a sparse one."""
    state = maker.make(stub.state, depth)
    if not isinstance(state, dict):
        raise ArtifactInvalid("a sparse matrix without its data", expected="data, indices and shape")
    rows, columns = maker.shape(state["_shape"] if "_shape" in state else state["shape"])
    data = np.asarray(state["data"])
    outer, inner = (columns, rows) if stub.said == "csc" else (rows, columns)
    counts, indices = np.diff(np.asarray(state["indptr"])), np.asarray(state["indices"])
    fits = len(counts) == outer and (counts >= 0).all() and counts.sum() == len(data) == len(indices)
    if not fits or not ((indices >= 0) & (indices < inner)).all():
        raise ArtifactInvalid("a sparse matrix whose indices do not fit", expected=f"indices of {rows}x{columns}")
    at = (indices, np.repeat(np.arange(outer), counts))
    dense = np.zeros((rows, columns), data.dtype)
    np.add.at(dense, at if stub.said == "csc" else at[::-1], data)
    return dense


def _chumpy(maker: _Maker, stub: StubChumpy, depth: int) -> np.ndarray:
    state = stub.state
    if not (isinstance(state, dict) and "x" in state):
        raise ArtifactInvalid("a chumpy expression", expected="chumpy arrays that hold their numbers")
    return np.asarray(maker.make(state["x"], depth))


def _tensor(maker: _Maker, stub: StubTensor, depth: int) -> np.ndarray:
    source, offset, shape, strides = stub.parts[:4]
    if maker.storage is None or not isinstance(source, StubTensorFile):
        raise ArtifactInvalid("a tensor without its storage", expected="tensors that were pickled whole")
    maker.tensors += 1
    if maker.tensors > MAX_TENSORS:
        raise ArtifactInvalid(f"more than {MAX_TENSORS} tensors", expected="arrays, and a few tensors")
    numbers, sizes, steps = maker.storage(source), maker.shape(shape), _shape(strides)
    last = offset + sum((size - 1) * step for size, step in zip(sizes, steps, strict=True))
    if math.prod(sizes) and not 0 <= offset <= last < len(numbers):
        raise ArtifactInvalid(f"a tensor of shape {sizes} beyond its storage", expected="one within it")
    return np.lib.stride_tricks.as_strided(
        numbers[offset:], sizes, tuple(step * numbers.itemsize for step in steps)
    ).copy()


def _text(maker: _Maker, stub: StubText, depth: int) -> bytes:
    text = stub.parts[0] if stub.parts else ""
    if not isinstance(text, str) or stub.parts[1:] not in ((), ("latin1",), ("latin-1",)):
        raise ArtifactInvalid("bytes in an unknown code", expected="latin1")
    return text.encode("latin1")


_MAKERS: dict[type, Callable[[_Maker, Any, int], Any]] = {
    StubArray: _array,
    StubBuffer: _buffer,
    StubScalar: _scalar,
    StubChumpy: _chumpy,
    StubTensor: _tensor,
    StubText: _text,
    StubSet: lambda maker, stub, depth: maker.make(stub.parts[0] if stub.parts else [], depth),
}


def _dtype(stub: Any) -> np.dtype:
    code = stub.parts[0] if isinstance(stub, StubDtype) and stub.parts else None
    if isinstance(code, bytes):
        code = code.decode("latin1")
    if not isinstance(code, str) or not _DTYPE.fullmatch(code):
        raise ArtifactInvalid(f"array type {code!r}", expected="numbers, texts or objects")
    order = stub.state[1] if isinstance(stub.state, tuple) and len(stub.state) > 1 else "="
    dtype = np.dtype(code)
    return dtype.newbyteorder(">" if order == ">" else "<") if order in ("<", ">") else dtype


def _shape(value: Any) -> tuple[int, ...]:
    sizes = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not all(type(size) is int and size >= 0 for size in sizes) or len(sizes) > 8 or math.prod(sizes) > MAX_ELEMENTS:
        raise ArtifactInvalid(f"shape {str(value)[:60]}", expected=f"at most {MAX_ELEMENTS} numbers")
    return sizes


def _bytes(data: Any) -> bytes:
    if isinstance(data, str):  # Python 2's bytes, read as latin1
        return data.encode("latin1")
    if not isinstance(data, bytes | bytearray):
        raise ArtifactInvalid(f"{type(data).__name__} as an array's data", expected="bytes")
    return bytes(data)
