"""What `checker start` makes for a lab that is handed over half done: one module for each lab with `prepared: true`.

Everything is made from the seed, so that a grader can make it again; nothing of it is believed because it lies there.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from checker.course import Lab


class Preparation(Protocol):
    """What such a module has. `lab` tells what the world gives besides, which lies in the folder already."""

    def fill(self, folder: Path, lab: Lab, seed: int) -> None:
        """Make in `folder`, and in the services of the lab, what the learner is handed.

        Raises:
            CheckerError: a service does not answer.
        """

    def truth(self, lab: Lab, seed: int) -> dict[str, Any]:
        """Return, as JSON has it, what the checks may know of what was made.

        `questions`, where it is there, are the rows that live endpoints are asked about.
        """

    def sources(self, lab: Lab, seed: int) -> dict[str, bytes]:
        """Return path -> content of the work as it should be, for the grader to run beside the learner's."""

    def data(self, lab: Lab, seed: int) -> dict[str, bytes]:
        """Return path -> content of the data that belongs to it."""


def load_preparation(lab: Lab) -> Preparation:
    """Return what prepares `lab`."""
    return cast("Preparation", importlib.import_module(f"checker.prepare.{lab.module_name}"))
