"""A published split decides who trains and who validates; its test clips are in neither."""

import pytest

EMOTIONS = ("neutral", "angry", "happy", "contempt")


@pytest.fixture
def choose(tmp_path):
    from mead_manip.artifacts.workspace import Workspace
    from mead_manip.config import TrainConfig
    from mead_manip.stages.running.split_parts import chosen

    return lambda clips, **settings: chosen(Workspace(tmp_path / "work"), clips, TrainConfig(**settings))


def clips(*actors, view="front", level=3):
    from mead_manip.training.windows import Labels

    return [
        Labels(f"{actor}_{emotion}", actor, emotion, 1 if emotion == "neutral" else level, view)
        for actor in actors
        for emotion in EMOTIONS
    ]


def actors(labels):
    return sorted({clip.actor for clip in labels})


def test_without_a_split_the_choice_is_neds_habit(choose):
    selection = choose(clips("M003", "M023", "W040"))
    assert actors(selection.training) == ["M003", "W040"] and actors(selection.validation) == ["M023"]


def test_actors_go_where_the_split_puts_them(choose):
    selection = choose(clips("M003", "M019", "M032", "M037", "W036", "W017"), split="emote")
    assert actors(selection.training) == ["M003", "M019"]
    assert actors(selection.validation) == ["M032", "W036"]
    assert "2 of 32 actors" in selection.notes[0] and "8 clips out" in selection.notes[0]


def test_a_split_without_validation_has_none_unless_it_is_named(choose):
    here = clips("M003", "M005", "M007")
    selection = choose(here, split="eat")
    assert actors(selection.training) == ["M005", "M007"] and not selection.validation
    selection = choose(here, split="eat", val_actors=("M007",))
    assert actors(selection.training) == ["M005"] and actors(selection.validation) == ["M007"]


def test_ned_means_its_actors_front_strongest_no_contempt(choose):
    here = clips("M003", "M009", "W029", "M023", "M005") + clips("M003", view="top") + clips("M003", level=1)
    selection = choose(here, split="ned")
    assert actors(selection.training) == ["M003", "M009", "W029"] and actors(selection.validation) == ["M023"]
    assert {(c.view, c.level) for c in selection.training if c.emotion != "neutral"} == {("front", 3)}
    assert "contempt" not in {clip.emotion for clip in selection.training}


def test_flags_narrow_a_split_and_never_widen_it(choose):
    from mead_manip.errors import UsageError

    here = clips("M003", "M009", "W029", "M023", "M005")
    assert actors(choose(here, split="ned", actors=("M009", "M005")).training) == ["M009"]
    with pytest.raises(UsageError, match="--actors M005: none of them in that part of split ned"):
        choose(here, split="ned", actors=("M005",))
    with pytest.raises(UsageError, match="--val-actors M003"):
        choose(here, split="ned", val_actors=("M003",))
    with pytest.raises(UsageError, match="none of its 39 actors"):
        choose(clips("M003"), split="eat")


def test_the_authors_split_keeps_the_last_sentences_out(choose, tmp_path, make_track):
    from mead_manip.artifacts import store
    from mead_manip.artifacts.provenance import Provenance
    from mead_manip.artifacts.schemas import FaceTrack
    from mead_manip.training.windows import Labels

    here = []
    for emotion in ("neutral", "happy"):
        for sentence in (0, 24, 25, 30, 31):
            clip_id = f"M003_{emotion}_{sentence}"
            here.append(Labels(clip_id, "M003", emotion, 1 if emotion == "neutral" else 3, "front"))
            provenance = Provenance(FaceTrack.schema_id(), "preprocess", 1, inputs={"video": clip_id})
            path = tmp_path / "work" / "preprocess" / f"{clip_id}.h5"
            store.save(make_track(emotion=emotion, sentence=sentence), path, provenance)
    selection = choose(here, split="authors")
    assert sorted(clip.clip_id for clip in selection.training) == [
        "M003_happy_24",
        *(f"M003_neutral_{sentence}" for sentence in (24, 25, 30)),
    ]
    assert not selection.validation
