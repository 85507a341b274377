"""Files that a stranger made: each is refused with its path, what was found and what was expected."""

import h5py
import numpy as np
import pytest

from mead_manip.artifacts import reading, store
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import ManipulatorWeights, Reconstruction
from mead_manip.errors import ArtifactInvalid

PROVENANCE = Provenance("reconstruction/2", "reconstruct3d", 1)


@pytest.fixture
def path(tmp_path, make_reconstruction):
    path = tmp_path / "clip.h5"
    store.save(make_reconstruction(), path, PROVENANCE)
    return path


def outside(file, tmp_path):
    with h5py.File(tmp_path / "outside.h5", "w") as other:
        other["secret"] = np.zeros((5, 3), np.float32)
    return tmp_path / "outside.h5"


def external_link(file, tmp_path):
    file["expression"] = h5py.ExternalLink(str(outside(file, tmp_path)), "/secret")


def soft_link(file, tmp_path):
    file["expression"] = h5py.SoftLink("/jaw_pose")


def dangling_link(file, tmp_path):
    file["expression"] = h5py.SoftLink("/nowhere")


def external_storage(file, tmp_path):
    (tmp_path / "raw").write_bytes(b"\0" * 60)
    file.create_dataset("expression", (5, 3), np.float32, external=[(str(tmp_path / "raw"), 0, 60)])


def virtual_dataset(file, tmp_path):
    layout = h5py.VirtualLayout((5, 3), np.float32)
    layout[:] = h5py.VirtualSource(str(outside(file, tmp_path)), "secret", (5, 3))
    file.create_virtual_dataset("expression", layout)


def variable_length(file, tmp_path):
    file.create_dataset("expression", (5,), h5py.vlen_dtype(np.float32))


def strings(file, tmp_path):
    file.create_dataset("expression", data=["a", "b"], dtype=h5py.string_dtype())


def references(file, tmp_path):
    file.create_dataset("expression", (5, 3), h5py.ref_dtype)


def compound(file, tmp_path):
    file.create_dataset("expression", (5, 3), np.dtype([("a", "f4"), ("b", "f4")]))


def complex_numbers(file, tmp_path):
    file["expression"] = np.zeros((5, 3), np.complex64)


def empty(file, tmp_path):
    file["expression"] = h5py.Empty("f4")


def absurd_size(file, tmp_path):
    file.create_dataset("expression", (1 << 40, 3), np.float32, chunks=(1024, 3), compression="gzip")


def declared_but_not_stored(file, tmp_path):
    file.create_dataset("expression", (5, 3), np.float32)


def a_group(file, tmp_path):
    file.create_group("expression")


def wrong_dtype(file, tmp_path):
    file["expression"] = np.zeros((5, 3), np.float64)


def wrong_axes(file, tmp_path):
    file["expression"] = np.zeros((4, 3), np.float32)


def foreign_filter(file, tmp_path):
    file.create_dataset("expression", data=np.zeros((5, 3), np.float32), compression="lzf", chunks=(5, 3))


def nothing(file, tmp_path):
    pass


HOSTILE = {
    external_link: "is an external link",
    soft_link: "is a soft link",
    dangling_link: "is a soft link",
    external_storage: "keeps its data in another file",
    virtual_dataset: "is a virtual dataset",
    variable_length: "variable length",
    strings: "variable length",
    references: "reference",
    compound: "has type",
    complex_numbers: "complex64",
    empty: "empty",
    absurd_size: "declares 13194139533312 bytes",
    declared_but_not_stored: "declares 60 bytes and stores 0",
    a_group: "is a group",
    wrong_dtype: "float64",
    wrong_axes: r"shape \(4, 3\)|jaw_pose: float32",
    foreign_filter: "filter",
    nothing: "lacks expression",
}


