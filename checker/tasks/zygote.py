"""The process that has paid for the imports: every run of learner code is a fork of it, and it runs none itself.

It stays free of what the tasks are about: it is told a function and its arguments, never the data.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import itertools
import json
import os
import resource
import signal
import socket
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from checker.tasks import calls, kernel

LARGEST_ORDER = 1 << 20


class Zygote:
    """The other side of it: started by a fork of this process, ended with the socket."""

    def __init__(self, modules: Iterable[str], *, confined: bool, private: socket.socket) -> None:
        self._modules, self._confined, self._private = tuple(modules), confined, private
        self._link = self._start()

    def _start(self) -> socket.socket:
        self._said = b""
        ours, theirs = socket.socketpair()
        if os.fork() == 0:
            ours.close()
            self._private.close()
            try:
                _serve(theirs, self._modules, self._confined)
            except Exception as error:
                theirs.sendall(json.dumps({"broken": f"{type(error).__name__}: {error}"[:300]}).encode() + b"\n")
            os._exit(0)
        theirs.close()
        return ours

    def start_again(self) -> None:
        """Replace one that ended. Behind walls nothing can end it; without them, a learner's code can."""
        self._link.close()
        self._link = self._start()

    def fileno(self) -> int:
        """Of the socket, which becomes readable when the fork has ended."""
        return self._link.fileno()

    def spawn(self, order: dict[str, Any], answers: int, namespaces: Sequence[int], lent: int = -1) -> int:
        """Run a function in a fork that writes its answer into the descriptor `answers`; return its number.

        `order`: `function` as `module:name`, `arguments`, `home`, `limits` and the modules to `preload`. The fork
        enters the cell with these `namespaces`, if there are any. A descriptor that is `lent` it gets as the argument
        `lent` of the function.
        """
        descriptors = [answers, *([lent] if lent >= 0 else []), *namespaces]
        content = json.dumps(order | {"lent": lent >= 0}).encode()
        socket.send_fds(self._link, [len(content).to_bytes(4, "big")], descriptors)
        self._link.sendall(content)
        return int(self._receive()["process"])

    def ended(self) -> tuple[int, float]:
        """Wait for the end of the fork; return its status, as of waitpid, and its seconds of CPU time."""
        said = self._receive()
        return int(said["status"]), float(said["cpu"])

    def _receive(self) -> Any:
        while b"\n" not in self._said:
            chunk = self._link.recv(1000)
            if not chunk:
                raise EOFError("the process with the imports ended")
            self._said += chunk
        line, self._said = self._said.split(b"\n", 1)
        news = json.loads(line)
        if "broken" in news:
            raise OSError(news["broken"])
        return news


def _serve(link: socket.socket, modules: Iterable[str], confined: bool) -> None:
    _import(modules)
    gc.collect()
    if confined:
        kernel.hide()
        calls.prepare()
        kernel.use_large_pages()
    while True:
        head, descriptors, _, _ = socket.recv_fds(link, 4, 2 + len(kernel.NAMESPACES))
        if not head:
            return
        length = min(int.from_bytes(head, "big"), LARGEST_ORDER)
        content = b""
        while len(content) < length:
            content += link.recv(length - len(content))
        order = json.loads(content)
        _import([*order["preload"], order["function"].partition(":")[0]])
        # Nothing that is there by now needs looking at again: in the forks, its pages stay shared.
        gc.freeze()
        answers, *namespaces = descriptors
        lent = namespaces.pop(0) if order["lent"] else -1
        if namespaces:
            kernel.send_children_into(namespaces)
        child = os.fork()
        if child == 0:
            if lent >= 0:
                order["arguments"]["lent"] = lent
            _become_learner(order, answers, namespaces, confined, link)
        for descriptor in descriptors:
            os.close(descriptor)
        link.sendall(json.dumps({"process": child}).encode() + b"\n")
        _, status, usage = os.wait4(child, 0)
        link.sendall(json.dumps({"status": status, "cpu": usage.ru_utime + usage.ru_stime}).encode() + b"\n")


def _import(modules: Iterable[str]) -> None:
    for name in modules:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def _become_learner(
    order: dict[str, Any], answers: int, namespaces: Sequence[int], confined: bool, link: socket.socket
) -> None:
    """Give away every right and every descriptor but that for the answer; then learner code may begin."""
    try:
        _give_away(order, answers, namespaces, confined, link.fileno())
    except BaseException as error:
        # Not the learner's fault: no code of theirs has run.
        link.sendall(json.dumps({"broken": f"{type(error).__name__}: {error}"[:300]}).encode() + b"\n")
        os._exit(1)
    link.close()
    with contextlib.suppress(BaseException):
        module, name = order["function"].split(":")
        function = getattr(importlib.import_module(module), name)
        content = json.dumps(function(**order["arguments"])).encode()
        while content:
            content = content[os.write(answers, content) :]
    os._exit(0)


def _give_away(order: dict[str, Any], answers: int, namespaces: Sequence[int], confined: bool, link: int) -> None:
    # Where memory runs out, it is this process that the machine ends first.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    if namespaces:
        kernel.enter(namespaces)
    os.setsid()
    # Who grades may have blocked some, and they would be blocked in here as well.
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    limits = order["limits"]
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    lent = order["arguments"].get("lent", answers) if order["lent"] else answers
    kept = sorted({2, answers, link, lent, max(limits["open_files"], answers + 64, lent + 64)})
    for one, other in itertools.pairwise(kept):
        os.closerange(one + 1, other)
    if confined:
        kernel.drop_rights()
        calls.forbid()
    if namespaces:
        kernel.show()
    home = order["home"]
    os.chdir(f"{home}/work")
    os.environ["HOME"] = os.environ["TMPDIR"] = tempfile.tempdir = home
    _limit(limits)
    if numpy := sys.modules.get("numpy"):
        # A new process would have a random state of its own; a fork inherits its parent's.
        numpy.random.seed()


def _limit(limits: dict[str, Any]) -> None:
    """Lower this process's limits, hard and soft, to what the grader allows.

    Of CPU time there is a second between the two: the first ends a process by a signal of its own, which tells the
    reason. What the kernel says that was used does not always: its limit counts in ticks.
    """
    for kind, value in (
        (resource.RLIMIT_CPU, limits["cpu_seconds"]),
        (resource.RLIMIT_AS, limits["memory"]),
        (resource.RLIMIT_FSIZE, limits["file_size"]),
        (resource.RLIMIT_NOFILE, limits["open_files"]),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        free = hard == resource.RLIM_INFINITY
        bound = value if free else min(value, hard)
        later = kind == resource.RLIMIT_CPU and (free or bound < hard)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (bound, bound + later))
