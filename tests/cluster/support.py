"""The cluster that MLOPS_LABS_KUBECONFIG leads to; without it the tests of this folder are left out."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from infra.kind.kubectl import Kubectl

VARIABLE = "MLOPS_LABS_KUBECONFIG"
INFRA_PROGRAM = str(Path(sys.executable).with_name("infra"))


class Quiet:
    """A progress that keeps what it is told, for the message of a test that fails."""

    def __init__(self):
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)

    waiting = note


def cluster() -> Kubectl:
    """The cluster; the test that asks is left out where there is none."""
    path = os.environ.get(VARIABLE)
    if not path:
        pytest.skip(f"{VARIABLE} names no cluster")
    if not shutil.which("kubectl"):
        pytest.fail("a cluster, and no kubectl")
    context = yaml.safe_load(Path(path).read_text(encoding="utf-8"))["current-context"]
    return Kubectl(Path(path), context)


def address(name: str) -> str:
    """An address that `infra env` gives; without it the services of the cluster cannot be reached from here."""
    cluster()
    if name not in os.environ:
        pytest.skip(f'{name} is not set: eval "$(infra env)"')
    return os.environ[name].rstrip("/")


def until(look: Callable[[], Any], seconds: float = 180) -> Any:
    """What `look` returns as soon as that is something; an error of the network is nothing yet."""
    deadline = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < deadline:
        try:
            last = look()
            if last:
                return last
        except (httpx.HTTPError, KeyError, ValueError) as error:
            last = error
        time.sleep(2)
    raise AssertionError(f"not within {seconds} s; at the last: {last}")
