"""Rows of an array that grows on disk, so that a long video stays out of memory."""

from __future__ import annotations

import math
import os
import tempfile

import numpy as np
from numpy.typing import DTypeLike


class Spool:
    """Takes rows of one shape and gives them as one array, mapped from a temporary file that has no name.

    Closed, it takes no more; the arrays stay.
    """

    def __init__(self, dtype: DTypeLike, *shape: int) -> None:
        self._dtype, self._shape = np.dtype(dtype), shape
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._rows = 0

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def add(self, row: np.ndarray) -> None:
        """Append one row."""
        self._file.write(np.ascontiguousarray(row, self._dtype).tobytes())
        self._rows += 1

    def extend(self, data: bytes) -> None:
        """Append the bytes of some rows."""
        self._file.write(data)
        self._rows += len(data) // (math.prod(self._shape) * self._dtype.itemsize)

    def read(self, start: int, stop: int) -> bytes:
        """Give the bytes from `start` on up to `stop`, without a place in memory for those around them."""
        self._file.flush()
        return os.pread(self._file.fileno(), stop - start, start)

    def array(self) -> np.ndarray:
        """Give all rows."""
        shape = (self._rows, *self._shape)
        if not math.prod(shape):
            return np.zeros(shape, self._dtype)
        self._file.flush()
        return np.memmap(self._file, self._dtype, mode="r", shape=shape)
