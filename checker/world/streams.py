"""Random draws that are the same bits on every platform and with every version of numpy.

numpy promises that the raw 64-bit words of a bit generator never change, but not what its `Generator`
makes of them, and `exp` and `log` differ in the last bit between C libraries. So a stream takes raw words
only, and turns them into values by integer arithmetic and look-ups in tables of integers.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]

_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


class Stream:
    """An endless, reproducible stream of draws for one purpose.

    Two streams are independent unless their seed, purpose and key are all the same. With a key, the stream
    cannot be told from noise by anyone who does not have it (HMAC-SHA256).
    """

    def __init__(self, seed: int, purpose: str, *, key: bytes | None = None) -> None:
        """Begin a stream. Raises ValueError for an empty key."""
        name = f"mlops-labs world 1\n{seed}\n{purpose}".encode()
        if key is None:
            digest = hashlib.sha256(name).digest()
        elif key:
            digest = hmac.new(key, name, hashlib.sha256).digest()
        else:
            raise ValueError("found an empty key, expected at least one byte")
        self._words = np.random.Philox(key=int.from_bytes(digest[:16], "little"))

    def words(self, count: int) -> Words:
        """The next `count` raw 64-bit words."""
        return np.asarray(self._words.random_raw(count), dtype=np.uint64)

    def below(self, count: int, bound: int) -> Ints:
        """Integers from 0 to `bound` - 1, evenly. `bound` lies in 1..2**31."""
        if not 1 <= bound <= 2**31:
            raise ValueError(f"found the bound {bound}, expected 1 to {2**31}")
        return (((self.words(count) >> _HALF) * np.uint64(bound)) >> _HALF).astype(np.int64)

    def chance(self, permille: int | Ints, count: int) -> Flags:
        """True with the given probability in thousandths, one for all or one for each."""
        return np.asarray(self.below(count, 1000) < permille)

    def pick(self, count: int, weights: Sequence[int] | Ints) -> Ints:
        """Indices into `weights` (integers of at least 0, sum 1..2**31), each as often as its weight says."""
        steps = np.cumsum(np.asarray(weights, dtype=np.int64))
        found = np.searchsorted(steps, self.below(count, int(steps[-1])), side="right")
        return np.asarray(found, dtype=np.int64)

    def pick_in_rows(self, table: Ints, rows: Ints) -> Ints:
        """For each entry of `rows`, an index into that row of `table`, a (kinds, choices) array.

        All rows of the table must have the same sum.
        """
        kinds, choices = table.shape
        total = int(table[0].sum())
        if not (table.sum(axis=1) == total).all():
            raise ValueError(f"found rows with the sums {table.sum(axis=1).tolist()}, expected equal sums")
        # The rows stand end to end on one scale, so that one search serves them all.
        steps = np.cumsum(table.reshape(kinds * choices))
        found = np.searchsorted(steps, rows * total + self.below(len(rows), total), side="right")
        return np.asarray(found - rows * choices, dtype=np.int64)

    def quantile(self, count: int, knots: Sequence[int]) -> Ints:
        """Values whose evenly spaced quantiles are `knots`, straight between them; at most 2**15 cells."""
        heights = np.asarray(knots, dtype=np.int64)
        place = (self.words(count) >> _HALF) * np.uint64(len(knots) - 1)
        cell = (place >> _HALF).astype(np.int64)
        fraction = ((place & _LOW) >> np.uint64(16)).astype(np.int64)
        return heights[cell] + ((heights[cell + 1] - heights[cell]) * fraction >> 16)

    def sample(self, total: int, count: int) -> Ints:
        """`count` different integers below `total`, in random order; all of them if there are no more."""
        return np.argsort(self.words(total), kind="stable")[:count].astype(np.int64)
