"""How a renderer is taught: NED's settings, and those of the compact network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mead_manip.training.renderer_sequences import Schedule

JUDGED = ("adversarial", "matching")  # ends of the names of terms that judges give
JUDGED_TOGETHER = 2  # frames, at least, where the judge of sequences is asked for
MOUTH = 72 / 256  # side of the square around the mouth, in sizes of the picture


@dataclass(frozen=True)
class RendererRecipe:
    """Schedule, optimiser, discriminators and weights."""

    schedule: Schedule = field(default_factory=Schedule)
    epochs: int = 60  # where neither iterations nor minutes are given; 20 from weights of many people
    iterations: int = 0  # the same for a network whose training is not counted in epochs
    learning_rate: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    discriminator_width: int = 64
    ema: float = 0.999
    judged_from: int = 0  # iterations before the judges join: until then only closeness to the truth counts
    jitter: float = 0.01  # of geometry, every picture by itself: shift in sizes of the picture, and scale
    weights: Mapping[str, float] = field(
        default_factory=lambda: {
            "adversarial": 1.0, "matching": 10.0, "perceptual": 10.0,
            "mouth_adversarial": 1.0, "mouth_matching": 10.0,
        }
    )  # fmt: skip
    bf16: bool = False
    temporal: bool = False

    @property
    def generator_weights(self) -> dict[str, float]:
        """Give the weight of every term of the generator."""
        over_time = {f"temporal_{name}": self.weights[name] for name in JUDGED} if self.temporal else {}
        return {**self.weights, **over_time}

    def weights_at(self, step: int) -> dict[str, float]:
        """Give the weights of the terms that a step has."""
        if step >= self.judged_from:
            return self.generator_weights
        return {name: weight for name, weight in self.generator_weights.items() if not name.endswith(JUDGED)}


_SIZES: dict[str, dict[str, Any]] = {
    "full": {},
    "small": {
        "schedule": Schedule(per_step=1, lengths=(8,), stretch=8, sequences=2),
        "iterations": 8000,
        "learning_rate": 6e-4,
        "discriminator_width": 16,
        "ema": 0.998,
        "judged_from": 1000,
        "jitter": 0.0,
        "weights": {
            "adversarial": 0.2, "matching": 2.0, "perceptual": 10.0, "pixel": 10.0,
            "mouth_adversarial": 0.2, "mouth_matching": 2.0, "mouth_pixel": 10.0,
        },
    },
}  # fmt: skip


def renderer_recipe(size: str, *, bf16: bool = False, temporal: bool = False, **given: Any) -> RendererRecipe:
    """Give the recipe of a network, with what was given (and is not None) in place of its own."""
    chosen = {name: value for name, value in given.items() if value is not None}
    recipe = RendererRecipe(**{**_SIZES[size], "bf16": bf16, "temporal": temporal, **chosen})
    if not temporal or recipe.schedule.per_step > 1:
        return recipe
    # Frames that are judged together have to be drawn in one step.
    return replace(recipe, schedule=replace(recipe.schedule, per_step=JUDGED_TOGETHER))
