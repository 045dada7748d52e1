"""Day 21: a rollout by a written rule: shadow, steps, experiment; and back when a guardrail breaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from checker.check import check, expect, fail
from checker.checks.scoring_service import wrong_answer
from checker.evidence import View
from checker.evidence.foreign import mapping, number_of, sequence
from checker.evidence.proofs import SLOW
from checker.evidence.rollouts import CANDIDATE, CHAMPION, OTHER, SHADOW, RolloutCall
from checker.evidence.services import Change, Endpoint, Release
from checker.text import clean, plural

NAMESPACE, IMAGE = "mlops-labs-serving", "mlops-labs/course:"
DEPLOYMENT, PLAN, RECORD = "day21-fraud", "rollout.yaml", "decisions.jsonl"
ADVANCE, WAIT, PROMOTE, KEEP, ROLLBACK, IDLE = "advance", "wait", "promote", "keep", "rollback", "idle"
BETTER, NEWEST = "2", "3"
FEWEST, LARGEST_FIRST, LAST_STEP, ALL = 100, 10, 50, 100
MOST_STEPS, MOST_REQUESTS, MOST_CHANNEL = 20, 100_000, 50
LIMITS = {"errors": 0.05, "errors_in_channel": 0.3, "latency": 4.0, "disagreement": 0.3}
COSTS = {"missed_fraud": 20.0, "false_alarm": 4.0}
CONFIDENCE = 0.95
ROUNDED, TOO_MANY = 0.97, 3.0
FEWEST_WORDS = 4
TRY = "python -m rollout"
Rule = Mapping[str, Any]


@check(points=1)
def rule_is_written(lab: View) -> tuple[int, ...]:
    """`rollout.yaml` has the fields of the End state's table, with numbers that `policy.md` allows.
    `experiment.payments` is so large that a gain of 2.50 euros for each payment would be seen with 80% power at 95%
    confidence, with the standard deviation of the champion's costs in `data/pilot.csv`; and at most three times as
    large.
    """
    again = f"mend `{PLAN}`: the End state has its fields, `policy.md` what they may be"
    plan = mapping(lab.files.read_yaml(PLAN, again))
    expect(
        plan,
        found=f"`{PLAN}` is no mapping",
        expected="a YAML mapping with the fields of the End state",
        next_step=again,
    )
    for name, value in (("shadow.requests", _in(plan, "shadow", "requests")), ("requests", _in(plan, "requests"))):
        expect(
            _whole(value) and FEWEST <= value <= MOST_REQUESTS,
            found=f"`{name}`: {_shown(value)}",
            expected=f"a whole number of at least {FEWEST}: fewer requests say little",
            next_step=again,
        )
    steps = plan.get("steps")
    told = tuple(each for each in sequence(steps) if _whole(each))[:MOST_STEPS]
    expect(
        len(told) >= 2
        and list(told) == steps
        and list(told) == sorted(set(told))
        and 1 <= told[0] <= LARGEST_FIRST
        and told[-1] == LAST_STEP,
        found=f"`steps`: {_shown(steps)}",
        expected=f"at least two whole numbers, each larger than the one before, from at most {LARGEST_FIRST} to "
        f"{LAST_STEP}, as in `[10, 50]`",
        next_step=again,
    )
    for name, most in LIMITS.items():
        value = number_of(_in(plan, "guardrails", name))
        least = 1.0 if name == "latency" else 0.0
        expect(
            value is not None and least < value <= most,
            found=f"`guardrails.{name}`: {_shown(_in(plan, 'guardrails', name))}",
            expected=f"a number above {least:g}, at most {most:g}",
            next_step=again,
        )
    channel = _in(plan, "guardrails", "channel_requests")
    expect(
        _whole(channel) and 1 <= channel <= MOST_CHANNEL,
        found=f"`guardrails.channel_requests`: {_shown(channel)}",
        expected=f"a whole number from 1 to {MOST_CHANNEL}",
        next_step=again,
    )
    for name, wanted in COSTS.items():
        expect(
            number_of(_in(plan, "experiment", name)) == wanted,
            found=f"`experiment.{name}`: {_shown(_in(plan, 'experiment', name))}",
            expected=f"{wanted:g}, in euros",
            next_step=again,
        )
    confidence = number_of(_in(plan, "experiment", "confidence"))
    expect(
        confidence is not None and CONFIDENCE <= confidence < 1,
        found=f"`experiment.confidence`: {_shown(_in(plan, 'experiment', 'confidence'))}",
        expected=f"{CONFIDENCE}, or more and less than 1",
        next_step=again,
    )
    payments, needed = _in(plan, "experiment", "payments"), int(lab.prepared["needed"])
    expect(
        _whole(payments) and ROUNDED * needed <= payments <= TOO_MANY * needed,
        found=f"`experiment.payments`: {_shown(payments)}",
        expected="the sample size of task 1 for each release, and at most three times as many",
        next_step="`data/pilot.csv` has what the champion decided in August: the cost of each payment, their standard "
        "deviation, and the formula of task 1",
    )
    return told


@check(points=1)
def good_release_goes_through(lab: View) -> None:
    """`python -m rollout`, called whenever new requests have come in, brings a good candidate to all customers. It goes
    from the shadow to each of the `steps` of `rollout.yaml` in order, one with each call that finds enough requests,
    and from the last step to 100 when the labels say that it is cheaper. Called again when all is done, it turns
    nothing. Each call ends with status 0 and adds one line to `decisions.jsonl`: a JSON object with `decision`, one of
    the End state's six words, and `reason`, four words or more. The checker's `rollout.yaml` has other numbers than
    yours.
    """
    _follow(lab, "good", "a candidate that is better in every way", "run the whole of it on the platform, as in task 5")


@check(points=1, needs=good_release_goes_through)
def busy_hours_are_no_alarm(lab: View, _: None) -> None:
    """The same for a good candidate in bad times: all answers take five times as long and one request in eleven fails,
    with both releases; the candidate is slower than the champion, and within the limit. That is no reason to take it
    back. The labels come later than the requests: until then, it waits.
    """
    _follow(
        lab,
        "busy",
        "a good candidate while everything is slow and fails more often, for both releases",
        "compare with the champion in the same time: only lines since the last change of the traffic, and a "
        "difference or a ratio in place of a number of its own; with the limits of `rollout.yaml`",
    )


@check(points=1, needs=busy_hours_are_no_alarm)
def few_requests_decide_nothing(lab: View, _: None) -> None:
    """With fewer requests of the candidate since the last change of the traffic than `rollout.yaml` asks for
    (`shadow.requests`, then `requests`), a call turns nothing and writes `wait`, whatever the few requests look like.
    """
    _follow(
        lab,
        "few",
        "a good candidate, while few requests come in",
        "count the candidate's requests since the last change before you look at anything else: what was counted "
        "at the step before says nothing about this one",
    )


@check(points=1, needs=busy_hours_are_no_alarm)
def shadow_spares_customers(lab: View, _: None) -> None:
    """A candidate that as a shadow breaks a guardrail never gets a customer's request: one that fails, and one that
    stops as many payments as the champion, but others. The champion keeps all requests, the shadow is switched off, and
    the line says `rollback`. Called again, it turns nothing.
    """
    for future, what in (
        ("differs", "a shadow that stops as many payments as the champion, but others"),
        ("failing", "a shadow that fails"),
    ):
        _follow(
            lab,
            future,
            what,
            "pair the lines of both releases by `request_id`, and look at the guardrails before any step",
        )


@check(points=2, needs=busy_hours_are_no_alarm)
def bad_release_is_taken_back(lab: View, _: None) -> None:
    """A candidate that breaks a guardrail at a step loses all requests in that call, at whatever step it is: the
    champion alone gets 100, without a shadow, and the line says `rollback`. The checker tries one that fails only when
    it has more requests, one that fails in one channel only, and one that is slow for one request in eight, at the last
    step, before any label is known. Called again, it turns nothing.
    """
    for future, what, advice in (
        (
            "load",
            "a candidate that begins to fail at the second step",
            "the way back is `infra route NAME CHAMPION=100`: `infra rollback` goes back by one change only",
        ),
        (
            "slice",
            "a candidate that fails in one channel only",
            "the same share of errors, channel by channel, where the candidate has `channel_requests` lines or more",
        ),
        (
            "slow",
            "a candidate that at the last step is slow for one request in eight",
            "the 95th percentile of both, at the last step as well, whether there are labels or not",
        ),
    ):
        _follow(lab, future, what, advice)


@check(points=2, needs=busy_hours_are_no_alarm)
def experiment_is_judged_once(lab: View, _: None) -> None:
    """At the last step, a call waits until `experiment.payments` payments of each release have a label, and then
    judges once, by the mean cost of a payment: `promote` only where the whole interval for the difference, at the
    confidence of `rollout.yaml`, says that the candidate is cheaper. Otherwise it is `keep`, and the champion gets all
    requests again. The checker tries a candidate that makes fewer mistakes and dearer ones, and one that is as good as
    the champion and looks better in the first labels.
    """
    for future, what, advice in (
        (
            "worse",
            "a candidate that makes fewer mistakes, and dearer ones",
            "count euros: a missed fraud costs its amount and `missed_fraud`, a stopped honest payment `false_alarm`",
        ),
        (
            "equal",
            "a candidate that is as good as the champion, and lucky at first",
            "wait for all labels that the rule asks for, then look at the whole interval; a draw is no gain",
        ),
    ):
        _follow(lab, future, what, advice)


@check(
    points=1,
    needs=(
        rule_is_written,
        few_requests_decide_nothing,
        shadow_spares_customers,
        bad_release_is_taken_back,
        experiment_is_judged_once,
    ),
)
def rolled_out_here(lab: View, steps: tuple[int, ...], *_: None) -> Release:
    """On the platform, as its journal says since `checker start`: a release with version 2 of `day21-card-fraud` was
    deployed as a shadow, got the weights of your `steps` one after the other, and then 100. A release with version 3
    and the code in `releases/next` was deployed as a shadow, got the first step, and was taken back to the champion.
    Now all requests go to the release with version 2 and the code in `releases/now`; it answers payments that you have
    not sent as this version does. `decisions.jsonl` has a line with `promote` and one with `rollback`.
    """
    endpoint = lab.endpoints.get(DEPLOYMENT)
    deployment = endpoint.deployment
    again = "`python traffic.py --begin`, `infra undeploy day21-fraud` where it is deployed, and task 5 once more"
    expect(
        deployment.present and not deployment.problem and deployment.serving,
        found=f"the deployment `{DEPLOYMENT}`: {clean(deployment.problem or 'nothing of this name gets requests')}",
        expected="the release that was rolled out",
        next_step="task 5 from its beginning",
    )
    codes, model = lab.prepared["codes"], lab.prepared["model"]
    journal = [each for each in endpoint.journal if each.at and each.at > lab.workspace.started]
    journal = journal[max((n for n, each in enumerate(journal, 1) if each.event == "undeploy"), default=0) :]
    good = [each.release for each in deployment.releases if _is(each, model, BETTER, codes["now"])]
    bad = [each.release for each in deployment.releases if _is(each, model, NEWEST, codes["next"])]
    ways = {release: _way(journal, release) for release in (*good, *bad)}
    whole = (0, *steps, ALL)
    through = next((each for each in good if _went(ways[each], whole)), None)
    expect(
        through is not None,
        found=_came("version 2", good, ways),
        expected=f"a shadow, then {', '.join(map(str, whole[1:]))} of 100 requests",
        next_step=again,
    )
    back = next((each for each in bad if ways[each][:3] == [0, steps[0], 0] and not any(ways[each][3:])), None)
    expect(
        back is not None,
        found=_came("version 3 and the code in `releases/next`", bad, ways),
        expected=f"a shadow, then {steps[0]} of 100 requests, then none",
        next_step="deploy it with `--shadow`, and call your controller while payments come in",
    )
    serving = [each.release for each in deployment.serving]
    expect(
        serving == [through] and deployment.shadow is None,
        found=f"now {plural(len(serving), 'release')} get requests: {', '.join(map(str, serving[:5]))}"
        + (f", and release {deployment.shadow} is a shadow" if deployment.shadow is not None else ""),
        expected=f"release {through} alone",
        next_step=f"`infra route {DEPLOYMENT} {through}=100`",
    )
    wrong = _wrong(lab, endpoint)
    expect(
        not wrong,
        found=f"`POST /{DEPLOYMENT}/predict`: {wrong}",
        expected=f"what version {BETTER} of `{model}` answers",
        next_step=f"`infra deployments` and `infra logs {DEPLOYMENT}-{through}`; {again}",
    )
    said = {call.decision for call in _recorded(lab)}
    for word in (PROMOTE, ROLLBACK):
        expect(
            word in said,
            found=f"`{RECORD}` has no line with `{word}`",
            expected="the lines that your controller wrote when it ran here",
            next_step=again,
        )
    return next(each for each in deployment.releases if each.release == through)


@check(points=1, needs=rolled_out_here, profile="kind")
def releases_are_pods(lab: View, release: Release) -> None:
    """On the cluster, the release that has all requests is a ready Deployment in the namespace `mlops-labs-serving`, of
    the course's image, with the code and the version of the model that the record of `infra` names; and no other
    release of `day21-fraud` has a pod.
    """
    logs = (
        f"`infra deployments`, then `kubectl get deployments,pods -n {NAMESPACE} -l mlops-labs/deployment={DEPLOYMENT}`"
    )
    known = {each.labels.get("mlops-labs/release"): each for each in lab.kubernetes.select(
        "Deployment", mlops_labs__deployment=DEPLOYMENT)}  # fmt: skip
    found = known.get(str(release.release))
    if found is None:
        fail(
            found=f"no Deployment with the label `mlops-labs/release: {release.release}`",
            expected=f"the release of `{DEPLOYMENT}` that has all requests, as `infra deploy` makes it",
            next_step=logs,
        )
    found.require(logs)
    told = {"mlops-labs/code": release.code, "mlops-labs/model": f"models:/{release.model}/{release.version}"}
    wrong = next((name for name, value in told.items() if found.annotations.get(name) != value), "")
    expect(
        not wrong,
        found=f"the annotation `{wrong}` of `{clean(found.name, 60)}` is {_shown(found.annotations.get(wrong))}",
        expected=f"`{told.get(wrong, '')}`, as the record of `infra` has it",
        next_step=logs,
    )
    images = [container.image for pod in found.pods if pod.ready for container in pod.containers]
    expect(
        images and all(IMAGE in each for each in images),
        found=f"its pods run {clean(', '.join(images[:3]), 200) or 'nothing'}",
        expected=f"a ready pod of the image `{IMAGE}...`",
        next_step=logs,
    )
    left = next((each for each in known.values() if each is not found and each.pods), None)
    expect(
        left is None,
        found=f"`{clean(left.name if left else '', 60)}` has pods as well",
        expected="pods of the release that has all requests, and of no other one",
        next_step=f"`infra route {DEPLOYMENT} {release.release}=100`",
    )


def _follow(lab: View, future: str, what: str, advice: str) -> None:
    """Fail where the controller left the way that the contract has for a future."""
    for call in lab.proofs.rollout(future):
        _ended(call, what)
        expect(
            call.stands == call.wanted,
            found=f"{what}: called {_where(call)}, it leaves the traffic so that {call.traffic}{_by(call)}",
            expected=_wanted(call),
            next_step=advice,
        )
        refused = next((each for each in call.turned if each.status), None)
        expect(
            refused is None,
            found=f"{what}: `infra {refused.words if refused else ''}` was refused",
            expected="commands as `infra --help` has them, with weights that add up to 100",
            next_step="run the command in a terminal, and read what it says",
        )
        words = _words(call)
        expect(
            call.decision in words,
            found=f"{what}: called {_where(call)}, it does what is right, and `{RECORD}` says "
            + (f"`{clean(call.decision, 40)}`" if call.decision else "no `decision`"),
            expected=" or ".join(f"`{each}`" for each in words),
            next_step=f"one JSON object in one line of `{RECORD}` for each call",
        )
        expect(
            call.lines == 1 and len(call.reason.split()) >= FEWEST_WORDS,
            found=f"{what}: the call adds {plural(call.lines, 'line')} to `{RECORD}`, the last one with the reason "
            f"`{clean(call.reason, 80)}`",
            expected=f"one line, with a `reason` of {FEWEST_WORDS} words or more: best with the numbers that decided",
            next_step="append the line after the traffic was turned, whatever the decision is",
        )


def _ended(call: RolloutCall, what: str) -> None:
    """Fail unless a call ended with status 0."""
    if call.problem:
        absent, slow = call.problem.startswith("is not there"), SLOW.search(f" {call.problem}")
        fail(
            found=f"the controller {call.problem}" if absent else f"{what}: the controller {call.problem}",
            expected="`rollout.py`, or a package `rollout` with `__main__.py`, that decides within 20 seconds of CPU "
            "time",
            next_step="write `rollout.py`: tasks 1 to 4 make its parts"
            if absent
            else "read the log once, and only the lines that count"
            if slow
            else f"run `{TRY}` in a fresh copy of your files",
        )
    last = next((line.strip() for line in reversed(call.printed.splitlines()) if line.strip()), "it printed nothing")
    expect(
        call.status == 0,
        found=f"{what}: called {_where(call)}, it ends with status {call.status}: {clean(last, 200)}",
        expected="status 0, whatever it decides; without a `labels.csv` and without a `decisions.jsonl`, too",
        next_step=f"run `{TRY}; echo $?` in a folder with your code, `rollout.yaml` and `where.yaml`, and nothing else",
    )


def _where(call: RolloutCall) -> str:
    """Where a rollout stood, to complete `called ...`."""
    return {
        SHADOW: "while the candidate is a shadow",
        CANDIDATE: "when the candidate has everything already",
        CHAMPION: "when the champion has everything again",
    }.get(call.stood, f"while the candidate gets {clean(call.stood, 10)}%")


def _wanted(call: RolloutCall) -> str:
    if call.wanted == call.stood:
        return "the traffic as it was"
    return {
        CANDIDATE: "the candidate gets 100%",
        CHAMPION: "the champion gets 100%, and there is no shadow",
    }.get(call.wanted, f"the candidate gets {call.wanted}%, the champion the rest")


def _by(call: RolloutCall) -> str:
    """What the controller said of it."""
    told = f" (it says `{clean(call.decision, 20)}`: {clean(call.reason, 120)})" if call.decision else ""
    commands = [each.words for each in call.turned if not each.words.startswith("deployments")]
    if call.stands == OTHER and commands:
        told += f", by `infra {clean(commands[-1], 80)}`"
    return told


def _words(call: RolloutCall) -> tuple[str, ...]:
    """The words that may stand for what was right."""
    if call.wanted == call.stood:
        return (IDLE,) if call.stood in (CANDIDATE, CHAMPION) else (WAIT,)
    if call.wanted == CHAMPION:
        # Labels decide only in these two: a draw is no alarm, and what is dearer may be called one.
        return {"equal": (KEEP,), "worse": (KEEP, ROLLBACK)}.get(call.future, (ROLLBACK,))
    return (PROMOTE,) if call.wanted == CANDIDATE else (ADVANCE,)


def _is(release: Release, model: str, version: str, code: str) -> bool:
    return (release.model, release.version, release.code) == (model, version, code)


def _way(journal: Sequence[Change], release: int) -> list[int]:
    """The weights that a release had one after the other; it begins with 0 where it was deployed as a shadow."""
    own = next((n for n, each in enumerate(journal) if each.event == "deploy" and each.release == release), None)
    if own is None:
        return []
    weights = [each.weights.get(str(release), 0) for each in journal[own:]]
    return [each for number, each in enumerate(weights) if number == 0 or each != weights[number - 1]]


def _went(way: Sequence[int], whole: Sequence[int]) -> bool:
    return tuple(way[: len(whole)]) == tuple(whole)


def _came(what: str, releases: Sequence[int], ways: Mapping[int, Sequence[int]]) -> str:
    known = [each for each in releases if ways[each]]
    if not known:
        return f"the journal has no release with {what} that was deployed here since you began"
    way = ways[known[-1]]
    return f"release {known[-1]}, with {what}: weights of {', '.join(map(str, way[:12]))}, one after the other" + (
        ", where 0 at the beginning is the shadow" if way[0] == 0 else ""
    )


def _wrong(lab: View, endpoint: Endpoint) -> str:
    """Return what is wrong with the answers of the address; empty where nothing is."""
    questions, answers = lab.prepared["questions"], lab.prepared["answers"]
    for ask, count in (("batch", len(questions)), ("single", 1)):
        reply = endpoint.reply(ask)
        if reply is None:
            return "nothing came back"
        ids = [str(row["transaction_id"]) for row in questions[:count]]
        scores = [score for score, _ in answers[:count]]
        if wrong := wrong_answer(reply, ids, scores, lab.prepared["model"], BETTER):
            return wrong
    return ""


def _recorded(lab: View) -> list[RolloutCall]:
    """The lines of the learner's own record, as far as they can be read."""
    file = lab.files.find(RECORD)
    lines = (file.text or "").splitlines() if file else []
    return [RolloutCall(future="", step=n, said=line[:2000]) for n, line in enumerate(lines[-500:])]


def _in(plan: Rule, *names: str) -> Any:
    value: Any = plan
    for name in names:
        value = mapping(value).get(name)
    return value


def _whole(value: Any) -> bool:
    return type(value) is int


def _shown(value: Any) -> str:
    return "missing" if value is None else f"`{clean(repr(value), 80)}`"
