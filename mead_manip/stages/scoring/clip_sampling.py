"""Which frames of a tracked clip are scored, and their crops."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int32

from mead_manip.artifacts import store
from mead_manip.artifacts.ledger import Ledger
from mead_manip.artifacts.reading import Opened
from mead_manip.artifacts.schemas import FaceTrack
from mead_manip.artifacts.workspace import Workspace
from mead_manip.errors import ArtifactInvalid, MeadManipError, NoFaceError
from mead_manip.media.images import decode

# Crops are taken from this part of a clip: acting sets in and decays at its ends.
MIDDLE = 0.8


@dataclass(frozen=True)
class TrackFacts:
    """What scoring has to know about a tracked clip before it looks at it."""

    key: str
    actor: str
    emotion: str  # "" where unknown
    level: int


@dataclass(frozen=True)
class Crops:
    """The sampled face crops of one clip."""

    images: list[np.ndarray]  # uint8 RGB
    frame_index: Int32[np.ndarray, " sample"]


def read_tracks(
    workspace: Workspace, clip_ids: Iterable[str], ledger: Ledger
) -> tuple[dict[str, TrackFacts], dict[str, MeadManipError]]:
    """Give the facts of tracked clips, and what is wrong with those that cannot be read."""
    facts: dict[str, TrackFacts] = {}
    broken: dict[str, MeadManipError] = {}
    for clip_id in clip_ids:
        path = workspace.path("preprocess", clip_id)
        words = ledger.words(path)
        try:
            if words is None:
                key, labels = store.peek(FaceTrack, path, "actor", "emotion", "level")
                words = (key, *map(str, labels))
                ledger.note(path, words)
        except ArtifactInvalid as error:
            broken[clip_id] = error
            continue
        key, actor, emotion, level = words
        facts[clip_id] = TrackFacts(key, actor, emotion, int(level))
    return facts, broken


def sample_crops(path: Path, count: int) -> Crops:
    """Read `count` crops of a FaceTrack, spread over the visible frames of the clip's middle."""
    with store.opened(FaceTrack, path) as track:
        index = sample_frames(track.visible[:], count)
        if not len(index):
            raise NoFaceError(f"{path}: no frame shows a face", expected="a visible face")
        encoded = _encoded(track, index)
    return Crops([decode(data) for data in encoded], index)


def crops_at(path: Path, index: Int32[np.ndarray, " sample"]) -> list[np.ndarray]:
    """Read the crops of some frames of a FaceTrack that show a face."""
    with store.opened(FaceTrack, path) as track:
        encoded = _encoded(track, index)
    return [decode(data) for data in encoded]


def sample_frames(visible: Bool[np.ndarray, " frame"], count: int) -> Int32[np.ndarray, " sample"]:
    """Give at most `count` different visible frames, evenly spread over the clip's middle (else over all of it)."""
    frames = np.flatnonzero(visible)
    edge = (1.0 - MIDDLE) / 2 * (len(visible) - 1)
    middle = frames[(frames >= edge) & (frames <= len(visible) - 1 - edge)]
    frames = middle if len(middle) else frames
    if not len(frames):
        return np.zeros(0, np.int32)
    places = np.linspace(0, len(frames) - 1, count)
    return np.unique(frames[np.round(places).astype(int)]).astype(np.int32)


def _encoded(track: Opened, index: Int32[np.ndarray, " sample"]) -> list[np.ndarray]:
    """Read one slice of the bytes per crop: a clip's other frames stay on the disk."""
    offsets = track.face_offsets[:]
    return [track.face_bytes[offsets[frame] : offsets[frame + 1]] for frame in index]
