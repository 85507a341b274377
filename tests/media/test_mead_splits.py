"""The splits are the published ones, and nothing is in two parts of one."""

import itertools
from dataclasses import replace
from functools import cache

import pytest

from mead_manip.emotions import EMOTIONS
from mead_manip.errors import UsageError
from mead_manip.media.mead_splits import ACTORS, PARTS, SPLITS, load_split
from mead_manip.media.mead_tree import VIEWS, ClipLabels, cell_size


@cache
def clips(actor, views=VIEWS):
    """Give every clip of an actor, of complete cells."""
    return [*_clips(actor, views)]


def _clips(actor, views):
    for view, emotion in itertools.product(views, EMOTIONS):
        for level in (1,) if emotion == "neutral" else (1, 2, 3):
            for sentence in range(1, cell_size(emotion) + 1):
                yield ClipLabels(actor, view, emotion, level, 2 * sentence, sentence)


def _few(actor):
    return [replace(clip, actor=actor) for clip in clips("M003", ("front", "left_60")) if clip.sentence in (1, 30)]


def test_the_actors_are_those_of_the_public_part():
    assert len(ACTORS) == len(set(ACTORS)) == 47 and "W017" not in ACTORS
    assert len(clips("M003", ("front",))) == 670


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("ned", (3, 1, 0)),
        ("emote", (32, 7, 8)),
        ("smirk", (37, 5, 5)),
        ("w2le", (37, 5, 5)),
        ("eat", (39, 0, 4)),
        ("authors", (47, 0, 0)),
    ],
)
def test_parts_have_the_published_sizes(name, counts):
    split = load_split(name)
    assert tuple(len(getattr(split, part)) for part in PARTS) == counts
    assert {*split.actors} <= {*ACTORS}


@pytest.mark.parametrize("name", [name for name in SPLITS if name != "authors"])
def test_no_actor_is_in_two_parts(name):
    split = load_split(name)
    assert sum(len(getattr(split, part)) for part in PARTS) == len(split.actors)
    for actor in ACTORS:
        # Every view, emotion and level of an actor that is in the split at all is in the same part.
        assert len({split.part(clip) for clip in _few(actor)} - {""}) == (actor in split.actors)


def test_no_sentence_of_a_cell_is_in_two_parts_and_the_authors_keep_back_the_last():
    split = load_split("authors")
    held = {}
    for clip in clips("W029", ("front", "top")):
        held.setdefault((clip.emotion, clip.level, clip.sentence), set()).add(split.part(clip))
    assert all(len(parts) == 1 for parts in held.values())  # all views of a sentence are together
    assert sorted({s for (e, _, s), parts in held.items() if e == "neutral" and parts == {"test"}}) == [*range(31, 41)]
    for level in (1, 2, 3):
        kept = [s for (e, lv, s), parts in held.items() if (e, lv) == ("fear", level) and parts == {"test"}]
        assert sorted(kept) == [*range(25, 31)]
    assert sum(split.part(clip) == "test" for clip in clips("M003", ("front",))) == 10 + 7 * 3 * 6
    assert split.part(ClipLabels("M003", "front", "sad", 1, 30, 0)) == ""  # of an incomplete cell


def test_ned_takes_the_front_the_strongest_level_neutral_and_no_contempt():
    split = load_split("ned")
    chosen = [clip for clip in clips("M009", ("front", "down")) if split.part(clip) == "train"]
    assert {clip.view for clip in chosen} == {"front"} and len(chosen) == 40 + 6 * 30
    assert {(clip.emotion, clip.level) for clip in chosen} == {
        ("neutral", 1),
        *((emotion, 3) for emotion in EMOTIONS if emotion not in ("neutral", "contempt")),
    }
    assert split.part(ClipLabels("M009", "", "happy", 3, 1)) == "train"  # an import that does not name its view


def test_the_split_of_eat_leaves_four_actors_out():
    split = load_split("eat")
    assert {*ACTORS} - {*split.actors} == {"W019", "W021", "M041", "M042"}


def test_other_footage_and_other_names_are_in_no_split():
    assert load_split("emote").part(ClipLabels(emotion="happy")) == ""
    assert load_split("emote").part(ClipLabels("W017", "down", "happy", 1, 1)) == ""
    with pytest.raises(UsageError, match="unknown split 'deca'"):
        load_split("deca")
