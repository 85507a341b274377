"""A video + what draws its faces -> the edited video; a run that was killed goes on where it was."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from mead_manip.artifacts.schemas import FaceTrack
from mead_manip.errors import MeadManipError
from mead_manip.media.colour import Colour
from mead_manip.media.mattes import Matte
from mead_manip.media.parts import Decoded
from mead_manip.media.video import VideoInfo, VideoWriter, read_decoded, writer_like
from mead_manip.media.video_parts import VideoParts
from mead_manip.stages.editing.edit_frames import Edit, Frame, Layout, Rgb, in_order
from mead_manip.stages.editing.edit_mask import UNMASKED, Mask
from mead_manip.stages.editing.neural_frames import WARM_UP, NeuralRetargeter
from mead_manip.stages.editing.retarget import FaceRetargeter, united
from mead_manip.stages.running.runner import Progress

COMMENT = "edited with mead-manip"


def write_video(
    info: VideoInfo,
    out: Path,
    track: FaceTrack,
    edits: Sequence[Edit],
    layout: Layout,
    progress: Progress,
    parts: VideoParts | None = None,
    mask: Mask = UNMASKED,
) -> int:
    """Write the edits of a video with its rate, time stamps, sound and subtitles; give the number of frames.

    What an earlier run left in `parts` is not drawn again.
    """
    width, height = layout.size(info)
    comment = f"{COMMENT}: {', '.join(layout.titles)}"
    cut = layout.start is not None or layout.end is not None
    with writer_like(out, info, width=width, height=height, comment=comment, cut=cut, parts=parts) as writer:
        for codec in writer.left_out:
            progress.say(f"edit: {out.suffix} cannot hold {codec} subtitles: left out; an .mkv keeps them")
        colour = info.colour if layout.plain else None
        source = _Source(_masked(_checked(_seen(info, layout), track), mask), edits, colour)
        if parts is not None and parts.n_kept:
            source.pass_by(writer, parts.n_kept)
            progress.say(f"edit: {out.name}: resuming at frame {source.next}")
        left = len(track.visible) - source.next
        for frame, drawn in progress.clips(source.drawn(parts), left, f"edit {layout.titles[0]}"):
            if frame.written:
                if frame.canvas is not None:
                    writer.write_frame(frame.canvas.patched(drawn[0], info.colour), frame.pts)
                else:
                    writer.write(layout.picture(frame.rgb, drawn), frame.pts)
        return writer.n_frames


class _Seen(NamedTuple):
    """A decoded frame, whose colours are converted only if it is drawn."""

    number: int
    pts: int
    decoded: Decoded
    written: bool
    front: Matte | None = None

    def frame(self) -> Frame:
        """Read all of it."""
        return Frame(self.number, self.pts, self.decoded.whole(), self.written, self.front)

    def canvas(self, faces: Iterable[FaceRetargeter]) -> Frame:
        """Read what the drawing of some faces looks at."""
        canvas = self.decoded.canvas(united(face.reach(self.number, self.front) for face in faces))
        return Frame(self.number, self.pts, canvas.rgb, self.written, self.front, canvas)


class _Source:
    """The frames of a video, of which the first may be drawn already.

    Of frames that are stored in `colour`, the result's, only what is drawn is read; None: all of them are read whole.
    """

    def __init__(self, frames: Iterator[_Seen], edits: Sequence[Edit], colour: Colour | None) -> None:
        self._frames, self._edits, self._colour = frames, edits, colour
        neural = any(isinstance(face, NeuralRetargeter) for edit in edits for face in edit)
        self._recent: collections.deque[_Seen] = collections.deque(maxlen=WARM_UP if neural else 0)
        self._n_written = 0
        self.next = 0  # index of the next frame to draw

    def pass_by(self, writer: VideoWriter, n_written: int) -> None:
        """Skip frames until so many are skipped that belong into the result."""
        while self._n_written < n_written:
            seen = next(self._frames)
            if seen.written:
                writer.pass_by(seen.pts)
            self._went(seen)
            self.next = seen.number + 1

    def drawn(self, parts: VideoParts | None) -> Iterator[tuple[Frame, list[Rgb]]]:
        """Draw the frames that are left."""
        for frame, drawn in in_order(self._edits, self._to_draw(parts)):
            if frame.index >= self.next:  # else it was drawn for the network's memory
                self.next = frame.index + 1
                yield frame, drawn

    def _to_draw(self, parts: VideoParts | None) -> Iterator[Frame]:
        """Give the frames; where a part begins the network forgets, and is shown the last frames before it once more.

        So it remembers the same, whether a run began with this part or not.
        """
        for seen in self._frames:
            if parts is not None and seen.written and self._n_written and self._n_written % parts.length == 0:
                yield from (before.frame() for before in self._recent)
            self._went(seen)
            yield self._read(seen)

    def _read(self, seen: _Seen) -> Frame:
        faces = [face for edit in self._edits for face in edit if isinstance(face, FaceRetargeter)]
        all_warped = len(faces) == sum(map(len, self._edits))
        if self._colour is None or not all_warped or not seen.decoded.can_be_patched(self._colour):
            return seen.frame()
        return seen.canvas(faces)

    def _went(self, seen: _Seen) -> None:
        self._n_written += seen.written
        self._recent.append(seen)


def _seen(info: VideoInfo, layout: Layout) -> Iterator[_Seen]:
    first: int | None = None
    for index, pts, decoded in read_decoded(info.path):
        first = pts if first is None else first
        yield _Seen(index, pts, decoded, layout.keeps(float((pts - first) * info.time_base)))


def _masked(frames: Iterator[_Seen], mask: Mask) -> Iterator[_Seen]:
    """Give every frame its matte."""
    if mask.mattes is None:
        return frames
    return (seen._replace(front=front) for seen, front in mask.mattes.beside(frames))


def _checked(frames: Iterator[_Seen], track: FaceTrack) -> Iterator[_Seen]:
    """Pass the frames through; a video that no longer has as many as its face track is refused."""
    count = 0
    for frame in frames:
        count += 1
        if count > len(track.visible):
            break
        yield frame
    if count != len(track.visible):
        raise MeadManipError(
            f"{track.source}: {'more' if count > len(track.visible) else count} frames",
            expected=f"{len(track.visible)} as in its face track",
            remedy="run `mead-manip preprocess --force` on it",
        )
