"""A patched frame: its own samples where nothing was drawn, and those of the drawn frame where something was."""

from fractions import Fraction

import av
import numpy as np
import pytest

WIDTH, HEIGHT = 192, 128
INSIDE, AT_A_CORNER, ODD = (50, 40, 110, 90), (150, 100, WIDTH, HEIGHT), (61, 33, 62, 34)


@pytest.fixture(scope="module", params=["bt709 tv", "bt601 pc"])
def decoded(request, tmp_path_factory):
    """A frame with fine and coarse structure."""
    from mead_manip.media.colour import Colour
    from mead_manip.media.video import VideoWriter, read_decoded

    colour = Colour(1, 1, 1, 1) if request.param == "bt709 tv" else Colour(6, 6, 6, 2)
    path = tmp_path_factory.mktemp("patching") / "clip.mkv"
    rng = np.random.default_rng(0)
    coarse = np.kron(rng.integers(0, 255, (HEIGHT // 8, WIDTH // 8, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8))
    with VideoWriter(path, WIDTH, HEIGHT, Fraction(25), colour=colour, crf=1) as writer:
        writer.write(coarse // 2 + rng.integers(0, 120, coarse.shape, dtype=np.uint8))
    frame = next(iter(read_decoded(path)))[2]
    assert frame.can_be_patched(colour)
    return frame, colour


def drawn_over(rgb, region):
    """Invert a part, but for a tenth of its pixels."""
    x0, y0, x1, y1 = region
    drawn = rgb.copy()
    part = drawn[y0:y1, x0:x1]
    keep = np.random.default_rng(1).random(part.shape[:2]) < 0.1
    part[~keep] = 255 - part[~keep]
    return drawn


def planes(frame):
    """Give luma, and both chroma planes at half the sides."""
    stacked = frame.to_ndarray(format="yuv420p")
    return stacked[:HEIGHT], *stacked[HEIGHT:].reshape(2, HEIGHT // 2, WIDTH // 2)


@pytest.mark.parametrize("region", [INSIDE, AT_A_CORNER, ODD, (0, 0, WIDTH, HEIGHT)])
def test_blocks_that_changed_are_those_of_the_whole_drawn_frame_and_all_others_the_source_s(decoded, region):
    from mead_manip.media.colour import frame_from_rgb

    source, colour = decoded
    canvas = source.canvas(region)
    x0, y0, x1, y1 = region
    whole = source.whole()
    np.testing.assert_array_equal(canvas.rgb[y0:y1, x0:x1], whole[y0:y1, x0:x1])

    result = canvas.patched(drawn_over(canvas.rgb, region), colour)

    drawn = drawn_over(whole, region)
    block = (drawn != whole).any(axis=-1).reshape(HEIGHT // 2, 2, WIDTH // 2, 2).any(axis=(1, 3))
    assert block.any()
    masks = (np.kron(block, np.ones((2, 2), bool)), block, block)
    wanted = planes(frame_from_rgb(drawn, colour))
    for plane, new, old, changed in zip(planes(result), wanted, planes(source.frame), masks, strict=True):
        np.testing.assert_array_equal(plane, np.where(changed, new, old))


def test_where_nothing_is_drawn_a_frame_is_copied_sample_by_sample(decoded):
    source, colour = decoded
    before = [plane.copy() for plane in planes(source.frame)]
    canvas = source.canvas(None)

    result = canvas.patched(canvas.rgb, colour)

    for plane, own in zip(planes(result), before, strict=True):
        np.testing.assert_array_equal(plane, own)


def test_frames_of_another_kind_cannot_be_patched(decoded):
    from mead_manip.media.colour import Colour
    from mead_manip.media.patching import can_be_patched

    source, _ = decoded
    assert not source.can_be_patched(Colour(9, 9, 16, 1))
    for width, height, kind in ((WIDTH, HEIGHT, "yuv420p10le"), (WIDTH, HEIGHT, "yuv444p"), (191, HEIGHT, "yuv420p")):
        frame = av.VideoFrame(width, height, kind)
        assert not can_be_patched(frame, Colour.of(frame))
