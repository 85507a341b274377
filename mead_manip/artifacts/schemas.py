"""Every name, dtype, axis and unit that is on disk. Field name = dataset name.

Conventions of version 1: RGB; pixel centres at integer coordinates; float32; radians; transforms named
target_from_source; time in frames and a rational fps; head space in decimetres (+y up, +z out of the face, +x the
subject's left); camera = (scale px/dm, tx px, ty px): x_px = scale X + tx, y_px = -scale Y + ty.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int16, Int32, Int64, UInt8

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


@dataclass(frozen=True)
class CaptionShard(Artifact):
    """Rendered faces with the facts that captions are written from. synthetic.caption_set ->"""

    NAME = "caption_shard"
    VERSION = 1

    face_bytes: UInt8[np.ndarray, " byte"]  # JPEG crops, RGB, one after another
    face_offsets: Int64[np.ndarray, "image+1"]
    strength: Float32[np.ndarray, "image emotion"]  # acted strength of every emotion, 0..1; 0 in the column "neutral"
    attributes: Int32[np.ndarray, "image attribute"]  # index of the value, -1 where unknown
    motion: Float32[np.ndarray, "image motion"]  # coefficients of the head named by motion_names
    identity_seed: Int64[np.ndarray, " image"]
    emotion_names: tuple[str, ...]
    attribute_names: tuple[str, ...]
    attribute_values: tuple[str, ...]  # per attribute its values, separated by "|"
    motion_names: tuple[str, ...]


@dataclass(frozen=True)
class LandmarkShard(Artifact):
    """Rendered faces with their landmarks, for the landmark network. synthetic.landmark_set ->"""

    NAME = "landmark_shard"
    VERSION = 2

    image_bytes: UInt8[np.ndarray, " byte"]  # JPEG pictures, RGB, one after another
    image_offsets: Int64[np.ndarray, "image+1"]
    landmarks_px: Float32[np.ndarray, "image 68 2"]  # iBUG-68, pixels of the picture
    pupils_px: Float32[np.ndarray, "image eye=2 2"]  # of the eyes at points 36-41 and 42-47, behind lids or not
    identity_seed: Int64[np.ndarray, " image"]


@dataclass(frozen=True)
class ArmResult(Artifact):
    """How one manipulator of the downstream study did on people it never saw. evaluate-manipulator ->"""

    NAME = "arm_result"
    VERSION = 1

    accuracy: Float32[np.ndarray, "source target judge"]  # share of styles from noise taken for the target
    by_reference: Float32[np.ndarray, "source target judge"]  # the same with the style of reference clips
    jaw: Float32[np.ndarray, "source target"]  # correlation of the jaw's opening with the source's
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


class AttachmentMesh(NamedTuple):
    """Brows, lashes or hair: triangles over the attachment's own vertices, with their texture coordinates."""

    kind: str  # brow, lash or hair
    triangles: Int32[np.ndarray, "triangle 3"]
    uvs: Float32[np.ndarray, "texcoord 2"]
    uv_triangles: Int32[np.ndarray, "triangle 3"]


