"""Where a value comes from: the flag, else the environment, else ./mead-manip.toml, else the config's own default."""

import dataclasses
import os
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mead_manip.config import SECTIONS
from mead_manip.errors import UsageError
from mead_manip.settings import convert, flag_name, hint, is_positional

FILE_NAME = "mead-manip.toml"
PREFIX = "MEAD_MANIP_"
Config = TypeVar("Config")


@dataclass(frozen=True)
class Resolved(typing.Generic[Config]):
    """A config and where each of its values came from: "flag --x", "environment X", "mead-manip.toml", "default"."""

    config: Config
    origins: dict[str, str]


def resolve(
    kind: type[Config],
    flags: Mapping[str, Any] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Resolved[Config]:
    """Settle every field of a config: flag (None means not given) > environment > ./mead-manip.toml > default."""
    environment = os.environ if environment is None else environment
    flags = flags or {}
    section = section_of(kind)
    check_environment(environment)
    table = read_file(folder or Path()).get(section, {})
    values, origins = {}, {}
    for field in dataclasses.fields(typing.cast(Any, kind)):
        variable = variable_name(section, field.name)
        if flags.get(field.name) is not None:
            origin, value = f"flag {flag_name(field)}", flags[field.name]
        elif is_positional(field):
            origin, value = "default", field.default
        elif variable in environment:
            origin, value = f"environment {variable}", environment[variable]
        elif field.name in table:
            origin, value = FILE_NAME, table[field.name]
        else:
            origin, value = "default", field.default
        values[field.name] = convert(kind, field, value, origin)
        origins[field.name] = origin
    return Resolved(kind(**values), origins)


def check_required(config: Any) -> None:
    """Refuse a config whose required values are still empty."""
    for field in dataclasses.fields(config):
        if field.metadata.get("required", False) and getattr(config, field.name) in ("", ()):
            help = field.metadata["help"]
            expected = (help[:1].lower() + help[1:]).rstrip(".")
            raise UsageError(f"{section_of(type(config))}: no {flag_name(field)}", expected=expected)


def section_of(kind: type) -> str:
    """Give the TOML section of a config class."""
    return next(section for section, known in SECTIONS.items() if known is kind)


def section_kind(section: str) -> type:
    """Give the config class of a section."""
    if section not in SECTIONS:
        raise UsageError(f"unknown section {section!r}", remedy=hint(section, SECTIONS))
    return SECTIONS[section]


def positional_names(kind: type) -> tuple[str, ...]:
    """Give the names of the fields that are a command's arguments."""
    return tuple(field.name for field in dataclasses.fields(kind) if is_positional(field))


def variable_name(section: str, field: str) -> str:
    """Give the environment variable of a field; the common ones carry no section."""
    middle = "" if section == "common" else section + "_"
    return (PREFIX + middle + field).upper().replace("-", "_")


def read_file(folder: Path) -> dict[str, dict[str, Any]]:
    """Read ./mead-manip.toml, refusing sections and keys that no config has. TOML keys may use - or _."""
    path = folder / FILE_NAME
    if not path.exists():
        return {}
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}", expected="a TOML file") from error
    settled: dict[str, dict[str, Any]] = {}
    for section, table in tables.items():
        if section not in SECTIONS:
            raise UsageError(f"{path}: unknown section [{section}]", remedy=hint(section, SECTIONS))
        if not isinstance(table, dict):
            raise UsageError(f"{path}: {section} = {table!r}", expected=f"a section [{section}]")
        known = [field.name for field in dataclasses.fields(SECTIONS[section]) if not is_positional(field)]
        for key, value in table.items():
            name = key.replace("-", "_")
            if name not in known:
                raise UsageError(f"{path}: unknown key {key!r} in [{section}]", remedy=hint(name, known))
            settled.setdefault(section, {})[name] = value
    return settled


def check_environment(environment: Mapping[str, str]) -> None:
    """Refuse MEAD_MANIP_<SECTION>_... variables that no config has: a misspelt one would be dropped silently."""
    known = [
        variable_name(section, field.name)
        for section, kind in SECTIONS.items()
        for field in dataclasses.fields(kind)
        if not is_positional(field)
    ]
    starts = tuple(variable_name(section, "") for section in SECTIONS if section != "common")
    for name in environment:
        if name.startswith(starts) and name not in known:
            raise UsageError(f"unknown environment variable {name}", remedy=hint(name, known))
