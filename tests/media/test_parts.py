"""Parts of frames are the pixels of the whole frames; a quick look is nearly that."""

from fractions import Fraction

import av
import numpy as np
import pytest

from mead_manip.errors import MediaError
from mead_manip.media.face_crops import crop_region, cut_crop, cut_part, reduction
from mead_manip.media.video import probe, read_frames, read_parts

N_FRAMES = 6


@pytest.fixture(scope="module", params=["400x300", "401x299", "turned", "4:4:4"])
def clip(request, tmp_path_factory):
    """Noise with large and small structure: an even size, an odd one, turned by its header, and without 4:2:0."""
    kind = request.param
    width, height = (401, 299) if kind == "401x299" else (400, 300)
    path = tmp_path_factory.mktemp("parts") / "clip.mkv"
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1" if width % 2 else "libx264", rate=Fraction(25))
        stream.width, stream.height = width, height
        stream.pix_fmt = "yuv444p" if kind == "4:4:4" else "yuv420p"
        for _ in range(N_FRAMES):
            coarse = rng.integers(0, 255, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
            rgb = np.kron(coarse, np.ones((8, 8, 1), np.uint8))[:height, :width]
            rgb = rgb // 2 + rng.integers(0, 120, (height, width, 1), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode())
    return turned(path) if kind == "turned" else path


def turned(path):
    """Give the same packets under a header that turns them."""
    out = path.with_name("turned.mp4")
    with av.open(str(path)) as source, av.open(str(out), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        stream.set_display_rotation(90)
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    return out


def regions(path):
    """A part that wanders, at each rim once."""
    info = probe(path)
    w, h = info.width, info.height
    return np.array(
        [[100, 80, 227, 190], [103, 81, 230, 191], [0, 0, 31, 17], [w - 50, h - 33, w, h], [0, 0, w, h], [7, 9, 8, 10]]
    )


def test_a_part_is_byte_for_byte_what_the_whole_frame_shows_there(clip):
    wanted = regions(clip)
    for (index, part), (_, _, whole) in zip(read_parts(clip, wanted), read_frames(clip), strict=True):
        x0, y0, x1, y1 = wanted[index]
        np.testing.assert_array_equal(part, whole[y0:y1, x0:x1])


def test_a_quick_look_is_nearly_the_picture(clip):
    for (_, _, quick), (_, _, exact) in zip(read_frames(clip, quick=True), read_frames(clip), strict=True):
        assert quick.shape == exact.shape
        assert np.abs(quick.astype(float) - exact).mean() < 6 and abs(quick.mean() - exact.mean()) < 3


@pytest.mark.parametrize(
    "n_regions, message", [(N_FRAMES - 1, "more frames"), (N_FRAMES + 1, f"has {N_FRAMES} frames")]
)
def test_another_number_of_frames_is_refused(clip, n_regions, message):
    with pytest.raises(MediaError, match=message):
        list(read_parts(clip, np.tile([0, 0, 20, 20], (n_regions, 1))))


@pytest.mark.parametrize("scale, x, y", [(0.8, 20.3, 11.7), (1.4, -60.0, 30.5), (2.9, 250.0, 190.0), (4.2, -30.0, 4.0)])
def test_a_crop_of_its_region_is_the_crop_of_the_frame(clip, scale, x, y):
    info = probe(clip)
    frame_from_crop = np.array([[scale, 0, x], [0, scale, y]])
    by = reduction(frame_from_crop, info.width, info.height)
    region = crop_region(frame_from_crop, info.width, info.height, 64, by)
    parts = read_parts(clip, np.tile(region, (N_FRAMES, 1)), np.full(N_FRAMES, by))
    for (_, part), (_, _, whole) in zip(parts, read_frames(clip), strict=True):
        crop, wanted = cut_part(part, frame_from_crop, region, 64, by), cut_crop(whole, frame_from_crop, 64)
        # Means of stored colours, then RGB, or the other way round: brightness is the same, colour nearly.
        assert np.abs(crop.astype(float) - wanted).mean() <= (0 if by == 1 else 1.5)
        assert np.abs(crop.mean(-1) - wanted.mean(-1)).max() <= (0 if by == 1 else 6)


def test_a_shrunk_part_does_not_depend_on_what_lies_around_it(clip):
    info = probe(clip)
    wide = np.array([2, 1, info.width // 3 - 9, info.height // 3 - 7])
    narrow = np.array([31, 24, 77, 61])
    wides, narrows = (read_parts(clip, np.tile(r, (N_FRAMES, 1)), np.full(N_FRAMES, 3)) for r in (wide, narrow))
    for (_, large), (_, small) in zip(wides, narrows, strict=True):
        np.testing.assert_array_equal(small, large[24 - 1 : 61 - 1, 31 - 2 : 77 - 2])
