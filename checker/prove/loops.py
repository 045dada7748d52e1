"""Call a learner's closed loop for months that they have not seen, and measure whom it made champion.

Nothing but what is in a month's file tells one future from another: which name each has is drawn from the key.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.collect.reading import Unreadable
from checker.course import Lab
from checker.declarations import LoopProof, LoopStep
from checker.errors import Unavailable
from checker.evidence.foreign import ForeignText, mapping, parse_json, sequence
from checker.evidence.loops import LoopModel, LoopRun, Registered
from checker.jail import PATIENCE, Answer, Jail, Limits
from checker.keys import derive
from checker.prove.commands import KEPT_BACK, LARGEST_STATUS, brought
from checker.recipes import make_table, sha256
from checker.text import clean
from checker.workspace import Workspace
from checker.world.facts import LABEL, YEAR

if TYPE_CHECKING:
    from checker.world import Table

STARTING = 120
"""Seconds for the imports and the first champion; each call has its own limit."""
MONTHS = range(4, 13)
MOST_CALLS = 20
LONGEST_NAME = 120
PRELOADED = (
    *("pandas", "sklearn.ensemble", "sklearn.linear_model", "sklearn.pipeline", "sklearn.metrics", "skops.io"),
    *("mlflow.sklearn", "mlflow.store.tracking.sqlalchemy_store", "mlflow.store.model_registry.sqlalchemy_store"),
)
"""What makes the first champion, and reads and writes the registry."""
WORTH_IMPORTING = ("kfp.local", "kfp.dsl", "mlflow.pyfunc.model", "scipy.stats", "sklearn.model_selection")
Files = dict[str, bytes]


@dataclass
class Call:
    """One call of a chain: its month, the file that is put there before it, if any, and the rows that are kept back."""

    chain: str
    step: int
    month: str
    path: str
    hidden: bool
    content: bytes
    new: bool
    kept: Table | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Start:
    """What the first champion is made from: the file of its month, and what everything random begins from."""

    reference: bytes
    seed: int


def close_again(
    proof: LoopProof, lab: Lab, workspace: Workspace, key: bytes, jail: Jail
) -> tuple[list[LoopRun], list[LoopModel]]:
    """Call the loop chain by chain; return what each call did, and how good the champions are that it made.

    Raises:
        Unavailable: no first champion could be made, which is not the learner's fault.
    """
    seed = workspace.identity.seed
    calls = [*plan(proof, seed, key)]
    try:
        files = brought(proof.files, workspace)
    except Unreadable as error:
        return _none(proof, calls, f"is not there: the files for it {error}"), []
    if not {f"{proof.module}.py", f"{proof.module}/__main__.py"} & files.keys():
        return _none(proof, calls, f"is not there: no `{proof.module}.py`, and no `{proof.module}/__main__.py`"), []
    fixture = next(each for each in lab.fixtures if each.path == proof.reference)
    start = Start(
        make_table(fixture, seed).to_csv(), int.from_bytes(derive(key, "champion", str(seed))[:4], "big") >> 1
    )
    answer = _ask(proof, start, calls, files, jail)
    told = mapping(answer.value)
    problem = answer.problem or told.get("problem")
    if "chains" not in told and answer.problem is None:
        raise Unavailable(
            f"the registry for the loop could not be made: {clean(problem, 300)}",
            expected="a machine with two free processors and 2 GiB of memory",
            next_step="grade again when the machine has less to do",
        )
    if answer.problem is not None:
        return _none(proof, calls, f"came to no end: {answer.problem}"), []
    return [*_runs(proof, calls, told)], [*_models(proof, calls, mapping(told.get("scores")))]


def plan(proof: LoopProof, seed: int, key: bytes) -> Iterator[Call]:
    """Yield all calls in order, with what is put into the folder before each."""
    draw = random.Random(derive(key, "futures", str(seed)))  # noqa: S311 - derived from a secret
    first = next(iter(proof.chains))
    for chain, steps in proof.chains.items():
        names = [*dict.fromkeys(step.name for step in steps)]
        if chain == first:
            # What the learner has as well goes by the name that it has there.
            own = [step.data.months[0] for step in steps if step.data is not None]
            months = own if len(own) == len(names) else sorted(draw.sample(MONTHS, len(names)))
        else:
            months = sorted(draw.sample(MONTHS, len(names)))
        month_of = {name: f"{YEAR}-{month:02d}" for name, month in zip(names, months, strict=True)}
        now: dict[str, Call] = {}
        for number, step in enumerate(steps):
            before, month = now.get(step.name), month_of[step.name]
            if step.data is None and before is not None:
                call = Call(chain, number, month, before.path, before.hidden, before.content, new=False)
            else:
                handed, kept = tables(proof, step, seed, key)
                hidden = step.data is not None and step.data.holdout
                call = Call(chain, number, month, f"data/{month}.csv", hidden, handed.to_csv(), new=True, kept=kept)
            now[step.name] = call
            yield call


def tables(proof: LoopProof, step: LoopStep, seed: int, key: bytes) -> tuple[Table, Table | None]:
    """Return what a step hands to the loop, and of a hidden month the rows that are kept, with their true labels."""
    import numpy as np

    assert step.data is not None
    whole = make_table(step.data, seed, key)
    for name, factor in step.scaled.items():
        whole = whole.with_columns({name: np.round(whole[name] * factor, 3)})
    if not step.data.holdout:
        return whole, None
    order = np.arange(len(whole))
    mine = order * proof.given % len(whole) < proof.given
    handed, kept = whole.take(mine), whole.take(~mine)
    labels = handed[LABEL].copy()
    if step.dealt:
        draw = random.Random(derive(key, "dealt", str(seed), step.name))  # noqa: S311 - derived from a secret
        rows = [row for row in range(len(labels)) if draw.random() < step.dealt]
        labels[rows] = labels[draw.sample(rows, len(rows))]
    if step.known < 1:
        texts = labels.astype("U1")
        texts[round(step.known * len(texts)) :] = ""
        return handed.with_columns({LABEL: texts}), kept
    return handed.with_columns({LABEL: labels}), kept


def _ask(proof: LoopProof, start: Start, calls: Sequence[Call], files: Files, jail: Jail) -> Answer:
    chains: dict[str, list[dict[str, str]]] = {}
    with tempfile.TemporaryDirectory(prefix="checker-loop-") as scratch:
        root = Path(scratch)
        _write(root / "common", files)
        _write(root / "start", {proof.reference: start.reference})
        rows: Files = {}
        for number, call in enumerate(calls):
            put = f"put-{number}" if call.new else ""
            if call.new:
                _write(root / put, {call.path: call.content})
            if call.kept is not None:
                rows[f"{call.chain}-{call.step}.json"] = _as_json(call.kept)
            chains.setdefault(call.chain, []).append({"month": call.month, "put": put})
        _write(root / "rows", rows)
        request = {
            "name": proof.registered,
            "module": proof.module,
            "month": Path(proof.reference).stem,
            "seed": start.seed,
            "chains": chains,
            "seconds": PATIENCE * proof.seconds,
        }
        limits = Limits(PATIENCE * proof.seconds * (len(calls) + 1) + STARTING, proof.seconds)
        return jail.run("loops", request, root, limits, _wanted(files))


def _as_json(table: Table) -> bytes:
    return json.dumps({name: column.tolist() for name, column in table.items() if name != LABEL}).encode()


def _wanted(files: Files) -> list[str]:
    sources = b"\n".join(content for path, content in files.items() if path.endswith(".py"))
    return [*PRELOADED, *(name for name in WORTH_IMPORTING if name.split(".")[0].encode() in sources)]


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir()
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def _none(proof: LoopProof, calls: Sequence[Call], problem: str) -> list[LoopRun]:
    return [_run(proof, call, problem=clean(problem, 500)) for call in calls]


def _run(proof: LoopProof, call: Call, **told: Any) -> LoopRun:
    return LoopRun(
        loop=proof.name, chain=call.chain, step=call.step, month=call.month, sha256=sha256(call.content), **told
    )


@dataclass(frozen=True)
class State:
    """What was there before a call."""

    champion: str = ""
    versions: frozenset[str] = frozenset()
    models: int = 0
    pipelines: frozenset[str] = frozenset()
    deployed: int = 0


def _runs(proof: LoopProof, calls: Sequence[Call], told: Mapping[str, Any]) -> Iterator[LoopRun]:
    """Yield what came of each call; all of it comes from beside learner code."""
    chains = mapping(told.get("chains"))
    start = _after(State(), mapping(told.get("start")), (), ())
    state, broken = start, ""
    for call in calls:
        if call.step == 0:
            state, broken = start, ""
        answers = sequence(chains.get(call.chain))
        said = mapping(answers[call.step]) if call.step < len(answers) else {}
        registry = mapping(said.get("registry"))
        problem = said.get("problem") or registry.get("problem")
        if not said:
            problem = (
                broken or "was not tried, since the first call did not end with status 0, or trained or moved something"
            )
        if problem is not None:
            broken = f"was not tried, since the call before did not come to its end: it {problem}"
            yield _run(proof, call, problem=clean(problem, 500))
            continue
        pipelines = tuple(
            clean(each, LONGEST_NAME) for each in sequence(said.get("pipelines")) if isinstance(each, str)
        )
        deployed = tuple(_calls(said.get("deployed")))
        before, state = state, _after(state, registry, pipelines, deployed)
        status, printed, text = said.get("status"), said.get("printed"), said.get("said")
        yield _run(
            proof,
            call,
            status=status if type(status) is int and abs(status) <= LARGEST_STATUS else None,
            printed=KEPT_BACK if call.hidden else printed if isinstance(printed, str) else "",
            said=text if isinstance(text, str) else None,
            before=before.champion,
            champion=state.champion,
            versions=tuple(
                Registered(version=number, tags=_tags(each), made=number not in before.versions)
                for number, each in mapping(registry.get("versions")).items()
            ),
            models=max(0, state.models - before.models),
            pipelines=tuple(sorted(state.pipelines - before.pipelines)),
            deployed=deployed[before.deployed :],
        )


def _after(before: State, registry: Mapping[str, Any], pipelines: Sequence[str], deployed: Sequence[str]) -> State:
    champion, models = registry.get("champion"), registry.get("models")
    return State(
        champion=champion if isinstance(champion, str) else "",
        versions=frozenset(mapping(registry.get("versions"))),
        models=models if type(models) is int else before.models,
        pipelines=frozenset(pipelines),
        deployed=len(deployed),
    )


def _tags(version: Any) -> dict[str, str]:
    return {key: value for key, value in mapping(mapping(version).get("tags")).items() if isinstance(value, str)}


def _calls(text: Any) -> Iterator[str]:
    """Yield what the alias named at each call of the deployment."""
    for line in (text if isinstance(text, str) else "").splitlines()[:MOST_CALLS]:
        try:
            champion = mapping(parse_json(line)).get("champion")
        except ForeignText:
            champion = None
        yield clean(champion, 20) if isinstance(champion, str) else ""


def _models(proof: LoopProof, calls: Sequence[Call], scores: Mapping[str, Any]) -> Iterator[LoopModel]:
    for call in calls:
        both = mapping(scores.get(f"{call.chain}-{call.step}"))
        if call.kept is None or not both:
            continue
        labels = [int(each) for each in call.kept[LABEL].tolist()]
        made = LoopModel(loop=proof.name, chain=call.chain, step=call.step, frauds=sum(labels))
        before, after = (_numbers(both.get(name), len(labels)) for name in ("before", "after"))
        if isinstance(after, str):
            yield made.model_copy(update={"problem": after})
            continue
        was = 0.0 if isinstance(before, str) else average_precision(labels, before)
        yield made.model_copy(update={"before": was, "after": average_precision(labels, after)})


def _numbers(answer: Any, rows: int) -> list[float] | str:
    """Return one finite number for each row, or why there are none."""
    if isinstance(answer, list) and len(answer) == rows:
        numbers = [float(each) for each in answer if isinstance(each, int | float) and abs(each) < 1e300]
        return numbers if len(numbers) == rows else "answers with something that is no number"
    problem = mapping(answer).get("problem")
    # Its words may quote rows that nobody is to see.
    shown = isinstance(problem, str) and problem.startswith(("is not there", "did not", "used more", "ended"))
    return clean(problem, 200) if shown else "cannot be asked, or does not answer with one number for each row"


def average_precision(labels: Sequence[int], scores: Sequence[float]) -> float:
    """The average precision, as scikit-learn has it: rows with the same score count together."""
    pairs = sorted(zip(scores, labels, strict=True), reverse=True)
    total, found, seen, area = sum(labels), 0, 0, 0.0
    at = 0
    while at < len(pairs):
        end, hits = at, 0
        while end < len(pairs) and pairs[end][0] == pairs[at][0]:
            hits += pairs[end][1]
            end += 1
        found, seen, at = found + hits, end, end
        area += hits * found / seen
    return area / total if total else 0.0
