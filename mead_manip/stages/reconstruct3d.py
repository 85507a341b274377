"""FaceTrack -> Reconstruction"""

from functools import cached_property

from mead_manip.artifacts import store
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import FaceTrack, Reconstruction
from mead_manip.artifacts.workspace import Workspace
from mead_manip.backends import registry
from mead_manip.backends.interfaces import Reconstructor
from mead_manip.config import Common, Reconstruct3dConfig, result_params
from mead_manip.errors import UsageError
from mead_manip.stages import plan
from mead_manip.stages.runner import Progress, Summary, run_clips

STAGE = "reconstruct3d"
STAGE_VERSION = 1


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
    clips = _chosen(plan.require(workspace, "preprocess", needed_by=STAGE), config.clips)
    work = _Work(workspace, config)
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
    )


class _Work:
    """What is done for one clip; picklable, so that workers can do it."""

    def __init__(self, workspace: Workspace, config: Reconstruct3dConfig) -> None:
        self.workspace = workspace
        self.config = config

    @cached_property
    def reconstructor(self) -> Reconstructor:
        return registry.load("reconstructor", self.config.backend, smoothing=self.config.smoothing)

    def provenance(self, clip_id: str) -> Provenance:
        key = store.read_key(self.workspace.path("preprocess", clip_id), FaceTrack)
        return Provenance(
            schema=Reconstruction.schema_id(),
            stage=STAGE,
            stage_version=STAGE_VERSION,
            params=result_params(self.config),
            inputs={FaceTrack.NAME: key},
            backend=self.reconstructor.digest,
        )

    def compute(self, clip_id: str) -> Reconstruction:
        return self.reconstructor.reconstruct(store.load(FaceTrack, self.workspace.path("preprocess", clip_id)))


def _chosen(known: list[str], wanted: tuple[str, ...]) -> list[str]:
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise UsageError(f"unknown clip {unknown[0]!r}", expected=f"one of the {len(known)} tracked clips")
    return [clip_id for clip_id in known if not wanted or clip_id in wanted]
