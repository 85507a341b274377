"""Two small networks of our own: a face finder over whole frames and a regressor of points over face crops.

Points are iBUG-68 and then the pupils of the eyes at 36-41 and 42-47, in pixels of the image they were found in, pixel
centres at integer coordinates.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..artifacts.schemas import LandmarkerWeights

CROP_SIZE = 128  # px: side of the square the landmark network reads
FINDER_SIZE = 192  # px: the longer side of the frame the finder reads
FINDER_STRIDE = 8
N_POINTS = 70  # iBUG-68 and two pupils
CROP_SPAN = 1.4  # crop side / larger side of the landmarks' bounding box

_MIRROR_PAIRS = (
    [(i, 16 - i) for i in range(8)]
    + [(17 + i, 26 - i) for i in range(5)]
    + [(31, 35), (32, 34), (36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)]
    + [(48, 54), (49, 53), (50, 52), (59, 55), (58, 56), (60, 64), (61, 63), (67, 65)]
)


def mirror_order(count: int = 68) -> Int64[np.ndarray, " point"]:
    """For each of iBUG-68, or of N_POINTS, the index of its counterpart on the other half of the face."""
    order = np.arange(count)
    for left, right in [*_MIRROR_PAIRS, *([(68, 69)] if count == N_POINTS else [])]:
        order[left], order[right] = right, left
    return order


def _layer(n_in: int, n_out: int, stride: int = 1, size: int = 3) -> nn.Sequential:
    convolution = nn.Conv2d(n_in, n_out, size, stride, size // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(n_out), nn.ReLU(inplace=True))


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _layer(width, width), nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.body(x))


class LandmarkNet(nn.Module):
    """Crop -> 70 points, by the expected position under a heat map each, and how sure it is that this is a face.

    Plain 3x3 convolutions with few channels: on a CPU they beat depthwise ones of the same FLOPs several times.
    """

    def __init__(self, width: int = 24, points: int = N_POINTS) -> None:
        super().__init__()
        w = width
        self.width, self.points = width, points
        self.stem = nn.Sequential(_layer(3, w, 2), _layer(w, 2 * w, 2))  # 128 -> 32 cells
        self.fine = _Residual(2 * w)
        self.middle = nn.Sequential(_layer(2 * w, 4 * w, 2), _Residual(4 * w))  # 16 cells
        self.coarse = nn.Sequential(_layer(4 * w, 6 * w, 2), _Residual(6 * w), _Residual(6 * w))  # 8 cells
        self.whole = nn.Sequential(_layer(6 * w, 6 * w, 2), _layer(6 * w, 6 * w, 2))  # 4, then 2 cells
        self.context = nn.Linear(4 * 6 * w, 6 * w)
        self.to_middle = _layer(6 * w, 4 * w, size=1)
        self.mix_middle = _layer(4 * w, 4 * w)
        self.to_fine = _layer(4 * w, 2 * w, size=1)
        self.mix_fine = nn.Sequential(_layer(2 * w, 3 * w), _layer(3 * w, 3 * w))
        self.heat = nn.Conv2d(3 * w, points, 1)
        self.face = nn.Linear(6 * w, 1)

    def forward(
        self, crops: Float[Tensor, "batch 3 128 128"]
    ) -> tuple[Float[Tensor, "batch point 2"], Float[Tensor, "batch point"], Float[Tensor, " batch"]]:
        """Map RGB crops in 0..1 to points (crop px), the spread of each heat map (crop px), and a face logit."""
        fine = self.fine(self.stem(crops - 0.5))
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        summary = F.relu(self.context(self.whole(coarse).flatten(1)))
        coarse = coarse + summary[:, :, None, None]
        middle = self.mix_middle(middle + F.interpolate(self.to_middle(coarse), scale_factor=2.0))
        fine = self.mix_fine(fine + F.interpolate(self.to_fine(middle), scale_factor=2.0))
        points, spread = expected_position(self.heat(fine).float())
        return points, spread, self.face(summary).float()[:, 0]


def expected_position(
    logits: Float[Tensor, "batch point row column"],
) -> tuple[Float[Tensor, "batch point 2"], Float[Tensor, "batch point"]]:
    """Mean position and standard deviation under softmax(logits), in px of a crop of CROP_SIZE.

    Cells reach beyond the crop by an eighth on every side, so that points on the rim are not pulled inwards.
    """
    rows, columns = logits.shape[-2:]
    weight = logits.flatten(2).softmax(-1).unflatten(2, (rows, columns))
    x = _cell_centres(columns, logits)
    y = _cell_centres(rows, logits)
    along_x, along_y = weight.sum(2), weight.sum(3)
    mean = torch.stack([(along_x * x).sum(-1), (along_y * y).sum(-1)], -1)
    second = (along_x * x.square()).sum(-1) + (along_y * y.square()).sum(-1)
    return mean, (second - mean.square().sum(-1)).clamp_min(1e-6).sqrt()


def _cell_centres(count: int, like: Tensor) -> Tensor:
    step = CROP_SIZE / count
    centres = (torch.arange(count, device=like.device, dtype=torch.float32) + 0.5) * step - 0.5
    middle = (CROP_SIZE - 1) / 2
    return middle + (centres - middle) * 1.125


class FaceFinder(nn.Module):
    """Frame -> for every 8x8 cell: is a face's centre here, how large is the face, where in the cell is the centre."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        w = width
        self.width = width
        self.fine = nn.Sequential(_layer(3, w, 2), _layer(w, 2 * w, 2), _layer(2 * w, 3 * w, 2), _Residual(3 * w))
        self.middle = nn.Sequential(_layer(3 * w, 4 * w, 2), _Residual(4 * w))
        self.coarse = nn.Sequential(_layer(4 * w, 6 * w, 2), _Residual(6 * w), _Residual(6 * w))
        self.to_middle = _layer(6 * w, 4 * w, size=1)
        self.mix_middle = _layer(4 * w, 4 * w)
        self.to_fine = _layer(4 * w, 3 * w, size=1)
        self.mix_fine = _layer(3 * w, 3 * w)
        self.head = nn.Conv2d(3 * w, 4, 1)
        with torch.no_grad():
            self.head.get_parameter("bias")[0] = -4.0  # most cells hold no face

    def forward(self, frames: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 4 rows columns"]:
        """Map RGB frames in 0..1 (sides divisible by 32) to (centre logit, log2 of side / 32 px, dx, dy in cells)."""
        fine = self.fine(frames - 0.5)
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        middle = self.mix_middle(middle + F.interpolate(self.to_middle(coarse), scale_factor=2.0))
        fine = self.mix_fine(fine + F.interpolate(self.to_fine(middle), scale_factor=2.0))
        return self.head(fine).float()


def found_faces(
    maps: Float[Tensor, "4 rows columns"], threshold: float = 0.5
) -> list[tuple[float, float, float, float]]:
    """Local maxima of one finder output as (score, centre x, centre y, side) in px of its input, best first.

    `side` is the larger side of the bounding box of the 68 landmarks, the centre is the middle of that box.
    """
    score = maps[0].sigmoid()
    peak = F.max_pool2d(score[None, None], 5, 1, 2)[0, 0]
    rows, columns = torch.nonzero((score >= peak) & (score >= threshold), as_tuple=True)
    faces = []
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        _, size, dx, dy = maps[:, row, column].tolist()
        x = (column + 0.5 + dx) * FINDER_STRIDE - 0.5
        y = (row + 0.5 + dy) * FINDER_STRIDE - 0.5
        faces.append((float(score[row, column]), x, y, 32.0 * 2.0 ** min(size, 4.0)))
    return sorted(faces, reverse=True)


def fold_batch_norms(network: nn.Module) -> None:
    """Fold every batch norm into the convolution before it: the same outputs in fewer passes over memory."""
    for block in list(network.modules()):
        if not isinstance(block, nn.Sequential):
            continue
        for index, (first, second) in enumerate(pairwise(list(block))):
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                block[index], block[index + 1] = fuse_conv_bn_eval(first, second), nn.Identity()


def load_weights(network: nn.Module, name: str, weights: LandmarkerWeights) -> None:
    """Put stored parameters into a network; `name` is "landmarks" or "finder"."""
    state = network.state_dict()
    for key, value in state.items():
        if value.dtype.is_floating_point:
            state[key] = torch.from_numpy(weights.parameters[f"{name}.{key}"].astype(np.float32))
    network.load_state_dict(state)


def with_pupils_to_learn(weights: LandmarkerWeights) -> LandmarkerWeights:
    """Let weights of 68 points begin with pupils where the mean of the eye's points is."""
    parameters = dict(weights.parameters)
    for name in ("landmarks.heat.weight", "landmarks.heat.bias"):
        rows = parameters[name]
        if len(rows) == 68:
            eyes = [rows[eye].mean(0, keepdims=True) for eye in (slice(36, 42), slice(42, 48))]
            parameters[name] = np.concatenate([rows, *eyes])
    return replace(weights, parameters=parameters)
