"""Source and edited video -> measures, on a rendered talking head and networks that have learned nothing."""

import shutil

import cv2
import numpy as np
import pytest
from keras_file import write_keras_file
from toy_edit import RUN, toy_workspace, write_talk

from mead_manip.errors import InputMissing, UsageError


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    return write_talk(tmp_path_factory.mktemp("source") / "talk.mp4")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return toy_workspace(tmp_path_factory.mktemp("work"))


def quiet():
    from mead_manip.stages.running.runner import SilentProgress

    return SilentProgress()


@pytest.fixture(scope="module")
def edits(workspace, talk, tmp_path_factory):
    """A folder with edits to happy and sad, and their recipes."""
    from mead_manip.config import Common, EditConfig
    from mead_manip.stages import edit

    folder = tmp_path_factory.mktemp("edits")
    for emotion in ("happy", "sad"):
        config = EditConfig(video=(str(talk),), out=str(folder / f"talk_{emotion}.mp4"), to=emotion, run=RUN)
        edit.run(workspace, config, Common(), progress=quiet())
    return folder


@pytest.fixture
def evaluate(workspace):
    from mead_manip.config import Common, EvaluateEditConfig
    from mead_manip.stages import evaluate_edit

    def run(*videos, **settings):
        config = EvaluateEditConfig(videos=tuple(map(str, videos)), **{"render_frames": 3, **settings})
        return evaluate_edit.run(workspace, config, Common(), progress=quiet())

    return run


def test_a_result_that_is_the_source_has_changed_nothing(evaluate, talk, tmp_path):
    copy = tmp_path / "copy.mp4"
    shutil.copy(talk, copy)
    (row,) = evaluate(talk, copy, to="happy").facts["rows"]
    found = row["found"]
    assert found["target"] == found["target_before"] and found["top"] == found["top_before"]
    assert found["identity"] == pytest.approx(1) and found["jaw"] == pytest.approx(1, abs=1e-5)
    assert found["jitter"] == pytest.approx(1) and found["sharpness"] == pytest.approx(1) and found["psnr"] == 100
    assert found["outside"] is None and "no recipe" in row["notes"][0]


def test_an_edit_is_measured_against_its_recipe_and_is_fresh_after(evaluate, talk, edits, workspace):
    first = evaluate(talk, edits / "talk_happy.mp4")
    (row,) = first.facts["rows"]
    assert row["emotion"] == "happy" and not row["notes"]
    assert row["found"]["psnr"] > 30 and 0.3 < row["found"]["sharpness"] < 3 and row["found"]["outside"] >= 0
    assert sum(row["after"].values()) == pytest.approx(1, abs=1e-6)
    assert first.done == ["talk_happy.mp4"] and "happy" in first.text
    again = evaluate(talk, edits / "talk_happy.mp4")
    assert again.fresh == ["talk_happy.mp4"] and again.facts == first.facts
    for name in ("edit.html", "edit.md", "edit.json"):
        assert "talk_happy" in (workspace.root / "evaluate" / name).read_text()
    # What was seen in results is no clip of the workspace.
    assert len(workspace.clips("preprocess")) == 1


def test_an_edit_with_a_mask_is_drawn_again_with_it(evaluate, talk, workspace, tmp_path):
    """All of the face lies in front: whatever is drawn, every pixel is to stay."""
    from mead_manip.config import Common, EditConfig
    from mead_manip.media.video import probe
    from mead_manip.stages import edit

    info = probe(talk)
    matte, out = tmp_path / "matte.png", tmp_path / "masked.mp4"
    cv2.imwrite(str(matte), np.full((info.height, info.width), 255, np.uint8))
    config = EditConfig(video=(str(talk),), out=str(out), to="happy", run=RUN, mask=str(matte), intensity=3.0)
    edit.run(workspace, config, Common(), progress=quiet())
    (row,) = evaluate(talk, out).facts["rows"]
    assert row["found"]["outside"] == 0 and not row["notes"]

    cv2.imwrite(str(matte), np.zeros((info.height, info.width), np.uint8))
    (row,) = evaluate(talk, out, render_frames=2).facts["rows"]
    assert row["found"]["outside"] is None and "the mask is another than in the recipe" in row["notes"][0]
    matte.unlink()
    (row,) = evaluate(talk, out, render_frames=4).facts["rows"]
    assert row["found"]["outside"] is None and "does not exist" in row["notes"][0]


