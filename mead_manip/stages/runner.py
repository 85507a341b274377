"""Over clips: fresh? skip : compute, publish. Progress, and a summary in which nothing is dropped silently."""

import concurrent.futures
import dataclasses
import multiprocessing
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from tqdm import tqdm

from mead_manip.artifacts import store
from mead_manip.artifacts.artifact import Artifact
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.workspace import Workspace
from mead_manip.errors import BackendUnavailable, Interrupted, MeadManipError, UsageError

T = TypeVar("T")

# Errors that every clip would meet: stop at the first instead of repeating them.
_HOPELESS = (BackendUnavailable, UsageError, Interrupted)


@runtime_checkable
class Progress(Protocol):
    """Where a stage tells how far it is."""

    def clips(self, items: Iterable[T], total: int | None, description: str) -> Iterable[T]:
        """Pass `items` through while showing how many of `total` are done."""

    def say(self, text: str) -> None:
        """Show one line."""


class SilentProgress:
    """Tell nothing (--quiet, tests)."""

    def clips(self, items: Iterable[T], total: int | None, description: str) -> Iterable[T]:
        """Pass `items` through."""
        return items

    def say(self, text: str) -> None:
        """Drop the line."""


class TerminalProgress:
    """A bar on stderr; plain lines every `interval` seconds where stderr is no terminal."""

    def __init__(self, interval: float = 10.0) -> None:
        self.interval = interval

    def clips(self, items: Iterable[T], total: int | None, description: str) -> Iterable[T]:
        """Pass `items` through while showing how many of `total` are done, how fast, and how long it will take."""
        if sys.stderr.isatty():
            return tqdm(items, total=total, desc=description, file=sys.stderr, dynamic_ncols=True, leave=False)
        return self._lines(items, total, description)

    def say(self, text: str) -> None:
        """Show one line above the bars."""
        tqdm.write(text, file=sys.stderr)

    def _lines(self, items: Iterable[T], total: int | None, description: str) -> Iterator[T]:
        start = last = time.monotonic()
        for done, item in enumerate(items):
            now = time.monotonic()
            if now - last >= self.interval:
                last = now
                self.say(
                    f"{description}: {done}/{total if total is not None else '?'}{_left(done, total, now - start)}"
                )
            yield item


@dataclass
class Summary:
    """What a stage did. `fresh` clips were skipped; `planned` is what a dry run would do."""

    stage: str
    destination: str = ""
    done: list[str] = field(default_factory=list)
    fresh: list[str] = field(default_factory=list)
    planned: dict[str, str] = field(default_factory=dict)  # clip id -> why it would be computed
    failures: dict[str, str] = field(default_factory=dict)  # clip id -> reason
    tracebacks: dict[str, str] = field(default_factory=dict)  # for --debug
    detail: str = ""  # shown after the counts
    facts: dict[str, Any] = field(default_factory=dict)  # numbers for --json

    @property
    def clips(self) -> list[str]:
        """Give the ids of the clips that are there now (or would be, after a dry run)."""
        return sorted({*self.done, *self.fresh, *self.planned})

    @property
    def exit_code(self) -> int:
        """Give 1 if anything failed, else 0."""
        return 1 if self.failures else 0

    def line(self) -> str:
        """Give the one line that closes a command."""
        counts = [f"{len(self.planned)} to do"] if self.planned else []
        counts += [f"{len(self.done)} done"] if self.done or not (self.fresh or self.failures or self.planned) else []
        counts += [f"{len(self.fresh)} fresh"] if self.fresh else []
        if self.failures:
            named = [f"{name}: {reason}" for name, reason in list(self.failures.items())[:3]]
            more = [f"and {len(self.failures) - 3} more"] if len(self.failures) > 3 else []
            counts.append(f"{len(self.failures)} failed ({'; '.join(named + more)})")
        text = f"{self.stage}: {', '.join(counts)}"
        text += f" -> {self.destination}" if self.destination else ""
        return text + (f" ({self.detail})" if self.detail else "")

    def as_json(self) -> dict[str, Any]:
        """Give the summary for --json."""
        record = dataclasses.asdict(self)
        del record["tracebacks"]
        return {**record, "exit_code": self.exit_code}


