"""Day 10: a colleague's project in git and DVC, and their run in MLflow, which cannot be made again for three reasons.

Six things may be at fault; the seed chooses three. The other three are traces that lead nowhere: the data were
corrected, a release came, a month came, but the run was made with what is there now, or the project says which.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from checker.course import Lab
from checker.errors import CheckerError, Unavailable
from checker.prepare import strangers_project as project
from checker.recipes import make_fixtures
from checker.text import clean

CAUSES = ("data", "parameter", "library", "seed", "order", "future")
EXPERIMENT, RUN = "day10-strangers-run", "june-review"
AUTHOR = b"risk analytics <risk@bank.example>"
LEARNED, SCORED, LATER = tuple(f"2025-0{month}" for month in range(1, 6)), "2025-06", "2025-07"
CORRECTED = "2025-03"
RELEASE, NEWER = "1.4.0", "1.5.0"
PARAMS = {"n_estimators": 30, "max_depth": 6, "min_samples_leaf": 4}
OTHERS = {"n_estimators": (17, 23, 42, 55), "max_depth": (3, 4, 9, 11), "min_samples_leaf": (2, 9, 12, 15)}
RAN = datetime(2025, 7, 2, 9, 12, tzinfo=UTC)
OUTPUTS = ("out/predictions.csv", "out/metrics.json")
REMOTE = "dvc-remote"
LONGEST = 300
Files = dict[str, bytes]


@dataclass(frozen=True)
class Story:
    """What happened in the world of one seed: why the run cannot be made again, and what it was made with."""

    causes: tuple[str, ...]
    params: dict[str, int]
    overridden: str
    seed: int
    order: tuple[str, ...]

    @property
    def told(self) -> dict[str, Any]:
        """What the run was made with, as params.yaml says it."""
        return {"months": list(self.order), **self.params, "seed": self.seed}


def story(seed: int, causes: Collection[str] | None = None) -> Story:
    """Return the story of a seed; of other `causes`, for tests."""
    chosen = causes if causes is not None else sorted(CAUSES, key=lambda each: _draw(seed, each))[:3]
    overridden = sorted(PARAMS)[_draw(seed, "which parameter") % len(PARAMS)]
    params = dict(PARAMS)
    if "parameter" in chosen:
        values = OTHERS[overridden]
        params[overridden] = values[_draw(seed, "its value") % len(values)]
    order = LEARNED
    if "order" in chosen:
        order = tuple(sorted(LEARNED, key=lambda month: _draw(seed, f"order {month}")))
        if order in (LEARNED, LEARNED[::-1]):
            order = (*order[2:], *order[:2])
    return Story(
        causes=tuple(each for each in CAUSES if each in chosen),
        params=params,
        overridden=overridden,
        seed=1_000 + _draw(seed, "seed") % 90_000,
        order=order,
    )


def _draw(seed: int, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/day 10/{name}".encode()).digest()[:6], "big")


def truth(lab: Lab, seed: int) -> dict[str, Any]:
    """Return the causes, what the run was made with, and what the history tells."""
    told = story(seed)
    known = data(lab, seed)
    return {
        "causes": list(told.causes),
        "run": RUN,
        "params": told.params | {"seed": told.seed},
        "overridden": told.overridden,
        "months": list(told.order),
        "known": SCORED,
        "release": RELEASE,
        "corrected": _path(CORRECTED),
        "md5": {path: _md5(content) for path, content in known.items() if LATER not in path},
        "history": [commit.subject for commit in _history(lab, seed, told)],
    }


def sources(lab: Lab, seed: int) -> Files:
    """Return the project with which the run can be made again."""
    return _sources(story(seed))


def _sources(told: Story) -> Files:
    texts = project.code(()) | project.release(RELEASE) | {"requirements.txt": project.requirements(())}
    return _bytes(texts | {"params.yaml": project.params(told.told, ())})


def data(lab: Lab, seed: int) -> Files:
    """Return the months as the run read them, and the one that came later."""
    return _data(lab, seed, story(seed))


def _data(lab: Lab, seed: int, told: Story) -> Files:
    months = make_fixtures(lab, seed)
    if "data" in told.causes:
        months[_path(CORRECTED)] = first_delivery(months[_path(CORRECTED)])
    return months


def first_delivery(content: bytes) -> bytes:
    """Return a month as it was before it was corrected: from the 10th on, a third of the online payments is lacking."""
    header, *rows = content.decode().splitlines()
    names = header.split(",")
    channel, moment = names.index("channel"), names.index("timestamp")

    def lost(number: int, row: str) -> bool:
        cells = row.split(",")
        return cells[channel] == "online" and cells[moment][8:10] >= "10" and number % 3 == 0

    return "\n".join([header, *(row for number, row in enumerate(rows) if not lost(number, row)), ""]).encode()


def fill(folder: Path, lab: Lab, seed: int) -> None:
    """Make the repository, and write the run to MLflow."""
    from checker import platform
    from checker.collect.mlflow import MlflowServer

    told = story(seed)
    with MlflowServer(platform.environment().get("MLFLOW_TRACKING_URI", "")) as server:
        experiment = _experiment(server)
        commit = make_repository(folder, lab, seed, told)
        outputs = _outputs(lab, seed, told)
        run, where = _begin_run(server, experiment, commit)
        kept = {"predictions.csv": outputs[OUTPUTS[0]], "run.log": outputs["run.log"]}
        _keep(server, where, kept | {"environment.txt": _environment()})
        _log(server, run, told, outputs[OUTPUTS[1]], _without_later(_data(lab, seed, told)))
    (folder / "ticket.md").write_text(_TICKET.format(experiment=EXPERIMENT, name=RUN, run=run), encoding="utf-8")


_TICKET = """\
# Ticket 2217: make the June review again