@pytest.mark.parametrize("change", HOSTILE, ids=lambda change: change.__name__)
def test_a_hostile_dataset_is_refused(path, tmp_path, change):
    with h5py.File(path, "r+") as file:
        del file["expression"]
        change(file, tmp_path)
    with pytest.raises(ArtifactInvalid, match=f"clip.h5: .*({HOSTILE[change]}).*; expected ") as error:
        store.load(Reconstruction, path)
    assert "\n" not in str(error.value)
    with pytest.raises(ArtifactInvalid), store.opened(Reconstruction, path) as opened:
        opened.expression[:]
    assert store.check(path, Reconstruction, PROVENANCE).kind is store.STALE


def test_hostile_parameters_are_refused(tmp_path):
    path = tmp_path / "weights.h5"
    provenance = Provenance("manipulator_weights/1", "train", 1)
    for kind in (h5py.SoftLink("/facts"), h5py.ExternalLink("x.h5", "/a")):
        store.save(ManipulatorWeights(parameters={}, config="{}", facts="{}"), path, provenance)
        with h5py.File(path, "r+") as file:
            file["parameters"]["a.weight"] = kind
        with pytest.raises(ArtifactInvalid, match=r"a\.weight is an? \w+ link"):
            store.load(ManipulatorWeights, path)


def test_text_in_place_of_a_parameter_is_refused(tmp_path):
    path = tmp_path / "weights.h5"
    store.save(
        ManipulatorWeights(parameters={}, config="{}", facts="{}"), path, Provenance("manipulator_weights/1", "t", 1)
    )
    with h5py.File(path, "r+") as file:
        file["parameters"]["a"] = np.bytes_("text")
    with pytest.raises(ArtifactInvalid, match="parameters"):
        store.load(ManipulatorWeights, path)


def test_another_dataset_is_refused(path):
    with h5py.File(path, "r+") as file:
        file["surplus"] = np.zeros(3)
    with pytest.raises(ArtifactInvalid, match="has also surplus"):
        store.load(Reconstruction, path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("actor", np.bytes_("not JSON")),
        ("actor", np.bytes_("3")),
        ("actor", np.bytes_("[1, 2]")),
        ("actor", np.bytes_(b"\xff\xfe")),
        ("actor", np.zeros(3)),
        ("provenance", np.bytes_("{}")),
        ("provenance", np.bytes_("[]")),
    ],
)
def test_a_bad_scalar_or_provenance_is_refused(path, name, value):
    with h5py.File(path, "r+") as file:
        del file[name]
        file[name] = value
    with pytest.raises(ArtifactInvalid, match=r"clip\.h5: "):
        store.load(Reconstruction, path)
        store.read_provenance(path)
    assert store.check(path, Reconstruction, PROVENANCE).kind is store.STALE


def test_a_forged_key_is_noticed(path):
    with h5py.File(path, "r+") as file:
        file.attrs["key"] = np.bytes_("0" * 16)
    with pytest.raises(ArtifactInvalid, match="key and provenance disagree"):
        store.read_key(path)


@pytest.mark.parametrize("schema", ["variable", np.zeros(3), np.bytes_("other/1"), None])
def test_a_bad_schema_attribute_is_refused(path, schema):
    with h5py.File(path, "r+") as file:
        del file.attrs["schema"]
        if schema is not None:
            file.attrs["schema"] = schema
    with pytest.raises(ArtifactInvalid, match=r"clip\.h5: (attribute schema|holds)"):
        store.load(Reconstruction, path)


def test_flipped_bytes_never_raise_anything_else(path):
    content = path.read_bytes()
    generator = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(content)
        for position in generator.integers(0, len(content), 4):
            damaged[position] = generator.integers(256)
        path.write_bytes(damaged)
        try:
            store.load(Reconstruction, path)
            store.read_provenance(path)
        except ArtifactInvalid:
            pass


def test_limits_hold_an_hour_of_video():
    assert reading.MAX_BYTES > 30 * 3600 * 16 * 1024
