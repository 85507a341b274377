"""The error tree. A message says what was found, what was expected, and what to do about it.

MeadManipError              1  anything that went wrong while working
├── UsageError              2  a wrong option, name or value
├── InputMissing            3  something a command needs is not there
│   ├── ArtifactMissing     3  ... an artifact of an earlier stage
│   └── BackendUnavailable  3  ... a package or weights that a backend needs
├── ArtifactInvalid         1  a file, or an array about to be written, does not fit its schema
├── MediaError              1  a video or picture cannot be read or written
│   ├── NoFaceError         1  no face in any frame
│   └── ClipTooShort        1  fewer frames than a window
├── WorkerDied              1  a process was killed while it worked on a clip
├── Interrupted             4  Ctrl-C or SIGTERM
└── QualityGate             5  the result is worse than the limit that was asked for

The number is the exit code; only the command line exits.
"""

from typing import ClassVar


class MeadManipError(Exception):
    """Say in one line what was found, what was expected and what to do."""

    exit_code: ClassVar[int] = 1

    def __init__(self, found: str, *, expected: str = "", remedy: str = "") -> None:
        super().__init__(found)
        self.found = found
        self.expected = expected
        self.remedy = remedy

    def __str__(self) -> str:
        parts = [self.found, f"expected {self.expected}" if self.expected else "", self.remedy]
        return " ".join("; ".join(part for part in parts if part).split())

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        # An error that comes back from a worker process keeps its keyword-only parts.
        return _rebuild, (type(self), self.found, self.expected, self.remedy)


def _rebuild(kind: type[MeadManipError], found: str, expected: str, remedy: str) -> MeadManipError:
    return kind(found, expected=expected, remedy=remedy)


class UsageError(MeadManipError):
    """A wrong option, name or value."""

    exit_code = 2


class InputMissing(MeadManipError):
    """Something a command needs is not there."""

    exit_code = 3


class ArtifactMissing(InputMissing):
    """An artifact of an earlier stage is not there."""


class BackendUnavailable(InputMissing):
    """A package or the weights that a backend needs are not there."""


class ArtifactInvalid(MeadManipError):
    """A file, or an array about to be written, does not fit its schema."""


class MediaError(MeadManipError):
    """A video or picture cannot be read or written."""


class NoFaceError(MediaError):
    """No frame of a clip shows a face."""


class ClipTooShort(MediaError):
    """A clip has fewer frames than a window."""


class WorkerDied(MeadManipError):
    """A process was killed while it worked on a clip."""


class Interrupted(MeadManipError):
    """The user, or the system, asked to stop."""

    exit_code = 4


class QualityGate(MeadManipError):
    """The result is worse than the limit that was asked for."""

    exit_code = 5
