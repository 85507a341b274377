"""The folder of a training run (config.toml, metrics.jsonl, resume.pt, best.pt, weights.h5), and how it is stopped."""

from __future__ import annotations

import contextlib
import json
import math
import pickle
import signal
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mead_manip import files
from mead_manip.errors import BackendUnavailable


@dataclass(frozen=True)
class Checkpoint:
    """Weights that were the best so far on the validation actors."""

    iteration: int
    scores: Mapping[str, float]
    weights: Mapping[str, torch.Tensor]


class RunFolder:
    """What a run leaves behind. Only weights.h5 crosses to another stage; resume.pt and best.pt are the run's own."""

    def __init__(self, path: Path, *, tensorboard: bool = False) -> None:
        self.path = path
        self.weights = path / "weights.h5"
        self.resume = path / "resume.pt"
        self.best = path / "best.pt"
        self.metrics = path / "metrics.jsonl"
        self._writer_kind = _event_writer() if tensorboard else None
        self._events: Any = None

    def prepare(self) -> None:
        """Make the folder and sweep what a killed run left."""
        files.sweep(files.make_folder(self.path))

    def save_config(self, section: str, settings: Mapping[str, Any]) -> None:
        """Write config.toml, as a section of mead-manip.toml: every setting of the run, with those the size decides."""
        lines = [f"{name} = {_toml(value)}\n" for name, value in settings.items() if value is not None]
        with files.atomic(self.path / "config.toml") as temporary:
            temporary.write_text(f"[{section}]\n" + "".join(lines), encoding="utf-8")

    def save_resume_point(self, key: str, state: Mapping[str, Any]) -> None:
        """Publish the state of training `key`, whole or not at all."""
        with files.atomic(self.resume) as temporary:
            torch.save({"key": key, "state": dict(state)}, temporary)

    def load_resume_point(self, key: str) -> Mapping[str, Any] | None:
        """Give the state of training `key`, None if there is none or it belongs to another training."""
        state: Mapping[str, Any] | None = _load(self.resume, key)
        return state

    def save_best(self, key: str, best: Checkpoint) -> None:
        """Publish the best weights so far of training `key`."""
        state = {"iteration": best.iteration, "scores": dict(best.scores), "weights": dict(best.weights)}
        with files.atomic(self.best) as temporary:
            torch.save({"key": key, "state": state}, temporary)

    def keep_better(
        self, key: str, best: Checkpoint | None, iteration: int, scores: Mapping[str, float], nets: torch.nn.Module
    ) -> Checkpoint | None:
        """Publish networks if none scored better before (less is better); give those that are best now, if any."""
        if not scores["score"] < (best.scores["score"] if best else math.inf):
            return best
        weights = {name: tensor.detach().cpu().clone() for name, tensor in nets.state_dict().items()}
        best = Checkpoint(iteration, scores, weights)
        self.save_best(key, best)
        return best

    def load_best(self, key: str) -> Checkpoint | None:
        """Give the best weights so far of training `key`, None if there are none or they belong to another training."""
        state = _load(self.best, key)
        return None if state is None else Checkpoint(**state)

    def forget_best(self) -> None:
        """Remove the best weights of an earlier training."""
        self.best.unlink(missing_ok=True)

    def start_metrics(self, step: int) -> None:
        """Keep the lines of the iterations before `step`: those after it are about to be written again."""
        kept = [line for line in self._metric_lines() if line["step"] <= step] if step else []
        with files.atomic(self.metrics) as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        if self._writer_kind is not None:
            if not step:
                for events in self.path.glob("events.out.tfevents.*"):
                    events.unlink()
            self._events = self._writer_kind(str(self.path), purge_step=step + 1)

    def log(self, line: Mapping[str, Any]) -> None:
        """Append one line to metrics.jsonl, and to TensorBoard's events where they are wanted."""
        with self.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        if self._events is not None:
            for name, value in _scalars(line):
                self._events.add_scalar(name, value, line["step"])

    def close(self) -> None:
        """Write what TensorBoard's writer still holds."""
        if self._events is not None:
            self._events.close()
            self._events = None

    def _metric_lines(self) -> Iterator[dict[str, Any]]:
        if not self.metrics.exists():
            return
        for text in self.metrics.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(text)
            except ValueError:
                return  # the line that was being written when the run was killed


class StopRequest:
    """Whether somebody asked the run to stop."""

    def __init__(self) -> None:
        self.made = False


@contextlib.contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Turn Ctrl-C and SIGTERM into a request that is met between two iterations; the second one stops at once."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, _frame: Any) -> None:
        if request.made:
            raise KeyboardInterrupt
        request.made = True

    for number in previous:
        signal.signal(number, ask)
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _load(path: Path, key: str) -> Any:
    """Give what was saved under a key, None if nothing was or it is another's."""
    if not path.exists():
        return None
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError):
        # Not ours or damaged: as in any cache it is replaced, here by starting again.
        return None
    return stored["state"] if isinstance(stored, dict) and stored.get("key") == key else None


def _event_writer() -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise BackendUnavailable(
            "--tensorboard: the package tensorboard is not there", remedy="pip install 'mead-manip[tensorboard]'"
        ) from error
    return SummaryWriter


def _scalars(line: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Give the numbers of a line under TensorBoard's names: the part before the slash groups them."""
    for name, value in line.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}/{part}", number) for part, number in value.items())
        elif name != "step":
            yield name.replace(".", "/"), value


def _toml(value: Any) -> str:
    """Write a value; JSON and TOML agree on text, numbers, truth and lists of them."""
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
