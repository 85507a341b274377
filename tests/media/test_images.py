"""Pictures as bytes: round trips, the flat buffer, and what is no picture."""

import numpy as np
import pytest


def ramp() -> np.ndarray:
    y, x = np.mgrid[:40, :50]
    return np.stack([x * 5, y * 6, (x + y) * 2], axis=-1).astype(np.uint8)


def test_png_is_exact_and_jpeg_close_in_rgb():
    from mead_manip.media.images import decode, encode

    np.testing.assert_array_equal(decode(encode(ramp(), "png")), ramp())
    assert np.abs(decode(encode(ramp())).astype(int) - ramp()).mean() < 3


def test_many_pictures_in_one_buffer():
    from mead_manip.media.images import EncodedFrames, encode

    frames = EncodedFrames.pack([encode(ramp(), "png"), b"", encode(ramp()[::-1], "png")])
    assert len(frames) == 3
    np.testing.assert_array_equal(frames[0], ramp())
    assert frames[1] is None
    np.testing.assert_array_equal(frames[2], ramp()[::-1])
    assert len(EncodedFrames.pack([])) == 0


@pytest.mark.parametrize("data", [b"", b"no picture", bytes(100)])
def test_what_is_no_picture_is_refused(data, tmp_path):
    from mead_manip.errors import MediaError
    from mead_manip.media.images import decode, read_image

    with pytest.raises(MediaError, match="no picture"):
        decode(data)
    (tmp_path / "a.jpg").write_bytes(data)
    with pytest.raises(MediaError, match="not a readable picture"):
        read_image(tmp_path / "a.jpg")
    with pytest.raises(MediaError, match="cannot be read"):
        read_image(tmp_path / "b.jpg")
