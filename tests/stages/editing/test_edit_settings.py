"""What may be asked of edit, where results go, timelines, and what is refused in one line."""

import dataclasses

import pytest


@pytest.fixture
def config():
    from mead_manip.config import EditConfig

    return lambda **changes: EditConfig(**{"to": "happy", **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"to": ""}, "nothing to change"),
        ({"reference": "x.mp4"}, "--to with --reference"),
        ({"to": "1=happy,2=sad", "face": 1}, "--face with numbered faces"),
        ({"styles": 3, "preview": 2}, "--styles with --preview"),
        ({"to": "", "grid": True, "side_by_side": True}, "--grid with"),
        ({"to": "", "timeline": "t.csv", "start": 1.0}, "--timeline with --start"),
        ({"trim": True}, "--trim without"),
        ({"start": 2.0, "end": 1.0}, "not after --start"),
    ],
)
def test_what_does_not_go_together_is_refused(config, changes, message):
    from mead_manip.errors import UsageError
    from mead_manip.stages.editing.edit_settings import check

    with pytest.raises(UsageError, match=message):
        check(config(**changes))
    check(config())


def test_destinations_follow_the_pattern(config, tmp_path):
    from mead_manip.stages.editing.edit_settings import sources_of

    for name in ("b.mp4", "a.mp4", "c.png"):
        (tmp_path / name).write_bytes(b"")
    out = str(tmp_path / "{stem}_{emotion}{intensity}.mp4")
    several = sources_of(config(video=(str(tmp_path / "a.mp4"), str(tmp_path / "b.mp4")), out=out, intensity=1.2))
    assert [source.out.name for source in several] == ["a_happy1.2.mp4", "b_happy1.2.mp4"]
    folder = sources_of(config(video=(str(tmp_path),)))
    assert [source.out.name for source in folder] == ["a_happy.mp4", "b_happy.mp4", "c_happy.png"]
    (still,) = sources_of(config(video=(str(tmp_path / "a.mp4"),), preview=3, to="happy:0.6,sad:0.4", face=2))
    assert still.out.suffix == ".png" and "face_2" in still.out.name


@pytest.mark.parametrize(
    ("videos", "changes", "message"),
    [
        ((), {}, "no VIDEO"),
        (("a.mp4", "b.mp4"), {"out": "one.mp4"}, "for 2 videos"),
        (("a.mp4",), {"out": "{take}.mp4"}, r"unknown field \{take\}"),
        (("a.mp4",), {"out": "{stem.mp4"}, "--out"),
        (("a.mp4",), {"out": "x.mp4", "preview": 3}, "for a picture"),
        (("a.mp4", "sub/a.mp4"), {}, "would both become"),
    ],
)
def test_destinations_that_cannot_be_are_refused(config, in_folder, videos, changes, message):
    from mead_manip.errors import UsageError
    from mead_manip.stages.editing.edit_settings import sources_of

    (in_folder / "sub").mkdir()
    for name in ("a.mp4", "b.mp4", "sub/a.mp4"):
        (in_folder / name).write_bytes(b"")
    with pytest.raises(UsageError, match=message):
        sources_of(config(video=videos, **changes))


def test_a_timeline_is_read(tmp_path):
    from mead_manip.stages.editing.edit_plans import read_timeline

    path = tmp_path / "edit.csv"
    path.write_text('start,end,emotion,intensity,ease\n,1.5,happy,1.2,linear\n\n2, ,"sad:3,fear:1",,\n')
    first, second = read_timeline(path, 7, intensity=0.5)
    assert (first.start, first.end, first.intensity, first.ease) == (None, 1.5, 0.6, "linear")
    assert first.style.blend == {"happy": 1.0} and first.style.seed == 7
    assert (second.start, second.end, second.intensity, second.ease) == (2.0, None, 0.5, "smooth")
    assert second.style.blend == {"sad": 0.75, "fear": 0.25}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("begin,end,emotion\n", "line 1.*start,end,emotion"),
        ("start,end,emotion\n", "no line after"),
        ("start,end,emotion\n0,1,happy\n2,1,sad\n", "line 3: end 1 is not after"),
        ("start,end,emotion\n0,one,happy\n", "line 2: end 'one'"),
        ("start,end,emotion\n0,1,hapy\n", "line 2: unknown emotion 'hapy'.*'happy'"),
        ("start,end,emotion,intensity\n0,1,sad,9\n", "line 2: intensity 9"),
        ("start,end,emotion,ease\n0,1,sad,slow\n", "line 2: ease 'slow'.*linear, smooth, none"),
        ("start,end,emotion\n0,1,happy:0.6,sad:0.4\n", "line 2: 4 cells"),
    ],
)
def test_a_bad_timeline_names_the_line(tmp_path, text, message):
    from mead_manip.errors import UsageError
    from mead_manip.stages.editing.edit_plans import read_timeline

    path = tmp_path / "edit.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        read_timeline(path, 0)


def test_every_face_gets_its_own_plan(config):
    from mead_manip.emotions import parse_target_text
    from mead_manip.stages.editing.edit_plans import plans_of

    text = parse_target_text("1=angry,3=joy:3,surprised:1")
    assert text == "1=angry,3=happy:0.75,surprised:0.25"
    plans = plans_of(config(to=text, start=1.0), 0, tuple)
    assert [plan.title for plan in plans.values()] == ["angry", "happy:0.75,surprised:0.25"] and set(plans) == {1, 3}
    assert set(plans_of(config(face=2), 0, tuple)) == {2}


def test_from_start_to_end_the_change_is_inside(config):
    import numpy as np

    from mead_manip.models.edit_plan import weight_of
    from mead_manip.stages.editing.edit_plans import plans_of

    (passage,) = plans_of(config(start=1.0, end=2.0), 0, tuple)[1].passages
    times = np.arange(0, 3, 0.01)
    weight = weight_of(passage, times)
    assert (weight[(times < 1.0) | (times > 2.0)] == 0).all() and weight[150] == 1.0


@pytest.mark.parametrize("text", ["happy:0", "happy:x", "happy:0.5,joy:0.5", "0=happy", "1=happy,1=sad", "sad,1=happy"])
def test_bad_targets_are_refused(text):
    from mead_manip.emotions import parse_targets
    from mead_manip.errors import UsageError

    with pytest.raises(UsageError):
        parse_targets(text)


def test_a_recipe_s_settings_win_and_others_are_refused(config):
    from mead_manip.errors import UsageError
    from mead_manip.stages.editing.edit_settings import from_recipe

    stored = dataclasses.asdict(config(intensity=0.8, to="sad"))
    recipe = {"settings": stored, "source": "v.mp4"}
    repeated = from_recipe(config(to="", recipe="r.json", out="o.mp4"), recipe)
    assert (repeated.to, repeated.intensity, repeated.video, repeated.out) == ("sad", 0.8, ("v.mp4",), "o.mp4")
    with pytest.raises(UsageError, match="--intensity 0.5 with --recipe; expected 0.8"):
        from_recipe(config(to="", intensity=0.5), recipe)
