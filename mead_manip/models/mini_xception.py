"""mini-XCEPTION: a small network that reads an emotion off a grey face (Arriaga et al. 2017, arXiv 1710.07557).

Layers, sizes and the classes' order are those of the files that its authors publish, trained on FER2013: a stem of two
plain convolutions, four blocks of two depthwise separable convolutions beside a strided shortcut, and a convolution
with a channel per class that is averaged over the picture. Padding is Keras' "same": what is odd goes right and below.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

SIDE = 64  # pixels of the picture
STEM = 8
WIDTHS = (16, 32, 64, 128)
CLASSES = ("angry", "disgusted", "fear", "happy", "sad", "surprised", "neutral")  # FER2013's order, our words
_EPSILON = 1e-3  # Keras' default for batch norm

Shape = tuple[int, ...]


class MiniXception(nn.Module):
    """Logits of seven emotions from a grey picture in -1..1."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, STEM, 3, bias=False),
            _norm(STEM),
            nn.ReLU(),
            nn.Conv2d(STEM, STEM, 3, bias=False),
            _norm(STEM),
            nn.ReLU(),
        )
        self.blocks = nn.Sequential(*(Block(a, b) for a, b in zip((STEM, *WIDTHS), WIDTHS, strict=False)))
        self.head = nn.Conv2d(WIDTHS[-1], len(CLASSES), 3, padding=1)

    def forward(self, faces: Float[Tensor, "image 1 y x"]) -> Float[Tensor, "image class"]:
        """Give logits."""
        return self.head(self.blocks(self.stem(faces))).mean(dim=(2, 3))


class Block(nn.Module):
    """Two separable convolutions and a maximum over 3x3, added to a shortcut; both halve the picture."""

    def __init__(self, before: int, width: int) -> None:
        super().__init__()
        self.shortcut = nn.Sequential(nn.Conv2d(before, width, 1, stride=2, bias=False), _norm(width))
        self.layers = nn.Sequential(
            *_separable(before, width), _norm(width), nn.ReLU(), *_separable(width, width), _norm(width)
        )

    def forward(self, x: Float[Tensor, "image channel y x"]) -> Float[Tensor, "image width half_y half_x"]:
        """Halve the picture."""
        deep = self.layers(x)
        return functional.max_pool2d(_padded(deep), 3, stride=2) + self.shortcut(x)


def _separable(before: int, width: int) -> tuple[nn.Module, nn.Module]:
    depthwise = nn.Conv2d(before, before, 3, padding=1, groups=before, bias=False)
    return depthwise, nn.Conv2d(before, width, 1, bias=False)


def _norm(width: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(width, eps=_EPSILON)


def _padded(x: Tensor) -> Tensor:
    """Pad for a window of 3 at every second pixel as Keras does: an even side gets one line, an odd one two."""
    below, right = (1 + side % 2 for side in x.shape[-2:])
    return functional.pad(x, (right - 1, 1, below - 1, 1), value=float("-inf"))


# ---- the authors' files --------------------------------------------------------------------------------------------


def layers() -> dict[str, str]:
    """Give the module of every layer that has weights, by the layer's name in a Keras file."""
    named = {"conv2d_1": "stem.0", "batch_normalization_1": "stem.1"}
    named |= {"conv2d_2": "stem.3", "batch_normalization_2": "stem.4"}
    for k in range(len(WIDTHS)):
        block = f"blocks.{k}."
        named |= {f"conv2d_{k + 3}": block + "shortcut.0", f"batch_normalization_{3 * k + 3}": block + "shortcut.1"}
        # A separable convolution of Keras is two of torch: the depthwise one, and after it the pointwise one.
        named |= {
            f"separable_conv2d_{2 * k + 1}": block + "layers.0",
            f"separable_conv2d_{2 * k + 2}": block + "layers.4",
        }
        named |= {f"batch_normalization_{3 * k + 4 + j}": block + f"layers.{2 + 4 * j}" for j in (0, 1)}
    return named | {"conv2d_7": "head"}


def keras_shapes() -> dict[str, dict[str, Shape]]:
    """Give the shape of every array of every layer, as a Keras file has them: (rows, columns, in, out)."""
    shapes: dict[str, dict[str, Shape]] = {}
    state = MiniXception().state_dict()
    for layer, arrays in _places().items():
        shapes[layer] = {name: _as_keras(name, state[place]).shape for name, place in arrays.items()}
    return shapes


def from_keras(weights: Mapping[str, Mapping[str, np.ndarray]]) -> MiniXception:
    """Make the network from the arrays of a Keras file, by layer and name."""
    network = MiniXception()
    state = network.state_dict()
    for layer, arrays in _places().items():
        for name, place in arrays.items():
            state[place] = _as_torch(name, torch.from_numpy(np.ascontiguousarray(weights[layer][name])))
    network.load_state_dict(state)
    return network.eval()


def _places() -> dict[str, dict[str, str]]:
    """Give, by layer and array of a Keras file, the name in our state dict."""
    places: dict[str, dict[str, str]] = {}
    for layer, module in layers().items():
        if layer.startswith("batch"):
            names = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
            places[layer] = {ours: f"{module}.{theirs}" for ours, theirs in names.items()}
        elif layer.startswith("separable"):
            head, _, number = module.rpartition(".")
            pointwise = f"{head}.{int(number) + 1}.weight"
            places[layer] = {"depthwise_kernel": f"{module}.weight", "pointwise_kernel": pointwise}
        else:
            places[layer] = {"kernel": f"{module}.weight"} | ({"bias": f"{module}.bias"} if module == "head" else {})
    return places


def _as_torch(name: str, array: Tensor) -> Tensor:
    if name == "depthwise_kernel":
        return array.permute(2, 3, 0, 1).contiguous()
    return array.permute(3, 2, 0, 1).contiguous() if name.endswith("kernel") else array


def _as_keras(name: str, array: Tensor) -> Tensor:
    if name == "depthwise_kernel":
        return array.permute(2, 3, 0, 1)
    return array.permute(2, 3, 1, 0) if name.endswith("kernel") else array
