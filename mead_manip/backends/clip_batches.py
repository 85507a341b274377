"""Caption sets on disk -> augmented batches for training the built-in CLIP. All pictures stay in memory as uint8."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from mead_manip.artifacts import store
from mead_manip.artifacts.schemas import CaptionShard
from mead_manip.backends import captions
from mead_manip.emotions import EMOTIONS
from mead_manip.errors import ArtifactInvalid, InputMissing
from mead_manip.media.images import EncodedFrames


@dataclass(frozen=True)
class Pictures:
    """A caption set in memory. `attributes` maps a name to one value index per picture (-1 unknown)."""

    images: UInt8[np.ndarray, "image y x rgb=3"]
    strength: Float[np.ndarray, "image emotion"]
    attributes: dict[str, np.ndarray]
    identity_seed: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def take(self, index: np.ndarray) -> "Pictures":
        """Give the pictures at `index`."""
        attributes = {name: values[index] for name, values in self.attributes.items()}
        return Pictures(self.images[index], self.strength[index], attributes, self.identity_seed[index])


def load(folder: Path) -> Pictures:
    """Read every shard of a caption set."""
    paths = sorted(folder.glob("*.h5"))
    if not paths:
        remedy = "run python -m mead_manip.synthetic.caption_set first"
        raise InputMissing(f"no caption shards in {folder}", remedy=remedy)
    shards = [_read(path) for path in paths]
    names = shards[0].attributes.keys()
    return Pictures(
        np.concatenate([shard.images for shard in shards]),
        np.concatenate([shard.strength for shard in shards]),
        {name: np.concatenate([shard.attributes[name] for shard in shards]) for name in names},
        np.concatenate([shard.identity_seed for shard in shards]),
    )


def split(pictures: Pictures, share: float) -> tuple[Pictures, Pictures]:
    """Keep every k-th identity out of training; no person is on both sides."""
    people = np.unique(pictures.identity_seed)
    held_out = np.isin(pictures.identity_seed, people[:: max(2, round(1 / share))])
    return pictures.take(np.flatnonzero(~held_out)), pictures.take(np.flatnonzero(held_out))


def _read(path: Path) -> Pictures:
    shard = store.load(CaptionShard, path)
    listed = zip(shard.attribute_names, shard.attribute_values, strict=True)
    values = {name: tuple(text.split("|")) for name, text in listed}
    if shard.emotion_names != EMOTIONS or values != captions.ATTRIBUTES:
        expected = f"{captions.ATTRIBUTES}"
        raise ArtifactInvalid(f"{path}: attributes {values}", expected=expected, remedy="render it again")
    frames = EncodedFrames(shard.face_bytes, shard.face_offsets)
    images = np.stack([image for image in frames if image is not None])
    columns = {name: shard.attributes[:, column] for column, name in enumerate(shard.attribute_names)}
    return Pictures(images, shard.strength, columns, shard.identity_seed)


# ---- augmentation ------------------------------------------------------------------------------------------------


def augment(
    pictures: Pictures, size: int, rng: np.random.Generator
) -> tuple[Float[Tensor, "image rgb=3 y x"], dict[str, np.ndarray]]:
    """Crop, flip, relight and blur a batch; give pixels in 0..1 and the attributes, left and right swapped in flips."""
    pixels = to_tensor(pictures.images)
    count = len(pixels)
    flipped = rng.random(count) < 0.5
    attributes = {name: values.copy() for name, values in pictures.attributes.items()}
    for name in captions.MIRRORED:
        last = len(captions.ATTRIBUTES[name]) - 1
        swap = flipped & (attributes[name] >= 0)
        attributes[name][swap] = last - attributes[name][swap]
    pixels = _warp(pixels, size, flipped, rng)
    pixels = _soften(pixels, rng)
    return _recolour(pixels, rng), attributes


def to_tensor(images: UInt8[np.ndarray, "image y x rgb=3"]) -> Float[Tensor, "image rgb=3 y x"]:
    """Turn RGB uint8 pictures into float pixels in 0..1."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255.0


def resize(pixels: Float[Tensor, "image rgb=3 y x"], size: int) -> Float[Tensor, "image rgb=3 size size"]:
    """Resize as the scorer does: bicubic with antialiasing."""
    small = functional.interpolate(pixels, size=(size, size), mode="bicubic", antialias=True, align_corners=False)
    return small.clamp(0.0, 1.0)


def normalise(pixels: Float[Tensor, "image rgb=3 y x"], mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Subtract the mean and divide by the deviation of every channel."""
    return (pixels - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)


def _warp(pixels: Tensor, size: int, flipped: np.ndarray, rng: np.random.Generator) -> Tensor:
    count = len(pixels)
    angle = rng.normal(0.0, np.radians(5.0), count)
    zoom = np.exp(rng.normal(0.0, 0.06, count))
    shift = rng.normal(0.0, 0.05, (count, 2))
    cosine, sine = np.cos(angle) * zoom, np.sin(angle) * zoom
    mirror = np.where(flipped, -1.0, 1.0)
    theta = np.stack(
        [np.stack([cosine * mirror, -sine, shift[:, 0]], 1), np.stack([sine * mirror, cosine, shift[:, 1]], 1)], 1
    )
    grid = functional.affine_grid(torch.from_numpy(theta).float(), [count, 3, size, size], align_corners=False)
    return functional.grid_sample(pixels, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _soften(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    """Lose resolution in some pictures, as small or compressed faces do."""
    chosen = torch.from_numpy(rng.random(len(pixels)) < 0.35)
    size = pixels.shape[-1]
    low = resize(pixels[chosen], int(size * rng.uniform(0.45, 0.9)))
    pixels[chosen] = resize(low, size)
    return pixels


def _recolour(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    count = len(pixels)

    def column(spread: float, channels: int = 1) -> Tensor:
        return torch.from_numpy(rng.normal(0.0, spread, (count, channels, 1, 1))).float()

    grey = pixels.mean(dim=1, keepdim=True)
    saturation = (1.0 + column(0.25)).clamp(0.0, 1.8) * torch.from_numpy(rng.random((count, 1, 1, 1)) > 0.06)
    pixels = grey + (pixels - grey) * saturation
    middle = pixels.mean(dim=(1, 2, 3), keepdim=True)
    pixels = middle + (pixels - middle) * (1.0 + column(0.18)).clamp_min(0.4)
    pixels = pixels * (1.0 + column(0.06, 3)) * (1.0 + column(0.18)).clamp_min(0.4)
    noise = torch.from_numpy(rng.standard_normal(tuple(pixels.shape), dtype=np.float32))
    return (pixels + noise * column(0.015).abs()).clamp(0.0, 1.0)
