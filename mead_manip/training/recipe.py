"""How long, how fast and with which loss weights a manipulator is trained: the paper's schedule, and one for a CPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mead_manip.config import TrainConfig
from mead_manip.errors import UsageError
from mead_manip.models.manipulator import WINDOW

# Units of the built-in head that speech moves: raised and lowered lip, rounding, funnel, press, part, suck.
LIP_UNITS = ("AU10", "AU16", "AU18", "AU22", "AU24", "AU25", "AU28")
DECAY_STEPS = 10  # the learning rate falls to zero in this many equal steps
SHORT_RUN_DECAY = 0.3  # the last part of a run counted in iterations, in which it falls

# A setting that is not given comes from the preset, if one is named, else from the size.
_OFF = {
    "weight_lips": 0.0,
    "weight_r1": 0.0,
    "weight_diversity": 0.0,
    "balanced": False,
    "intensity_levels": False,
    "window": WINDOW,
}
# `full` is NED's fine-tuning on MEAD. `small` learns twenty times as fast. It holds the mapping network back (a
# hundredth of the step, StarGAN v2's proportion): at an equal step its codes collapse to one before the discriminator
# can tell emotions apart. And it weighs the adversarial term four times: at once, one or two of the six emotions were
# not learned in 400 iterations (docs/manipulator.md).
_FULL = _OFF | {
    "epochs": 10,
    "iterations": None,
    "batch_size": 64,
    "learning_rate": 1e-4,
    "mapping_rate": 1.0,
    "ema": 0.0,
    "weight_adversarial": 1.0,
}
_SMALL = _OFF | {
    "epochs": None,
    "iterations": 400,
    "batch_size": 32,
    "learning_rate": 2e-3,
    "mapping_rate": 0.01,
    "ema": 0.99,
    "weight_adversarial": 4.0,
}
_BY_SIZE: dict[str, dict[str, Any]] = {"full": _FULL, "small": _SMALL}
# `ned` is NED's fine-tuning whatever the size of the networks. `ours` is what the measurements in
# docs/manipulator.md favour; how long and how fast stays the size's.
_PRESETS: dict[str, dict[str, Any]] = {
    "ned": _FULL,
    "ours": {"mapping_rate": 0.01, "ema": 0.99, "weight_adversarial": 4.0, "weight_lips": 1.0},
}
_LENGTH = ("epochs", "iterations")  # of a run: they exclude each other


@dataclass(frozen=True)
class Recipe:
    """A settled schedule."""

    iterations: int
    batch_size: int
    learning_rate: float
    mapping_rate: float  # share of the learning rate that the mapping network gets
    ema: float  # decay of the moving average of the weights; 0 is off
    decay_from: int  # iteration at which the first of the equal steps down is taken
    decay_every: int
    weighting: str
    generator_weights: dict[str, float] = field(default_factory=dict)
    lips: tuple[int, ...] = ()  # coefficients of the lips, if their motion is a term of its own
    discriminator_weights: dict[str, float] = field(default_factory=lambda: {"real": 1.0, "fake": 1.0})
    diversity: float = 0.0  # weight of the difference that two latents make, at the start
    bf16: bool = False

    def rate(self, iteration: int) -> float:
        """Give the learning rate of an iteration."""
        taken = max(0, 1 + (iteration - self.decay_from) // self.decay_every)
        return self.learning_rate * max(0.0, 1.0 - taken / DECAY_STEPS)

    def latent_weights(self, iteration: int) -> dict[str, float]:
        """Give the weights of the generator's terms where styles come from noise: diversity falls to 0 over the run."""
        if not self.diversity:
            return self.generator_weights
        left = max(0.0, 1.0 - iteration / self.iterations)
        return self.generator_weights | {"diversity": self.diversity * left}


def settings_of(config: TrainConfig) -> dict[str, Any]:
    """Settle the settings that depend on preset and size: given, else the preset's, else the size's."""
    given = {name: getattr(config, name) for name in _FULL}
    layers: list[Mapping[str, Any]] = [given, _PRESETS.get(config.preset or "", {}), _BY_SIZE[config.size]]
    settled = {
        name: next((layer[name] for layer in layers if layer.get(name) is not None), None)
        for name in _FULL
        if name not in _LENGTH
    }
    length = next(layer for layer in layers if any(layer.get(name) is not None for name in _LENGTH))
    return settled | {name: length.get(name) for name in _LENGTH}


def recipe_of(config: TrainConfig, n_windows: int, coef_names: Sequence[str] = ()) -> Recipe:
    """Settle the schedule for a number of training windows of named coefficients."""
    settled = settings_of(config)
    batch_size = min(settled["batch_size"], n_windows)
    per_epoch = n_windows // batch_size
    if settled["iterations"] is not None:
        iterations = settled["iterations"]
        decay_every = max(1, round(SHORT_RUN_DECAY * iterations / DECAY_STEPS))
        decay_from = iterations - DECAY_STEPS * decay_every + decay_every
    else:
        # NED: the rate drops by a tenth after each of the last ten epochs.
        epochs = settled["epochs"]
        iterations, decay_every = epochs * per_epoch, per_epoch
        decay_from = max(1, epochs - DECAY_STEPS + 1) * per_epoch
    lips = lips_of(config, coef_names)
    generator_weights = {
        "adversarial": settled["weight_adversarial"],
        "style": config.weight_style,
        "cycle": config.weight_cycle,
        "mouth": config.weight_mouth,
        **({"lips": settled["weight_lips"]} if lips else {}),
    }
    r1 = settled["weight_r1"]
    return Recipe(
        iterations,
        batch_size,
        settled["learning_rate"],
        settled["mapping_rate"],
        settled["ema"],
        decay_from,
        decay_every,
        config.weighting,
        generator_weights,
        lips,
        {"real": 1.0, "fake": 1.0, **({"r1": r1} if r1 else {})},
        settled["weight_diversity"],
        config.precision == "bf16",
    )


def lip_units(coef_names: Sequence[str]) -> tuple[int, ...]:
    """Give the coefficients that move the lips in speech; none of a face model whose names say nothing."""
    return tuple(index for index, name in enumerate(coef_names) if name.startswith(LIP_UNITS))


def lips_of(config: TrainConfig, coef_names: Sequence[str]) -> tuple[int, ...]:
    """Give the coefficients of the lips if they have a term; a preset's wish yields to a face model without any."""
    if not settings_of(config)["weight_lips"]:
        return ()
    lips = lip_units(coef_names)
    if not lips and config.weight_lips:
        raise UsageError("--weight-lips: this face model names no unit of the lips", expected="0")
    return lips
