"""Artifact, the base of every schema: arrays are datasets, the rest JSON scalars; axes bind across fields."""

import dataclasses
import functools
import json
import math
import re
import types
import typing
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from jaxtyping import jaxtyped

from mead_manip.errors import ArtifactInvalid

Kind = typing.Literal["array", "mapping", "scalar"]


@dataclasses.dataclass(frozen=True)
class Spec:
    """One field of a schema as the store sees it."""

    name: str
    kind: Kind
    hint: Any
    dims: str  # axis names of an array, "" otherwise


class Artifact:
    """Base of the schemas. What exists is valid: dtype and axes are checked when an instance is made."""

    NAME: ClassVar[str]
    VERSION: ClassVar[int]
    # Fields written with gzip: worth it for large integer tables and pictures, not for coefficients.
    COMPRESSED: ClassVar[frozenset[str]] = frozenset()
    # The test suite's import hook leaves these classes alone: they check themselves, and raise our own errors.
    __no_type_check__: ClassVar[bool] = True

    def __post_init__(self) -> None:
        values = {spec.name: getattr(self, spec.name) for spec in specs(type(self))}
        check_values(type(self), values)

    @classmethod
    def schema_id(cls) -> str:
        """Give NAME/VERSION, as it stands in the file and in the key."""
        return f"{cls.NAME}/{cls.VERSION}"


def specs(schema: type[Artifact]) -> tuple[Spec, ...]:
    """Give the fields of a schema, in order."""
    return _specs(typing.cast(Any, schema))


@functools.cache
def _specs(schema: Any) -> tuple[Spec, ...]:
    return tuple(_spec(schema, field.name, field.type) for field in dataclasses.fields(schema))


def check_values(schema: type[Artifact], values: Mapping[str, Any]) -> None:
    """Raise ArtifactInvalid unless every value fits its field; axis names mean one size across the fields."""
    ordered = sorted(specs(schema), key=lambda spec: bool(_SYMBOLIC.search(spec.dims)))
    # jaxtyping's context remembers sizes; "frame+1" can only be checked once "frame" is known, so these come last.
    with jaxtyped("context"):
        for spec in ordered:
            value = values[spec.name]
            # Here and not in a function: under the tests' import hook every function has a context of its own.
            if not (isinstance(value, spec.hint) if spec.kind == "array" else _fits(spec, value)):
                raise ArtifactInvalid(
                    f"{schema.schema_id()} {spec.name}: {_describe(value)}",
                    expected=f"{_hint_text(spec)}{_sizes(ordered, values, spec)}",
                )


def is_json_scalar(value: Any) -> bool:
    """Tell whether a value survives JSON unchanged: None, bool, int, finite float, str, or a tuple of str."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, tuple):
        return all(isinstance(part, str) for part in value)
    return value is None or isinstance(value, (bool, int, str))


def encode_scalar(value: Any) -> str:
    """Give the JSON text of a scalar field."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def decode_scalar(text: str) -> Any:
    """Give the scalar back; JSON lists are tuples here."""
    value = json.loads(text)
    return tuple(value) if isinstance(value, list) else value


# ---- below: how one field is understood and checked ---------------------------------------------------------------

_SYMBOLIC = re.compile(r"[-+*/()]")
_SCALARS = {str, int, float, bool}


def _spec(schema: type[Artifact], name: str, hint: Any) -> Spec:
    if hasattr(hint, "dim_str"):  # the one place that looks inside a jaxtyping annotation
        return Spec(name, "array", hint, hint.dim_str.strip())
    if typing.get_origin(hint) is dict:
        return Spec(name, "mapping", hint, "")
    members = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if all(member in _SCALARS or member in (types.NoneType, tuple[str, ...]) for member in members):
        return Spec(name, "scalar", hint, "")
    raise TypeError(f"{schema.__name__}.{name}: {hint} is neither an array, a dict of arrays nor a JSON scalar")


def _fits(spec: Spec, value: Any) -> bool:
    if spec.kind == "mapping":
        return isinstance(value, dict) and all(_is_parameter(name, array) for name, array in value.items())
    members = typing.get_args(spec.hint) if isinstance(spec.hint, types.UnionType) else (spec.hint,)
    return is_json_scalar(value) and any(_is_instance(value, member) for member in members)


def _is_instance(value: Any, member: Any) -> bool:
    if member == tuple[str, ...]:
        return isinstance(value, tuple)
    return type(value) is member


def _is_parameter(name: Any, array: Any) -> bool:
    return (
        isinstance(name, str)
        and bool(name.strip("."))
        and "/" not in name
        and isinstance(array, np.ndarray)
        and array.dtype.kind in "biuf"
    )


def _describe(value: Any) -> str:
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{value.dtype} with shape {tuple(value.shape)}"
    if isinstance(value, dict):
        bad = [str(name) for name, array in value.items() if not _is_parameter(name, array)]
        return "parameters that are no numeric arrays or have a bad name: " + ", ".join(bad[:3])
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _hint_text(spec: Spec) -> str:
    if spec.kind == "array":
        return f"{'/'.join(spec.hint.dtypes)} with axes ({', '.join(spec.dims.split())})"
    return "a dict of numeric arrays" if spec.kind == "mapping" else str(getattr(spec.hint, "__name__", spec.hint))


def _sizes(ordered: list[Spec], values: Mapping[str, Any], failed: Spec) -> str:
    """Say which sizes the fields before the failed one have bound."""
    known: dict[str, int] = {}
    for spec in ordered[: ordered.index(failed)]:
        if spec.kind == "array":
            known.update(zip(spec.dims.split(), values[spec.name].shape, strict=True))
    sizes = [
        f"{axis}={known[axis]}" for axis in failed.dims.split() if known.get(axis) is not None and not axis.isdigit()
    ]
    return f" where {', '.join(sizes)}" if sizes else ""
