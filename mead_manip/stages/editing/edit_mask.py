"""--mask, a video -> what lies in front of its faces: mattes that were given, what is found to pass, or nothing"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from mead_manip.errors import UsageError
from mead_manip.media.mattes import Matte, Mattes, find_mattes
from mead_manip.stages.editing.edit_faces import Face
from mead_manip.stages.editing.edit_frames import Frame
from mead_manip.stages.editing.edit_settings import AUTO_MASK, NO_MASK, Source
from mead_manip.stages.editing.mask_finder import FINDER_VERSION, MaskFinder
from mead_manip.stages.editing.retarget import mesh_of


@dataclasses.dataclass(frozen=True)
class Mask:
    """What `--mask` means for one source."""

    name: str = NO_MASK
    mattes: Mattes | None = None
    still: bool = False  # of a picture: its frames are all the same

    @property
    def params(self) -> dict[str, Any]:
        """Give what decides the result beside the content of mattes; nothing without a mask."""
        if self.name == NO_MASK:
            return {}
        return {"mask": f"{AUTO_MASK}/{FINDER_VERSION}" if self.name == AUTO_MASK else self.name}

    @property
    def inputs(self) -> dict[str, str]:
        """Give the digest of mattes, for the result's own key."""
        return {} if self.mattes is None else {"mask": self.mattes.digest}

    def check(self, n_frames: int, width: int, height: int) -> None:
        """Refuse mattes of another number or size than the frames'."""
        if self.mattes is not None:
            self.mattes.check(n_frames, width, height)

    def along(self, frames: Iterator[Frame], first: int = 0) -> Iterator[Frame]:
        """Give frames from number `first` on with their mattes."""
        if self.mattes is None:
            return frames
        if self.still:
            front = self.of_picture()
            return (dataclasses.replace(frame, front=front) for frame in frames)
        return (dataclasses.replace(frame, front=matte) for frame, matte in self.mattes.beside(frames, first))

    def with_finders(self, faces: list[Face]) -> list[Face]:
        """Give the faces with what finds what passes before them, where that was asked for; not in a picture."""
        if self.name != AUTO_MASK or self.still:
            return faces
        return [
            dataclasses.replace(f, passing=MaskFinder(f.before, f.track, f.model, mesh_of(f.model).surface))
            for f in faces
        ]

    def of_picture(self) -> Matte | None:
        """Give the matte of a picture."""
        return None if self.mattes is None else next(self.mattes.frames())


UNMASKED = Mask()


def mask_of(given: str, source: Source) -> Mask:
    """Find the mask of one source; {stem} stands for its name."""
    if given == NO_MASK:
        return UNMASKED
    if not given:
        raise UsageError("--mask without a name", expected="none, auto, a video, pictures or a picture")
    if given == AUTO_MASK:
        return Mask(AUTO_MASK, still=source.is_picture)
    return Mask("mattes", find_mattes(given.replace("{stem}", source.path.stem)), source.is_picture)


__all__ = ["UNMASKED", "Mask", "mask_of"]
