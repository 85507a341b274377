"""One setting: how a config declares it, and how text, TOML and flags become its checked value."""

import dataclasses
import difflib
import types
import typing
from collections.abc import Callable, Iterable
from pathlib import PurePath
from typing import Any

from mead_manip.errors import UsageError


def setting(
    default: Any,
    help: str = "",
    *,
    choices: tuple[str, ...] = (),
    minimum: float | None = None,
    maximum: float | None = None,
    execution: bool = False,
    positional: bool = False,
    flags: tuple[str, ...] = (),
    parse: Callable[[str], str] | None = None,
) -> Any:
    """Declare a field of a config.

    `execution` keeps it out of the cache key, `positional` out of TOML and environment: an argument without a default
    is refused where it is empty; `parse` turns each word into its canonical form.
    """
    metadata = {
        "help": help,
        "choices": choices,
        "minimum": minimum,
        "maximum": maximum,
        "execution": execution or positional,
        "positional": positional,
        "required": positional and default == "",
        "parse": parse,
        "flags": flags,
    }
    return dataclasses.field(default=default, metadata=metadata)


def execution(default: Any, help: str = "", **rules: Any) -> Any:
    """Declare a field that changes how a result is made, not what it is: it stays out of the cache key."""
    return setting(default, help, execution=True, **rules)


def flag_name(field: "dataclasses.Field[Any]") -> str:
    """Give the long command-line flag of a field; a positional one shows as its name in capitals."""
    return field.name.upper() if is_positional(field) else "--" + field.name.replace("_", "-")


def is_positional(field: "dataclasses.Field[Any]") -> bool:
    """Tell whether a field is a command's argument, which neither TOML nor the environment may set."""
    return bool(field.metadata.get("positional", False))


def hint(word: str, known: Iterable[str]) -> str:
    """Say which known name is close to a misspelt one, else all of them."""
    known = list(known)
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {close[0]!r}?" if close else "known: " + ", ".join(known)


def convert(kind: type, field: "dataclasses.Field[Any]", value: Any, origin: str) -> Any:
    """Turn a raw value into the field's type and check its choices and range."""
    declared = typing.get_type_hints(kind)[field.name]
    optional = isinstance(declared, types.UnionType) and types.NoneType in typing.get_args(declared)
    plain = next(part for part in typing.get_args(declared) if part is not types.NoneType) if optional else declared
    if value is None and optional:
        return None
    try:
        # An argument is one path, commas and all.
        result = (
            tuple(map(str, _listed(value)))
            if is_positional(field) and plain == tuple[str, ...]
            else _parse(plain, value)
        )
    except (KeyError, TypeError, ValueError) as error:
        expected = (
            "a list of words"
            if plain == tuple[str, ...]
            else {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text"}[plain.__name__]
        )
        raise UsageError(f"{flag_name(field)}: {value!r} (from {origin})", expected=expected) from error
    parse = field.metadata.get("parse")
    if parse and result:
        result = tuple(parse(word) for word in result) if isinstance(result, tuple) else parse(result)
    _check_rules(field, result, origin)
    return result


# ---- below: types and rules --------------------------------------------------------------------------------------


def _listed(value: Any) -> Iterable[Any]:
    return [value] if isinstance(value, str | PurePath) else value


def _parse(kind: Any, value: Any) -> Any:
    if kind == tuple[str, ...]:
        words = (
            value.split(",") if isinstance(value, str) else [part for item in value for part in str(item).split(",")]
        )
        return tuple(word.strip() for word in words if word.strip())
    if kind is bool:
        if isinstance(value, bool):
            return value
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[str(value).lower()]
    accepted = {int: (int, str), float: (int, float, str), str: (str, PurePath)}[kind]
    if isinstance(value, bool) or not isinstance(value, accepted):
        raise TypeError(value)
    return kind(value)


def _check_rules(field: "dataclasses.Field[Any]", value: Any, origin: str) -> None:
    choices = field.metadata.get("choices", ())
    if choices and value not in choices:
        found = f"{flag_name(field)}: {value!r} (from {origin})"
        raise UsageError(found, expected="one of " + ", ".join(choices), remedy=hint(str(value), choices))
    low, high = field.metadata.get("minimum"), field.metadata.get("maximum")
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        expected = (
            f"between {low} and {high}"
            if low is not None and high is not None
            else (f"at least {low}" if high is None else f"at most {high}")
        )
        raise UsageError(f"{flag_name(field)}: {value!r} (from {origin})", expected=expected)
