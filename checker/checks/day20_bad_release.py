"""Day 20: a bad release is taken back in time, everywhere that it stands, and what was wrong with it is named."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from checker.check import check, expect, fail
from checker.checks.scoring_service import wrong_answer
from checker.evidence import View
from checker.evidence.foreign import mapping, number_of, parse_json, sequence
from checker.evidence.services import Change, Deployment, Endpoint, Release
from checker.text import clean, plural

MODEL, ALIAS, DEPLOYMENT = "day20-card-fraud", "champion", "day20-fraud"
INCIDENT = "incident.yaml"
CLASSES = ("preprocessing", "stale_features", "threshold", "slow", "leak", "model")
MINUTES = 60
SLOWER = 3.0
"""A release that takes so many times as long is slow: what is slow takes far more, what is not about as long."""
ROUNDED = 2.0
FEWEST_REASONS, FEWEST_WORDS = 3, 6
LARGEST_NUMBER = 1e9
ROLL_BACK = f"run `infra rollback {DEPLOYMENT}`, then `infra deployments`"
ANEW = "`checker start 20 --reset` begins a new incident with the same fault; what you found out stays true"


@dataclass(frozen=True)
class Recovery:
    """The two releases, and the minutes from the bad one's deployment until only the good one served."""

    good: tuple[int, ...]
    bad: int
    minutes: float


@check(points=2)
def rolled_back(lab: View) -> Recovery:
    """All requests to `day20-fraud` go to the release that served before the bad one, or to another with the same code
    and the same version of the model: nothing mended, nothing new. The platform's journal shows how it came there from
    the bad release without a moment in which nothing was deployed (no `infra undeploy`), and it fits what is deployed.
    """
    endpoint = lab.endpoints.get(DEPLOYMENT)
    deployment = endpoint.deployment
    given, own = _parts(endpoint.journal, lab.workspace.started)
    gone = next((each for each in own if each.event == "undeploy"), None)
    expect(
        not gone,
        found=f"`{DEPLOYMENT}` was undeployed at {gone.at:%H:%M} UTC" if gone and gone.at else "it was undeployed",
        expected="a service that answers all the time, and releases that are still there",
        next_step=ANEW,
    )
    expect(
        deployment.present and not deployment.problem and deployment.serving,
        found=f"the deployment `{DEPLOYMENT}`: {clean(deployment.problem or 'nothing of this name gets traffic')}",
        expected=f"`{DEPLOYMENT}` as it was handed to you, with other traffic",
        next_step=ANEW,
    )
    good = tuple(each.release for each in deployment.releases if _is(each, lab.prepared["good"]))
    bad = [each.release for each in deployment.releases if _is(each, lab.prepared["bad"])]
    strange = next((each for each in deployment.serving if each.release not in good), None)
    if strange is not None:
        fail(found=_why_strange(deployment, strange, lab), expected="all of it goes to the release that worked",
             next_step=ROLL_BACK)  # fmt: skip
    known = bool(given and given[-1].event == "deploy" and given[-1].release in bad)
    whole = [given[-1], *own] if given else own
    chained = all(one.weights == two.before for one, two in pairwise(whole))
    fits = known and chained and _served(whole[-1]) == {each.release for each in deployment.serving}
    back = next((n for n in range(len(own)) if all(_served(each) <= set(good) for each in own[n:])), None)
    if not fits or back is None or not all(each.at for each in own):
        fail(
            found=f"a journal with {plural(len(own), 'change')} since the start, which does not lead from the release "
            "that you were handed to what is deployed now",
            expected="the journal as the platform writes it",
            next_step=ANEW,
        )
    begun, ended = given[-1].at, own[back].at
    assert begun is not None and ended is not None
    assert given[-1].release is not None
    return Recovery(good, given[-1].release, (ended - begun).total_seconds() / 60)


@check(points=1, needs=rolled_back)
def recovered_in_time(lab: View, recovery: Recovery) -> None:
    """By the journal, at most 60 minutes passed from the deployment of the bad release (when `checker start` handed it
    to you) until only the good release served, for good. Whoever is late begins a new incident with `checker start 20
    --reset`: it has the same fault, so what was found out stays true.
    """
    expect(
        0 <= recovery.minutes <= MINUTES,
        found=f"{recovery.minutes:.0f} minutes from the deployment until only the good release served",
        expected=f"at most {MINUTES} minutes: stop the harm first, and look for its cause afterwards",
        next_step=ANEW,
    )


