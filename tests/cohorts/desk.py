"""Where a submission is made: one learner, one lab, and the folder that nbgrader would have collected it into."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from checker import collect, submission, workspace
from checker.course import Course, Lab
from checker.keys import world_seed
from checker.recipes import make_fixtures
from checker.workspace import Workspace

_made: dict[object, dict[str, bytes]] = {}


def fixtures(lab: Lab, seed: int) -> dict[str, bytes]:
    """Return what the world gives a lab; made once while a learner is at work."""
    wanted = (lab.name, lab.fixtures, seed)
    if wanted not in _made:
        _made.clear()
        _made[wanted] = make_fixtures(lab, seed)
    return _made[wanted]


@dataclass(frozen=True)
class Desk:
    """One learner's desk. `donor` is a classmate's archive of the same lab, for those who want one."""

    learner: str
    lab: Lab
    course: Course
    root: Path
    key: bytes
    cohort: Path
    scratch: Path
    donor: Path | None = None

    @property
    def seed(self) -> int:
        """The seed of the learner's own world."""
        return world_seed(self.key, self.learner)

    @property
    def place(self) -> Path:
        """The folder for the submission."""
        place = self.cohort / "submitted" / self.learner / self.lab.name
        place.mkdir(parents=True, exist_ok=True)
        return place

    @property
    def target(self) -> Path:
        """What the archive is called where it is handed in."""
        return self.place / f"{self.lab.name}.zip"

    @contextlib.contextmanager
    def started(self, seed: int | None = None) -> Iterator[Workspace]:
        """Start the lab as the learner, in a folder that is gone afterwards."""
        work = self.scratch / "work"
        with (
            mock.patch.dict(os.environ, {workspace.WORK_VARIABLE: str(work)}),
            mock.patch.object(workspace, "make_fixtures", fixtures),
            mock.patch.object(collect, "make_fixtures", fixtures),
            mock.patch.object(submission, "make_fixtures", fixtures),
        ):
            seed = self.seed if seed is None else seed
            try:
                yield workspace.start(self.lab, self.root, learner=self.learner, seed=seed)[0]
            finally:
                shutil.rmtree(work, ignore_errors=True)

    def hand_in(self, made: Workspace) -> None:
        """Freeze the workspace as `checker submit` does, and hand it in."""
        with submission.frozen(self.lab, made) as frozen:
            path, _ = frozen.write(self.scratch / "out")
        shutil.move(path, self.target)
