"""Where FAN's weights and those of a face detector come from, and how they become networks. Imports face_alignment.

| --landmarks-model | FAN                                                            | face detector               |
|-------------------|----------------------------------------------------------------|-----------------------------|
| (none)            | 2DFAN4-*.pth.tar in torch's hub cache, where the package       | the fastest that lies there |
|                   | face-alignment keeps it                                        |                             |
| FOLDER            | 2DFAN*.pth.tar or .pth in it, else in the cache                | in it, else in the cache    |
| FILE              | that file: a state dict, or a TorchScript archive              | beside it, else in the cache|
| download          | downloaded once into the cache and checked by sha256           | YuNet, likewise             |

A TorchScript archive is a program: one is run only where it is named itself, never because it lies in a folder.
"""

from __future__ import annotations

import hashlib
import importlib
import pickle
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from ..errors import BackendUnavailable
from ..files import digest
from .download import fetch

DOWNLOAD = "download"
FAN_FILE = "2DFAN4-11f355bf06.pth.tar"  # by torch hub's custom the name ends with the first digits of the sha256
FAN_URL = "https://www.adrianbulat.com/downloads/python-fan/" + FAN_FILE
FAN_SHA256 = "11f355bf06"
YUNET_FILE = "face_detection_yunet_2023mar.onnx"
YUNET_URL = "https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/" + YUNET_FILE
YUNET_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
_FANS = (FAN_FILE, "2DFAN*.pth.tar", "2DFAN*.pth")
# The fastest first, but BlazeFace only sees the square in the middle of a frame. All files of a line must be there.
_DETECTORS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("yunet", ("*yunet*.onnx",)),
    ("retinaface", ("retinaface_mobilenet0.25*.pth",)),
    ("blazeface", ("blazeface.pth", "anchors.npy")),
    ("sfd", ("s3fd*.pth",)),
)
_REMEDY = (
    f"download {FAN_URL} and {YUNET_URL} and give their folder with --landmarks-model FOLDER, "
    "or let --landmarks-model download do it"
)
_LOADING_ERRORS = (pickle.UnpicklingError, RuntimeError, LookupError, EOFError, OSError, ValueError, TypeError)


@runtime_checkable
class Detector(Protocol):
    """A face detector of the package face-alignment."""

    @property
    def reference_scale(self) -> float:
        """Width + height of its boxes that make a scale of 1."""

    def detect_from_image(self, image: UInt8[np.ndarray, "height width rgb=3"]) -> Any:
        """Give boxes x0 y0 x1 y1 score."""


@dataclass(frozen=True)
class Source:
    """The files of one landmark network and one face detector."""

    network: Path
    detector: str
    detector_files: tuple[Path, ...]

    @property
    def digest(self) -> str:
        """One sha256 of what all files hold."""
        parts = [digest(path) for path in (self.network, *self.detector_files)]
        return hashlib.sha256("".join([self.detector, *parts]).encode()).hexdigest()


def find(model: str | None) -> Source:
    """Choose the files, without reading them."""
    cache = Path(torch.hub.get_dir()) / "checkpoints"
    if model == DOWNLOAD:
        yunet = fetch(YUNET_URL, YUNET_SHA256, cache / YUNET_FILE, remedy=_REMEDY)
        return Source(fetch(FAN_URL, FAN_SHA256, cache / FAN_FILE, remedy=_REMEDY), "yunet", (yunet,))
    given = Path(model).expanduser() if model is not None else cache
    if model is not None and not given.exists():
        raise BackendUnavailable(f"{model} does not exist", expected=f"{FAN_FILE} or its folder", remedy=_REMEDY)
    folders = tuple(dict.fromkeys([given.parent if given.is_file() else given, cache]))
    network = given if given.is_file() else _first(folders, _FANS)
    if network is None:
        raise BackendUnavailable(
            f"no weights of FAN in {_listed(folders)}{_archives(folders)}", expected=FAN_FILE, remedy=_REMEDY
        )
    for name, patterns in _DETECTORS:
        for folder in folders:
            files = [_first((folder,), (pattern,)) for pattern in patterns]
            if all(files):
                return Source(network, name, tuple(file for file in files if file is not None))
    known = ", ".join(" with ".join(patterns) for _, patterns in _DETECTORS)
    raise BackendUnavailable(
        f"no weights of a face detector in {_listed(folders)}", expected=f"one of {known}", remedy=_REMEDY
    )


def load_network(path: Path, device: torch.device) -> nn.Module:
    """Read FAN from a state dict of as many hourglasses as it holds, or run the TorchScript archive that was named."""
    try:
        network = _load_archive(path) if is_archive(path) else _load_weights(path)
    except _LOADING_ERRORS as error:
        # torch's own text on unpickling advises to run the file's code.
        reason = "no file of plain weights" if isinstance(error, pickle.UnpicklingError) else _first_line(error)
        raise BackendUnavailable(
            f"cannot load {path} as FAN: {reason}", expected="the state dict of a FAN", remedy=_REMEDY
        ) from error
    return network.eval().to(device).to(memory_format=torch.channels_last)


def load_detector(source: Source, device: torch.device) -> Detector:
    """Make the detector from its files; YuNet runs in OpenCV, on the CPU."""
    import cv2

    module = importlib.import_module(f"face_alignment.detection.{source.detector}")
    names = ("path_to_detector", "path_to_anchor")
    paths = {name: str(path) for name, path in zip(names, source.detector_files, strict=False)}
    where = "cpu" if source.detector == "yunet" else str(device)
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # OpenCV 5 warns of a target that nobody chose
    try:
        detector: Detector = module.FaceDetector(device=where, **paths)
    except (*_LOADING_ERRORS, cv2.error) as error:
        names_given = ", ".join(str(path) for path in source.detector_files)
        raise BackendUnavailable(
            f"cannot load {names_given} as {source.detector}: {_first_line(error)}", remedy=_REMEDY
        ) from error
    finally:
        cv2.utils.logging.setLogLevel(level)
    return detector


def is_archive(path: Path) -> bool:
    """Tell a TorchScript archive, which holds code, from a file of weights."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in f"/{name}" for name in archive.namelist())


def _load_archive(path: Path) -> nn.Module:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*torch\.jit")  # TorchScript as a whole is deprecated
        network: nn.Module = torch.jit.load(str(path), map_location="cpu")
    return network


def _load_weights(path: Path) -> nn.Module:
    from face_alignment.models import FAN

    state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(state, dict):
        raise ValueError(f"it holds a {type(state).__name__}")
    n_modules = sum(name.startswith("top_m_") and name.endswith(".bn1.weight") for name in state)
    network: nn.Module = FAN(n_modules)
    network.load_state_dict(state)
    return network


def _first(folders: tuple[Path, ...], patterns: tuple[str, ...]) -> Path | None:
    return next((path for folder in folders for pattern in patterns for path in sorted(folder.glob(pattern))), None)


def _archives(folders: tuple[Path, ...]) -> str:
    """Name the archives that would have served, had they been named."""
    found = _first(folders, ("2DFAN*.zip",))
    return "" if found is None else f" ({found} is a program: to run it, name it itself with --landmarks-model)"


def _listed(folders: tuple[Path, ...]) -> str:
    return " or ".join(str(folder) for folder in folders)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