def test_a_folder_of_recipes_gives_a_row_each_and_means(evaluate, edits, tmp_path):
    summary = evaluate(recipes=str(edits), out=str(tmp_path / "table.md"))
    rows = summary.facts["rows"]
    assert [row["emotion"] for row in rows] == ["happy", "sad"]
    jaws = [row["found"]["jaw"] for row in rows]
    assert summary.facts["mean"]["jaw"] == pytest.approx(np.mean(jaws))
    written = (tmp_path / "table.md").read_text()
    assert "## Means" in written and "| toy | happy | 1 |" in written and "| toy | all | 2 |" in written


def test_a_limit_that_is_not_kept_ends_with_exit_code_5(evaluate, talk, edits):
    kept = evaluate(talk, edits / "talk_happy.mp4", fail_under=("psnr=10", "jitter=100"))
    assert kept.exit_code == 0
    missed = evaluate(talk, edits / "talk_happy.mp4", fail_under=("psnr=99", "jitter=100"))
    assert missed.exit_code == 5 and "below 99" in missed.line()
    for word in ("psnr", "psnr=high", "beauty=1"):
        with pytest.raises(UsageError, match="NAME=VALUE"):
            evaluate(talk, edits / "talk_happy.mp4", fail_under=(word,))


def test_an_outside_classifier_by_its_path(evaluate, talk, edits, tmp_path):
    write_keras_file(tmp_path / "model.hdf5")
    summary = evaluate(talk, edits / "talk_happy.mp4", emotion_model=str(tmp_path / "model.hdf5"))
    assert summary.facts["models"]["emotion"].startswith("fer@")
    (row,) = summary.facts["rows"]
    assert row["found"]["target"] == pytest.approx(row["after"]["happy"])


def test_what_is_no_result_is_refused_in_one_line(evaluate, workspace, talk, edits, tmp_path):
    from mead_manip.config import Common, EditConfig
    from mead_manip.stages import edit

    beside = tmp_path / "beside.mp4"
    config = EditConfig(video=(str(talk),), out=str(beside), to="happy", run=RUN, side_by_side=True)
    edit.run(workspace, config, Common(), progress=quiet())
    with pytest.raises(UsageError, match="shows source and edit beside each other"):
        evaluate(talk, beside)
    beside.with_suffix(".json").unlink()
    with pytest.raises(UsageError, match="is 320x160; expected 160x160 .* side by side is no result"):
        evaluate(talk, beside)
    with pytest.raises(UsageError, match="has 23 frames; expected 24"):
        evaluate(talk, write_talk(tmp_path / "short.mp4", 23), to="happy")
    with pytest.raises(UsageError, match="1 videos; expected SOURCE RESULT"):
        evaluate(talk)
    with pytest.raises(UsageError, match="leave one out"):
        evaluate(talk, beside, recipes=str(edits))
    with pytest.raises(InputMissing, match="no edited video"):
        evaluate(recipes=str(tmp_path))


def test_a_result_that_was_changed_is_named_and_the_others_are_measured(evaluate, edits, tmp_path):
    for path in edits.iterdir():
        shutil.copy(path, tmp_path)
    with (tmp_path / "talk_sad.mp4").open("ab") as file:
        file.write(b"more")
    summary = evaluate(recipes=str(tmp_path))
    assert summary.exit_code == 1 and [row["emotion"] for row in summary.facts["rows"]] == ["happy"]
    assert "changed since" in summary.failures[str(tmp_path / "talk_sad.mp4")]


def test_frames_count_where_their_passage_holds():
    from mead_manip.emotions import NED_EMOTIONS
    from mead_manip.models.edit_plan import EditPlan, Passage, Style
    from mead_manip.stages.judging.edit_pairs import targets_of

    times = np.arange(0, 4, 0.1)
    plan = EditPlan(
        (
            Passage(Style({"happy": 0.6, "sad": 0.4}), start=1, end=2),
            Passage(Style({"angry": 1.0}), start=2, end=3),
        )
    )
    named = [NED_EMOTIONS[k] if k >= 0 else "" for k in targets_of(plan, times)]
    assert [named[k] for k in (5, 15, 25, 35)] == ["", "happy", "angry", ""]
    like = EditPlan((Passage(Style(code=(0.0,) * 16)),))
    assert (targets_of(like, times) == -1).all()
