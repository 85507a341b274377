"""Which results of a folder are fresh, without opening those that have not changed since they were last seen to be."""

from __future__ import annotations

from pathlib import Path

from mead_manip.artifacts import store
from mead_manip.artifacts.artifact import Artifact
from mead_manip.artifacts.ledger import Ledger
from mead_manip.artifacts.provenance import Provenance

_NAME = "known-fresh.json"


class Results:
    """The artifacts of one folder. A file is opened and vetted once; from then on its key is known by its stamp."""

    def __init__(self, folder: Path) -> None:
        self._ledger = Ledger(folder, folder / _NAME, "keys", 1)  # a key covers the schema

    def check(self, path: Path, schema: type[Artifact], wanted: Provenance) -> store.State:
        """Tell whether `path` holds the result that `wanted` describes, as `store.check` does."""
        if self._ledger.words(path) == (wanted.key,):
            return store.State(store.FRESH)
        state = store.check(path, schema, wanted)
        if state.kind is store.FRESH:
            self.note(path, wanted)
        return state

    def note(self, path: Path, provenance: Provenance) -> None:
        """Remember what has just been published."""
        self._ledger.note(path, (provenance.key,))

    def keep(self) -> None:
        """Write down what is known."""
        self._ledger.keep()
