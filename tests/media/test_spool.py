"""Rows on disk come back as they went in, and stay when the spool is closed."""

import gc

import numpy as np


def test_rows_come_back_and_outlive_the_spool():
    from mead_manip.media.spool import Spool

    rows = np.random.default_rng(0).normal(size=(50, 3, 2)).astype(np.float32)
    with Spool(np.float32, 3, 2) as spool:
        for row in rows[:20]:
            spool.add(row.astype(np.float64))
        spool.extend(rows[20:].tobytes())
        back = spool.array()
    del spool
    gc.collect()
    assert np.array_equal(back, rows) and isinstance(back, np.memmap)


def test_a_piece_is_read_while_the_spool_grows():
    from mead_manip.media.spool import Spool

    with Spool(np.uint8) as spool:
        spool.extend(b"abcdef")
        assert spool.read(2, 4) == b"cd"
        spool.extend(b"ghi")
        assert spool.read(5, 9) == b"fghi"


def test_no_rows_and_rows_of_nothing():
    from mead_manip.media.spool import Spool

    with Spool(np.uint8) as spool:
        assert spool.array().shape == (0,)
    with Spool(np.float32, 0, 2) as spool:
        spool.add(np.zeros((0, 2), np.float32))
        spool.add(np.zeros((0, 2), np.float32))
        assert spool.array().shape == (2, 0, 2)
