"""Frames of a video + the trained renderer of its faces -> frames in which those faces act as planned

What a network draws depends on what it drew before: frames go through it one after the other, while threads draw the
geometry of the next ones and put the last ones into their frames.
"""

from __future__ import annotations

import collections
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float32

from mead_manip.artifacts import store
from mead_manip.artifacts.schemas import FaceTrack, Reconstruction, RendererWeights
from mead_manip.models.edited_skin import for_edits
from mead_manip.models.face_film import FaceFilm, as_bytes, next_frames, share_of
from mead_manip.models.face_renderer import FaceGenerator
from mead_manip.models.posed_faces import FaceModel
from mead_manip.rendering.face_blend import Mask, Square, blended, moved_share
from mead_manip.rendering.face_view import Drawn, FacePainter, pasted
from mead_manip.rendering.occlusion import Matte, drawn_behind, uncovered
from mead_manip.stages.editing.face_views import ClipFaces, as_view, surface_of
from mead_manip.stages.editing.retarget import Passing, Rgb, changed_frames, presence

WARM_UP = 8  # frames drawn before a single one that is asked for: what a network remembers reaches hardly further


@runtime_checkable
class Frame(Protocol):
    """A frame of the source."""

    @property
    def index(self) -> int:
        """Give its number in the video."""

    @property
    def rgb(self) -> Rgb:
        """Give its pixels."""

    @property
    def front(self) -> Matte | None:
        """Give the matte of what lies in front of its faces, where one was given."""


F = TypeVar("F", bound=Frame)


@dataclass(frozen=True)
class NeuralFace:
    """A face of a clip and the network that was trained on it."""

    generator: FaceGenerator
    device: torch.device
    painter: FacePainter
    faces: ClipFaces

    @classmethod
    def load(
        cls,
        weights: RendererWeights,
        generator: FaceGenerator,
        row: int,
        clip: tuple[Reconstruction, FaceTrack, FaceModel],
        flame: Path,
        device: torch.device,
    ) -> NeuralFace:
        """Bring person `row` of a renderer and a clip together."""
        painter = FacePainter(surface_of(weights.face_model, flame), weights.appearance[row])
        found, track, model = clip
        return cls(generator, device, painter, ClipFaces(found, track, for_edits(model), generator.architecture.size))


def load_generator(path: Path, device: torch.device) -> tuple[RendererWeights, FaceGenerator]:
    """Read a trained renderer."""
    weights = store.load(RendererWeights, path)
    generator = FaceGenerator.from_arrays(weights.parameters, weights.config).to(device)
    return weights, generator.to(memory_format=torch.channels_last) if device.type == "cuda" else generator


class Sight(NamedTuple):
    """What is known of a face in a frame before it is drawn."""

    view: Drawn  # for the network
    square: Square  # of the frame
    moved: Float32[np.ndarray, "coarse coarse"]  # how far the edit moves what is seen there
    front: Matte | None = None  # of the frame: what lies in front of the face


class NeuralRetargeter:
    """Turn the frames of a clip into those of the same face with other coefficients, one after the other."""

    def __init__(
        self,
        before: Reconstruction,
        after: Reconstruction,
        track: FaceTrack,
        face: NeuralFace,
        passing: Passing | None = None,
    ) -> None:
        self.before, self.after, self.track, self.face, self.passing = before, after, track, face, passing
        self.changes = changed_frames(before, after)
        drawn = self.changes & track.visible
        self.starts = starts_of(drawn, track)
        self.share = shares_of(drawn, track)

    def first_needed(self, index: int) -> int:
        """Give the frame from which to draw so that frame `index` comes out as in the whole video, nearly."""
        begun = np.flatnonzero(self.starts[: index + 1])
        return max(index - WARM_UP, int(begun[-1]) if len(begun) else index)

    def sight(self, index: int, frame: Rgb, front: Matte | None = None) -> Sight:
        """Draw what the network sees of frame `index`, without what lies in front of the face; any thread may."""
        old, new = self.face.faces.faces(index, [(self.before, index), (self.after, index)])
        if self.passing is not None:
            front = self.passing.matte(index, frame.shape[:2])
        square = self.face.faces.cut(uncovered(frame, front, self.track.landmarks_px[index]), index)
        moved = moved_share(old, new, self.face.painter.surface.triangles, len(square))
        return Sight(self.face.painter.draw(square, new, [old.landmarks_px]), square, moved, front)

    def paste(self, index: int, frame: Rgb, sight: Sight, drawn: Square, mask: Mask) -> Rgb:
        """Put what was drawn into frame `index`; what the mask leaves out stays the very same bytes."""
        square, share = blended(drawn, sight.square, mask, self.share[index] * sight.moved)
        image_from_frame = self.face.faces.image_from_frame[index]
        return drawn_behind(
            frame,
            sight.front,
            self.track.landmarks_px[index],
            lambda clean: pasted(clean, square, share, image_from_frame),
        )


