"""Networks that judge drawn faces: conditional PatchGANs at several scales, as in pix2pixHD and NED."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from mead_manip.models.face_renderer import ned_initialise, ned_norm

LAYERS = 4  # whose feature maps are matched; a fifth gives the verdict
Judged = list[list[Tensor]]  # per scale the feature maps, the verdict last


class PatchDiscriminator(nn.Module):
    """Picture -> a map of verdicts, one a patch (1 real, 0 generated)."""

    def __init__(self, n_in: int, width: int = 64) -> None:
        super().__init__()
        widths = (n_in, width, 2 * width, 4 * width, 8 * width)
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(widths[k], widths[k + 1], 4, stride=1 if k == LAYERS - 1 else 2, padding=2),
                *([ned_norm(widths[k + 1])] if k else []),
                nn.LeakyReLU(0.2, inplace=True),
            )
            for k in range(LAYERS)
        )
        self.layers.append(nn.Conv2d(widths[-1], 1, 4, padding=2))

    def forward(self, picture: Float[Tensor, "batch channel height width"]) -> list[Tensor]:
        """Give the maps of every layer, the verdict last."""
        maps = []
        for layer in self.layers:
            picture = layer(picture)
            maps.append(picture)
        return maps


class MultiScaleDiscriminator(nn.Module):
    """One PatchDiscriminator for the picture, another for the picture at half its size, and so on."""

    def __init__(self, n_in: int, width: int = 64, scales: int = 2) -> None:
        super().__init__()
        self.scales = nn.ModuleList(PatchDiscriminator(n_in, width) for _ in range(scales))
        self.halve = nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)
        self.apply(ned_initialise)

    def forward(self, picture: Float[Tensor, "batch channel height width"]) -> Judged:
        """Judge the picture at every scale, the finest first."""
        judged = []
        for k, scale in enumerate(self.scales):
            picture = self.halve(picture) if k else picture
            judged.append(scale(picture))
        return judged
