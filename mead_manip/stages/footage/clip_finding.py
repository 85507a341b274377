"""Which clips a path holds: found, labelled, chosen, named. Content digests are remembered between runs."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from mead_manip import files
from mead_manip.artifacts.workspace import Workspace, clip_id_from
from mead_manip.config import PreprocessConfig
from mead_manip.errors import InputMissing, UsageError
from mead_manip.media.mead_splits import load_split
from mead_manip.media.mead_tree import ClipLabels, Selection, find_videos, parse_clip_path, with_sentences
from mead_manip.stages.running.runner import Progress

_REMEMBERED = "sources.json"  # content digests by size and time, so that a fresh run reads no video


@dataclass(frozen=True)
class Clip:
    """One video, what its path says about it, and the sha256 of its content."""

    path: Path
    labels: ClipLabels
    digest: str


def find_clips(config: PreprocessConfig, digests: "Digests", progress: Progress) -> dict[str, Clip]:
    """Give the clips below `config.path` under their ids: labels for MEAD, name and content for any other video."""
    path = Path(config.path)
    if not config.path or not path.exists():
        raise InputMissing(f"{config.path or 'no path'} does not exist", expected="a MEAD tree or a video")
    wants = _chooser(config)
    videos = find_videos(path) if path.is_dir() else [path]
    if not videos:
        raise InputMissing(
            f"no video in {path}", expected="a MEAD tree or a folder of videos (mp4, mov, mkv, webm, avi)"
        )
    labels = labels_below(path, videos) if path.is_dir() else {path: ClipLabels()}
    chosen = [video for video in videos if path.is_file() or wants(labels[video])]
    if not chosen:
        raise UsageError(
            f"none of the {len(videos)} clips in {path} is wanted",
            remedy="loosen --actors, --views, --emotions, --levels or --split",
        )
    read = progress.clips(chosen, len(chosen), "reading")
    clips = [Clip(video, labels[video], digests.of(video)) for video in read]
    return _named(clips)


def _chooser(config: PreprocessConfig) -> Callable[[ClipLabels], bool]:
    """Give the question whether a clip is wanted."""
    selection = Selection.parse(config.actors, config.views, config.emotions, config.levels)
    if not config.split:
        return selection.wants
    split = load_split(config.split)
    if selection.actors and not {*selection.actors} & {*split.actors}:
        found = f"--actors {','.join(selection.actors)}: none of them in split {split.name}"
        raise UsageError(found, expected="one of " + ", ".join(split.actors))
    return lambda clip: selection.wants(clip) and bool(split.part(clip))


def labels_below(root: Path, videos: Iterable[Path]) -> dict[Path, ClipLabels]:
    """Read the labels of the videos below a folder, with the sentences of complete cells: give all of them."""
    top = root.absolute()
    return with_sentences({video: _labels(video, top) for video in videos})


def _labels(video: Path, top: Path) -> ClipLabels:
    # The path as it was named, so that a link carries the labels of its own place; else where the folder truly lies.
    labels = parse_clip_path(video.absolute(), top)
    return labels if labels.actor else parse_clip_path(top.resolve() / video.absolute().relative_to(top), top.resolve())


def _named(clips: list[Clip]) -> dict[str, Clip]:
    """Give every clip its id; clips that their labels do not tell apart carry their content's digest."""
    ids = [clip_id_from(*clip.labels.parts) if clip.labels.is_mead else "" for clip in clips]
    count = Counter(ids)
    named = {}
    for clip, clip_id in zip(clips, ids, strict=True):
        if not clip_id:
            clip_id = clip_id_from("video", f"{clip.path.stem}-{_mark(clip)}")
        elif count[clip_id] > 1:
            clip_id = f"{clip_id}-{_mark(clip)}"
        named[clip_id] = clip  # the same content twice under one name is one clip
    return named


def _mark(clip: Clip) -> str:
    """Give what tells a clip from others of its name: its content, or its place where it has none."""
    return (clip.digest or hashlib.sha256(str(clip.path).encode()).hexdigest())[:8]


class Digests:
    """sha256 of videos, remembered by path, size and time of change."""

    def __init__(self, workspace: Workspace, stage: str) -> None:
        self.path = workspace.folder(stage) / _REMEMBERED
        self.known: dict[str, list[int | str]] = {}
        self.changed = False
        if self.path.is_file():
            try:
                self.known = dict(json.loads(self.path.read_text()))
            except (OSError, ValueError, TypeError):
                self.known = {}  # only a memory: it is made again

    def of(self, video: Path) -> str:
        """Give the digest of a file's content; "" where it cannot be read: it then fails by itself, and is named."""
        try:
            return self._of(video)
        except (OSError, InputMissing):
            return ""

    def _of(self, video: Path) -> str:
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
