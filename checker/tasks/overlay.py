"""Change functions of a learner's package behind their names, when they are imported.

Every function that may be changed gets the same shell in every case, also where nothing is changed: so the shell
tells nothing. The files, the names, the signatures and the line numbers stay the learner's own.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import FunctionType, ModuleType
from typing import Any


def install(changes: Mapping[str, str]) -> None:
    """Be there when modules are imported: `changes` is `module:function` -> source of `change(original)`."""
    wanted: dict[str, dict[str, str]] = {}
    for target, source in changes.items():
        module, name = target.split(":")
        wanted.setdefault(module, {})[name] = source
    if wanted:
        sys.meta_path.insert(0, _Finder(wanted))


class _Finder:
    def __init__(self, wanted: dict[str, dict[str, str]]) -> None:
        self._wanted = wanted

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in self._wanted:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            changes, run = self._wanted[name], spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                run(module)
                for each, source in changes.items():
                    _change(module, each, source)

            # The loader stays the usual one, and does what it always does before this.
            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _change(module: ModuleType, name: str, source: str) -> None:
    original = getattr(module, name, None)
    if not callable(original) or inspect.isclass(original):
        return
    code = getattr(original, "__code__", None)
    namespace: dict[str, Any] = {}
    exec(compile(source, code.co_filename if code else str(module.__file__), "exec"), namespace)  # noqa: S102
    setattr(module, name, _shell(original, namespace["change"](original)))


def _shell(original: Callable[..., Any], changed: Callable[..., Any]) -> Callable[..., Any]:
    def shell(*args: Any, **words: Any) -> Any:
        return changed(*args, **words)

    functools.update_wrapper(shell, original)
    del shell.__wrapped__  # type: ignore[attr-defined]
    with contextlib.suppress(TypeError, ValueError):
        shell.__signature__ = inspect.signature(original)  # type: ignore[attr-defined]
    if isinstance(original, FunctionType):
        code = original.__code__
        shell.__code__ = shell.__code__.replace(
            co_filename=code.co_filename,
            co_firstlineno=code.co_firstlineno,
            co_name=code.co_name,
            co_qualname=code.co_qualname,
        )
    return shell
