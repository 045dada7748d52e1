"""What the tests of the labs share: a platform where a lab needs one, and a fresh workspace for each case."""

import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from xdist.scheduler import LoadScopeScheduling

from checker import platform, workspace
from checker.course import Lab
from checker.grading import judge
from checker.jail import Answer, Jail, can_confine
from checker.keys import grader_key
from checker.lint import Script
from checker.marking import WARM
from checker.prove import models, notebooks
from checker.replay import solve
from checker.result import LabResult
from tests.labs.forks import LONGEST, run_script
from tests.support import COURSE, ROOT, free_port

KEY = b"the key of the tests of the labs"
EVERYTHING = dict.fromkeys((*notebooks.PRELOADED, *models.PRELOADED, *WARM))


class ByLab(LoadScopeScheduling):
    """Hands a lab's tests to one worker: they share what was made once for it, and each worker has a platform."""

    def _split_scope(self, nodeid):
        return re.search(r"\[(day\d\d)", nodeid)[1]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Not by marks of groups: with pytest 9.2 and xdist 3.8 they are lost, and nobody says so."""
    return ByLab(config, log)


def pytest_collection_modifyitems(items):
    """Untouched and finished labs come in the course's order, all other answers shuffled: none may need another."""
    others = [item for item in items if "script" in getattr(item, "fixturenames", ())]
    kept = [item for item in items if item not in set(others)]
    random.Random(os.environ.get("LABS_ORDER", "7")).shuffle(others)
    items[:] = [*kept, *others]
    for item in items:
        # Longer than what is done in it may take: that says more when it ends.
        item.add_marker(pytest.mark.timeout(2 * LONGEST))


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """A home of its own for the platform and the grader's key."""
    path = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(platform.HOME_VARIABLE, str(path))
        patch.setenv("MLOPS_LABS_COURSE", str(ROOT))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        # Always the same held-out rows: some wrong answers are told from right ones by a measure that has some spread.
        (path / "grader.key").write_bytes(KEY)
        (path / "grader.key").chmod(0o600)
        yield path


@pytest.fixture(scope="session")
def services(home):
    """A running platform without JupyterLab; stopped at the end."""
    infra = [sys.executable, "-m", "infra"]
    ports = ["--mlflow-port", str(free_port()), "--serving-port", str(free_port())]
    up = subprocess.run([*infra, "up", "--no-jupyter", *ports], capture_output=True, text=True, check=False)
    assert up.returncode == 0, up.stdout + up.stderr
    yield platform.environment()
    subprocess.run([*infra, "down"], check=True, capture_output=True)


@pytest.fixture(scope="session")
def warm_jail(home):
    """One jail for all: that no submission harms the next is what a cohort lives by as well."""
    with Remembering(confined=can_confine(), preload=EVERYTHING) as jail:
        yield jail


class Remembering(Jail):
    """Does the same task on the same files once: most wrong answers differ from the solution in one thing only."""

    def __init__(self, **arguments) -> None:
        super().__init__(**arguments)
        self._known: dict[str, Answer] = {}

    def run(self, task, request, folder, limits=None, preload=()):
        # What is wanted comes in an order drawn at random, on which nothing may depend.
        request = request | {"wanted": sorted(request["wanted"])} if "wanted" in request else request
        whole = hashlib.sha256(repr((task, json.dumps(request, sort_keys=True), limits)).encode())
        for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()):
            content = path.read_bytes()
            whole.update(f"\0{path.relative_to(folder)}\0{len(content)}\0".encode() + content)
        key = whole.hexdigest()
        if key not in self._known:
            self._known[key] = super().run(task, request, folder, limits, preload)
        return self._known[key]


class Bench:
    """Starts, does, solves and grades labs, each time in a fresh workspace."""

    def __init__(self, folder: Path, request: pytest.FixtureRequest, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.request, self.patch = folder, request, patch

    def start(self, lab: Lab, seed: int = 7) -> workspace.Workspace:
        """Start `lab` anew, with MLflow as if nobody had worked there."""
        if lab.services:
            forget_experiments(self.request.getfixturevalue("services")["MLFLOW_TRACKING_URI"], lab)
        self.patch.setenv(workspace.WORK_VARIABLE, str(self.folder))
        return workspace.start(lab, ROOT, seed=seed)[0]

    def after(self, script: Script, lab: Lab) -> workspace.Workspace:
        """The workspace in which somebody did what `script` does."""
        made = self.solved(lab) if script.after == "solution" else self.start(lab)
        run_script(script.path, made.path)
        return made

    def judge(self, lab: Lab, made: workspace.Workspace) -> LabResult:
        """The verdict, in the warm jail."""
        return judge(lab, made, grader_key(), self.request.getfixturevalue("warm_jail"))[0]

    def solved(self, lab: Lab) -> workspace.Workspace:
        """A finished workspace; without services, a copy of one that is solved once."""
        if lab.services:
            made = self.start(lab)
            solve(lab, ROOT, made.path)
            return made
        master = self.request.getfixturevalue("masters")[lab.name]
        copy = self.folder / lab.name
        shutil.copytree(master.path, copy, symlinks=True)
        return workspace.read(copy)


@pytest.fixture
def bench(home, tmp_path, request, monkeypatch):
    return Bench(tmp_path, request, monkeypatch)


@pytest.fixture(scope="session")
def masters(home, tmp_path_factory):
    """Lab name -> a workspace in which the solution was run; made when first asked for."""

    class Masters(dict):
        def __missing__(self, name):
            lab = next(each for each in COURSE.ready if each.name == name)
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv(workspace.WORK_VARIABLE, str(tmp_path_factory.mktemp("master")))
                made, _ = workspace.start(lab, ROOT, seed=7)
            solve(lab, ROOT, made.path)
            self[name] = made
            return made

    return Masters()


def forget_experiments(address: str, lab: Lab) -> None:
    """Give the lab's experiments other names and take its registered models away: the next case begins with none."""
    for name in lab.evidence.mlflow.experiments if lab.evidence.mlflow else ():
        api = f"{address}/api/2.0/mlflow/experiments"
        found = httpx.get(f"{api}/get-by-name", params={"experiment_name": name})
        if found.status_code == 200:
            identity = found.json()["experiment"]["experiment_id"]
            body = {"experiment_id": identity, "new_name": f"{name}-{identity}-{os.getpid()}"}
            httpx.post(f"{api}/update", json=body).raise_for_status()
    for name in lab.evidence.mlflow.registered if lab.evidence.mlflow else ():
        answer = httpx.request("DELETE", f"{address}/api/2.0/mlflow/registered-models/delete", json={"name": name})
        assert answer.status_code in (200, 404), answer.text
