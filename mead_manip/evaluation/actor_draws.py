"""AUROC and average precision in thousands of draws of whole actors at once: the cluster bootstrap, by counting.

A draw is how often every actor is in it. A clip that is drawn twice ties with itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int64

Drawn = Float[np.ndarray, "draw actor"]


def draw_actors(actors: Sequence[str], draws: int, seed: int) -> Drawn:
    """Draw as many actors as there are, with replacement; row 0 is no draw but everybody once."""
    n_actors = len(set(actors))
    chosen = np.random.default_rng([seed, 7]).integers(n_actors, size=(draws, n_actors))
    counts = np.stack([(chosen == actor).sum(axis=1) for actor in range(n_actors)], axis=1).astype(np.float64)
    return np.concatenate([np.ones((1, n_actors)), counts])


def mean_over_labels(values: Float[np.ndarray, "draw label"]) -> Float[np.ndarray, " draw"]:
    """Give the mean over the labels that are known in every draw; NaN where none is."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan)


@dataclass(frozen=True)
class PairCounts:
    """AUROC, taken apart by who acts: outlier of actor a against good clip of actor b, within each label."""

    won: Float[np.ndarray, "label actor actor"]  # outliers that score above; ties count one half
    pairs: Float[np.ndarray, "label actor actor"]

    def auroc(self, drawn: Drawn) -> Float[np.ndarray, "draw label"]:
        """Give the AUROC of every label in every draw, actor a drawn `drawn[a]` times; NaN without pairs."""
        won, pairs = (np.einsum("da,lab,db->dl", drawn, part, drawn, optimize=True) for part in (self.won, self.pairs))
        return np.where(pairs > 0, won / np.maximum(pairs, 1e-12), np.nan)


def pair_counts(
    score: Float[np.ndarray, " row"],
    positive: Bool[np.ndarray, " row"],
    actors: Sequence[str],
    labels: Sequence[str] | None = None,
) -> PairCounts:
    """Count the pairs that an AUROC is made of, so that a draw of whole actors costs a product of small matrices."""
    groups, place = _groups(labels, len(score)), _places(actors)
    n_actors = len(set(actors))
    won, pairs = np.zeros((2, len(groups), n_actors, n_actors))
    for k, rows in enumerate(groups):
        bad, good = rows[positive[rows]], rows[~positive[rows]]
        beats = (score[bad][:, None] > score[good][None]) + 0.5 * (score[bad][:, None] == score[good][None])
        where = (place[bad][:, None], place[good][None])
        np.add.at(won[k], where, beats)
        np.add.at(pairs[k], where, 1.0)
    return PairCounts(won, pairs)


def drawn_precision(
    score: Float[np.ndarray, " row"],
    positive: Bool[np.ndarray, " row"],
    actors: Sequence[str],
    drawn: Drawn,
    labels: Sequence[str] | None = None,
) -> Float[np.ndarray, "draw label"]:
    """Give the average precision of every label in every draw (detection.average_precision); NaN without both kinds."""
    place = _places(actors)
    columns = [_precision(score[rows], positive[rows], drawn[:, place[rows]]) for rows in _groups(labels, len(score))]
    return np.stack(columns, axis=1)


# ---- below: one label -----------------------------------------------------------------------------------------------


def _precision(
    score: Float[np.ndarray, " row"], positive: Bool[np.ndarray, " row"], times: Float[np.ndarray, "draw row"]
) -> Float[np.ndarray, " draw"]:
    """Sum over groups of tied rows, best first, n of them above and `found` outliers among those.

    Of N tied rows with f outliers the k-th is one with chance f/N, and then (k-1)(f-1)/(N-1) before it are too: the
    sum over k of (found + 1 + (k-1) b) / (n + k) with b = (f-1)/(N-1) is b N + (found + 1 - b (n+1)) (H(n+N) - H(n)),
    H the harmonic numbers.
    """
    order = np.argsort(-score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=np.inf) != 0)
    times = times[:, order]
    n_tied = np.add.reduceat(times, starts, axis=1)
    f_tied = np.add.reduceat(times * positive[order], starts, axis=1)
    above, found = np.cumsum(n_tied, axis=1) - n_tied, np.cumsum(f_tied, axis=1) - f_tied
    n_all, f_all = n_tied.sum(axis=1), f_tied.sum(axis=1)
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, int(n_all.max(initial=0)) + 1))])
    rise = harmonic[(above + n_tied).astype(np.int64)] - harmonic[above.astype(np.int64)]
    among = (f_tied - 1) / np.maximum(n_tied - 1, 1)
    total = among * n_tied + (found + 1 - among * (above + 1)) * rise
    total = (np.where(f_tied > 0, f_tied / np.maximum(n_tied, 1) * total, 0.0)).sum(axis=1)
    return np.where((f_all > 0) & (f_all < n_all), total / np.maximum(f_all, 1), np.nan)


def _groups(labels: Sequence[str] | None, n_rows: int) -> list[Int64[np.ndarray, " row"]]:
    """Give the rows of every label, in the order of the labels; all together without labels."""
    if labels is None:
        return [np.arange(n_rows)]
    names = np.asarray(labels)
    return [np.flatnonzero(names == name) for name in sorted(set(labels))]


def _places(actors: Sequence[str]) -> Int64[np.ndarray, " row"]:
    known = sorted(set(actors))
    return np.array([known.index(name) for name in actors], np.int64)
