"""A short film of a rendered head, and a workspace with a run that has learned nothing. Import inside a fixture."""

import json
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from faces import talking_head

if TYPE_CHECKING:
    from mead_manip.artifacts.workspace import Workspace

RUN = "toy"


def write_talk(path: Path, n_frames: int = 24) -> Path:
    """Write frames of a rendered head at 25000/1001 frames/s with sound."""
    from mead_manip.media.video import VideoWriter

    frames, _ = talking_head()
    frames = (frames * n_frames)[:n_frames]
    height, width = frames[0].shape[:2]
    sound = (0.2 * np.sin(np.arange(16000) / 20)).astype(np.float32), 16000
    with VideoWriter(path, width, height, Fraction(25000, 1001), sound=sound, comment="test") as writer:
        for frame in frames:
            writer.write(frame)
    return path


def toy_workspace(root: Path, *runs: str, **facts: dict) -> "Workspace":
    """Make a workspace with runs (`RUN` if none is named) whose networks are as they were born."""
    import torch

    from mead_manip.artifacts import store
    from mead_manip.artifacts.provenance import Provenance
    from mead_manip.artifacts.schemas import ManipulatorWeights
    from mead_manip.artifacts.workspace import Workspace
    from mead_manip.models.face_model import load_head
    from mead_manip.models.manipulator import Architecture, Manipulator

    workspace = Workspace(root)
    names = load_head().coef_names
    for seed, run in enumerate(runs or (RUN,)):
        torch.manual_seed(seed)
        nets = Manipulator(Architecture.of_size("small", 1 + len(names)))
        nets.coef_std = torch.full_like(nets.coef_std, 0.3)
        said = json.dumps({"coef_names": ["jaw_pose_x", *names], **facts.get(run, {})})
        path = workspace.run_dir(run) / "weights.h5"
        path.parent.mkdir(parents=True)
        weights = ManipulatorWeights(nets.to_arrays(), nets.architecture.to_json(), said)
        store.save(weights, path, Provenance(ManipulatorWeights.schema_id(), "train", 1, {"seed": seed}))
    return workspace
