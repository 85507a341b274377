"""Small pictures and clips of the built-in head, for tests that need a face. Import inside a test or fixture."""

from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np


@cache
def talking_head(
    n_frames: int = 12, size: int = 160, seed: int = 3, person: int = 0
) -> tuple[list[np.ndarray], np.ndarray]:
    """RGB frames of a head that turns a little and opens its mouth, and their landmarks (frame, 68, 2) in px."""
    import torch

    from mead_manip.artifacts.assets import load_asset
    from mead_manip.artifacts.schemas import HeadAsset
    from mead_manip.models.face_model import head_model_from
    from mead_manip.rendering.camera import to_screen
    from mead_manip.synthetic.looks import random_look
    from mead_manip.synthetic.scene import Scene
    from mead_manip.synthetic.scene_kit import SceneKit

    asset = load_asset(HeadAsset, "head.h5")
    model = head_model_from(asset)
    identity = torch.as_tensor(asset.anchor_mean[person : person + 1], dtype=torch.float32)
    time = torch.linspace(0, 1, n_frames)[:, None]
    pose = torch.cat([0 * time, 0.15 * torch.sin(6 * time), 0 * time], 1)
    jaw = torch.cat([0.12 * time, 0 * time, 0 * time], 1)
    with torch.inference_mode():
        neutral = model(identity)[0].numpy()
        vertices = model(identity, jaw_pose=jaw, head_pose=pose)
        points = model.landmarks(vertices, pose).numpy()
    scale = 0.36 * size
    camera = np.array([scale, size / 2, size / 2 + 0.25 * scale], np.float32)
    look = replace(random_look(np.random.default_rng(seed), studio=True), hair="")
    scene = Scene(SceneKit(asset, model), look, neutral)
    frames = [
        scene.draw(v.numpy(), camera, size, size, head_pose=p.numpy()).rgb for v, p in zip(vertices, pose, strict=True)
    ]
    return frames, np.stack([to_screen(p, camera)[:, :2] for p in points])


def write_clip(path: Path, frames: list[np.ndarray], rate: Fraction = Fraction(30)) -> Path:
    """Write frames as an H.264 video."""
    from mead_manip.media.video import VideoWriter

    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = frames[0].shape[:2]
    with VideoWriter(path, width, height, rate, preset="ultrafast") as writer:
        for frame in frames:
            writer.write(frame)
    return path
