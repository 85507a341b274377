"""MEAD tree | video -> FaceTrack"""

import functools

from mead_manip.artifacts import store
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import FaceTrack
from mead_manip.artifacts.workspace import Workspace
from mead_manip.backends import registry
from mead_manip.backends.interfaces import LandmarkDetector
from mead_manip.config import Common, PreprocessConfig, result_params
from mead_manip.stages.clip_finding import Clip, Digests, find_clips
from mead_manip.stages.runner import Progress, Summary, run_clips
from mead_manip.stages.tracking import track_video

STAGE = "preprocess"
STAGE_VERSION = 1


def run(
    workspace: Workspace,
    config: PreprocessConfig,
    common: Common,
    *,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress,
) -> Summary:
    """Find and follow the face of every clip below `config.path`."""
    digests = Digests(workspace, STAGE)
    try:
        clips = find_clips(config, digests, progress)
    finally:
        if not dry_run:
            digests.keep()  # a large tree takes minutes to read: what was read before Ctrl-C stays known
    work = _Work(config, common)
    try:
        summary = run_clips(
            STAGE,
            FaceTrack,
            workspace,
            clips,
            provenance=work.provenance,
            compute=work.compute,
            force=force,
            dry_run=dry_run,
            progress=progress,
            workers=config.workers,
            engine=config.engine,
            shard=config.shard,
        )
    finally:
        work.detector.close()  # some cannot be closed any more once the interpreter goes down
    _say_what_was_seen(workspace, summary, progress)
    return summary


class _Work:
    """What is done for one clip; picklable, so that workers can do it."""

    def __init__(self, config: PreprocessConfig, common: Common) -> None:
        self.config = config
        self.device = common.device

    @property
    def detector(self) -> LandmarkDetector:
        return _detector(self.config.landmarks, self.config.landmarks_model, self.device)

    def provenance(self, clip: Clip) -> Provenance:
        # The weights stand in `backend` by content: where they lie decides nothing.
        params = {name: value for name, value in result_params(self.config).items() if name != "landmarks_model"}
        return Provenance(
            schema=FaceTrack.schema_id(),
            stage=STAGE,
            stage_version=STAGE_VERSION,
            params=params | {"labels": list(clip.labels.parts), "sentence": clip.labels.sentence},
            inputs={"video": clip.digest},
            backend=self.detector.digest,
        )

    def compute(self, clip: Clip) -> FaceTrack:
        from mead_manip.models.threads import threads

        # For networks this small a second thread gains a third on an idle machine and loses it all on a busy one.
        with threads(1):
            return track_video(clip.path, self.detector, clip.labels, clip.digest)


@functools.lru_cache(maxsize=2)
def _detector(name: str, model: str | None, device: str) -> LandmarkDetector:
    detector: LandmarkDetector = registry.load("landmarks", name, model=model, device=device)
    return detector


def _say_what_was_seen(workspace: Workspace, summary: Summary, progress: Progress) -> None:
    """Say of each new track where not every frame shows a face, and where others were in the picture."""
    for clip_id in summary.done:
        with store.opened(FaceTrack, workspace.path(STAGE, clip_id)) as track:
            visible, most = track.visible[:], track.most_faces
        notes = []
        if not visible.all():
            notes.append(f"a face in {int(visible.sum())} of {len(visible)} frames")
        if most > 1:
            notes.append(f"up to {most} faces in a frame; the largest of the first was followed")
        if notes:
            progress.say(f"{STAGE}: {clip_id}: {'; '.join(notes)}")
