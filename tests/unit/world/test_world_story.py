"""What the case study promises about customers, fraud, labels, drift and models, as statistics."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from checker.world import (
    CATEGORIES,
    CHANNELS,
    COMPARED,
    COST_FALSE_ALARM,
    COST_HANDLING,
    COUNTRIES,
    DRIFTED,
    FEATURE_COLUMNS,
    FRAUD_ONLY,
    GROUPS,
    HOME_COUNTRY,
    LABEL,
    MONTHS,
    STABLE,
    World,
)

SEEDS = (11, 12, 13)
KEY = b"the grader's"


@pytest.fixture(scope="module", params=SEEDS)
def world(request):
    return World(request.param)


def test_fraud_is_rare_in_every_month(world):
    for month in MONTHS:
        share = world.labels(month)[LABEL].mean()
        assert 0.01 <= share <= 0.02
    assert 0.01 <= world.holdout(5, KEY, rows=5000)[LABEL].mean() <= 0.02


def test_rows_are_sound(world):
    for month in (2, 7, 12):
        table = world.transactions(month)
        assert len(set(table["transaction_id"].tolist())) == len(table) == 20_000
        assert (np.sort(table["timestamp"]) == table["timestamp"]).all()
        prefix = f"2025-{month:02d}-"
        assert all(text.startswith(prefix) for text in table["timestamp"].tolist())
        assert set(table["merchant_category"]) == set(CATEGORIES)
        assert set(table["channel"]) == set(CHANNELS)
        assert set(table["country"]) == set(COUNTRIES)
        assert set(table["age_band"]) == set(GROUPS)
        assert (table["country"] == HOME_COUNTRY).mean() > 0.9
        assert table["amount"].min() > 0
        assert (np.round(table["amount"] * 100) / 100 == table["amount"]).all()


def test_velocity_counts_the_last_24_hours(world):
    table = world.transactions(8)
    times: dict[str, list[datetime]] = {}
    for customer, text, count in zip(
        table["customer_id"].tolist(),
        table["timestamp"].tolist(),
        table["transactions_24h"].tolist(),
        strict=True,
    ):
        mine, now = times.setdefault(customer, []), datetime.fromisoformat(text)
        mine.append(now)
        assert count == sum(1 for time in mine[-60:] if now - time < timedelta(days=1))


def test_features_say_what_the_transactions_say(world):
    table, features = world.transactions(3), world.features([3])
    moments = [datetime.fromisoformat(text) for text in table["timestamp"].tolist()]
    usual = dict(zip(world.customers()["customer_id"], world.customers()["usual_amount"], strict=True))
    ratio = table["amount"] / np.array([usual[name] for name in table["customer_id"]])
    assert (features["amount"] == table["amount"]).all()
    assert np.abs(features["amount_to_usual"] - ratio).max() < 0.00051
    assert features["hour"].tolist() == [moment.hour for moment in moments]
    assert features["weekday"].tolist() == [moment.weekday() for moment in moments]
    assert (features["is_foreign"] == (table["country"] != HOME_COUNTRY)).all()
    assert (features["card_present"] == np.isin(table["channel"], ["chip", "contactless"])).all()
    assert (np.array(CATEGORIES)[features["category_code"]] == table["merchant_category"]).all()
    assert (features["transactions_24h"] == table["transactions_24h"]).all()


def test_labels_arrive_30_to_60_days_late(world):
    table, labels = world.transactions(11), world.labels(11)
    assert (labels["transaction_id"] == table["transaction_id"]).all()
    days = [
        (date.fromisoformat(known) - datetime.fromisoformat(paid).date()).days
        for known, paid in zip(labels["known_on"].tolist(), table["timestamp"].tolist(), strict=True)
    ]
    assert (min(days), max(days)) == (30, 60)
    assert (world.labelled(11)[LABEL] == labels[LABEL]).all()


def test_the_protected_attribute_has_an_uneven_base_rate(world):
    tables = [world.labelled(month) for month in range(1, 7)]
    bands = np.concatenate([table["age_band"] for table in tables])
    fraud = np.concatenate([table[LABEL] for table in tables])
    rates = {group: fraud[bands == group].mean() for group in GROUPS}
    assert rates["65+"] > 1.5 * max(rates["30-44"], rates["45-64"])
    assert min(rates.values()) > 0.004


def test_the_fraudsters_change_their_tactic(world):
    def fraud(month):
        return world.features([month]).take(world.labels(month)[LABEL] == 1)

    before, after = fraud(5), fraud(10)
    assert before["is_foreign"].mean() > 0.8 and after["is_foreign"].mean() < 0.1
    assert np.median(before["amount"]) > 5 * np.median(after["amount"])
    assert before["transactions_24h"].mean() < 3 < 5 < after["transactions_24h"].mean()
    assert after["card_present"].max() == 0
    assert world.truth(6).frauds["small_domestic"] == 0 == world.truth(9).frauds["large_foreign"]
    shares = [world.truth(m).frauds["small_domestic"] / world.labels(m)[LABEL].sum() for m in (7, 8, 9)]
    assert 0.7 < shares[0] < shares[1] < shares[2] == 1


def shares(column, values):
    return np.array([(column == value).mean() for value in values])


def stability_index(now, before):
    """The population stability index, over values or over tenths of the reference."""
    values = np.union1d(now, before)
    if now.dtype.kind != "f":
        pairs = shares(before, values), shares(now, values)
    else:
        edges = np.quantile(before, np.arange(1, 10) / 10)
        pairs = tuple(
            np.bincount(np.searchsorted(edges, column), minlength=10) / len(column) for column in (before, now)
        )
    expected, actual = (np.maximum(part, 1e-4) for part in pairs)
    return float(((actual - expected) * np.log(actual / expected)).sum())


def columns(world, month):
    return dict(world.features([month]).items()) | dict(world.transactions(month).items())


def test_the_truth_about_drift_is_what_one_measures(world):
    assert set(COMPARED) == {*DRIFTED, *FRAUD_ONLY, *STABLE}
    for month, reference in ((5, 2), (6, 1), (9, 2), (7, 6), (11, 8)):
        truth = world.drifted_columns(month, reference)
        assert truth == world.drifted_columns(reference, month)
        now, before = columns(world, month), columns(world, reference)
        for name in COMPARED:
            index = stability_index(now[name], before[name])
            if name in truth:
                assert index > 0.1, (month, reference, name)
            else:
                assert index < 0.05 if name in FRAUD_ONLY else index < 0.02, (month, reference, name)
    assert world.drifted_columns(9, 2) == DRIFTED == world.truth(12).drifted
    assert world.drifted_columns(5, 2) == () == world.drifted_columns(11, 8) == world.truth(6).drifted


def split(table):
    return np.column_stack([table[name] for name in FEATURE_COLUMNS]), table[LABEL]


def quality(model, table):
    rows, fraud = split(table)
    chance = model.predict_proba(rows)[:, 1]
    return f1_score(fraud, chance >= 0.5), average_precision_score(fraud, chance)


@pytest.mark.parametrize("kind", ["forest", "logistic"])
def test_a_model_is_good_gets_worse_in_july_and_recovers_when_retrained(world, kind):
    def train(months):
        models = {
            "forest": RandomForestClassifier(15, min_samples_leaf=2, random_state=0),
            "logistic": make_pipeline(StandardScaler(), LogisticRegression()),
        }
        return models[kind].fit(*split(world.features(months)))

    model = train(range(1, 5))
    f1, precision = quality(model, world.features([5]))
    assert 0.6 <= f1 <= 0.87
    for month in (5, 6):
        hidden_f1, hidden_precision = quality(model, world.holdout_features([month], KEY))
        assert abs(hidden_f1 - f1) < 0.1
        assert abs(hidden_precision - precision) < 0.12
    july, august, september = (quality(model, world.features([month]))[1] for month in (7, 8, 9))
    assert july < precision - 0.4
    assert september < august < july
    for recent in (world.features([9]), world.holdout_features([9], KEY)):
        assert quality(train([7, 8]), recent)[1] > quality(model, recent)[1] + 0.3


def test_the_depth_of_a_tree_matters(world):
    months = range(1, 5)
    precision = {
        depth: quality(
            DecisionTreeClassifier(max_depth=depth, random_state=0).fit(*split(world.features(months))),
            world.features([5]),
        )[1]
        for depth in (2, 4, 16)
    }
    assert precision[4] > precision[2] + 0.05
    assert precision[4] > precision[16] + 0.05


def test_what_mistakes_cost():
    world = World(1, rows=500)
    assert world.cost([], 0) == 0
    assert world.cost([10.10, 0.2], 3) == round(10.30 + 2 * COST_HANDLING + 3 * COST_FALSE_ALARM, 2)
    assert world.cost(np.array([1.5]), np.int64(2)) == 1.5 + COST_HANDLING + 2 * COST_FALSE_ALARM
    for wrong in ([-1.0], [float("nan")], [float("inf")]):
        with pytest.raises(ValueError, match="found the missed amount"):
            world.cost(wrong, 0)
    with pytest.raises(ValueError, match="found -1 false alarms"):
        world.cost([], -1)
