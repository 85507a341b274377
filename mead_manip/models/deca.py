"""DECA's networks, written from its published sizes: a picture -> FLAME coefficients, camera and wrinkle codes.

Feng, Feng, Black and Bolkart, "Learning an animatable detailed 3D face model from in-the-wild images", SIGGRAPH 2021.
Names of parameters are those of deca_model.tar, which is a dictionary of three state dictionaries: E_flame and E_detail
(encoder.* = ResNet-50 without its last layer, layers.0 and layers.2) and D_detail (l1.0, conv_blocks.*).
"""

import itertools
from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torchvision.models import resnet50

from mead_manip.errors import ArtifactInvalid

SIZES = {"shape": 100, "tex": 50, "exp": 50, "pose": 6, "cam": 3, "light": 27}
N_CODE, N_DETAIL, N_FEATURES = sum(SIZES.values()), 128, 2048
JAW_X = SIZES["shape"] + SIZES["tex"] + SIZES["exp"] + 3  # pose = global rotation, then jaw, as axis-angle
INPUT_PX, UV_PX = 224, 256
MAX_DISPLACEMENT = 0.01  # m
NETWORKS = ("E_flame", "E_detail", "D_detail")
_UNUSED = ("encoder.fc.weight", "encoder.fc.bias")  # ResNet's own classifier, where a checkpoint keeps it
_COUNTER = "num_batches_tracked"  # older checkpoints lack it, and evaluation does not read it


class Code(NamedTuple):
    """The 236 numbers of a picture by what they mean."""

    shape: Float[Tensor, "batch 100"]
    tex: Float[Tensor, "batch 50"]
    exp: Float[Tensor, "batch 50"]
    pose: Float[Tensor, "batch 6"]  # global rotation, jaw
    cam: Float[Tensor, "batch 3"]  # scale, then shift before it: p = s (X + t)
    light: Float[Tensor, "batch 27"]

    @classmethod
    def split(cls, code: Float[Tensor, "batch 236"]) -> "Code":
        """Cut the encoder's output."""
        return cls(*code.split(list(SIZES.values()), dim=1))


class Encoder(nn.Module):
    """ResNet-50 and two layers; RGB in 0..1, without mean and deviation taken out."""

    def __init__(self, n_outputs: int) -> None:
        super().__init__()
        self.encoder = resnet50(weights=None)
        self.encoder.fc = nn.Identity()
        self.layers = nn.Sequential(nn.Linear(N_FEATURES, 1024), nn.ReLU(), nn.Linear(1024, n_outputs))

    def forward(self, images: Float[Tensor, "batch rgb=3 height width"]) -> Float[Tensor, "batch output"]:
        """Encode pictures of 224 px."""
        return self.layers(self.encoder(images))


class DetailDecoder(nn.Module):
    """Jaw, expression and wrinkle code -> displacement along the normal over FLAME's texture space."""

    def __init__(self) -> None:
        super().__init__()
        self.l1 = nn.Sequential(nn.Linear(3 + SIZES["exp"] + N_DETAIL, 128 * 8 * 8))
        widths = (128, 128, 64, 64, 32, 16)
        layers: list[nn.Module] = [nn.BatchNorm2d(128)]
        for before, after in itertools.pairwise(widths):
            # DECA's batch norms add 0.8 where others add 1e-5: its weights need the same.
            layers += [nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(before, after, 3, padding=1)]
            layers += [nn.BatchNorm2d(after, eps=0.8), nn.LeakyReLU(0.2)]
        self.conv_blocks = nn.Sequential(*layers, nn.Conv2d(16, 1, 3, padding=1), nn.Tanh())

    def forward(
        self,
        jaw_pose: Float[Tensor, "batch 3"],
        expression: Float[Tensor, "batch 50"],
        detail: Float[Tensor, "batch 128"],
    ) -> Float[Tensor, "batch uv=256 uv=256"]:
        """Decode displacements, m."""
        start = self.l1(torch.cat([jaw_pose, expression, detail], dim=1)).unflatten(1, (128, 8, 8))
        return MAX_DISPLACEMENT * self.conv_blocks(start)[:, 0]


class Deca(nn.Module):
    """The three networks of deca_model.tar."""

    def __init__(self) -> None:
        super().__init__()
        self.E_flame = Encoder(N_CODE)
        self.E_detail = Encoder(N_DETAIL)
        self.D_detail = DetailDecoder()

    def forward(
        self, images: Float[Tensor, "batch rgb=3 height width"]
    ) -> tuple[Float[Tensor, "batch 236"], Float[Tensor, "batch 128"]]:
        """Encode pictures: coefficients and wrinkle codes."""
        return self.E_flame(images), self.E_detail(images)


def deca_from_checkpoint(checkpoint: Mapping[str, object]) -> Deca:
    """Build the networks from what deca_model.tar holds; every name and shape has to fit."""
    with torch.device("meta"):
        deca = Deca()
    for name in NETWORKS:
        _fill(name, getattr(deca, name), _part(checkpoint, name))
    return deca.eval().requires_grad_(False)


def _part(checkpoint: Mapping[str, object], network: str) -> dict[str, Tensor]:
    """Give one network's parameters: a dictionary of its own, or names that begin with the network's."""
    part = checkpoint.get(network)
    if part is None:
        part = {
            name.removeprefix(network + "."): value
            for name, value in checkpoint.items()
            if name.startswith(network + ".")
        }
    if not isinstance(part, Mapping) or not part:
        known = ", ".join(sorted(map(str, checkpoint))[:8])
        raise ArtifactInvalid(
            f"no network {network}, only {known}", expected="deca_model.tar with " + ", ".join(NETWORKS)
        )
    return {name: value for name, value in part.items() if name not in _UNUSED}


def _fill(network: str, module: nn.Module, given: dict[str, Tensor]) -> None:
    wanted = module.state_dict()
    counters = {name: torch.zeros((), dtype=torch.long) for name in wanted if name.endswith(_COUNTER)}
    given = {**counters, **given}
    lacking, extra = sorted(wanted.keys() - given.keys()), sorted(given.keys() - wanted.keys())
    if lacking or extra:
        parts = [lacking and f"lacks {_few(lacking)}", extra and f"has also {_few(extra)}"]
        raise ArtifactInvalid(
            f"{network} " + " and ".join(part for part in parts if part), expected="DECA's parameters"
        )
    for name, value in given.items():
        if not isinstance(value, Tensor) or value.shape != wanted[name].shape:
            shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise ArtifactInvalid(f"{network}.{name}: {shape}", expected=f"{tuple(wanted[name].shape)}")
    state = {name: value if name in counters else value.float() for name, value in given.items()}
    module.load_state_dict(state, assign=True)


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
