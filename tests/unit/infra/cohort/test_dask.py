"""The scheduler speaks only with those who have the cohort's certificate: real processes, with the pods' own words."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from infra.cohort.secrets import certificate
from infra.local.ports import free
from tests.unit.infra.manifests.rendering import INFRA, find

pytest.importorskip("distributed")
GRADING = INFRA / "cohort" / "grading"
BIN = Path(sys.executable).parent
SECONDS = 90
ASK = "from distributed import Client; print(Client('ADDRESS', timeout='15s').submit(sum, [1, 2]).result(60))"


def manifest(name, kind, called):
    return find(list(yaml.safe_load_all((GRADING / name).read_text())), kind, called)


def words(container, changes):
    """What a container runs, with places and ports of this machine."""
    text = "\n".join([*container["command"], *container.get("args", [])])
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return [str(BIN / "dask"), *text.split("\n")[1:]]


def variables(container, changes=()):
    told = {each["name"]: each["value"] for each in container["env"] if each["name"].startswith("DASK_")}
    for old, new in dict(changes).items():
        told = {name: value.replace(old, new) for name, value in told.items()}
    return {**os.environ, **told}


@pytest.fixture
def cluster(tmp_path):
    for name in ("own", "strange"):
        (tmp_path / name).mkdir()
        certificate(tmp_path / name)
    port = free()
    scheduler = manifest("scheduler.yaml", "DaskCluster", "grading")["spec"]["scheduler"]["spec"]["containers"][0]
    worker = manifest("worker.yaml", "Deployment", "worker")["spec"]["template"]["spec"]["containers"][0]
    address = f"tls://127.0.0.1:{port}"
    own = {"/etc/dask": str(tmp_path / "own")}
    started = [
        (words(scheduler, {"\n8786\n": f"\n{port}\n--host\n127.0.0.1\n"} | own), variables(scheduler)),
        (
            words(
                worker,
                {"tls://grading-scheduler:8786": address, "=8788": f"={free()}", "=/tmp": f"={tmp_path}"} | own,
            ),
            variables(worker),
        ),
    ]
    processes = [
        subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        for command, env in started
    ]
    yield address
    for process in processes:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def ask(address, env):
    done = subprocess.run(
        [sys.executable, "-c", ASK.replace("ADDRESS", address)],
        env=env, capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout.strip() or re.split(r"\n", done.stderr.strip())[-1]


def test_whoever_has_the_certificate_gets_work_done_and_nobody_else(cluster, tmp_path):
    pod = manifest("grade.yaml", "CronJob", "grade")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    coordinator = pod["containers"][0]
    assert ask(cluster, variables(coordinator, {"/etc/dask": str(tmp_path / "own")})) == (0, "3")
    assert ask(cluster, variables(coordinator, {"/etc/dask": str(tmp_path / "strange")}))[0] != 0
    assert ask(cluster.replace("tls://", "tcp://"), dict(os.environ))[0] != 0
