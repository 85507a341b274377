"""Video in and out: counts, rates, time stamps, audio packets, rotation, bad files, nothing half written."""

import ctypes
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest


def picture(index: int, width: int = 64, height: int = 48) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    red = 64 + 128 * x / (width - 1)
    green = 64 + 128 * y / (height - 1)
    blue = np.full_like(red, 64 + (index * 16) % 128)
    return np.stack([red, green, blue], axis=-1).astype(np.uint8)


def tone(seconds: float = 1.0, rate: int = 44100) -> tuple[np.ndarray, int]:
    time = np.arange(int(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * 220 * time)).astype(np.float32), rate


def write_clip(
    path: Path, n_frames: int = 12, rate: Fraction = Fraction(25), size: tuple[int, int] = (64, 48), **options
):
    from mead_manip.media.video import VideoWriter

    with VideoWriter(path, *size, rate, preset="ultrafast", **options) as writer:
        for index in range(n_frames):
            writer.write(picture(index, *size))
    return path


def audio_packets(path: Path) -> list[tuple[Fraction, bytes]]:
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(container.streams.audio) if packet.size]
        return [(packet.pts * packet.time_base, bytes(packet)) for packet in packets]


def times(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(30), Fraction(60)])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_rate_and_count_survive(tmp_path, rate, suffix):
    from mead_manip.media.video import count_frames, probe

    path = write_clip(tmp_path / f"clip{suffix}", 13, rate)
    info = probe(path)
    assert count_frames(path) == 13
    assert (info.width, info.height, info.has_audio) == (64, 48, False)
    if suffix != ".mkv":  # Matroska keeps milliseconds
        assert info.fps == rate
        assert times(path) == [index / rate for index in range(13)]


@pytest.mark.parametrize("matrix", [1, 2, 6])
def test_colours_survive_and_stay_named(tmp_path, matrix):
    from mead_manip.media.colour import Colour
    from mead_manip.media.video import probe, read_frames

    colour = Colour(matrix, matrix, matrix, 1)
    path = write_clip(tmp_path / "clip.mp4", 3, colour=colour, crf=10)
    assert probe(path).colour == colour
    for index, _, rgb in read_frames(path):
        difference = rgb.astype(int) - picture(index)
        assert np.abs(difference).mean() < 3
        assert np.abs(difference.mean(axis=(0, 1))).max() < 1.5


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs an allocator that can fill what it gives")
def test_the_same_frames_give_the_same_bytes_whatever_memory_held_before(tmp_path):
    from mead_manip.media.video import VideoWriter

    scene = np.random.default_rng(0).integers(0, 255, (40, 50, 3)).astype(np.uint8).repeat(4, 0).repeat(4, 1)
    files, fill = [], -6  # M_PERTURB
    try:
        for value in (0, 1, 200):
            ctypes.CDLL(None).mallopt(fill, value)
            with VideoWriter(tmp_path / f"{value}.mp4", 160, 160, Fraction(25)) as writer:
                for k in range(24):
                    writer.write(np.ascontiguousarray(scene[:, k : k + 160] + np.uint8(k)))
            files.append((tmp_path / f"{value}.mp4").read_bytes())
    finally:
        ctypes.CDLL(None).mallopt(fill, 0)
    assert files[0] == files[1] == files[2]


def test_odd_sizes_gain_one_row_and_column(tmp_path):
    from mead_manip.media.video import probe, read_frames

    path = write_clip(tmp_path / "clip.mp4", 3, size=(65, 47))
    assert (probe(path).width, probe(path).height) == (66, 48)
    _, _, rgb = next(read_frames(path))
    assert np.abs(rgb[:47, :65].astype(int) - picture(0, 65, 47)).mean() < 4


def test_audio_is_copied_packet_by_packet(tmp_path):
    from mead_manip.media.video import probe, read_frames, writer_like

    source = write_clip(tmp_path / "source.mp4", 25, sound=tone())
    info = probe(source)
    with writer_like(tmp_path / "copy.mp4", info) as writer:
        for _, pts, rgb in read_frames(source):
            writer.write(255 - rgb, pts)
    copied = probe(tmp_path / "copy.mp4")
    assert info.audio_codec == copied.audio_codec == "aac"
    assert audio_packets(source) == audio_packets(tmp_path / "copy.mp4")
    assert times(source) == times(tmp_path / "copy.mp4")
    assert (info.fps, info.n_frames, info.colour) == (copied.fps, copied.n_frames, copied.colour)
    with av.open(str(tmp_path / "copy.mp4")) as container:
        assert container.metadata["comment"] == "edited"


def test_audio_longer_and_shorter_than_the_picture(tmp_path):
    from mead_manip.media.video import probe, read_frames, writer_like

    for name, seconds in (("long", 3.0), ("short", 0.2)):
        source = write_clip(tmp_path / f"{name}.mp4", 25, sound=tone(seconds))
        with writer_like(tmp_path / "copy.mp4", probe(source)) as writer:
            for _, pts, rgb in read_frames(source):
                writer.write(rgb, pts)
        assert audio_packets(source) == audio_packets(tmp_path / "copy.mp4")


