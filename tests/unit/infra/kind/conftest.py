"""A machine of its own for each test that asks for a `place`, and one with a cluster for those that change nothing."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.infra.kind.place import Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Place, subprocess.CompletedProcess[str]]]:
    made = Place(tmp_path_factory.mktemp("running"))
    yield made, made.up(KUBECONFIG=str(made.own_kubeconfig))
    made.close()
