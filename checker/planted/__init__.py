"""What the grader plants into a copy of a learner's work: one module for each lab that asks for it."""

from __future__ import annotations

import ast
import importlib
import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Change = Callable[[Callable[..., Any]], Callable[..., Any]]
Edit = Callable[[str], str]


@dataclass(frozen=True)
class Plant:
    """Files that are written over the learner's, edits of their texts, and changes of functions.

    `edits` has the path of a text and what makes the new one of it, in the grader's process, whatever it may be.
    `changes` has `module:function` and what makes the new one. A change is given the learner's function and returns
    the one that takes its place. It travels as its source, so it imports what it needs inside, and uses nothing of
    the module that it stands in.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    changes: Mapping[str, Change] = field(default_factory=dict)
    edits: Mapping[str, Edit] = field(default_factory=dict)


def load_plants(module: str) -> dict[str, Plant]:
    """Return the plants of a lab by their names."""
    return dict(importlib.import_module(f"checker.planted.{module}").PLANTS)


def source_of(change: Change) -> str:
    """Return a change as the source of a function `change`, without what tells its name or purpose."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(change)))
    function = tree.body[0]
    if not isinstance(function, ast.FunctionDef):
        raise TypeError(f"{change!r} is no function")
    function.name = "change"
    for node in ast.walk(function):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
    if ast.get_docstring(function) is not None:
        del function.body[0]
    return ast.unparse(tree)


def nothing(original: Any) -> Any:
    """The change that changes nothing: what stands behind each function of which a fault could be planted."""

    def planted(*args: Any, **words: Any) -> Any:
        return original(*args, **words)

    return planted
