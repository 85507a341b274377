"""What is planted is what it says, as often as it says, and the same for the same seed."""

import itertools

import numpy as np
import pytest

from mead_manip.errors import MeadManipError
from mead_manip.evaluation.injections import (
    CONFUSED,
    Clip,
    as_it_is,
    confused_flips,
    neutral_swaps,
    symmetric_flips,
    weak_swaps,
)

EMOTIONS = ("angry", "disgusted", "fear", "happy", "sad", "surprised")


@pytest.fixture
def clips() -> list[Clip]:
    emotional = [
        Clip(f"{actor}_{emotion}_{level}_{sentence}", actor, emotion, level, sentence)
        for actor, emotion, level, sentence in itertools.product(("M003", "W009"), EMOTIONS, (1, 2, 3), (1, 2, 3))
    ]
    neutral = [Clip(f"{actor}_neutral_{n}", actor, "neutral", 1, n) for actor in ("M003", "W009") for n in (1, 2, 3)]
    return emotional + neutral


def test_the_rows_are_what_ned_trains_on(clips):
    injection = as_it_is(clips)
    assert {clips[i].level for i in injection.content if clips[i].emotion != "neutral"} == {3}
    assert len(injection.labels) == 2 * 6 * 3 + 2 * 3 and not injection.positive.any()


@pytest.mark.parametrize("rate", [0.1, 0.3])
def test_symmetric_flips_change_exactly_the_share_and_only_labels(clips, rate):
    injection, plain = symmetric_flips(clips, rate, seed=4), as_it_is(clips)
    changed = np.array([a != b for a, b in zip(injection.labels, plain.labels, strict=True)])
    np.testing.assert_array_equal(changed, injection.positive)
    np.testing.assert_array_equal(injection.content, plain.content)
    assert changed.sum() == round(rate * len(changed))


def test_flips_reach_every_other_class_about_equally(clips):
    seen = {
        (plain, flipped)
        for seed in range(60)
        for plain, flipped in zip(as_it_is(clips).labels, symmetric_flips(clips, 0.3, seed).labels, strict=True)
        if plain != flipped
    }
    assert len(seen) == 7 * 6


def test_confusions_go_where_people_confuse(clips):
    injection, plain = confused_flips(clips, 0.2, seed=1), as_it_is(clips)
    pairs = [(a, b) for a, b in zip(plain.labels, injection.labels, strict=True) if a != b]
    assert pairs and all(CONFUSED[a] == b for a, b in pairs) and all(a != "happy" for a, _ in pairs)
    assert len(pairs) == injection.positive.sum()


@pytest.mark.parametrize("level", [1, 2])
def test_weak_swaps_keep_actor_emotion_and_sentence(clips, level):
    injection, plain = weak_swaps(clips, 0.2, seed=2, level=level), as_it_is(clips)
    for old, new, planted in zip(plain.content, injection.content, injection.positive, strict=True):
        before, after = clips[old], clips[new]
        assert (before.actor, before.emotion, before.sentence) == (after.actor, after.emotion, after.sentence)
        assert after.level == (level if planted else before.level)
    assert injection.labels == plain.labels and injection.positive.sum() == round(0.2 * len(plain.labels))


def test_neutral_swaps_show_the_actor_at_rest_under_the_old_label(clips):
    injection, plain = neutral_swaps(clips, 0.2, seed=3), as_it_is(clips)
    for old, new, planted in zip(plain.content, injection.content, injection.positive, strict=True):
        assert clips[old].actor == clips[new].actor
        assert (clips[new].emotion == "neutral") == (planted or clips[old].emotion == "neutral")
    assert injection.labels == plain.labels and injection.positive.any()


@pytest.mark.parametrize("inject", [symmetric_flips, confused_flips, neutral_swaps, weak_swaps])
def test_a_seed_decides(clips, inject):
    first, again, other = (inject(clips, 0.2, seed=seed) for seed in (5, 5, 6))
    assert first.labels == again.labels and (first.content == again.content).all()
    assert (first.positive != other.positive).any()


def test_flips_among_one_emotion_are_refused():
    with pytest.raises(MeadManipError, match="one|1 emotion"):
        symmetric_flips([Clip("a", "M003", "happy", 3)], 0.2, 0)
