"""The three swappable models, as protocols. A backend has a cheap identity and loads its weights on first use."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, UInt8

from mead_manip.artifacts.schemas import FaceTrack, Reconstruction

# A tracking detector searches the whole frame where the index is a multiple of this: for new faces, and so that none
# drifts for good.
LOOK_AGAIN = 10


@dataclass(frozen=True)
class Detection:
    """One face in one frame, all in pixels of the frame."""

    landmarks_px: Float32[np.ndarray, "68 2"]  # iBUG-68
    box_px: Float32[np.ndarray, " 4"]  # x0 y0 x1 y1
    score: float  # confidence, 0..1
    pupils_px: Float32[np.ndarray, "eye=2 2"] | None = None  # of the eyes at points 36-41, 42-47; None: not measured
    mesh_px: Float32[np.ndarray, "mesh 2"] | None = None  # `n_mesh` denser points of a detector that has them


@runtime_checkable
class LandmarkDetector(Protocol):
    """Find faces and their 68 landmarks. The same frames, hints and `first` give the same faces: nothing is kept."""

    @property
    def name(self) -> str:
        """Name in the registry."""

    @property
    def digest(self) -> str:
        """Identity for the cache key: name and digest of the weights, told without loading them."""

    @property
    def n_mesh(self) -> int:
        """How many points `mesh_px` has; 0 where it is None."""

    def detect(
        self,
        frames: Sequence[UInt8[np.ndarray, "_ _ 3"]],
        hints: Sequence[Float32[np.ndarray, "68 2"]] = (),
        first: int = 0,
    ) -> list[list[Detection]]:
        """Give every face of every RGB frame, the largest first; who is who over time is the caller's business.

        The frames follow each other. `hints` are landmarks of the faces known just before the first of them, which a
        tracking detector follows; none after a cut. `first` is that frame's index in its video: a detector that looks
        at a whole frame only every n-th time does so where the index is a multiple of n, so that the faces of a video
        do not depend on the lengths of the calls.
        """

    def close(self) -> None:
        """Let go of what is held; `detect` takes it up again."""


def largest_first(faces: Iterable[Detection]) -> list[Detection]:
    """Sort the faces of a frame by the area of their boxes."""
    return sorted(faces, key=lambda face: -float(np.prod(face.box_px[2:] - face.box_px[:2])))


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

    def prepared(self, images: Sequence[np.ndarray]) -> Any:
        """Turn RGB face crops into what the image tower takes, one after another along its first axis."""

    def embedded(self, pixels: Any) -> Float32[np.ndarray, "image feature"]:
        """Embed prepared crops, of several calls if need be; rows have unit length."""

    def image_features(self, images: Sequence[np.ndarray]) -> Float32[np.ndarray, "image feature"]:
        """Embed RGB face crops; rows have unit length."""

    def prompt_features(self, prompts: Sequence[str]) -> Float32[np.ndarray, "prompt feature"]:
        """Embed prompts; rows have unit length."""
