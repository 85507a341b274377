"""VGG-19's features as NED's perceptual loss takes them. The weights are torchvision's, from a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mead_manip.errors import InputMissing, UsageError

_WIDTHS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512)  # 0: halve
CACHED = "vgg19-dcbb9e9d.pth"  # torchvision's name for it


class VggFeatures(nn.Module):
    """Picture in [-1, 1] -> relu1_1, relu2_1, relu3_1, relu4_1, relu5_1."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        self.taken: list[int] = []
        n_in, begins = 3, True
        for width in _WIDTHS:
            if not width:
                layers.append(nn.MaxPool2d(2, 2))
                begins = True
                continue
            layers += [nn.Conv2d(n_in, width, 3, padding=1), nn.ReLU()]
            if begins:
                self.taken.append(len(layers) - 1)
            n_in, begins = width, False
        self.features = nn.Sequential(*layers)
        self.requires_grad_(False)

    def forward(self, picture: Float[Tensor, "batch 3 height width"]) -> list[Tensor]:
        """Give the maps of the five layers."""
        maps = []
        for k, layer in enumerate(self.features):
            picture = layer(picture)
            if k in self.taken:
                maps.append(picture)
        return maps

    @classmethod
    def load(cls, path: Path) -> VggFeatures:
        """Read torchvision's weights; those of deeper layers are left out."""
        if not path.is_file():
            raise InputMissing(f"--vgg {path}: no such file", expected="torchvision's VGG-19 weights (.pth)")
        stored: Mapping[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
        features = cls()
        wanted = features.state_dict()
        fitting = {name: stored[name] for name in wanted if name in stored and stored[name].shape == wanted[name].shape}
        if len(fitting) < len(wanted):
            lacking = next(name for name in wanted if name not in fitting)
            raise UsageError(f"--vgg {path}: no {lacking} of the right shape", expected="torchvision's VGG-19")
        features.load_state_dict(fitting)
        return features.eval()


def cached_vgg() -> Path | None:
    """Give torchvision's file in torch's hub cache, if it is there; nothing is downloaded."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / CACHED
    return path if path.is_file() else None