@dataclass(frozen=True)
class HeadAsset(Artifact):
    """The built-in head: shape, identity, expression units, rig, attachments, textures. synthetic.build_head ->

    Vertices are grouped by part; `skin` comes first, then `mouth` and `socket`, which share its texture. Integer bases
    times their scale are displacements in dm. `*_start` tables hold where each entry begins, and the end.
    """

    NAME = "head_asset"
    VERSION = 1
    COMPRESSED = frozenset(
        {
            "identity_basis",
            "expression_basis",
            "eyelid_arc",
            "eyelid_close",
            "eyelid_seal",
            "triangles",
            "triangle_part",
            "uvs",
            "uv_triangles",
            "attachment_refs",
            "attachment_weights",
            "attachment_offsets",
            "attachment_triangles",
            "attachment_uvs",
            "attachment_uv_triangles",
        }
    )

    template: Float32[np.ndarray, "vertex 3"]  # mean person, at rest
    identity_basis: Int16[np.ndarray, "identity vertex 3"]  # times scale: dm per standard deviation
    identity_scale: Float32[np.ndarray, " identity"]
    expression_basis: Int16[np.ndarray, "coef vertex 3"]  # times scale: dm at full strength
    expression_scale: Float32[np.ndarray, " coef"]
    eyelid_close: Float32[np.ndarray, "side=2 vertex 3"]  # left, right: dm at full closure on the mean person
    eyelid_arc: Float32[np.ndarray, "side=2 vertex 3"]  # extra at half closure: around the eyeball
    eyelid_seal: Int16[np.ndarray, "side=2 identity vertex 3"]  # change of eyelid_close per standard deviation
    eyelid_seal_scale: float
    jaw_weight: Float32[np.ndarray, " vertex"]  # 0 skull .. 1 mandible
    neck_weight: Float32[np.ndarray, " vertex"]  # 1 head .. 0 shoulders
    joints: Float32[np.ndarray, "joint=4 3"]  # jaw, left eye, right eye, neck of the mean person
    joint_basis: Float32[np.ndarray, "identity joint=4 3"]
    vertex_part: UInt8[np.ndarray, " vertex"]  # index into part_names
    triangles: Int32[np.ndarray, "triangle 3"]  # counter-clockwise seen from outside
    triangle_part: UInt8[np.ndarray, " triangle"]
    uvs: Float32[np.ndarray, "texcoord 2"]  # 0..1 of the part's texture, v down
    uv_triangles: Int32[np.ndarray, "triangle 3"]
    landmarks: Int32[np.ndarray, " landmark=68"]  # iBUG-68; points 0-16 where the head looks ahead
    contour_candidates: Int32[np.ndarray, "contour=17 candidate"]  # jaw rim first, then forward over the cheek
    neckline: Float32[np.ndarray, " vertex"]  # dm below a plain collar; positive = covered
    attachment_refs: Int32[np.ndarray, "hung 3"]  # vertices of the head
    attachment_weights: Float32[np.ndarray, "hung 3"]
    attachment_offsets: Float32[np.ndarray, "hung 3"]  # dm, head upright
    attachment_triangles: Int32[np.ndarray, "hung_triangle 3"]  # within the attachment
    attachment_uvs: Float32[np.ndarray, "hung_texcoord 2"]
    attachment_uv_triangles: Int32[np.ndarray, "hung_triangle 3"]  # within the attachment
    attachment_vertex_start: Int64[np.ndarray, "attachment+1"]
    attachment_triangle_start: Int64[np.ndarray, "attachment+1"]
    attachment_uv_start: Int64[np.ndarray, "attachment+1"]
    attachment_kind: UInt8[np.ndarray, " attachment"]  # index into attachment_kinds
    texture_bytes: UInt8[np.ndarray, " byte"]  # WebP pictures, one after another
    texture_start: Int64[np.ndarray, " texture_boundary"]  # one more than there are textures
    anchor_mean: Float32[np.ndarray, "anchor identity"]  # where people of each skin stand, standard deviations
    detail_factor: Float32[np.ndarray, "identity identity"]  # a person = an anchor + factor @ N(0, I)
    coef_names: tuple[str, ...]
    part_names: tuple[str, ...]
    attachment_names: tuple[str, ...]  # also the names of their textures
    attachment_kinds: tuple[str, ...]
    texture_names: tuple[str, ...]
    anchor_names: tuple[str, ...]  # skin_<anchor name> is the texture

    def texture(self, name: str) -> bytes:
        """Give one encoded picture."""
        index = self.texture_names.index(name)
        return self.texture_bytes[self.texture_start[index] : self.texture_start[index + 1]].tobytes()

    def attachment(self, name: str) -> AttachmentMesh:
        """Give one brow, lash or hair style as a mesh of its own."""
        index = self.attachment_names.index(name)
        triangles = slice(*self.attachment_triangle_start[index : index + 2])
        uvs = slice(*self.attachment_uv_start[index : index + 2])
        return AttachmentMesh(
            kind=self.attachment_kinds[self.attachment_kind[index]],
            triangles=self.attachment_triangles[triangles],
            uvs=self.attachment_uvs[uvs],
            uv_triangles=self.attachment_uv_triangles[triangles],
        )


@dataclass(frozen=True)
class FlameAsset(Artifact):
    """FLAME (Li et al. 2017) as arrays, metres, y up, z out of the face. import-flame ->

    Joints: root, neck, jaw, left eye, right eye. What lies beside the model is optional: no row where it was not given.
    """

    NAME = "flame_asset"
    VERSION = 1

    template: Float32[np.ndarray, "vertex 3"]  # mean person, at rest
    identity_basis: Float32[np.ndarray, "identity vertex 3"]  # per standard deviation
    expression_basis: Float32[np.ndarray, "expression vertex 3"]  # per standard deviation
    pose_basis: Float32[np.ndarray, "pose_feature=36 vertex 3"]  # rotation matrices of joints 1..4 less the identity
    joint_regressor: Float32[np.ndarray, "joint=5 vertex"]
    skin_weights: Float32[np.ndarray, "vertex joint=5"]
    parents: Int32[np.ndarray, " joint=5"]  # -1 for the root
    triangles: Int32[np.ndarray, "triangle 3"]  # counter-clockwise seen from outside
    static_triangles: Int32[np.ndarray, " static"]  # iBUG-68 points 17..67
    static_weights: Float32[np.ndarray, "static 3"]
    contour_triangles: Int32[np.ndarray, "yaw contour"]  # points 0..16; rows: head yaw 0..-39, then 1..39 degrees
    contour_weights: Float32[np.ndarray, "yaw contour 3"]
    uvs: Float32[np.ndarray, "texcoord 2"]  # 0..1, v down
    uv_triangles: Int32[np.ndarray, "uv_triangle 3"]
    detail_mask: UInt8[np.ndarray, "uv_row uv_column"]  # where DECA's wrinkles count, 0..255
    fixed_displacement: Float32[np.ndarray, "fixed_row fixed_column"]  # m along the normal, added to DECA's own
    variant: str  # 2020, 2023, 2023-open, unknown
    source_digest: str  # sha256 of the model's file


