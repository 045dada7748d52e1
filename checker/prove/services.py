"""Start a learner's service with the registered model, with one that they have never seen, and with none, and ask it.

What the models themselves say of the same rows is asked apart from the service, in a cell of their own.
"""

from __future__ import annotations

import json
import random
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from checker.collect.mlflow import MlflowServer, fetch_model
from checker.collect.reading import Unreadable
from checker.declarations import ServiceProof
from checker.environments import TOOLS
from checker.errors import Unavailable
from checker.evidence import Evidence
from checker.evidence.foreign import ForeignText, mapping, number_of, parse_json, sequence
from checker.evidence.mlflow import Mlflow, ModelVersion
from checker.evidence.services import EndpointScores, Line, Load, Reply, ServiceRun
from checker.jail import PATIENCE, Jail, Limits
from checker.keys import derive
from checker.prove import protocol_talks
from checker.prove.candidates import make_candidates
from checker.prove.commands import brought
from checker.prove.talks import EDGES, TALKS, Said, Script
from checker.recipes import make_table
from checker.tasks.services import MODEL_FOLDER
from checker.text import clean
from checker.workspace import Workspace
from checker.world.facts import FEATURE_COLUMNS
from checker.world.requests import LIKELY, Row, live_rows, named, seen

STARTING = 60
"""Seconds for the imports; each start has its own limit."""
EACH = 20.0
"""Seconds by the clock for one answer: it is no measure of how fast a service is."""
EACH_OF_MLSERVER = 60.0
"""The first answer comes when MLServer has been imported."""
SETTINGS = "model-settings.json"
REGISTERED = "registered"
LENT_TABLES = {"train": ((4,), 3000), "rows": ((6,), 500)}
LONGEST_LINE = 4 << 10
MOST_LINES = 3000
LARGEST_STATUS = 999
PRELOADED = ("pandas", "sklearn.ensemble", "sklearn.linear_model", "sklearn.pipeline", "skops.io", "mlflow.sklearn")
SERVERS = ("uvicorn", "uvicorn.loops.auto", "uvicorn.protocols.http.auto", "uvicorn.lifespan.on", "httptools", "uvloop")
WORTH_IMPORTING = ("fastapi", "starlette.testclient", "prometheus_client", "litestar", "mlflow.pyfunc.model", "flask")
KEPT_BACK = "what it printed is kept back, since it may quote rows that you are not to see"


def champion(proof: ServiceProof, mlflow: Mlflow) -> ModelVersion | None:
    """Return the version of the registered model that the alias names, if its model can be asked."""
    registered = next((each for each in mlflow.registered if each.name == proof.registered), None)
    if registered is None:
        return None
    number = registered.aliases.get(proof.alias)
    found = next((each for each in registered.versions if each.version == number), None)
    return found if found is not None and found.model is not None and found.model.ready else None


def serve_again(
    proof: ServiceProof, workspace: Workspace, evidence: Evidence, key: bytes, jail: Jail
) -> tuple[list[ServiceRun], list[EndpointScores]]:
    """Start the service in each of its ways, and return what it answered; and what the model says of live rows.

    Raises:
        Unavailable: MLflow stopped answering, or models to lend could not be made.
    """
    if evidence.mlflow is None:
        return [], []
    found = champion(proof, evidence.mlflow)
    try:
        files = brought(proof.files, workspace)
    except Unreadable as error:
        return _none(proof, f"the files for it {error}"), []
    repository = proof.mlserver and any(path.rpartition("/")[2] == SETTINGS for path in files)
    name = proof.app.split(":")[0].replace(".", "/")
    if not repository and not {f"{name}.py", f"{name}/__init__.py"} & files.keys():
        others = f"`{SETTINGS}`, and no " if proof.mlserver else ""
        return _none(proof, f"there is no {others}`{name}.py`"), []
    if found is None:
        return _none(
            proof, f"`{proof.registered}` has no version with the alias `{proof.alias}` whose model is whole"
        ), []
    with tempfile.TemporaryDirectory(prefix="checker-service-") as scratch:
        root = Path(scratch)
        problem = _fetch(found, workspace, evidence.mlflow.address, root / REGISTERED)
        if problem:
            return _none(proof, f"the model of version {clean(found.version, 20)}: {problem}"), []
        _write(root / "code", files)
        packages = _mlserver() if repository else None
        return _Proof(proof, evidence.workspace.seed, key, found, root, packages).have(jail)


def _none(proof: ServiceProof, problem: str) -> list[ServiceRun]:
    return [ServiceRun(service=proof.name, start=name, problem=problem) for name in proof.starts]