Internal audit wants to see the scores of the June review made once more, from what we keep of it. The colleague who
made them has moved to another department.

- experiment in MLflow: `{experiment}`
- run: `{name}`, id `{run}`
- project: this folder (git, and DVC with its remote)

What we need: the same scores, from the last commit, by `python -m fraudrun`. And a list of what was not versioned.
"""


@dataclass(frozen=True)
class _Commit:
    """What one commit adds or changes, and when."""

    subject: str
    day: tuple[int, int]
    files: Files


def _history(lab: Lab, seed: int, told: Story) -> list[_Commit]:
    """Return the commits from the first to the last; the run was made on the 2nd of July."""
    months = make_fixtures(lab, seed)
    early = months | {_path(CORRECTED): first_delivery(months[_path(CORRECTED)])}
    base = {"months": list(LEARNED), **PARAMS, "seed": told.seed}
    begun = _bytes(
        {
            ".gitignore": project.IGNORED,
            "README.md": project.README,
            "params.yaml": project.params(base | {"n_estimators": 20}, told.causes),
            "requirements.txt": project.requirements(told.causes),
            ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
            ".dvc/config": f"[core]\n    remote = storage\n['remote \"storage\"']\n    url = ../{REMOTE}\n",
            **project.code(told.causes),
            **project.release(RELEASE),
        }
    )
    correction = _Commit(
        "Take in the corrected March of the payments team",
        (7, 4) if "data" in told.causes else (6, 16),
        _tracked(months, CORRECTED),
    )
    commits = [
        _Commit("Begin the monthly review", (5, 5), begun | _tracked(early, *LEARNED[:4])),
        _Commit("More trees", (5, 20), _bytes({"params.yaml": project.params(base, told.causes)})),
        _Commit("Track May", (6, 2), _tracked(early, LEARNED[4])),
        correction,
        _Commit("Track June", (7, 1), _tracked(early, SCORED)),
        _Commit(f"Add riskkit {NEWER}", (7, 15), _bytes(project.release(NEWER))),
        _Commit("Track July", (8, 1), _tracked(early, LATER)),
        _Commit("Say who gets the review", (8, 4), _bytes({"README.md": project.README + project.READERS})),
    ]
    return sorted(commits, key=lambda commit: commit.day)


def _tracked(months: Files, *names: str) -> Files:
    """Return DVC's pointers to some months, and the file that keeps all of the year's out of git."""
    pointers = {}
    for name in names:
        content = months[_path(name)]
        text = f"outs:\n- md5: {_md5(content)}\n  size: {len(content)}\n  hash: md5\n  path: {name}.csv\n"
        pointers[f"{_path(name)}.dvc"] = text
    return _bytes(pointers | {"data/.gitignore": "".join(f"/2025-{month:02d}.csv\n" for month in range(1, 13))})


def make_repository(folder: Path, lab: Lab, seed: int, told: Story) -> str:
    """Make the git and the DVC repository in `folder`; return the commit of which the run was made."""
    from dulwich.index import commit_tree
    from dulwich.objects import Blob, Commit
    from dulwich.repo import Repo

    months = make_fixtures(lab, seed)
    for content in months.values():
        _store(folder / ".dvc" / "cache", content)
    for content in {*months.values(), first_delivery(months[_path(CORRECTED)])}:
        _store(folder / REMOTE, content)
    names: dict[str, bytes] = {}
    made, of_the_run = None, ""
    with closing(Repo.init(str(folder), default_branch=b"main")) as repository:
        for each in _history(lab, seed, told):
            for path, content in each.files.items():
                blob = Blob.from_string(content)
                repository.object_store.add_object(blob)
                names[path] = blob.id
            commit = Commit()
            entries = [(path.encode(), names[path], 0o100644) for path in sorted(names)]
            commit.tree = commit_tree(repository.object_store, entries)  # type: ignore[arg-type]
            commit.parents = [made] if made else []
            moment = datetime(2025, *each.day, 8, 30, tzinfo=UTC)
            commit.author = commit.committer = AUTHOR
            commit.author_time = commit.commit_time = int(moment.timestamp())
            commit.author_timezone = commit.commit_timezone = 0
            commit.message = each.subject.encode() + b"\n"
            repository.object_store.add_object(commit)
            made = commit.id
            if moment < RAN:
                of_the_run = made.decode()
        assert made is not None
        repository.refs[b"refs/heads/main"] = made  # type: ignore[index]
        repository.get_worktree().reset_index()
    return of_the_run


def _store(store: Path, content: bytes) -> None:
    md5 = _md5(content)
    target = store / "files" / "md5" / md5[:2] / md5[2:]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def _outputs(lab: Lab, seed: int, told: Story) -> Files:
    """Run what the run was made with, in a folder of its own; return what it wrote, and what it printed."""
    return dict(_ran(tuple((_sources(told) | _without_later(_data(lab, seed, told))).items())))


@lru_cache(maxsize=2)  # tests make workspaces of one seed by the dozen
def _ran(files: tuple[tuple[str, bytes], ...]) -> tuple[tuple[str, bytes], ...]:
    return tuple(run_project(dict(files)).items())


def _without_later(months: Files) -> Files:
    return {path: content for path, content in months.items() if LATER not in path}


def run_project(files: Files, *arguments: str) -> Files:
    """Run a state of the project; return its outputs by path, and under `run.log` what it printed.

    Raises:
        CheckerError: it does not end well.
    """
    with tempfile.TemporaryDirectory(prefix="checker-run-") as scratch:
        root = Path(scratch)
        for path, content in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        command = [sys.executable, "-m", "fraudrun", *arguments]
        try:
            done = subprocess.run(command, cwd=root, capture_output=True, timeout=LONGEST, check=True)
        except subprocess.SubprocessError as error:
            said = clean((getattr(error, "stderr", b"") or b"").decode(errors="replace")[-300:] or error)
            raise CheckerError(
                f"the run of day 10 could not be made: {said}",
                expected="Python with pandas and scikit-learn",
                next_step="run `checker doctor`, and install what it names",
            ) from error
        outputs = {path: (root / path).read_bytes() for path in OUTPUTS}
        shutil.rmtree(root / "out")
    return {**outputs, "run.log": done.stdout}


def _experiment(server: Any) -> str:
    """Return the id of the experiment, made where it is not there."""
    found = server.call("experiments/get-by-name", experiment_name=EXPERIMENT)
    if found is None:
        made = server.call("experiments/create", {"name": EXPERIMENT})
        return str((made or {}).get("experiment_id", ""))
    known = found["experiment"]
    if known.get("lifecycle_stage") == "deleted":
        server.call("experiments/restore", {"experiment_id": known["experiment_id"]})
    return str(known["experiment_id"])


def _begin_run(server: Any, experiment: str, commit: str) -> tuple[str, str]:
    """Return the id of a new run, as of July, and where its artifacts are."""
    tags = {"mlflow.user": "risk-analytics", "mlflow.source.git.commit": commit, "review": SCORED}
    body = {
        "experiment_id": experiment,
        "start_time": int(RAN.timestamp() * 1000),
        "run_name": RUN,
        "tags": [{"key": key, "value": value} for key, value in tags.items()],
    }
    info = _said(server.call("runs/create", body))["run"]["info"]
    return str(info["run_id"]), str(info["artifact_uri"]).removeprefix("mlflow-artifacts:").lstrip("/")


def _log(server: Any, run: str, told: Story, metrics: bytes, months: Files) -> None:
    """Log what the colleague's notebook logged, and end the run; the digest of a dataset is DVC's sum."""
    moment = int(RAN.timestamp() * 1000) + 4_000
    params = told.params | {"seed": told.seed, "score_month": SCORED}
    measured = {name: value for name, value in json.loads(metrics).items() if name != "payments"}
    body = {
        "run_id": run,
        "params": [{"key": key, "value": str(value)} for key, value in params.items()],
        "metrics": [{"key": key, "value": value, "timestamp": moment, "step": 0} for key, value in measured.items()],
    }
    _said(server.call("runs/log-batch", body))
    _said(server.call("runs/log-inputs", {"run_id": run, "datasets": [*_datasets(months)]}))
    _said(server.call("runs/update", {"run_id": run, "status": "FINISHED", "end_time": moment + 900}))


def _keep(server: Any, where: str, artifacts: Files) -> None:
    for name, content in artifacts.items():
        path = f"/api/2.0/mlflow-artifacts/artifacts/{where}/{name}"
        status, _ = server.stream("PUT", path, largest=1 << 16, content=content)
        if status != 200:
            raise _refused()


def _said(answer: dict[str, Any] | None) -> dict[str, Any]:
    if answer is None:
        raise _refused()
    return answer


def _refused() -> Unavailable:
    return Unavailable(
        "MLflow did not take the run that day 10 is about",
        expected="an MLflow server as `infra up` starts it",
        next_step="run `infra status` and `infra up`, then start the day again",
    )


def _datasets(months: Files) -> Iterator[dict[str, Any]]:
    for path, content in months.items():
        dataset = {
            "name": path,
            "digest": _md5(content),
            "source_type": "local",
            "source": json.dumps({"uri": path}),
            "profile": json.dumps({"num_rows": content.count(b"\n") - 1}),
        }
        context = "scoring" if SCORED in path else "training"
        yield {"dataset": dataset, "tags": [{"key": "mlflow.data.context", "value": context}]}


def _environment() -> bytes:
    packages = {name: version(name) for name in ("numpy", "pandas", "scikit-learn")} | {"riskkit": RELEASE}
    python = ".".join(map(str, sys.version_info[:3]))
    lines = [f"# Python {python}", *(f"{name}=={packages[name]}" for name in sorted(packages))]
    return "\n".join([*lines, ""]).encode()


def _path(month: str) -> str:
    return f"data/{month}.csv"


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _bytes(texts: dict[str, str]) -> Files:
    return {path: text.encode() for path, text in texts.items()}
