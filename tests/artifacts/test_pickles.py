"""Arrays come out of any protocol and any library; everything else is refused by name, and nothing is executed."""

import io
import os
import pickle
import struct
import sys
import tracemalloc
import types

import numpy as np
import pytest
import scipy.sparse
import torch

from mead_manip.artifacts import pickles
from mead_manip.errors import ArtifactInvalid, InputMissing, MeadManipError

GRID = np.arange(12.0).reshape(3, 4)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_survive_every_protocol(protocol):
    given = {
        "rows": GRID,
        "columns": np.asfortranarray(GRID),
        "big": GRID.astype(">f8"),
        "whole": GRID.astype(np.uint32),
        "empty": np.zeros((0, 3)),
        "csc": scipy.sparse.csc_matrix(GRID),
        "csr": scipy.sparse.csr_array(GRID),
        "tensor": torch.arange(6).reshape(2, 3).T,
        "floats": torch.rand(3),
    }
    found = pickles.loads(pickle.dumps(given, protocol=protocol))
    assert found.keys() == given.keys()
    for name, value in given.items():
        expected = value.toarray() if hasattr(value, "toarray") else np.asarray(value)
        np.testing.assert_array_equal(found[name], expected)
        assert found[name].dtype == expected.dtype


def test_plain_values_and_objects_in_arrays():
    given = {"n": np.float32(3.5), "text": "ä", "none": None, "set": {1}, "bytes": b"\xff", "empty": b""}
    for protocol in range(6):
        found = pickles.loads(pickle.dumps({**given, "o": np.array([1, "x", GRID], dtype=object)}, protocol=protocol))
        assert {name: found[name] for name in given} == {**given, "set": [1]}
        assert found["o"][:2].tolist() == [1, "x"]
        np.testing.assert_array_equal(found["o"][2], GRID)


def chumpy_module(monkeypatch):
    """A stand-in that pickles as chumpy's arrays do: an instance with a dictionary whose x are the numbers."""
    module = types.ModuleType("chumpy.ch")

    class Ch:
        def __init__(self, x):
            self.x, self._dirty_vars, self._itr = x, set(), None

    Ch.__module__, Ch.__qualname__, module.Ch = "chumpy.ch", "Ch", Ch
    for name in ("chumpy", "chumpy.ch"):
        monkeypatch.setitem(sys.modules, name, module)
    return module


@pytest.mark.parametrize("protocol", [1, 2, 4])
def test_chumpy_is_read_without_chumpy(monkeypatch, protocol):
    module = chumpy_module(monkeypatch)
    data = pickle.dumps({"v": module.Ch(GRID)}, protocol=protocol)
    for name in ("chumpy", "chumpy.ch"):
        monkeypatch.delitem(sys.modules, name)
    np.testing.assert_array_equal(pickles.loads(data)["v"], GRID)
    assert "chumpy" not in sys.modules and "chumpy.ch" not in sys.modules


def test_a_chumpy_expression_is_refused(monkeypatch):
    module = chumpy_module(monkeypatch)
    data = pickle.dumps(module.Ch(GRID), protocol=2).replace(b"\x01\x00\x00\x00x", b"\x01\x00\x00\x00y")
    with pytest.raises(ArtifactInvalid, match="a chumpy expression"):
        pickles.loads(data)


def python2_array() -> bytes:
    """What Python 2 writes: numpy.core names, and the numbers as an 8-bit string."""
    raw = np.arange(3, dtype="<f8").tobytes()
    return (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01b\x87Rq\x03"
        b"(K\x01K\x03\x85cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89T" + struct.pack("<i", len(raw)) + raw + b"tb."
    )


def test_what_python_2_wrote():
    np.testing.assert_array_equal(pickles.loads(python2_array()), [0.0, 1.0, 2.0])


def test_an_npy_that_holds_a_dict(tmp_path):
    path = tmp_path / "embedding.npy"
    np.save(path, {"faces": torch.arange(4), "weights": GRID}, allow_pickle=True)
    found = pickles.read_npy(path)
    assert found["faces"].tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(found["weights"], GRID)
    np.save(path, GRID)
    np.testing.assert_array_equal(pickles.read_npy(path), GRID)


# ---- attacks ------------------------------------------------------------------------------------------------------


class Reduced:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


MARK = "it_ran"


@pytest.fixture
def in_empty_folder(tmp_path, monkeypatch):
    """Work where a file `it_ran` would tell that something was executed."""
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / MARK).exists(), "executed"


