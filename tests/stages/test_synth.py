"""synth: a complete tree, truth that is the same bytes again, resumption, options that are never overwritten."""

import dataclasses
import tomllib

import pytest


@pytest.fixture
def synth(tmp_path):
    """Give a function that runs the stage on a tiny set in tmp_path/data and gives its summary and what it said."""

    def run(folder: str = "data", force: bool = False, dry_run: bool = False, **changes):
        from mead_manip.artifacts.workspace import Workspace
        from mead_manip.config import Common, SynthConfig
        from mead_manip.stages import synth as stage
        from mead_manip.stages.running.runner import SilentProgress

        class Listening(SilentProgress):
            def __init__(self):
                self.said: list[str] = []

            def say(self, text: str) -> None:
                self.said.append(text)

        progress = Listening()
        small = {
            "directory": str(tmp_path / folder / "MEAD"),
            "actors": 1,
            "clips": 1,
            "size": 64,
            "seconds": 0.5,
            "emotions": ("happy", "neutral"),
            "levels": ("3",),
            "workers": 0,
        }
        config = dataclasses.replace(SynthConfig(), **{**small, **changes})
        summary = stage.run(
            Workspace(tmp_path / "work"), config, Common(), force=force, dry_run=dry_run, progress=progress
        )
        return summary, progress.said

    return run


def test_a_tree_with_sound_and_truth(synth, tmp_path):
    from mead_manip.artifacts import store
    from mead_manip.artifacts.schemas import SyntheticTruth
    from mead_manip.media.audio import read_mono
    from mead_manip.media.video import count_frames, probe

    summary, _ = synth()
    assert summary.exit_code == 0 and len(summary.done) == 2
    tree = tmp_path / "data" / "MEAD"
    videos = sorted(path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file())
    assert videos == ["M003/video/front/happy/level_3/001.mp4", "M003/video/front/neutral/level_1/001.mp4"]
    truth = store.load(SyntheticTruth, tmp_path / "data" / "MEAD.truth.h5")
    assert truth.paths == tuple(videos)
    for path in videos:
        info = probe(tree / path)
        assert (info.fps, info.width, info.height, info.codec, info.audio_codec) == (30, 64, 64, "h264", "aac")
        assert count_frames(tree / path) == 15
        assert len(read_mono(tree / path)) > 0.4 * 16000


def test_same_seed_same_bytes_of_truth(synth, tmp_path):
    synth("one")
    synth("two")
    synth("three", seed=1)
    one, two, three = ((tmp_path / name / "MEAD.truth.h5").read_bytes() for name in ("one", "two", "three"))
    assert one == two != three


def test_only_what_is_missing_or_stale_is_made_again(synth, tmp_path):
    synth()
    happy = tmp_path / "data" / "MEAD" / "M003/video/front/happy/level_3/001.mp4"
    neutral = tmp_path / "data" / "MEAD" / "M003/video/front/neutral/level_1/001.mp4"
    before = neutral.stat().st_mtime_ns
    happy.unlink()
    summary, _ = synth()
    assert (summary.done, summary.fresh) == (["M003_front_happy_level_3_001"], ["M003_front_neutral_level_1_001"])
    assert neutral.stat().st_mtime_ns == before
    planned, _ = synth(dry_run=True, seed=1)
    assert set(planned.planned.values()) == {"stale"} and not planned.done
    assert len(synth()[0].fresh) == 2
    assert len(synth(force=True)[0].done) == 2


def test_a_broken_clip_is_refused_and_a_foreign_one_never_replaced(synth, tmp_path):
    from mead_manip.errors import UsageError

    synth()
    happy = tmp_path / "data" / "MEAD" / "M003/video/front/happy/level_3/001.mp4"
    happy.write_bytes(b"somebody's own recording")
    with pytest.raises(UsageError, match="was not written by synth"):
        synth()
    assert happy.read_bytes() == b"somebody's own recording"


def test_options_are_written_once_and_never_overwritten(synth, tmp_path):
    _, said = synth()
    options = tmp_path / "data" / "mead-manip.toml"
    assert tomllib.loads(options.read_text()) == {"clip-score": {"model": "builtin"}, "train": {"size": "small"}}
    assert any("wrote" in line and "mead-manip.toml" in line for line in said)
    _, said = synth()
    assert not any("mead-manip.toml" in line for line in said)
    options.write_text('[train]\nsize = "full"\n')
    _, said = synth()
    assert options.read_text() == '[train]\nsize = "full"\n'
    (line,) = [line for line in said if "mead-manip.toml" in line]
    assert "left as it is" in line and 'model = "builtin"' in line and 'size = "small"' in line


def test_the_options_are_ones_that_the_commands_know(synth, in_folder, tmp_path):
    from mead_manip.config import ClipScoreConfig, TrainConfig
    from mead_manip.resolution import resolve

    synth(".")
    assert resolve(ClipScoreConfig).config.model == "builtin"
    assert resolve(TrainConfig).config.size == "small"


def test_bad_requests_are_refused(synth, tmp_path):
    from mead_manip.errors import MeadManipError, UsageError

    for changes, message in (
        ({"actors": 999}, "at most"),
        ({"size": 65}, "even"),
        ({"levels": ("4",)}, "unknown level"),
    ):
        with pytest.raises(UsageError, match=message):
            synth(**changes)
    (tmp_path / "file").mkdir()
    (tmp_path / "file" / "MEAD").write_text("in the way")
    with pytest.raises(MeadManipError, match="is a file"):
        synth("file")


def test_workers_make_the_same_pictures(synth, tmp_path):
    import numpy as np

    from mead_manip.media.video import read_frames

    synth("alone")
    synth("many", workers=2)
    for path in sorted((tmp_path / "alone" / "MEAD").rglob("*.mp4")):
        other = tmp_path / "many" / path.relative_to(tmp_path / "alone")
        for (_, _, mine), (_, _, theirs) in zip(read_frames(path), read_frames(other), strict=True):
            # x264's assembler is not the same to the last bit from run to run.
            assert np.abs(mine.astype(int) - theirs).mean() < 1.0
