"""What files said when they were last read, kept beside them, so that an unchanged one is not opened again.

Opening an artifact takes milliseconds, which is minutes for the tens of thousands of clips of a data set.
"""

import json
from pathlib import Path

from mead_manip import files

Words = tuple[str, ...]


class Ledger:
    """`n_words` words about every file of a folder, true as long as its size and time of change stay.

    `kind` says what the files are ("face_track/2"): what was read of files of another kind is not believed.
    """

    def __init__(self, folder: Path, path: Path, kind: str, n_words: int) -> None:
        self.folder, self.path, self.kind, self.n_words = folder, path, kind, n_words
        self._known = self._read()
        self._changed = False

    def words(self, file: Path) -> Words | None:
        """Give what is known about a file, None where it is not there, has changed, or was never read."""
        known, stamp = self._known.get(file.name), _stamp(file)
        return tuple(known[1:]) if known and known[0] == stamp else None

    def note(self, file: Path, words: Words) -> None:
        """Remember what a file says now."""
        self._known[file.name] = [_stamp(file), *words]
        self._changed = True

    def keep(self) -> None:
        """Write down what is known of the files that are still there."""
        if not self._changed:
            return
        there = {path.name for path in self.folder.iterdir()} if self.folder.is_dir() else set()
        # Another process may have written since: what it knows and this one does not is kept.
        kept = {name: words for name, words in (self._read() | self._known).items() if name in there}
        with files.atomic(self.path) as temporary:
            temporary.write_text(json.dumps({self.kind: kept}, separators=(",", ":"), sort_keys=True), encoding="utf-8")
        self._changed = False

    def _read(self) -> dict[str, list[str]]:
        try:
            known = json.loads(self.path.read_text(encoding="utf-8")).get(self.kind, {})
            lists = {str(name): [str(word) for word in words] for name, words in known.items()}
            return {name: words for name, words in lists.items() if len(words) == 1 + self.n_words}
        except (OSError, ValueError, AttributeError, TypeError):
            return {}  # only a memory: what cannot be read is found out again


def _stamp(file: Path) -> str:
    try:
        status = file.stat()
    except OSError:
        return ""
    return f"{status.st_size}/{status.st_mtime_ns}/{status.st_ino}"
