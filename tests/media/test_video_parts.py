"""Parts of a video: what an earlier run left is copied, and no joint can be told in the result."""

from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest

LENGTH = 7
SIDE = 128  # of smaller pictures x264 makes other bytes every now and then
STEADY = (Fraction(25), Fraction(1, 25), [k for k in range(24)])
VARIABLE = (Fraction(25), Fraction(1, 90000), np.cumsum([3600 + 1111 * (k % 4) for k in range(24)]).tolist())
BROADCAST = (Fraction(24000, 1001), Fraction(1001, 24000), [3 + k for k in range(24)])


@pytest.fixture(scope="module")
def pictures():
    x = np.arange(SIDE) * 2 * np.pi / SIDE
    wave = 128 + 60 * np.sin(x + np.arange(SIDE)[:, None] / 9) + 40 * np.sin(5 * x)
    still = np.repeat(wave[..., None], 3, axis=2).astype(np.uint8)
    return [np.roll(still, 2 * k, axis=1) for k in range(24)]


class Killed(Exception):
    """The process ends here."""


@pytest.fixture
def make(tmp_path, pictures):
    from mead_manip.media.video import VideoWriter
    from mead_manip.media.video_parts import VideoParts

    def run(name, timing, *, until=None, key="k", length=LENGTH, crf=17, **options):
        """Write a video, going on where an earlier run was killed; give its path, its parts and the frames encoded."""
        rate, time_base, stamps = timing
        parts, path = VideoParts(tmp_path / name, key, length), tmp_path / name
        with VideoWriter(path, SIDE, SIDE, rate, time_base=time_base, crf=crf, parts=parts, **options) as writer:
            for pts in stamps[: parts.n_kept]:
                writer.pass_by(pts)
            for k in range(parts.n_kept, len(stamps)):
                if k == until:
                    raise Killed
                writer.write(pictures[k], stamps[k])
        return path, parts

    return run


def packets_of(path):
    with av.open(str(path)) as container:
        return [
            (p.pts * p.time_base, None if p.dts is None else p.dts * p.time_base, p.duration, bytes(p))
            for p in container.demux(video=0)
            if p.size
        ]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("timing", [STEADY, VARIABLE, BROADCAST])
def test_a_resumed_video_is_the_uninterrupted_one_byte_for_byte(make, timing, suffix):
    whole, _ = make("whole" + suffix, timing)
    for until in (5, 17):
        with pytest.raises(Killed):
            make("resumed" + suffix, timing, until=until)
    resumed, parts = make("resumed" + suffix, timing)

    assert parts.n_kept == 14
    assert packets_of(resumed) == packets_of(whole)


@pytest.mark.parametrize("timing", [STEADY, VARIABLE, BROADCAST])
def test_time_stamps_are_those_of_a_video_in_one_piece(make, timing, tmp_path, pictures):
    from mead_manip.media.video import VideoWriter, probe, read_frames

    rate, time_base, stamps = timing
    joined, _ = make("joined.mp4", timing)
    single = tmp_path / "single.mp4"
    with VideoWriter(single, SIDE, SIDE, rate, time_base=time_base) as writer:
        for picture, pts in zip(pictures, stamps, strict=True):
            writer.write(picture, pts)

    ours, theirs = packets_of(joined), packets_of(single)
    assert sorted(p[0] for p in ours) == sorted(p[0] for p in theirs) == [pts * time_base for pts in stamps]
    assert all(before[1] < after[1] for before, after in pairwise(ours))
    assert all(pts >= dts for pts, dts, *_ in ours)
    assert probe(joined).fps == probe(single).fps and probe(joined).end_pts == probe(single).end_pts
    decoded = [rgb for _, _, rgb in read_frames(joined)]
    assert max(np.abs(a.astype(int) - b).mean() for a, b in zip(decoded, pictures, strict=True)) < 8


def test_a_run_killed_after_the_last_part_only_copies(make):
    with pytest.raises(Killed):
        make("a.mp4", (*STEADY[:2], STEADY[2][:21]), until=20)
    whole, _ = make("b.mp4", (*STEADY[:2], STEADY[2][:21]))
    first, _ = make("a.mp4", (*STEADY[:2], STEADY[2][:21]))
    again, parts = make("a.mp4", (*STEADY[:2], STEADY[2][:21]))

    assert parts.n_kept == 21 and packets_of(again) == packets_of(whole)
    killed = first.with_name(".a.mp4.0123abcd.tmp")
    other = first.with_name(".a.mp4x.0123abcd.tmp")
    for path in (killed, other):
        path.write_bytes(b"")
    parts.remove()
    assert not parts.root.exists() and not killed.exists() and first.exists() and other.exists()


@pytest.mark.parametrize("other", [{"key": "another"}, {"crf": 30}, {"length": 5}])
def test_parts_of_other_settings_are_removed(make, other):
    with pytest.raises(Killed):
        make("a.mp4", STEADY, until=20)
    _, parts = make("a.mp4", STEADY, **other)

    assert parts.n_kept == 0 and len(list(parts.root.iterdir())) == 1


def test_a_killed_run_leaves_whole_parts_and_nothing_else(make, tmp_path):
    with pytest.raises(Killed):
        make("a.mp4", STEADY, until=17)

    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(path.name for path in left) == ["00000.nut", "00001.nut"]


def test_a_part_that_lost_frames_is_refused(make, pictures):
    from mead_manip.errors import MediaError

    with pytest.raises(Killed):
        make("a.mp4", STEADY, until=20)
    _, short = make("b.mp4", (*STEADY[:2], STEADY[2][:5]))
    (part,) = short.root.rglob("*.nut")
    first = next(path for path in part.parents[2].glob("a.mp4.parts/*/00000.nut"))
    first.write_bytes(part.read_bytes())

    with pytest.raises(MediaError, match="has 5 frames.*7.*--force"):
        make("a.mp4", STEADY)
