"""Networks that draw a face: NED's recurrent generator (`full`), and a compact one that trains on a CPU (`small`).

Tensors in, tensors out. Pictures of geometry are in [0, 1], pictures of faces in [-1, 1]. A generator sees the geometry
of the last frames and what it drew of the frames before; where nothing was drawn yet, `previous` is 0 (mid-grey).
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

RGB = 3
TRUNK = 128  # width and height of the compact network's widest layers, pixels


@dataclass(frozen=True)
class Architecture:
    """Everything that decides what a generator sees and how wide it is."""

    kind: str = "ned"  # or compact
    size: int = 256  # of the square picture, pixels
    n_frames: int = 3  # whose geometry is seen, the one to be drawn last
    n_previous: int = 2  # generated frames that are seen
    width: int = 64  # of the first layer
    encoder_blocks: int = 5  # residual, in each of NED's encoders; the compact network has one encoder
    decoder_blocks: int = 4
    compact_geometry: bool = False  # shape and eyes as one channel each, where NED repeats them three times
    sees_person: bool = False  # also the person's mean colours on the geometry, and what surrounds the face

    @classmethod
    def of_size(cls, name: str, size: int = 256) -> Architecture:
        """Give NED's network (`full`) or the one for a CPU (`small`), for pictures of `size` pixels."""
        return cls(size=size, **_SIZES[name])

    @property
    def geometry_channels(self) -> int:
        """Count the channels of one frame's geometry."""
        return 5 if self.compact_geometry else 9

    @property
    def conditioning_channels(self) -> int:
        """Count the channels of everything that is no generated frame."""
        return self.n_frames * self.geometry_channels + (2 * RGB + 1 if self.sees_person else 0)

    def to_json(self) -> str:
        """Give the text that is stored with the weights."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Architecture:
        """Read the text that `to_json` gave."""
        return cls(**json.loads(text))


_SIZES: dict[str, dict[str, Any]] = {
    "full": {},
    "small": {
        "kind": "compact",
        "n_frames": 1,
        "n_previous": 1,
        "width": 32,
        "encoder_blocks": 4,
        "decoder_blocks": 1,
        "compact_geometry": True,
        "sees_person": True,
    },
}


class FaceView(NamedTuple):
    """What a generator may be shown of frames, as pictures in [0, 1]; a picture of nothing is black."""

    nmfc: Float[Tensor, "batch 3 height width"]
    shape: Float[Tensor, "batch 1 height width"]
    eyes: Float[Tensor, "batch 1 height width"]  # discs at the pupils: the red channel of NED's picture
    appearance: Float[Tensor, "batch 3 height width"]  # the person's mean colours on this geometry, in `surroundings`
    surroundings: Float[Tensor, "batch 3 height width"]  # the frame itself, black wherever `mask` is not 0
    mask: Float[Tensor, "batch 1 height width"]  # how much of the generated picture counts, fading to 0 at its rim


def geometry(architecture: Architecture, view: FaceView) -> Float[Tensor, "batch channel height width"]:
    """Give the channels that one frame's geometry has in this architecture."""
    if architecture.compact_geometry:
        return torch.cat([view.nmfc, view.shape, view.eyes], dim=1)
    black = torch.zeros_like(view.eyes)
    return torch.cat([view.nmfc, view.eyes, black, black, view.shape.expand_as(view.nmfc)], dim=1)


def conditioning(
    architecture: Architecture, recent: list[Float[Tensor, "batch geometry height width"]], view: FaceView
) -> Float[Tensor, "batch conditioning height width"]:
    """Stack the geometry of the last `n_frames` frames, oldest first, and what else the generator sees of this one."""
    if len(recent) != architecture.n_frames:
        raise ValueError(f"geometry of {len(recent)} frames for a generator of {architecture.n_frames}")
    person = [view.appearance, view.surroundings, view.mask] if architecture.sees_person else []
    return torch.cat([*recent, *person], dim=1)


def composited(
    architecture: Architecture, generated: Float[Tensor, "batch 3 height width"], view: FaceView
) -> Float[Tensor, "batch 3 height width"]:
    """Give the picture that is judged and fed back: around the mask the frame itself, or -1 as NED has it."""
    if not architecture.sees_person:
        return torch.where(view.mask >= 0.5, generated, -1.0)
    return torch.where(view.mask > 0, generated, 2 * view.surroundings - 1)


class FaceGenerator(nn.Module, ABC):
    """Common ground of the generators: how they are made, called, stored."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture

    @abstractmethod
    def forward(
        self,
        conditioning: Float[Tensor, "batch conditioning height width"],
        previous: Float[Tensor, "batch generated height width"],
    ) -> Float[Tensor, "batch 3 height width"]:
        """Draw a frame; `previous` holds the last `n_previous` composited frames, oldest first."""

    @classmethod
    def of(cls, architecture: Architecture) -> FaceGenerator:
        """Make an untrained generator."""
        return {"ned": NedGenerator, "compact": CompactGenerator}[architecture.kind](architecture)

    @classmethod
    def from_arrays(cls, parameters: Mapping[str, np.ndarray], config: str) -> FaceGenerator:
        """Build what `to_arrays` and `Architecture.to_json` described."""
        generator = cls.of(Architecture.from_json(config))
        generator.load_state_dict({name: torch.from_numpy(array) for name, array in parameters.items()})
        return generator.eval()

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Give every parameter under its dotted name."""
        return {name: tensor.detach().float().cpu().numpy().copy() for name, tensor in self.state_dict().items()}


