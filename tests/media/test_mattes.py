"""Mattes of any tool -> one for every frame."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

WIDTH, HEIGHT, N = 64, 48, 5


def matte(k):
    picture = np.zeros((HEIGHT, WIDTH), np.uint8)
    picture[8:24, 8 + 4 * k : 24 + 4 * k] = 255
    return picture


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "mattes"
    made.mkdir()
    for k in range(N):
        cv2.imwrite(str(made / f"m.{k + 9}.png"), matte(k))  # 9, 10, 11: as people count
    (made / "notes.txt").write_text("for the compositor")
    return made


def found(given):
    from mead_manip.media.mattes import find_mattes

    return find_mattes(str(given))


def same(mattes, first=0):
    return all(np.array_equal(a, matte(first + k)) for k, a in enumerate(mattes))


@pytest.mark.parametrize("name", ["", "m.#.png", "m.####.png", "m.%d.png", "m.%04d.png"])
def test_a_folder_or_a_pattern_gives_pictures_in_the_order_of_their_numbers(folder, name):
    mattes = found(folder / name)
    mattes.check(N, WIDTH, HEIGHT)

    assert same(list(mattes.frames())) and same(list(mattes.frames(2)), first=2)
    assert len(list(mattes.frames(2))) == N - 2


def test_one_picture_stands_for_every_frame(folder):
    mattes = found(folder / "m.9.png")
    mattes.check(1000, WIDTH, HEIGHT)

    assert sum(np.array_equal(a, matte(0)) for _, a in mattes.beside(range(7))) == 7


def test_white_and_black_of_a_video_are_white_and_black_after_compression(tmp_path):
    from mead_manip.media.video import VideoWriter

    path = tmp_path / "m.mp4"
    with VideoWriter(path, WIDTH, HEIGHT, Fraction(25)) as writer:
        for k in range(N):
            writer.write(np.repeat(matte(k)[..., None], 3, axis=2))
    mattes = found(path)
    mattes.check(N, WIDTH, HEIGHT)

    for k, seen in enumerate(mattes.frames()):
        inner, outer = cv2.erode(matte(k), np.ones((5, 5))), cv2.dilate(matte(k), np.ones((9, 9)))
        assert (seen[inner == 255] == 255).all() and (seen[outer == 0] == 0).all()


def test_soft_edges_stay_soft(tmp_path):
    ramp = np.tile(np.arange(256, dtype=np.uint8), (16, 1))
    cv2.imwrite(str(tmp_path / "ramp.png"), ramp)
    seen = next(found(tmp_path / "ramp.png").frames())

    assert (np.diff(seen.astype(int)) >= 0).all() and np.abs(seen.astype(int) - ramp).max() <= 4
    assert len(np.unique(seen)) > 240


@pytest.mark.parametrize(
    ("count", "size", "words"),
    [(N + 1, (WIDTH, HEIGHT), "has 5 frames; expected 6"), (N, (32, HEIGHT), "is 64x48; expected 32x48")],
)
def test_another_number_or_size_is_one_line_that_says_so(folder, count, size, words):
    from mead_manip.errors import MediaError

    with pytest.raises(MediaError, match=words) as error:
        found(folder).check(count, *size)
    assert "export the matte once more" in str(error.value) and "\n" not in str(error.value)


def test_mattes_that_end_early_or_change_their_size_are_refused(folder):
    from mead_manip.errors import MediaError

    with pytest.raises(MediaError, match="has 5 frames"):
        list(found(folder).beside(range(6)))
    cv2.imwrite(str(folder / "m.11.png"), np.zeros((8, 8), np.uint8))
    with pytest.raises(MediaError, match="8x8 in frame 2"):
        list(found(folder).beside(range(5)))


@pytest.mark.parametrize("name", ["nothing.png", "nothing.##.png", "m.#.txt"])
def test_what_is_not_there_is_said(folder, name):
    from mead_manip.errors import MeadManipError

    with pytest.raises(MeadManipError, match="--mask"):
        found(folder / name)


def test_a_gap_among_the_numbers_is_named(folder):
    from mead_manip.errors import InputMissing

    (folder / "m.11.png").unlink()
    with pytest.raises(InputMissing, match="number 11 is missing"):
        found(folder / "m.#.png")


def test_a_file_that_is_no_picture_is_named(folder):
    from mead_manip.errors import MediaError

    (folder / "m.10.png").write_bytes(b"no picture")
    with pytest.raises(MediaError, match=r"m\.10\.png is no readable picture"):
        list(found(folder).frames())


def test_the_digest_is_that_of_the_content(folder):
    before = found(folder).digest
    assert before == found(folder / "m.#.png").digest

    cv2.imwrite(str(folder / "m.10.png"), matte(0))
    assert found(folder).digest != before
