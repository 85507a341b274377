"""Deformations of a face's 68 points, taken from the head model, that turn one neutral photograph into many faces."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from jaxtyping import Float, Float32

from ..models.face_model import HeadModel
from .landmark_data import Picture

_YAW, _PITCH = 0.55, 0.32  # radians: a photograph holds no pixels of the far side of a face


@dataclass(frozen=True)
class ShapeBank:
    """Head-space points (dm, +y up, +z out of the face) of a neutral face and of the same face acting."""

    neutral: Float32[np.ndarray, "68 3"]
    acted: Float32[np.ndarray, "shape 68 3"]

    def deform(self, rng: np.random.Generator, landmarks_px: Float[np.ndarray, "68 2"]) -> Float32[np.ndarray, "68 2"]:
        """Let a frontal neutral face act, turn and come near the camera; return its points in the same pixels."""
        centre, scale = _place(self.neutral[:, :2] * [1, -1], landmarks_px)
        own = (landmarks_px - centre) / scale * [1, -1]
        shape = np.concatenate([own, self.neutral[:, 2:]], 1)
        if rng.random() < 0.75:
            shape = shape + self.acted[rng.integers(len(self.acted))] - self.neutral
        turn = np.array([rng.uniform(-_PITCH, _PITCH), rng.uniform(-_YAW, _YAW), 0.0]) * rng.choice([0.3, 1.0])
        shape = shape @ cv2.Rodrigues(turn)[0].T
        if rng.random() < 0.5:
            distance = rng.uniform(4.0, 20.0)  # dm
            shape = shape * (distance / (distance - shape[:, 2:]))
        wobble = rng.normal(0, 0.025, (4, 4, 2)).astype(np.float32)
        at = ((shape[:, :2] / 2.4 + 0.5) * 3).astype(np.float32)
        shape[:, :2] += cv2.remap(wobble, at[None], None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
        return (shape[:, :2] * [1, -1] * scale + centre).astype(np.float32)


def build_shape_bank(head: HeadModel, count: int, seed: int) -> ShapeBank:
    """Sample `count` performances of the mean head: some units at once, a jaw drop, lids between open and shut."""
    rng = np.random.default_rng(seed)
    k = head.n_expression
    expression = rng.uniform(0, 1, (count, k)) * (rng.random((count, k)) < rng.choice([0.05, 0.15, 0.3], (count, 1)))
    jaw = np.zeros((count, 3))
    jaw[:, 0] = rng.uniform(0, 0.45, count) * (rng.random(count) < 0.55)
    lids = np.repeat(rng.uniform(0, 1, (count, 1)) * (rng.random((count, 1)) < 0.45), 2, axis=1)
    lids = np.where(rng.random((count, 2)) < 0.1, rng.uniform(0, 1, (count, 2)), lids)
    lids = np.where(rng.random((count, 1)) < 0.08, 1.0, lids)
    expression[0], jaw[0], lids[0] = 0, 0, 0
    points = []
    with torch.inference_mode():
        for rows in np.array_split(np.arange(count), max(1, count // 64)):
            still = torch.zeros(len(rows), 3)
            parts = (torch.as_tensor(x[rows], dtype=torch.float32) for x in (expression, jaw, lids))
            vertices = head(torch.zeros(len(rows), head.n_identity), *parts, torch.zeros(len(rows), 2), still)
            points.append(head.landmarks(vertices, still).numpy())
    acted = np.concatenate(points).astype(np.float32)
    return ShapeBank(acted[0], acted)


def follow_head(
    pictures: list[Picture], convention: Float[np.ndarray, "68 2"], neutral: Float[np.ndarray, "68 3"]
) -> list[Picture]:
    """Take out how a neutral face's points were placed off the head's own (`convention`: across and up, dm).

    Photographs and renders then teach one set of points, and a fit of the head need not tell them apart.
    """
    own = []
    for picture in pictures:
        _, scale = _place(neutral[:, :2] * [1, -1], picture.landmarks_px)
        moved = picture.landmarks_px - convention * [1, -1] * scale
        own.append(replace(picture, landmarks_px=moved.astype(np.float32)))
    return own


def _place(
    shape: Float[np.ndarray, "68 2"], landmarks_px: Float[np.ndarray, "68 2"]
) -> tuple[Float[np.ndarray, " 2"], float]:
    """Where the origin of `shape` lies among the landmarks, and px per dm (least squares, upright)."""
    shape_middle, middle = shape.mean(0), landmarks_px.mean(0)
    a, b = shape - shape_middle, landmarks_px - middle
    scale = float((a * b).sum() / np.square(a).sum())
    return middle - scale * shape_middle, scale
