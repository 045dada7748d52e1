"""What Kubernetes calls a learner: the name of their namespace, as JupyterHub's spawner makes it from a login.

The rule is KubeSpawner's slug scheme `safe`: a name that Kubernetes takes stays as it is; of any other, what can be
read is kept, and a hash of the whole name behind it keeps two of them apart.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path

from checker.enrolment import LEARNER
from infra.trouble import Trouble

PREFIX = "learner-"
LONGEST = 48
HASH = 8
MARK = "---"
PLAIN = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")


def login(learner: str) -> str:
    """The learner's name as JupyterHub knows it: it makes no difference between capital and small letters."""
    return learner.lower()


def slug(user: str) -> str:
    """What stands for a user in the names of objects."""
    if PLAIN.fullmatch(user) and "--" not in user and len(user) <= LONGEST:
        return user
    room = LONGEST - HASH - len(MARK)
    readable = re.sub(r"[^a-z0-9]+", "-", user.lower()).lstrip("-")[:room].rstrip("-")
    if readable and not "a" <= readable[0] <= "z":
        # A name begins with a letter.
        readable = f"x-{readable[: room - 2]}"
    return f"{readable or 'x'}{MARK}{hashlib.sha256(user.encode()).hexdigest()[:HASH]}"


def namespace(learner: str) -> str:
    """The namespace that is the learner's own."""
    return PREFIX + slug(login(learner))


def distinct(learners: Iterable[str]) -> dict[str, str]:
    """The namespaces of all learners, and whose each is.

    Raises:
        Trouble: two learners would share one.
    """
    owners: dict[str, str] = {}
    for learner in learners:
        other = owners.setdefault(namespace(learner), learner)
        if other != learner:
            raise Trouble(
                found=f"the learners {other!r} and {learner!r}, who would share the namespace {namespace(learner)}",
                expected="names that differ in more than capital letters",
                next_step="enrol one of them under another name: checker cohort init FOLDER NAME",
            )
    return owners


def read_roster(path: Path) -> list[str]:
    """The learners in a file of the Secret `roster`.

    Raises:
        Trouble: it is not what `infra cohort render` writes.
    """
    try:
        found = json.loads(path.read_bytes())
        if isinstance(found, list) and all(isinstance(each, str) and LEARNER.fullmatch(each) for each in found):
            return found
        problem = "it is no list of names"
    except (OSError, ValueError) as error:
        problem = str(error)
    raise Trouble(
        found=f"{path} cannot be used: {problem}"[:500],
        expected="the names of all learners, as `infra cohort render` writes them",
        next_step="infra cohort render FOLDER, then: kubectl apply -f FOLDER/cluster/secrets.yaml",
    )
