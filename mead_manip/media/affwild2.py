"""Aff-Wild2's expression annotations: one text file per video, one label per frame.

The first line names the expressions; then a number per frame: 0 to 6 in NED's order, -1 where nobody agreed, 7 for any
other expression (in the later editions).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int8

from mead_manip.emotions import NED_EMOTIONS
from mead_manip.errors import ArtifactInvalid, InputMissing

NAMES = ("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise")  # of labels 0 to 6
UNKNOWN, OTHER = -1, 7
TRAINING, VALIDATION = "Train_Set", "Validation_Set"

assert len(NAMES) == len(NED_EMOTIONS)


@dataclass(frozen=True)
class Annotations:
    """The annotation files of the two parts, by the name of their video."""

    training: dict[str, Path]
    validation: dict[str, Path]


def find_annotations(folder: Path) -> Annotations:
    """Find the files of the expression set; a folder without `Train_Set` is all for training."""
    if not folder.is_dir():
        raise InputMissing(f"no folder {folder}", expected=f"Aff-Wild2's expression annotations, with {TRAINING}")
    parts = Annotations(_files(folder / TRAINING), _files(folder / VALIDATION))
    if not parts.training:
        parts = Annotations(_files(folder), {})
    if not parts.training:
        raise InputMissing(f"{folder}: no annotations", expected=f"{TRAINING}/<video>.txt, or <video>.txt")
    return parts


def read_annotations(path: Path) -> Int8[np.ndarray, " frame"]:
    """Read the labels of a video's frames: NED's index, -1 where there is none of the seven."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split()
    except (OSError, UnicodeDecodeError) as error:
        raise InputMissing(f"cannot read {path}: {error}", expected="a text file") from error
    header = tuple(word.strip().lower() for word in (lines[0].split(",") if lines else ()))
    if header[: len(NAMES)] != NAMES:
        found = f"{path}: first line {lines[0][:60]!r}" if lines else f"{path}: empty"
        raise ArtifactInvalid(found, expected=",".join(NAMES))
    try:
        labels = np.array(lines[1:], dtype=np.int64)
    except ValueError as error:
        raise ArtifactInvalid(f"{path}: {error}", expected="a whole number per line") from error
    wrong = np.flatnonzero((labels < UNKNOWN) | (labels > OTHER))
    if wrong.size:
        raise ArtifactInvalid(f"{path}: line {wrong[0] + 2}: {labels[wrong[0]]}", expected=f"{UNKNOWN} to {OTHER}")
    return np.where(labels == OTHER, UNKNOWN, labels).astype(np.int8)


def _files(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob("*.txt"))} if folder.is_dir() else {}
