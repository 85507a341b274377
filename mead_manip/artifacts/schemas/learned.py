"""What trainings leave: the weights of networks, and how manipulators of a study did."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float16, Float32, Int32, UInt8

from mead_manip.artifacts.artifact import Artifact


@dataclass(frozen=True)
class Weights(Artifact):
    """Parameters of a network under their dotted names. The kinds below differ only in NAME."""

    NAME = "weights"
    VERSION = 1

    parameters: dict[str, np.ndarray]
    config: str  # JSON of the architecture
    facts: str  # JSON of what is worth knowing: data, losses, scores


@dataclass(frozen=True)
class ManipulatorWeights(Weights):
    """NED's manipulator. train ->"""

    NAME = "manipulator_weights"


@dataclass(frozen=True)
class LandmarkerWeights(Weights):
    """The built-in face detector and landmark network."""

    NAME = "landmarker_weights"


@dataclass(frozen=True)
class ClipWeights(Weights):
    """The built-in text-image model."""

    NAME = "clip_weights"


@dataclass(frozen=True)
class RendererWeights(Weights):
    """A neural face renderer of one person, or of many as a start for others. train renderer ->"""

    NAME = "renderer_weights"

    appearance: UInt8[np.ndarray, "person vertex rgb=3"]  # mean colours of the face model's vertices, 0 where unseen
    face_model: str
    sources: tuple[str, ...]  # whose: sha256 of the video # face, one a row of `appearance`


@dataclass(frozen=True)
class PhotometricRefiner(Artifact):
    """How pictures of the skin correct expression within a shot. training.photometric ->"""

    NAME = "photometric_refiner"
    VERSION = 1

    corners: Int32[np.ndarray, "point corner=3"]  # vertices of the head around each point that is read
    barycentric: Float16[np.ndarray, "point corner=3"]
    region: Bool[np.ndarray, "row column"]  # where the points lie in the unwrapped face, row by row
    by_picture: Float16[np.ndarray, "unit point"]  # correction per log luminance about its mean over the shot
    error: Float32[np.ndarray, " unit"]  # standard deviation of what is left on people held out
    units: tuple[str, ...]  # that are corrected
    coef_names: tuple[str, ...]
    face_model: str
    held_out: str  # JSON: correlations and slopes on people held out


@dataclass(frozen=True)
class ArmResult(Artifact):
    """How one manipulator of the downstream study did on people it never saw. evaluate-manipulator ->"""

    NAME = "arm_result"
    VERSION = 2  # 2: lips

    accuracy: Float32[np.ndarray, "source target judge"]  # share of styles from noise taken for the target
    by_reference: Float32[np.ndarray, "source target judge"]  # the same with the style of reference clips
    jaw: Float32[np.ndarray, "source target"]  # correlation of the jaw's opening with the source's
    lips: Float32[np.ndarray, "source target"]  # the same of the lips' units, their mean; NaN where none is named
    intensity: Float32[np.ndarray, "source target"]  # 1: as far from the source as real clips of the target
    jitter: Float32[np.ndarray, "source target"]  # mean second difference / the source's
    frechet: Float32[np.ndarray, " target"]  # distance of generated from real frames of the target
    mean_weight: Float32[np.ndarray, " class"]
    separation: float  # silhouette of style codes by emotion
    effective_share: float  # (sum w)^2 / (n sum w^2)
    n_clips: int  # trained on
    source_actors: tuple[str, ...]
    targets: tuple[str, ...]
    judges: tuple[str, ...]
    classes: tuple[str, ...]
    condition: str
    arm: str
    seed: int
