"""Over clips: fresh? skip : compute, publish. Progress, and a summary in which nothing is dropped silently."""

import dataclasses
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar, runtime_checkable

from tqdm import tqdm

from mead_manip.artifacts import store
from mead_manip.artifacts.artifact import Artifact
from mead_manip.artifacts.freshness import Results
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.workspace import Workspace
from mead_manip.errors import BackendUnavailable, Interrupted, MeadManipError, QualityGate, UsageError, WorkerDied
from mead_manip.stages.running.engines import Outcomes, Task, outcomes
from mead_manip.stages.running.sharding import Shard

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
    text: str = ""  # what a stage that reads and tells has to tell, shown before the closing line
    facts: dict[str, Any] = field(default_factory=dict)  # numbers for --json
    retried: list[str] = field(default_factory=list)  # clips that failed once and were tried again
    missed: dict[str, str] = field(default_factory=dict)  # limit of --fail-under that is not kept -> by how much

    @property
    def clips(self) -> list[str]:
        """Give the ids of the clips that are there now (or would be, after a dry run)."""
        return sorted({*self.done, *self.fresh, *self.planned})

    @property
    def exit_code(self) -> int:
        """Give 1 if anything failed, 5 if a limit is not kept, else 0."""
        return 1 if self.failures else QualityGate.exit_code if self.missed else 0

    def line(self) -> str:
        """Give the one line that closes a command."""
        counts = [f"{len(self.planned)} to do"] if self.planned else []
        counts += [f"{len(self.done)} done"] if self.done or not (self.fresh or self.failures or self.planned) else []
        counts += [f"{len(self.fresh)} fresh"] if self.fresh else []
        if self.failures:
            named = [f"{name}: {reason}" for name, reason in list(self.failures.items())[:3]]
            more = [f"and {len(self.failures) - 3} more"] if len(self.failures) > 3 else []
            counts.append(f"{len(self.failures)} failed ({'; '.join(named + more)})")
        counts += [f"{len(self.retried)} retried"] if self.retried else []
        counts += [f"{name}: {reason}" for name, reason in self.missed.items()]
        text = f"{self.stage}: {', '.join(counts)}"
        text += f" -> {self.destination}" if self.destination else ""
        return text + (f" ({self.detail})" if self.detail else "")

    def report(self) -> str:
        """Give what the command prints: the text, if there is one, and the closing line."""
        return f"{self.text}\n\n{self.line()}" if self.text else self.line()

    def as_json(self) -> dict[str, Any]:
        """Give the summary for --json."""
        record = dataclasses.asdict(self)
        del record["tracebacks"], record["text"]
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
    engine: str = "local",
    shard: str = "",
) -> Summary:
    """Bring the artifact of every item (clip id -> item) up to date and say what happened.

    A clip whose file carries the key of `provenance(item)` is fresh and skipped; otherwise the reason is said and
    `compute(item)` is published, one file a clip, so a killed run goes on where it was. With `workers`, or on another
    `engine`, the items, `compute` and `provenance` must be picklable. `shard` ("2/8") takes one part of the items and
    leaves the summary beside the results.
    """
    part = Shard.parse(shard)
    items = {clip_id: item for clip_id, item in items.items() if part.holds(clip_id)}
    summary = Summary(stage, destination=str(workspace.folder(stage)))
    # The closing line names every failure; of a single clip it would be the same line twice.
    named = progress if len(items) > 1 else SilentProgress()
    results = Results(workspace.folder(stage))
    keys: dict[str, Provenance] = {}
    todo: dict[str, str] = {}
    for clip_id, item in items.items():
        try:
            keys[clip_id] = provenance(item)
            reason = _reason(results.check(workspace.path(stage, clip_id), schema, keys[clip_id]), force)
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
        todo[clip_id] = reason or "missing"
    if dry_run:
        summary.planned = todo
        return summary
    try:
        if todo:
            workspace.prepare(stage)
            tasks = [Task(clip_id, items[clip_id], workspace.path(stage, clip_id), keys[clip_id]) for clip_id in todo]
            _run_tasks(summary, tasks, partial(outcomes, engine, compute), results, workers, progress, named)
    finally:
        results.keep()  # what is known to be fresh stays known after Ctrl-C
    if not part.whole:
        part.keep(workspace, stage, summary.as_json())
    return summary


# ---- below: one clip after another --------------------------------------------------------------------------------


def _run_tasks(
    summary: Summary,
    tasks: list[Task],
    run: Callable[[list[Task], int], Outcomes],
    results: Results,
    workers: int,
    progress: Progress,
    named: Progress,
) -> None:
    """Run the tasks and note what becomes of them."""
    with closing(_twice(tasks, run, workers, summary, progress)) as ended:
        for task, error in progress.clips(ended, len(tasks), summary.stage):
            if error is None:
                summary.done.append(task.clip_id)
                results.note(task.path, task.provenance)
            else:
                _record_failure(summary, task.clip_id, error, named)


def _twice(
    tasks: list[Task],
    run: Callable[[list[Task], int], Outcomes],
    workers: int,
    summary: Summary,
    progress: Progress,
) -> Outcomes:
    """Run the tasks, then once more those that failed in a way that may not repeat; yield each when it is settled."""
    again: list[Task] = []
    killed = False
    # One task in this very process: a worker would only take seconds to start.
    with closing(run(tasks, workers if len(tasks) > 1 else 0)) as first:
        for task, error in first:
            _stop_if_hopeless(error)
            if error is None or _sure_to_repeat(error):
                yield task, error
                continue
            again.append(task)
            killed |= isinstance(error, WorkerDied)
            summary.retried.append(task.clip_id)
            progress.say(f"{summary.stage}: {task.clip_id}: {_reason_text(error)}; it is tried again at the end")
    if again:
        # What was killed had probably not memory enough beside the others.
        with closing(run(again, 1 if killed else workers)) as second:
            for task, error in second:
                _stop_if_hopeless(error)
                yield task, error


def _stop_if_hopeless(error: Exception | None) -> None:
    if isinstance(error, _HOPELESS):
        raise error


def _sure_to_repeat(error: Exception) -> bool:
    """Tell whether trying again is in vain: our own errors describe the input, all but one."""
    return isinstance(error, MeadManipError) and not isinstance(error, WorkerDied)


def _reason(state: store.State, force: bool) -> str | None:
    """Give None for a fresh clip, "" for a missing one, else why it is computed again."""
    if state.kind is store.MISSING:
        return ""
    if state.kind is store.STALE:
        return "stale " + "; ".join(state.reasons)
    return "forced" if force else None


def _record_failure(summary: Summary, clip_id: str, error: Exception, progress: Progress) -> None:
    text = _reason_text(error)
    summary.failures[clip_id] = text
    summary.tracebacks[clip_id] = "".join(traceback.format_exception(error))
    progress.say(f"{summary.stage}: {clip_id}: failed: {text}")


def _reason_text(error: Exception) -> str:
    expected = isinstance(error, MeadManipError)
    return str(error) if expected else f"{type(error).__name__}: {error}".split("\n", 1)[0]


def _left(done: int, total: int | None, seconds: float) -> str:
    if not done or not total:
        return ""
    return f", {done / seconds:.1f}/s, about {(total - done) * seconds / done:.0f} s left"