@dataclass(frozen=True)
class SyntheticTruth(Artifact):
    """What is true of a synthetic tree: clip k is frames clip_start[k] to clip_start[k + 1]. synth ->"""

    NAME = "synthetic_truth"
    VERSION = 1

    level: Int32[np.ndarray, " clip"]
    actor: Int32[np.ndarray, " clip"]  # index into actors and identity
    acted_strength: Float32[np.ndarray, " clip"]  # of the plateau, 0..1; of a blend, that of its stronger part
    clip_start: Int64[np.ndarray, "clip+1"]
    identity: Float32[np.ndarray, "person identity"]  # standard deviations
    landmarks_px: Float32[np.ndarray, "frame 68 2"]  # iBUG-68, pixels of the frame
    expression: Float32[np.ndarray, "frame coef"]  # coefficients named by coef_names
    jaw_pose: Float32[np.ndarray, "frame 3"]  # axis-angle about the jaw joint; component 0 > 0 opens
    eyelids: Float32[np.ndarray, "frame 2"]  # left, right: 0 open .. 1 closed
    gaze: Float32[np.ndarray, "frame 2"]  # yaw, pitch
    head_pose: Float32[np.ndarray, "frame 3"]  # axis-angle about the head's origin; bust: mead.body_pose_of
    camera: Float32[np.ndarray, "frame 3"]  # scale px/dm, tx px, ty px
    strength: Float32[np.ndarray, " frame"]  # of what is acted at this moment, 0..1
    lip_closure: Float32[np.ndarray, " frame"]  # how much speech wants the lips shut, 0..1
    loudness: Float32[np.ndarray, " frame"]  # of the voice, about 0..1
    clip_ids: tuple[str, ...]  # as preprocess names them
    paths: tuple[str, ...]  # within the tree
    actors: tuple[str, ...]
    emotions: tuple[str, ...]  # the label of each clip
    acted_emotions: tuple[str, ...]  # what was acted: an emotion, "a+b" for a blend, or neutral
    outliers: tuple[str, ...]  # weak, ambiguous, mislabelled, neutral; "" for a clip as it should be
    coef_names: tuple[str, ...]
    fps_num: int
    fps_den: int
    width: int
    height: int


@dataclass(frozen=True)
class FacePrior(Artifact):
    """What faces do before one is seen: statistics of acted takes. synthetic.build_face_prior ->

    `face` counts expression coefficients, then jaw pose 3, then eyelids 2 (left, right; gaze included).
    """

    NAME = "face_prior"
    VERSION = 1

    mean_moment: Float32[np.ndarray, "face face"]  # second moment of the means of takes, about rest
    spread: Float32[np.ndarray, "face face"]  # covariance of frames about the mean of their take
    speed: Float32[np.ndarray, " face"]  # deviation of the change from frame to frame
    bend: Float32[np.ndarray, " face"]  # deviation of the change of that change
    fps: float  # of these frames
    identity_moment: Float32[np.ndarray, "identity identity"]  # second moment of people about the mean head
    coef_names: tuple[str, ...]


@dataclass(frozen=True)
class LandmarkConventions(Artifact):
    """Where a detector puts its landmarks, off the head's own. backends.build_conventions ->

    `face` counts as in FacePrior.
    """

    NAME = "landmark_conventions"
    VERSION = 2

    offsets: Float32[np.ndarray, "detector landmark=68 2"]  # on a face at rest: across and up, head space, dm
    response: Float32[np.ndarray, "detector landmark=68 2 face"]  # more, for every unit of what the face does
    pupil_rise: Float32[np.ndarray, " detector"]  # how far above the head's own its pupils lie, dm
    n_people: Int32[np.ndarray, " detector"]
    detectors: tuple[str, ...]  # names in the registry; "london" for points placed by hand
    coef_names: tuple[str, ...]  # of the head's expression


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
