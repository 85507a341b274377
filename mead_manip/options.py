"""Command-line options made from the config dataclasses, so that a default or a help text stands in one place only."""

import dataclasses
import functools
import inspect
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import typer

from mead_manip.config import Common
from mead_manip.settings import flag_name, is_positional


@dataclass(frozen=True)
class Given:
    """What was typed: the flags of a command's config (None where not given), the common ones, and how to run."""

    kind: type
    flags: dict[str, Any]
    common: dict[str, Any]
    force: bool = False
    dry_run: bool = False
    quiet: bool = False
    json: bool = False
    debug: bool = False

    @property
    def anything(self) -> bool:
        """Tell whether anything was typed at all."""
        words = [*self.flags.values(), *self.common.values()]
        switched = self.force or self.dry_run or self.quiet or self.json or self.debug
        return switched or any(word is not None for word in words)


_SWITCHES = {
    "force": "Compute again even what is fresh.",
    "dry_run": "Say what would be done, and why; write nothing.",
    "quiet": "No progress, only the summary line.",
    "json": "Print the summary as JSON on stdout.",
    "debug": "Show the traceback of an error.",
}


def options(kind: type, *, of_group: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command every field of its config as an option, the common options and the switches.

    A command that stands for a group is also told which of its subcommands was typed.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [_parameter(kind, field) for field in dataclasses.fields(kind)]
        taken = {parameter.name for parameter in own}
        # `synth` has a seed of its own: one --seed is enough.
        common = [_parameter(Common, field) for field in dataclasses.fields(Common) if field.name not in taken]
        context = [_context()] if of_group else []
        switches = [_switch(name, text) for name, text in _SWITCHES.items()]

        @functools.wraps(command)
        def parsed(**values: Any) -> None:
            command(
                Given(
                    kind,
                    flags={parameter.name: values[parameter.name] for parameter in own},
                    common={parameter.name: values[parameter.name] for parameter in common},
                    **{parameter.name: values[parameter.name] for parameter in switches},
                ),
                **({"subcommand": values["context"].invoked_subcommand} if of_group else {}),
            )

        parameters = [*context, *own, *common, *switches]
        parsed.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        parsed.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return parsed

    return decorate


def _parameter(kind: type, field: "dataclasses.Field[Any]") -> inspect.Parameter:
    declared = typing.get_type_hints(kind)[field.name]
    if isinstance(declared, types.UnionType):
        declared = next(part for part in typing.get_args(declared) if part is not types.NoneType)
    text, choices = field.metadata.get("help", ""), field.metadata.get("choices", ())
    if is_positional(field):
        if declared == tuple[str, ...]:
            several = typer.Argument(metavar=field.name.upper(), help=text)
            return _keyword(field.name, typing.Annotated[list[str] | None, several], None)
        argument = typer.Argument(metavar=field.name.upper(), help=text)
        return _keyword(field.name, typing.Annotated[str, argument], inspect.Parameter.empty)
    flag = flag_name(field)
    names = [f"{flag}/--no-{flag[2:]}" if declared is bool else flag, *field.metadata.get("flags", ())]
    option = typer.Option(
        *names, help=text + _range_text(field) + _default_text(field.default), metavar=_metavar(declared, choices)
    )
    accepted = list[str] if declared == tuple[str, ...] else declared
    return _keyword(field.name, typing.Annotated[accepted | None, option], None)


def _metavar(declared: Any, choices: tuple[str, ...]) -> str | None:
    return "A,B,..." if declared == tuple[str, ...] else "|".join(choices) or None


def _range_text(field: "dataclasses.Field[Any]") -> str:
    low, high = field.metadata.get("minimum"), field.metadata.get("maximum")
    if low is None and high is None:
        return ""
    return f" From {low}." if high is None else f" Up to {high}." if low is None else f" {low} to {high}."


def _default_text(default: Any) -> str:
    # Said in the help text, because the option's own default is None: "not given", so that other sources may speak.
    if default is None or default in ("", ()):
        return ""
    if isinstance(default, bool):
        return f" (default: {'yes' if default else 'no'})"
    return f" (default: {','.join(default) if isinstance(default, tuple) else default})"


def _switch(name: str, text: str) -> inspect.Parameter:
    option = typer.Option("--" + name.replace("_", "-"), help=text)
    return _keyword(name, typing.Annotated[bool, option], False)


def _context() -> inspect.Parameter:
    return inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)
