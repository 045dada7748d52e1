"""Call a learner's controller of a rollout again and again, in futures that it has not seen, and note where it leads.

What comes in at a call depends on how the traffic was turned before it, so a future goes on only as long as the
controller does what the contract says: then everything that comes in can be dealt beforehand.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from checker.collect.reading import Unreadable
from checker.course import Lab
from checker.evidence.foreign import mapping, sequence
from checker.evidence.rollouts import CANDIDATE, CHAMPION, OTHER, SHADOW, RolloutCall, Turned
from checker.jail import PATIENCE, Jail, Limits
from checker.keys import derive
from checker.prove.commands import LARGEST_STATUS, brought
from checker.prove.futures import Story, plan_text, story
from checker.text import clean
from checker.workspace import Workspace

MODULE = "rollout"
GATES = 2
"""So many of the first futures must go well, or no other is tried."""
SECONDS = 20
"""Of CPU time, that one call may take."""
STARTING = 60
"""Seconds for the imports; each call has its own limit."""
ALL = 100
MOST_TURNED = 12
LONGEST = 200
APP, MODEL, CODE = "service:app", "models:/card-fraud/{}", "{:064x}"
PLAN, WHERE = "rollout.yaml", "where.yaml"
WORTH_IMPORTING = ("pandas", "numpy", "scipy.stats", "statsmodels.stats.proportion", "yaml", "click", "pydantic")
Files = dict[str, bytes]


@dataclass(frozen=True)
class Call:
    """One call of a future: what is new before it, and where it should lead."""

    future: str
    step: int
    put: Files
    log: bytes
    clock: str
    wanted: str


@dataclass(frozen=True)
class Start:
    """Where a future begins: the files in the folder, and the state of the platform's stand-in."""

    story: Story
    files: Files
    state: dict[str, Any]


def roll_out_again(lab: Lab, workspace: Workspace, key: bytes, jail: Jail) -> list[RolloutCall]:
    """Call the controller future by future, and return where each call led."""
    proof, seed = lab.proofs.rollout, workspace.identity.seed
    if proof is None:
        return []
    starts = {name: begin(name, lab.evidence.endpoints[0], seed, key) for name in proof.futures}
    calls = {name: [*plan(name, starts[name])] for name in starts}
    try:
        files = brought(proof.files, workspace)
    except Unreadable as error:
        return _none(calls, f"is not there: the files for it {error}")
    if not {f"{MODULE}.py", f"{MODULE}/__main__.py"} & files.keys():
        return _none(calls, f"is not there: no `{MODULE}.py`, and no `{MODULE}/__main__.py`")
    with tempfile.TemporaryDirectory(prefix="checker-rollout-") as scratch:
        root = Path(scratch)
        _write(root / "common", files)
        futures = {}
        for number, (name, start) in enumerate(starts.items()):
            _write(root / f"start-{number}", start.files)
            ticks = []
            for call in calls[name]:
                put = f"put-{number}-{call.step}"
                _write(root / put, call.put | {"log": call.log})
                ticks.append({"put": put, "clock": call.clock, "wanted": call.wanted})
            steps = start.story.future.plan["steps"]
            futures[name] = {
                "start": f"start-{number}",
                "state": start.state,
                "ticks": ticks,
                "champion": start.story.champion,
                "candidate": start.story.candidate,
                "steps": [str(each) for each in steps],
            }
        request = {"module": MODULE, "futures": futures, "gates": GATES, "seconds": PATIENCE * SECONDS}
        count = sum(map(len, calls.values()))
        limits = Limits(PATIENCE * SECONDS * (count + 1) + STARTING, SECONDS)
        answer = jail.run("rollouts", request, root, limits, _wanted(files))
    if answer.problem is not None:
        return _none(calls, f"came to no end: {answer.problem}")
    return [*_called(calls, starts, mapping(mapping(answer.value).get("futures")))]


def begin(name: str, deployment: str, seed: int, key: bytes) -> Start:
    """Deal a future, and return where it begins: the candidate has just been deployed as a shadow."""
    draw = random.Random(derive(key, "rollout", str(seed), name))  # noqa: S311 - derived from a secret
    begins = datetime(2026, 1, 5, 7, tzinfo=UTC) + timedelta(minutes=draw.randrange(200 * 24 * 60))
    dealt = story(name, draw, begins)
    old = {"weights": {str(dealt.champion): ALL}, "shadow": None}
    now = old | {"shadow": dealt.candidate}
    releases = [
        {
            "release": number,
            "app": APP,
            "model": MODEL.format(version),
            "code": CODE.format(draw.randrange(1 << 256)),
            "created": (begins - timedelta(hours=age)).isoformat(timespec="milliseconds"),
        }
        for number, version, age in (
            (dealt.champion - 1, 1, 900),
            (dealt.champion, draw.randrange(2, 5), 400),
            (dealt.candidate, draw.randrange(5, 9), 0),
        )
    ]
    first = {"weights": {str(dealt.champion - 1): ALL}, "shadow": None}
    journal = [
        _line(begins - timedelta(hours=900), dealt.champion - 1, first, {"weights": {}, "shadow": None}),
        _line(begins - timedelta(hours=400), dealt.champion, old, first),
        _line(begins, dealt.candidate, now, old),
    ]
    where = {
        "deployment": deployment,
        "address": f"http://serving.example/{deployment}",
        "journal": "journal.jsonl",
        "predictions": "predictions.jsonl",
        "labels": "labels.csv",
    }
    state = {
        "name": deployment,
        "address": where["address"],
        "releases": releases,
        **now,
        "earlier": [old, first],
        "calls": [],
    }
    files = {
        PLAN: plan_text(dealt.future.plan, draw).encode(),
        WHERE: "".join(f"{name}: {json.dumps(value)}\n" for name, value in where.items()).encode(),
        "journal.jsonl": "".join(f"{json.dumps(line)}\n" for line in journal).encode(),
        "predictions.jsonl": dealt.before(),
    }
    return Start(dealt, files, state)


