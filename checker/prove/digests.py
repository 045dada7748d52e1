"""MLflow's digest of a table of numbers, without pandas: what `mlflow.data.from_pandas(frame).digest` shows.

MLflow 3.17 (mlflow/data/digest_utils.py) hashes the first 10,000 rows with pandas' row hash
(pandas/core/util/hashing.py), the number of all rows, and the names of the columns. It is short and
made by the client: it tells one honest data set from another, and proves nothing by itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

ROWS = 10_000
Columns = Mapping[str, npt.NDArray[Any]]


def mlflow_digests(columns: Columns, target: str) -> tuple[str, ...]:
    """Return the digests of the ways in which a table is commonly logged.

    They are: the frame as `read_csv` makes it, whole and without `target`; the same with all numbers
    as floats, as MLflow's hint about integer columns advises; features and target as arrays.
    """
    features = {name: column for name, column in columns.items() if name != target}
    floats = {name: column.astype(np.float64) for name, column in columns.items()}
    only_target_kept = floats | {target: columns[target]}
    float_features = {name: floats[name] for name in features}
    matrix = np.column_stack(list(features.values()))
    return tuple(
        dict.fromkeys(
            [
                *(frame_digest(each) for each in (columns, features, floats, only_target_kept, float_features)),
                arrays_digest([matrix]),
                arrays_digest([matrix, columns[target]]),
            ]
        )
    )


def frame_digest(columns: Columns) -> str:
    """Return the digest of `mlflow.data.from_pandas` for a frame of numbers with a plain index."""
    length = len(next(iter(columns.values())))
    index = np.arange(min(length, ROWS), dtype=np.int64)
    rows = [_hashed(each) for each in (*(columns[name][:ROWS] for name in columns), index)]
    return _short([_combined(rows), np.int64(length), *(str(name).encode() for name in columns)])


def arrays_digest(arrays: Sequence[npt.NDArray[Any]]) -> str:
    """Return the digest of `mlflow.data.from_numpy`."""
    parts: list[Any] = []
    for array in arrays:
        parts += [_hashed(array.flatten()[:ROWS]), *(np.int64(size) for size in array.shape)]
    return _short(parts)


def _hashed(values: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """pandas' hash of an array of 64-bit numbers."""
    bits = np.ascontiguousarray(values).view(np.uint64).copy()
    bits ^= bits >> np.uint64(30)
    bits *= np.uint64(0xBF58476D1CE4E5B9)
    bits ^= bits >> np.uint64(27)
    bits *= np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    return bits


def _combined(hashes: Sequence[npt.NDArray[np.uint64]]) -> npt.NDArray[np.uint64]:
    """pandas' way to make one hash of several, as CPython hashes a tuple."""
    multiplier = 1000003
    out = np.full_like(hashes[0], 0x345678)
    for index, each in enumerate(hashes):
        out ^= each
        out *= np.uint64(multiplier)
        multiplier += 82520 + 2 * (len(hashes) - index)
    return out + np.uint64(97531)


def _short(parts: Sequence[Any]) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:8]
