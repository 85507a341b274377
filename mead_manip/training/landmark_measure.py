"""Errors of the landmark networks on people they have not seen."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from ..geometry import compose_affine, invert_affine, transform_points
from ..models.landmarker import CROP_SIZE, CROP_SPAN, FINDER_SIZE, found_faces
from . import landmark_augment as augment
from .landmark_data import Picture, RenderedFaces


def interocular(landmarks_px: Float[np.ndarray, "70 2"]) -> float:
    """Distance of the outer eye corners (px), iBUG's normaliser."""
    return float(np.linalg.norm(landmarks_px[45] - landmarks_px[36]))


def measure_landmarks(net: nn.Module, photographs: list[Picture], rendered: RenderedFaces | None) -> dict[str, float]:
    """Mean point distance / inter-ocular distance over slightly shifted and turned crops, per domain."""
    out = {"london": _crop_error(net, photographs)}
    if rendered:
        out["rendered"] = _crop_error(net, [rendered[i] for i in _spread(len(rendered), 160)])
    return {name: round(value, 5) for name, value in out.items()}


def measure_finder(net: nn.Module, photographs: list[Picture], rendered: RenderedFaces | None) -> dict[str, float]:
    """Share of faces found with a centre within a quarter and a size within a factor of 1.5, per domain."""
    out = {"london": _found_share(net, photographs)}
    if rendered:
        out["rendered"] = _found_share(net, [rendered[i] for i in _spread(len(rendered), 120)])
    return {name: round(value, 5) for name, value in out.items()}


def _crop_error(net: nn.Module, pictures: list[Picture]) -> float:
    rng = np.random.default_rng(0)
    crops, truths = [], []
    for picture in pictures:
        for _ in range(3 if len(pictures) < 50 else 1):
            placed = augment.crop_similarity(
                picture.landmarks_px,
                rng.normal(0, 0.1),
                CROP_SPAN * np.exp(rng.normal(0, 0.05)),
                rng.normal(0, 0.03, 2),
                CROP_SIZE,
            )
            crops.append(_draw(picture, placed, CROP_SIZE))
            truths.append(transform_points(placed, picture.landmarks_px))
    net.eval()
    with torch.inference_mode():
        batch = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255
        points = torch.cat([net(part)[0] for part in batch.split(32)]).numpy()
    net.train()
    distances = np.linalg.norm(points - np.stack(truths), axis=-1).mean(1)
    return float(np.mean(distances / [interocular(truth) for truth in truths]))


def _found_share(net: nn.Module, pictures: list[Picture]) -> float:
    rng = np.random.default_rng(0)
    net.eval()
    hits = []
    for picture in pictures:
        side = float(np.exp(rng.uniform(np.log(16), np.log(120))))
        placed = augment.crop_similarity(
            picture.landmarks_px, rng.normal(0, 0.1), FINDER_SIZE / side, rng.normal(0, 0.04, 2), FINDER_SIZE
        )
        points = transform_points(placed, picture.landmarks_px)
        frame = torch.from_numpy(_draw(picture, placed, FINDER_SIZE)).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            faces = found_faces(net(frame)[0])
        low, high = points.min(0), points.max(0)
        true_side, middle = float((high - low).max()), (low + high) / 2
        hits.append(
            bool(faces)
            and np.hypot(*(np.array(faces[0][1:3]) - middle)) < true_side / 4
            and 1 / 1.5 < faces[0][3] / true_side < 1.5
        )
    net.train()
    return float(np.mean(hits))


def _draw(picture: Picture, placed: augment.Similarity, size: int) -> augment.Image:
    rgb, small_from_picture = augment.shrink_for(np.ascontiguousarray(picture.rgb), float(np.linalg.norm(placed[:, 0])))
    source = compose_affine(small_from_picture, invert_affine(placed))
    # Beyond the rim nothing: a reflected rim would show the face again.
    return augment.warp(rgb, source, size, cv2.BORDER_CONSTANT)


def _spread(total: int, count: int) -> list[int]:
    return np.unique(np.linspace(0, total - 1, count).astype(int)).tolist()
