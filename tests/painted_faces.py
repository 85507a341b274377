"""Painted faces, and networks in FAN's and BlazeFace's file layouts that see nothing else. Import inside a test.

A painted face says of each of its pixels where on the face it lies (red: across, green: down; blue marks the face), so
that a network of a few lines finds any landmark exactly, by way of real heat maps. A yellow disc on the forehead makes
BlazeFace fire. What the tests then measure is the road around the networks: boxes, crops, decoding, tracking.
"""

import warnings
from pathlib import Path

import numpy as np
import torch

MARGIN = 0.15  # painted beyond the landmarks' box, in its sides
_RAMP = 200.0  # red and green at the far end
_DISC = 0.06  # radius of the disc


def unit_landmarks() -> np.ndarray:
    """Give 68 points (x, y) that fill the unit square, in iBUG's order."""
    turn = np.linspace(np.pi, 0, 17)
    jaw = np.stack([0.5 + 0.5 * np.cos(turn), 0.2 + 0.8 * np.sin(turn)], 1)
    brows = [[x, 0.0] for x in np.linspace(0.1, 0.42, 5)] + [[x, 0.0] for x in np.linspace(0.58, 0.9, 5)]
    nose = [[0.5, y] for y in np.linspace(0.25, 0.5, 4)] + [[x, 0.55] for x in np.linspace(0.4, 0.6, 5)]

    def ring(x: float, y: float, rx: float, ry: float, count: int) -> np.ndarray:
        turn = np.pi + np.arange(count) * 2 * np.pi / count
        return np.stack([x + rx * np.cos(turn), y + ry * np.sin(turn)], 1)

    eyes = np.concatenate([ring(0.28, 0.2, 0.09, 0.05, 6), ring(0.72, 0.2, 0.09, 0.05, 6)])
    lips = np.concatenate([ring(0.5, 0.75, 0.18, 0.09, 12), ring(0.5, 0.75, 0.12, 0.05, 8)])
    return np.concatenate([jaw, brows, nose, eyes, lips])


def landmarks_at(x: float, y: float, side: float) -> np.ndarray:
    """Give the landmarks of a face whose landmarks' box has its upper left corner at x, y."""
    return (unit_landmarks() * side + [x, y]).astype(np.float32)


def paint(height: int, width: int, faces: list[tuple[float, float, float]]) -> np.ndarray:
    """Paint an RGB frame with faces given as x, y, side of their landmarks' boxes."""
    frame = np.zeros((height, width, 3), np.uint8)
    ys, xs = np.mgrid[:height, :width].astype(np.float64)
    for x, y, side in faces:
        u, v = (xs - x) / side, (ys - y) / side
        inside = (np.abs(u - 0.5) < 0.5 + MARGIN) & (np.abs(v - 0.5) < 0.5 + MARGIN)
        colour = np.stack([u + MARGIN, v + MARGIN], -1) * (_RAMP / (1 + 2 * MARGIN))
        frame[inside] = np.concatenate([colour, np.full((height, width, 1), 255)], -1).round()[inside]
        frame[(u - 0.5) ** 2 + (v + MARGIN / 2) ** 2 < _DISC**2] = (255, 255, 0)
    return frame


class _PaintedFan(torch.nn.Module):
    """Heat maps that peak where a crop's colours say a landmark lies."""

    def __init__(self, points: torch.Tensor, height: float):
        super().__init__()
        self.register_buffer("points", points)
        self.height = torch.nn.Parameter(torch.tensor(height))

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        cells = torch.nn.functional.avg_pool2d(crops, 4)
        across = cells[:, 0:1] - self.points[:, 0].reshape(1, 68, 1, 1)
        down = cells[:, 1:2] - self.points[:, 1].reshape(1, 68, 1, 1)
        near = torch.exp(-(across**2 + down**2) / (2 * 0.04**2))
        return self.height * near * (cells[:, 2:3] > 0.98)


def write_fan_archive(path: Path, height: float = 1.0) -> Path:
    """Write the network of painted faces as a TorchScript archive; `height` is that of its peaks."""
    points = (unit_landmarks() + MARGIN) * (_RAMP / 255 / (1 + 2 * MARGIN))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, but old files of FAN are written in it
        torch.jit.script(_PaintedFan(torch.tensor(points, dtype=torch.float32), height)).save(str(path))
    return path


def write_blazeface(folder: Path, side: float) -> None:
    """Write BlazeFace's two files: it fires where a frame is yellow; `side` of its boxes is a share of the frame's."""
    from face_alignment.detection.blazeface.net_blazeface import BlazeFace

    state = {name: torch.zeros_like(value) for name, value in BlazeFace().state_dict().items()}
    # Channel 0 of the first layer is 1 where a pixel is yellow and 0 else; empty blocks hand it on by max pooling.
    state["backbone1.0.weight"][0, :, 1, 1] = torch.tensor([1.0, 1.0, -1.0])
    state["backbone1.0.bias"][0] = -2.0
    state["classifier_8.weight"][:, 0] = 40.0
    state["classifier_8.bias"] -= 10.0
    state["classifier_16.bias"] -= 100.0
    state["regressor_8.bias"].view(2, 16)[:, 2:4] = 128.0  # boxes as large as their anchors
    torch.save(state, folder / "blazeface.pth")
    centres = (np.arange(16) + 0.5) / 16
    y, x = np.repeat(centres, 16), np.tile(centres, 16)
    cells = np.stack([x, y + side / 2, np.full(256, side), np.full(256, side)], 1).repeat(2, axis=0)
    np.save(folder / "anchors.npy", np.concatenate([cells, np.zeros((384, 4))]).astype(np.float32))