class NedGenerator(FaceGenerator):
    """NED's: an encoder of the geometry and one of the previous frames, added; 70.83 M parameters."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        width, blocks = architecture.width, architecture.encoder_blocks
        self.geometry = _ned_encoder(architecture.conditioning_channels, width, blocks)
        self.previous = _ned_encoder(RGB * architecture.n_previous, width, blocks)
        deepest = 8 * width
        layers: list[nn.Module] = [ResidualBlock(deepest, ned_norm) for _ in range(architecture.decoder_blocks)]
        for n_in in (deepest, deepest // 2, deepest // 4):
            rise = nn.ConvTranspose2d(n_in, n_in // 2, 3, stride=2, padding=1, output_padding=1)
            layers += [rise, ned_norm(n_in // 2), nn.ReLU(inplace=True)]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, RGB, 7), nn.Tanh()]
        self.decoder = nn.Sequential(*layers)
        self.apply(ned_initialise)

    def forward(
        self,
        conditioning: Float[Tensor, "batch conditioning height width"],
        previous: Float[Tensor, "batch generated height width"],
    ) -> Float[Tensor, "batch 3 height width"]:
        """Add the two encodings and decode them."""
        return self.decoder(self.geometry(conditioning) + self.previous(previous))


class CompactGenerator(FaceGenerator):
    """A correction of the person's mean colours on the new geometry, found at half resolution and below.

    Pictures larger than 256 are folded into more channels: the layers stay as large as they are.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        width, fold = architecture.width, max(1, architecture.size // TRUNK)
        n_in = architecture.conditioning_channels + RGB * architecture.n_previous
        self.fine = nn.Sequential(nn.PixelUnshuffle(fold), nn.Conv2d(n_in * fold**2, width, 3, padding=1), _leaky())
        self.down = nn.Sequential(nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), _leaky())
        self.coarse = nn.Sequential(
            nn.Conv2d(2 * width, 3 * width, 3, stride=2, padding=1), _leaky(),
            *(ResidualBlock(3 * width, group_norm) for _ in range(architecture.encoder_blocks)),
        )  # fmt: skip
        self.rise = _doubled(3 * width, 2 * width)
        self.middle = nn.Sequential(*(ResidualBlock(2 * width, group_norm) for _ in range(architecture.decoder_blocks)))
        self.rise_again = _doubled(2 * width, width)
        self.finish = nn.Sequential(_leaky(), nn.Conv2d(width, width, 3, padding=1), _leaky())
        correction = nn.Conv2d(width, RGB * fold**2, 3, padding=1)
        nn.init.zeros_(correction.weight)  # the first picture is the mean face
        nn.init.zeros_(correction.bias)  # type: ignore[arg-type]
        self.head = nn.Sequential(correction, nn.PixelShuffle(fold))

    def forward(
        self,
        conditioning: Float[Tensor, "batch conditioning height width"],
        previous: Float[Tensor, "batch generated height width"],
    ) -> Float[Tensor, "batch 3 height width"]:
        """Correct the mean face; only a network in training may leave [-1, 1]."""
        fine = self.fine(torch.cat([conditioning, previous], dim=1))
        middle = self.down(fine)
        middle = self.middle(middle + self.rise(self.coarse(middle)))
        drawn = self._mean_face(conditioning) + self.head(self.finish(fine + self.rise_again(middle)))
        return drawn if self.training else drawn.clamp(-1, 1)

    def _mean_face(self, conditioning: Tensor) -> Tensor:
        """Give the person's mean colours, grey where no mesh is."""
        first = self.architecture.n_frames * self.architecture.geometry_channels
        appearance = conditioning[:, first : first + RGB]
        return torch.where(appearance.amax(dim=1, keepdim=True) > 0, 2 * appearance - 1, 0)


class ResidualBlock(nn.Module):
    """Two convolutions and what went in; nothing after the sum."""

    def __init__(self, width: int, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), norm(width), nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), norm(width),
        )  # fmt: skip

    def forward(self, x: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch channel height width"]:
        """Add what the layers make of the input to it."""
        return x + self.layers(x)


def ned_norm(width: int) -> nn.Module:
    """Normalise every picture and channel by itself, without parameters."""
    return nn.InstanceNorm2d(width, affine=False)


def group_norm(width: int) -> nn.Module:
    """Normalise groups of channels: colour and brightness, which single channels carry, survive."""
    return nn.GroupNorm(8, width)


def ned_initialise(module: nn.Module) -> None:
    """Draw the weights of convolutions from N(0, 0.02)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _ned_encoder(n_in: int, width: int, blocks: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(n_in, width, 7), ned_norm(width), nn.ReLU(inplace=True)]
    for n_out in (2 * width, 4 * width, 8 * width):
        layers += [nn.Conv2d(n_out // 2, n_out, 3, stride=2, padding=1), ned_norm(n_out), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, *(ResidualBlock(8 * width, ned_norm) for _ in range(blocks)))


def _doubled(n_in: int, n_out: int) -> nn.Sequential:
    """Twice the height and width, by a convolution that is computed before."""
    return nn.Sequential(nn.Conv2d(n_in, 4 * n_out, 3, padding=1), nn.PixelShuffle(2))


def _leaky() -> nn.Module:
    return nn.LeakyReLU(0.1, inplace=True)