def starts_of(drawn: Bool[np.ndarray, " frame"], track: FaceTrack) -> Bool[np.ndarray, " frame"]:
    """Tell where the network begins anew: after a cut, and wherever nothing was drawn of the frame before."""
    fresh = np.ones(len(drawn), bool)
    fresh[1:] = ~drawn[:-1]
    fresh[track.cuts] = True
    return drawn & fresh


def shares_of(drawn: Bool[np.ndarray, " frame"], track: FaceTrack) -> Float32[np.ndarray, " frame"]:
    """Give how much of what was drawn shows: it comes and goes softly within a shot, and at once with a cut."""
    return presence(drawn, track.cuts)


def filmed(edits: Sequence[Sequence[NeuralRetargeter]], frames: Iterator[F]) -> Iterator[tuple[F, list[Rgb]]]:
    """Give every frame with the edits of it, in order; all faces and edits of a frame are one batch."""
    films = [[FaceFilm() for _ in edit] for edit in edits]
    threads = os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool, ThreadPoolExecutor(1) as network:

        def draw(frame: F, heads: list[_Head], looks: list[Future[Sight]]) -> list[Future[Rgb]]:
            sights = [look.result() for look in looks]
            squares = _drawn(heads, sights)
            return [pool.submit(_pasted, frame, heads, sights, squares, edit) for edit in range(len(edits))]

        waiting: collections.deque[tuple[F, Future[list[Future[Rgb]]]]] = collections.deque()
        last: int | None = None
        for frame in frames:
            jumped, last = last is not None and frame.index != last + 1, frame.index
            heads = [
                _Head(edit, face, film, bool(face.starts[frame.index]) or jumped)
                for edit, (faces, kept) in enumerate(zip(edits, films, strict=True))
                for face, film in zip(faces, kept, strict=True)
                if face.share[frame.index] > 0
            ]
            looks = [pool.submit(head.retargeter.sight, frame.index, frame.rgb, frame.front) for head in heads]
            waiting.append((frame, network.submit(draw, frame, heads, looks)))
            if len(waiting) > 2 * threads:
                yield _finished(*waiting.popleft())
        while waiting:
            yield _finished(*waiting.popleft())


# ---- below: one frame ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Head:
    """A face in one edit of one frame."""

    edit: int
    retargeter: NeuralRetargeter
    film: FaceFilm
    begins: bool  # anew: a cut, a face that was not there, frames left out


def _finished(frame: F, drawn: Future[list[Future[Rgb]]]) -> tuple[F, list[Rgb]]:
    return frame, [edit.result() for edit in drawn.result()]


def _drawn(heads: list[_Head], sights: list[Sight]) -> dict[int, tuple[Square, Mask]]:
    """Let each network draw its faces; the key is a head's place in the list."""
    squares: dict[int, tuple[Square, Mask]] = {}
    for generator in dict.fromkeys(head.retargeter.face.generator for head in heads):
        rows = [k for k, head in enumerate(heads) if head.retargeter.face.generator is generator]
        for head in (heads[k] for k in rows):
            if head.begins:
                head.film.restart()
        view = as_view([sights[k].view for k in rows], heads[rows[0]].retargeter.face.device)
        drawn = as_bytes(next_frames(generator, [heads[k].film for k in rows], view)).cpu().numpy()
        share = (255 * share_of(view.mask)[:, 0]).round().to(torch.uint8).cpu().numpy()
        squares |= {k: (drawn[row], share[row]) for row, k in enumerate(rows)}
    return squares


def _pasted(
    frame: Frame, heads: list[_Head], sights: list[Sight], squares: dict[int, tuple[Square, Mask]], edit: int
) -> Rgb:
    """Put the faces of one edit into its frame; those that overlap lie one over the other."""
    rgb = frame.rgb
    for k, head in enumerate(heads):
        if head.edit == edit:
            rgb = head.retargeter.paste(frame.index, rgb, sights[k], *squares[k])
    return rgb


__all__ = ["NeuralFace", "NeuralRetargeter", "filmed", "load_generator"]
