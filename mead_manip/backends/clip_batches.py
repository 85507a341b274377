"""Caption sets on disk -> augmented batches for training the built-in CLIP. All pictures stay in memory as uint8."""

import dataclasses
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

# Turns about an upright or a forward axis change their sign in a mirror.
TURNS = ("gaze_yaw", "head_yaw", "head_roll")


@dataclass(frozen=True)
class Pictures:
    """A caption set in memory. `attributes` maps a name to one value index per picture (-1 unknown)."""

    images: UInt8[np.ndarray, "image y x rgb=3"]
    strength: Float[np.ndarray, "image emotion"]
    attributes: dict[str, np.ndarray]
    motion: Float[np.ndarray, "image motion"]  # coefficients of the head
    motion_names: tuple[str, ...]
    identity_seed: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def take(self, index: np.ndarray) -> "Pictures":
        """Give the pictures at `index`."""
        attributes = {name: values[index] for name, values in self.attributes.items()}
        return dataclasses.replace(
            self,
            images=self.images[index],
            strength=self.strength[index],
            attributes=attributes,
            motion=self.motion[index],
            identity_seed=self.identity_seed[index],
        )


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
        np.concatenate([shard.motion for shard in shards]),
        shards[0].motion_names,
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
    return Pictures(images, shard.strength, columns, shard.motion, shard.motion_names, shard.identity_seed)


# ---- augmentation ------------------------------------------------------------------------------------------------


def augment(
    pictures: Pictures, crop: Sequence[float], size: int, rng: np.random.Generator
) -> tuple[Float[Tensor, "image rgb=3 y x"], Pictures]:
    """Cut `crop` out, flip, relight, blur; give pixels in 0..1 and the pictures' facts, sides swapped where flipped."""
    pixels = to_tensor(pictures.images)
    flipped = rng.random(len(pixels)) < 0.5
    pixels = _warp(pixels, crop, size, flipped, rng)
    pixels = _soften(pixels, rng)
    return _recolour(pixels, rng), _mirrored(pictures, flipped)


def _mirrored(pictures: Pictures, flipped: np.ndarray) -> Pictures:
    attributes = {name: values.copy() for name, values in pictures.attributes.items()}
    for name in captions.MIRRORED:
        last = len(captions.ATTRIBUTES[name]) - 1
        swap = flipped & (attributes[name] >= 0)
        attributes[name][swap] = last - attributes[name][swap]
    motion = np.where(flipped[:, None], mirrored_motion(pictures), pictures.motion)
    return dataclasses.replace(pictures, attributes=attributes, motion=motion)


def mirrored_motion(pictures: Pictures) -> Float[np.ndarray, "image motion"]:
    """Give the coefficients of the mirrored pictures."""
    order = [pictures.motion_names.index(_other_side(name)) for name in pictures.motion_names]
    signs = np.array([-1.0 if name in TURNS else 1.0 for name in pictures.motion_names], np.float32)
    return pictures.motion[:, order] * signs


def _other_side(name: str) -> str:
    swaps = {"_L": "_R", "_R": "_L", "_left": "_right", "_right": "_left"}
    end = next((end for end in swaps if name.endswith(end)), "")
    return name.removesuffix(end) + swaps.get(end, "")


def to_tensor(images: UInt8[np.ndarray, "image y x rgb=3"]) -> Float[Tensor, "image rgb=3 y x"]:
    """Turn RGB uint8 pictures into float pixels in 0..1."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255.0


def cut(pixels: Float[Tensor, "image rgb=3 y x"], crop: Sequence[float]) -> Float[Tensor, "image rgb=3 span span"]:
    """Cut the square (left, top, side in parts of the picture) that the model looks at."""
    left, top, side = (round(part * pixels.shape[-1]) for part in crop)
    return pixels[:, :, top : top + side, left : left + side]


def resize(pixels: Float[Tensor, "image rgb=3 y x"], size: int) -> Float[Tensor, "image rgb=3 size size"]:
    """Resize as the scorer does: bicubic with antialiasing."""
    small = functional.interpolate(pixels, size=(size, size), mode="bicubic", antialias=True, align_corners=False)
    return small.clamp(0.0, 1.0)


def _warp(pixels: Tensor, crop: Sequence[float], size: int, flipped: np.ndarray, rng: np.random.Generator) -> Tensor:
    """Resample the crop, jittered. affine_grid counts a picture from -1 to 1."""
    count, (left, top, side) = len(pixels), crop
    angle = rng.normal(0.0, np.radians(4.0), count)
    zoom = side * np.exp(rng.normal(0.0, 0.05, count))
    shift = rng.normal(0.0, 0.04, (count, 2)) + np.array([2 * left + side - 1, 2 * top + side - 1])
    cosine, sine = np.cos(angle) * zoom, np.sin(angle) * zoom
    mirror = np.where(flipped, -1.0, 1.0)
    theta = np.stack(
        [np.stack([cosine * mirror, -sine, shift[:, 0]], 1), np.stack([sine * mirror, cosine, shift[:, 1]], 1)], 1
    )
    grid = functional.affine_grid(torch.from_numpy(theta).float(), [count, 3, size, size], align_corners=False)
    return functional.grid_sample(pixels, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _soften(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    """Lose resolution in some pictures, as small or compressed faces do."""
    chosen = torch.from_numpy(rng.random(len(pixels)) < 0.2)
    size = pixels.shape[-1]
    low = resize(pixels[chosen], int(size * rng.uniform(0.55, 0.9)))
    pixels[chosen] = resize(low, size)
    return pixels


def _recolour(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    """Vary saturation and light a little; exposure and white balance are divided out before the model looks."""
    count = len(pixels)

    def column(spread: float) -> Tensor:
        return torch.from_numpy(rng.normal(0.0, spread, (count, 1, 1, 1))).float()

    grey = pixels.mean(dim=1, keepdim=True)
    saturation = (1.0 + column(0.15)).clamp(0.0, 1.8) * torch.from_numpy(rng.random((count, 1, 1, 1)) > 0.03)
    pixels = grey + (pixels - grey) * saturation
    gamma = torch.exp(column(0.12))
    noise = torch.from_numpy(rng.standard_normal(tuple(pixels.shape), dtype=np.float32))
    return (pixels.clamp(0.0, 1.0) ** gamma + noise * column(0.006).abs()).clamp(0.0, 1.0)
