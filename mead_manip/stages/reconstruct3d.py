"""FaceTrack -> Reconstruction"""

import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from mead_manip.artifacts import store
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import FaceTrack, Reconstruction
from mead_manip.artifacts.workspace import Workspace
from mead_manip.backends import registry
from mead_manip.backends.interfaces import Reconstructor
from mead_manip.config import Common, Reconstruct3dConfig, result_params
from mead_manip.errors import ArtifactInvalid, UsageError
from mead_manip.models.threads import threads
from mead_manip.stages.running import plan
from mead_manip.stages.running.device import choose_device
from mead_manip.stages.running.runner import Progress, Summary, run_clips

STAGE = "reconstruct3d"
STAGE_VERSION = 2
NEUTRAL_CLIPS = 4  # of a person, to tell who it is
KNOWS_FROM_THE_CLIP = ("deca",)  # backends that need no other clips to tell who it is


def run(
    workspace: Workspace,
    config: Reconstruct3dConfig,
    common: Common,
    *,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress,
) -> Summary:
    """Fit the face model to every tracked clip of the workspace."""
    if config.photometric and config.backend != "fit":
        raise UsageError(
            f"photometric is no option of the reconstructor {config.backend}", expected="fit", remedy="leave one out"
        )
    clips = _chosen(plan.require(workspace, "preprocess", needed_by=STAGE), config.clips)
    neutral = {} if config.backend in KNOWS_FROM_THE_CLIP else _neutral_clips(workspace)
    work = _Work(workspace, config, neutral, common.device)
    return run_clips(
        STAGE,
        Reconstruction,
        workspace,
        {clip_id: clip_id for clip_id in clips},
        provenance=work.provenance,
        compute=work.compute,
        force=force,
        dry_run=dry_run,
        progress=progress,
        workers=config.workers,
        engine=config.engine,
        shard=config.shard,
    )


class _Work:
    """What is done for one clip; picklable, so that workers can do it."""

    def __init__(
        self,
        workspace: Workspace,
        config: Reconstruct3dConfig,
        neutral: Mapping[tuple[str, str], list[str]],
        device: str,
    ) -> None:
        self.workspace = workspace
        self.config = config
        self.neutral = neutral
        self.device = device

    @cached_property
    def reconstructor(self) -> Reconstructor:
        return registry.load("reconstructor", self.config.backend, **self._options())

    def provenance(self, clip_id: str) -> Provenance:
        def key(of: str) -> str:
            return store.read_key(self.workspace.path("preprocess", of), FaceTrack)

        return Provenance(
            schema=Reconstruction.schema_id(),
            stage=STAGE,
            stage_version=STAGE_VERSION,
            params=self._params(),
            inputs={FaceTrack.NAME: key(clip_id), "at_rest": {other: key(other) for other in self._at_rest(clip_id)}},
            backend=self.reconstructor.digest,
        )

    def compute(self, clip_id: str) -> Reconstruction:
        # Clips side by side share the processors.
        with threads(max(1, (os.cpu_count() or 1) // max(1, self.config.workers))):
            at_rest = [self._track(other) for other in self._at_rest(clip_id)]
            return self.reconstructor.reconstruct(self._track(clip_id), at_rest)

    def _options(self) -> dict[str, Any]:
        """Give what the chosen backend takes."""
        if self.config.backend != "deca":
            return {"smoothing": self.config.smoothing, "photometric": self.config.photometric}
        models = self.workspace.root / "models"
        return {
            "flame": self.config.flame or str(models / "flame.h5"),
            "model": self.config.deca_model or str(models / "deca_model.tar"),
            "device": str(choose_device(self.device)),
            "batch_size": self.config.batch_size,
        }

    def _params(self) -> dict[str, Any]:
        """Give the settings that decide the result; DECA takes every frame by itself, so it has nothing to smooth."""
        params = result_params(self.config)
        if not self.config.photometric:
            del params["photometric"]  # what was made before there was the option stays fresh
        return params if self.config.backend != "deca" else params | {"smoothing": None}

    def _track(self, clip_id: str) -> FaceTrack:
        # Mapped: the crops of a long video would fill the memory, and few reconstructors look at them.
        return store.load(FaceTrack, self.workspace.path("preprocess", clip_id), mapped=True)

    def _at_rest(self, clip_id: str) -> list[str]:
        """Give some clips in which the same person speaks without emotion, if the labels know any."""
        with store.opened(FaceTrack, self.workspace.path("preprocess", clip_id)) as track:
            return self.neutral.get((track.actor, track.landmark_backend), [])


def _neutral_clips(workspace: Workspace) -> dict[tuple[str, str], list[str]]:
    """Give the first neutral clips of every labelled person and landmark detector."""
    found: dict[tuple[str, str], list[str]] = {}
    for clip_id in workspace.clips("preprocess"):
        try:
            with store.opened(FaceTrack, workspace.path("preprocess", clip_id)) as track:
                if track.actor and track.emotion == "neutral":
                    found.setdefault((track.actor, track.landmark_backend), []).append(clip_id)
        except ArtifactInvalid:
            continue  # that clip is named when its own turn comes
    return {person: clips[:NEUTRAL_CLIPS] for person, clips in found.items()}


def _chosen(known: list[str], wanted: tuple[str, ...]) -> list[str]:
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise UsageError(f"unknown clip {unknown[0]!r}", expected=f"one of the {len(known)} tracked clips")
    return [clip_id for clip_id in known if not wanted or clip_id in wanted]
