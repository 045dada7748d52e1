"""A table writes CSV that every reader reads back, the same bytes everywhere."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.world import Table

# numpy's texts drop NULs at their end, and a lone surrogate has no UTF-8.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)


@st.composite
def grids(draw):
    names = draw(st.lists(texts, min_size=1, max_size=4, unique=True))
    height = draw(st.integers(0, 6))
    return {name: draw(st.lists(texts, min_size=height, max_size=height)) for name in names}


@given(grids())
def test_csv_reads_back(grid):
    table = Table({name: np.array(cells, dtype=np.str_) for name, cells in grid.items()})
    content = table.to_csv()
    assert content.endswith(b"\n")
    header, *rows = csv.reader(io.StringIO(content.decode(), newline=""), strict=True)
    assert tuple(header) == table.columns
    assert [tuple(row) for row in rows] == list(table.rows()) == list(zip(*grid.values(), strict=True))


@given(st.lists(st.floats(allow_nan=False), max_size=10), st.lists(st.integers(-(2**63), 2**63 - 1), max_size=10))
def test_numbers_read_back(floats, integers):
    assert Table({"x": np.array(floats, dtype=float)}).to_csv().decode().split()[1:] == list(map(repr, floats))
    table = Table({"i": np.array(integers, dtype=np.int64)})
    assert list(map(int, table.to_csv().decode().split()[1:])) == integers


def test_the_exact_bytes():
    table = Table(
        {"name": np.array(['a "b"', "c,d", ""]), "sum": np.array([1.5, -0.25, 3]), "n": np.array([1, 2, 3])},
        {"sum": 2},
    )
    assert table.to_csv() == b'name,sum,n\n"a ""b""",1.50,1\n"c,d",-0.25,2\n,3.00,3\n'
    assert repr(table) == "<Table of 3 rows: name, sum, n>"


def test_columns_are_read_only_and_named():
    table = Table({"n": np.array([1, 2, 3])})
    with pytest.raises(ValueError, match="read-only"):
        table["n"][0] = 9
    with pytest.raises(KeyError, match="found 'm', expected one of n"):
        table["m"]


def test_parts_and_wholes():
    table = Table({"n": np.array([1, 2, 3]), "x": np.array([0.5, 1, 2])}, {"x": 1})
    assert list(table.take(np.array([2, 0])).rows()) == [(3, 2.0), (1, 0.5)]
    assert table.select(["x"]).to_csv() == b"x\n0.5\n1.0\n2.0\n"
    assert list(Table.concat([table, table]).rows()) == [*table.rows(), *table.rows()]
    assert table.with_columns({"y": table["n"] * 2}).columns == ("n", "x", "y")
    assert dict(table.items())["n"].tolist() == [1, 2, 3]


def test_uneven_columns_are_refused():
    with pytest.raises(ValueError, match="found columns of the lengths"):
        Table({"a": np.array([1]), "b": np.array([1, 2])})
    with pytest.raises(ValueError, match="expected at least one"):
        Table({})
    with pytest.raises(ValueError, match="equal columns"):
        Table.concat([])
