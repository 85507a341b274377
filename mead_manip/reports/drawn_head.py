"""Coefficients of a clip -> meshes that can be drawn over its frames, one entry a face model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int32

from mead_manip.artifacts.schemas import Reconstruction
from mead_manip.errors import UsageError
from mead_manip.models.face_model import load_head, project
from mead_manip.rendering.conditioning import template_colours

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


def drawn_head(clip: Reconstruction, frame: int) -> DrawnHead:
    """Give one frame of a clip as a mesh. UsageError for a face model that nobody here can draw."""
    name = clip.face_model.split("@")[0]
    if name not in _MODELS:
        raise UsageError(f"the face model {clip.face_model} cannot be drawn", expected="one of " + ", ".join(_MODELS))
    return _MODELS[name](clip, frame)


@torch.no_grad()
def _builtin(clip: Reconstruction, frame: int) -> DrawnHead:
    head = load_head()
    names = ("expression", "jaw_pose", "eyelids", "gaze", "head_pose", "camera")
    expression, jaw, lids, gaze, turn, camera = (
        torch.from_numpy(getattr(clip, name)[frame : frame + 1]) for name in names
    )
    vertices = head(torch.from_numpy(clip.identity)[None], expression, jaw, lids, gaze, turn)
    landmarks = project(head.landmarks(vertices, turn), camera)
    triangles, part = head.triangles.numpy().astype(np.int32), head.triangle_part.numpy()
    of_head = (head.neck_weight.numpy() > _HEAD)[triangles].all(axis=1)
    return DrawnHead(
        vertices[0].numpy(),
        triangles[of_head],
        triangles[of_head & (part == head.part_names.index("skin"))],
        template_colours(head.template.numpy()),
        clip.camera[frame],
        landmarks[0].numpy(),
    )


_MODELS = {"head.h5": _builtin}
