"""Resolve the environments of `checker.environments` anew: `python -m infra.tool_locks`, which `make lock` runs.

A tool's packages are resolved together with the versions of requirements.lock, but for those that the tool has to have
otherwise. What comes out the same is seen in the main environment, and left out of the tool's lock.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from checker.environments import TOOLS

WANTED = {"mlserver": ("mlserver==1.7.1",)}
OWN = {"mlserver": {"fastapi", "importlib-resources", "sse-starlette", "starlette"}}
"""Packages of which the tool takes other versions than the main environment has."""
PINNED = re.compile(r"(?P<name>[a-z0-9][a-z0-9._-]*)==(?P<version>\S+)(?P<rest>.*)")


def blocks(lock: str) -> Iterator[str]:
    """Yield the entry of each package: its line, and those with its hashes."""
    block = ""
    for line in lock.splitlines(keepends=True):
        if line[:1].strip() and block:
            yield block
            block = ""
        block += line
    if block:
        yield block


def pinned(block: str) -> tuple[str, str]:
    """Return the name and the version of an entry."""
    found = PINNED.match(block)
    if found is None:
        raise ValueError(f"not an entry of a lock: {block[:80]!r}")
    return found["name"], found["version"]


def constraints(main: str, own: set[str]) -> str:
    """Return the main environment's versions, but for those of the packages in `own`."""
    kept = [block.splitlines()[0].rstrip(" \\") for block in blocks(main) if pinned(block)[0] not in own]
    return "\n".join(kept) + "\n"


def without_shared(resolved: str, main: str) -> str:
    """Leave out of a resolved lock what the main environment has just so."""
    shared = set(map(pinned, blocks(main)))
    return "".join(block for block in blocks(resolved) if pinned(block) not in shared)


def resolve(name: str, main: str) -> str:
    """Return the lock of one tool."""
    with tempfile.TemporaryDirectory(prefix="infra-lock-") as scratch:
        wanted, limits, out = (Path(scratch, each) for each in ("wanted.in", "limits.txt", "out.lock"))
        wanted.write_text("\n".join(WANTED[name]) + "\n", encoding="utf-8")
        limits.write_text(constraints(main, OWN[name]), encoding="utf-8")
        uv = Path(sys.executable).with_name("uv")
        how = ["--system-certs", "--universal", "--python-version", "3.11", "--generate-hashes", "--no-emit-index-url"]
        quiet = ["--no-annotate", "--no-header", "--quiet", "--output-file", str(out)]
        command = [str(uv), "pip", "compile", *how, *quiet, "--constraints", str(limits), str(wanted)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return without_shared(out.read_text(encoding="utf-8"), main)


def main() -> None:
    """Write all of them."""
    locked = Path("requirements.lock").read_text(encoding="utf-8")
    for name in WANTED:
        TOOLS[name].lock.write_text(resolve(name, locked), encoding="utf-8")


if __name__ == "__main__":
    main()
