"""Golden artifacts: one small file per schema and version, so that a change of layout without a new VERSION is noticed.

Write those that are not there yet: `.venv/bin/python tests/golden.py`. A file that is there stays as it is, for ever:
when a VERSION is raised, the old file shows how yesterday's data is met.
"""

import re
import typing
from pathlib import Path
from typing import Any

import numpy as np

from mead_manip.artifacts import schemas, store
from mead_manip.artifacts.artifact import Artifact, Spec, specs
from mead_manip.artifacts.provenance import Provenance

FOLDER = Path(__file__).parent / "data" / "artifacts"
SCALARS = {str: "text", int: 3, float: 0.5, bool: True}


def all_schemas() -> dict[str, type[Artifact]]:
    """Give every schema by its NAME."""
    kinds = [value for value in vars(schemas).values() if isinstance(value, type) and issubclass(value, Artifact)]
    return {kind.NAME: kind for kind in kinds if kind is not Artifact}


def path_of(schema: type[Artifact]) -> Path:
    """Give the path of the golden file of a schema's present version."""
    return FOLDER / schema.NAME / f"{schema.VERSION}.h5"


def example(schema: type[Artifact], **changes: Any) -> Artifact:
    """Make a small artifact of any schema, always the same: every named axis has a size of its own."""
    sizes: dict[str, int] = {}
    return schema(**{**{spec.name: _value(spec, sizes) for spec in specs(schema)}, **changes})


def provenance(schema: type[Artifact]) -> Provenance:
    """Give what the golden file says it was made from."""
    return Provenance(schema.schema_id(), "golden", 1, {"size": "small"}, {"input": "0123456789abcdef"}, "none@0")


def _value(spec: Spec, sizes: dict[str, int]) -> Any:
    if spec.kind == "array":
        return _array(
            np.dtype(spec.hint.dtypes[0].removesuffix("_")), [_size(axis, sizes) for axis in spec.dims.split()]
        )
    if spec.kind == "mapping":
        return {"layer.0.weight": _array(np.dtype("float32"), [2, 3]), "steps": np.array(7)}
    members = typing.get_args(spec.hint) if spec.hint not in SCALARS and not hasattr(spec.hint, "__origin__") else ()
    kind = members[0] if members else spec.hint
    return SCALARS.get(kind, ("one", "two"))


def _size(axis: str, sizes: dict[str, int]) -> int:
    axis = axis.rpartition("=")[2]
    if axis.isdigit():
        return int(axis)
    for name in re.findall(r"[a-z_]+", axis):
        sizes.setdefault(name, 3 + len(sizes))
    return sizes[axis] if axis in sizes else int(eval(axis, {}, sizes))


def _array(dtype: np.dtype, shape: list[int]) -> np.ndarray:
    return (np.arange(np.prod(shape)) % 100).reshape(shape).astype(dtype)


def main() -> None:
    """Write the golden files that are missing."""
    for schema in all_schemas().values():
        path = path_of(schema)
        if not path.exists():
            store.save(example(schema), path, provenance(schema), reproducible=True)
            print("wrote", path.relative_to(FOLDER))


if __name__ == "__main__":
    main()
