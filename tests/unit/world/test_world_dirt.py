"""The list of dirt is exactly what a delivery differs in from the clean books."""

from __future__ import annotations

from collections import Counter

import pytest

from checker.world import CATEGORIES, DIRT_KINDS, MONTHS, UNIT_CHANGE_FROM_DAY, UNIT_CHANGE_MONTH, World


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
