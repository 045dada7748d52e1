"""The grader of mlops-labs: it looks at what a learner really built. Importing it loads nothing heavy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def load_ipython_extension(shell: InteractiveShell) -> None:
    """`%load_ext checker` in a notebook."""
    from checker.magic import register

    register(shell)
