"""The folder of a training run (config.toml, metrics.jsonl, resume.pt, weights.h5), and how a run is stopped."""

from __future__ import annotations

import contextlib
import json
import pickle
import signal
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from mead_manip import files


class RunFolder:
    """What a run leaves behind. Only weights.h5 crosses to another stage; resume.pt is the run's own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.weights = path / "weights.h5"
        self.resume = path / "resume.pt"
        self.metrics = path / "metrics.jsonl"

    def prepare(self) -> None:
        """Make the folder and sweep what a killed run left."""
        files.sweep(files.make_folder(self.path))

    def save_config(self, settings: Mapping[str, Any]) -> None:
        """Write config.toml: every setting of the run, with those the size decides."""
        lines = [f"{name} = {_toml(value)}\n" for name, value in settings.items() if value is not None]
        with files.atomic(self.path / "config.toml") as temporary:
            temporary.write_text("[train]\n" + "".join(lines), encoding="utf-8")

    def save_resume_point(self, key: str, state: Mapping[str, Any]) -> None:
        """Publish the state of training `key`, whole or not at all."""
        with files.atomic(self.resume) as temporary:
            torch.save({"key": key, "state": dict(state)}, temporary)

    def load_resume_point(self, key: str) -> Mapping[str, Any] | None:
        """Give the state of training `key`, None if there is none or it belongs to another training."""
        if not self.resume.exists():
            return None
        try:
            stored = torch.load(self.resume, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError):
            # Not ours or damaged: as in any cache it is replaced, here by starting again.
            return None
        if not isinstance(stored, dict) or stored.get("key") != key:
            return None
        state: Mapping[str, Any] = stored["state"]
        return state

    def start_metrics(self, step: int) -> None:
        """Keep the lines of the iterations before `step`: those after it are about to be written again."""
        kept = [line for line in self._metric_lines() if line["step"] <= step] if step else []
        with files.atomic(self.metrics) as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")

    def log(self, line: Mapping[str, Any]) -> None:
        """Append one line to metrics.jsonl."""
        with self.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

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


def _toml(value: Any) -> str:
    """Write a value; JSON and TOML agree on text, numbers, truth and lists of them."""
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
