"""An edit that is killed goes on where it was, and ends as if nothing had happened."""

from itertools import islice

import numpy as np
import pytest
from toy_edit import RUN, toy_workspace, write_talk

LENGTH = 9  # frames of a part; the video has 24


class Killed(Exception):
    """The process ends here."""


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_talk(tmp_path_factory.mktemp("source") / "talk.mp4")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return toy_workspace(tmp_path_factory.mktemp("work"))


@pytest.fixture
def edit(workspace, video, tmp_path):
    from mead_manip.config import Common, EditConfig
    from mead_manip.stages import edit
    from mead_manip.stages.running.runner import SilentProgress

    class Watched(SilentProgress):
        """Remember what is said and how many frames are drawn; end with frame `until`."""

        def __init__(self, until):
            self.until, self.n_drawn, self.said = until, 0, []

        def say(self, text):
            self.said.append(text)

        def clips(self, items, total, description):
            if not description.startswith("edit"):
                yield from items
                return
            for item in islice(items, self.until):
                self.n_drawn += 1
                yield item
            if self.n_drawn == self.until:
                raise Killed

    def run(out, until=None, force=False, **settings):
        progress = Watched(until)
        config = EditConfig(video=(str(video),), out=str(tmp_path / out), **{"to": "happy", "run": RUN, **settings})
        edit.run(workspace, config, Common(), force=force, progress=progress, part_frames=LENGTH)
        return tmp_path / out, progress

    return run


def contents(path):
    """Give every decoded frame with its time stamp, and the packets of the sound."""
    import av

    from mead_manip.media.video import read_frames

    with av.open(str(path)) as container:
        sound = [(packet.pts, bytes(packet)) for packet in container.demux(audio=0) if packet.size]
    frames = list(read_frames(path))
    return np.stack([rgb for *_, rgb in frames]), [pts for _, pts, _ in frames], sound


def same(one, other):
    (frames, stamps, sound), (others, other_stamps, other_sound) = contents(one), contents(other)
    return np.array_equal(frames, others) and stamps == other_stamps and sound == other_sound


@pytest.mark.parametrize(("suffix", "settings"), [("mp4", {}), ("mkv", {}), ("mp4", {"start": 0.1, "trim": True})])
def test_a_killed_edit_goes_on_and_ends_like_an_uninterrupted_one(edit, tmp_path, suffix, settings):
    whole, progress = edit(f"whole.{suffix}", **settings)
    assert progress.n_drawn == 24
    with pytest.raises(Killed):
        edit(f"killed.{suffix}", until=15, **settings)
    assert not (tmp_path / f"killed.{suffix}").exists()

    resumed, progress = edit(f"killed.{suffix}", **settings)

    skipped = LENGTH + 3 * bool(settings)  # at 25 frames/s, 0.1 s are 3 frames
    assert progress.n_drawn == 24 - skipped
    assert f"edit: {resumed.name}: resuming at frame {skipped}" in progress.said
    assert same(resumed, whole)
    assert {path.name for path in tmp_path.iterdir()} == {
        f"whole.{suffix}", f"killed.{suffix}", "whole.json", "killed.json"
    }  # fmt: skip


def test_sound_and_time_stamps_are_the_source_s(edit, video):
    out, _ = edit("out.mp4")
    (before, stamps, sound), (after, kept, heard) = contents(video), contents(out)

    assert len(after) == len(before) and kept == stamps and heard == sound


def test_other_settings_draw_all_anew(edit):
    with pytest.raises(Killed):
        edit("out.mp4", until=15)
    out, progress = edit("out.mp4", to="sad")
    assert progress.n_drawn == 24 and not out.with_name("out.mp4.parts").exists()


def test_force_draws_all_anew(edit):
    with pytest.raises(Killed):
        edit("out.mp4", until=15)
    _, progress = edit("out.mp4", force=True)
    assert progress.n_drawn == 24


def test_a_run_killed_before_the_recipe_was_written_only_copies(edit, tmp_path):
    import shutil

    with pytest.raises(Killed):
        edit("out.mp4", until=23)
    left = shutil.copytree(tmp_path / "out.mp4.parts", tmp_path / "left")
    out, _ = edit("out.mp4")
    before = out.read_bytes()
    out.with_suffix(".json").unlink()
    left.rename(tmp_path / "out.mp4.parts")

    _, progress = edit("out.mp4")

    assert progress.n_drawn == 24 - 2 * LENGTH and out.with_suffix(".json").exists()
    assert out.read_bytes() == before


def test_a_short_video_needs_no_parts(edit, video, tmp_path, workspace):
    from mead_manip.config import Common, EditConfig
    from mead_manip.stages import edit as stage
    from mead_manip.stages.running.runner import SilentProgress

    class Looking(SilentProgress):
        def clips(self, items, total, description):
            for item in items:
                assert not (tmp_path / "out.mp4.parts").exists()
                yield item

    config = EditConfig(video=(str(video),), out=str(tmp_path / "out.mp4"), to="happy", run=RUN)
    stage.run(workspace, config, Common(), progress=Looking(), part_frames=24)
    assert len(contents(tmp_path / "out.mp4")[0]) == 24
