"""The logs of the cluster's components and of the host's JupyterLab, in one stream."""

from __future__ import annotations

import queue
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial

from infra.kind.kubectl import Kubectl
from infra.kind.layout import SERVING_NAMESPACE
from infra.kind.waiting import Key

Line = tuple[str, str]
RELEASE_CONTAINER = "serve"


def words(component: Key, lines: int, *, follow: bool) -> list[str]:
    """What kubectl is told to show the log of one component."""
    kind, namespace, name = component
    shown = ["logs", f"{kind.lower()}/{name}", "--namespace", namespace, "--tail", str(lines)]
    containers = ["--container", RELEASE_CONTAINER] if _release(component) else ["--all-containers"]
    return [*shown, *containers, *(["--follow"] if follow else [])]


def _release(component: Key) -> bool:
    _, namespace, name = component
    return namespace == SERVING_NAMESPACE and name.rpartition("-")[2].isdecimal()


def read(
    kubectl: Kubectl, components: dict[str, Key], others: Callable[[], Iterator[Line]], lines: int, follow: bool
) -> Iterator[Line]:
    """(name, line) pairs: the last lines of each component, then those of `others`; new ones while following."""
    if not follow:
        for name, component in components.items():
            yield from _show(kubectl, name, words(component, lines, follow=False))
        yield from others()
        return
    waiting: queue.Queue[Line] = queue.Queue(maxsize=10000)
    processes = [
        (name, _start(kubectl, words(component, lines, follow=True))) for name, component in components.items()
    ]
    sources: list[Callable[[], Iterator[Line]]] = [partial(_lines, *each) for each in processes]
    try:
        for source in [*sources, others]:
            threading.Thread(target=_pump, args=(source, waiting), daemon=True).start()
        while True:
            yield waiting.get()
    finally:
        for _, process in processes:
            process.terminate()
            process.wait()


def _show(kubectl: Kubectl, name: str, told: list[str]) -> Iterator[Line]:
    process = _start(kubectl, told)
    yield from _lines(name, process)
    process.wait()


def _start(kubectl: Kubectl, told: list[str]) -> subprocess.Popen[str]:
    # kubectl's own messages, for example that a pod has not started, belong to what a person wants to read.
    return subprocess.Popen(
        kubectl.command(*told),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )


def _lines(name: str, process: subprocess.Popen[str]) -> Iterator[Line]:
    if process.stdout is None:
        return
    with process.stdout as stream:
        for line in stream:
            yield name, line.rstrip("\n")


def _pump(source: Callable[[], Iterator[Line]], into: queue.Queue[Line]) -> None:
    for line in source():
        into.put(line)
