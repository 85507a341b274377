"""Image features of clips, kept in packs: crops are embedded once a model and track, then only read.

`clip-features/<recipe>-<content>.h5` holds some hundred clips; the recipe names the model, its precision and how frames
are sampled. An entry is good as long as the clip's track has the key that it was made from; a killed run loses one pack
at most.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int32, Int64

from mead_manip.artifacts import store
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import ImageFeatures
from mead_manip.artifacts.workspace import Workspace
from mead_manip.backends.interfaces import ZeroShotScorer
from mead_manip.errors import ArtifactInvalid
from mead_manip.stages.scoring.clip_embedding import Embedded
from mead_manip.stages.scoring.clip_sampling import MIDDLE

FOLDER = "clip-features"
STAGE, STAGE_VERSION = "clip-score", 2
PACK = 256  # clips


@dataclass(frozen=True)
class Features:
    """The features of some clips: clip k has the rows starts[k] to starts[k + 1]."""

    clip_ids: tuple[str, ...]
    frame_index: Int32[np.ndarray, " row"]
    rows: Float32[np.ndarray, "row feature"]
    starts: Int64[np.ndarray, " boundary"]


class FeatureCache:
    """What is on disk for one model and way of sampling."""

    def __init__(self, workspace: Workspace, scorer: ZeroShotScorer, frames: int) -> None:
        self.workspace, self.scorer = workspace, scorer
        self.backend = f"{scorer.name}@{scorer.digest}/{scorer.precision}"
        self.sampling = {"frames": frames, "middle": MIDDLE}
        named = json.dumps([self.backend, self.sampling, ImageFeatures.schema_id(), STAGE_VERSION], sort_keys=True)
        self.recipe = hashlib.sha256(named.encode()).hexdigest()[:12]
        self._entries: dict[Path, dict[str, str]] = {}  # pack -> clip id -> key of its track

    def lacking(self, keys: Mapping[str, str]) -> list[str]:
        """Give the clips (id -> key of its track) that have no features yet."""
        self._look()
        there = {entry for entries in self._entries.values() for entry in entries.items()}
        return [clip_id for clip_id, key in keys.items() if (clip_id, key) not in there]

    def add(self, clips: Sequence[tuple[str, Embedded]], keys: Mapping[str, str]) -> None:
        """Publish the features of some clips as one pack."""
        if not clips:
            return
        pack = ImageFeatures(
            np.concatenate([clip.frame_index for _, clip in clips]),
            np.concatenate([clip.features for _, clip in clips]),
            np.cumsum([0, *(len(clip.frame_index) for _, clip in clips)], dtype=np.int64),
            tuple(clip_id for clip_id, _ in clips),
            tuple(keys[clip_id] for clip_id, _ in clips),
            self.scorer.model,
            self.scorer.pretrained,
            self.scorer.digest,
            self.scorer.precision,
        )
        inputs = {"face_track": {clip_id: keys[clip_id] for clip_id, _ in clips}}
        provenance = Provenance(
            ImageFeatures.schema_id(), STAGE, STAGE_VERSION, self.sampling, inputs, backend=self.backend
        )
        path = self.workspace.path(FOLDER, f"{self.recipe}-{provenance.key}")
        store.save(pack, path, provenance)
        for entries in self._entries.values():
            for clip_id in inputs["face_track"]:
                entries.pop(clip_id, None)  # embedded again (--force): the new features count
        self._entries[path] = inputs["face_track"]

    def read(self, keys: Mapping[str, str]) -> Iterator[Features]:
        """Give the features of clips, pack by pack, every clip once."""
        self._look()
        wanted = dict(keys)
        for path, entries in self._entries.items():
            chosen = [clip_id for clip_id, key in entries.items() if wanted.get(clip_id) == key]
            if not chosen:
                continue
            yield _selected(store.load(ImageFeatures, path), set(chosen))
            for clip_id in chosen:
                del wanted[clip_id]

    def _look(self) -> None:
        """Read the tables of contents of packs not seen yet; one that is damaged holds nothing, and is made again."""
        for name in self.workspace.clips(FOLDER):
            path = self.workspace.path(FOLDER, name)
            if not name.startswith(self.recipe + "-") or path in self._entries:
                continue
            try:
                with store.opened(ImageFeatures, path) as pack:
                    self._entries[path] = dict(zip(pack.clip_ids, pack.track_keys, strict=True))
            except ArtifactInvalid:
                self._entries[path] = {}


def _selected(pack: ImageFeatures, chosen: set[str]) -> Features:
    keep = np.array([clip_id in chosen for clip_id in pack.clip_ids])
    counts = np.diff(pack.clip_start)
    rows = np.repeat(keep, counts)
    everything = bool(keep.all())
    return Features(
        tuple(clip_id for clip_id in pack.clip_ids if clip_id in chosen),
        pack.frame_index if everything else pack.frame_index[rows],
        pack.features if everything else pack.features[rows],
        np.cumsum([0, *counts[keep]], dtype=np.int64),
    )
