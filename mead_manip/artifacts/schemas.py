"""Every name, dtype, axis and unit that is on disk. Field name = dataset name.

Conventions of version 1: RGB; pixel centres at integer coordinates; float32; radians; transforms named
target_from_source; time in frames and a rational fps; head space in decimetres (+y up, +z out of the face, +x the
subject's left); camera = (scale px/dm, tx px, ty px): x_px = scale X + tx, y_px = -scale Y + ty.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64, UInt8

from mead_manip.artifacts.artifact import Artifact


@dataclass(frozen=True)
class FaceTrack(Artifact):
    """The face of one clip, frame by frame. preprocess ->"""

    NAME = "face_track"
    VERSION = 1

    face_bytes: UInt8[np.ndarray, " byte"]  # JPEG 95 of 256x256 RGB crops, one after another
    face_offsets: Int64[np.ndarray, "frame+1"]  # crop i is face_bytes[offsets[i]:offsets[i + 1]]; empty if not visible
    landmarks_px: Float32[np.ndarray, "frame 68 2"]  # iBUG-68, pixels of the frame
    boxes_px: Float32[np.ndarray, "frame 4"]  # x0 y0 x1 y1, pixels of the frame
    frame_from_crop: Float32[np.ndarray, "frame 2 3"]  # affine: crop pixels -> frame pixels
    visible: Bool[np.ndarray, " frame"]
    score: Float32[np.ndarray, " frame"]  # the detector's confidence, 0..1
    fps_num: int
    fps_den: int
    width: int  # of the frame, upright, in pixels
    height: int
    source: str  # the video as it was named
    source_digest: str  # sha256 of the video file
    actor: str  # "" where unknown, as for the labels below
    emotion: str
    view: str
    level: int  # 1..3; 0 where unknown
    sentence: int  # 0 where unknown
    landmark_backend: str


@dataclass(frozen=True)
class Reconstruction(Artifact):
    """Face-model coefficients of one clip. reconstruct3d ->"""

    NAME = "reconstruction"
    VERSION = 1

    identity: Float32[np.ndarray, " identity"]  # one person per clip
    expression: Float32[np.ndarray, "frame coef"]  # coefficients named by coef_names
    jaw_pose: Float32[np.ndarray, "frame 3"]  # axis-angle about the jaw joint; component 0 > 0 opens
    eyelids: Float32[np.ndarray, "frame 2"]  # left, right: 0 open .. 1 closed
    gaze: Float32[np.ndarray, "frame 2"]  # yaw, pitch
    head_pose: Float32[np.ndarray, "frame 3"]  # axis-angle about the head's origin
    camera: Float32[np.ndarray, "frame 3"]  # scale px/dm, tx px, ty px
    visible: Bool[np.ndarray, " frame"]
    residual: Float32[np.ndarray, " frame"]  # mean landmark distance / inter-ocular distance
    face_model: str
    coef_names: tuple[str, ...]
    fps_num: int
    fps_den: int
    actor: str
    emotion: str
    view: str
    level: int


@dataclass(frozen=True)
class ClipScores(Artifact):
    """How well the face of one clip shows its own label, after open_clip. clip-score ->"""

    NAME = "clip_scores"
    VERSION = 1

    frame_index: Int32[np.ndarray, " sample"]  # the frames that were scored
    frame_probability: Float32[np.ndarray, "sample class"]
    probability: Float32[np.ndarray, " class"]  # of the clip
    label: str
    y: float  # the clip's probability of its own label
    weight: float  # lambda of equation 1
    threshold: float
    classes: tuple[str, ...]
    prompts: tuple[str, ...]
    logit_scale: float
    model: str
    pretrained: str
    precision: str
    actor: str
    level: int


@dataclass(frozen=True)
class ImageFeatures(Artifact):
    """Sampled face crops of one clip in a text-image model's space, so that scoring again needs no pixel. clip-score ->"""

    NAME = "image_features"
    VERSION = 1

    frame_index: Int32[np.ndarray, " sample"]  # the frames that were embedded
    features: Float32[np.ndarray, "sample feature"]  # rows of unit length
    model: str
    pretrained: str
    precision: str
    actor: str
    emotion: str
    level: int


@dataclass(frozen=True)
class PromptFeatures(Artifact):
    """Prompts in a text-image model's space, with its logit scale. clip-score ->"""

    NAME = "prompt_features"
    VERSION = 1

    features: Float32[np.ndarray, "prompt feature"]  # rows of unit length
    prompts: tuple[str, ...]
    logit_scale: float  # the factor itself, not its logarithm


@dataclass(frozen=True)
class CaptionShard(Artifact):
    """Rendered faces with the facts that captions are written from. synthetic.caption_set ->"""

    NAME = "caption_shard"
    VERSION = 1

    face_bytes: UInt8[np.ndarray, " byte"]  # JPEG crops, RGB, one after another
    face_offsets: Int64[np.ndarray, "image+1"]
    strength: Float32[np.ndarray, "image emotion"]  # acted strength of every emotion, 0..1; 0 in the column "neutral"
    attributes: Int32[np.ndarray, "image attribute"]  # index of the value, -1 where unknown
    identity_seed: Int64[np.ndarray, " image"]
    emotion_names: tuple[str, ...]
    attribute_names: tuple[str, ...]
    attribute_values: tuple[str, ...]  # per attribute its values, separated by "|"


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
