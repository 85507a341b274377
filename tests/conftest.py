"""Fixtures for all tests. The package is imported inside them: this file runs before jaxtyping's import hook."""

import os
from pathlib import Path

import pytest

# Two threads are enough for toy sizes, and make timings and sums the same on every machine.
os.environ.setdefault("OMP_NUM_THREADS", "1" if "PYTEST_XDIST_WORKER" in os.environ else "2")
os.environ.setdefault("NUMBA_NUM_THREADS", "2")

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """Give the folder of real footage and weights beside the repository, or skip."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"no real footage and weights: {folder.name}/ beside the repository is absent")
    return folder


@pytest.fixture
def in_folder(tmp_path, monkeypatch) -> Path:
    """Work in an empty folder without any MEAD_MANIP_* variable, so that only defaults hold."""
    for name in [name for name in os.environ if name.startswith("MEAD_MANIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def make_track():
    """Give a function that makes a small valid FaceTrack."""
    import numpy as np

    from mead_manip.artifacts.schemas import FaceTrack

    def make(n_frames: int = 5, **changes) -> FaceTrack:
        values = {
            "face_bytes": np.arange(2 * n_frames, dtype=np.uint8),
            "face_offsets": np.arange(0, 2 * n_frames + 1, 2, dtype=np.int64),
            **{name: np.zeros((n_frames, 68, 2), np.float32) for name in ("landmarks_px", "landmarks_raw_px")},
            "pupils_px": np.zeros((n_frames, 2, 2), np.float32),
            "mesh_px": np.zeros((n_frames, 0, 2), np.float32),
            "boxes_px": np.zeros((n_frames, 4), np.float32),
            "frame_from_crop": np.zeros((n_frames, 2, 3), np.float32),
            "visible": np.ones(n_frames, bool),
            "score": np.ones(n_frames, np.float32),
            "fps_num": 30000,
            "fps_den": 1001,
            "width": 640,
            "height": 360,
            "source": "clip.mp4",
            "source_digest": "0" * 64,
            "actor": "M003",
            "emotion": "happy",
            "view": "front",
            "level": 3,
            "take": 12,
            "sentence": 0,
            "landmark_backend": "builtin",
            "face": 1,
            "most_faces": 1,
            "cuts": np.zeros(0, np.int32),
            "jitter_raw": 0.01,
            "jitter": 0.005,
        }
        return FaceTrack(**{**values, **changes})

    return make


@pytest.fixture
def make_reconstruction():
    """Give a function that makes a small valid Reconstruction."""
    import numpy as np

    from mead_manip.artifacts.schemas import Reconstruction

    def make(n_frames: int = 5, n_coefs: int = 3, **changes) -> Reconstruction:
        values = {
            "identity": np.zeros(4, np.float32),
            "expression": np.zeros((n_frames, n_coefs), np.float32),
            **{name: np.zeros((n_frames, 3), np.float32) for name in ("jaw_pose", "head_pose", "camera")},
            **{name: np.zeros((n_frames, 2), np.float32) for name in ("eyelids", "gaze")},
            "detail": np.zeros((n_frames, 0), np.float32),
            "visible": np.ones(n_frames, bool),
            "residual": np.zeros(n_frames, np.float32),
            "face_model": "toy",
            "coef_names": tuple(f"coef_{index}" for index in range(n_coefs)),
            "fps_num": 30,
            "fps_den": 1,
            "actor": "M003",
            "emotion": "happy",
            "view": "front",
            "level": 3,
        }
        return Reconstruction(**{**values, **changes})

    return make


@pytest.fixture
def make_scores():
    """Give a function that makes small valid ClipScores."""
    from golden import example

    from mead_manip.artifacts.schemas import ClipScores

    return lambda **changes: example(ClipScores, **changes)
