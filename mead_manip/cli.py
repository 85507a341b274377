"""The command line: options -> config -> stages.X.run -> exit code. Only this module exits."""

import importlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mead_manip import __version__, config, resolution
from mead_manip.errors import Interrupted, MeadManipError
from mead_manip.options import Given, options
from mead_manip.stages import STAGES

if TYPE_CHECKING:
    from mead_manip.stages.running.runner import Summary

app = typer.Typer(
    help="Change the emotion of a face in a video, with a manipulator trained on MEAD that knows label noise.",
    epilog="Exit codes: 0 ok, 1 failed, 2 usage, 3 something is missing, 4 interrupted, 5 quality gate.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

evaluate = typer.Typer(help="Measure: outlier detection, trained manipulators, edited videos.", no_args_is_help=True)
app.add_typer(evaluate, name="evaluate")


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False) -> None:
    if version:
        typer.echo(f"mead-manip {__version__}")
        raise typer.Exit


@app.command()
@options(config.AuditConfig)
def audit(given: Given) -> None:
    """Say what a MEAD tree lacks and what is wrong with its clips."""
    _finish("audit", given)


@app.command()
@options(config.PreprocessConfig)
def preprocess(given: Given) -> None:
    """Find the face in every frame of a MEAD tree or of one video."""
    _finish("preprocess", given)


@app.command()
@options(config.ImportFlameConfig)
def import_flame(given: Given) -> None:
    """Read FLAME's pickle once, without executing anything, into a safe file."""
    _finish("import-flame", given)


@app.command()
@options(config.FacesConfig)
def faces(given: Given) -> None:
    """Tell whose faces a video shows, numbered for --face, with a contact sheet."""
    _finish("faces", given)


@app.command()
@options(config.Reconstruct3dConfig)
def reconstruct3d(given: Given) -> None:
    """Fit the face model to every preprocessed clip."""
    _finish("reconstruct3d", given)


@app.command()
@options(config.ClipScoreConfig)
def clip_score(given: Given) -> None:
    """Score how well each clip shows its own label, and weight it (lambda)."""
    _finish("clip-score", given)


train = typer.Typer(invoke_without_command=True)
app.add_typer(train, name="train")


@train.callback()
@options(config.TrainConfig, of_group=True)
def train_manipulator(given: Given, subcommand: str | None) -> None:
    """Train the manipulator on the reconstructed clips; `train renderer` trains what draws a person."""
    if subcommand is None:
        _finish("train", given)
    elif given.anything:
        raise typer.BadParameter(f"options belong after `train {subcommand}`")


@train.command("renderer")
@options(config.TrainRendererConfig)
def train_renderer(given: Given) -> None:
    """Train a neural renderer on videos of a person."""
    _finish("train-renderer", given)


@app.command()
@options(config.EditConfig)
def edit(given: Given) -> None:
    """Give the face in a video another emotion."""
    _finish("edit", given)


@evaluate.command("detection")
@options(config.EvaluateDetectionConfig)
def evaluate_detection(given: Given) -> None:
    """Plant known outliers and measure how well 1 - lambda and its rivals find them."""
    _finish("evaluate-detection", given)


@evaluate.command("manipulator")
@options(config.EvaluateManipulatorConfig)
def evaluate_manipulator(given: Given) -> None:
    """Train with and without suppression, and with controls, and compare on people that nobody trained on."""
    _finish("evaluate-manipulator", given)


@evaluate.command("options")
@options(config.EvaluateOptionsConfig)
def evaluate_options(given: Given) -> None:
    """Train with each named option by itself, and compare on people that nobody trained on."""
    _finish("evaluate-options", given)


@evaluate.command("edit")
@options(config.EvaluateEditConfig)
def evaluate_edit(given: Given) -> None:
    """Compare edited videos with their sources: emotion, person, speech, tremble, picture."""
    _finish("evaluate-edit", given)


@app.command()
@options(config.CompareConfig)
def compare(given: Given) -> None:
    """Show what every trained run makes of a video, in all emotions: a figure and a video."""
    _finish("compare", given)


