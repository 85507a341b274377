"""Keras' HDF5: what is asked for comes back, anything else about the file is refused in one line."""

import h5py
import numpy as np
import pytest
from keras_file import write_keras_file

from mead_manip.errors import ArtifactInvalid, BackendUnavailable


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.hdf5"


def read(path):
    from mead_manip.artifacts.keras_files import keras_weights
    from mead_manip.models.mini_xception import keras_shapes

    return keras_weights(path, keras_shapes())


@pytest.mark.parametrize("layout", ["as written", "without the outer group", "layers at once"])
def test_every_array_comes_back(path, layout):
    arrays = write_keras_file(path)
    with h5py.File(path, "a") as file:
        if layout == "layers at once":
            for layer, parts in arrays.items():
                del file["model_weights"][layer]
                for name, array in parts.items():
                    file[f"model_weights/{layer}/{name}"] = array
        if layout == "without the outer group":
            for layer in list(file["model_weights"]):
                file.move(f"model_weights/{layer}", layer)
            del file["model_weights"]
    found = read(path)
    assert found.keys() == arrays.keys()
    for layer, parts in arrays.items():
        for name, array in parts.items():
            np.testing.assert_array_equal(found[layer][name], array)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: root.__delitem__("conv2d_3"), "no layer conv2d_3"),
        (lambda root: root.__delitem__("conv2d_7/conv2d_7_1/bias:0"), "conv2d_7 has no bias"),
        (lambda root: put(root, np.zeros((3, 3, 1, 9), np.float32)), r"conv2d_1/kernel: float32 with shape"),
        (lambda root: put(root, np.zeros((3, 3, 1, 8), np.int32)), "conv2d_1/kernel: int32"),
        (lambda root: put(root, np.full((3, 3, 1, 8), np.nan, np.float32)), "numbers that are none"),
        (lambda root: put(root, h5py.ExternalLink("other.h5", "/x")), "external link"),
        (lambda root: put(root, h5py.SoftLink("/optimizer_weights")), "soft link"),
    ],
)
def test_a_file_of_another_kind_is_refused(path, spoil, message):
    write_keras_file(path)
    with h5py.File(path, "a") as file:
        spoil(file["model_weights"])
    with pytest.raises(ArtifactInvalid, match=message) as error:
        read(path)
    assert str(path) in str(error.value)


def put(root, value):
    del root["conv2d_1/conv2d_1_1/kernel:0"]
    root["conv2d_1/conv2d_1_1/kernel:0"] = value


def test_what_is_no_hdf5_file(path):
    with pytest.raises(BackendUnavailable, match="does not exist"):
        read(path)
    path.write_bytes(b"PK\x03\x04 a zip")
    with pytest.raises(ArtifactInvalid, match="no HDF5 file"):
        read(path)
