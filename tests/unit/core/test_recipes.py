"""Recipes with faults of their own, and without some columns."""

import csv
import io

import pytest
from pydantic import ValidationError

from checker.declarations import Recipe
from checker.recipes import find_dirt, make_fixtures, make_table
from checker.world import World
from tests.support import COURSE

KEY = b"k" * 32


def made(key=KEY, **fields):
    return Recipe.model_validate({"table": "transactions", "months": [5], "rows": 600} | fields), key


def rows(recipe, key):
    return list(csv.DictReader(io.StringIO(make_table(recipe, 7, key).to_csv().decode())))


def test_the_dirt_is_where_the_recipe_says():
    recipe, key = made(dirty={"kinds": ["empty_country", "cents"], "permille": 50, "channel": "phone"}, holdout=True)
    table, dirt = rows(recipe, key), find_dirt(recipe, 7, key)
    assert {number for number, row in enumerate(table) if not row["country"]} == set(dirt["empty_country"])
    assert {table[number]["channel"] for number in dirt["cents"]} == {"phone"}
    assert list(dirt) and "is_fraud" not in table[0]
    assert rows(recipe, b"x" * 32) != table


def test_a_clean_delivery_is_the_month_itself():
    recipe, key = made(dirty={"kinds": []})
    assert find_dirt(recipe, 7, key) == {}
    assert make_table(recipe, 7).to_csv() == World(7, rows=600).transactions(5).to_csv()


def test_the_months_own_dirt():
    recipe, _ = made(dirty=True, months=[4])
    dirt = find_dirt(recipe, 7)
    assert {kind: len(numbers) for kind, numbers in dirt.items()} == World(7, rows=600).truth(4).dirt
    assert find_dirt(made()[0], 7) == {}


def test_a_column_is_left_out():
    [row, *_] = rows(*made(without=["channel"]))
    assert "channel" not in row
    assert "country" in row


def test_fixtures_may_be_dirty():
    lab = COURSE.find("6")
    assert make_fixtures(lab, 7)["incoming/2025-04.csv"] == World(7, rows=2000).transactions(4, dirty=True).to_csv()


@pytest.mark.parametrize(
    "fields",
    [
        {"table": "labels", "dirty": True},
        {"months": [5, 6], "dirty": {"kinds": []}},
        {"dirty": {"kinds": ["mould"]}},
        {"dirty": {"kinds": [], "permille": 900}},
        {"dirty": {"kinds": [], "channel": "pigeon"}},
    ],
)
def test_recipes_that_make_no_sense_are_refused(fields):
    with pytest.raises(ValidationError):
        made(**fields)
