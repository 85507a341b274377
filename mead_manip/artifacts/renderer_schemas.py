"""What a trained face renderer leaves on disk. The conventions are those of `schemas`."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from mead_manip.artifacts.schemas import Weights


@dataclass(frozen=True)
class RendererWeights(Weights):
    """A neural face renderer of one person, or of many as a start for others. train renderer ->"""

    NAME = "renderer_weights"

    appearance: UInt8[np.ndarray, "person vertex rgb=3"]  # mean colours of the face model's vertices, 0 where unseen
    face_model: str
    sources: tuple[str, ...]  # sha256 of the videos, one a row of `appearance`
