"""How long, how fast and with which loss weights a manipulator is trained: the paper's schedule, and one for a CPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mead_manip.config import TrainConfig
from mead_manip.errors import UsageError

# Units of the built-in head that speech moves: raised and lowered lip, rounding, funnel, press, part, suck.
LIP_UNITS = ("AU10", "AU16", "AU18", "AU22", "AU24", "AU25", "AU28")
DECAY_STEPS = 10  # the learning rate falls to zero in this many equal steps
SHORT_RUN_DECAY = 0.3  # the last part of a run counted in iterations, in which it falls

# Where a setting is not given, the size decides. `full` is NED's fine-tuning on MEAD. `small` learns twenty times as
# fast. It holds the mapping network back (a hundredth of the step, StarGAN v2's proportion): at an equal step its codes
# collapse to one before the discriminator can tell emotions apart. And it weighs the adversarial term four times: at
# once, one or two of the six emotions were not learned in 400 iterations (docs/manipulator.md).
_FULL = {
    "epochs": 10,
    "iterations": None,
    "batch_size": 64,
    "learning_rate": 1e-4,
    "mapping_rate": 1.0,
    "ema": 0.0,
    "weight_adversarial": 1.0,
}
_SMALL = {
    "epochs": None,
    "iterations": 400,
    "batch_size": 32,
    "learning_rate": 2e-3,
    "mapping_rate": 0.01,
    "ema": 0.99,
    "weight_adversarial": 4.0,
}
_BY_SIZE = {"full": _FULL, "small": _SMALL}


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

    def rate(self, iteration: int) -> float:
        """Give the learning rate of an iteration."""
        taken = max(0, 1 + (iteration - self.decay_from) // self.decay_every)
        return self.learning_rate * max(0.0, 1.0 - taken / DECAY_STEPS)


def settings_of(config: TrainConfig) -> dict[str, float | int | None]:
    """Give the settings that depend on the size, those that were given as they were given."""
    given = {name: getattr(config, name) for name in _FULL}
    settled = {name: _BY_SIZE[config.size][name] if value is None else value for name, value in given.items()}
    # Iterations and epochs exclude each other: what was given wins over the size's own.
    if config.epochs is not None and config.iterations is None:
        settled["iterations"] = None
    return settled


def recipe_of(config: TrainConfig, n_windows: int, coef_names: Sequence[str] = ()) -> Recipe:
    """Settle the schedule for a number of training windows of named coefficients."""
    settled = settings_of(config)
    batch_size = min(int(settled["batch_size"] or 1), n_windows)
    per_epoch = n_windows // batch_size
    if settled["iterations"] is not None:
        iterations = int(settled["iterations"])
        decay_every = max(1, round(SHORT_RUN_DECAY * iterations / DECAY_STEPS))
        decay_from = iterations - DECAY_STEPS * decay_every + decay_every
    else:
        # NED: the rate drops by a tenth after each of the last ten epochs.
        epochs = int(settled["epochs"] or 1)
        iterations, decay_every = epochs * per_epoch, per_epoch
        decay_from = max(1, epochs - DECAY_STEPS + 1) * per_epoch
    weights = {
        "adversarial": float(settled["weight_adversarial"] or 0.0),
        "style": config.weight_style,
        "cycle": config.weight_cycle,
        "mouth": config.weight_mouth,
    }
    lips = _lips(config, coef_names)
    return Recipe(
        iterations,
        batch_size,
        float(settled["learning_rate"] or 0.0),
        float(settled["mapping_rate"] or 0.0),
        float(settled["ema"] or 0.0),
        decay_from,
        decay_every,
        config.weighting,
        weights | ({"lips": config.weight_lips} if lips else {}),
        lips,
    )


def _lips(config: TrainConfig, coef_names: Sequence[str]) -> tuple[int, ...]:
    if config.weight_lips == 0:
        return ()
    lips = tuple(index for index, name in enumerate(coef_names) if name.startswith(LIP_UNITS))
    if not lips:
        raise UsageError("--weight-lips: this face model names no unit of the lips", expected="0")
    return lips
