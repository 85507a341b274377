"""Bad input: one clear line that names what was found and what to do, the right code, nothing half written."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from typer.testing import CliRunner


@pytest.fixture
def mead(in_folder):
    """Give a function that types a command in an empty folder and checks how it ends."""
    from mead_manip import cli

    def run(*arguments: str, code: int, says: str) -> str:
        result = CliRunner().invoke(cli.app, [str(argument) for argument in arguments])
        output = result.stdout + result.stderr
        assert result.exit_code == code, output
        assert "Traceback" not in output
        assert says in output
        assert not list(Path().rglob("*.tmp*")), "something half written"
        return output

    return run


def write_track(path, make_track, **changes):
    from mead_manip.artifacts import store
    from mead_manip.artifacts.provenance import Provenance

    path.parent.mkdir(parents=True, exist_ok=True)
    store.save(make_track(**changes), path, Provenance("face_track/2", "preprocess", 1))


# ---- usage --------------------------------------------------------------------------------------------------------


def test_an_unknown_emotion(mead):
    output = mead("edit", "video.mp4", "--to", "angri", code=2, says="unknown emotion 'angri'; expected one of neutral")
    assert "did you mean 'angry'?" in output and output.count("\n") == 1


def test_no_emotion(mead):
    mead("edit", "video.mp4", code=2, says="edit: nothing to change the face to; expected --to")


def test_an_unknown_option_or_command(mead):
    mead("edit", "video.mp4", "--emotion", "angry", code=2, says="--emotion")
    mead("edti", code=2, says="edti")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("clip-score", "--threshold", "1.5"), "--threshold: 1.5 (from flag --threshold); expected between 0 and 1"),
        (("train", "--size", "medium"), "expected one of full, small"),
        (("synth", "DIR", "--actors", "0"), "expected at least 1"),
        (("preprocess", "MEAD", "--emotions", "happy,anxious"), "unknown emotion 'anxious'"),
    ],
)
def test_a_value_out_of_range(mead, arguments, says):
    mead(*arguments, code=2, says=says)


def test_a_bad_config_file(mead):
    Path("mead-manip.toml").write_text("[train]\nsise = 'small'\n")
    mead("train", code=2, says="unknown key 'sise' in [train]; did you mean 'size'?")


# ---- the workspace ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [("reconstruct3d",), ("clip-score",), ("train",)])
def test_an_empty_workspace_says_which_command_to_run(mead, command):
    mead(*command, code=3, says="run `mead-manip preprocess PATH` first")
    assert not Path("work").exists()


@pytest.mark.parametrize("switch", ["--quiet", "--json"])
def test_an_unwritable_workspace(mead, make_track, switch):
    write_track(Path("work/preprocess/good.h5"), make_track)
    Path("work/reconstruct3d").write_text("a file where a folder should be")
    output = mead("reconstruct3d", switch, code=1, says="cannot write work/reconstruct3d: File exists")
    assert "choose a writable folder with --workspace" in output


def test_a_data_set_in_an_unwritable_place(mead):
    Path("file").write_text("")
    mead("synth", "file/MEAD", "--quiet", code=1, says="cannot write file/MEAD")


@pytest.mark.parametrize("command", ["reconstruct3d", "clip-score"])
def test_a_zero_byte_track_is_a_named_failure(mead, command, make_track):
    write_track(Path("work/preprocess/good.h5"), make_track)
    Path("work/preprocess/bad.h5").write_bytes(b"")
    output = mead(command, "--dry-run", code=1, says="bad.h5 is empty (0 bytes); expected an HDF5 file")
    assert "1 failed" in output


def test_a_file_of_another_stage_in_place_of_a_track(mead, make_reconstruction, make_track):
    from mead_manip.artifacts import store
    from mead_manip.artifacts.provenance import Provenance

    path = Path("work/preprocess/odd.h5")
    store.save(make_reconstruction(), path, Provenance("reconstruction/2", "reconstruct3d", 1))
    mead("clip-score", "--dry-run", code=1, says="odd.h5: holds reconstruction/2; expected face_track/2")


# ---- interruption -------------------------------------------------------------------------------------------------

STAGE = """
    import os, signal, sys, types
    from pathlib import Path
    from mead_manip import cli, files

    def run(workspace, config, common, **how):
        with files.atomic(workspace.path("preprocess", "clip")) as temporary:
            temporary.write_bytes(b"half")
            os.kill(os.getpid(), int(config.path))
            import time
            time.sleep(20)

    module = types.ModuleType("a_stage")
    module.run = run
    sys.modules["mead_manip.stages.preprocess"] = module
    sys.argv = ["mead-manip", "preprocess", sys.argv[1]]
    cli.main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_with_one_line_and_code_4(in_folder, number):
    command = [sys.executable, "-c", textwrap.dedent(STAGE), str(int(number))]
    ended = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # who runs tests in the background ignores it
    )
    assert ended.returncode == 4
    assert ended.stderr == "mead-manip: interrupted; run the same command again to go on\n"
    assert list(Path("work/preprocess").iterdir()) == []
