"""MEAD tree | video -> FaceTrack"""

import functools
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from mead_manip import files
from mead_manip.artifacts import store
from mead_manip.artifacts.provenance import Provenance
from mead_manip.artifacts.schemas import FaceTrack
from mead_manip.artifacts.workspace import Workspace, clip_id_from
from mead_manip.backends import registry
from mead_manip.backends.interfaces import LandmarkDetector
from mead_manip.config import Common, PreprocessConfig, result_params
from mead_manip.errors import InputMissing, UsageError
from mead_manip.media.mead_tree import ClipLabels, Selection, find_videos, parse_clip_path
from mead_manip.stages.runner import Progress, Summary, run_clips
from mead_manip.stages.tracking import track_video

STAGE = "preprocess"
STAGE_VERSION = 1
_DIGESTS = "sources.json"  # content digests by size and time, so that a fresh run reads no video


@dataclass(frozen=True)
class Clip:
    """One video, what its path says about it, and the sha256 of its content."""

    path: Path
    labels: ClipLabels
    digest: str


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
    digests = _Digests(workspace)
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
        )
    finally:
        work.detector.close()  # some cannot be closed any more once the interpreter goes down
    _say_what_was_seen(workspace, summary, progress)
    return summary


def find_clips(config: PreprocessConfig, digests: "_Digests", progress: Progress) -> dict[str, Clip]:
    """Give the clips below `config.path` under their ids: labels for MEAD, name and content for any other video."""
    path = Path(config.path)
    if not config.path or not path.exists():
        raise InputMissing(f"{config.path or 'no path'} does not exist", expected="a MEAD tree or a video")
    selection = Selection.parse(config.actors, config.views, config.emotions, config.levels)
    videos = find_videos(path) if path.is_dir() else [path]
    if not videos:
        raise InputMissing(
            f"no video in {path}", expected="a MEAD tree or a folder of videos (mp4, mov, mkv, webm, avi)"
        )
    labels = {video: parse_clip_path(video.resolve()) if path.is_dir() else ClipLabels() for video in videos}
    chosen = [video for video in videos if path.is_file() or selection.wants(labels[video])]
    if not chosen:
        raise UsageError(
            f"none of the {len(videos)} clips in {path} is wanted",
            remedy="loosen --actors, --views, --emotions or --levels",
        )
    read = progress.clips(chosen, len(chosen), "reading")
    clips = [Clip(video, labels[video], digests.of(video)) for video in read]
    return _named(clips)


def _named(clips: list[Clip]) -> dict[str, Clip]:
    """Give every clip its id; clips that their labels do not tell apart carry their content's digest."""
    ids = [clip_id_from(*clip.labels.parts) if clip.labels.is_mead else "" for clip in clips]
    count = Counter(ids)
    named = {}
    for clip, clip_id in zip(clips, ids, strict=True):
        if not clip_id:
            clip_id = clip_id_from("video", f"{clip.path.stem}-{clip.digest[:8]}")
        elif count[clip_id] > 1:
            clip_id = f"{clip_id}-{clip.digest[:8]}"
        named[clip_id] = clip  # the same content twice under one name is one clip
    return named


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
            params=params | {"labels": list(clip.labels.parts)},
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


class _Digests:
    """sha256 of videos, remembered by path, size and time of change."""

    def __init__(self, workspace: Workspace) -> None:
        self.path = workspace.folder(STAGE) / _DIGESTS
        self.known: dict[str, list[int | str]] = {}
        self.changed = False
        if self.path.is_file():
            try:
                self.known = dict(json.loads(self.path.read_text()))
            except (OSError, ValueError, TypeError):
                self.known = {}  # only a memory: it is made again

    def of(self, video: Path) -> str:
        """Give the digest of a file's content."""
        status, name = video.stat(), str(video.resolve())
        stamp: list[int | str] = [status.st_size, status.st_mtime_ns]
        known = self.known.get(name, [])
        if known[:2] != stamp:
            self.known[name] = [*stamp, files.digest(video)]
            self.changed = True
        return str(self.known[name][2])

    def keep(self) -> None:
        """Write what is known beside the tracks."""
        if not self.changed:
            return
        with files.atomic(self.path) as temporary:
            temporary.write_text(json.dumps(self.known, indent=0, sort_keys=True))


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