def attack(function, *arguments, protocol=2, within=lambda value: value) -> bytes:
    return pickle.dumps(within(Reduced(function, *arguments)), protocol=protocol)


RUN = f"touch {MARK}"
ATTACKS = {
    "os.system": attack(os.system, RUN),
    "protocol 0": attack(os.system, RUN, protocol=0),
    "protocol 4": attack(os.system, RUN, protocol=4),
    "builtins.eval": attack(eval, f"open({MARK!r}, 'w')"),
    "builtins.exec": attack(exec, f"open({MARK!r}, 'w')"),
    "getattr": attack(getattr, 1, "real"),
    "inside a dict": attack(os.system, RUN, within=lambda value: {"v_template": value}),
    "inside an object array": attack(os.system, RUN, within=lambda value: np.array([value, 1], dtype=object)),
    "numpy.load": attack(np.load, "x.npy"),
    "numpy.memmap": b"\x80\x02cnumpy\nmemmap\nU\x06it_ran\x85R.",
    "a submodule of a listed one": b"\x80\x02cnumpy.core.multiarray\nfromfile\nU\x06it_ran\x85R.",
    "a dotted name": b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.",
    "a name through a listed module": b"\x80\x04\x8c\x05numpy\x8c\x09os.system\x93\x8c\x0ctouch it_ran\x85R.",
    "a name made of pieces": b"\x80\x04]\x8c\x02os\x8c\x06system\x93\x8c\x0ctouch it_ran\x85Ra.",
    "old instance": b"(S'touch it_ran'\nios\nsystem\n.",
    "obj": b"(cos\nsystem\nS'touch it_ran'\no.",
    "codecs": b"\x80\x02c_codecs\ndecode\nU\x02ab\x85R.",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_what_would_execute_is_refused_and_not_executed(name, in_empty_folder):
    with pytest.raises(ArtifactInvalid, match=r"it asks for|opcode (INST|OBJ)"):
        pickles.loads(ATTACKS[name])


def test_the_refused_name_is_said(tmp_path, in_empty_folder):
    (tmp_path / "model.pkl").write_bytes(ATTACKS["os.system"])
    with pytest.raises(ArtifactInvalid, match=r"model\.pkl: it asks for (posix|nt)\.system; .*nothing was executed"):
        pickles.read_pickle(tmp_path / "model.pkl")
    np.save(tmp_path / "bad.npy", np.array(Reduced(os.system, RUN), dtype=object), allow_pickle=True)
    with pytest.raises(ArtifactInvalid, match=r"bad\.npy: it asks for"):
        pickles.read_npy(tmp_path / "bad.npy")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\x80\x02Pabc\n.", "opcode PERSID"),
        (b"\x80\x02U\x03abcQ.", "opcode BINPERSID"),
        (b"\x80\x02\x82\x01.", "opcode EXT1"),
        (b"\x80\x02\x84\x01\x00\x00\x00.", "opcode EXT4"),
        (b"\x80\x05\x97.", "opcode NEXT_BUFFER"),
        (b"\x80\x04]r\xff\xff\xff\x7f.", "memo place 2147483647"),
        (b"\x80\x02]" + b"K\x01a" * 600_000 + b".", "more than 1000000 opcodes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_reaches_outside_or_costs_too_much_is_refused_before_it_is_read(data, says):
    with pytest.raises(ArtifactInvalid, match=says):
        pickles.loads(data)


def test_the_extension_registry_is_not_asked(in_empty_folder):
    import copyreg

    copyreg.add_extension("os", "system", 7)
    try:
        with pytest.raises(ArtifactInvalid, match="opcode EXT1"):
            pickles.loads(b"\x80\x02\x82\x07U\x0ctouch it_ran\x85R.")
    finally:
        copyreg.remove_extension("os", "system", 7)


def array_of(shape: bytes, dtype: bytes, data: bytes) -> bytes:
    start = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01" + shape
    return start + b"cnumpy\ndtype\n" + dtype + b"K\x00K\x01\x87R\x89" + data + b"tb."


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (array_of(b"J\x00\x00\x00\x7f\x85", b"U\x02f8", b"U\x01x"), "shape"),
        (array_of(b"K\x02\x85", b"U\x02f8", b"U\x01x"), "1 bytes for float64"),
        (array_of(b"J\xff\xff\xff\xff\x85", b"U\x02f8", b"U\x01x"), "shape"),
        (array_of(b"K\x02\x85", b"U\x02V8", b"U\x10" + b"x" * 16), "array type 'V8'"),
        (array_of(b"K\x01\x85", b"U\x01O", b"U\x08" + b"\x41" * 8), "0 objects"),
        (array_of(b"K\x01\x85", b"]", b"U\x08" + b"\x41" * 8), "array type"),
        (b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n)R.", "an array without its data"),
        (b"\x80\x02cnumpy\nndarray\n.", "a type as data"),
        (b"\x80\x02cscipy.sparse.csc\ncsc_matrix\n)R.", "a sparse matrix without its data"),
        (b"\x80\x02]q\x00h\x00a.", "nested deeper"),
        (b"\x80\x02" + b"]" * 100 + b"a" * 99 + b".", "nested deeper"),
    ],
)
def test_arrays_that_lie_about_themselves(data, says):
    with pytest.raises(MeadManipError, match=says):
        pickles.loads(data)