@check(points=1, needs=rolled_back)
def customers_are_served(lab: View, recovery: Recovery) -> None:
    """Through the platform's address, `day20-fraud` is healthy and gives payments that you have not seen the scores and
    decisions that the good release gave before the incident.
    """
    endpoint = lab.endpoints.get(DEPLOYMENT)
    logs = f"run `infra deployments` and `infra logs {DEPLOYMENT}-{recovery.good[0]}`"
    for ask in ("health", "ready"):
        reply = endpoint.reply(ask)
        expect(
            reply is not None and reply.fine,
            found=f"`GET /{DEPLOYMENT}/{ask}`: {reply.told if reply else 'nothing came back'}",
            expected="status 200",
            next_step=logs,
        )
    questions, answers = lab.prepared["questions"], lab.prepared["answers"]
    version = lab.prepared["good"]["version"]
    for ask, count in (("batch", len(questions)), ("single", 1)):
        wrong = _wrong(endpoint, ask, version, questions[:count], answers[:count])
        expect(
            not wrong,
            found=f"`POST /{DEPLOYMENT}/predict`: {wrong}",
            expected="what the good release answers with its model",
            next_step=f"leave the platform's folders as they are; {ANEW}",
        )


@check(points=2)
def registry_agrees(lab: View) -> None:
    """In the registry, `day20-card-fraud` still has both versions, and says what is true now. The alias `champion`
    names the version that serves again, whose tag `status` is `live`. The version of the bad release has the tag
    `status` with the value `rolled-back`, and a tag `reason` of three words or more that say why it was taken back.
    """
    registered = lab.mlflow.registered_model(MODEL)
    good, bad = lab.prepared["good"]["version"], lab.prepared["bad"]["version"]
    versions = {each.version: each for each in registered.versions}
    missing = [each for each in (good, bad) if each not in versions]
    expect(
        not missing,
        found=f"no version {', '.join(missing)} of `{MODEL}`",
        expected="both versions: whoever reads it next year must see what was tried",
        next_step=ANEW,
    )
    named = registered.aliases.get(ALIAS)
    expect(
        named == good,
        found=f"`{ALIAS}` names {'no version' if named is None else f'version {clean(named, 20)}'}",
        expected="the version that serves again: the next deployment by alias would bring the bad release back",
        next_step=f"`mlflow.MlflowClient().set_registered_model_alias('{MODEL}', '{ALIAS}', VERSION)`",
    )
    for version, wanted in ((good, "live"), (bad, "rolled-back")):
        status = versions[version].tags.get("status")
        expect(
            re.sub(r"[\s_-]+", "-", (status or "").strip().lower()) == wanted,
            found=f"version {version} has the tag `status`: {clean(repr(status), 60)}",
            expected=f"`{wanted}`",
            next_step=f"`mlflow.MlflowClient().set_model_version_tag('{MODEL}', '{version}', 'status', ...)`",
        )
    reason = versions[bad].tags.get("reason", "")
    expect(
        _words(reason) >= FEWEST_REASONS,
        found=f"version {bad} has the tag `reason`: {clean(repr(reason), 80)}",
        expected="why it was taken back, in three words or more",
        next_step=f"`mlflow.MlflowClient().set_model_version_tag('{MODEL}', '{bad}', 'reason', ...)`",
    )


