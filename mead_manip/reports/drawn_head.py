"""Coefficients of a clip -> meshes that can be drawn over its frames, whichever face model they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int32

from mead_manip.artifacts.schemas import Reconstruction
from mead_manip.models.face_model import HeadModel
from mead_manip.models.posed_faces import face_model_of, posed

_HEAD = 0.5  # of the neck weight: what turns with the head; the bust below it is not fitted


@dataclass(frozen=True)
class DrawnHead:
    """One frame: the mesh in model space, turned as the head is, and the camera that sees it."""

    vertices: Float32[np.ndarray, "vertex xyz=3"]
    triangles: Int32[np.ndarray, "triangle corner=3"]
    skin: Int32[np.ndarray, "skin_triangle corner=3"]  # those of `triangles` that a wire frame shows
    colours: Float32[np.ndarray, "vertex rgb=3"]  # normalised mean face coordinates
    camera: Float32[np.ndarray, " camera=3"]
    landmarks_px: Float32[np.ndarray, "68 2"]  # iBUG-68, pixels of the frame


def drawn_heads(clip: Reconstruction, frames: list[int], flame: Path | None = None) -> list[DrawnHead]:
    """Give some frames of a clip as meshes; `flame` is the file that FLAME's coefficients were made with."""
    model = face_model_of(clip.face_model, flame)
    triangles = model.triangles.numpy().astype(np.int32)
    skin = np.ones(len(triangles), bool)
    if isinstance(model, HeadModel):
        of_head = (model.neck_weight.numpy() > _HEAD)[triangles].all(axis=1)
        skin = (model.triangle_part.numpy() == model.part_names.index("skin"))[of_head]
        triangles = triangles[of_head]
    colours = model.nmfc().numpy()
    heads = []
    for frame in frames:
        vertices, landmarks = posed(model, clip, slice(frame, frame + 1))
        heads.append(DrawnHead(vertices[0], triangles, triangles[skin], colours, clip.camera[frame], landmarks[0]))
    return heads
