"""The three swappable models, as protocols. A backend has a cheap identity and loads its weights on first use."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, UInt8

from mead_manip.artifacts.schemas import FaceTrack, Reconstruction


@dataclass(frozen=True)
class Detection:
    """One face in one frame."""

    landmarks_px: Float32[np.ndarray, "68 2"]  # iBUG-68, pixels of the frame
    box_px: Float32[np.ndarray, " 4"]  # x0 y0 x1 y1
    score: float  # confidence, 0..1
    n_faces: int = 1  # how many faces the frame shows


@runtime_checkable
class LandmarkDetector(Protocol):
    """Find the face and its 68 landmarks."""

    @property
    def name(self) -> str:
        """Name in the registry."""

    @property
    def digest(self) -> str:
        """Identity for the cache key: name and digest of the weights, told without loading them."""

    def detect(
        self, frames: list[UInt8[np.ndarray, "_ _ 3"]], hints: Sequence[np.ndarray | None] | None = None
    ) -> list[Detection | None]:
        """Give one detection per RGB frame, None where no face is seen.

        The frames follow each other; `hints[0]` are the landmarks (68, 2) that were seen last before the first of them.
        """

    def close(self) -> None:
        """Let go of what is held; `detect` takes it up again."""


@runtime_checkable
class Reconstructor(Protocol):
    """Fit a face model to a tracked face."""

    @property
    def name(self) -> str:
        """Name in the registry."""

    @property
    def digest(self) -> str:
        """Identity for the cache key: name and digest of the weights, told without loading them."""

    def reconstruct(self, track: FaceTrack, at_rest: Sequence[FaceTrack] = ()) -> Reconstruction:
        """Give the coefficients of a whole clip; `at_rest` are neutral clips of the same person, to tell who it is."""


@runtime_checkable
class EmotionScorer(Protocol):
    """Tell how much each emotion a face shows."""

    @property
    def name(self) -> str:
        """Name in the registry."""

    @property
    def digest(self) -> str:
        """Identity for the cache key: name and digest of the weights, told without loading them."""

    def probabilities(self, images: list[UInt8[np.ndarray, "256 256 3"]]) -> Float32[np.ndarray, "image class"]:
        """Give the class probabilities of each RGB face crop."""


@runtime_checkable
class ZeroShotScorer(EmotionScorer, Protocol):
    """An emotion scorer that compares images with text: both features can be kept and compared again."""

    model: str
    pretrained: str
    precision: str

    def logit_scale(self) -> float:
        """Give the factor from cosine to logit, as trained. (No property: protocol checks read those, this loads.)"""

    def check(self) -> None:
        """Refuse an unknown model by name, without loading weights."""

    def image_features(self, images: Sequence[np.ndarray]) -> Float32[np.ndarray, "image feature"]:
        """Embed RGB face crops; rows have unit length."""

    def prompt_features(self, prompts: Sequence[str]) -> Float32[np.ndarray, "prompt feature"]:
        """Embed prompts; rows have unit length."""
