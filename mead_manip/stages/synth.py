"""nothing -> a MEAD-shaped tree of synthetic clips and its SyntheticTruth"""

import concurrent.futures
import concurrent.futures.process
import contextlib
import itertools
import multiprocessing
import os
import signal
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mead_manip import files
from mead_manip.artifacts import store
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import SyntheticTruth
from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import Common, SynthConfig
from mead_manip.errors import ArtifactInvalid, MeadManipError, UsageError
from mead_manip.media.video import read_comment
from mead_manip.resolution import FILE_NAME
from mead_manip.stages.running.runner import Progress, Summary
from mead_manip.synthetic.actors import ACTOR_NAMES
from mead_manip.synthetic.mead import FPS, LEVELS, ClipSpec, list_clips, truth_path
from mead_manip.synthetic.recording import Studio, head_name

STAGE = "synth"
STAGE_VERSION = 1
# What the four commands need to run offline and quickly on the tree. Defaults are for real footage.
OFFLINE: dict[str, dict[str, str]] = {"clip-score": {"model": "builtin"}, "train": {"size": "small"}}


def run(
    workspace: Workspace,
    config: SynthConfig,
    common: Common,
    *,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress,
) -> Summary:
    """Write the tree at `config.directory`, the truth beside it, and options that suit it."""
    tree = Path(config.directory)
    plan = _plan(config)
    summary = Summary(STAGE, destination=str(tree))
    todo = _judge(plan, tree, summary, force, dry_run, progress)
    if dry_run:
        return summary

    files.make_folder(tree)
    _write_truth(plan, tree, force, progress)
    _write_options(tree, progress)
    for task in progress.clips(_recorded(todo, config.workers), len(todo), STAGE):
        summary.done.append(task.spec.clip_id)
    planted = sum(bool(spec.outlier) for spec in plan.specs)
    summary.detail = f"truth in {truth_path(tree)}" + (f", {planted} planted outliers" if planted else "")
    summary.facts = {"truth": str(truth_path(tree)), "outliers": planted, "frames": len(plan.specs) * plan.n_frames}
    return summary


# ---- below: what is to be done -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Plan:
    config: SynthConfig
    specs: list[ClipSpec]
    n_frames: int
    head: str

    def clip(self, spec: ClipSpec) -> Provenance:
        return self._provenance("synthetic_clip/1", {"clip": spec.clip_id, "outlier": spec.outlier})

    def truth(self) -> Provenance:
        clips = [[spec.clip_id, spec.outlier] for spec in self.specs]
        return self._provenance(SyntheticTruth.schema_id(), {"clips": clips})

    def _provenance(self, schema: str, params: dict[str, Any]) -> Provenance:
        same = {"seed": self.config.seed, "size": self.config.size, "n_frames": self.n_frames}
        return Provenance(schema, STAGE, STAGE_VERSION, params=same | params, backend=self.head)


@dataclass(frozen=True)
class _Task:
    spec: ClipSpec
    path: Path
    comment: str
    studio: tuple[int, int, int]  # seed, size, n_frames


def _plan(config: SynthConfig) -> _Plan:
    if config.actors > len(ACTOR_NAMES):
        raise UsageError(f"--actors {config.actors}", expected=f"at most {len(ACTOR_NAMES)}, MEAD's own names")
    if config.size % 2:
        raise UsageError(f"--size {config.size}", expected="an even number of pixels")
    levels = [_level(word) for word in config.levels]
    n_frames = round(config.seconds * FPS)
    specs = list_clips(config.actors, config.clips, config.seed, config.outliers, config.emotions, levels)
    return _Plan(config, specs, n_frames, head_name())


def _level(word: str) -> int:
    digits = word.lower().removeprefix("level").lstrip("_-")
    if digits not in {str(level) for level in LEVELS}:
        raise UsageError(f"unknown level {word!r}", expected="1, 2 or 3")
    return int(digits)


