"""The list of dirt is exactly what a delivery differs in from the clean books."""

from __future__ import annotations

from collections import Counter

import pytest

from checker.world import CATEGORIES, DIRT_KINDS, MONTHS, UNIT_CHANGE_FROM_DAY, UNIT_CHANGE_MONTH, World
from checker.world.dirt import Faults


def difference(clean, row, first):
    """The kind of dirt that a delivered row shows, found without the list; None for a sound row."""
    if not first:
        assert row == clean
        return "duplicate"
    changed = [name for name in row if row[name] != clean[name]]
    if not changed:
        return None
    [name] = changed
    if name == "amount" and row["amount"] == -clean["amount"]:
        return "negative_amount"
    if name == "amount" and row["amount"] == pytest.approx(100 * clean["amount"], rel=1e-9):
        return "cents"
    if name == "timestamp" and row["timestamp"][:7] != clean["timestamp"][:7]:
        return "timestamp_outside_month"
    if name == "merchant_category" and row[name] not in CATEGORIES:
        return "unknown_category"
    assert name == "country" and row[name] == ""
    return "empty_country"


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("rows", [500, 3000])
def test_dirt_is_the_difference(seed, rows):
    world = World(seed, rows=rows)
    for month in MONTHS:
        clean, dirty = world.transactions(month), world.transactions(month, dirty=True)
        assert dirty.columns == clean.columns
        originals = {row[0]: dict(zip(clean.columns, row, strict=True)) for row in clean.rows()}
        seen: set[str] = set()
        found = []
        for index, values in enumerate(dirty.rows()):
            row = dict(zip(dirty.columns, values, strict=True))
            name = row["transaction_id"]
            if kind := difference(originals[name], row, name not in seen):
                found.append((index, name, kind))
            seen.add(name)
        assert seen == set(originals)
        told = [(record.row, record.transaction_id, record.kind) for record in world.dirt(month)]
        assert told == found
        counts = Counter(kind for _, _, kind in told)
        assert world.truth(month).dirt == {kind: counts[kind] for kind in DIRT_KINDS}
        assert all(counts[kind] >= 2 for kind in DIRT_KINDS if kind != "cents")
        bad = month == UNIT_CHANGE_MONTH
        assert (0.05 * rows < counts["cents"] < 0.25 * rows) if bad else counts["cents"] == 0


def test_the_unit_changes_for_online_payments_in_the_middle_of_the_month():
    world = World(9, rows=2000)
    dirty = world.transactions(UNIT_CHANGE_MONTH, dirty=True)
    told = {record.row for record in world.dirt(UNIT_CHANGE_MONTH) if record.kind == "cents"}
    whole = zip(dirty["channel"].tolist(), dirty["timestamp"].tolist(), strict=True)
    assert told == {
        row
        for row, (channel, time) in enumerate(whole)
        if channel == "online" and time.startswith("2025-04") and int(time[8:10]) >= UNIT_CHANGE_FROM_DAY
    } - {record.row for record in world.dirt(UNIT_CHANGE_MONTH) if record.kind != "cents"}


ORDINARY = ("duplicate", "negative_amount", "timestamp_outside_month", "unknown_category", "empty_country")


@pytest.mark.parametrize("month", MONTHS)
def test_a_month_of_the_case_study_has_its_own_faults(month):
    world = World(3, rows=1000)
    table, records = world.delivery(month, Faults.of(month))
    assert table.to_csv() == world.transactions(month, dirty=True).to_csv()
    assert records == world.dirt(month)


@pytest.mark.parametrize("kinds", [(), ("duplicate",), ("empty_country", "negative_amount"), ("cents",), DIRT_KINDS])
@pytest.mark.parametrize("key", [None, b"the grader's"])
def test_other_faults_than_the_months_own(kinds, key):
    world = World(5, rows=1000)
    clean, _ = world.delivery(9, Faults(()), key, 800)
    table, records = world.delivery(9, Faults(kinds, permille=20, channel="chip", from_day=21), key, 800)
    assert {record.kind for record in records} == set(kinds)
    counts = Counter(record.kind for record in records)
    each = len(clean) * 20 // 1000
    assert all(counts[kind] == each for kind in kinds if kind != "cents")
    originals = {row[0]: dict(zip(clean.columns, row, strict=True)) for row in clean.rows()}
    told = {record.row: record for record in records}
    seen: set[str] = set()
    for index, values in enumerate(table.rows()):
        row = dict(zip(table.columns, values, strict=True))
        kind = difference(originals[values[0]], row, values[0] not in seen)
        seen.add(values[0])
        assert kind == (told[index].kind if index in told else None)
        if kind == "cents":
            assert row["channel"] == "chip"
            assert int(row["timestamp"][8:10]) >= 21
    if key is None:
        assert clean.to_csv() == world.transactions(9).to_csv()
    else:
        assert clean.to_csv() == world.holdout(9, key, 800).select(clean.columns).to_csv()


@pytest.mark.parametrize(("month", "days"), [(1, {"2024-12-31", "2025-02-01"}), (12, {"2025-11-30", "2026-01-01"})])
def test_timestamps_may_lie_near_the_month(month, days):
    table, records = World(5, rows=1000).delivery(month, Faults(("timestamp_outside_month",), permille=30, near=True))
    assert {table["timestamp"][record.row][:10] for record in records} == days


def test_which_rows_are_spoilt_depends_on_the_key():
    world = World(5, rows=1000)
    one, two = (world.delivery(5, Faults(ORDINARY), key)[1] for key in (b"one", b"two"))
    assert [record.row for record in one] != [record.row for record in two]
