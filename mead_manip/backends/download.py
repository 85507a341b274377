"""Fetch a file of weights once, whole or not at all, and only the very file that was meant."""

import urllib.error
import urllib.request
from pathlib import Path

from mead_manip.errors import BackendUnavailable
from mead_manip.files import atomic, digest

_TIMEOUT = 60  # seconds without a byte
_BLOCK = 1 << 20


def fetch(url: str, sha256: str, path: Path, *, remedy: str) -> Path:
    """Give `path`, downloaded from `url` where it is not there yet; `sha256` may be the first digits only."""
    if path.is_file() and digest(path).startswith(sha256):
        return path
    try:
        with atomic(path) as temporary:
            with urllib.request.urlopen(url, timeout=_TIMEOUT) as response, temporary.open("wb") as file:
                while block := response.read(_BLOCK):
                    file.write(block)
            if not (found := digest(temporary)).startswith(sha256):
                raise BackendUnavailable(f"{url} has sha256 {found}", expected=sha256, remedy=remedy)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise BackendUnavailable(f"{url} cannot be downloaded ({error})", remedy=remedy) from error
    return path
