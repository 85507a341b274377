"""Inspections remembered between runs by path, size and time of change; those that are missing are made side by side.

One line of JSON a clip, appended as it is known: whoever is stopped, or killed, loses one line at most.
"""

from __future__ import annotations

import concurrent.futures
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mead_manip import files
from mead_manip.media.inspection import Inspection, inspect

VERSION = 1  # raised when an inspection tells other things than before
_WAITING = 4  # clips handed out per worker: whoever stops waits for no more


@dataclass(frozen=True)
class Look:
    """How thoroughly clips are inspected."""

    deep: bool
    fingerprints: bool


class Memory:
    """What earlier runs saw."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[str, str] = {}
        self.n_read = 0
        if path.is_file():
            self._read()

    def recall(self, video: Path, look: Look) -> Inspection | None:
        """Give what is known of a file that has not changed, if it was looked at thoroughly enough."""
        line = self.lines.get(str(video))
        if line is None:
            return None
        try:
            record = json.loads(line)
            known = Inspection.from_json(record["seen"])
            same = record["stamp"] == _stamp(video)
        except (KeyError, TypeError, ValueError, OSError):
            return None  # only a memory: it is made again
        lacks = look.fingerprints and not known.error and known.picture is None
        return known if same and (known.deep or not look.deep) and not lacks else None

    def keep(self, seen: Iterator[tuple[Path, Inspection]]) -> Iterator[tuple[Path, Inspection]]:
        """Pass inspections through, each written down first."""
        files.make_folder(self.path.parent)
        self._tidy()
        with self.path.open("a", encoding="utf-8") as file:
            for video, inspection in seen:
                file.write(self._line(video, inspection) + "\n")
                file.flush()
                yield video, inspection

    def _line(self, video: Path, inspection: Inspection) -> str:
        record: dict[str, Any] = {"path": str(video), "version": VERSION, "stamp": _stamp(video)}
        return json.dumps(record | {"seen": inspection.to_json()}, separators=(",", ":"))

    def _read(self) -> None:
        start = f'","version":{VERSION},'
        with self.path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                self.n_read += 1
                name, found, _ = line.partition(start)
                if found and line.endswith("}\n"):
                    self.lines[_name(name + '"}')] = line

    def _tidy(self) -> None:
        """Write the file anew where most of its lines are outdated, or the last one is torn."""
        if self.n_read > len(self.lines):
            with files.atomic(self.path) as temporary:
                temporary.write_text("".join(self.lines.values()), encoding="utf-8")
            self.n_read = len(self.lines)


def inspected(videos: Sequence[Path], look: Look, workers: int) -> Iterator[tuple[Path, Inspection]]:
    """Look at videos and yield each as it is done. Decoders leave Python free: threads are enough."""
    do = partial(_inspect, look=look)
    if workers < 2:
        yield from map(do, videos)
        return
    pool = concurrent.futures.ThreadPoolExecutor(workers)
    try:
        waiting = iter(videos)
        running = {pool.submit(do, video) for video in itertools.islice(waiting, _WAITING * workers)}
        while running:
            done, running = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
            running |= {pool.submit(do, video) for video in itertools.islice(waiting, len(done))}
            yield from (future.result() for future in done)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


# ---- below --------------------------------------------------------------------------------------------------------


def _inspect(video: Path, look: Look) -> tuple[Path, Inspection]:
    return video, inspect(video, deep=look.deep, fingerprints=look.fingerprints)


def _name(text: str) -> str:
    try:
        return str(json.loads(text)["path"])
    except (KeyError, ValueError):
        return ""


def _stamp(video: Path) -> list[int]:
    try:
        status = video.stat()
    except FileNotFoundError:  # a link that leads nowhere
        return [0, 0]
    return [status.st_size, status.st_mtime_ns]
