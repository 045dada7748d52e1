"""Whether the jail holds here: before a worker starts. Exit status 1, with words, where it does not."""

from __future__ import annotations

import sys

from checker.doctor import break_out
from checker.errors import CheckerError
from checker.jail import can_confine

NEEDS = (
    "the pod needs hostUsers: false, procMount: Unmasked and the seccomp profile mlops-labs/jail.json; the node Linux "
    "6.3, user namespaces (user.max_user_namespaces), and, where it has AppArmor, a profile that lets them be made"
)


def main() -> int:
    """Try to build a jail and to break out of it."""
    if not can_confine():
        print(f"Found:    no jail can be built in this pod\nExpected: {NEEDS}", file=sys.stderr)
        print("Next:     infra/cohort/README.md, `A node that grades`", file=sys.stderr)
        return 1
    try:
        escapes = break_out()
    except CheckerError as error:
        print(f"Found:    {error.found}\nExpected: {error.expected}\nNext:     {error.next_step}", file=sys.stderr)
        return 1
    if escapes:
        print(f"Found:    a program in the jail could {', '.join(escapes)}\nExpected: {NEEDS}", file=sys.stderr)
        print("Next:     grade nobody on this node until that is mended", file=sys.stderr)
        return 1
    print("The jail holds.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
