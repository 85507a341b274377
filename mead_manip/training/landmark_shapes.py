"""Deformations of a face's points, taken from the head model, that turn one frontal photograph into many faces."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from jaxtyping import Float, Float32

from ..models.acting import random_acts
from ..models.face_model import HeadModel
from ..models.pupils import with_pupils
from .landmark_data import Mood, Picture

_YAW, _PITCH = 0.6, 0.35  # radians: a photograph holds no pixels of the far side of a face
_LIDS = [(37, 41), (38, 40), (43, 47), (44, 46)]  # upper, lower
_LIPS = [(61, 67), (62, 66), (63, 65)]
_SMILE = ("AU6_L", "AU6_R", "AU12_L", "AU12_R", "AU25")
_GAZE = 0.05  # dm that a pupil is moved by, standard deviation


@dataclass(frozen=True)
class ShapeBank:
    """Head-space points (dm, +y up, +z out of the face) of a neutral face, of the same face smiling, and acting."""

    neutral: Float32[np.ndarray, "70 3"]
    smiling: Float32[np.ndarray, "70 3"]
    acted: Float32[np.ndarray, "shape 70 3"]

    def deform(
        self, rng: np.random.Generator, landmarks_px: Float[np.ndarray, "70 2"], mood: Mood = "neutral"
    ) -> Float32[np.ndarray, "70 2"]:
        """Let a frontal face act, turn and come near the camera; return its points in the same pixels."""
        centre, scale = _place(self.neutral[:, :2] * [1, -1], landmarks_px)
        own = (landmarks_px - centre) / scale * [1, -1]
        shape = np.concatenate([own, self.neutral[:, 2:]], 1)
        if rng.random() < 0.8:
            shape = self._act(rng, shape, mood)
        turn = np.array([rng.uniform(-_PITCH, _PITCH), rng.uniform(-_YAW, _YAW), 0.0]) * rng.choice([0.3, 1.0])
        shape = shape @ cv2.Rodrigues(turn)[0].T
        if rng.random() < 0.5:
            distance = rng.uniform(4.0, 20.0)  # dm
            shape = shape * (distance / (distance - shape[:, 2:]))
        wobble = rng.normal(0, 0.02, (4, 4, 2)).astype(np.float32)
        at = ((shape[:, :2] / 2.4 + 0.5) * 3).astype(np.float32)
        shape[:, :2] += cv2.remap(wobble, at[None], None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
        return (shape[:, :2] * [1, -1] * scale + centre).astype(np.float32)

    def _act(self, rng: np.random.Generator, shape: Float[np.ndarray, "70 3"], mood: Mood) -> Float[np.ndarray, "70 3"]:
        """Add what the head's points do. Lids close by the same share of their gap, lips part by the same length."""
        act = self.acted[rng.integers(len(self.acted))] - self.neutral
        if mood == "smiling":
            act = act * rng.uniform(0.3, 1.0) - rng.uniform(-0.3, 1.0) * (self.smiling - self.neutral)
        out = shape + act
        rest = self.neutral
        for upper, lower in _LIDS + _LIPS:
            own, at_rest = (points[upper, 1] - points[lower, 1] for points in (shape, rest))
            gap = at_rest + act[upper, 1] - act[lower, 1]
            gap = own * gap / at_rest if (upper, lower) in _LIDS else own + gap - at_rest
            middle = (out[upper, 1] + out[lower, 1]) / 2
            out[[upper, lower], 1] = middle + np.array([0.5, -0.5]) * max(gap, 0.0)
        gaze = rng.normal(0, _GAZE, 2) * (rng.random() < 0.5)
        out[68:, 0] += gaze[0]
        out[68:, 1] += gaze[1] / 2
        return out


def build_shape_bank(head: HeadModel, count: int, seed: int) -> ShapeBank:
    """Sample `count` performances of the mean head; where it looks moves its pupils and lids."""
    acts = random_acts(np.random.default_rng(seed), head.coef_names, count + 2)
    parts = [acts.expression, acts.jaw_pose, acts.eyelids, acts.gaze]
    for part in parts:
        part[:2] = 0
    for name in _SMILE:
        acts.expression[1, head.coef_names.index(name)] = 0.7
    points = []
    with torch.inference_mode():
        for rows in np.array_split(np.arange(count + 2), max(1, count // 64)):
            still = torch.zeros(len(rows), 3)
            given = (torch.from_numpy(part[rows]) for part in parts)
            vertices = head(torch.zeros(len(rows), head.n_identity), *given, still)
            points.append(with_pupils(head, vertices, still).numpy())
    shapes = np.concatenate(points).astype(np.float32)
    return ShapeBank(shapes[0], shapes[1], shapes[2:])


def follow_head(
    pictures: list[Picture], convention: Float[np.ndarray, "68 2"], neutral: Float[np.ndarray, "70 3"]
) -> list[Picture]:
    """Take out how a neutral face's points were placed off the head's own (`convention`: across and up, dm).

    Photographs and renders then teach one set of points, and a fit of the head need not tell them apart.
    """
    own = []
    for picture in pictures:
        _, scale = _place(neutral[:, :2] * [1, -1], picture.landmarks_px)
        moved = picture.landmarks_px.copy()
        moved[:68] -= convention * [1, -1] * scale  # pupils are pupils in any convention
        own.append(replace(picture, landmarks_px=moved.astype(np.float32)))
    return own


def _place(
    shape: Float[np.ndarray, "point 2"], landmarks_px: Float[np.ndarray, "point 2"]
) -> tuple[Float[np.ndarray, " 2"], float]:
    """Where the origin of `shape` lies among the landmarks, and px per dm (least squares, upright)."""
    shape_middle, middle = shape.mean(0), landmarks_px.mean(0)
    a, b = shape - shape_middle, landmarks_px - middle
    scale = float((a * b).sum() / np.square(a).sum())
    return middle - scale * shape_middle, scale
