"""How FAN sees a face: square crops placed as face-alignment places them, and landmarks read off heat maps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor, nn

CROP_PX = 256
_REFERENCE = 195.0  # width + height of the landmarks' box that make a scale of 1, in FAN's training and in ours
_PX_PER_SCALE = 200.0  # side of a crop of scale 1, in frame px
_RAISED = 0.12  # of the box's height: the crop's centre lies above the box's
_SMALLEST = 16.0  # px: less is no face, and would not fill a crop
_CPU_BATCH, _GPU_BATCH = 4, 64  # crops; on a CPU, eight no longer fit its cache and take 10 % longer each


@dataclass(frozen=True)
class Placement:
    """Where a crop lies: its centre in frame px, and its side in units of 200 px."""

    x: float
    y: float
    scale: float

    @property
    def side_px(self) -> float:
        return _PX_PER_SCALE * self.scale

    def lies_in(self, frame: UInt8[np.ndarray, "height width 3"]) -> bool:
        """Whether the crop's middle is in the frame, and its size that of a face that fits."""
        height, width = frame.shape[:2]
        inside = 0 <= self.x < width and 0 <= self.y < height
        return inside and _SMALLEST <= self.side_px <= 4 * max(height, width)

    def agrees(self, other: Placement, shift: float, growth: float) -> bool:
        """Whether two crops nearly coincide: `shift` in sides of the other one, `growth` as a factor."""
        distance = float(np.hypot(self.x - other.x, self.y - other.y))
        ratio = self.scale / other.scale
        return distance <= shift * other.side_px and 1 / growth <= ratio <= growth


def place(box_px: Float[np.ndarray, " 4"] | Sequence[float], reference: float = _REFERENCE) -> Placement:
    """Place a crop around a box as face-alignment does; `reference` is the detector's, or that of landmarks."""
    x0, y0, x1, y1 = (float(value) for value in box_px)
    middle = y1 - (y1 - y0) / 2.0
    return Placement(x1 - (x1 - x0) / 2.0, middle - (y1 - y0) * _RAISED, (x1 - x0 + y1 - y0) / reference)


def place_landmarks(landmarks_px: Float[np.ndarray, "68 2"]) -> Placement:
    """Place a crop around landmarks, as the crops of FAN's training were placed."""
    return place(np.concatenate([landmarks_px.min(0), landmarks_px.max(0)]))


def between(left: Placement, right: Placement, share: float) -> Placement:
    """Go straight from one placement to another."""
    ends = np.array([[left.x, left.y, left.scale], [right.x, right.y, right.scale]])
    x, y, scale = (1 - share) * ends[0] + share * ends[1]
    return Placement(float(x), float(y), float(scale))


def read_landmarks(
    network: nn.Module, jobs: Sequence[tuple[UInt8[np.ndarray, "_ _ 3"], Placement]]
) -> Iterator[tuple[Float32[np.ndarray, "68 2"], float]]:
    """Give landmarks in frame px and the mean height of their peaks (0..1) for every crop of a frame, in batches."""
    device = next(iter(network.parameters()), torch.empty(0)).device
    size = _GPU_BATCH if device.type == "cuda" else _CPU_BATCH
    for start in range(0, len(jobs), size):
        batch = jobs[start : start + size]
        pixels = torch.from_numpy(np.stack([_cut(frame, placement) for frame, placement in batch])).to(device)
        crops = pixels.permute(0, 3, 1, 2).float() / 255
        # Half precision where it is fast; elsewhere it is slower, and nothing is gained.
        with torch.inference_mode(), torch.autocast(device.type, torch.float16, enabled=device.type == "cuda"):
            stacks = network(crops)  # one set of heat maps per hourglass; a TorchScript archive gives the last only
        maps = (stacks[-1] if isinstance(stacks, list | tuple) else stacks).float()
        points, peaks = decode(maps)
        shares = points.cpu().numpy() / maps.shape[-1] - 0.5
        for (_, placement), share, height in zip(batch, shares, peaks.cpu().numpy(), strict=True):
            # face-alignment counts from the rim of pixel 0, our pixel centres lie at integers.
            landmarks = share * placement.side_px + [placement.x - 0.5, placement.y - 0.5]
            yield landmarks.astype(np.float32), float(np.clip(height, 0, 1).mean())


def decode(
    maps: Float[Tensor, "face point y x"],
) -> tuple[Float[Tensor, "face point xy=2"], Float[Tensor, "face point"]]:
    """Read points off heat maps: the highest cell, and a quarter of a cell towards its higher neighbour, each way.

    Cell i spans i..i+1. Also gives the peaks' heights.
    """
    height, width = maps.shape[2:]
    flat = maps.flatten(2)
    peaks, index = flat.max(-1)
    x, y = index % width, index // width
    inner = (x > 0) & (x < width - 1) & (y > 0) & (y < height - 1)

    def slope(step: int) -> Float[Tensor, "face point"]:
        after = flat.gather(2, (index + step).clamp(max=height * width - 1)[..., None])
        before = flat.gather(2, (index - step).clamp(min=0)[..., None])
        return torch.sign(after - before)[..., 0] * inner

    cell = torch.stack([x, y], -1) + 0.5
    return cell + 0.25 * torch.stack([slope(1), slope(width)], -1), peaks


def _cut(frame: UInt8[np.ndarray, "height width 3"], placement: Placement) -> UInt8[np.ndarray, "256 256 3"]:
    from face_alignment.utils import crop

    pixels: np.ndarray = crop(frame, np.array([placement.x, placement.y]), placement.scale)
    return pixels
