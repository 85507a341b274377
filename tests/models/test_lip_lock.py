"""Lips that the source closes stay closed, and nothing else of an edit goes."""

import numpy as np
import pytest

TIMES = np.arange(40) / 200  # seconds: the mouth of `speech` closes for a tenth of one, as sounds do


@pytest.fixture(scope="module")
def head():
    from mead_manip.models.face_model import load_head

    return load_head()


@pytest.fixture(scope="module")
def lips(head):
    from mead_manip.models.lip_lock import Lips

    return Lips(head, np.zeros(head.n_identity, np.float32))


@pytest.fixture
def speech(head):
    """A mouth that opens and closes, and the same smiling with parted lips and a brow raised."""
    names = ("jaw", *head.coef_names)
    source = np.zeros((40, len(names)), np.float32)
    source[:, 0] = 0.12 * np.maximum(np.sin(np.arange(40) / 6), 0)
    edited = source.copy()
    for name, value in {"jaw": 0.08, "AU12_L": 0.8, "AU12_R": 0.8, "AU16_L": 0.5, "AU16_R": 0.5, "AU1_L": 1.0}.items():
        edited[:, names.index(name)] += value
    return source, edited, {name: names.index(name) for name in names}


def test_the_gap_is_nought_at_rest_and_opens_with_the_jaw(lips, head):
    coefs = np.zeros((2, 1 + len(head.coef_names)), np.float32)
    coefs[1, 0] = 0.1
    closed, parted = lips.gap(coefs)
    assert abs(closed) < 0.01 and 0.05 < parted < 0.2


def test_locked_lips_close_where_those_of_the_source_do(lips, speech):
    source, edited, _ = speech
    closed = lips.gap(source) < 0.015
    assert closed.sum() > 8 and lips.gap(edited)[closed].min() > 0.06

    locked = lips.locked(source, edited, 1.0, TIMES)

    assert lips.gap(locked)[closed].max() < 0.03
    assert np.array_equal(lips.locked(source, edited, 0.0, TIMES), edited)
    half = lips.gap(lips.locked(source, edited, 0.4, TIMES))[closed]
    assert (lips.gap(locked)[closed] < half).all() and (half < lips.gap(edited)[closed]).all()


def test_from_a_certain_amount_on_closed_lips_close_wholly(lips, speech):
    from mead_manip.models.lip_lock import WHOLLY

    source, edited, _ = speech
    closed = lips.gap(source) < 0.015
    left = lips.gap(lips.locked(source, edited, WHOLLY, TIMES)) - lips.gap(source)
    assert np.abs(left[closed]).max() < 0.005


def test_lips_that_the_picture_shows_closed_close_although_the_fit_parts_them(lips, speech):
    source, edited, index = speech
    source[:, index["jaw"]] += 0.05
    edited[:, index["jaw"]] += 0.05
    fitted = lips.gap(source)
    assert fitted.min() > 0.03
    seen = np.full(len(source), 0.01, np.float32)

    assert np.abs(lips.gap(lips.locked(source, edited, 1.0, TIMES, seen)) - fitted).max() < 0.01
    assert lips.gap(lips.locked(source, edited, 0.8, TIMES)).max() > fitted.max() + 0.05


def test_the_gap_in_a_picture_counts_in_eye_distances():
    from mead_manip.models.lip_lock import seen_gap

    points = np.zeros((2, 68, 2), np.float32)
    points[:, 45, 0] = 80.0
    points[1, [65, 66, 67], 1] = 8.0
    assert np.allclose(seen_gap(points), [0.0, 0.1])


def test_an_open_mouth_is_not_stretched_sideways_and_a_smile_stays(lips, head):
    names = ("jaw", *head.coef_names)
    source = np.zeros((2, len(names)), np.float32)
    source[1, 0] = 0.35  # the second frame's mouth is wide open
    edited = source.copy()
    for name in ("AU12_L", "AU12_R", "AU20_L", "AU20_R"):
        edited[:, names.index(name)] = 0.9
    rest = lips.width(np.zeros((1, len(names)), np.float32))
    before, after = lips.width(edited) / rest, lips.width(lips.no_wider(source, edited)) / rest
    assert before[1] > 1.15 and after[1] < 1.1
    assert after[0] > after[1] and after[0] < 1.31

    smile = source.copy()
    smile[:, names.index("AU12_L")] = smile[:, names.index("AU12_R")] = 0.5
    smile[1, 0] = source[1, 0] = 0.0
    assert np.array_equal(lips.no_wider(source, smile), smile)


