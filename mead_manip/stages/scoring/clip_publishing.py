"""Which scores are fresh, and publishing those that are not: thousands of small files without opening thousands."""

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from mead_manip.artifacts import store
from mead_manip.artifacts.ledger import Ledger
from mead_manip.artifacts.provenance import Provenance, differences
from mead_manip.artifacts.schemas import ClipScores
from mead_manip.artifacts.series import Series
from mead_manip.artifacts.workspace import Workspace
from mead_manip.stages.scoring.clip_summary import Row, row_of

Item = TypeVar("Item")
CHUNK = 500  # files that are made durable together
MISSING, FORCED = "missing", "forced"


class Publisher:
    """Publishes the scores of clips, and remembers the keys and the sums of what lies there."""

    def __init__(self, workspace: Workspace, stage: str) -> None:
        self.workspace, self.stage = workspace, stage
        folder = workspace.folder(stage)
        self._ledger = Ledger(folder, folder / "known-scores.json", ClipScores.schema_id(), 4)
        self._recipes: dict[str, Provenance] = {}  # digest -> what a file was made from, but for its inputs
        self._changes: dict[tuple[str, str], list[str]] = {}  # from one recipe to another

    def stale(self, wanted: Mapping[str, Provenance], force: bool = False) -> dict[str, str]:
        """Give the clips (id -> what they should be made from) that are not fresh, and why."""
        reasons = {}
        for clip_id, provenance in wanted.items():
            reason = self._reason(self.workspace.path(self.stage, clip_id), provenance)
            if reason or force:
                reasons[clip_id] = reason or FORCED
        return reasons

    def publish(self, scores: Iterable[tuple[str, ClipScores]], wanted: Mapping[str, Provenance]) -> Iterator[str]:
        """Publish scores; yield each clip when its own are on disk."""
        with contextlib.closing(Series(ClipScores)) as series:
            for chunk in in_chunks(scores, CHUNK):
                paths = {clip_id: self.workspace.path(self.stage, clip_id) for clip_id, _ in chunk}
                series.save((artifact, paths[clip_id], wanted[clip_id]) for clip_id, artifact in chunk)
                for clip_id, artifact in chunk:
                    self._note(paths[clip_id], wanted[clip_id], row_of(clip_id, artifact))
                    yield clip_id

    def rows(self, clips: Iterable[str]) -> list[Row]:
        """Sum up the scores of clips; files that are known are not opened."""
        rows = []
        for clip_id in clips:
            path = self.workspace.path(self.stage, clip_id)
            words = self._ledger.words(path)
            if words is None:
                row = row_of(clip_id, store.load(ClipScores, path))
                self._note(path, store.read_provenance(path, ClipScores), row)
            else:
                row = Row.from_text(words[3])
            rows.append(row)
        return rows

    def n_recipes(self, clips: Iterable[str]) -> int:
        """Count the settings that the scores of these clips were made with."""
        words = [self._ledger.words(self.workspace.path(self.stage, clip_id)) for clip_id in clips]
        return len({known[1] for known in words if known})

    def withdraw(self, clips: Iterable[str]) -> list[str]:
        """Remove scores that an earlier run made of clips that are not scored now; give their clips."""
        there = [clip_id for clip_id in clips if self.workspace.path(self.stage, clip_id).exists()]
        for clip_id in there:
            self.workspace.path(self.stage, clip_id).unlink()
        return there

    def keep(self) -> None:
        """Write down what is known of the files."""
        self._ledger.keep()

    def _reason(self, path: Path, wanted: Provenance) -> str:
        """Say why a file is not what is wanted, "" where it is."""
        words = self._ledger.words(path)
        if words is None:
            state = store.check(path, ClipScores, wanted)
            if state.kind is store.MISSING:
                return MISSING
            return "" if state.kind is store.FRESH else "stale " + "; ".join(state.reasons)
        key, recipe, inputs, _ = words
        if key == wanted.key:
            return ""
        changes = self._recipe_changes(recipe, path, wanted) + _input_changes(inputs, _input_text(wanted))
        return "stale " + "; ".join(changes)

    def _recipe_changes(self, recipe: str, path: Path, wanted: Provenance) -> list[str]:
        """Say what differs but for the inputs; of files of one recipe only the first is read."""
        pair = recipe, _recipe_digest(wanted)
        if pair not in self._changes:
            if recipe not in self._recipes:
                self._recipes[recipe] = replace(store.read_provenance(path, ClipScores), inputs={})
            self._changes[pair] = differences(self._recipes[recipe], replace(wanted, inputs={}))
        return self._changes[pair]

    def _note(self, path: Path, provenance: Provenance, row: Row) -> None:
        words = (provenance.key, _recipe_digest(provenance), _input_text(provenance), row.to_text())
        self._ledger.note(path, words)


def in_chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Group items, the last group as large as it comes."""
    chunk: list[Item] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def few(clips: Sequence[str], n: int = 3) -> str:
    """Name the first clips and count the rest."""
    more = f" and {len(clips) - n} more" if len(clips) > n else ""
    return ", ".join(clips[:n]) + more


def _recipe_digest(provenance: Provenance) -> str:
    return hashlib.sha256(replace(provenance, inputs={}).to_json().encode()).hexdigest()[:16]


def _input_text(provenance: Provenance) -> str:
    return " ".join(f"inputs.{name}: {key}" for name, key in provenance.inputs.items())


def _input_changes(before: str, after: str) -> list[str]:
    return [] if before == after else [f"{before} -> {after.rpartition(' ')[2]}"]
