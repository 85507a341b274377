"""The manipulator's named options, one by one: what each changes of the base training that it is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

BASE = "base"


@dataclass(frozen=True)
class Variant:
    """One row of the ablation."""

    name: str
    title: str
    settings: Mapping[str, Any] = field(default_factory=dict)  # of TrainConfig


VARIANTS: tuple[Variant, ...] = (
    Variant(BASE, "the size's own schedule"),
    Variant("no-ema", "weights of the last step, no moving average", {"ema": 0.0}),
    Variant("mapping-1", "mapping network at the others' rate (NED)", {"mapping_rate": 1.0}),
    Variant("adversarial-1", "adversarial term once (NED)", {"weight_adversarial": 1.0}),
    Variant("lips", "correlation of the lips, weight 1", {"weight_lips": 1.0}),
    Variant("r1", "R1, weight 1", {"weight_r1": 1.0}),
    Variant("diversity", "diversity of latents, weight 1", {"weight_diversity": 1.0}),
    Variant("balanced", "every emotion as often", {"balanced": True}),
    Variant("levels", "clips of all levels", {"levels": ("1", "2", "3")}),
    Variant("intensity", "all levels, conditioned on the level", {"levels": ("1", "2", "3"), "intensity_levels": True}),
    Variant("window-20", "windows of 20 frames", {"window": 20}),
    Variant("ours", "--preset ours", {"preset": "ours"}),
)
BY_NAME = {variant.name: variant for variant in VARIANTS}
