"""Spawned worker processes, one task at a time each: one that is killed loses the task in hand, and is replaced."""

import collections
import contextlib
import multiprocessing
import pickle
import signal
import traceback
from collections.abc import Callable, Generator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Generic, TypeVar

from mead_manip.errors import WorkerDied

Task = TypeVar("Task")
Work = Callable[[Task], Exception | None]

# Spawned, not forked: torch, HDF5 and OpenCV hold threads and locks that a fork would copy mid-air.
_SPAWN = multiprocessing.get_context("spawn")


def in_processes(work: Work[Task], tasks: Sequence[Task], workers: int) -> Generator[tuple[Task, Exception | None]]:
    """Do the tasks in at most `workers` processes and yield each with its error, as they end.

    Closing the generator lets every worker end the task in hand.
    """
    waiting = collections.deque(tasks)
    crew: list[_Worker[Task]] = []
    try:
        while waiting or any(worker.busy for worker in crew):
            while waiting and len(crew) < workers:
                crew.append(_Worker(work))
            for worker in crew:
                if waiting and not worker.busy:
                    worker.give(waiting.popleft())
            ready = wait([worker.pipe for worker in crew if worker.busy])
            for worker in [worker for worker in crew if worker.pipe in ready]:
                try:
                    outcome = worker.take()
                except EOFError:
                    crew.remove(worker)
                    outcome = worker.task_in_hand, worker.cause_of_death()
                yield outcome
    finally:
        for worker in crew:
            worker.pipe.close()
        for worker in crew:
            worker.process.join()


def portable(error: Exception | None) -> tuple[Exception | None, str]:
    """Give an error in a form that survives pickling, and its traceback as text."""
    if error is None:
        return None, ""
    text = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # whatever an exception of another library does when it is copied: its message is kept
        error = RuntimeError(f"{type(error).__name__}: {error}")
    return error, text


def arrived(error: Exception | None, text: str) -> Exception | None:
    """Give the error that `portable` sent; its traceback in the worker is shown with it."""
    if error is not None:
        error.add_note(f"in a worker process:\n{text}")
    return error


# ---- below: one process ---------------------------------------------------------------------------------------------


class _Worker(Generic[Task]):
    def __init__(self, work: Work[Task]) -> None:
        self.pipe, end = _SPAWN.Pipe()
        # A daemon: should this process be torn down without ado, its workers are ended too.
        self.process = _SPAWN.Process(target=_serve, args=(end, work), daemon=True)
        self.process.start()
        end.close()  # so that the pipe breaks when the worker dies
        self._task: list[Task] = []

    @property
    def busy(self) -> bool:
        return bool(self._task)

    @property
    def task_in_hand(self) -> Task:
        return self._task[0]

    def give(self, task: Task) -> None:
        self._task = [task]
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # died idle: `take` will find out
            self.pipe.send(task)

    def take(self) -> tuple[Task, Exception | None]:
        """Receive the outcome; EOFError if the worker died."""
        try:
            error, text = self.pipe.recv()
        except ConnectionResetError as reset:
            raise EOFError from reset
        return self._task.pop(), arrived(error, text)

    def cause_of_death(self) -> WorkerDied:
        self.process.join()
        self.pipe.close()
        code = self.process.exitcode or 0
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        memory = "if the system ran out of memory, use fewer --workers" if code == -signal.SIGKILL else ""
        return WorkerDied(f"its worker process {how}", remedy=memory)


def _serve(pipe: Connection, work: Work[Task]) -> None:
    # Ctrl-C reaches the whole process group: the workers leave it to the parent, which lets them end their task.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(EOFError, OSError):  # the parent wants no more, or has gone
        while True:
            pipe.send(portable(work(pipe.recv())))
