"""Names -> "module:Class". A backend is imported only when it is asked for by name."""

import importlib
from typing import Any

from mead_manip.errors import BackendUnavailable, UsageError
from mead_manip.settings import hint

# kind -> name -> (where, extra of pyproject that brings its packages)
BACKENDS: dict[str, dict[str, tuple[str, str]]] = {
    "landmarks": {
        "builtin": ("mead_manip.backends.builtin:BuiltinLandmarks", ""),
        "fan": ("mead_manip.backends.fan:FanLandmarks", ""),
        "mediapipe": ("mead_manip.backends.mediapipe:MediapipeLandmarks", "mediapipe"),
    },
    "reconstructor": {
        "fit": ("mead_manip.backends.fitting:FittingReconstructor", ""),
        "deca": ("mead_manip.backends.deca:DecaReconstructor", ""),
    },
    "scorer": {
        "openclip": ("mead_manip.backends.openclip:OpenClipScorer", ""),
    },
}


def names(kind: str) -> tuple[str, ...]:
    """Give the names of the backends of a kind."""
    return tuple(BACKENDS[kind])


def load(kind: str, name: str, **options: Any) -> Any:
    """Make the backend `name` of a kind ("landmarks", "reconstructor", "scorer") with its options."""
    if name not in BACKENDS[kind]:
        raise UsageError(
            f"unknown {kind} backend {name!r}",
            expected="one of " + ", ".join(names(kind)),
            remedy=hint(name, names(kind)),
        )
    where, extra = BACKENDS[kind][name]
    module_name, class_name = where.split(":")
    try:
        module = importlib.import_module(module_name)
        return getattr(module, class_name)(**options)
    except ImportError as error:
        if (error.name or "").startswith("mead_manip"):
            raise  # a mistake of ours, no missing package
        remedy = f"pip install 'mead-manip[{extra}]'" if extra else "reinstall mead-manip"
        raise BackendUnavailable(f"{kind} backend {name!r} cannot be imported ({error})", remedy=remedy) from error
