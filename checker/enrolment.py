"""Who belongs to a cohort: the instructor's key, and what a learner gets of it, the seed of their own world."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from checker import platform
from checker.errors import CheckerError, UsageError
from checker.evidence.base import Record
from checker.keys import kept_key, world_seed
from checker.text import clean

KEY = "cohort.key"
ENROLMENTS = "enrolments"
SUBMITTED = "submitted"
LARGEST = 64 << 10
LEARNER = re.compile(r"[\w@.+-]([\w@.+ -]{0,98}[\w@.+-])?")
"""Names that are safe as the names of folders, in addresses and in tables."""


class Enrolment(Record):
    """A learner's place in a cohort."""

    version: int = 1
    cohort: Annotated[str, Field(max_length=200)]
    learner: Annotated[str, Field(pattern=LEARNER.pattern, max_length=100)]
    seed: Annotated[int, Field(ge=0, lt=1 << 48)]


def cohort_folder(folder: Path) -> Path:
    """Return the folder that holds key, settings and results: `folder`, or the one around nbgrader's `submitted`."""
    around = folder.absolute().parent
    return around if folder.absolute().name == SUBMITTED and (around / KEY).exists() else folder.absolute()


def cohort_key(folder: Path) -> bytes | None:
    """Return the key of the cohort in `folder`; None where none was made."""
    path = folder / KEY
    return kept_key(path) if path.exists() else None


def enrol_all(folder: Path, cohort: str, learners: Iterable[str]) -> list[Path]:
    """Make the cohort's key if there is none, and a file for each learner; return those files.

    Raises:
        UsageError: a name that could be no folder of nbgrader's.
        Unavailable: the folder cannot be written.
    """
    key, target, made = kept_key(folder / KEY), folder / ENROLMENTS, []
    for learner in learners:
        if not LEARNER.fullmatch(learner) or learner.startswith("."):
            raise UsageError(
                f"the learner's name {clean(learner, 80)!r} cannot be used",
                expected="letters, digits and @ . _ + -, at most 100 of them, such as a login or an address",
                next_step="use the names that the learners' folders in `submitted` shall have",
            )
        target.mkdir(parents=True, exist_ok=True)
        path = target / f"{learner}.json"
        enrolment = Enrolment(cohort=cohort, learner=learner, seed=world_seed(key, learner))
        path.write_text(enrolment.model_dump_json(indent=2) + "\n", encoding="utf-8")
        made.append(path)
    return made


def enrol(path: Path) -> Enrolment:
    """Keep the enrolment in `path` as that of this machine's user; workspaces started from now on are theirs.

    Raises:
        CheckerError: it is no enrolment.
    """
    enrolment = _read(path)
    target = _own()
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_suffix(f".{os.getpid()}")
    shutil.copyfile(path, draft)
    draft.replace(target)
    return enrolment


def enrolled() -> Enrolment | None:
    """Return this machine's enrolment, if there is one; raises as `enrol`."""
    return _read(_own()) if _own().exists() else None


def _own() -> Path:
    return platform.home() / "enrolment.json"


def _read(path: Path) -> Enrolment:
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError("it is far too large")
        return Enrolment.model_validate_json(path.read_bytes())
    except (OSError, ValidationError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "it is no enrolment"
        raise CheckerError(
            f"{path} cannot be used: {reason}",
            expected="the file that your instructor gave you, as `checker cohort init` made it",
            next_step="ask for it again, then run `checker enrol FILE`",
        ) from error
