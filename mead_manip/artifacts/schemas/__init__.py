"""Every name, dtype, axis and unit that is on disk. Field name = dataset name.

Conventions of version 1: RGB; pixel centres at integer coordinates; float32; radians; transforms named
target_from_source; time in frames and a rational fps; head space in decimetres (+y up, +z out of the face, +x the
subject's left); camera = (scale px/dm, tx px, ty px): x_px = scale X + tx, y_px = -scale Y + ty.
"""

from mead_manip.artifacts.schemas.clips import (
    ClipScores,
    FaceSightings,
    FaceTrack,
    ImageFeatures,
    PromptFeatures,
    Reconstruction,
)
from mead_manip.artifacts.schemas.heads import (
    AttachmentMesh,
    FacePrior,
    FlameAsset,
    HeadAsset,
    LandmarkConventions,
    RestingFaces,
)
from mead_manip.artifacts.schemas.learned import (
    ArmResult,
    ClipWeights,
    LandmarkerWeights,
    ManipulatorWeights,
    PhotometricRefiner,
    RendererWeights,
    Weights,
)
from mead_manip.artifacts.schemas.renders import CaptionShard, LandmarkShard, SyntheticTruth

__all__ = [
    "ArmResult",
    "AttachmentMesh",
    "CaptionShard",
    "ClipScores",
    "ClipWeights",
    "FacePrior",
    "FaceSightings",
    "FaceTrack",
    "FlameAsset",
    "HeadAsset",
    "ImageFeatures",
    "LandmarkConventions",
    "LandmarkShard",
    "LandmarkerWeights",
    "ManipulatorWeights",
    "PhotometricRefiner",
    "PromptFeatures",
    "Reconstruction",
    "RendererWeights",
    "RestingFaces",
    "SyntheticTruth",
    "Weights",
]
