"""Make the environment of a tool that cannot live in the main one: once, on demand, and whole or not at all."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from checker.environments import READY, TOOLS, Tool
from infra.profile import Progress
from infra.trouble import Trouble

LONGEST = 900
LAST_LINES = 15


def make(name: str, progress: Progress) -> Path:
    """Return the tool's program, on the path of the main environment; nothing is fetched when it is there already.

    Raises:
        Trouble: it cannot be had with this Python, or it could not be made.
    """
    tool = TOOLS[name]
    if not tool.fits and tool.below is not None:
        most = f"{tool.below[0]}.{tool.below[1] - 1}"
        raise Trouble(
            found=f"Python {sys.version_info.major}.{sys.version_info.minor}",
            expected=f"{most} or older, since there is no {tool.title} for a newer one",
            next_step=f"make the main environment with an older Python: make clean setup PYTHON=python{most}",
        )
    if not tool.ready:
        with _alone(tool):
            # Somebody else may have made it in the meantime.
            if not tool.ready:
                _make(tool, progress)
    _link(tool)
    return tool.command


@contextmanager
def _alone(tool: Tool) -> Iterator[None]:
    from filelock import FileLock

    try:
        tool.folder.parent.mkdir(exist_ok=True)
        lock = FileLock(tool.folder.with_suffix(".lock"))
        lock.acquire()
    except OSError as error:
        raise Trouble(
            found=f"{tool.folder.parent} cannot be written: {error.strerror}",
            expected="an environment of your own, or one in which the tool is there already",
            next_step=f"let who installed the course run: infra tool {tool.name}",
        ) from error
    try:
        yield
    finally:
        lock.release()


def _make(tool: Tool, progress: Progress) -> None:
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        raise Trouble(found=f"no uv in {uv.parent}", expected="the environment of `make setup`", next_step="make setup")
    count = sum(1 for line in tool.lock.read_text(encoding="utf-8").splitlines() if line[:1].strip())
    progress.waiting(f"Making the environment of {tool.title}, once: {count} packages, some 25 MB to fetch")
    shutil.rmtree(tool.folder, ignore_errors=True)
    python = tool.folder / "bin" / "python"
    _run(tool, [str(uv), "venv", "--quiet", "--python", sys.executable, str(tool.folder)])
    how = ["--quiet", "--system-certs", "--no-deps", "--require-hashes", "--compile-bytecode"]
    _run(tool, [str(uv), "pip", "install", *how, "--python", str(python), "--requirements", str(tool.lock)])
    shared = sysconfig.get_path("purelib")
    (tool.packages / "main-environment.pth").write_text(f"{shared}\n", encoding="utf-8")
    (tool.folder / READY).touch()
    progress.note(f"{tool.title} is there, in {tool.folder}")


def _run(tool: Tool, command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LONGEST, check=False
        )
        said = done.stderr if done.returncode else ""
    except (OSError, subprocess.TimeoutExpired) as error:
        said = str(error)
    if said:
        raise Trouble(
            details="\n".join(said.splitlines()[-LAST_LINES:]),
            found=f"the environment of {tool.title} could not be made",
            expected="a package index that can be reached, this once, and 100 MB of space",
            next_step=f"mend what the last lines name, then: infra tool {tool.name}",
        )


def _link(tool: Tool) -> None:
    """Let the program be found where the main environment's are."""
    program = tool.folder / "bin" / tool.program
    if tool.command.is_symlink() and tool.command.readlink() == program:
        return
    draft = tool.folder.with_suffix(".link")
    try:
        draft.unlink(missing_ok=True)
        draft.symlink_to(program)
        draft.replace(tool.command)
    except OSError as error:
        raise Trouble(
            found=f"{tool.command} cannot be written: {error.strerror}",
            expected="an environment of your own",
            next_step=f"use {program}",
        ) from error
