"""Recipes of course.yaml -> tables of the world."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

from checker.course import Lab
from checker.declarations import Fixture, Recipe, Spoilt
from checker.keys import derive

if TYPE_CHECKING:
    from checker.world import Dirt, Table, World


def make_table(recipe: Recipe, seed: int, key: bytes = b"") -> Table:
    """Return the table that `recipe` describes; a held-out one needs the grader's `key`."""
    table = _made(recipe, seed, key)
    if recipe.shuffled:
        from checker.world.streams import Stream

        order = Stream(seed, "shuffled", key=_secret(seed, key)).sample(len(table), len(table))
        table = table.with_columns({recipe.shuffled: table[recipe.shuffled][order]})
    return table.select([name for name in table.columns if name not in recipe.without]) if recipe.without else table


def find_dirt(recipe: Recipe, seed: int, key: bytes = b"") -> dict[str, tuple[int, ...]]:
    """Return kind of dirt -> numbers of the rows that have it, in the table of a recipe with faults of its own.

    For other recipes, the month's own dirt where there is one month.
    """
    found: dict[str, list[int]] = {}
    if isinstance(recipe.dirty, Spoilt):
        _, records = _delivery(recipe, seed, key)
    elif recipe.dirty and not recipe.holdout and len(recipe.months) == 1:
        records = _world_of(recipe, seed).dirt(recipe.months[0])
    else:
        records = []
    for record in records:
        found.setdefault(record.kind, []).append(record.row)
    return {kind: tuple(rows) for kind, rows in found.items()}


def _made(recipe: Recipe, seed: int, key: bytes) -> Table:
    from checker.world import Table

    if isinstance(recipe.dirty, Spoilt):
        return _delivery(recipe, seed, key)[0]
    if recipe.holdout:
        world, secret = _world(seed), _secret(seed, key)
        if recipe.table == "features":
            return world.holdout_features(recipe.months, secret, recipe.rows)
        return Table.concat([world.holdout(month, secret, recipe.rows) for month in recipe.months])
    world = _world_of(recipe, seed)
    if recipe.table == "features":
        return world.features(recipe.months)
    one = {
        "transactions": lambda month: world.transactions(month, dirty=bool(recipe.dirty)),
        "labels": world.labels,
        "labelled": world.labelled,
    }[recipe.table]
    return Table.concat([one(month) for month in recipe.months])


@lru_cache(maxsize=32)  # table and dirt are asked for one after the other
def _delivery(recipe: Recipe, seed: int, key: bytes) -> tuple[Table, list[Dirt]]:
    from checker.world.dirt import Faults

    spoilt = recipe.dirty
    assert isinstance(spoilt, Spoilt)
    faults = Faults(spoilt.kinds, spoilt.permille, spoilt.channel, spoilt.from_day, spoilt.near)
    [month] = recipe.months
    if recipe.holdout:
        return _world(seed).delivery(month, faults, _secret(seed, key), recipe.rows)
    return _world_of(recipe, seed).delivery(month, faults)


def _secret(seed: int, key: bytes) -> bytes:
    return derive(key, "holdout", str(seed))


def _world_of(recipe: Recipe, seed: int) -> World:
    return _world(seed) if recipe.rows is None else _world(seed, recipe.rows)


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
