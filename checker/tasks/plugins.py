"""The packages that pytest's plugins come from, so that it does not wonder that some are imported already.

Imported in the zygote, where it asks once what is installed. pytest warns of a plugin that was imported before it
could look at the plugin's asserts, and a learner may have made warnings errors; a docstring with the word below
says that there is nothing to look at (pytest's documentation, "Assertion rewriting").
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import metadata

WORD = "PYTEST_DONT_REWRITE"


def _packages() -> Iterator[str]:
    found = (each.dist for each in metadata.entry_points(group="pytest11"))
    for distribution in {each.name: each for each in found if each}.values():
        for path in distribution.files or ():
            if path.suffix == ".py":
                yield path.parts[0].removesuffix(".py")


PACKAGES = frozenset(_packages())


def excuse() -> None:
    """Mark those that are imported already."""
    for name in PACKAGES & sys.modules.keys():
        module = sys.modules[name]
        if WORD not in (module.__doc__ or ""):
            module.__doc__ = f"{module.__doc__ or ''}\n\n{WORD}"
