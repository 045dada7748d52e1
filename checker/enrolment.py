"""Who belongs to a cohort: the instructor's key, and what a learner gets of it, the seed of their own world."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from checker import platform
from checker.declarations import Model
from checker.errors import CheckerError, Unavailable, UsageError
from checker.keys import kept_key, world_seed
from checker.text import clean

KEY = "cohort.key"
ENROLMENTS = "enrolments"
SUBMITTED = "submitted"
UNENROLLED = "me"
"""What a learner is called who gave no name."""
LARGEST = 64 << 10
LEARNER = re.compile(r"[\w@+-]([\w@.+ -]{0,98}[\w@.+-])?")
"""Names that are safe as the names of folders, in addresses and in tables."""


class Enrolment(Model):
    """A learner's place in a cohort."""

    version: int = 1
    cohort: Annotated[str, Field(max_length=200)]
    learner: Annotated[str, Field(pattern=f"^({LEARNER.pattern})$", max_length=100)]
    seed: Annotated[int, Field(ge=0, lt=1 << 48)]


def cohort_folder(folder: Path) -> Path:
    """Return the folder that holds key, settings and results: `folder`, or the one around nbgrader's `submitted`.

    Raises:
        UsageError: there is no such folder.
    """
    if not folder.is_dir():
        raise UsageError(
            f"{clean(folder, 200)} is no folder",
            expected="the folder of a cohort, with the submissions in it",
            next_step="name it, or make one with `checker cohort init FOLDER LEARNERS`",
        )
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
    names, target, made = list(learners), folder / ENROLMENTS, []
    for learner in names:
        if not LEARNER.fullmatch(learner):
            raise UsageError(
                f"the learner's name {clean(learner, 80)!r} cannot be used",
                expected="letters, digits and @ . _ + -, at most 100 and no dot first, as in a login or an address",
                next_step="use the names that the learners' folders in `submitted` shall have",
            )
    key = kept_key(folder / KEY)
    for learner in names:
        enrolment = Enrolment(cohort=cohort, learner=learner, seed=world_seed(key, learner))
        made.append(_write(target / f"{learner}.json", enrolment))
    return made


def roster(enrolments: Path) -> list[str]:
    """Return the names of those for whom there is a file in the folder `enrolments`, sorted."""
    return sorted(path.stem for path in enrolments.glob("*.json"))


def enrol(path: Path) -> Enrolment:
    """Keep the enrolment in `path` as that of this machine's user; workspaces started from now on are theirs.

    Raises:
        CheckerError: it is no enrolment.
        Unavailable: it cannot be kept.
    """
    enrolment = _read(path)
    _write(_own(), enrolment)
    return enrolment


def enrolled() -> Enrolment | None:
    """Return this machine's enrolment, if there is one; raises as `enrol`."""
    return _read(_own()) if _own().exists() else None


def _write(target: Path, enrolment: Enrolment) -> Path:
    """Write it whole or not at all; return `target`."""
    draft = target.with_name(f".{target.stem[:50]}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(enrolment.model_dump_json(indent=2) + "\n", encoding="utf-8")
        draft.replace(target)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise Unavailable(
            f"{clean(target, 300)} cannot be written: {error.strerror}",
            expected="a folder that you can write, with free space",
            next_step="mend that, then run the same command again",
        ) from error
    return target


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
