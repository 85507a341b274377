"""How far probabilities can be believed: a temperature for them, and thresholds for every class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int64
from scipy.optimize import minimize_scalar

from mead_manip.errors import BackendUnavailable, MeadManipError

RANGE = 50.0  # temperatures between 1 / RANGE and RANGE
_TINY = 1e-12


def fit_temperature(frame_logits: Sequence[Float[np.ndarray, "_ class"]], label: Int64[np.ndarray, " clip"]) -> float:
    """Find the temperature that makes the labels of clips likeliest (least negative log-likelihood).

    Logits are divided by it, frame by frame; a clip's probability is the mean over its frames. One temperature per
    model holds over data sets and prompts (LeVine et al., arXiv 2303.12748).
    """
    if len(set(label.tolist())) < 2:
        raise MeadManipError(
            f"a temperature from {len(label)} clips of {len(set(label.tolist()))} class(es)", expected="at least two"
        )

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(frame_logits, label, float(np.exp(log_temperature)))

    # The loss need not have one valley (the mean over frames is no logistic model): a coarse look first.
    grid = np.linspace(-np.log(RANGE), np.log(RANGE), 33)
    best = int(np.argmin([loss(place) for place in grid]))
    bounds = (grid[max(0, best - 1)], grid[min(len(grid) - 1, best + 1)])
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-3})
    return float(np.exp(found.x))


def negative_log_likelihood(
    frame_logits: Sequence[Float[np.ndarray, "_ class"]], label: Int64[np.ndarray, " clip"], temperature: float
) -> float:
    """Give the mean of -log y over clips, y the mean over a clip's frames of its own label's probability."""
    starts = np.cumsum([0, *map(len, frame_logits)])[:-1]
    logits = np.concatenate(frame_logits) / temperature
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    odds /= odds.sum(axis=1, keepdims=True)
    pooled = np.add.reduceat(odds, starts, axis=0) / np.array([[len(rows)] for rows in frame_logits])
    return -float(np.log(pooled[np.arange(len(label)), label] + _TINY).mean())


def confident_thresholds(
    probability: Float[np.ndarray, "clip class"], label: Int64[np.ndarray, " clip"]
) -> dict[int, float]:
    """Give the threshold of every class that occurs: the mean probability that its own clips have of it.

    Confident learning (Northcutt et al., JAIR 2021) counts a clip as surely of a class from there on; by cleanlab.
    """
    try:
        from cleanlab.count import get_confident_thresholds
    except ImportError as error:
        raise BackendUnavailable(
            f"thresholds for every class need cleanlab ({error})", remedy="pip install 'mead-manip[curate]'"
        ) from error
    found = get_confident_thresholds(label, probability)
    return {int(index): float(found[index]) for index in np.unique(label)}
