"""Where things lie: <root>/<stage>/<clip id>.h5 and <root>/train/<run>/."""

import re
from dataclasses import dataclass
from pathlib import Path

from mead_manip import files
from mead_manip.errors import UsageError

_CLIP_ID = re.compile(r"^[A-Za-z0-9_+=@][A-Za-z0-9_+=@.\-]*$")


@dataclass(frozen=True)
class Workspace:
    """The folder that holds the results of every stage."""

    root: Path

    def __init__(self, root: Path | str) -> None:
        object.__setattr__(self, "root", Path(root))

    def folder(self, stage: str) -> Path:
        """Give the folder of a stage."""
        return self.root / stage

    def path(self, stage: str, clip_id: str) -> Path:
        """Give the artifact's path of one clip at one stage."""
        return self.folder(stage) / f"{_checked(clip_id, 'clip id')}.h5"

    def clips(self, stage: str) -> list[str]:
        """Give the ids of the clips that a stage has published, sorted."""
        folder = self.folder(stage)
        if not folder.is_dir():
            return []
        return sorted(path.stem for path in folder.glob("*.h5") if not path.name.startswith("."))

    def run_dir(self, name: str) -> Path:
        """Give the folder of a training run."""
        return self.root / "train" / _checked(name, "run name")

    def runs(self) -> list[str]:
        """Give the names of the training runs that have published weights, sorted."""
        return sorted(path.parent.name for path in (self.root / "train").glob("*/weights.h5"))

    def prepare(self, stage: str) -> Path:
        """Make the folder of a stage, check that it can be written, sweep what a killed run left; give it."""
        folder = files.make_folder(self.folder(stage))
        files.sweep(folder)
        return folder


def clip_id_from(*parts: str) -> str:
    """Join parts into a clip id, every character that is no letter, digit, dot, _ or - becoming _."""
    joined = "_".join(re.sub(r"[^A-Za-z0-9_.\-]+", "_", part).strip("_") for part in parts if part)
    return joined.lstrip(".-") or "clip"


def _checked(name: str, what: str) -> str:
    if not _CLIP_ID.match(name):
        raise UsageError(
            f"{what} {name!r}", expected="letters, digits and _ . - + = @, not starting with a dot or dash"
        )
    return name