def test_variable_frame_rate_survives(tmp_path):
    from mead_manip.media.video import VideoWriter, probe, read_frames, writer_like

    stamps = [0, 500, 1700, 1800, 2600, 4000, 4100, 5000, 6000]
    with VideoWriter(tmp_path / "a.mp4", 64, 48, Fraction(15), time_base=Fraction(1, 12800), end_pts=7300) as writer:
        for index, pts in enumerate(stamps):
            writer.write(picture(index), pts)
    info = probe(tmp_path / "a.mp4")
    with writer_like(tmp_path / "b.mp4", info) as writer:
        for _, pts, rgb in read_frames(tmp_path / "a.mp4"):
            writer.write(rgb, pts)
    assert times(tmp_path / "b.mp4") == [Fraction(pts, 12800) for pts in stamps]
    assert probe(tmp_path / "b.mp4").fps == info.fps == len(stamps) / Fraction(7300, 12800)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_is_applied(tmp_path, degrees):
    from mead_manip.media.video import probe, read_frames

    upright = write_clip(tmp_path / "upright.mp4", 3, crf=5)
    with av.open(str(upright)) as source, av.open(str(tmp_path / "turned.mp4"), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        stream.set_display_rotation(degrees)
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    info = probe(tmp_path / "turned.mp4")
    assert (info.width, info.height) == ((64, 48) if degrees == 180 else (48, 64))
    _, _, rgb = next(read_frames(tmp_path / "turned.mp4"))
    expected = np.rot90(picture(0), info.rotation // 90)
    assert np.abs(rgb.astype(int) - expected).mean() < 4
    assert info.rotation % 360 in (degrees, 360 - degrees)


def test_a_stretch_of_frames(tmp_path):
    from mead_manip.media.video import read_frames

    path = write_clip(tmp_path / "clip.mp4", 12)
    whole = list(read_frames(path))
    part = list(read_frames(path, 4, 9))
    assert [index for index, _, _ in whole] == list(range(12))
    assert [index for index, _, _ in part] == [4, 5, 6, 7, 8]
    for (_, pts, rgb), (_, expected_pts, expected) in zip(part, whole[4:9], strict=True):
        assert pts == expected_pts
        np.testing.assert_array_equal(rgb, expected)


def test_a_truncated_file_gives_what_it_has_and_says_so(tmp_path):
    from mead_manip.errors import MediaError
    from mead_manip.media.video import read_frames

    path = write_clip(tmp_path / "clip.mp4", 60, crf=5)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    frames = read_frames(path)
    found = []
    with pytest.raises(MediaError, match=r"clip\.mp4: \d+ of 60 frames can be decoded; expected a complete video"):
        found.extend(index for index, _, _ in frames)
    assert found == list(range(len(found))) and 5 < len(found) < 60


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("text.mp4", b"this is no video at all\n" * 50, "not a readable video"),
        ("empty.mp4", b"", "0 bytes"),
        ("noise.mp4", bytes(range(256)) * 64, "not a readable video"),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:1,\n/etc/hostname\n", "not a readable video"),
        ("concat.txt", b"ffconcat version 1.0\nfile /etc/hostname\n", "not a readable video"),
    ],
)
def test_what_is_no_video_is_refused(tmp_path, name, content, message):
    from mead_manip.errors import MediaError
    from mead_manip.media.video import probe, read_frames

    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(MediaError, match=message):
        probe(path)
    with pytest.raises(MediaError, match=message):
        next(read_frames(path))


def test_missing_file_folder_picture_and_sound_are_refused(tmp_path):
    import cv2

    from mead_manip.errors import MediaError
    from mead_manip.media.video import probe

    cv2.imwrite(str(tmp_path / "picture.png"), picture(0))
    with av.open(str(tmp_path / "sound.m4a"), "w") as container:
        from mead_manip.media.audio import aac_packets

        stream = container.add_stream("aac", rate=44100, layout="mono")
        container.mux(list(aac_packets(stream, *tone(0.2))))
    for name, message in [
        ("missing.mp4", "does not exist"),
        (".", "not a file"),
        ("picture.png", "not a readable video"),
        ("sound.m4a", "no video track"),
    ]:
        with pytest.raises(MediaError, match=message):
            probe(tmp_path / name)


def test_a_cut_header_is_refused(tmp_path):
    from mead_manip.errors import MediaError
    from mead_manip.media.video import probe

    path = write_clip(tmp_path / "clip.mp4")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(MediaError, match=r"not a readable video|no video track"):
        probe(path)


@pytest.mark.parametrize("stop", [RuntimeError, KeyboardInterrupt])
def test_nothing_is_left_after_an_exception(tmp_path, stop):
    from mead_manip.media.video import VideoWriter

    path = tmp_path / "clip.mp4"
    path.write_bytes(b"old")
    with pytest.raises(stop), VideoWriter(path, 64, 48, Fraction(25)) as writer:
        writer.write(picture(0))
        writer.write(picture(1))
        raise stop
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["clip.mp4"]