@check(points=1, needs=rolled_back)
def incident_is_written(lab: View, recovery: Recovery) -> dict[str, Any]:
    """`incident.yaml` is a YAML mapping with the fields of the End state's table. `bad_release` and `good_release` are
    the numbers of the release that did harm and of the one that served before it; `minutes_to_recover` is what the
    journal says, to within 2 minutes; `because` and `prevent` have six words or more each, and are not the same.
    """
    told = lab.files.read_yaml(INCIDENT, f"write `{INCIDENT}` with the fields of the End state")
    expect(
        isinstance(told, dict),
        found=f"`{INCIDENT}` is a {type(told).__name__}",
        expected="a mapping: one field a line, such as `fault: slow`",
        next_step=f"write `{INCIDENT}` with the fields of the End state",
    )
    said = mapping(told)
    for name, right in (("bad_release", {recovery.bad}), ("good_release", set(recovery.good))):
        expect(
            _number(said.get(name)) in right,
            found=f"`{name}`: {_shown(said, name)}",
            expected="the number that `infra deployments` and the log of predictions give to that release",
            next_step=f"mend `{name}` in `{INCIDENT}`",
        )
    minutes = _number(said.get("minutes_to_recover"))
    expect(
        minutes is not None and abs(minutes - recovery.minutes) <= ROUNDED,
        found=f"`minutes_to_recover`: {_shown(said, 'minutes_to_recover')}",
        expected="the minutes between two lines of the journal: the bad release is deployed, and only the good one "
        "serves, for good",
        next_step="`where.yaml` says where the journal lies; take the difference of `at`",
    )
    texts = [" ".join(each.split()) if isinstance(each := said.get(name), str) else "" for name in _TEXTS]
    for name, text in zip(_TEXTS, texts, strict=True):
        expect(
            _words(text) >= FEWEST_WORDS,
            found=f"`{name}`: {_shown(said, name)}",
            expected="a sentence of six words or more",
            next_step=f"write down {_TEXTS[name]} in `{INCIDENT}`",
        )
    expect(
        texts[0].lower() != texts[1].lower(),
        found="`because` and `prevent` are the same sentence",
        expected="what was wrong, and what will keep it from happening again",
        next_step=f"mend `prevent` in `{INCIDENT}`",
    )
    return said


_TEXTS = {
    "because": "what was wrong, and what it did to customers",
    "prevent": "what keeps it from happening again",
}


@check(points=1, needs=incident_is_written)
def figures_are_measured(lab: View, said: dict[str, Any]) -> dict[str, float]:
    """The three figures of `incident.yaml` compare the code of the two releases, both with the model of the good one,
    on the 400 payments of `data/replay.csv`: `scores_changed` counts the payments whose score differs by more than
    1e-6, `decisions_changed` those whose decision differs, and `times_slower` is how many times as long the bad code
    takes for a request with one payment (medians). The counts are exact; of the ratio counts whether it is 3 or more.
    """
    step = "replay the payments with both codes and the same model, as task 3 says, and count again"
    found: dict[str, float] = {}
    for name, right in lab.prepared["figures"].items():
        number = _number(said.get(name))
        expect(
            number == right,
            found=f"`{name}`: {_shown(said, name)}",
            expected="the number of payments in `data/replay.csv` for which it differs, when only the code does",
            next_step=step,
        )
        found[name] = right
    times = _number(said.get("times_slower"))
    expect(
        times is not None and times > 0 and (times >= SLOWER) == (lab.prepared["fault"] == "slow"),
        found=f"`times_slower`: {_shown(said, 'times_slower')}",
        expected="the median time of a request with one payment to the bad code, divided by that to the good code",
        next_step="measure again, with 30 requests to each and in turn, while nothing else runs",
    )
    assert times is not None
    return found | {"times_slower": times}


@check(points=2, needs=figures_are_measured)
def fault_is_named(lab: View, figures: dict[str, float]) -> None:
    """In `incident.yaml`, `fault` is the class of what was wrong, one of the six words of the End state's table, and
    `file` the name of the file in which it was: of the bad release's code, or `scorecard.json` of its model.
    """
    said = mapping(lab.files.read_yaml(INCIDENT))
    kind, file = said.get("fault"), said.get("file")
    expect(
        isinstance(kind, str) and kind.strip().lower().replace("-", "_") in CLASSES,
        found=f"`fault`: {_shown(said, 'fault')}",
        expected=f"one of the words {', '.join(CLASSES)}",
        next_step=f"mend `fault` in `{INCIDENT}`",
    )
    kind = str(kind).strip().lower().replace("-", "_")
    against = _contradiction(kind, figures)
    expect(
        not against,
        found=f"`fault: {kind}`, and by your own figures {against}",
        expected="a fault that explains what was measured",
        next_step="read the table of the six faults again, each beside your three figures",
    )
    name = str(file).strip().replace("\\", "/").rsplit("/", 1)[-1].lower() if isinstance(file, str) else ""
    expect(
        (kind, name) == (lab.prepared["fault"], lab.prepared["file"]),
        found=f"`fault: {kind}` in `file`: {_shown(said, 'file')}, which is not what was wrong",
        expected="the class and the file of the one change that did harm",
        next_step="put one file of the good release at a time into a copy of the bad one, and replay after each: what "
        "goes away with which file? Compare whole answers and the lines of the log too, and both models in one code",
    )


