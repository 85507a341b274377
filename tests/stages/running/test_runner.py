"""Skip what is fresh, say why the rest is not, keep what was finished, drop no failure."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

from mead_manip.artifacts import store
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import FaceTrack
from mead_manip.artifacts.workspace import Workspace
from mead_manip.errors import BackendUnavailable, MediaError, UsageError
from mead_manip.stages.running.runner import SilentProgress, Summary, TerminalProgress, run_clips


class Recorder:
    """A progress that remembers what it was told."""

    def __init__(self):
        self.lines = []

    def clips(self, items, total, description):
        self.lines.append(f"{description} {total}")
        return items

    def say(self, text):
        self.lines.append(text)


@pytest.fixture
def run(tmp_path, make_track):
    """Give a function that runs a toy stage over clips of given lengths; length 0 fails."""

    def stage(items, margin=0.25, **how):
        def compute(n_frames):
            if n_frames == 0:
                raise MediaError("no frames", expected="some")
            return make_track(n_frames)

        def provenance(n_frames):
            return Provenance("face_track/2", "toy", 1, {"margin": margin, "n": n_frames})

        how.setdefault("progress", SilentProgress())
        return run_clips("toy", FaceTrack, Workspace(tmp_path), items, provenance=provenance, compute=compute, **how)

    return stage


def test_what_is_fresh_is_skipped(run, tmp_path):
    assert run({"a": 3, "b": 4}).line() == f"toy: 2 done -> {tmp_path / 'toy'}"
    again = run({"a": 3, "b": 4, "c": 5})
    assert (again.done, again.fresh, again.exit_code) == (["c"], ["a", "b"], 0)
    assert again.line() == f"toy: 1 done, 2 fresh -> {tmp_path / 'toy'}"
    assert again.clips == ["a", "b", "c"]


def test_what_is_stale_is_made_again_with_its_reason(run):
    run({"a": 3})
    recorder = Recorder()
    assert run({"a": 3}, margin=0.3, progress=recorder).done == ["a"]
    assert recorder.lines == ["toy: a: stale params.margin: 0.25 -> 0.3", "toy 1"]


def test_force_makes_all_again(run):
    run({"a": 3})
    assert run({"a": 3}, force=True).done == ["a"]


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(run, tmp_path):
    recorder = Recorder()
    summary = run({"a": 3, "b": 4}, dry_run=True, progress=recorder)
    assert summary.planned == {"a": "missing", "b": "missing"} and list(tmp_path.iterdir()) == []
    assert summary.line() == f"toy: 2 to do -> {tmp_path / 'toy'}"
    assert recorder.lines == ["toy: a: to do", "toy: b: to do"]


def test_a_failure_is_counted_named_and_does_not_stop_the_others(run, tmp_path):
    summary = run({"a": 0, "b": 4})
    assert summary.done == ["b"] and summary.exit_code == 1
    assert summary.line() == f"toy: 1 done, 1 failed (a: no frames; expected some) -> {tmp_path / 'toy'}"
    assert "MediaError" in summary.tracebacks["a"]
    assert run({"a": 0, "b": 4}).fresh == ["b"]


def test_an_unexpected_error_of_one_clip_is_named_with_its_kind(run, tmp_path, make_track):
    def compute(n_frames):
        return {}[n_frames]

    summary = run_clips(
        "toy",
        FaceTrack,
        Workspace(tmp_path),
        {"a": 1},
        provenance=lambda n: Provenance("face_track/2", "toy", 1),
        compute=compute,
        progress=SilentProgress(),
    )
    assert summary.failures == {"a": "KeyError: 1"}


def test_an_error_that_every_clip_would_meet_stops_the_run(tmp_path):
    def compute(item):
        raise BackendUnavailable("no weights")

    with pytest.raises(BackendUnavailable):
        run_clips(
            "toy",
            FaceTrack,
            Workspace(tmp_path),
            {"a": 1, "b": 2},
            provenance=lambda n: Provenance("face_track/2", "toy", 1),
            compute=compute,
            progress=SilentProgress(),
        )


def test_a_clip_whose_provenance_cannot_be_told_is_a_failure(tmp_path):
    def provenance(item):
        raise MediaError("unreadable")

    summary = run_clips(
        "toy",
        FaceTrack,
        Workspace(tmp_path),
        {"a": 1},
        provenance=provenance,
        compute=lambda n: None,
        progress=SilentProgress(),
    )
    assert summary.failures == {"a": "unreadable"}


SCRIPT = """
import os, signal, sys
from pathlib import Path
import numpy as np
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import ManipulatorWeights
from mead_manip.artifacts.workspace import Workspace
from mead_manip.stages.running.runner import SilentProgress, run_clips

