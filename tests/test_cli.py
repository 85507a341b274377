"""The command line agrees with the configs, starts fast, and ends with one line and the right code."""

import ast
import dataclasses
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from mead_manip import cli, config, resolution, settings
from mead_manip.errors import InputMissing
from mead_manip.stages import STAGES

COMMANDS = typer.main.get_command(cli.app).commands
# A command of a group ("evaluate detection") is the stage "evaluate-detection".
FLAT = COMMANDS | {
    f"{group}-{name}": command
    for group, members in COMMANDS.items()
    for name, command in getattr(members, "commands", {}).items()
}
STAGE_COMMANDS = {name: command for name, command in FLAT.items() if name in STAGES}


def run(*arguments: str, **environment: str):
    return CliRunner().invoke(cli.app, list(arguments), env=environment)


def test_help_imports_neither_torch_nor_h5py_nor_cv2():
    script = (
        "import sys; from mead_manip.cli import main; sys.argv = ['mead-manip', '--help']\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0\n"
        "print('IMPORTED', sorted({'torch', 'h5py', 'cv2', 'av', 'numba', 'scipy', 'numpy'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert "IMPORTED []" in output
    for name in COMMANDS:
        assert name in output


def test_every_stage_is_a_command_with_a_config():
    assert STAGE_COMMANDS.keys() == STAGES.keys() == config.SECTIONS.keys() - {"common"}


@pytest.mark.parametrize("name", STAGE_COMMANDS)
def test_each_setting_has_its_flag_and_each_flag_its_setting(name):
    parameters = {parameter.name: parameter for parameter in STAGE_COMMANDS[name].params}
    fields = {field.name: field for field in dataclasses.fields(config.SECTIONS[name])}
    common = {field.name: field for field in dataclasses.fields(config.Common) if field.name not in fields}
    switches = {"force", "dry_run", "quiet", "json", "debug"}
    assert parameters.keys() == fields.keys() | common.keys() | switches
    for field_name, field in {**fields, **common}.items():
        parameter = parameters[field_name]
        if settings.is_positional(field):
            assert parameter.param_type_name == "argument"
            continue
        assert settings.flag_name(field) in parameter.opts
        assert not parameter.default, "the default stands in config only"
        if field.default not in (None, "", ()) and not isinstance(field.default, bool):
            shown = ",".join(field.default) if isinstance(field.default, tuple) else str(field.default)
            assert f"(default: {shown})" in parameter.help


def test_config_shows_values_and_origins(in_folder):
    (in_folder / resolution.FILE_NAME).write_text("[train]\nsize = 'small'\n")
    table = json.loads(run("config", "--json", MEAD_MANIP_TRAIN_EPOCHS="12").stdout)
    assert table["train"]["size"] == {"value": "small", "origin": "mead-manip.toml"}
    assert table["train"]["epochs"] == {"value": 12, "origin": "environment MEAD_MANIP_TRAIN_EPOCHS"}
    assert table["train"]["run"]["origin"] == "default"
    assert 'size = "small"  # mead-manip.toml' in run("config", "train").stdout
    assert table.keys() == config.SECTIONS.keys()


def test_the_shown_config_is_itself_a_config_file(in_folder):
    shown = run("config").stdout
    (in_folder / resolution.FILE_NAME).write_text(re.sub(r"^\w+ = null.*\n", "", shown, flags=re.MULTILINE))
    for kind in config.SECTIONS.values():
        assert resolution.resolve(kind, environment={}).config == kind()


def test_an_unknown_section_is_a_usage_error(in_folder):
    result = run("config", "trian")
    assert result.exit_code == 2 and "did you mean 'train'" in result.stderr


# ---- how a command ends -------------------------------------------------------------------------------------------


def stage_that(monkeypatch, action):
    """Let the command `preprocess` run `action` in place of its stage's work."""
    import types

    module = types.ModuleType("a_stage")
    module.run = lambda workspace, settings, common, **how: action(workspace, settings, common, **how)
    monkeypatch.setitem(sys.modules, "mead_manip.stages.preprocess", module)


def test_a_summary_is_printed_and_its_code_returned(in_folder, monkeypatch):
    from mead_manip.stages.running.runner import Summary

    stage_that(
        monkeypatch, lambda *_, **__: Summary("preprocess", "./work/preprocess", done=["a"], failures={"b": "bad"})
    )
    result = run("preprocess", "x")
    assert result.stdout == "preprocess: 1 done, 1 failed (b: bad) -> ./work/preprocess\n" and result.exit_code == 1
    record = json.loads(run("preprocess", "x", "--json").stdout)
    assert record["done"] == ["a"] and record["failures"] == {"b": "bad"} and record["exit_code"] == 1


def test_what_is_typed_reaches_the_stage(in_folder, monkeypatch):
    from mead_manip.stages.running.runner import Summary

    seen = {}

    def action(workspace, settings, common, **how):
        seen.update(workspace=workspace, settings=settings, common=common, **how)
        return Summary("preprocess")

    stage_that(monkeypatch, action)
    result = run(
        "preprocess", "MEAD", "-w", "ws", "--actors", "M003,W009", "--actors", "M005", "--force", "--seed", "3"
    )
    assert result.exit_code == 0, result.stderr
    assert str(seen["workspace"].root) == "ws" and seen["settings"].path == "MEAD"
    assert seen["settings"].actors == ("M003", "W009", "M005") and seen["common"].seed == 3
    assert seen["force"] is True and seen["dry_run"] is False


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputMissing("no x", expected="x", remedy="make x"), 3, "mead-manip: no x; expected x; make x\n"),
        (KeyboardInterrupt(), 4, "mead-manip: interrupted; run the same command again to go on\n"),
        (ZeroDivisionError("by zero"), 1, "mead-manip: unexpected ZeroDivisionError: by zero; run again with --debug"),
    ],
)
def test_an_error_is_one_line_and_its_code(in_folder, monkeypatch, error, code, line):
    def fail(*_, **__):
        raise error

    stage_that(monkeypatch, fail)
    result = run("preprocess", "x")
    assert result.exit_code == code and result.stderr.startswith(line) and result.stderr.count("\n") == 1
    assert "Traceback" in run("preprocess", "x", "--debug").stderr
    assert json.loads(run("preprocess", "x", "--json").stdout)["exit_code"] == code


def test_only_the_command_line_exits_or_prints():
    package = Path(inspect.getfile(cli)).parent
    for path in package.rglob("*.py"):
        if path.name in ("cli.py", "__main__.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            assert called not in ("exit", "sys.exit", "os._exit"), f"{path.name}:{node.lineno} exits"


def test_train_is_a_command_and_a_group_and_loses_no_option(in_folder):
    alone = run("train", "--dry-run")
    assert alone.exit_code == 3 and "run `mead-manip preprocess PATH` first" in alone.stderr
    lost = run("train", "--size", "small", "renderer", "talk.mp4")
    assert lost.exit_code == 2 and "options belong after `train renderer`" in lost.stderr
    missing = run("train", "renderer", "talk.mp4")
    assert missing.exit_code == 3 and "talk.mp4" in missing.stderr
