"""Source and edits of several runs -> one labelled picture, and one video, with a record of what they show"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from mead_manip import files
from mead_manip.artifacts import store
from mead_manip.artifacts.schemas import FaceTrack, Reconstruction
from mead_manip.artifacts.workspace import Workspace
from mead_manip.config import CompareConfig
from mead_manip.errors import UsageError
from mead_manip.geometry import fill_invisible
from mead_manip.media.images import encode
from mead_manip.media.video import probe, read_frames, read_times, writer_like
from mead_manip.reports.edit_figure import head_of, heads_at
from mead_manip.reports.figure import labelled_grid, square
from mead_manip.stages.editing.edit_video import COMMENT
from mead_manip.stages.running.runner import Progress

AT_REST = 0.3  # share of the frames whose jaw is taken to rest: speech would hide what an emotion does to the mouth
CANDIDATES = 12  # frames of them that are looked at
LOOK = 64  # pixels, to compare frames

Rows = Mapping[str, Sequence[Path]]  # title of a run -> source and edits


@dataclass(frozen=True)
class Scene:
    """What is shown, and where the face is in it."""

    video: Path
    rows: Rows
    columns: tuple[str, ...]
    boxes_px: Float32[np.ndarray, "frame 4"]
    times: Float64[np.ndarray, " frame"]  # seconds
    resting: list[int]  # frames in which the mouth rests

    @classmethod
    def load(cls, workspace: Workspace, clip_id: str, video: Path, rows: Rows, columns: tuple[str, ...]) -> Scene:
        track = store.load(FaceTrack, workspace.path("preprocess", clip_id))
        found = store.load(Reconstruction, workspace.path("reconstruct3d", clip_id))
        times = read_times(video)[: len(track.visible)]
        boxes = fill_invisible(track.boxes_px, track.visible)
        return cls(video, rows, columns, boxes, times, resting_frames(found))

    def frame_at(self, text: str) -> int:
        """Give the frame that is shown at a second."""
        try:
            second = float(text)
        except ValueError:
            second = -1.0
        if not 0 <= second <= self.times[-1]:
            raise UsageError(f"--at {text!r}", expected=f"seconds within the video: 0 to {self.times[-1]:.2f}")
        return int(np.searchsorted(self.times, second, side="right")) - 1

    def telling_frame(self) -> int:
        """Give the frame whose edits differ most from the source among those whose mouth rests."""
        source = self._looks(self.video)
        edits = [self._looks(path) for videos in self.rows.values() for path in videos if path != self.video]
        change = np.mean([np.abs(edit - source).mean(axis=(1, 2, 3)) for edit in edits], axis=0)
        return self.resting[int(change.argmax())]

    def _looks(self, path: Path) -> Float32[np.ndarray, "candidate y x rgb"]:
        wanted = set(self.resting)
        frames = read_frames(path, self.resting[0], self.resting[-1] + 1, quick=True)
        heads = [square(head_of(rgb, self.boxes_px[k]), LOOK) for k, _, rgb in frames if k in wanted]
        return np.stack(heads).astype(np.float32)


def resting_frames(found: Reconstruction) -> list[int]:
    """Give frames from all over a clip in which the face is seen and the jaw is least open."""
    seen = np.flatnonzero(found.visible)
    opening = found.jaw_pose[seen, 0]
    calm = seen[opening <= np.quantile(opening, AT_REST)]
    return [int(k) for k in np.unique(calm[np.linspace(0, len(calm) - 1, CANDIDATES).round().astype(int)])]


class Sheet:
    """The figure and the film of a scene on disk, with a record of what they were made from."""

    def __init__(self, scene: Scene, config: CompareConfig, folder: Path, key: str) -> None:
        self.scene, self.config, self.key = scene, config, key
        stem = f"{scene.video.stem}_compare"
        moments = {text: f"{stem}_{text}s.png" if len(config.at) > 1 else f"{stem}.png" for text in config.at}
        self.pictures = {folder / name: scene.frame_at(text) for text, name in moments.items()}
        self.single = folder / f"{stem}.png"  # where no moment was asked for
        self.film = folder / f"{stem}.mp4" if config.film else None
        self.record = folder / f"{stem}.json"

    @property
    def outputs(self) -> list[Path]:
        """Give the files that are shown."""
        return [*(self.pictures or [self.single]), *([self.film] if self.film else [])]

    @property
    def names(self) -> list[str]:
        """Give their names."""
        return [path.name for path in self.outputs]

    def is_fresh(self) -> bool:
        """Tell whether they are on disk as they would be written."""
        try:
            known = json.loads(self.record.read_text(encoding="utf-8"))
            digests = {path.name: files.digest(path) for path in self.outputs if path.is_file()}
            return bool(known["key"] == self.key and known["sha256"] == digests and len(digests) == len(self.outputs))
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def write(self, progress: Progress) -> None:
        """Draw them."""
        scene, cell = self.scene, self.config.cell
        pictures = self.pictures or {self.single: scene.telling_frame()}
        for path, index in pictures.items():
            figure = heads_at(scene.rows, scene.columns, index, scene.boxes_px[index], cell)
            with files.atomic(path) as temporary:
                temporary.write_bytes(encode(figure, "png"))
        if self.film:
            self._write_film(self.film, progress)
        moments = {path.name: round(float(scene.times[index]), 3) for path, index in pictures.items()}
        record = {
            "key": self.key,
            "sha256": {path.name: files.digest(path) for path in self.outputs},
            "seconds": moments,
            "edits": {title: [str(path) for path in videos[1:]] for title, videos in scene.rows.items()},
        }
        with files.atomic(self.record) as temporary:
            temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")

    def _write_film(self, out: Path, progress: Progress) -> None:
        scene = self.scene
        edits = [path for videos in scene.rows.values() for path in videos[1:]]
        together = zip(read_frames(scene.video), *(read_frames(path) for path in edits), strict=True)
        info = probe(scene.video)
        blank = np.zeros((info.height, info.width, 3), np.uint8)
        height, width = self._grid([blank] * (1 + len(edits)), 0).shape[:2]
        comment = f"{COMMENT}: {', '.join(scene.columns[1:])}"
        with writer_like(out, info, width=width, height=height, comment=comment) as writer:
            for frames in progress.clips(together, len(scene.boxes_px), f"film {out.name}"):
                index, pts, _ = frames[0]
                writer.write(self._grid([rgb for _, _, rgb in frames], index), pts)

    def _grid(self, frames: Sequence[UInt8[np.ndarray, "_ _ 3"]], index: int) -> UInt8[np.ndarray, "_ _ 3"]:
        """Lay out one frame: the source, then the edits row by row."""
        source, *edits = (head_of(rgb, self.scene.boxes_px[index]) for rgb in frames)
        count = len(self.scene.columns) - 1
        rows = {title: [source, *edits[k * count : (k + 1) * count]] for k, title in enumerate(self.scene.rows)}
        return labelled_grid(rows, self.scene.columns, self.config.cell)