def run_clips(
    stage: str,
    schema: type[Artifact],
    workspace: Workspace,
    items: Mapping[str, T],
    *,
    provenance: Callable[[T], Provenance],
    compute: Callable[[T], Artifact],
    force: bool = False,
    dry_run: bool = False,
    progress: Progress,
    workers: int = 0,
) -> Summary:
    """Bring the artifact of every item (clip id -> item) up to date and say what happened.

    A clip whose file carries the key of `provenance(item)` is fresh and skipped; otherwise the reason is said and
    `compute(item)` is published, one file a clip, so a killed run goes on where it was. With `workers` the items,
    `compute` and `provenance` must be picklable.
    """
    summary = Summary(stage, destination=str(workspace.folder(stage)))
    # The closing line names every failure; of a single clip it would be the same line twice.
    named = progress if len(items) > 1 else SilentProgress()
    todo: dict[str, Provenance] = {}
    for clip_id, item in items.items():
        try:
            wanted = provenance(item)
            reason = _reason(workspace.path(stage, clip_id), schema, wanted, force)
        except _HOPELESS:
            raise
        except Exception as error:
            _record_failure(summary, clip_id, error, named)
            continue
        if reason is None:
            summary.fresh.append(clip_id)
            continue
        if reason or dry_run:
            progress.say(f"{stage}: {clip_id}: {reason or 'to do'}")
        todo[clip_id] = wanted
        if dry_run:
            summary.planned[clip_id] = reason or "missing"
    if dry_run or not todo:
        return summary

    workspace.prepare(stage)
    tasks = [
        _Task(clip_id, items[clip_id], compute, workspace.path(stage, clip_id), key) for clip_id, key in todo.items()
    ]
    for clip_id, failure in progress.clips(_outcomes(tasks, workers), len(tasks), stage):
        if failure is None:
            summary.done.append(clip_id)
        else:
            _record_failure(summary, clip_id, failure, named)
    return summary


# ---- below: one clip, here or in a worker -------------------------------------------------------------------------


@dataclass(frozen=True)
class _Task:
    clip_id: str
    item: Any
    compute: Callable[[Any], Artifact]
    path: Path
    provenance: Provenance


def _publish(task: _Task) -> None:
    store.save(task.compute(task.item), task.path, task.provenance)


def _outcomes(tasks: list[_Task], workers: int) -> Iterator[tuple[str, Exception | None]]:
    """Run the tasks and yield each clip id with its error, if any, as they end."""
    if workers < 1 or len(tasks) == 1:
        for task in tasks:
            yield task.clip_id, _attempt(partial(_publish, task))
        return
    # Spawned, not forked: torch, HDF5 and OpenCV hold threads and locks that a fork would copy mid-air.
    context = multiprocessing.get_context("spawn")
    # Ctrl-C reaches the whole process group: the workers leave it to the parent, which lets them end their clip.
    ignore = (signal.SIGINT, signal.SIG_IGN)
    pool = concurrent.futures.ProcessPoolExecutor(
        min(workers, len(tasks)), mp_context=context, initializer=signal.signal, initargs=ignore
    )
    try:
        futures = {pool.submit(_publish, task): task.clip_id for task in tasks}
        for future in concurrent.futures.as_completed(futures):
            yield futures[future], _attempt(future.result)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _attempt(action: Callable[[], None]) -> Exception | None:
    try:
        action()
    except _HOPELESS:
        raise
    except Exception as error:
        # One clip's failure must not end a run over thousands: it is counted, named and makes the exit code 1.
        return error
    return None


def _reason(path: Path, schema: type[Artifact], wanted: Provenance, force: bool) -> str | None:
    """Give None for a fresh clip, "" for a missing one, else why it is computed again."""
    state = store.check(path, schema, wanted)
    if state.kind is store.MISSING:
        return ""
    if state.kind is store.STALE:
        return "stale " + "; ".join(state.reasons)
    return "forced" if force else None


def _record_failure(summary: Summary, clip_id: str, error: Exception, progress: Progress) -> None:
    expected = isinstance(error, MeadManipError)
    text = str(error) if expected else f"{type(error).__name__}: {error}".split("\n", 1)[0]
    summary.failures[clip_id] = text
    summary.tracebacks[clip_id] = "".join(traceback.format_exception(error))
    progress.say(f"{summary.stage}: {clip_id}: failed: {text}")


def _left(done: int, total: int | None, seconds: float) -> str:
    if not done or not total:
        return ""
    return f", {done / seconds:.1f}/s, about {(total - done) * seconds / done:.0f} s left"
