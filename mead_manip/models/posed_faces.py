"""Reconstruction -> vertices and landmarks, whichever face model its coefficients belong to."""

from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from mead_manip import files
from mead_manip.artifacts import store
from mead_manip.artifacts.schemas import FlameAsset, Reconstruction
from mead_manip.errors import InputMissing, UsageError
from mead_manip.models.face_model import load_head
from mead_manip.models.flame import flame_model_from
from mead_manip.models.rigid import project

FLAME_PREFIX = "flame"


@runtime_checkable
class FaceModel(Protocol):
    """What HeadModel and FlameModel share."""

    triangles: Tensor

    def __call__(
        self,
        identity: Float[Tensor, "#batch identity"],
        expression: Float[Tensor, "#batch coef"] | None = None,
        jaw_pose: Float[Tensor, "#batch 3"] | None = None,
        eyelids: Float[Tensor, "#batch 2"] | None = None,
        gaze: Float[Tensor, "#batch 2"] | None = None,
        head_pose: Float[Tensor, "#batch 3"] | None = None,
    ) -> Float[Tensor, "batch vertex 3"]:
        """Place the vertices."""

    def landmarks(
        self, vertices: Float[Tensor, "batch vertex 3"], head_pose: Float[Tensor, "#batch 3"] | None = None
    ) -> Float[Tensor, "batch 68 3"]:
        """Pick the iBUG-68 landmarks of posed vertices."""

    def nmfc(self) -> Float[Tensor, "vertex 3"]:
        """Colour every vertex by its place in the mean template."""


def is_flame(face_model: str) -> bool:
    """Tell whether a reconstruction's face model is FLAME, of any release."""
    return face_model.startswith(FLAME_PREFIX)


def face_model_of(face_model: str, flame: Path | None = None) -> FaceModel:
    """Give the model that `Reconstruction.face_model` names; FLAME's file has to be the one it was made with."""
    if not is_flame(face_model):
        return load_head()
    if flame is None or not flame.is_file():
        raise InputMissing(
            f"{face_model}: {flame or 'no FLAME'} does not exist",
            expected="the flame.h5 that the clip was reconstructed with",
            remedy="run `mead-manip import-flame generic_model.pkl`",
        )
    digest = face_model.rpartition("@")[2]
    if not files.digest(flame).startswith(digest):
        raise UsageError(
            f"{flame} is another FLAME than {face_model}", remedy="run `mead-manip reconstruct3d --backend deca` again"
        )
    return flame_model_from(store.load(FlameAsset, flame))


@torch.inference_mode()
def posed(
    model: FaceModel, found: Reconstruction, frames: slice = slice(None)
) -> tuple[Float32[np.ndarray, "frame vertex 3"], Float32[np.ndarray, "frame 68 2"]]:
    """Give vertices, in the model's own unit, and landmarks, in pixels of the frame, of some frames."""
    values = (found.expression, found.jaw_pose, found.eyelids, found.gaze, found.head_pose, found.camera)
    expression, jaw_pose, eyelids, gaze, head_pose, camera = (torch.from_numpy(value[frames]) for value in values)
    vertices = model(torch.from_numpy(found.identity)[None], expression, jaw_pose, eyelids, gaze, head_pose)
    return vertices.numpy(), project(model.landmarks(vertices, head_pose), camera).numpy()