def _line(at: datetime, release: int, after: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    told = {"at": at.isoformat(timespec="milliseconds"), "event": "deploy", "release": release}
    return {**told, **after, "before": dict(before)}


def plan(name: str, start: Start) -> Iterator[Call]:
    """Yield the calls of a future."""
    for number, chunk in enumerate(start.story.chunks()):
        put = {"labels.csv": chunk.labels} if chunk.labels is not None else {}
        yield Call(name, number, put, chunk.log, chunk.clock.isoformat(timespec="milliseconds"), chunk.wanted)


def _wanted(files: Files) -> list[str]:
    sources = b"\n".join(content for path, content in files.items() if path.endswith(".py"))
    return [name for name in WORTH_IMPORTING if name.split(".")[0].encode() in sources]


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir()
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def _none(calls: Mapping[str, Sequence[Call]], problem: str) -> list[RolloutCall]:
    return [_call(call, problem=clean(problem, 500)) for each in calls.values() for call in each]


def _call(call: Call, **told: Any) -> RolloutCall:
    return RolloutCall(future=call.future, step=call.step, wanted=call.wanted, **told)


def _called(
    calls: Mapping[str, Sequence[Call]], starts: Mapping[str, Start], told: Mapping[str, Any]
) -> Iterator[RolloutCall]:
    """Yield what came of each call; all of it comes from beside learner code."""
    for name, those in calls.items():
        answers = sequence(told.get(name))
        dealt, stood, broken = starts[name].story, SHADOW, ""
        for call in those:
            said = mapping(answers[call.step]) if call.step < len(answers) else {}
            problem = said.get("problem")
            if not said:
                problem = broken or "was not tried, since one of the first futures did not go as it should"
            if problem is not None:
                broken = "was not tried, since a call before did not come to its end" if said else broken
                yield _call(call, stood=stood, problem=clean(problem, 500))
                continue
            status, state = said.get("status"), mapping(said.get("state"))
            stands = standing(state, dealt.champion, dealt.candidate, dealt.future.plan["steps"])
            yield _call(
                call,
                stood=stood,
                stands=stands,
                traffic=in_words(state, dealt.champion, dealt.candidate),
                status=status if type(status) is int and abs(status) <= LARGEST_STATUS else None,
                printed=_text(said.get("printed"), 4000),
                said=_text(said.get("said"), 2000),
                lines=lines if type(lines := said.get("lines")) is int else 0,
                turned=tuple(_turned(state.get("calls"))),
            )
            broken = "was not tried, since a call before did not lead where it should"
            stood = stands


def standing(state: Mapping[str, Any], champion: int, candidate: int, steps: Sequence[int]) -> str:
    """Return where a rollout stands by the traffic."""
    weights = mapping(state.get("weights"))
    shares = {name: share for name, share in weights.items() if type(share) is int and share}
    shadow = state.get("shadow")
    mine, other = shares.get(str(candidate), 0), shares.get(str(champion), 0)
    if sum(shares.values()) != ALL or mine + other != ALL:
        return OTHER
    if mine == 0:
        return SHADOW if shadow == candidate else CHAMPION if shadow is None else OTHER
    if mine == ALL:
        return CANDIDATE
    return str(mine) if mine in steps else OTHER


def in_words(state: Mapping[str, Any], champion: int, candidate: int) -> str:
    """Return who gets what, for a message."""
    names = {str(champion): "the champion", str(candidate): "the candidate"}
    weights = mapping(state.get("weights"))
    parts = [f"{names.get(each, 'another release')} gets {clean(share, 10)}%" for each, share in weights.items()]
    shadow = state.get("shadow")
    if shadow is not None:
        parts.append(f"{names.get(str(shadow), 'another release')} is a shadow")
    return ", ".join(parts[:4]) or "nobody gets anything"


def _turned(calls: Any) -> Iterator[Turned]:
    for call in sequence(calls)[:MOST_TURNED]:
        words, status = mapping(call).get("words"), mapping(call).get("status")
        if isinstance(words, str) and type(status) is int and abs(status) <= LARGEST_STATUS:
            yield Turned(words=clean(words, LONGEST), status=status)


def _text(value: Any, largest: int) -> str:
    return value[:largest].encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else ""