def _fetch(version: ModelVersion, workspace: Workspace, address: str, target: Path) -> str:
    """Copy the files of a version's model; return what is wrong with them, if anything is."""
    assert version.model is not None
    if workspace.carried:
        source = workspace.carried.models / version.model.model_id
        if not source.is_dir():
            return "its files are not in the submission"
        shutil.copytree(source, target)
        return ""
    try:
        with MlflowServer(address) as server:
            fetch_model(server, version.model, target)
    except ValueError as error:
        return str(error)
    return ""


def _mlserver() -> Path:
    """Return where MLServer is imported from."""
    tool = TOOLS["mlserver"]
    if not tool.ready:
        raise Unavailable(
            "MLServer is not installed",
            expected="its environment, which lies over the main one"
            + ("" if tool.fits else ", and a Python that it is made for: 3.11 or 3.12"),
            next_step="run `infra tool mlserver`, then check again",
        )
    return tool.packages


class _Proof:
    """One proof on its way: what each start is told, and what each model is asked."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it is about
        self, proof: ServiceProof, seed: int, key: bytes, version: ModelVersion, root: Path, packages: Path | None
    ) -> None:
        self.proof, self.seed, self.key, self.version, self.root = proof, seed, key, version, root
        self.packages = packages
        self.draw = random.Random(derive(key, "talk", proof.name, str(seed)))  # noqa: S311 - derived from a secret
        self.rows = list(hidden_rows(proof, seed, key, self.draw))
        self.scripts: dict[str, Script] = {}
        self.versions: dict[str, str] = {}

    def have(self, jail: Jail) -> tuple[list[ServiceRun], list[EndpointScores]]:
        """Run everything in the jail, and judge nothing."""
        proof, root = self.proof, self.root
        self._lend(jail)
        _write(root / "rows", {"rows.json": json.dumps([seen(row) for row in self.rows]).encode()})
        starts = {name: self._start(name) for name in proof.starts}
        wanted = {start.model: start.model for start in proof.starts.values() if start.scored}
        scores = {model: {"model": model, "rows": "rows"} for model in wanted}
        if proof.endpoint:
            live = json.dumps([seen(row) for row in live_rows(self.seed)]).encode()
            _write(root / "live", {"rows.json": live})
            scores["live"] = {"model": REGISTERED, "rows": "live"}
        request = {
            "app": proof.app,
            "seconds": PATIENCE * proof.seconds,
            "each": EACH_OF_MLSERVER if self.packages else EACH,
            "starts": starts,
            "scores": scores,
        }
        sources = b"\n".join(path.read_bytes() for path in (root / "code").rglob("*.py"))
        preload = [*PRELOADED, *SERVERS, *(each for each in WORTH_IMPORTING if each.split(".")[-1].encode() in sources)]
        count = len(starts) + len(scores)
        limits = Limits(PATIENCE * proof.seconds * count + STARTING, proof.seconds, resident=2 << 30)
        answer = jail.run("services", request, root, limits, preload)
        told = mapping(answer.value)
        said, asked = mapping(told.get("starts")), mapping(told.get("scores"))
        runs = [self._run(name, mapping(said.get(name)), asked, answer.problem) for name in proof.starts]
        found = [_scores(asked.get("live"))] if proof.endpoint else []
        return runs, [
            EndpointScores(endpoint=proof.endpoint, name=proof.registered, version=self.version.version, scores=each)
            for each in found
        ]

    def _lend(self, jail: Jail) -> None:
        """Make the models that the learner has never seen."""
        wanted = {start.model for start in self.proof.starts.values()} - {REGISTERED}
        if wanted:
            made = make_candidates(wanted, self.seed, self.key, jail, LENT_TABLES)
            for name in wanted:
                files = {path: content for path, content in made[name].items() if path.startswith("model/")}
                _write(self.root / name, {path.removeprefix("model/"): each for path, each in files.items()})

    def _start(self, name: str) -> dict[str, Any]:
        start = self.proof.starts[name]
        script = (TALKS | protocol_talks.TALKS)[start.talk](self.rows, self.draw)
        own = start.model == REGISTERED
        version = self.versions[name] = self.version.version if own else str(self.draw.randrange(1000, 9000))
        script = self.scripts[name] = script.about(version)
        talk = f"talk-{name}.json"
        (self.root / talk).write_text(json.dumps(script.told()), encoding="utf-8")
        environment = {
            "MODEL_NAME": self.proof.registered,
            "MODEL_VERSION": version,
            "RELEASE": str(self.draw.randrange(1, 50)),
        }
        if self.proof.mlserver:
            environment |= {"MLSERVER_MODEL_URI": MODEL_FOLDER, "MLSERVER_MODEL_VERSION": version}
        return {
            "code": "code",
            "model": start.model,
            "place": f"model-{self.draw.randrange(1 << 32):08x}",
            "talk": talk,
            "environment": environment,
            "packages": str(self.packages or ""),
        }

    def _run(self, name: str, told: Mapping[str, Any], asked: Mapping[str, Any], problem: str | None) -> ServiceRun:
        start, said = self.proof.starts[name], self.scripts[name].said()
        replies = tuple(_reply(mapping(each), said) for each in sequence(told.get("replies")))
        hidden = any(each.rows for each in replies)
        printed = told.get("printed")
        scores = _scores(asked.get(start.model)) if start.scored else ()
        if problem is None and start.scored and len(scores) != len(self.rows):
            why = mapping(asked.get(start.model)).get("problem", "it gives no scores")
            if start.model != REGISTERED:
                raise Unavailable(
                    f"the model for the start `{name}` gives no scores: {clean(why, 200)}",
                    expected="a machine with two free processors and 2 GiB of memory",
                    next_step="grade again when the machine has less to do",
                )
            problem = f"the registered model itself gives no scores: {clean(why, 300)}"
        return ServiceRun(
            service=self.proof.name,
            start=name,
            name=self.proof.registered,
            version=self.versions[name],
            rows=tuple(self.rows),
            scores=scores,
            replies=replies,
            sent_ids={each.name: sent for each in said.values() if (sent := _identity(each))},
            loads=tuple(_load(mapping(each)) for each in sequence(told.get("loads"))),
            log=_log(told.get("log"), told.get("log_size")),
            ended=clean(told.get("ended", ""), 200),
            printed=KEPT_BACK if hidden else printed if isinstance(printed, str) else "",
            problem=problem,
        )


def _identity(said: Said) -> str:
    return said.identity or said.headers.get("X-Request-ID", "")


def hidden_rows(proof: ServiceProof, seed: int, key: bytes, draw: random.Random) -> Iterator[Row]:
    """Yield rows that no learner has seen, and after them those on the bounds."""
    table = make_table(proof.rows, seed, key)
    chosen = draw.sample(range(len(table)), min(proof.at_most, len(table)))
    columns = {name: table[name].tolist() for name in FEATURE_COLUMNS}
    for number in chosen:
        yield named(draw, {name: columns[name][number] for name in FEATURE_COLUMNS})
    for edge in EDGES:
        yield named(draw, {name: value for name, value in LIKELY.items() if name != "transaction_id"} | dict(edge))


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir()
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def _scores(answer: Any) -> tuple[float, ...]:
    """Return finite numbers, or nothing: what comes from a cell may be anything."""
    numbers = [number_of(each) for each in sequence(answer)]
    return () if None in numbers else tuple(each for each in numbers if each is not None)


def _reply(told: Mapping[str, Any], said: Mapping[str, Said]) -> Reply:
    ask = str(told.get("ask", ""))
    known = said.get(ask)
    status, problem = told.get("status"), told.get("problem")
    kind = {"health": "health", "ready": "ready"}.get(ask, "other")
    return Reply.model_validate(
        {
            "ask": ask,
            "kind": known.kind if known else kind,
            "about": known.about if known else f"`GET /{ask}`",
            "rows": known.rows if known else (),
            "status": status if type(status) is int and abs(status) <= LARGEST_STATUS else None,
            "headers": {str(name): str(value) for name, value in mapping(told.get("headers")).items()},
            "text": str(told.get("text", "")),
            "problem": None if problem is None else clean(problem, 200),
        }
    )


def _load(told: Mapping[str, Any]) -> Load:
    rounds = [sequence(each) for each in sequence(told.get("rounds"))]
    return Load(
        name=str(told.get("name", "")),
        at_once=int(told.get("at_once", 1)),
        rounds=tuple((float(each[0]), float(each[1])) for each in rounds),
    )


def _log(text: Any, size: Any) -> tuple[Line, ...] | None:
    """Return the lines of the log; None where there is none. Of a log that is far too long, a line that says so."""
    if not isinstance(text, str):
        too_long = isinstance(size, int) and size > 0
        return (Line(number=1, problem="has more than a megabyte before it"),) if too_long else None
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    return tuple(_line(number, each) for number, each in enumerate(lines[:MOST_LINES], start=1))


def _line(number: int, text: str) -> Line:
    try:
        said = parse_json(text, LONGEST_LINE)
    except ForeignText as error:
        return Line(number=number, problem=f"is {clean(error, 80)}")
    if not isinstance(said, dict):
        return Line(number=number, problem="is no JSON object")
    return Line(number=number, said=mapping(said))
