"""A table of named columns that writes the same CSV bytes everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

_MUST_QUOTE = (",", '"', "\n", "\r")


class Table:
    """Columns of equal length, in order: read-only one-dimensional numpy arrays of texts, integers or floats.

    `table["amount"]` is a column, `len(table)` the number of rows, `dict(table.items())` what
    `pandas.DataFrame` takes. `decimals` says for a float column how many digits its CSV shows; without an
    entry, the shortest digits that read back as the same number.
    """

    def __init__(self, columns: Mapping[str, npt.NDArray[Any]], decimals: Mapping[str, int] | None = None) -> None:
        """Raises ValueError if there is no column or the lengths differ."""
        lengths = {name: len(values) for name, values in columns.items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"found columns of the lengths {lengths}, expected at least one, all equal")
        self._columns = dict(columns)
        self._decimals = dict(decimals or {})
        self._rows = next(iter(lengths.values()))
        for values in self._columns.values():
            values.flags.writeable = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(self._columns)

    def __len__(self) -> int:
        """The number of rows."""
        return self._rows

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """The column of that name. Raises KeyError for an unknown one."""
        try:
            return self._columns[name]
        except KeyError:
            raise KeyError(f"found {name!r}, expected one of {', '.join(self._columns)}") from None

    def __repr__(self) -> str:
        """Shape and names, not the data."""
        return f"<Table of {len(self)} rows: {', '.join(self.columns)}>"

    def items(self) -> Iterator[tuple[str, npt.NDArray[Any]]]:
        """Pairs of name and column, in order."""
        return iter(self._columns.items())

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """The rows as tuples of plain Python values, in order."""
        return zip(*(values.tolist() for values in self._columns.values()), strict=True)

    def take(self, index: npt.NDArray[Any]) -> Table:
        """The rows at these positions, or where this mask is true, as a new table."""
        return Table({name: values[index] for name, values in self.items()}, self._decimals)

    def with_columns(self, columns: Mapping[str, npt.NDArray[Any]], decimals: Mapping[str, int] | None = None) -> Table:
        """A copy in which these columns are replaced in place, or added at the end."""
        return Table({**self._columns, **columns}, {**self._decimals, **(decimals or {})})

    def select(self, names: Iterable[str]) -> Table:
        """These columns only, in this order."""
        return Table({name: self[name] for name in names}, self._decimals)

    @classmethod
    def concat(cls, tables: Sequence[Table]) -> Table:
        """The rows of all tables, one after the other. Raises ValueError for none or for other columns."""
        import numpy as np

        if not tables or any(table.columns != tables[0].columns for table in tables):
            raise ValueError(f"found {[t.columns for t in tables]}, expected tables with equal columns")
        names = tables[0].columns
        return cls({name: np.concatenate([t[name] for t in tables]) for name in names}, tables[0]._decimals)

    def to_csv(self) -> bytes:
        """RFC 4180 with a header, in UTF-8, each line ended by a single newline; no index column."""
        alone = len(self._columns) == 1
        header = ",".join(_quoted(list(self._columns), alone))
        columns = [_quoted(self._texts(name), alone) for name in self._columns]
        lines = [header, *map(",".join, zip(*columns, strict=True)), ""]
        return "\n".join(lines).encode()

    def _texts(self, name: str) -> list[str]:
        values = self._columns[name]
        cells = values.tolist()
        if values.dtype.kind == "f" and name in self._decimals:
            form = f"%.{self._decimals[name]}f"
            return [form % cell for cell in cells]
        return cells if values.dtype.kind == "U" else list(map(str, cells))


def _quoted(texts: list[str], alone: bool) -> list[str]:
    """The cells as CSV writes them; an empty line would be no row, so a lone empty cell is quoted."""
    everything = "".join(texts)
    if not alone and not any(mark in everything for mark in _MUST_QUOTE):
        return texts
    return [_cell(text, alone) for text in texts]


def _cell(text: str, alone: bool) -> str:
    if any(mark in text for mark in _MUST_QUOTE) or (alone and not text):
        return '"' + text.replace('"', '""') + '"'
    return text
