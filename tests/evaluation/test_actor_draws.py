"""Counting gives in every draw what the metrics give on the clips, drawn one by one."""

import numpy as np
import pytest

from mead_manip.evaluation.actor_draws import draw_actors, drawn_precision, mean_over_labels, pair_counts
from mead_manip.evaluation.detection import auroc, auroc_by_class, average_precision, macro_auroc

DRAWN = np.array([[1, 1, 1, 1], [2, 0, 1, 1], [0, 3, 1, 0]], float)


@pytest.fixture(params=[0, 1, 2])
def clips(request):
    rng = np.random.default_rng(request.param)
    score, positive = rng.integers(0, 6, 80).astype(float), rng.random(80) < 0.4
    return score, positive, [f"A{k}" for k in rng.integers(0, 4, 80)], [str(k) for k in rng.integers(0, 3, 80)]


def rows_of(actors, drawn):
    return np.concatenate([np.tile(np.flatnonzero(np.array(actors) == f"A{k}"), int(n)) for k, n in enumerate(drawn)])


def test_auroc_of_every_draw(clips):
    score, positive, actors, labels = clips
    pooled, by_label = (pair_counts(score, positive, actors, part).auroc(DRAWN) for part in (None, labels))
    for k, drawn in enumerate(DRAWN):
        rows = rows_of(actors, drawn)
        names = [labels[row] for row in rows]
        assert pooled[k, 0] == pytest.approx(auroc(score[rows], positive[rows]))
        assert by_label[k] == pytest.approx(list(auroc_by_class(score[rows], positive[rows], names).values()))
        assert mean_over_labels(by_label)[k] == pytest.approx(macro_auroc(score[rows], positive[rows], names))


def test_average_precision_of_every_draw(clips):
    score, positive, actors, labels = clips
    pooled, by_label = (drawn_precision(score, positive, actors, DRAWN, part) for part in (None, labels))
    for k, drawn in enumerate(DRAWN):
        rows = rows_of(actors, drawn)
        assert pooled[k, 0] == pytest.approx(average_precision(score[rows], positive[rows]))
        for column, label in enumerate(sorted(set(labels))):
            mine = [row for row in rows if labels[row] == label]
            assert by_label[k, column] == pytest.approx(average_precision(score[mine], positive[mine]))


def test_what_is_not_defined_is_nan_and_stays_out_of_the_mean():
    score, positive, actors = np.arange(4.0), np.array([True, False, False, False]), ["A", "A", "B", "B"]
    drawn, labels = np.array([[1.0, 1.0], [0.0, 2.0]]), ["x", "x", "y", "y"]
    for values in (
        pair_counts(score, positive, actors, labels).auroc(drawn),
        drawn_precision(score, positive, actors, drawn, labels),
    ):
        assert np.isfinite(values).tolist() == [[True, False], [False, False]]
        assert mean_over_labels(values)[0] == values[0, 0] and np.isnan(mean_over_labels(values)[1])


def test_draws_are_of_as_many_actors_as_there_are_and_start_with_everybody():
    drawn = draw_actors(["b", "a", "c", "a"], 50, 0)
    assert drawn.shape == (51, 3) and (drawn[0] == 1).all() and (drawn.sum(axis=1) == 3).all()
    assert (drawn[1:] == 0).any() and (drawn == draw_actors(["a", "b", "c"], 50, 0)).all()
