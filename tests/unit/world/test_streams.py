"""Draws keep to their bounds and weights, and do not depend on what the platform calls a float."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.world.streams import Stream

seeds = st.integers(-(2**80), 2**80)
purposes = st.text(max_size=20)


def test_the_golden_words():
    assert Stream(1, "test").words(3).tolist() == [
        6377569494944793845,
        4110730023587191046,
        1796302904655722399,
    ]
    assert Stream(1, "test", key=b"k").words(2).tolist() == [1202414378138840119, 4297873998965629691]
    assert Stream(1, "test").below(5, 1000).tolist() == [345, 222, 97, 825, 656]


@given(seeds, purposes, st.integers(1, 2**31), st.integers(0, 50))
def test_below_stays_below_and_is_reproducible(seed, purpose, bound, count):
    drawn = Stream(seed, purpose).below(count, bound)
    assert drawn.dtype == np.int64 and len(drawn) == count
    assert ((drawn >= 0) & (drawn < bound)).all()
    assert (drawn == Stream(seed, purpose).below(count, bound)).all()


@given(seeds, purposes, st.binary(min_size=1), st.binary(min_size=1))
def test_a_key_makes_another_stream(seed, purpose, key, other):
    plain, keyed = Stream(seed, purpose).words(4), Stream(seed, purpose, key=key).words(4)
    assert (plain != keyed).any()
    if key.rstrip(b"\0") != other.rstrip(b"\0"):  # HMAC fills keys up with zeros
        assert (keyed != Stream(seed, purpose, key=other).words(4)).any()


@given(seeds, st.integers(0, 30), st.integers(0, 30))
def test_a_longer_draw_begins_with_the_shorter_one(seed, count, more):
    knots = [1, 5, 100]
    short = Stream(seed, "x").quantile(count, knots)
    assert (Stream(seed, "x").quantile(count + more, knots)[:count] == short).all()


@given(seeds, st.lists(st.integers(0, 1000), min_size=1, max_size=20).filter(any))
def test_pick_never_takes_what_weighs_nothing(seed, weights):
    picked = Stream(seed, "pick").pick(200, weights)
    assert all(weights[index] > 0 for index in set(picked.tolist()))


@given(seeds, st.lists(st.integers(-(10**9), 10**9), min_size=2, max_size=40).map(sorted))
def test_quantiles_lie_between_the_knots(seed, knots):
    drawn = Stream(seed, "quantile").quantile(100, knots)
    assert knots[0] <= drawn.min() and drawn.max() <= knots[-1]


@given(seeds, st.integers(1, 60), st.integers(0, 80))
def test_a_sample_takes_nothing_twice(seed, total, count):
    drawn = Stream(seed, "sample").sample(total, count).tolist()
    assert len(drawn) == len(set(drawn)) == min(total, count)
    assert set(drawn) <= set(range(total))


def test_weights_are_kept():
    for seed in (1, 2, 3):
        picked = np.bincount(Stream(seed, "w").pick(40_000, [1, 0, 3, 6]), minlength=4) / 40_000
        assert np.abs(picked - [0.1, 0, 0.3, 0.6]).max() < 0.01
        flags = Stream(seed, "c").chance(np.array([0, 1000] * 100), 200)
        assert flags.tolist() == [False, True] * 100
        values = Stream(seed, "q").quantile(40_000, [0, 1000, 1000, 4000])
        assert abs(np.median(values) - 1000) < 1 and abs((values < 500).mean() - 1 / 6) < 0.01


def test_picks_by_row_follow_their_row():
    table = np.array([[10, 0, 0], [0, 5, 5], [1, 1, 8]])
    rows = np.array([0, 1, 2] * 1000)
    picked = Stream(1, "rows").pick_in_rows(table, rows)
    assert set(picked[rows == 0].tolist()) == {0}
    assert set(picked[rows == 1].tolist()) == {1, 2}
    assert (picked[rows == 2] == 2).mean() > 0.7
    with pytest.raises(ValueError, match="equal sums"):
        Stream(1, "rows").pick_in_rows(np.array([[1], [2]]), np.array([0]))


@pytest.mark.parametrize("bound", [0, -1, 2**31 + 1])
def test_a_bound_outside_its_range_is_refused(bound):
    with pytest.raises(ValueError, match="found the bound"):
        Stream(1, "x").below(1, bound)
