"""The environment that lies over the main one: its lock, and how it is made, found again and refused."""

import dataclasses
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from checker.environments import READY, TOOLS, Tool
from infra import cli, tool_locks, tools
from infra.trouble import Trouble
from tests.support import ROOT

MAIN = """\
click==8.5.1 \\
    --hash=sha256:aa
fastapi==0.165.0 \\
    --hash=sha256:bb \\
    --hash=sha256:cc
numpy==2.4.6 ; python_full_version < '3.12' \\
    --hash=sha256:dd
numpy==2.5.5 ; python_full_version >= '3.12' \\
    --hash=sha256:ee
"""
OTHER = MAIN.replace("fastapi==0.165.0", "fastapi==0.115.14") + "mlserver==1.7.1 \\\n    --hash=sha256:ff\n"


class Said:
    def __init__(self):
        self.lines = []

    def note(self, text):
        self.lines.append(text)

    waiting = note


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """A tool without packages of its own, over an environment that is this one's."""
    lock = tmp_path / "small.lock"
    lock.write_text("# nothing\n")

    @dataclasses.dataclass(frozen=True)
    class Small(Tool):
        @property
        def lock(self):
            return lock

    monkeypatch.setattr(sys, "prefix", str(tmp_path / "main"))
    (tmp_path / "main" / "bin").mkdir(parents=True)
    made = Small("small", "Small", "small")
    monkeypatch.setitem(TOOLS, "small", made)
    return made


def test_the_lock_has_what_is_not_shared():
    assert [tool_locks.pinned(each) for each in tool_locks.blocks(MAIN)][1:3] == [
        ("fastapi", "0.165.0"),
        ("numpy", "2.4.6"),
    ]
    limits = tool_locks.constraints(MAIN, {"fastapi"})
    assert limits.splitlines() == [
        "click==8.5.1",
        "numpy==2.4.6 ; python_full_version < '3.12'",
        "numpy==2.5.5 ; python_full_version >= '3.12'",
    ]
    own = tool_locks.without_shared(OTHER, MAIN)
    assert [tool_locks.pinned(each) for each in tool_locks.blocks(own)] == [
        ("fastapi", "0.115.14"),
        ("mlserver", "1.7.1"),
    ]
    assert own.count("--hash") == 3
    with pytest.raises(ValueError, match="not an entry"):
        tool_locks.pinned("    --hash=sha256:aa")


@pytest.mark.parametrize("name", sorted(TOOLS))
def test_each_lock_goes_with_the_main_one(name):
    main = (ROOT / "requirements.lock").read_text()
    own = TOOLS[name].lock.read_text()
    entries = [tool_locks.pinned(each) for each in tool_locks.blocks(own)]
    assert all("--hash=sha256:" in each for each in tool_locks.blocks(own))
    assert "://" not in own
    for wanted in tool_locks.WANTED[name]:
        assert tuple(wanted.split("==")) in entries
    shared = dict(map(tool_locks.pinned, tool_locks.blocks(main)))
    others = {each for each, version in entries if each in shared and shared[each] != version}
    assert others <= tool_locks.OWN[name], "`make lock` resolves it anew"
    assert tool_locks.without_shared(own, main) == own


def test_it_is_made_once(tool, monkeypatch):
    said, ran = Said(), []

    def run(command, **_):
        ran.append(command)
        if "venv" in command:
            tool.packages.mkdir(parents=True)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    program = tools.make("small", said)
    assert program == tool.command
    assert program.readlink() == tool.folder / "bin" / "small"
    assert [command[1] for command in ran] == ["venv", "pip"]
    assert "--require-hashes" in ran[1]
    assert (tool.packages / "main-environment.pth").read_text().strip().endswith("site-packages")
    assert len(said.lines) == 2
    assert tools.make("small", said) == program
    assert len(ran) == 2
    tool.lock.write_text("other\n")
    assert not tool.ready
    tools.make("small", said)
    assert len(ran) == 4
    assert program.readlink() == tool.folder / "bin" / "small"


@pytest.mark.parametrize("end", ["status", "time", "absent"])
def test_what_fails_is_not_ready(tool, monkeypatch, end):
    def run(command, **_):
        if end == "time":
            raise subprocess.TimeoutExpired(command, 900)
        if end == "absent":
            raise FileNotFoundError("uv")
        return subprocess.CompletedProcess(command, 2, "", "no index\nat all")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(Trouble) as trouble:
        tools.make("small", Said())
    assert "infra tool small" in trouble.value.next_step
    assert trouble.value.details
    assert not tool.ready
    assert not tool.command.is_symlink()


def test_a_half_made_one_is_made_anew(tool, monkeypatch):
    (tool.folder / "lib").mkdir(parents=True)
    (tool.folder / "lib" / "half").touch()

    def run(command, **_):
        assert not (tool.folder / "lib" / "half").exists()
        tool.packages.mkdir(parents=True, exist_ok=True)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    tools.make("small", Said())
    assert (tool.folder / READY).is_file()


def test_a_python_without_it(tool, monkeypatch):
    monkeypatch.setitem(TOOLS, "small", dataclasses.replace(tool, below=(3, 11)))
    with pytest.raises(Trouble) as trouble:
        tools.make("small", Said())
    assert "3.10" in trouble.value.expected


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_an_environment_of_somebody_else(tool, monkeypatch, tmp_path):
    (tmp_path / "main").chmod(0o500)
    with pytest.raises(Trouble) as trouble:
        tools.make("small", Said())
    assert "who installed the course" in trouble.value.next_step


def test_a_folder_that_cannot_be_made(tool, tmp_path):
    (tmp_path / "main" / "tools").write_text("in the way")
    with pytest.raises(Trouble) as trouble:
        tools.make("small", Said())
    assert "cannot be written" in trouble.value.found


def test_the_command(tool, monkeypatch):
    monkeypatch.setattr(tools, "make", lambda name, progress: tool.command)
    monkeypatch.setattr("infra.tool_cli.TOOLS", TOOLS)
    done = CliRunner().invoke(cli.main, ["tool", "mlserver"])
    assert (done.exit_code, done.output.strip()) == (0, str(tool.command))
    assert CliRunner().invoke(cli.main, ["tool", "nothing"]).exit_code == 2
