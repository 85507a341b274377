"""Where clips are computed: in this process, in worker processes, or on a Ray cluster. The work of a clip is the same.

On a cluster every machine needs this package and the same paths: clips are read and published by whoever computes them.
"""

import contextlib
import functools
import importlib
import math
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mead_manip.artifacts import store
from mead_manip.artifacts.artifact import Artifact
from mead_manip.artifacts.provenance import Provenance
from mead_manip.errors import BackendUnavailable, WorkerDied
from mead_manip.stages.running.worker_pool import arrived, in_processes, portable

_IN_FLIGHT = 2  # tasks per processor that a cluster is given at a time


@dataclass(frozen=True)
class Task:
    """One clip: what is computed, and where it is published."""

    clip_id: str
    item: Any
    path: Path
    provenance: Provenance


Compute = Callable[[Any], Artifact]
Outcomes = Generator[tuple[Task, Exception | None]]


def outcomes(engine: str, compute: Compute, tasks: Sequence[Task], workers: int) -> Outcomes:
    """Compute and publish the tasks; yield each with its error, if any, as they end."""
    work = functools.partial(attempt, compute)
    if engine == "ray":
        return _on_ray(work, tasks)
    if workers < 1:
        return ((task, work(task)) for task in tasks)
    return in_processes(work, tasks, workers)


def attempt(compute: Compute, task: Task) -> Exception | None:
    """Compute and publish one clip; give what went wrong. One clip's failure must not end a run over thousands."""
    try:
        store.save(compute(task.item), task.path, task.provenance)
    except Exception as error:
        return error
    return None


# ---- below: Ray ---------------------------------------------------------------------------------------------------


def _on_ray(work: Callable[[Task], Exception | None], tasks: Sequence[Task]) -> Outcomes:
    """Keep a bounded number of tasks on the cluster that RAY_ADDRESS or `ray start` names, else on one of our own."""
    ray = _ray()
    # Ray prints its warnings to stdout, which belongs to the command's summary.
    with contextlib.redirect_stdout(sys.stderr), _connected(ray):
        # A clip that fails is tried again by the runner, wherever it ran.
        remote = ray.remote(max_retries=0)(_attempt_remotely)
        shared = ray.put(work)
        limit = _IN_FLIGHT * max(1, math.floor(ray.cluster_resources().get("CPU", 1)))
        flying: dict[Any, Task] = {}
        try:
            for task in tasks:
                if len(flying) >= limit:
                    yield _landed(ray, flying)
                flying[remote.remote(shared, task)] = task
            while flying:
                yield _landed(ray, flying)
        finally:
            for reference in flying:
                ray.cancel(reference)


@contextlib.contextmanager
def _connected(ray: Any) -> Iterator[None]:
    own = not ray.is_initialized()
    if own:
        ray.init(log_to_driver=False, logging_level="warning")
    try:
        yield
    finally:
        if own:
            ray.shutdown()


def _landed(ray: Any, flying: dict[Any, Task]) -> tuple[Task, Exception | None]:
    (reference,), _ = ray.wait(list(flying), num_returns=1)
    task = flying.pop(reference)
    try:
        return task, arrived(*ray.get(reference))
    except ray.exceptions.RayError as error:
        lost = WorkerDied(f"its Ray worker was lost ({type(error).__name__})")
        lost.__cause__ = error
        return task, lost


def _attempt_remotely(work: Callable[[Task], Exception | None], task: Task) -> tuple[Exception | None, str]:
    return portable(work(task))


def _ray() -> Any:
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise BackendUnavailable(
            f"--engine ray needs the package ray ({error})", remedy="pip install 'mead-manip[ray]'"
        ) from error
