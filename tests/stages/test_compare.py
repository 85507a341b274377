"""A figure and a film of several runs, on a rendered head and networks that have learned nothing."""

import json

import numpy as np
import pytest
from toy_edit import toy_workspace, write_talk

from mead_manip.errors import InputMissing, UsageError

CELL, SIDE, HEADER, MARGIN = 64, 92, 26, 6  # of the figure


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    return write_talk(tmp_path_factory.mktemp("source") / "talk.mp4")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    root = tmp_path_factory.mktemp("work")
    return toy_workspace(root, "first", "second", first={"weighting": "none"}, second={"weighting": "literal"})


@pytest.fixture
def compare(workspace, talk, tmp_path):
    from mead_manip.config import Common, CompareConfig
    from mead_manip.stages import compare
    from mead_manip.stages.running.runner import SilentProgress

    def run(*, dry_run=False, **settings):
        values = {"video": str(talk), "out": str(tmp_path / "out"), "emotions": ("happy", "sad"), "cell": CELL}
        config = CompareConfig(**{**values, **settings})
        return compare.run(workspace, config, Common(), dry_run=dry_run, progress=SilentProgress()), tmp_path / "out"

    return run


def cell_of(picture, row, column):
    y, x = HEADER + row * (CELL + MARGIN), SIDE + column * (CELL + MARGIN)
    return picture[y : y + CELL, x : x + CELL].astype(int)


def test_figure_and_film_show_every_run_and_emotion(compare, talk):
    from mead_manip.media.images import read_image
    from mead_manip.media.video import count_frames, probe

    summary, out = compare()
    assert summary.done == ["talk_compare.png", "talk_compare.mp4"]
    picture = read_image(out / "talk_compare.png")
    assert picture.shape == (HEADER + 2 * (CELL + MARGIN) + MARGIN, SIDE + 3 * (CELL + MARGIN) + MARGIN, 3)
    np.testing.assert_array_equal(cell_of(picture, 0, 0), cell_of(picture, 1, 0))  # the source, in every row
    shown = [cell_of(picture, row, column) for row in (0, 1) for column in (1, 2)]
    assert min(np.abs(a - b).mean() for k, a in enumerate(shown) for b in shown[:k]) > 0.1, "two edits are the same"
    film = out / "talk_compare.mp4"
    assert count_frames(film) == count_frames(talk) and probe(film).fps == probe(talk).fps and probe(film).has_audio
    record = json.loads((out / "talk_compare.json").read_text())
    assert list(record["edits"]) == ["NED", "second"] and set(record["seconds"]) == {"talk_compare.png"}

    again, _ = compare()
    assert again.fresh == summary.done and set(again.facts.values()) == {"fresh"}
    # Other emotions are another figure, of which most is there already.
    more, _ = compare(emotions=("happy",), film=False)
    assert more.done == ["talk_compare.png"] and set(more.facts.values()) == {"fresh"}


def test_moments_that_are_asked_for_give_a_picture_each(compare):
    summary, out = compare(at=("0.2", "0.7"), film=False)
    assert summary.done == ["talk_compare_0.2s.png", "talk_compare_0.7s.png"]
    assert json.loads((out / "talk_compare.json").read_text())["seconds"]["talk_compare_0.7s.png"] <= 0.7
    for second in ("-1", "9", "soon"):
        with pytest.raises(UsageError, match="seconds within the video: 0 to 0.9"):
            compare(at=(second,), film=False)


def test_a_run_that_is_not_there_is_named(compare):
    with pytest.raises(InputMissing, match="third"):
        compare(runs=("first", "third"))


def test_a_dry_run_makes_nothing(compare, tmp_path):
    summary, out = compare(dry_run=True)
    assert len(summary.planned) == 4 and not out.exists()


def test_frames_are_taken_where_the_mouth_rests(make_reconstruction):
    from mead_manip.stages.judging.compare_sheet import resting_frames

    jaw = np.zeros((40, 3), np.float32)
    jaw[:, 0] = np.where(np.arange(40) % 10 < 4, 0.0, 0.2)
    visible = np.arange(40) >= 10
    chosen = resting_frames(make_reconstruction(40, jaw_pose=jaw, visible=visible))
    assert min(chosen) >= 10 and all(jaw[k, 0] == 0 for k in chosen) and max(chosen) > 30
