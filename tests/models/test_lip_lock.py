"""Lips that the source closes stay closed, and nothing else of an edit goes."""

import numpy as np
import pytest


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

    locked = lips.locked(source, edited, 1.0)

    assert lips.gap(locked)[closed].max() < 0.03
    assert np.array_equal(lips.locked(source, edited, 0.0), edited)
    half = lips.gap(lips.locked(source, edited, 0.5))[closed]
    assert (lips.gap(locked)[closed] < half).all() and (half < lips.gap(edited)[closed]).all()


def test_open_lips_smile_and_brows_keep_the_edit(lips, speech):
    source, edited, index = speech
    locked = lips.locked(source, edited, 1.0)
    parted = lips.gap(source) > 0.1
    assert parted.sum() > 5 and np.array_equal(locked[parted], edited[parted])
    for name in ("AU12_L", "AU12_R", "AU1_L"):
        assert np.allclose(locked[:, index[name]], edited[:, index[name]], atol=1e-5)


def test_the_lock_makes_no_jumps(lips, speech):
    source, edited, _ = speech
    bend = [np.abs(np.diff(lips.gap(coefs), 2)).max() for coefs in (source, lips.locked(source, edited, 1.0))]
    assert bend[1] < 3 * bend[0]


def test_what_does_not_part_the_lips_is_not_touched(lips, speech):
    source, _, index = speech
    pressed = source.copy()
    pressed[:, index["AU24"]] += 0.6
    assert np.array_equal(lips.locked(source, pressed, 1.0), pressed)