def test_no_frame_no_file(tmp_path):
    from mead_manip.errors import MediaError

    with pytest.raises(MediaError, match="no frame"):
        write_clip(tmp_path / "clip.mp4", 0)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_is_refused(tmp_path):
    from mead_manip.errors import MeadManipError, MediaError

    with pytest.raises(MediaError, match=r"expected one of \.mp4"):
        write_clip(tmp_path / "clip.txt")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(MeadManipError, match="cannot write"):
        write_clip(tmp_path / "file" / "clip.mp4")


def test_a_full_disk_is_one_clear_error_and_leaves_nothing(tmp_path):
    resource = pytest.importorskip("resource", reason="limits of file size are POSIX")
    from mead_manip.errors import MeadManipError

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))  # a write beyond it fails like one to a full disk
    try:
        with pytest.raises(MeadManipError, match=r"cannot write .*clip\.mp4: File too large"):
            write_clip(tmp_path / "clip.mp4", 200, crf=1, size=(256, 192), sound=tone(3.0))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def test_audio_that_the_container_refuses(tmp_path):
    from mead_manip.errors import MediaError

    source = tmp_path / "source.wmv"
    with av.open(str(source), "w") as container:
        video = container.add_stream("wmv2", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = container.add_stream("wmav2", rate=44100, layout="mono")
        audio.bit_rate = 64000
        for index in range(3):
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture(index), format="rgb24")))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        container.mux(audio.encode(frame))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
    with pytest.raises(MediaError, match=r"\.mp4 cannot hold the wmav2 audio"):
        write_clip(tmp_path / "copy.mp4", audio_from=source)
    assert [entry.name for entry in tmp_path.iterdir()] == ["source.wmv"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["talk_d18.mp4", "single_face.mp4", "face_noface.mov", "noface_face.mov"])
def test_real_videos_survive(shared, tmp_path, name):
    from mead_manip.media.video import count_frames, probe, read_frames, writer_like

    source = shared / "media" / "video" / name
    info = probe(source)
    with writer_like(tmp_path / "copy.mp4", info) as writer:
        for _, pts, rgb in read_frames(source):
            writer.write(rgb, pts)
    copy = probe(tmp_path / "copy.mp4")
    assert count_frames(tmp_path / "copy.mp4") == count_frames(source)
    assert (copy.fps, copy.width, copy.height) == (info.fps, info.width, info.height)
    assert times(tmp_path / "copy.mp4") == times(source)
    assert audio_packets(tmp_path / "copy.mp4") == audio_packets(source)


def test_subtitles_are_copied_where_the_container_holds_them(tmp_path):
    from mead_manip.media.video import VideoWriter, count_frames, probe, read_frames, writer_like

    (tmp_path / "text.srt").write_text(
        "1\n00:00:00,100 --> 00:00:00,500\nHello\n\n2\n00:00:00,600 --> 00:00:00,900\nyou\n"
    )
    plain, source = tmp_path / "plain.mkv", tmp_path / "source.mkv"
    with VideoWriter(plain, 64, 64, Fraction(25), comment="test") as writer:
        for k in range(25):
            writer.write(np.full((64, 64, 3), 8 * k, np.uint8))
    with av.open(str(plain)) as video, av.open(str(tmp_path / "text.srt")) as text, av.open(str(source), "w") as out:
        streams = [(part, out.add_stream_from_template(part.streams[0])) for part in (video, text)]
        for part, stream in streams:
            for packet in part.demux():
                if packet.size:
                    packet.stream = stream
                    out.mux(packet)

    def lines(path):
        with av.open(str(path)) as container:
            return [bytes(p).decode() for p in container.demux(subtitles=0) if p.size]

    info = probe(source)
    assert info.subtitle_codecs in (("subrip",), ("srt",)) and lines(source) == ["Hello", "you"]
    for name, left_out in (("out.mkv", []), ("out.mp4", [*info.subtitle_codecs])):
        with writer_like(tmp_path / name, info) as writer:
            for _, pts, rgb in read_frames(source):
                writer.write(rgb, pts)
        assert writer.left_out == left_out and count_frames(tmp_path / name) == 25
    assert lines(tmp_path / "out.mkv") == lines(source)


def test_times_are_those_of_a_variable_rate(tmp_path):
    from mead_manip.media.video import VideoWriter, read_times

    stamps = [0, 40, 100, 140, 260, 300]
    with VideoWriter(tmp_path / "v.mkv", 64, 64, Fraction(25), time_base=Fraction(1, 1000), comment="test") as writer:
        for k, stamp in enumerate(stamps):
            writer.write(np.full((64, 64, 3), 20 * k, np.uint8), stamp + 500)
    assert read_times(tmp_path / "v.mkv") == pytest.approx(np.array(stamps) / 1000)


def test_parameters_reach_the_encoder(tmp_path):
    # x264 writes what it was told into the stream.
    data = write_clip(tmp_path / "clip.mp4", 3, crf=16.6, tuning={"subme": 3, "merange": 5}).read_bytes()
    assert all(said in data for said in (b"crf=16.6", b"subme=3", b"me_range=5"))
