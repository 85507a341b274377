"""A FaceTrack of given landmarks and nothing else, for benches that need no video."""

from typing import Any

import numpy as np
from jaxtyping import Float32

from mead_manip.artifacts.schemas import FaceTrack


def bare_track(landmarks_px: Float32[np.ndarray, "frame 68 2"], **changes: Any) -> FaceTrack:
    """Make a track without pixels, labels or pupils of its own; `changes` are fields that are known."""
    n_frames = len(landmarks_px)
    fields = {
        "face_bytes": np.zeros(0, np.uint8),
        "face_offsets": np.zeros(n_frames + 1, np.int64),
        "landmarks_px": landmarks_px,
        "landmarks_raw_px": landmarks_px,
        "pupils_px": np.stack([landmarks_px[:, 36:42].mean(1), landmarks_px[:, 42:48].mean(1)], axis=1),
        "mesh_px": np.zeros((n_frames, 0, 2), np.float32),
        "boxes_px": np.zeros((n_frames, 4), np.float32),
        "frame_from_crop": np.zeros((n_frames, 2, 3), np.float32),
        "visible": np.ones(n_frames, bool),
        "score": np.ones(n_frames, np.float32),
        "cuts": np.zeros(0, np.int32),
        **dict.fromkeys(("source", "source_digest", "actor", "emotion", "view", "landmark_backend"), ""),
        **dict.fromkeys(("level", "take", "sentence"), 0),
        **dict.fromkeys(("fps_den", "face", "most_faces"), 1),
        **dict.fromkeys(("jitter_raw", "jitter"), 0.0),
        "fps_num": 30,
        "width": 640,
        "height": 480,
    }
    return FaceTrack(**{**fields, **changes})
