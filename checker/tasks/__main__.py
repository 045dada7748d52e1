"""`python -m checker.tasks CHANNEL WALLS MODULE...`: import the modules once, then do one task after the other.

Three kinds of process: this one, small, takes orders over the socket with the descriptor CHANNEL and answers
them; the zygote has the imports; forks of the zygote, each in a place of its own, run what a learner wrote.
No process that a learner's code runs in can reach the other two.

WALLS is `cells`, `walls` or `none`. First it says whether it can make cells with walls of their own, as it is to for
`cells`; in a jail without them, it is good for one task.
Then, for each task: a descriptor of the payload and an order come in, an answer goes out.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import socket
import sys
from multiprocessing.connection import Connection
from typing import Any

from checker.tasks import calls, kernel
from checker.tasks.cells import Cells
from checker.tasks.places import Cell, Furniture
from checker.tasks.zygote import Zygote

TASKS = (
    "candidates",
    "command",
    "kfp",
    "loops",
    "notebook",
    "pipeline",
    "probe",
    "profiles",
    "rollouts",
    "score",
    "services",
)
LARGEST_ORDER = 1 << 20
LARGEST_ANSWER = 8 << 20


def main() -> None:
    """Serve until the channel is closed."""
    descriptor, walls, *modules = sys.argv[1:]
    link = socket.socket(fileno=int(descriptor))
    confined = walls != "none"
    walled = walls == "cells" and _can_wall()
    if confined:
        _expect_filter()
        kernel.hide()
    link.set_inheritable(False)
    zygote = Zygote(modules, confined=confined, private=link)
    channel = Connection(os.dup(link.fileno()))
    channel.send_bytes(json.dumps({"walled": walled}).encode())
    while True:
        try:
            _, received, _, _ = socket.recv_fds(link, 1, 1)
            order = json.loads(channel.recv_bytes(LARGEST_ORDER))
        except (EOFError, OSError):
            return
        answer = json.dumps(_do(order, Cells(zygote, received[0], walled, order["limits"], order["preload"])))
        channel.send_bytes(answer.encode() if len(answer) <= LARGEST_ANSWER else b'{"problem": "it answered too much"}')
        os.close(received[0])


def _can_wall() -> bool:
    """Become able to make cells, and make one to see."""
    with contextlib.suppress(OSError):
        kernel.mount_processes(kernel.PROCESSES)
    with contextlib.suppress(OSError):
        kernel.new_users()
        Cell(Furniture(-1, {}, 1 << 20)).close()
        return True
    return False


def _expect_filter() -> None:
    """See that calls can be filtered: learner code shall not be blamed where they cannot."""
    if (child := os.fork()) == 0:
        with contextlib.suppress(OSError):
            kernel.drop_rights()
            calls.forbid()
            os._exit(0)
        os._exit(1)
    if os.waitpid(child, 0)[1]:
        raise SystemExit("the kernel does not let the calls of learner code be filtered")


def _do(order: dict[str, Any], cells: Cells) -> dict[str, Any]:
    task = order["task"]
    if task not in TASKS:
        return {"broken": f"no task {task}"}
    try:
        return {"value": importlib.import_module(f"checker.tasks.{task}").run(order["request"], cells)}
    except (OSError, EOFError) as error:
        return {"broken": f"{type(error).__name__}: {error}"[:300]}
    except Exception as error:
        return {"problem": f"{type(error).__name__}: {error}".replace("\n", " ")[:500]}


if __name__ == "__main__":
    main()
