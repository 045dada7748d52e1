"""A learner's own folder for one lab: made at start, found again from anywhere inside it."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from checker.course import Course, Lab
from checker.errors import CheckerError, UsageError
from checker.evidence import Identity
from checker.keys import grader_key, world_seed
from checker.profiles import Profile
from checker.recipes import make_fixtures

if TYPE_CHECKING:
    from checker.evidence.kubernetes import Kubernetes
    from checker.evidence.mlflow import Mlflow
    from checker.evidence.services import Endpoints

MARKER = Path(".checker", "workspace.json")
WORK_VARIABLE = "MLOPS_LABS_WORK"
KEPT = ".kept"
LARGEST_MARKER = 1 << 20


@dataclass(frozen=True)
class Carried:
    """What a submission brought from outside of the workspace, which is all that may be looked at there.

    `remote` holds the DVC remote's objects where there was one; `models` the files of logged models, in
    folders named by their ids; `mlflow` is what the tracking server told, `endpoints` what was deployed and
    what it answered, and `kubernetes` what was on the cluster, as the learner's machine wrote it down; `profile` and
    `overlay` are where it says that it ran.
    """

    models: Path
    remote: Path | None = None
    mlflow: Mlflow | None = None
    endpoints: Endpoints | None = None
    kubernetes: Kubernetes | None = None
    profile: Profile = "local"
    overlay: str = ""


@dataclass(frozen=True)
class Workspace:
    """A folder and whose it is. One that was thawed from a submission has what it `carried`."""

    path: Path
    identity: Identity
    carried: Carried | None = None


def workspaces(root: Path) -> Path:
    """The folder that holds all workspaces: `$MLOPS_LABS_WORK`, or `work/` in the course."""
    told = os.environ.get(WORK_VARIABLE)
    return Path(told).expanduser().absolute() if told else root / "work"


def read(folder: Path) -> Workspace:
    """Return the workspace in `folder`.

    Raises:
        CheckerError: its marker is missing or damaged.
    """
    marker = folder / MARKER
    try:
        if marker.stat().st_size > LARGEST_MARKER:
            raise ValueError("it is far too large")
        identity = Identity.model_validate_json(marker.read_bytes())
    except (OSError, ValueError, ValidationError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not what `checker start` wrote"
        raise CheckerError(
            f"{marker} cannot be read: {reason}",
            expected="the file as `checker start` wrote it",
            next_step="run `checker start DAY --reset`; your work is kept beside the new workspace",
        ) from error
    return Workspace(folder, identity)


def find(lab: Lab | None, course: Course, root: Path, here: Path | None = None) -> Workspace:
    """Return the workspace of `lab`, or the one that `here` lies in where no lab is named.

    Raises:
        UsageError: there is none; the message has the command that makes one.
    """
    here = (here or Path.cwd()).absolute()
    for folder in (here, *here.parents):
        if (folder / MARKER).is_file():
            found = read(folder)
            if lab is None or found.identity.lab == lab.name:
                return found
            break
    if lab is None:
        raise UsageError(
            "this folder is no workspace",
            expected="the folder of a lab, or the number of a day",
            next_step="name a day, as in `checker grade 3`; `checker list` shows them",
        )
    folder = workspaces(root) / lab.name
    if not (folder / MARKER).is_file():
        reset = " --reset`; what is there now is kept" if folder.exists() else "`"
        raise UsageError(
            f"day {lab.day} has no workspace at {folder}",
            expected="a workspace that was started",
            next_step=f"run `checker start {lab.day}{reset}",
        )
    return read(folder)


def start(
    lab: Lab, root: Path, *, learner: str = "me", seed: int | None = None, reset: bool = False
) -> tuple[Workspace, Path | None]:
    """Make the workspace of `lab` whole, or return the one that is there.

    With `reset`, the old one is moved away first and its new place is returned beside the new workspace.

    Raises:
        CheckerError: the lab was not built, the folder is somebody else's, or cannot be written.
    """
    target = workspaces(root) / lab.name
    built = root / "labs" / lab.name
    if not built.is_dir():
        raise CheckerError(f"{built} is not there", expected="a built lab", next_step="run `checker build`")
    if target.exists() and not reset:
        if not (target / MARKER).is_file():
            raise CheckerError(
                f"{target} is there and is no workspace",
                expected="no such folder, or one that `checker start` made",
                next_step=f"move it away, or run `checker start {lab.day} --reset`, which keeps a copy",
            )
        return read(target), None
    seed = world_seed(grader_key(), learner) if seed is None else seed
    draft = target.with_name(f".{lab.name}.{secrets.token_hex(4)}")
    try:
        draft.parent.mkdir(parents=True, exist_ok=True)
        workspace = _fill(draft, lab, built, learner, seed)
        kept = _keep(target) if target.exists() else None
        draft.rename(target)
    except OSError as error:
        raise CheckerError(
            f"{target} cannot be made: {error.strerror}",
            expected="a folder that you can write, with some free space",
            next_step=f"mend its permissions, or set {WORK_VARIABLE} to another folder",
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Workspace(target, workspace.identity), kept


def _fill(draft: Path, lab: Lab, built: Path, learner: str, seed: int) -> Workspace:
    shutil.copytree(built, draft, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    for path, content in make_fixtures(lab, seed).items():
        (draft / path).parent.mkdir(parents=True, exist_ok=True)
        (draft / path).write_bytes(content)
    if lab.prepared:
        from checker.prepare import load_preparation

        load_preparation(lab).fill(draft, lab, seed)
    identity = Identity(
        lab=lab.name,
        learner=learner,
        workspace_id=secrets.token_hex(16),
        seed=seed,
        started=datetime.now(UTC),
    )
    marker = draft / MARKER
    marker.parent.mkdir()
    # Nothing of the checker's own shall turn up in the learner's commits.
    (marker.parent / ".gitignore").write_text("*\n", encoding="utf-8")
    marker.write_text(json.dumps(identity.model_dump(mode="json"), indent=2) + "\n", encoding="utf-8")
    return Workspace(draft, identity)


def _keep(target: Path) -> Path:
    """Move a workspace away, under a name that tells when, and return where it went."""
    stamp = re.sub(r"[^0-9]", "", datetime.now(UTC).isoformat(timespec="milliseconds")[:23])
    kept = target.parent / KEPT / f"{target.name}-{stamp}"
    kept.parent.mkdir(exist_ok=True)
    target.rename(kept)
    return kept
