"""A Keras file of mini-XCEPTION with random weights, laid out as its authors' files are. Import inside a test."""

from pathlib import Path

import h5py
import numpy as np


def write_keras_file(path: Path, seed: int = 0) -> dict[str, dict[str, np.ndarray]]:
    """Write the file and give its arrays by layer and name; variances are positive."""
    from mead_manip.models.mini_xception import keras_shapes

    rng = np.random.default_rng(seed)
    arrays = {
        layer: {name: rng.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}
        for layer, shapes in keras_shapes().items()
    }
    for layer in arrays.values():
        if "moving_variance" in layer:
            layer["moving_variance"] = np.abs(layer["moving_variance"]) + 0.5
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = b"2.0.5"
        root = file.create_group("model_weights")
        for layer in ("input_1", "activation_1", "add_1"):
            root.create_group(layer)
        for layer, parts in arrays.items():
            inner = root.create_group(layer).create_group(f"{layer}_1")
            for name, array in parts.items():
                inner[f"{name}:0"] = array
        file.create_group("optimizer_weights")["iterations:0"] = np.float32(3)
    return arrays
