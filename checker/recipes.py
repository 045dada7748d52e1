"""Recipes of course.yaml -> tables of the world."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

from checker.course import Fixture, Lab, Recipe
from checker.keys import derive

if TYPE_CHECKING:
    from checker.world import Table, World


def make_table(recipe: Recipe, seed: int, key: bytes = b"") -> Table:
    """Return the table that `recipe` describes; a held-out one needs the grader's `key`."""
    from checker.world import Table

    if recipe.holdout:
        world, secret = _world(seed), derive(key, "holdout", str(seed))
        if recipe.table == "features":
            return world.holdout_features(recipe.months, secret, recipe.rows)
        return Table.concat([world.holdout(month, secret, recipe.rows) for month in recipe.months])
    world = _world(seed) if recipe.rows is None else _world(seed, recipe.rows)
    if recipe.table == "features":
        return world.features(recipe.months)
    one = {
        "transactions": lambda month: world.transactions(month, dirty=recipe.dirty),
        "labels": world.labels,
        "labelled": world.labelled,
    }[recipe.table]
    return Table.concat([one(month) for month in recipe.months])


@lru_cache(maxsize=2)  # the months that it made are kept in it
def _world(seed: int, rows: int | None = None) -> World:
    from checker.world import World

    return World(seed) if rows is None else World(seed, rows=rows)


def make_fixtures(lab: Lab, seed: int) -> dict[str, bytes]:
    """Return path -> content of the files that the world gives a lab at its start."""
    return dict(_fixtures(lab.fixtures, seed))


@lru_cache(maxsize=1)  # one submission asks for them more than once
def _fixtures(fixtures: tuple[Fixture, ...], seed: int) -> tuple[tuple[str, bytes], ...]:
    return tuple((fixture.path, make_table(fixture, seed).to_csv()) for fixture in fixtures)


def sha256(content: bytes) -> str:
    """Return the hexadecimal SHA-256 of `content`."""
    return hashlib.sha256(content).hexdigest()
