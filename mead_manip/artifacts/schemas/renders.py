"""Renders of synthetic people with their truth: what networks are taught, and studies judged by."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32, Int64, UInt8

from mead_manip.artifacts.artifact import Artifact


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
