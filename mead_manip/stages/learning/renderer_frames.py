"""Videos, FaceTracks, Reconstructions -> the frames that a renderer learns from

Pictures are cut out of the videos once, into a temporary file without a name; geometry is drawn when it is wanted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import UInt8

from mead_manip.artifacts.schemas import FaceTrack, Reconstruction
from mead_manip.errors import MediaError
from mead_manip.media.spool import Spool
from mead_manip.media.video import read_frames
from mead_manip.models.face_renderer import Architecture, composited, conditioning, geometry
from mead_manip.models.posed_faces import FaceModel
from mead_manip.rendering.conditioning_face import FaceSurface
from mead_manip.rendering.face_view import Drawn, FacePainter, MeanColours
from mead_manip.stages.editing.face_views import ClipFaces, as_view
from mead_manip.stages.running.runner import Progress
from mead_manip.training.renderer import Moment, mouth_side
from mead_manip.training.renderer_sequences import Piece, Shot

HELD_OUT = 0.1  # the end of every video
COLOURED = 48  # frames from which a person's mean colours are taken
BLOCK = 100  # frames that are left out together where there are too many
MOUTH_POINTS = slice(48, 68)


@dataclass(frozen=True)
class Clip:
    """One video of one person."""

    clip_id: str
    video: Path
    track: FaceTrack
    found: Reconstruction


@dataclass(frozen=True)
class Split:
    """Shots to learn from, and shots that are held out."""

    training: list[Shot]
    held_out: list[Shot]


def split_of(clips: Sequence[Clip], most_frames: int) -> Split:
    """Cut every clip into shots of visible frames, its end held out; of long clips blocks are left out evenly."""
    split = Split([], [])
    for number, clip in enumerate(clips):
        n_frames = len(clip.track.visible)
        border = round(n_frames * (1 - HELD_OUT))
        edges = {0, border, n_frames, *clip.track.cuts.tolist()}
        changes = np.flatnonzero(np.diff(clip.track.visible.astype(np.int8))) + 1
        edges |= set(changes.tolist())
        ordered = sorted(edges)
        shots = [Shot(number, a, b) for a, b in pairwise(ordered) if clip.track.visible[a]]
        split.training.extend(_thinned([s for s in shots if s.start < border], most_frames // len(clips)))
        split.held_out.extend(_shortened([s for s in shots if s.start >= border], most_frames // len(clips)))
    return split


def _thinned(shots: list[Shot], most: int) -> list[Shot]:
    """Keep blocks of frames that are spread evenly over the shots."""
    if sum(shot.end - shot.start for shot in shots) <= most:
        return shots
    blocks = [
        Shot(shot.video, start, min(start + BLOCK, shot.end))
        for shot in shots
        for start in range(shot.start, shot.end, BLOCK)
    ]
    kept = np.unique(np.linspace(0, len(blocks) - 1, max(1, most // BLOCK)).astype(int))
    return [blocks[k] for k in kept]


def _shortened(shots: list[Shot], most: int) -> list[Shot]:
    """Keep the first frames, a tenth of what is learned from at most."""
    kept, left = [], max(BLOCK, most // 10)
    for shot in shots:
        end = min(shot.end, shot.start + left)
        if end > shot.start:
            kept.append(Shot(shot.video, shot.start, end))
            left -= end - shot.start
    return kept


@dataclass(frozen=True)
class RendererFrames:
    """The frames of several clips, ready to be shown to networks."""

    faces: list[ClipFaces]
    painters: list[FacePainter]
    squares: list[np.ndarray]  # of every clip, those frames that are used
    rows: list[dict[int, int]]  # of every clip, where its frames lie in `squares`
    actings: list[np.ndarray]  # of every clip, frames whose acting may lend its outline to a mask
    appearance: UInt8[np.ndarray, "person vertex 3"]
    architecture: Architecture
    jitter: float = 0.0

    @classmethod
    def read(
        cls,
        clips: Sequence[Clip],
        split: Split,
        model: FaceModel,
        surface: FaceSurface,
        architecture: Architecture,
        progress: Progress,
    ) -> RendererFrames:
        """Cut the squares out of the videos."""
        faces, squares, rows, actings, colours = [], [], [], [], []
        for number, clip in enumerate(clips):
            clip_faces = ClipFaces(clip.found, clip.track, model, architecture.size)
            learned = _frames([shot for shot in split.training if shot.video == number])
            wanted = set(learned) | set(_frames([shot for shot in split.held_out if shot.video == number]))
            found = _Cut.out_of(clip, clip_faces, wanted, learned, surface, progress)
            faces.append(clip_faces)
            squares.append(found.squares)
            rows.append(found.rows)
            actings.append(np.array(learned))
            colours.append(found.colours)
        painters = [FacePainter(surface, of_person) for of_person in colours]
        return cls(faces, painters, squares, rows, actings, np.stack(colours), architecture)

    def jittered(self, jitter: float) -> RendererFrames:
        """Give the same frames with geometry that is moved a little at random."""
        return dataclasses.replace(self, jitter=jitter)

    def moment(self, pieces: Sequence[Piece], offset: int, device: torch.device) -> Moment:
        """Give the frame `offset` of every piece."""
        squares, drawn, mouths = [], [], []
        for piece in pieces:
            index = piece.start + offset
            rng = np.random.default_rng((piece.seed, offset))
            square, picture, mouth = self._drawn(piece.shot.video, index, rng)
            squares.append(square)
            drawn.append(self._moved(picture, rng))
            mouths.append(mouth)
        view = as_view(drawn, device)
        own = geometry(self.architecture, view)
        recent = [self._earlier(pieces, offset, lag, device) for lag in range(self.architecture.n_frames - 1, 0, -1)]
        whole = torch.from_numpy(np.stack(squares)).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1
        target = composited(self.architecture, whole, view)
        return Moment(view, conditioning(self.architecture, [*recent, own], view), own, target, mouths)

    def _drawn(self, video: int, index: int, rng: np.random.Generator) -> tuple[np.ndarray, Drawn, tuple[int, int]]:
        """Draw a frame; its mask also covers the face as it acted in some other frame, as masks of edits do."""
        faces = self.faces[video]
        other = int(rng.choice(self.actings[video]))
        own, lent = faces.faces(index, [(faces.found, index), (faces.found, other)])
        square = self.squares[video][self.rows[video][index]]
        side = mouth_side(self.architecture)
        middle = np.median(own.landmarks_px[MOUTH_POINTS], axis=0) - side / 2
        x, y = (int(v) for v in np.clip(np.rint(middle), 0, len(square) - side))
        return square, self.painters[video].draw(square, own, [lent.landmarks_px]), (x, y)

    def _earlier(self, pieces: Sequence[Piece], offset: int, lag: int, device: torch.device) -> torch.Tensor:
        """Draw the geometry of frames before; before the beginning of a shot stands its first frame."""
        drawn = []
        for piece in pieces:
            index = max(piece.start + offset - lag, piece.shot.start)
            rng = np.random.default_rng((piece.seed, offset, lag))
            drawn.append(self._moved(self._drawn(piece.shot.video, index, rng)[1], rng))
        return geometry(self.architecture, as_view(drawn, device))

    def _moved(self, drawn: Drawn, rng: np.random.Generator) -> Drawn:
        """Shift and scale every picture of geometry by itself, as NED does in training."""
        if not self.jitter:
            return drawn
        moved = {}
        for name in ("nmfc", "shape", "eyes"):
            picture = getattr(drawn, name)
            size = len(picture)
            scale, shift = 1 + rng.uniform(-self.jitter, self.jitter), rng.uniform(-self.jitter, self.jitter, 2) * size
            matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
            matrix[:, 2] += (1 - scale) * size / 2
            moved[name] = cv2.warpAffine(picture, matrix, (size, size), flags=cv2.INTER_LINEAR)
        return drawn._replace(**moved)


@dataclass(frozen=True)
class _Cut:
    """What one pass over a video gives."""

    squares: np.ndarray
    rows: dict[int, int]
    colours: UInt8[np.ndarray, "vertex 3"]

    @classmethod
    def out_of(
        cls,
        clip: Clip,
        faces: ClipFaces,
        wanted: set[int],
        learned: Sequence[int],
        surface: FaceSurface,
        progress: Progress,
    ) -> _Cut:
        picked = np.linspace(0, len(learned) - 1, min(COLOURED, len(learned))).astype(int)
        coloured = {learned[k] for k in picked}
        rows: dict[int, int] = {}
        mean = MeanColours(len(surface.colours), surface.triangles)
        last = max(wanted) + 1
        with ExitStack() as stack:
            spool = stack.enter_context(Spool(np.uint8, faces.size, faces.size, 3))
            frames = progress.clips(read_frames(clip.video, end=last), last, f"frames of {clip.clip_id}")
            for index, _, rgb in frames:
                if index not in wanted:
                    continue
                square = faces.cut(rgb, index)
                rows[index] = len(rows)
                spool.add(square)
                if index in coloured:
                    mean.add(square, faces.face(index))
            if len(rows) < len(wanted):
                raise MediaError(
                    f"{clip.video}: fewer frames than its face track",
                    expected=f"{len(clip.track.visible)}",
                    remedy="run `mead-manip preprocess --force` on it",
                )
            return cls(spool.array(), rows, mean.colours())


def _frames(shots: Sequence[Shot]) -> list[int]:
    return [index for shot in shots for index in range(shot.start, shot.end)]
