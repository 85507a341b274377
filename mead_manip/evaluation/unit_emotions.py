"""Fitted units of a face -> emotions, by what units each emotion is made of: `units`, which needs no weights.

An emotion at any strength lies somewhere on the way from rest to its prototype; of each frame the density about all of
these ways is asked. It is no outsider: it believes the same fit and the same prototypes as the data sets that `synth`
writes. What speech does too (jaw, parted and rounded lips) is not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Float32

STRENGTHS = (0.35, 0.55, 0.8, 1.0)  # of an emotion
SPREAD = 0.35  # deviation of a unit about what it is expected to do
SPEECH = ("AU16", "AU18", "AU22", "AU25", "AU26", "AU27", "AU28", "jaw", "grin", "tongue")


class UnitEmotions:
    """Tell how much of each emotion the units of a face show."""

    name = "units"

    def __init__(self, prototypes: Mapping[str, Mapping[str, float]], coef_names: tuple[str, ...]) -> None:
        """Take emotion -> unit -> strength; a unit stands for its halves _L and _R. "neutral" is rest."""
        self.classes = tuple(prototypes)
        self.columns = [k for k, name in enumerate(coef_names) if not name.startswith(SPEECH)]
        names = [coef_names[k] for k in self.columns]
        self.means = np.stack([_vector(units, names) for units in prototypes.values()])

    def probabilities(self, expression: Float32[np.ndarray, "frame coef"]) -> Float[np.ndarray, "frame class"]:
        """Give the probability of every emotion in each frame."""
        units = expression[:, self.columns].astype(np.float64)
        ways = np.array(STRENGTHS)[:, None, None] * self.means  # strength, class, unit
        distance = np.square(units[:, None, None] - ways).sum(axis=-1)  # frame, strength, class
        logit = _log_mean(-distance / (2 * SPREAD**2))
        logit -= logit.max(axis=1, keepdims=True)
        odds = np.exp(logit)
        return odds / odds.sum(axis=1, keepdims=True)


def knows(coef_names: tuple[str, ...]) -> bool:
    """Tell whether coefficients are named units, as the built-in head's are."""
    return any(name.startswith("AU12") for name in coef_names)


def _vector(units: Mapping[str, float], names: list[str]) -> Float[np.ndarray, " unit"]:
    return np.array([units.get(name, units.get(name.removesuffix("_L").removesuffix("_R"), 0.0)) for name in names])


def _log_mean(values: Float[np.ndarray, "frame strength class"]) -> Float[np.ndarray, "frame class"]:
    top = values.max(axis=1, keepdims=True)
    return (top + np.log(np.exp(values - top).mean(axis=1, keepdims=True)))[:, 0]
