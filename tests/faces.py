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

    time = torch.linspace(0, 1, n_frames)[:, None]
    pose = torch.cat([0 * time, 0.15 * torch.sin(6 * time), 0 * time], 1)
    jaw = torch.cat([0.12 * time, 0 * time, 0 * time], 1)
    frames, points = _filmed(size, seed, person, jaw_pose=jaw, head_pose=pose)
    return frames, points[:, :68]


@cache
def looking_head(
    n_frames: int = 9, size: int = 256, seed: int = 3, person: int = 0
) -> tuple[list[np.ndarray], np.ndarray]:
    """RGB frames of a head that looks from one side to the other, and its landmarks and pupils (frame, 70, 2) in px."""
    import torch

    yaw = torch.linspace(-0.4, 0.4, n_frames)[:, None]
    gaze = torch.cat([yaw, 0.1 * torch.sin(9 * yaw)], 1)
    return _filmed(size, seed, person, gaze=gaze, head_pose=torch.zeros(n_frames, 3))


def _filmed(size: int, seed: int, person: int, **performance) -> tuple[list[np.ndarray], np.ndarray]:
    """Film a head in a studio: RGB frames, and landmarks with pupils (frame, 70, 2) in px."""
    import torch

    from mead_manip.artifacts.assets import load_asset
    from mead_manip.artifacts.schemas import HeadAsset
    from mead_manip.models.face_model import head_model_from
    from mead_manip.models.pupils import with_pupils
    from mead_manip.rendering.camera import to_screen
    from mead_manip.synthetic.looks import random_look
    from mead_manip.synthetic.scene import Scene
    from mead_manip.synthetic.scene_kit import SceneKit

    asset = load_asset(HeadAsset, "head.h5")
    model = head_model_from(asset)
    identity = torch.as_tensor(asset.anchor_mean[person : person + 1], dtype=torch.float32)
    pose = performance["head_pose"]
    with torch.inference_mode():
        neutral = model(identity)[0].numpy()
        vertices = model(identity, **performance)
        points = with_pupils(model, vertices, pose).numpy()
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
