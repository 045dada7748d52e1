"""The same seed gives the same bytes, another seed other ones, and a held-out set needs its key."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest

from checker.world import (
    FEATURE_COLUMNS,
    LABEL,
    LABEL_COLUMNS,
    MONTHS,
    TRANSACTION_COLUMNS,
    World,
)

ROWS = 1000
KEY = b"the grader's"


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# A change of these digests changes every learner's world: it breaks the submissions of a running course.
GOLDEN = {
    "transactions": "812d65f28a027f84fab7ae180d1532cc06ed5d2f424458416b86216b623664fd",
    "dirty": "ddafc1e84ccfa105af0f4c8b7b958f92672cbf96612dae9bd32198115f16dcc6",
    "labels": "ffecd56c2b52eb32fff99f3b0485c52dda368900e148a3df9a7db6ff4a06b3e0",
    "features": "c85c3db7444aa3f958247385daccf768489d2989ba2b871328cb059771297b49",
    "holdout": "2c02540ce80d0de39a6bf33729d7c34f213bc02cce57115c04a473b2ddfafbdb",
    "drifted": "2abcceba0d0659315920395d1624d9580946b55844bafaa599847e47b1485623",
    "customers": "14d4131847a472700ba0ee7eac0679ccbc3b3e2053702ac145bc8f1c35f589a1",
    "merchants": "4ed9da811b057b292b026d15d5cfe20f5ee834e0601cf755cf5fe04bed18f561",
}


def golden() -> dict[str, str]:
    world = World(2025, rows=ROWS)
    return {
        "transactions": sha(world.transactions(3).to_csv()),
        "dirty": sha(world.transactions(4, dirty=True).to_csv()),
        "labels": sha(world.labels(3).to_csv()),
        "features": sha(world.features([1, 12]).to_csv()),
        "holdout": sha(world.holdout(5, KEY).to_csv()),
        "drifted": sha(world.labelled(9).to_csv()),
        "customers": sha(world.customers().to_csv()),
        "merchants": sha(world.merchants().to_csv()),
    }


def test_the_golden_bytes():
    assert golden() == GOLDEN


def test_a_whole_sized_month_has_its_golden_bytes():
    assert sha(World(1).transactions(1).to_csv()) == "a5ded7f5f5ddfb14f8db025b2a6df1842a198fc5d24abaa0e720985848166d0f"


def test_order_of_use_does_not_matter():
    first, second = World(5, rows=500), World(5, rows=500)
    forward = [first.transactions(month).to_csv() for month in MONTHS]
    first.holdout(3, KEY)
    backward = [second.transactions(month).to_csv() for month in reversed(MONTHS)]
    assert forward == backward[::-1]
    assert len(set(forward)) == 12


def test_seeds_share_no_customer_and_no_transaction():
    worlds = [World(seed, rows=500) for seed in (1, 2, 3, -1, 2**70)]
    for column in ("transaction_id", "customer_id", "merchant_id"):
        sets = [set(world.transactions(2)[column].tolist()) for world in worlds]
        assert len(set.union(*sets)) == sum(map(len, sets))


def test_columns_and_shapes():
    world = World(4, rows=600)
    assert world.transactions(2).columns == TRANSACTION_COLUMNS
    assert world.labels(2).columns == LABEL_COLUMNS
    assert world.labelled(2).columns == world.holdout(2, KEY).columns == (*TRANSACTION_COLUMNS, LABEL)
    features = world.features([3, 1])
    assert features.columns == world.holdout_features([3], KEY).columns == (*FEATURE_COLUMNS, LABEL)
    assert len(features) == 1200
    assert all(values.dtype.kind in "if" for _, values in features.items())
    both = world.labelled(3)[LABEL].tolist() + world.labelled(1)[LABEL].tolist()
    assert features[LABEL].tolist() == both
    assert len(world.holdout(2, KEY, rows=900)) == 900
    assert len(world.holdout_features(range(1, 4), KEY, rows=500)) == 1500


def test_a_holdout_comes_back_only_with_its_key():
    world = World(6, rows=ROWS)
    seen = {
        "workspace": world.transactions(5),
        "key": world.holdout(5, KEY),
        "other key": world.holdout(5, KEY + b"!"),
    }
    assert seen["key"].to_csv() == World(6, rows=ROWS).holdout(5, KEY).to_csv()
    rows = {name: {row[:9] for row in table.rows()} for name, table in seen.items()}
    assert len(set.union(*rows.values())) == 3 * ROWS
    for column in ("transaction_id", "timestamp"):
        values = [set(table[column].tolist()) for table in seen.values()]
        shared = values[0] & values[1] | values[0] & values[2] | values[1] & values[2]
        assert len(shared) < 5, column


def test_a_holdout_knows_the_same_customers_and_merchants():
    world = World(6, rows=ROWS)
    hidden = world.holdout(5, KEY)
    known = dict(zip(world.customers()["customer_id"], world.customers()["age_band"], strict=True))
    assert {*zip(hidden["customer_id"], hidden["age_band"], strict=True)} <= set(known.items())
    assert set(hidden["merchant_id"]) <= set(world.merchants()["merchant_id"])
    fewer = World(6, rows=500)
    assert set(world.holdout(5, KEY, rows=500)["customer_id"]) <= set(fewer.customers()["customer_id"])
    assert set(fewer.customers()["customer_id"]) <= set(known)


@pytest.mark.parametrize("month", [0, 13, -1, 1.5, "3", None])
def test_a_month_outside_the_year_is_refused(month):
    world = World(1, rows=500)
    for use in (
        world.transactions,
        world.labels,
        world.labelled,
        world.dirt,
        world.truth,
        lambda wrong: world.features([1, wrong]),
        lambda wrong: world.holdout(wrong, KEY),
        lambda wrong: world.drifted_columns(1, wrong),
    ):
        with pytest.raises(ValueError, match=r"found the month .* expected 1 to 12"):
            use(month)


def test_other_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="found 499 rows, expected 500 or more"):
        World(1, rows=499)
    with pytest.raises(TypeError, match="found a seed of type str"):
        World("1")
    world = World(1, rows=500)
    with pytest.raises(ValueError, match="found no month"):
        world.features([])
    with pytest.raises(ValueError, match="found 3 rows"):
        world.holdout(1, KEY, rows=3)
    with pytest.raises(ValueError, match="empty key"):
        world.holdout(1, b"")
    with pytest.raises(TypeError, match="found a key of type str"):
        world.holdout(1, "key")


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, checker.world as w; w.World(1); print(sorted({'numpy', 'pandas'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
    code = "import sys, checker.world as w; w.World(1).labelled(1).to_csv(); print('pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
