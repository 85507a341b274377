"""Weights that Keras saved as HDF5 -> arrays: only the layers that are asked for, each checked; nothing is executed.

A file holds a group per layer, in it the arrays, perhaps below a second group of nearly the same name; the model's own
description, the optimiser and everything else are not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

from mead_manip.artifacts import reading
from mead_manip.errors import ArtifactInvalid, BackendUnavailable

_DEPTH = 2  # groups between a layer's name and its arrays

Shapes = Mapping[str, Mapping[str, tuple[int, ...]]]


def keras_weights(path: Path, wanted: Shapes) -> dict[str, dict[str, np.ndarray]]:
    """Read the arrays of the layers in `wanted`, by layer and name; another shape or a missing one is refused."""
    if not path.is_file():
        raise BackendUnavailable(f"{path} does not exist", expected="weights that Keras saved (.hdf5)")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise ArtifactInvalid(f"{path} is no HDF5 file", expected="weights that Keras saved (.hdf5)") from error
    with file, reading.naming(path):
        root = reading.group_in(file, "model_weights") if "model_weights" in file else file
        return {layer: _layer(root, layer, shapes) for layer, shapes in wanted.items()}


def _layer(root: h5py.Group, layer: str, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    if layer not in root:
        raise ArtifactInvalid(f"has no layer {layer}", expected="the layers of this network")
    group = reading.group_in(root, layer)
    for _ in range(_DEPTH):
        if len(group) == 1 and (inner := next(iter(group))).partition(":")[0] not in shapes:
            group = reading.group_in(group, inner)
    arrays = {}
    for name, shape in shapes.items():
        stored = next((key for key in (f"{name}:0", name) if key in group), None)
        if stored is None:
            raise ArtifactInvalid(f"layer {layer} has no {name}", expected=", ".join(shapes))
        dataset = reading.vetted(group, stored)
        if dataset.shape != tuple(shape) or dataset.dtype.kind != "f":
            found = f"{layer}/{name}: {dataset.dtype} with shape {dataset.shape}"
            raise ArtifactInvalid(found, expected=f"float with shape {tuple(shape)}")
        arrays[name] = np.asarray(dataset[()], np.float32)
        if not np.isfinite(arrays[name]).all():
            raise ArtifactInvalid(f"{layer}/{name} holds numbers that are none", expected="finite weights")
    return arrays
