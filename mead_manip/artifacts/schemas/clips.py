"""What the stages know of a clip: who is seen, the face, its coefficients, how well it shows its label."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64, UInt8

from mead_manip.artifacts.artifact import Artifact


@dataclass(frozen=True)
class FaceSightings(Artifact):
    """Every face that a detector saw in one video, and whose it is: one row a face and frame. faces, preprocess ->"""

    NAME = "face_sightings"
    VERSION = 1

    frame: Int32[np.ndarray, " sighting"]  # ascending
    face: Int32[np.ndarray, " sighting"]  # whose: from 1, the most prominent (area x time); 0 where seen too shortly
    landmarks_px: Float32[np.ndarray, "sighting 68 2"]  # iBUG-68, pixels of the frame, as the detector gave them
    pupils_px: Float32[np.ndarray, "sighting eye=2 2"]  # of the eyes at points 36-41 and 42-47; NaN for a closed eye
    mesh_px: Float32[np.ndarray, "sighting mesh 2"]  # denser points of a detector that has them; no column where not
    boxes_px: Float32[np.ndarray, "sighting 4"]  # x0 y0 x1 y1
    score: Float32[np.ndarray, " sighting"]  # the detector's confidence, 0..1
    cuts: Int32[np.ndarray, " cut"]  # frames that begin a new shot; the first frame is none
    picture_bytes: UInt8[np.ndarray, " byte"]  # JPEG pictures of faces now and then, one after another
    picture_offsets: Int64[np.ndarray, "picture+1"]
    picture_frame: Int32[np.ndarray, " picture"]
    picture_face: Int32[np.ndarray, " picture"]  # as `face`
    n_frames: int
    fps_num: int
    fps_den: int
    width: int  # of the frame, upright, in pixels
    height: int
    source: str  # the video as it was named
    source_digest: str  # sha256 of the video file
    landmark_backend: str

    @property
    def n_faces(self) -> int:
        """Give how many people are seen."""
        return int(self.face.max(initial=0))


@dataclass(frozen=True)
class FaceTrack(Artifact):
    """The face of one clip, frame by frame. preprocess ->"""

    NAME = "face_track"
    VERSION = 2

    face_bytes: UInt8[np.ndarray, " byte"]  # JPEG 95 of 256x256 RGB crops, one after another
    face_offsets: Int64[np.ndarray, "frame+1"]  # crop i is face_bytes[offsets[i]:offsets[i + 1]]; empty if not visible
    landmarks_px: Float32[np.ndarray, "frame 68 2"]  # iBUG-68, pixels of the frame, smoothed over time
    landmarks_raw_px: Float32[np.ndarray, "frame 68 2"]  # the same as the detector gave them
    pupils_px: Float32[np.ndarray, "frame eye=2 2"]  # of the eyes at points 36-41 (the subject's right) and 42-47
    mesh_px: Float32[np.ndarray, "frame mesh 2"]  # denser points of a detector that has them; no column where not
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
    take: int  # the number in the file's name; 0 where unknown
    sentence: int  # rank among the takes of a complete cell (actor, view, emotion, level), from 1; 0 where unknown
    landmark_backend: str
    face: int  # which face of the video, from 1, as `mead-manip faces` counts them
    most_faces: int  # that one frame showed
    cuts: Int32[np.ndarray, " cut"]  # frames that begin a new shot; the first frame is none
    jitter_raw: float  # mean second difference of landmarks_raw_px / inter-ocular distance
    jitter: float  # the same of landmarks_px


@dataclass(frozen=True)
class Reconstruction(Artifact):
    """Face-model coefficients of one clip. reconstruct3d ->"""

    NAME = "reconstruction"
    VERSION = 2

    identity: Float32[np.ndarray, " identity"]  # one person per clip
    expression: Float32[np.ndarray, "frame coef"]  # coefficients named by coef_names
    jaw_pose: Float32[np.ndarray, "frame 3"]  # axis-angle about the jaw joint; component 0 > 0 opens
    eyelids: Float32[np.ndarray, "frame 2"]  # left, right: 0 open .. 1 closed
    gaze: Float32[np.ndarray, "frame 2"]  # yaw, pitch
    detail: Float32[np.ndarray, "frame detail"]  # DECA's wrinkle codes; no column where the model has none
    head_pose: Float32[np.ndarray, "frame 3"]  # axis-angle about the head's origin (FLAME: about its root joint)
    camera: Float32[np.ndarray, "frame 3"]  # scale px/dm (FLAME: px/m), tx px, ty px
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
    VERSION = 2

    frame_index: Int32[np.ndarray, " sample"]  # the frames that were scored
    frame_probability: Float32[np.ndarray, "sample class"]
    probability: Float32[np.ndarray, " class"]  # of the clip: the mean over its frames
    prompt_class: Int32[np.ndarray, " prompt"]  # index of the class that each prompt stands for
    label: str
    y: float  # the clip's probability of its own label
    weight: float  # lambda of equation 1, not below min_lambda; what training reads
    weight_normalised: float | None  # lambda / its mean over the label's scored clips, where that was asked for
    threshold: float  # that y was held against
    min_lambda: float
    temperature: float  # the logits were divided by it; 1 is the model as trained
    calibrated_on: str  # the actor whose clips gave the temperature, "" where none did
    classes: tuple[str, ...]
    prompts: tuple[str, ...]
    logit_scale: float  # as trained
    model: str
    pretrained: str
    weights_digest: str  # names the model's weights
    precision: str
    actor: str
    level: int


@dataclass(frozen=True)
class ImageFeatures(Artifact):
    """Sampled face crops of many clips in a text-image model's space: re-scoring needs no pixel. clip-score ->

    Clip k has the rows clip_start[k] to clip_start[k + 1].
    """

    NAME = "image_features"
    VERSION = 2

    frame_index: Int32[np.ndarray, " row"]  # the frames that were embedded
    features: Float32[np.ndarray, "row feature"]  # rows of unit length
    clip_start: Int64[np.ndarray, " clip_boundary"]  # one more than there are clips
    clip_ids: tuple[str, ...]
    track_keys: tuple[str, ...]  # of the FaceTrack that a clip's crops came from
    model: str
    pretrained: str
    weights_digest: str
    precision: str


@dataclass(frozen=True)
class PromptFeatures(Artifact):
    """Prompts in a text-image model's space, with its logit scale. clip-score ->"""

    NAME = "prompt_features"
    VERSION = 1

    features: Float32[np.ndarray, "prompt feature"]  # rows of unit length
    prompts: tuple[str, ...]
    logit_scale: float  # the factor itself, not its logarithm
