"""HeadAsset -> the tensors and tables that HeadModel is made of."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, Int64
from torch import Tensor

from mead_manip.artifacts.schemas import HeadAsset

LID_UNITS = ("AU5", "AU7")  # what they do to an eye fades as it closes, or blinks would not close it


class Attachment(NamedTuple):
    """Brows, lashes or hair: vertex = sum of weight x head[ref] + offset."""

    kind: str
    refs: Int[Tensor, "hung 3"]
    weights: Float[Tensor, "hung 3"]
    offsets: Float[Tensor, "hung 3"]


def head_buffers(asset: HeadAsset) -> dict[str, Tensor]:
    """Dequantise the bases and name every tensor of the model."""
    identity = torch.from_numpy(asset.identity_basis).float() * torch.from_numpy(asset.identity_scale)[:, None, None]
    expression = (
        torch.from_numpy(asset.expression_basis).float() * torch.from_numpy(asset.expression_scale)[:, None, None]
    )
    lids = np.flatnonzero((abs(asset.eyelid_close) + abs(asset.eyelid_arc)).max(axis=(0, 2)) > 0)
    eyes = [asset.part_names.index("eye_left"), asset.part_names.index("eye_right")]
    part = torch.from_numpy(asset.vertex_part).long()
    fade = torch.tensor(
        [[float(name in {f"{unit}_{side}" for unit in LID_UNITS}) for name in asset.coef_names] for side in "LR"]
    )
    return {
        "template": torch.from_numpy(asset.template),
        "identity_basis": identity,
        "expression_basis": expression,
        "eyelid_close": torch.from_numpy(asset.eyelid_close[:, lids]),
        "eyelid_arc": torch.from_numpy(asset.eyelid_arc[:, lids]),
        "eyelid_seal": torch.from_numpy(asset.eyelid_seal[:, :, lids]).float() * asset.eyelid_seal_scale,
        "lid_ids": torch.from_numpy(lids),
        "jaw_weight": torch.from_numpy(asset.jaw_weight),
        "neck_weight": torch.from_numpy(asset.neck_weight),
        "joints": torch.from_numpy(asset.joints),
        "joint_basis": torch.from_numpy(asset.joint_basis),
        "eyeball": (part == eyes[0]).long() + 2 * (part == eyes[1]).long(),
        "triangles": torch.from_numpy(asset.triangles).long(),
        "triangle_part": torch.from_numpy(asset.triangle_part).long(),
        "landmark_ids": torch.from_numpy(asset.landmarks).long(),
        "contour_candidates": torch.from_numpy(asset.contour_candidates).long(),
        "lid_fade": fade,
        "extent_pairs": torch.from_numpy(_extent_pairs(asset)),
    }


def part_slices(asset: HeadAsset) -> dict[str, slice]:
    """Vertices are grouped by part, so that each part is one slice."""
    bounds = np.searchsorted(asset.vertex_part, np.arange(len(asset.part_names) + 1))
    return {name: slice(int(bounds[i]), int(bounds[i + 1])) for i, name in enumerate(asset.part_names)}


def attachments_of(asset: HeadAsset) -> dict[str, Attachment]:
    """Split the attachment tables by name."""
    attachments = {}
    for i, name in enumerate(asset.attachment_names):
        rows = slice(*asset.attachment_vertex_start[i : i + 2])
        attachments[name] = Attachment(
            kind=asset.attachment_kinds[asset.attachment_kind[i]],
            refs=torch.from_numpy(asset.attachment_refs[rows]).long(),
            weights=torch.from_numpy(asset.attachment_weights[rows]),
            offsets=torch.from_numpy(asset.attachment_offsets[rows]),
        )
    return attachments


def hang(hung: Attachment, vertices: Float[Tensor, "batch vertex 3"]) -> Float[Tensor, "batch hung 3"]:
    """Place attachment vertices on their references, without their offsets."""
    return (vertices[:, hung.refs] * hung.weights.to(vertices)[..., None]).sum(2)


def _extent_pairs(asset: HeadAsset) -> Int64[np.ndarray, "end=2 axis=3"]:
    """Vertices whose distances are the width, height and depth of the skull: (low, high) x axis."""
    scalp = np.flatnonzero((asset.vertex_part == 0) & (asset.template[:, 1] > 0.35))
    chin = int(asset.landmarks[8])
    low = [int(scalp[asset.template[scalp, axis].argmin()]) for axis in range(3)]
    high = [int(scalp[asset.template[scalp, axis].argmax()]) for axis in range(3)]
    low[1] = chin
    return np.array([low, high], np.int64)