@app.command()
@options(config.SynthConfig)
def synth(given: Given) -> None:
    """Write a MEAD-shaped data set of synthetic people with known truth."""
    _finish("synth", given)


@app.command()
@options(config.DemoConfig)
def demo(given: Given) -> None:
    """Run the whole road on synthetic data, from nothing to a figure."""
    _finish("demo", given)


@app.command()
@options(config.InspectConfig)
def inspect(given: Given) -> None:
    """Say what is known about one clip, and draw its landmarks and its fitted face."""
    _finish("inspect", given)


@app.command("config")
def show_config(
    section: Annotated[str, typer.Argument(help="Only this section.", metavar="[SECTION]")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Show every setting and where its value comes from."""
    _guarded(lambda: _show_config(section, as_json), debug=debug, as_json=as_json)


def main() -> None:
    """Run the command line."""
    # A stop asked by the system ends like Ctrl-C: temporary files go, the exit code is 4.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    app()


# ---- below: from what was typed to an exit code -------------------------------------------------------------------


def _finish(stage: str, given: Given) -> None:
    """Run a stage, print its summary, and exit with its code."""
    _guarded(lambda: _report(_run(stage, given), given), debug=given.debug, as_json=given.json)


def _run(stage: str, given: Given) -> "Summary":
    common = resolution.resolve(config.Common, given.common).config
    settings: Any = resolution.resolve(given.kind, given.flags).config
    resolution.check_required(settings)
    # Imported late: --help must not wait for torch.
    from mead_manip.artifacts.workspace import Workspace
    from mead_manip.stages.running.runner import SilentProgress, TerminalProgress

    module = importlib.import_module(STAGES[stage].module)
    summary: Summary = module.run(
        Workspace(common.workspace),
        settings,
        common,
        force=given.force,
        dry_run=given.dry_run,
        progress=SilentProgress() if given.quiet else TerminalProgress(),
    )
    return summary


def _report(summary: "Summary", given: Given) -> int:
    if given.debug:
        for text in summary.tracebacks.values():
            typer.echo(text, err=True)
    typer.echo(json.dumps(summary.as_json(), default=str) if given.json else summary.report())
    return summary.exit_code


def _show_config(section: str, as_json: bool) -> int:
    sections = [section] if section else list(config.SECTIONS)
    table = {name: _section_table(name) for name in sections}
    if as_json:
        typer.echo(json.dumps(table, indent=2))
        return 0
    for name, rows in table.items():
        typer.echo(f"[{name}]")
        for key, row in rows.items():
            typer.echo(f"{key} = {json.dumps(row['value'])}  # {row['origin']}")
        typer.echo()
    return 0


def _section_table(section: str) -> dict[str, dict[str, Any]]:
    resolved: resolution.Resolved[Any] = resolution.resolve(resolution.section_kind(section))
    return {
        name: {"value": getattr(resolved.config, name), "origin": origin}
        for name, origin in resolved.origins.items()
        if name not in resolution.positional_names(type(resolved.config))
    }


def _guarded(action: Callable[[], int], *, debug: bool, as_json: bool) -> None:
    """Exit with what `action` returns, or with one line and the code of what it raises."""
    try:
        code = action()
    except KeyboardInterrupt:
        code = _fail(Interrupted("interrupted", remedy="run the same command again to go on"), debug, as_json)
    except MeadManipError as error:
        code = _fail(error, debug, as_json)
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): nothing is wrong, and nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except Exception as error:
        found = f"unexpected {type(error).__name__}: {error}"
        code = _fail(MeadManipError(found, remedy="run again with --debug and report it"), debug, as_json)
    raise typer.Exit(code)


def _fail(error: MeadManipError, debug: bool, as_json: bool) -> int:
    if debug:
        traceback.print_exc()
    if as_json:
        typer.echo(json.dumps({"error": str(error), "exit_code": error.exit_code}))
    typer.echo(f"mead-manip: {error}", err=True)
    return error.exit_code