def _contradiction(kind: str, figures: Mapping[str, float]) -> str:
    """Return what of the figures does not go together with a fault, in words; empty where all does."""
    scores, decisions, slow = (
        figures["scores_changed"] > 0,
        figures["decisions_changed"] > 0,
        figures["times_slower"] >= SLOWER,
    )
    if kind in {"preprocessing", "stale_features"}:
        return "" if scores else "the code changes no score when the model is the same"
    if scores:
        return "the code changes scores when the model is the same"
    if kind == "threshold":
        return "" if decisions else "the code changes no decision when the model is the same"
    if decisions:
        return "the code changes decisions when the model is the same"
    if kind == "slow":
        return "" if slow else "the bad code is about as fast as the good one"
    return "the bad code is far slower than the good one" if slow else ""


def _parts(journal: Sequence[Change], started: datetime) -> tuple[list[Change], list[Change]]:
    """Return what was done before the workspace was handed over, and since."""
    # Lines of earlier incidents may have any time, where a clock was wrong; the last one of before ends them.
    count = max((n for n, each in enumerate(journal, start=1) if each.at and each.at <= started), default=0)
    return [*journal[:count]], [*journal[count:]]


def _is(release: Release, wanted: Mapping[str, Any]) -> bool:
    """Whether a release has this code and this version of the model."""
    return (release.code, release.model, release.version) == (wanted["code"], MODEL, wanted["version"])


def _served(change: Change) -> set[int]:
    return {int(name) for name, share in change.weights.items() if share > 0 and re.fullmatch(r"[0-9]{1,9}", name)}


def _why_strange(deployment: Deployment, release: Release, lab: View) -> str:
    share = deployment.weights.get(str(release.release), 0)
    found = f"release {release.release} gets {share} of 100 requests"
    good = lab.prepared["good"]
    if _is(release, lab.prepared["bad"]):
        return f"{found}, and is the one that you were handed"
    if release.code != good["code"]:
        return f"{found}, and its code is not that of the release that worked"
    return f"{found}, and serves version {clean(release.version, 20) or 'none'} of `{clean(release.model, 60)}`"


def _wrong(
    endpoint: Endpoint, ask: str, version: str, rows: Sequence[Mapping[str, Any]], answers: Sequence[Any]
) -> str:
    """Return what is wrong with an answer; empty where nothing is."""
    reply = endpoint.reply(ask)
    if reply is None:
        return "nothing came back"
    ids = [str(row["transaction_id"]) for row in rows]
    if wrong := wrong_answer(reply, ids, [score for score, _ in answers], MODEL, version):
        return wrong
    told = [mapping(each).get("decision") for each in sequence(mapping(parse_json(reply.text)).get("predictions"))]
    for name, one, (_, two) in zip(ids, told, answers, strict=True):
        if one != two:
            return f"the decision about `{name}` is {clean(repr(one), 40)} instead of `{two}`"
    return ""


def _number(value: Any) -> float | None:
    """Return a number that YAML had as one, or as a text."""
    if isinstance(value, str) and re.fullmatch(r"\s*\d{1,9}(\.\d{0,9})?\s*", value):
        value = float(value)
    number = number_of(value)
    return number if number is not None and abs(number) < LARGEST_NUMBER else None


def _words(text: str) -> int:
    return len(re.findall(r"\w+", text))


def _shown(said: Mapping[str, Any], name: str) -> str:
    return clean(repr(said[name]), 60) if name in said else "nothing"
