"""A trained generator at work: frame after frame of several faces, each with what was drawn of it before.

Faces of one frame are one batch. A film that was just started has drawn nothing: its first geometry stands for those
before it, and grey for the pictures, as in training.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from mead_manip.models.face_renderer import (
    RGB,
    FaceGenerator,
    FaceView,
    composited,
    conditioning,
    geometry,
)


class FaceFilm:
    """What a generator has to remember of one face."""

    def __init__(self) -> None:
        self.geometry: list[Tensor] = []  # of the last frames, oldest first, (channel, height, width)
        self.drawn: list[Tensor] = []  # pictures, likewise

    def restart(self) -> None:
        """Forget: a cut, or the face was gone."""
        self.geometry, self.drawn = [], []


@torch.inference_mode()
def next_frames(
    generator: FaceGenerator, films: Sequence[FaceFilm], view: FaceView
) -> Float[Tensor, "batch 3 height width"]:
    """Draw the next frame of every film, a row of `view` each: in [-1, 1], to be mixed with the frame by `share_of`.

    What is remembered is what training fed back: the same within the frame's surroundings.
    """
    architecture = generator.architecture
    now = geometry(architecture, view)
    for film, row in zip(films, now, strict=True):
        film.geometry = (film.geometry or [row] * (architecture.n_frames - 1)) + [row]
        film.geometry = film.geometry[-architecture.n_frames :]
    recent = [torch.stack(rows) for rows in zip(*(film.geometry for film in films), strict=True)]
    grey = now.new_zeros(RGB, *now.shape[2:])
    before = [[grey] * (architecture.n_previous - len(film.drawn)) + film.drawn for film in films]
    previous = torch.stack([torch.cat(pictures) for pictures in before])
    drawn = generator(conditioning(architecture, recent, view), previous)
    for film, picture in zip(films, composited(architecture, drawn, view), strict=True):
        film.drawn = [*film.drawn, picture][-architecture.n_previous :]
    return drawn


def share_of(mask: Float[Tensor, "batch 1 height width"]) -> Float[Tensor, "batch 1 height width"]:
    """Give how much of what was drawn belongs into the frame: nothing of its rim, on which NED is not judged."""
    return (2 * mask - 1).clamp_min(0)


def as_bytes(pictures: Float[Tensor, "batch 3 height width"]) -> Tensor:
    """Round pictures in [-1, 1] to (batch, height, width, rgb) of 0..255."""
    return ((pictures.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()
