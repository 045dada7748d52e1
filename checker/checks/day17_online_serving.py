"""Day 17: a service that answers as the registered model does, refuses what is no request, and can be watched."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from checker.check import check, expect, fail
from checker.checks.scoring_service import CLOSE, answer_of, ids_of, wrong_answer, wrong_form, wrong_in
from checker.evidence import View
from checker.evidence.foreign import mapping, number_of
from checker.evidence.services import Line, Predictions, Reply, ServiceRun
from checker.text import clean, plural
from checker.world.facts import FEATURE_COLUMNS
from checker.world.requests import live_rows

MODEL, ALIAS, DEPLOYMENT = "day17-card-fraud", "champion", "card-fraud"
SERVICE = "service"
TIMES_THE_ECHO = 40
FIRST = ("single-", "with-", "batch", "shuffled", "piece-", "largest", "edges")
AFTERWARDS = ("then-", "after-large-")
LOADS = ("load-", "many-")
REQUESTS, ROWS, SECONDS = "prediction_requests_total", "prediction_rows_total", "prediction_seconds"
TEXTS = ("time", "request_id", "transaction_id", "model_name", "model_version")
SERVE = "`MODEL_URI=... uvicorn service:app --uds service.sock`, as in task 1"
ID = re.compile(r"[A-Za-z0-9-]{1,64}")


@check(points=1)
def service_answers(lab: View) -> ServiceRun:
    """`service.py` has an ASGI application `app`. Started by uvicorn in a copy of this folder, with the environment of
    the contract and no network, it answers `GET /health` with status 200, and `GET /ready` with 200 once it has loaded
    the model of the registered `day17-card-fraud` that has the alias `champion`. `POST /predict` with 1 to 100 valid
    rows answers 200 and the JSON of the contract, with one prediction for each row, in the order of the rows.
    """
    run = lab.proofs.service(SERVICE, "champion")
    if run.problem:
        fail(
            found=run.problem,
            expected=f"`service.py` with the application `app`, and a version of `{MODEL}` with the alias `{ALIAS}`",
            next_step="run `python handover.py` once, for the model; then do task 1",
        )
    for ask in ("health", "ready"):
        reply = run.reply(ask)
        printed = [line.strip() for line in run.printed.splitlines() if line.strip()]
        why = f"; the last that it printed: `{clean(printed[-1], 200)}`" if printed else ""
        expect(
            reply is not None and reply.fine,
            found=f"`GET /{ask}`: {reply.told if reply else 'nothing came back'}"
            + (f"; it {run.ended}" if run.ended else "")
            + why,
            expected="status 200",
            next_step=f"start it by hand with {SERVE}, and ask `curl --unix-socket service.sock http://service/{ask}`",
        )
    first = [each for each in run.of("predict") if each.ask.startswith(FIRST)]
    for reply in first:
        wrong = wrong_form(reply, ids_of(run, reply))
        expect(
            not wrong,
            found=f"for {reply.about}, {wrong}",
            expected="status 200 and the JSON of the contract",
            next_step="send one valid row with `curl`, and compare the answer with that of the contract; then two rows "
            "with values on the bounds",
        )
    return run


@check(points=2, needs=service_answers)
def scores_are_the_models(lab: View, run: ServiceRun) -> None:
    """Each score is, to within 1e-6, what the model in the folder `MODEL_URI` gives this row by itself
    (`predict_proba`, the second column): whichever rows come with it, in whatever order rows and fields stand, asked
    once more, or eight at a time; and `model` in the answer is `MODEL_NAME` and `MODEL_VERSION`. This holds for the
    champion (1 mark), and when the service is started with the folder, name and version of another model that takes the
    same eight features (1 mark).
    """
    wrong = wrong_in(run, [each for each in run.of("predict") if not each.ask.startswith(AFTERWARDS)])
    expect(
        not wrong,
        found=f"for {wrong[0].about}, {wrong[1]}" if wrong else "",
        expected="the scores of the registered model, for each row by its own",
        next_step="load the model as a stranger would, `mlflow.sklearn.load_model(...)`, and compare its "
        "`predict_proba` with your answers for ten rows: one by one, all together, and in another order",
        points=1,
    )
    other = lab.proofs.service(SERVICE, "another")
    asked = other.of("predict")
    wrong = wrong_in(other, asked)
    expect(
        asked and not wrong,
        found=f"started with another model: {wrong[1] if wrong else other.why_nothing}",
        expected="the scores, name and version of the model that lies in the folder `MODEL_URI`, wherever that is",
        next_step='load what `os.environ["MODEL_URI"]` names, and take the version from `MODEL_VERSION`: no path, no '
        "version and no score of one model may stand in the code",
        points=1,
    )


@check(points=1, needs=service_answers)
def not_ready_without_a_model(lab: View, _: ServiceRun) -> None:
    """Started with a `MODEL_URI` whose model cannot be loaded, the service never says that it is ready: neither
    `GET /ready` nor a valid `POST /predict` answers 200. (503 is usual. `/health` may answer 200, and a process that
    ends with an error at its start will do as well.)
    """
    run = lab.proofs.service(SERVICE, "without")
    for reply in run.of("ready", "predict"):
        expect(
            reply.status != 200,
            found=f"with a model that cannot be loaded, {reply.about if reply.kind == 'ready' else '`POST /predict`'} "
            "answers 200",
            expected="503, or any status but 200: no traffic may come to a process that cannot do its work",
            next_step="start it with an empty folder as `MODEL_URI`, and ask `/ready`; let it say whether a model "
            "is loaded",
        )


@check(points=2, needs=service_answers)
def bad_requests_are_refused(lab: View, run: ServiceRun) -> None:
    """Whatever is no valid request gets a status from 400 to 499: a row with a field missing, unknown, of the wrong
    type or out of bounds (one bad row is enough), NaN or Infinity, text that is no Unicode, no rows or more than 100,
    a body that is no JSON, or one that is nested deeply. `GET /health` answers 200 after each of them, and valid
    requests are answered as before (1 mark). A body of more than 64 KiB gets 413, also when it comes in chunks without
    a `Content-Length` (1 mark).
    """
    wrong = next((each for each in run.of("refuse") if not _is_refusal(each)), None)
    valid = [each for each in run.of("predict") if each.ask.startswith(AFTERWARDS)]
    ill = next((each for each in (*run.of("health"), *valid) if not each.fine), None)
    expect(
        not wrong and not ill,
        found=f"for {wrong.about}, {wrong.told}" if wrong else f"for {ill.about}, {ill.told}" if ill else "",
        expected="a status from 400 to 499, and a service that is well afterwards",
        next_step=_how_to_refuse(wrong),
        points=1,
    )
    wrong = next((each for each in run.of("too-large") if each.status != 413 or each.problem), None)
    expect(
        not wrong,
        found=f"for {wrong.about}, {wrong.told}" if wrong else "",
        expected="the status 413, without reading all of it",
        next_step="count the bytes while they come in (`async for chunk in request.stream()`, or `receive()` in a "
        "middleware); a header may be missing, or not be true",
        points=1,
    )


@check(points=1, needs=service_answers)
def metrics_count(lab: View, run: ServiceRun) -> None:
    """`GET /metrics` answers in Prometheus' text format, and between two looks at it each number rises by just what was
    asked of `POST /predict`: `prediction_requests_total` with the label `outcome="answered"` by the requests that got
    200, with `outcome="refused"` by those that got a status from 400 to 499 (413 too), `prediction_rows_total` by the
    rows that got a score, and the histogram `prediction_seconds` by one observation for each answered request, whose
    sum rises as well.
    """
    before: dict[str, float] | None = None
    counted: list[Reply] = []
    step = "look at `/metrics` before and after one request: each outcome must be counted, and once"
    for reply in run.replies:
        if reply.kind != "metrics":
            counted.append(reply)
            continue
        expect(
            reply.fine,
            found=f"`GET /metrics`: {reply.told}",
            expected="status 200 and Prometheus' text format",
            next_step="answer with `prometheus_client.generate_latest()`",
        )
        now = _counts(reply)
        if before is not None:
            for name, rise in _expected(counted).items():
                got = now.get(name, 0.0) - before.get(name, 0.0)
                expect(
                    abs(got - rise) < 0.5,
                    found=f"{name} rose by {got:g}, while {_asked(counted)}",
                    expected=f"a rise by {rise}",
                    next_step=step,
                )
            answered = any(each.fine for each in counted if each.kind == "predict")
            rose = now.get("sum", 0.0) - before.get("sum", 0.0)
            expect(
                not answered or rose > 0,
                found=f"`{SECONDS}_sum` rose by {rose:g}",
                expected="the seconds that the answers took",
                next_step=f"`{SECONDS}` observes `time.perf_counter() - began`, or is used as `with SECONDS.time():`",
            )
        before, counted = now, []


@check(points=1, needs=service_answers)
def predictions_are_logged(lab: View, run: ServiceRun) -> None:
    """For each row that got a score, the file that `PREDICTION_LOG` names gets one line of JSON with `time` (ISO 8601
    with a time zone), `request_id`, `transaction_id`, `model_name`, `model_version`, `score` and `features` (an object
    with the eight features as they came), and for refused requests none. `request_id` is that of the answer: the value
    of the request's header `X-Request-ID` where that is 1 to 64 letters, digits or hyphens, and otherwise one that the
    service makes, never the same twice.
    """
    step = "send one request with two rows, and look at the file that `PREDICTION_LOG` names"
    if run.log is None:
        fail(
            found="no file where `PREDICTION_LOG` says",
            expected="a file with one line for each prediction",
            next_step='append to `os.environ["PREDICTION_LOG"]`',
        )
    broken = next((line for line in run.log if line.problem or _why_no_line(line)), None)
    expect(
        not broken,
        found=f"line {broken.number} of the log {broken.problem or _why_no_line(broken)}" if broken else "",
        expected="a JSON object on each line, with the fields of the contract",
        next_step=step,
    )
    _ids_are_right(run)
    answered = [(reply, answer) for reply in run.replies if isinstance(answer := answer_of(reply), Predictions)]
    waiting: dict[tuple[str, str], list[Line]] = {}
    for line in run.log:
        waiting.setdefault((str(line.said["request_id"]), str(line.said["transaction_id"])), []).append(line)
    for reply, answer in answered:
        if reply.kind != "predict":
            continue
        for number, told in zip(reply.rows, answer.predictions, strict=False):
            lines = waiting.get((answer.request_id, told.transaction_id), [])
            expect(
                lines,
                found=f"for {reply.about}, no line has the request's id and `{clean(told.transaction_id, 40)}`",
                expected="one line for each row that got a score, with the `request_id` of the answer",
                next_step=step,
            )
            wrong = _why_other(lines.pop(), run, number, told.score)
            expect(
                not wrong,
                found=f"a line of the log {wrong}",
                expected="what came in and what was answered",
                next_step=step,
            )
    accepted = any(reply.fine for reply in run.of("refuse", "too-large"))
    left = [line for lines in waiting.values() for line in lines]
    expect(
        accepted or not left,
        found=f"{plural(len(left), 'line')} too many in the log; line {left[0].number} is one" if left else "",
        expected="one line for each row that got a score, and none for what was refused",
        next_step=step,
    )


@check(points=1, needs=service_answers)
def fast_enough(lab: View, run: ServiceRun) -> None:
    """A request with one row takes at most 40 times as long as the same request to a bare echo, which uvicorn serves on
    the same machine and which is asked in turn with the service: one after another, and eight at a time. (Medians; the
    grader measures up to three times, and the best counts.)
    """
    broken = next((each for each in run.of("predict") if each.ask.startswith(LOADS) and not each.fine), None)
    expect(
        run.loads and not broken,
        found=f"under load, {broken.told}" if broken else "nothing was measured",
        expected="status 200 for each request",
        next_step="send many valid requests, one after another and eight at a time, as in task 5",
    )
    for load in run.loads:
        ratio = load.ratio
        ours, theirs = min(load.rounds, key=lambda each: each[0] / max(each[1], 1e-4), default=(math.nan, math.nan))
        expect(
            ratio is not None and ratio <= TIMES_THE_ECHO,
            found=f"{load.name}: {_milliseconds(ours)} against {_milliseconds(theirs)} of the echo, "
            f"{'nothing was measured' if ratio is None else f'{ratio:.0f} times as long'}",
            expected=f"at most {TIMES_THE_ECHO} times as long",
            next_step="load the model once, at the start; open no connection and read no table for a request; measure "
            "it as in task 5",
        )


@check(
    points=1,
    needs=(
        service_answers,
        scores_are_the_models,
        not_ready_without_a_model,
        bad_requests_are_refused,
        metrics_count,
        predictions_are_logged,
        fast_enough,
    ),
)
def deployed(lab: View, run: ServiceRun, *_: None) -> None:
    """A service that keeps to all of the above is deployed as `card-fraud` on the platform: all of its traffic goes to
    releases with the champion's version of `day17-card-fraud`, and through the platform's address it is healthy, ready,
    and answers as this version does.
    """
    endpoint = lab.endpoints.get(DEPLOYMENT)
    deploy = f"run `infra deploy {DEPLOYMENT} --app service:app --model models:/{MODEL}@{ALIAS}` in this folder"
    deployment, truth = endpoint.deployment, lab.proofs.scores_of(DEPLOYMENT)
    if not deployment.present or deployment.problem or not deployment.serving:
        fail(
            found=f"the deployment `{DEPLOYMENT}`: {deployment.problem}"
            if deployment.problem
            else f"no deployment `{DEPLOYMENT}` that gets traffic",
            expected=f"`{DEPLOYMENT}` among what `infra deployments` shows",
            next_step=deploy,
        )
    strange = next((each for each in deployment.serving if (each.model, each.version) != (MODEL, truth.version)), None)
    expect(
        not strange,
        found=f"release {strange.release} gets traffic and serves `{clean(strange.model, 60)}`, version "
        f"`{clean(strange.version, 20)}`"
        if strange
        else "",
        expected=f"version {clean(truth.version, 20)} of `{MODEL}`, which has the alias `{ALIAS}`",
        next_step=deploy,
    )
    for ask in ("health", "ready"):
        reply = endpoint.reply(ask)
        expect(
            reply is not None and reply.fine,
            found=f"`GET /{DEPLOYMENT}/{ask}`: {reply.told if reply else 'nothing came back'}",
            expected="status 200",
            next_step=f"look at `infra deployments` and `infra logs {DEPLOYMENT}`",
        )
    rows = live_rows(lab.workspace.seed)
    for ask in ("batch", "single"):
        answered = endpoint.reply(ask)
        numbers = range(len(rows)) if ask == "batch" else range(1)
        ids, scores = [str(rows[each]["transaction_id"]) for each in numbers], truth.scores[: len(numbers)]
        wrong = "nothing came back"
        if answered is not None:
            known = len(scores) == len(ids)
            wrong = wrong_answer(answered, ids, scores if known else [math.nan] * len(ids), MODEL, truth.version)
        expect(
            not wrong,
            found=f"`POST /{DEPLOYMENT}/predict`: {wrong}",
            expected="the champion's scores",
            next_step=deploy,
        )


def _is_refusal(reply: Reply) -> bool:
    return reply.problem is None and reply.status is not None and 400 <= reply.status < 500


def _how_to_refuse(reply: Reply | None) -> str:
    if reply is not None and reply.status is not None and reply.status >= 500:
        return (
            "send just that with `curl`, and look at the traceback: often it is the answer that fails, as it repeats "
            "what was sent; say what was wrong and where, and not what it was"
        )
    return "send just that with `curl`, and add the rule to the model of the request: bounds, `extra='forbid'`, length"


def _counts(reply: Reply) -> dict[str, float]:
    """Return the numbers of a page of metrics that are looked at."""
    counts: dict[str, float] = {}
    samples = reply.samples()

    def add(name: str, value: float) -> None:
        counts[name] = counts.get(name, 0.0) + (value if math.isfinite(value) else 0.0)

    for labels, value in samples.get(REQUESTS, ()):
        add(f'`{REQUESTS}{{outcome="{clean(labels.get("outcome", ""), 40)}"}}`', value)
    for name, shown in ((ROWS, f"`{ROWS}`"), (f"{SECONDS}_count", f"`{SECONDS}_count`"), (f"{SECONDS}_sum", "sum")):
        for _, value in samples.get(name, ()):
            add(shown, value)
    for labels, value in samples.get(f"{SECONDS}_bucket", ()):
        if labels.get("le") == "+Inf":
            add(f"`{SECONDS}_bucket` up to +Inf", value)
    return counts


def _expected(replies: Sequence[Reply]) -> dict[str, int]:
    """Return by how much each number must rise for these requests."""
    asked = [each for each in replies if each.kind in ("predict", "refuse", "too-large")]
    answered = [each for each in asked if each.fine]
    parsed = [answer_of(each) for each in answered]
    rows = sum(len(each.predictions) for each in parsed if isinstance(each, Predictions))
    return {
        f'`{REQUESTS}{{outcome="answered"}}`': len(answered),
        f'`{REQUESTS}{{outcome="refused"}}`': sum(map(_is_refusal, asked)),
        f"`{ROWS}`": rows,
        f"`{SECONDS}_count`": len(answered),
        f"`{SECONDS}_bucket` up to +Inf": len(answered),
    }


def _asked(replies: Sequence[Reply]) -> str:
    asked = [each for each in replies if each.kind in ("predict", "refuse", "too-large")]
    answered = sum(each.fine for each in asked)
    return (
        f"{plural(answered, 'request')} got 200 and {plural(sum(map(_is_refusal, asked)), 'request')} a status from "
        "400 to 499"
    )


def _why_no_line(line: Line) -> str:
    for name in TEXTS:
        value = line.said.get(name)
        if not isinstance(value, str) or not value:
            return f"has no text `{name}`"
    if number_of(line.said.get("score")) is None:
        return "has no number `score`"
    if not _is_moment(str(line.said["time"])):
        return f"has the `time` `{clean(line.said['time'], 40)}`, which is no ISO 8601 with a time zone"
    missing = [name for name in FEATURE_COLUMNS if number_of(mapping(line.said.get("features")).get(name)) is None]
    return f"has no number `{missing[0]}` in `features`" if missing else ""


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _why_other(line: Line, run: ServiceRun, number: int, score: float) -> str:
    """Return what a line says otherwise than the answer and the request did."""
    told = number_of(line.said.get("score"))
    if told is None or not abs(told - score) <= CLOSE:
        return f"has a score of {told:.6g}, while the answer was {score:.6g}"
    if (line.said["model_name"], line.said["model_version"]) != (run.name, run.version):
        return (
            f"says that `{clean(line.said['model_name'], 60)}`, version `{clean(line.said['model_version'], 40)}`, "
            "answered; it was another"
        )
    features = mapping(line.said.get("features"))
    for name in FEATURE_COLUMNS:
        value = number_of(features.get(name))
        if value is None or not math.isclose(value, float(run.rows[number][name]), rel_tol=1e-9, abs_tol=1e-9):
            return f"has another `{name}` than the request"
    return ""


def _ids_are_right(run: ServiceRun) -> None:
    """Fail unless ids are taken over where they can be, and made where not."""
    made: set[str] = set()
    for reply, answer in _with_ids(run):
        given = run.sent_ids.get(reply.ask)
        if given is not None and ID.fullmatch(given):
            expect(
                answer.request_id == given,
                found=f"a request with the header `X-Request-ID: {clean(given, 40)}` was answered with the "
                f"`request_id` `{clean(answer.request_id, 64)}`",
                expected="the same id, so that it can be followed from one service to the next",
                next_step='`request.headers.get("x-request-id")`, where it is one',
            )
            continue
        expect(
            ID.fullmatch(answer.request_id) and answer.request_id not in made,
            found=f"the `request_id` `{clean(answer.request_id, 64)}`"
            + (" for two requests" if answer.request_id in made else " for a request without a usable `X-Request-ID`"),
            expected="1 to 64 letters, digits or hyphens, for each request others",
            next_step="`str(uuid.uuid4())` makes one",
        )
        made.add(answer.request_id)


def _with_ids(run: ServiceRun) -> Iterator[tuple[Reply, Predictions]]:
    for reply in run.of("predict"):
        if isinstance(answer := answer_of(reply), Predictions):
            yield reply, answer


def _milliseconds(seconds: float) -> str:
    return "no time" if math.isnan(seconds) else f"{seconds * 1000:.1f} ms"