def first_time(item):
    flag = Path(os.environ["FLAGS"]) / f"{item}.tried"
    known = flag.exists()
    flag.touch()
    return not known

def compute(item):
    if item == os.environ.get("DIE_AT"):
        os._exit(9)
    if item.startswith("killed") or (item.startswith("shot") and first_time(item)):
        os.kill(os.getpid(), signal.SIGKILL)
    if item.startswith("flaky") and first_time(item):
        raise OSError("the disk was away")
    if item == "bad":
        raise ValueError("bad item")
    return ManipulatorWeights(parameters={"a": np.ones(3)}, config=str(os.getpid()), facts="{}")

def provenance(item):
    return Provenance("manipulator_weights/1", "toy", 1, {"item": item})

if __name__ == "__main__":
    engine, workers = ("ray", 0) if sys.argv[2] == "ray" else ("local", int(sys.argv[2]))
    items = {name: name for name in sys.argv[3:]}
    summary = run_clips("toy", ManipulatorWeights, Workspace(Path(sys.argv[1])), items, provenance=provenance,
                        compute=compute, progress=SilentProgress(), workers=workers, engine=engine)
    print(summary.line())
    print(*summary.tracebacks.values())
"""


@pytest.fixture
def script(tmp_path):
    """Give a function that runs a toy stage in a process of its own, where its workers can die."""

    def run(*arguments, **environment):
        (tmp_path / "toy_stage.py").write_text(textwrap.dedent(SCRIPT))
        command = [sys.executable, tmp_path / "toy_stage.py", tmp_path / "work", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(tmp_path), "FLAGS": str(tmp_path), **environment}
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    return run


ENGINES = ["2", pytest.param("ray", marks=pytest.mark.slow)]


@pytest.fixture(params=ENGINES)
def engine(request):
    """Give each way to compute clips in other processes."""
    if request.param == "ray":
        pytest.importorskip("ray", reason="the package ray is not installed")
    return request.param


def test_a_killed_run_goes_on_where_it_was(tmp_path, script):
    assert script("0", "a", "b", "c", DIE_AT="c").returncode == 9
    assert Workspace(tmp_path / "work").clips("toy") == ["a", "b"]
    assert script("0", "a", "b", "c").stdout.startswith("toy: 1 done, 2 fresh")


def test_workers_publish_side_by_side_and_report_failures(tmp_path, script, engine):
    told = script(engine, "a", "b", "bad", "c").stdout
    assert "3 done, 1 failed (bad: ValueError: bad item), 1 retried" in told
    assert 'raise ValueError("bad item")' in told  # the line in the worker, for --debug
    workspace = Workspace(tmp_path / "work")
    from mead_manip.artifacts.schemas import ManipulatorWeights

    processes = {store.load(ManipulatorWeights, workspace.path("toy", name)).config for name in "abc"}
    assert processes and str(os.getpid()) not in processes


def test_a_killed_worker_takes_only_its_own_clip_with_it(tmp_path, script, engine):
    told = script(engine, "a", "b", "killed", "c", "shot", "d").stdout
    assert told.startswith("toy: 5 done, 1 failed (killed: its "), told
    assert told.splitlines()[0].endswith(f", 2 retried -> {tmp_path / 'work' / 'toy'}")
    assert Workspace(tmp_path / "work").clips("toy") == ["a", "b", "c", "d", "shot"]


@pytest.mark.parametrize("workers", ["0", "2"])
def test_what_failed_by_chance_is_tried_once_more(script, workers):
    assert script(workers, "a", "flaky", "flaky2").stdout.startswith("toy: 3 done, 2 retried")


def test_a_clip_that_dies_alone_is_given_up_without_ending_the_run(script):
    told = script("2", "killed", "killed2").stdout
    assert told.startswith("toy: 2 failed (") and "was killed by SIGKILL" in told and "fewer --workers" in told


def test_what_is_wrong_with_a_clip_itself_is_not_tried_again(run):
    summary = run({"a": 0, "b": 4})
    assert summary.retried == [] and "a" in summary.failures


def test_ctrl_c_lets_every_worker_end_its_clip_and_starts_no_other(tmp_path):
    text = """
    import signal, sys, threading, time
    from pathlib import Path
    from mead_manip.stages.running.worker_pool import in_processes

    def work(path):
        path.touch()
        time.sleep(0.5)
        path.with_suffix(".ended").touch()

    if __name__ == "__main__":
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        folder = Path(sys.argv[1])
        paths = [folder / f"clip{index}" for index in range(9)]
        print("ready", flush=True)
        for _ in in_processes(work, paths, 2):
            print("one", flush=True)
    """
    (tmp_path / "pool.py").write_text(textwrap.dedent(text))
    command = [sys.executable, tmp_path / "pool.py", tmp_path]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert [process.stdout.readline().strip() for _ in range(2)] == ["ready", "one"]
    process.terminate()
    _, told = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in told and process.returncode != 0
    begun = {path.name for path in tmp_path.glob("clip?")}
    assert len(begun) < 9 and {path.stem for path in tmp_path.glob("*.ended")} == begun


def test_without_ray_the_remedy_is_said(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BackendUnavailable, match=r"pip install 'mead-manip\[ray\]'"):
        run({"a": 3}, engine="ray")


# ---- parts of all clips -------------------------------------------------------------------------------------------


def test_parts_are_disjoint_cover_all_and_leave_their_summaries(run, tmp_path):
    items = {f"clip{index}": 3 for index in range(40)}
    done = [run(items, shard=f"{part}/3").done for part in (1, 2, 3)]
    assert sorted(clip for clips in done for clip in clips) == sorted(items) and all(done)
    records = [json.loads((tmp_path / "toy" / "shards" / f"{part}-of-3.json").read_text()) for part in (1, 2, 3)]
    assert [record["done"] for record in records] == done


def test_a_part_keeps_its_clips_when_others_come(run):
    few = {f"clip{index}": 3 for index in range(10)}
    before = run(few, shard="2/4", dry_run=True).planned
    after = run(few | {f"new{index}": 3 for index in range(30)}, shard="2/4", dry_run=True).planned
    assert set(before) == set(after) & set(few) and len(after) > len(before)


@pytest.mark.parametrize("text", ["0/2", "3/2", "2", "1/0", "a/b", "-1/2", "1/2/3", "1.0/2"])
def test_a_part_that_is_none_is_refused(run, text):
    with pytest.raises(UsageError, match="expected i/n"):
        run({"a": 3}, shard=text)


def test_a_dry_run_of_a_part_writes_nothing(run, tmp_path):
    run({"a": 3, "b": 3}, shard="1/2", dry_run=True)
    assert list(tmp_path.iterdir()) == []


# ---- what is shown ------------------------------------------------------------------------------------------------


def test_the_summary_names_three_failures_and_counts_the_rest():
    summary = Summary("s", failures={name: "why" for name in "abcde"})
    assert summary.line() == "s: 5 failed (a: why; b: why; c: why; and 2 more)"


def test_a_summary_of_nothing_says_so():
    assert Summary("s").line() == "s: 0 done"
    assert Summary("edit", "out.mp4", done=["x"], detail="354 frames").line() == "edit: 1 done -> out.mp4 (354 frames)"


def test_plain_progress_tells_count_speed_and_time_left(capsys):
    assert list(TerminalProgress(interval=0.0).clips(range(3), 3, "toy")) == [0, 1, 2]
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "toy: 0/3" and lines[2].startswith("toy: 2/3, ") and "s left" in lines[2]