def test_shared_objects_are_made_once(tmp_path):
    """Thirty lists, each holding the one before ten times: 10^30 objects, if they were copied."""
    nested: list = [GRID]
    for _ in range(30):
        nested = [nested] * 10
    found = pickles.loads(pickle.dumps(nested, protocol=2))
    assert found[0] is found[9]


def test_memory_is_bounded_by_the_file(tmp_path):
    data = pickle.dumps({"a": np.zeros(1 << 20), "b": np.zeros(1 << 20)}, protocol=2)
    tracemalloc.start()
    pickles.loads(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * len(data)


def test_arrays_that_are_larger_than_their_data_are_counted_together(monkeypatch):
    """A few bytes, as a sparse matrix or a tensor that repeats one number, could stand for any amount of memory."""
    from mead_manip.artifacts import pickle_stubs

    monkeypatch.setattr(pickle_stubs, "MAX_ELEMENTS", 250)
    for make in (lambda: torch.zeros(1).expand(10, 10), lambda: scipy.sparse.csr_matrix((10, 10))):
        assert pickles.loads(pickle.dumps(make(), protocol=2)).shape == (10, 10)
        with pytest.raises(ArtifactInvalid, match="at most 250 together"):
            pickles.loads(pickle.dumps([make() for _ in range(3)], protocol=2))
    with pytest.raises(ArtifactInvalid, match="more than 64 tensors"):
        pickles.loads(pickle.dumps([torch.zeros(1) for _ in range(65)], protocol=2))


@pytest.mark.parametrize("cut", [0, 1, 10, 60, 100])
def test_a_damaged_file_is_one_clear_error(tmp_path, cut):
    (tmp_path / "model.pkl").write_bytes(python2_array()[:cut])
    with pytest.raises(ArtifactInvalid, match=r"model\.pkl: .*expected a pickle of arrays"):
        pickles.read_pickle(tmp_path / "model.pkl")


def test_any_flipped_byte_gives_arrays_or_an_error(tmp_path):
    data, rng = pickle.dumps({"v": GRID, "s": scipy.sparse.csc_matrix(GRID)}, protocol=2), np.random.default_rng(0)
    path = tmp_path / "model.pkl"
    refused = 0
    for _ in range(400):
        spoiled = bytearray(data)
        spoiled[rng.integers(len(data))] = rng.integers(256)
        path.write_bytes(spoiled)
        try:
            pickles.read_pickle(path)
        except ArtifactInvalid:
            refused += 1
    assert refused > 50


def test_a_tensor_beyond_its_storage(tmp_path):
    data = pickle.dumps(torch.arange(4.0)[:2], protocol=2)
    at = data.index(b"K\x00K\x02\x85")
    with pytest.raises(ArtifactInvalid, match="beyond its storage"):
        pickles.loads(data[:at] + b"K\x00K\x09\x85" + data[at + 5 :])


def test_a_missing_or_huge_file(tmp_path, monkeypatch):
    with pytest.raises(InputMissing, match="cannot read"):
        pickles.read_pickle(tmp_path / "nothing.pkl")
    (tmp_path / "large.pkl").write_bytes(bytes(20))
    monkeypatch.setattr(pickles, "MAX_BYTES", 10)
    with pytest.raises(ArtifactInvalid, match="20 bytes; expected at most 10"):
        pickles.read_pickle(tmp_path / "large.pkl")


def test_torchs_own_files_are_no_pickles_of_arrays(tmp_path):
    buffer = io.BytesIO()
    torch.save({"a": torch.rand(2)}, buffer)
    (tmp_path / "model.pkl").write_bytes(buffer.getvalue())
    with pytest.raises(ArtifactInvalid, match="expected a pickle of arrays"):
        pickles.read_pickle(tmp_path / "model.pkl")
