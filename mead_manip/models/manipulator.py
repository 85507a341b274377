"""The 3D-based emotion manipulator of NED: mapping network, style encoder, generator, discriminator.

Tensors in, tensors out. A frame is `[jaw_pose_x, expression_1..K]`, a window is `WINDOW` consecutive frames. Widths of
size `full` are those of NED (arXiv 2112.00585); parameter counts at 51 numbers and 7 emotions are conformance tests.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from einops import repeat
from jaxtyping import Float, Int64
from torch import Tensor, nn

from mead_manip.emotions import NED_EMOTIONS
from mead_manip.models.recurrent import bidirectional, over_windows

WINDOW = 10  # frames, about a third of a second at 30 fps
NOISE = 4  # numbers in z
STYLE = 16  # numbers in a style code
LEVELS = 3  # how strongly MEAD's actors play an emotion: 1, 2, 3


@dataclass(frozen=True)
class Architecture:
    """Everything that decides the shapes of the four networks."""

    n_coefs: int
    emotions: tuple[str, ...] = NED_EMOTIONS
    mapping: int = 64
    frame: tuple[int, int] = (512, 256)  # style encoder and discriminator, per frame before the LSTM
    lstm: int = 128
    head: tuple[int, int] = (128, 64)  # style encoder and discriminator, per frame after the LSTM
    generator_frame: int = 512
    generator_lstm: int = 512
    generator_head: int = 1024
    lstm_layers: int = 2
    window: int = WINDOW  # frames of a window; no shape depends on it
    levels: int = 0  # levels of intensity that a style is asked for and judged by; 0 is NED's: none

    @classmethod
    def of_size(
        cls,
        size: str,
        n_coefs: int,
        emotions: tuple[str, ...] = NED_EMOTIONS,
        *,
        window: int = WINDOW,
        levels: int = 0,
    ) -> Architecture:
        """Give NED's widths (`full`) or narrow ones that train in under a minute on two cores (`small`)."""
        return cls(n_coefs, emotions, **_SIZES[size], window=window, levels=levels)

    def to_json(self) -> str:
        """Give the text that is stored with the weights."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Architecture:
        """Read the text that `to_json` gave."""
        values: dict[str, Any] = json.loads(text)
        settled: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        return cls(**settled)


_SIZES: dict[str, dict[str, Any]] = {
    "full": {},
    "small": {
        "frame": (64, 64),
        "lstm": 32,
        "head": (64, 32),
        "generator_frame": 128,
        "generator_lstm": 64,
        "generator_head": 128,
        "lstm_layers": 1,
    },
}


class MappingNetwork(nn.Module):
    """Noise -> style code of one emotion: a shared trunk and one head per emotion. A level is one input more."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width, self.levels = architecture.mapping, architecture.levels
        self.shared = _mlp(NOISE + bool(self.levels), width, width, width)
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, STYLE))
            for _ in range(len(architecture.emotions))
        )

    def forward(
        self,
        noise: Float[Tensor, "batch noise"],
        emotion: Int64[Tensor, " batch"],
        level: Float[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch style"]:
        """Map every noise vector with the head of its own emotion; networks with levels need one, in (0, levels]."""
        if self.levels:
            if level is None:
                raise ValueError(f"no level for a network of {self.levels} levels")
            noise = torch.cat([noise, level.to(noise)[:, None] / self.levels], dim=1)
        shared = self.shared(noise)
        styles = torch.stack([head(shared) for head in self.heads], dim=1)
        return _pick(styles, emotion)


class SequenceNetwork(nn.Module):
    """Window -> one vector: frame layers, bidirectional LSTM, frame layers, mean over time."""

    def __init__(self, architecture: Architecture, n_out: int) -> None:
        super().__init__()
        self.frame = _mlp(architecture.n_coefs, *architecture.frame)
        self.lstm = _lstm(architecture.frame[-1], architecture.lstm, architecture.lstm_layers)
        self.head = nn.Sequential(
            _mlp(2 * architecture.lstm, *architecture.head), nn.Linear(architecture.head[-1], n_out)
        )

    def forward(self, coefs: Float[Tensor, "batch frame coef"]) -> Float[Tensor, "batch out"]:
        """Describe every window by the mean over its frames."""
        return _over_time(self.head, bidirectional(self.lstm, self.frame(coefs))).mean(dim=1)


class StyleEncoder(SequenceNetwork):
    """Window -> style code. It never sees a label."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture, STYLE)


class Discriminator(SequenceNetwork):
    """Window and emotion -> how real it is as this emotion: one logit per emotion, the asked one is returned.

    With levels there is a logit per emotion and level, else nothing would tie a level to how strong a window is.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture, len(architecture.emotions) * max(1, architecture.levels))
        self.levels = architecture.levels

    def judge(
        self,
        coefs: Float[Tensor, "batch frame coef"],
        emotion: Int64[Tensor, " batch"],
        level: Float[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, " batch"]:
        """Score every window under its emotion, and its level where there are levels (1 real, 0 generated)."""
        if self.levels:
            if level is None:
                raise ValueError(f"no level for a network of {self.levels} levels")
            emotion = emotion * self.levels + level.long() - 1
        return _pick(self(coefs), emotion)


class Generator(nn.Module):
    """Window and style code -> the same speech in another style. Linear output, no residual."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width, head = architecture.generator_frame, architecture.generator_head
        self.frame = _mlp(architecture.n_coefs + STYLE, width, width)
        self.lstm = _lstm(width, architecture.generator_lstm, architecture.lstm_layers)
        self.head = nn.Sequential(
            _mlp(2 * architecture.generator_lstm, head, head), nn.Linear(head, architecture.n_coefs)
        )

    def forward(
        self, coefs: Float[Tensor, "batch frame coef"], style: Float[Tensor, "batch style"]
    ) -> Float[Tensor, "batch frame coef"]:
        """Re-style every window with its own code."""
        style = repeat(style, "batch style -> batch frame style", frame=coefs.shape[1])
        return self.sequence(self.frame(torch.cat([coefs, style], dim=-1)))

    def sequence(self, features: Float[Tensor, "batch frame feature"]) -> Float[Tensor, "batch frame coef"]:
        """Turn frame features into coefficients."""
        return _over_time(self.head, bidirectional(self.lstm, features))

    def over_windows(self, window: int) -> Callable[[Float[Tensor, "frame feature"]], Float[Tensor, "window tap coef"]]:
        """Give what turns the features of a clip into coefficients, for all windows of consecutive frames."""
        states = over_windows(self.lstm, window)
        return lambda features: _over_time(self.head, states(features))


class Manipulator(nn.Module):
    """The four networks and the scale of their numbers.

    The networks work on `(coef - mean) / std`. For a face model whose coefficients have unit variance by construction
    (FLAME) mean is 0 and std is 1, as in NED. `low` and `high` are the range of the training set.
    """

    coef_mean: Tensor
    coef_std: Tensor
    coef_low: Tensor
    coef_high: Tensor

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.mapping = MappingNetwork(architecture)
        self.style_encoder = StyleEncoder(architecture)
        self.generator = Generator(architecture)
        self.discriminator = Discriminator(architecture)
        for name, value in (("mean", 0.0), ("std", 1.0), ("low", -torch.inf), ("high", torch.inf)):
            self.register_buffer(f"coef_{name}", torch.full((architecture.n_coefs,), value))
        self.apply(_initialise)

    def standardised(self, coefs: Float[Tensor, "*batch coef"]) -> Float[Tensor, "*batch coef"]:
        """Turn coefficients of the face model into numbers of the networks."""
        return (coefs - self.coef_mean) / self.coef_std

    def restored(self, coefs: Float[Tensor, "*batch coef"]) -> Float[Tensor, "*batch coef"]:
        """Turn numbers of the networks into coefficients of the face model."""
        return coefs * self.coef_std + self.coef_mean

    @classmethod
    def from_arrays(cls, parameters: Mapping[str, np.ndarray], config: str) -> Manipulator:
        """Build what `to_arrays` and `Architecture.to_json` described."""
        nets = cls(Architecture.from_json(config))
        nets.load_state_dict({name: torch.from_numpy(array) for name, array in parameters.items()})
        return nets.eval()

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Give every parameter and buffer under its dotted name."""
        return {name: tensor.detach().cpu().numpy().copy() for name, tensor in self.state_dict().items()}


def count_parameters(module: nn.Module) -> int:
    """Count the numbers that a module can learn."""
    return sum(parameter.numel() for parameter in module.parameters())


def _mlp(*widths: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(widths):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    return nn.Sequential(*layers)


def _lstm(n_in: int, hidden: int, layers: int) -> nn.LSTM:
    return nn.LSTM(n_in, hidden, num_layers=layers, batch_first=True, bidirectional=True)


def _over_time(head: nn.Module, hidden: Tensor) -> Tensor:
    """Run frame layers on the states of an LSTM, which lie in memory by time first: so nothing is copied."""
    return head(hidden.transpose(0, 1)).transpose(0, 1)


def _pick(per_emotion: Tensor, emotion: Tensor) -> Tensor:
    return per_emotion[torch.arange(len(emotion), device=emotion.device), emotion]


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
        nn.init.zeros_(module.bias)
