"""MEAD tree | video -> FaceTrack"""

from dataclasses import dataclass

from mead_manip.artifacts import store
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import FaceSightings, FaceTrack
from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import Common, PreprocessConfig, result_params
from mead_manip.errors import UsageError
from mead_manip.stages.footage.clip_finding import Clip, Digests, find_clips
from mead_manip.stages.footage.early_crops import EarlyCrops
from mead_manip.stages.footage.sighting import STAGE as FACES
from mead_manip.stages.footage.sighting import Sighter
from mead_manip.stages.footage.tracking import track_face
from mead_manip.stages.running.runner import Progress, Summary, run_clips

STAGE = "preprocess"
STAGE_VERSION = 4


def run(
    workspace: Workspace,
    config: PreprocessConfig,
    common: Common,
    *,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress,
) -> Summary:
    """Find and follow the faces of every clip below `config.path`."""
    digests = Digests(workspace, STAGE)
    try:
        clips = find_clips(config, digests, progress)
    finally:
        if not dry_run:
            digests.keep()  # a large tree takes minutes to read: what was read before Ctrl-C stays known
    work = _Work(workspace, config, common, force)
    try:
        faces, unseen = _faces_of(clips, work, force=force, dry_run=dry_run, progress=progress)
        summary = run_clips(
            STAGE,
            FaceTrack,
            workspace,
            faces,
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
        work.sighter.detector.close()  # some cannot be closed any more once the interpreter goes down
    summary.failures |= unseen.failures
    summary.tracebacks |= unseen.tracebacks
    summary.planned |= unseen.planned
    _say_what_was_seen(workspace, summary, progress)
    return summary


@dataclass(frozen=True)
class _Face:
    """One face of one clip: what becomes a track."""

    clip_id: str
    clip: Clip
    face: int = 1


class _Work:
    """What is done for one face; picklable, so that workers can do it."""

    def __init__(self, workspace: Workspace, config: PreprocessConfig, common: Common, force: bool) -> None:
        self.workspace = workspace
        self.config = config
        self.anew = force and config.face != "all"  # for which they have just been made
        self.sighter = Sighter(config.landmarks, config.landmarks_model, common.device)

    def provenance(self, face: _Face) -> Provenance:
        # The weights stand in `backend` by content: where they lie decides nothing.
        params = {name: value for name, value in result_params(self.config).items() if name != "landmarks_model"}
        labels = face.clip.labels
        return Provenance(
            schema=FaceTrack.schema_id(),
            stage=STAGE,
            stage_version=STAGE_VERSION,
            params=params | {"face": face.face, "labels": list(labels.parts), "sentence": labels.sentence},
            inputs={"video": face.clip.digest},
            backend=self.sighter.identity,
        )

    def compute(self, face: _Face) -> FaceTrack:
        clip = face.clip
        with EarlyCrops() as crops:
            early = crops if face.face == 1 else None
            if clip.labels.is_mead:  # one person, one track: what was seen besides is not asked for again
                sightings = self.sighter.compute(clip, early)
            else:
                sightings = self.sighter.kept(self.workspace, face.clip_id, clip, anew=self.anew, early=early)
            return track_face(clip.path, sightings, face.face, clip.labels, early)


def _faces_of(
    clips: dict[str, Clip], work: _Work, *, force: bool, dry_run: bool, progress: Progress
) -> tuple[dict[str, _Face], Summary]:
    """Give the faces to follow under their own clip ids, and what happened where they had to be counted first."""
    wanted, films = work.config.face, {name: clip for name, clip in clips.items() if not clip.labels.is_mead}
    if wanted != "auto" and len(films) < len(clips):
        progress.say(f"{STAGE}: --face is for other videos: in a clip of MEAD it is the one person")
    faces = {name: _Face(name, clip) for name, clip in clips.items() if name not in films or wanted in ("auto", "1")}
    if wanted == "all":
        if work.config.shard:
            raise UsageError(
                "--face all with --shard", remedy="leave one out: faces are counted before they are shared"
            )
        seen = work.sighter.run(
            work.workspace,
            films,
            workers=work.config.workers,
            engine=work.config.engine,
            force=force,
            dry_run=dry_run,
            progress=progress,
        )
        for name in (*seen.done, *seen.fresh):
            with store.opened(FaceSightings, work.workspace.path(FACES, name)) as sightings:
                count = int(sightings.face[:].max())
            faces |= {face_id(name, k): _Face(name, films[name], k) for k in range(1, count + 1)}
        return faces, seen
    if wanted not in ("auto", "1"):
        faces |= {face_id(name, int(wanted)): _Face(name, clip, int(wanted)) for name, clip in films.items()}
    return faces, Summary(FACES)


def face_id(clip_id: str, face: int) -> str:
    """Give the clip id of a face: the most prominent one goes by the name of its video."""
    return clip_id if face == 1 else f"{clip_id}-face_{face}"


def _say_what_was_seen(workspace: Workspace, summary: Summary, progress: Progress) -> None:
    """Say of each new track where not every frame shows the face, and where others were seen; of all, the jitter."""
    jitter = []
    for clip_id in summary.done:
        with store.opened(FaceTrack, workspace.path(STAGE, clip_id)) as track:
            visible, face, most, cuts = track.visible[:], track.face, track.most_faces, len(track.cuts)
            jitter.append((track.jitter_raw, track.jitter))
        notes = [f"{cuts + 1} shots"] if cuts else []
        if not visible.all():
            notes.append(f"the face in {int(visible.sum())} of {len(visible)} frames")
        if most > 1:
            notes.append(f"up to {most} faces in a frame; face {face} was followed (`mead-manip faces` shows them)")
        if notes:
            progress.say(f"{STAGE}: {clip_id}: {'; '.join(notes)}")
    if jitter:
        raw, smooth = (sum(values) / len(jitter) for values in zip(*jitter, strict=True))
        summary.detail = f"jitter {raw:.4f} -> {smooth:.4f}".replace("0.", ".")
        summary.facts |= {"jitter_raw": raw, "jitter": smooth}
