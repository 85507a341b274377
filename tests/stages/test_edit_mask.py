"""edit --mask: what lies in front of the face stays; on a rendered head and networks that have learned nothing."""

import json
from itertools import islice

import cv2
import numpy as np
import pytest
from faces import talking_head
from toy_edit import RUN, toy_workspace, write_talk

N = 12


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_talk(tmp_path_factory.mktemp("source") / "talk.mp4", N)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return toy_workspace(tmp_path_factory.mktemp("work"))


@pytest.fixture(scope="module")
def front():
    """A bar before the mouth that rises from frame to frame."""
    frames, landmarks = talking_head()
    mattes = np.zeros((N, *frames[0].shape[:2]), np.uint8)
    for k, points in enumerate(landmarks):
        mouth = points[48:68].mean(axis=0)
        mattes[k, int(mouth[1] - 8 - k) : int(mouth[1] + 8 - k), 20:-20] = 255
    return mattes


@pytest.fixture
def folder(tmp_path, front):
    made = tmp_path / "mattes" / "talk"
    made.mkdir(parents=True)
    for k, matte in enumerate(front):
        cv2.imwrite(str(made / f"{k:04}.png"), matte)
    return made


@pytest.fixture
def edit(workspace, video, tmp_path):
    from mead_manip.config import Common, EditConfig
    from mead_manip.stages import edit
    from mead_manip.stages.running.runner import SilentProgress

    class Killing(SilentProgress):
        """End the process with frame `until`."""

        def __init__(self, until):
            self.until = until

        def clips(self, items, total, description):
            yield from islice(items, self.until if description.startswith("edit") else None)
            if self.until is not None and description.startswith("edit"):
                raise KeyboardInterrupt

    def run(*, source=(video,), out=tmp_path / "out.mp4", part_frames=250, until=None, **settings):
        config = EditConfig(
            video=tuple(map(str, source)), out=str(out), **{"to": "happy", "run": RUN, "intensity": 3.0, **settings}
        )
        return edit.run(workspace, config, Common(), progress=Killing(until), part_frames=part_frames), out

    return run


def frames_of(path):
    from mead_manip.media.video import read_frames

    return np.stack([rgb for _, _, rgb in read_frames(path)]).astype(int)


def test_what_is_in_front_stays_and_the_rest_is_edited_as_before(edit, video, folder, front, tmp_path):
    _, masked = edit(mask=str(folder))
    _, plain = edit(out=tmp_path / "plain.mp4")

    source, masked, plain = frames_of(video), frames_of(masked), frames_of(plain)
    change, before = np.abs(masked - source).max(axis=3), np.abs(plain - source).max(axis=3)
    inner = np.stack([cv2.erode(matte, np.ones((5, 5))) for matte in front]) > 0
    around = np.stack([cv2.dilate(matte, np.ones((31, 31))) for matte in front]) > 0
    assert before[inner].mean() > 2 * change[inner].mean()  # the encoder's is left
    # Bit for bit before encoding (tests/rendering/test_occlusion.py); H.264 then spreads a change over a small frame.
    away = np.abs(masked - plain).max(axis=3)[~around]
    assert away.mean() < 3 and np.percentile(away, 99) < 16


def test_a_recipe_keeps_the_mask_and_refuses_another(edit, folder, front, tmp_path):
    from mead_manip.errors import InputMissing

    _, out = edit(mask=str(folder))
    recipe = json.loads(out.with_suffix(".json").read_text())
    assert recipe["settings"]["mask"] == str(folder) and recipe["provenance"]["inputs"]["mask"]
    assert edit(mask=str(folder))[0].fresh and edit()[0].done  # another result than without

    again = tmp_path / "again.mp4"
    _, out = edit(mask=str(folder))
    replay = {"recipe": str(out.with_suffix(".json")), "out": again, "to": "", "run": None, "intensity": 1.0}
    assert edit(**replay)[0].done and again.read_bytes() == out.read_bytes()
    cv2.imwrite(str(folder / "0003.png"), 255 - front[3])
    with pytest.raises(InputMissing, match=r"--recipe: mask .*with which the recipe was made"):
        edit(**replay)
    assert edit(mask=str(folder))[0].done  # no longer fresh


def test_an_edit_that_was_killed_goes_on_with_the_mattes_of_its_frames(edit, folder, tmp_path):
    _, whole = edit(mask=str(folder), part_frames=5)
    killed = {"mask": str(folder), "part_frames": 5, "out": tmp_path / "killed.mp4"}
    with pytest.raises(KeyboardInterrupt):
        edit(until=8, **killed)

    assert np.array_equal(frames_of(edit(**killed)[1]), frames_of(whole))


def test_without_a_mask_a_recipe_says_nothing_of_one(edit):
    _, out = edit()
    provenance = json.loads(out.with_suffix(".json").read_text())["provenance"]

    assert "mask" not in provenance["params"] and "mask" not in provenance["inputs"]


def test_each_of_several_videos_has_its_own_mask(edit, video, folder, tmp_path):
    from mead_manip.errors import UsageError

    other = write_talk(tmp_path / "other.mp4", N)
    cv2.imwrite(str(folder.parent / "other.png"), np.zeros_like(cv2.imread(str(folder / "0000.png"))))
    both = {"source": (video, other), "out": tmp_path / "{stem}_e.mp4"}
    with pytest.raises(UsageError, match="for 2 videos; expected a pattern"):
        edit(mask=str(folder), **both)

    summary, _ = edit(mask=str(folder.parent / "{stem}"), **both)
    assert len(summary.done) == 1 and "other does not exist" in next(iter(summary.failures.values()))


def test_a_picture_takes_a_picture(edit, folder, front, tmp_path):
    from mead_manip.media.images import read_image

    portrait = tmp_path / "portrait.png"
    cv2.imwrite(str(portrait), talking_head()[0][0][..., ::-1])
    _, out = edit(source=(portrait,), out=tmp_path / "sad.png", mask=str(folder / "0000.png"))

    before, after, kept = read_image(portrait), read_image(out), front[0] == 255
    assert np.array_equal(after[kept], before[kept]) and (after != before).any()
    # No encoder is in between: away from the matte the edit is that without one.
    _, plain = edit(source=(portrait,), out=tmp_path / "plain.png")
    away = cv2.dilate(front[0], np.ones((31, 31))) == 0
    assert (after == read_image(plain)).all(axis=2)[away].mean() > 0.98


@pytest.mark.parametrize(("count", "words"), [(N - 1, "has 11 frames; expected 12"), (N + 1, "has 13 frames")])
def test_another_number_of_frames_is_refused_before_anything_is_written(edit, folder, count, words):
    from mead_manip.errors import MediaError

    (folder / "0011.png").unlink()
    for k in range(N - 1, count):
        cv2.imwrite(str(folder / f"{k:04}.png"), cv2.imread(str(folder / "0000.png")))
    with pytest.raises(MediaError, match=words):
        edit(mask=str(folder))


def test_pictures_of_frames_before_and_after_have_it_too(edit, folder, front, tmp_path):
    from mead_manip.media.images import read_image

    _, masked = edit(mask=str(folder), preview=2, out=tmp_path / "masked.png")
    _, plain = edit(preview=2, out=tmp_path / "plain.png")

    assert not np.array_equal(read_image(masked), read_image(plain))