def _judge(plan: _Plan, tree: Path, summary: Summary, force: bool, dry_run: bool, progress: Progress) -> list[_Task]:
    """Sort clips into those that lie there complete and those to be made."""
    if tree.exists() and not tree.is_dir():
        raise UsageError(f"{tree} is a file", expected="a folder to write the tree into")
    todo, known = [], set()
    studio = (plan.config.seed, plan.config.size, plan.n_frames)
    for spec in plan.specs:
        path, comment = tree / spec.path, f"{STAGE} {plan.clip(spec).key}"
        known.add(path)
        found = read_comment(path) if path.is_file() else None
        if found == comment and not force:
            summary.fresh.append(spec.clip_id)
            continue
        if found is not None and not found.startswith(f"{STAGE} "):
            raise UsageError(
                f"{path} was not written by {STAGE}",
                expected="an empty folder or a synthetic tree",
                remedy="choose another folder",
            )
        todo.append(_Task(spec, path, comment, studio))
        if dry_run:
            summary.planned[spec.clip_id] = "missing" if found is None else "forced" if found == comment else "stale"
    others = [path for path in tree.rglob("*.mp4") if path not in known and not path.name.startswith(".")]
    if others:
        progress.say(
            f"{STAGE}: {len(others)} other clips in {tree} do not belong to this set; its truth leaves them out"
        )
    return todo


# ---- below: the truth and the options ----------------------------------------------------------------------------


def _write_truth(plan: _Plan, tree: Path, force: bool, progress: Progress) -> None:
    path, provenance = truth_path(tree), plan.truth()
    state = store.check(path, SyntheticTruth, provenance)
    if state.kind is store.FRESH and not force:
        return
    studio = Studio(plan.config.seed, plan.config.size, plan.n_frames)
    progress.say(f"{STAGE}: {len(plan.specs)} clips of {plan.n_frames} frames, truth -> {path}")
    store.save(studio.truth(plan.specs), path, provenance, reproducible=True)


def _write_options(tree: Path, progress: Progress) -> None:
    """Name the offline models in a mead-manip.toml beside the tree, and never change one that is there."""
    path = tree.parent / FILE_NAME
    lines = [
        f'[{section}]\n{name} = "{value}"' for section, values in OFFLINE.items() for name, value in values.items()
    ]
    text = "# Written by mead-manip synth: what suits a synthetic tree on a CPU without a network.\n\n" + "\n\n".join(
        lines
    )
    if not path.exists():
        with files.atomic(path) as temporary:
            temporary.write_text(text + "\n")
        progress.say(f"{STAGE}: wrote {path}: clip-score uses the built-in model, train the small network")
        return
    try:
        present = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ArtifactInvalid(f"{path} cannot be read: {error}", expected="TOML", remedy="mend or remove it") from error
    missing = [
        f'{name} = "{value}" under [{section}]'
        for section, values in OFFLINE.items()
        for name, value in values.items()
        if present.get(section, {}).get(name) != value
    ]
    if missing:
        progress.say(
            f"{STAGE}: {path} is left as it is; to work offline on this tree, put {' and '.join(missing)} there"
        )


# ---- below: the pictures -----------------------------------------------------------------------------------------


def _recorded(todo: list[_Task], workers: int) -> Iterator[_Task]:
    """Record the clips, here or in worker processes, and yield each. A failure ends it: every clip would meet it."""
    if workers < 2 or len(todo) < 2:
        for task in todo:
            _record(task)
            yield task
        return
    # Spawned, not forked: torch and numba hold threads and locks. One thread each: the processes fill the cores.
    context = multiprocessing.get_context("spawn")
    with _single_threaded():
        pool = concurrent.futures.ProcessPoolExecutor(
            min(workers, len(todo)), mp_context=context, initializer=_enter_worker
        )
        try:
            # No clip waits in the pool's own queue: whoever interrupts waits for the running ones only.
            waiting, running = iter(todo), {}
            for task in itertools.islice(waiting, workers):
                running[pool.submit(_record, task)] = task
            while running:
                done, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
                for future in done:
                    task = running.pop(future)
                    future.result()
                    for following in itertools.islice(waiting, 1):
                        running[pool.submit(_record, following)] = following
                    yield task
        except concurrent.futures.process.BrokenProcessPool as error:
            raise MeadManipError("a worker process died", remedy="run again with --workers 0") from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _record(task: _Task) -> None:
    files.sweep(files.make_folder(task.path.parent))
    _studio(*task.studio).record(task.spec, task.path, task.comment)


@cache
def _studio(seed: int, size: int, n_frames: int) -> Studio:
    return Studio(seed, size, n_frames)


def _enter_worker() -> None:
    # Ctrl-C reaches the whole process group: the parent ends the workers after their clip.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import torch

    torch.set_num_threads(1)


@contextlib.contextmanager
def _single_threaded() -> Iterator[None]:
    """Let child processes read one thread from their environment."""
    names = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