def test_open_lips_smile_and_brows_keep_the_edit(lips, speech):
    source, edited, index = speech
    locked = lips.locked(source, edited, 1.0, TIMES)
    parted = lips.gap(source) > 0.11
    assert parted.sum() > 3 and np.array_equal(locked[parted], edited[parted])
    for name in ("AU12_L", "AU12_R", "AU1_L"):
        assert np.allclose(locked[:, index[name]], edited[:, index[name]], atol=1e-5)


def test_the_lock_makes_no_jumps(lips, speech):
    source, edited, _ = speech
    bend = [np.abs(np.diff(lips.gap(coefs), 2)).max() for coefs in (source, lips.locked(source, edited, 1.0, TIMES))]
    assert bend[1] < 3 * bend[0]


def test_what_does_not_part_the_lips_is_not_touched(lips, speech):
    source, _, index = speech
    pressed = source.copy()
    pressed[:, index["AU24"]] += 0.6
    assert np.array_equal(lips.locked(source, pressed, 1.0, TIMES), pressed)


def test_brows_lids_and_nose_never_go_back_with_the_lips(head, speech):
    from mead_manip.models.lip_lock import Lips

    source, edited, at = speech
    upper = [k for name, k in at.items() if name.split("_")[0] in {"AU1", "AU2", "AU4", "AU5", "AU7", "AU9", "AU38"}]
    rng = np.random.default_rng(0)
    source, edited = source.copy(), edited.copy()
    source[:, upper] = rng.uniform(0, 1, len(upper))  # some go up and some go down
    edited[:, upper] = rng.uniform(0, 1, len(upper))
    person = Lips(head, rng.normal(0, 1, head.n_identity).astype(np.float32))

    locked = person.no_wider(source, person.locked(source, edited, 1.0, TIMES))

    assert np.array_equal(locked[:, upper], edited[:, upper])
    assert not np.allclose(locked, edited)


def test_a_mouth_at_rest_may_open_but_closes_where_speech_begins(lips, speech):
    from mead_manip.models.lip_lock import WHOLLY

    _, _, index = speech
    source = np.zeros((140, len(index)), np.float32)
    shut = np.arange(140) // 20 % 7 > 0  # open for a fifth of a second, closed for more than one
    source[~shut, index["jaw"]] = 0.12
    edited = source.copy()
    edited[:, index["jaw"]] += 0.08
    times = np.arange(140) / 100
    rests = times > 0.2 + 0.4

    gap = lips.gap(lips.locked(source, edited, WHOLLY, times))
    assert gap[shut & (times < 0.34)].max() < 0.03
    assert np.allclose(gap[rests], lips.gap(edited)[rests], atol=1e-4)
    assert lips.gap(lips.locked(source, edited, 1.0, times))[shut].max() < 0.03


@pytest.mark.parametrize(("pause", "rests"), [(0.3, False), (0.7, False), (1.0, True)])
def test_a_pause_of_speech_is_rest_only_if_lips_have_the_time_to_let_go(pause, rests):
    from mead_manip.models.lip_lock import resting

    times = np.arange(0, 3, 0.02)
    shut = (np.abs(times - 1.5) < pause / 2).astype(np.float32)
    found = resting(shut, times)
    assert found.max() == (1.0 if rests else 0.0) and not found[shut == 0].any()


def test_resting_counts_the_time_to_lips_that_part():
    from mead_manip.models.lip_lock import RELEASE, SPEECH, resting

    shut = np.ones(101, np.float32)
    times = np.linspace(0, 2, 101)
    assert (resting(shut, times) == 1).all()
    shut[50] = 0.0
    rests = resting(shut, times)
    away = np.abs(times - times[50])
    assert (rests[away < SPEECH - 0.01] == 0).all() and (rests[away > SPEECH + RELEASE + 0.01] == 1).all()
    assert (np.diff(rests[50:]) >= 0).all()
    assert np.allclose(rests, rests[::-1], atol=1e-6)
