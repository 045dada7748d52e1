"""Day 18: the model behind the Open Inference Protocol, and the manifest that puts it on a cluster."""

from __future__ import annotations

import math
from collections.abc import Sequence

from checker.check import check, expect, fail
from checker.checks import inference_service
from checker.checks.open_inference import DATATYPE, MODEL, OUTPUT, answer_of, wrong_answer, wrong_form, wrong_in
from checker.evidence import View
from checker.evidence.foreign import ForeignText
from checker.evidence.inference import Described, Inference, read_error, read_metadata, read_object
from checker.evidence.services import Reply, ServiceRun
from checker.text import clean
from checker.world.requests import DATATYPES, live_rows

REGISTERED, ALIAS = "day18-card-fraud", "champion"
SERVER, SERVICE, MANIFEST = "server", "card-fraud-v2", "isvc.yaml"
FIRST = ("single-", "batch")
VARIED, LATER, UNFIT, MALFORMED = "varied-", "then-", "unfit-", "malformed-"
ONE, COLUMN = (-1,), (-1, 1)
BY_HAND = "start it by hand, as in task 2"
SERVER_SAYS = {"name": str, "version": str, "extensions": list}


@check(points=1)
def protocol_answers(lab: View) -> ServiceRun:
    """Started as the End state says, the server answers these with status 200: `GET /v2/health/live`; `GET
    /v2/health/ready`, `GET /v2/models/card-fraud/ready` and `GET /v2/models/card-fraud/versions/V/ready`, once it has
    loaded the model of the registered `day18-card-fraud` that has the alias `champion`, of the version V; and `GET
    /v2`, with a JSON object with the texts `name` and `version` and the list `extensions`. `POST
    /v2/models/card-fraud/infer` and `POST /v2/models/card-fraud/versions/V/infer` answer a request with the eight
    tensors, of the shape [n], with 200 and the `model_name` `card-fraud` and an output `score`: FP64, of the shape [n]
    or [n, 1], with n numbers.
    """
    run = lab.proofs.service(SERVER, "champion")
    if run.problem:
        fail(
            found=run.problem,
            expected=f"a `model-settings.json` or a `service.py`, and a champion of `{REGISTERED}`",
            next_step="run `python handover.py` once, for the model; then do tasks 1 and 2",
        )
    _is_up(run)
    server = run.reply("server")
    said = read_object(server) if server is not None and server.fine else server.told if server else "nothing came back"
    lacking = "" if isinstance(said, str) else next((each for each in SERVER_SAYS if not _says(said, each)), "")
    expect(
        not isinstance(said, str) and not lacking,
        found=f"`GET /v2`: {said if isinstance(said, str) else f'`{lacking}` is missing or no {_kind(lacking)}'}",
        expected="status 200 and a JSON object with `name`, `version` and `extensions`",
        next_step=f"{BY_HAND}, and ask `/v2`",
    )
    for reply in run.of("predict"):
        if reply.ask.startswith(FIRST):
            wrong = wrong_form(reply, len(reply.rows))
            expect(
                not wrong,
                found=f"for {reply.about}, {wrong}",
                expected=f"status 200 and the output `{OUTPUT}` with a number for each row",
                next_step=f"{BY_HAND}, send the request of the contract, and compare; then one with two rows",
            )
    return run


@check(points=1, needs=protocol_answers)
def metadata_is_true(lab: View, run: ServiceRun) -> None:
    """`GET /v2/models/card-fraud` and `GET /v2/models/card-fraud/versions/V` answer with the `name` `card-fraud`, a
    text `platform`, in `inputs` just the eight inputs, each with its `name`, its `datatype` and the `shape` [-1] or
    [-1, 1], and in `outputs` just the output `score` in the same way. The order is free.
    """
    for ask in ("model", "version"):
        reply = run.reply(ask)
        said = read_metadata(reply) if reply is not None and reply.fine else None
        if said is None or isinstance(said, str):
            told = f"the answer {said}" if said else reply.told if reply else "nothing came back"
            fail(
                found=f"{reply.about if reply else '`GET /v2/models/card-fraud`'}: {told}",
                expected="status 200 and a JSON object with `name`, `platform`, `inputs` and `outputs`",
                next_step="put `platform`, `inputs` and `outputs` into `model-settings.json`, as in task 1",
            )
        wrong = (
            f"the `name` is `{clean(said.name, 60)}`"
            if said.name != MODEL
            else "the `platform` is empty"
            if not said.platform
            else _wrong_tensors("inputs", said.inputs, DATATYPES)
            or _wrong_tensors("outputs", said.outputs, {OUTPUT: DATATYPE})
        )
        expect(
            not wrong,
            found=f"{reply.about if reply else ''}: {wrong}",
            expected="the inputs and the output of the table, with their datatypes and the shape [-1] or [-1, 1]",
            next_step="compare `model-settings.json` with the table of the contract, line by line",
        )


@check(points=2, needs=protocol_answers)
def scores_are_the_models(lab: View, run: ServiceRun) -> None:
    """Each number of `score` is, to within 1e-6, what the model in the folder `MLSERVER_MODEL_URI` gives this row by
    itself (`predict_proba`, the second column), whichever rows come with it, asked once more, or eight at a time; and
    the answer's `model_version` is `MLSERVER_MODEL_VERSION`. This holds for the champion (1 mark), and when the server
    is started with the folder and the version of another model that takes the same eight features (1 mark).
    """
    wrong = wrong_in(run, _plain(run))
    expect(
        not wrong,
        found=f"for {wrong[0].about}, {wrong[1]}" if wrong else "",
        expected="the scores of the registered model, for each row by its own, and its version",
        next_step="load the model as a stranger would, `mlflow.sklearn.load_model(...)`, and compare its "
        "`predict_proba` with your answers for ten rows: one by one, and all together",
        points=1,
    )
    other = lab.proofs.service(SERVER, "another")
    asked = other.of("predict")
    wrong = wrong_in(other, asked)
    expect(
        asked and not wrong,
        found=f"started with another model: {wrong[1] if wrong else other.why_nothing}",
        expected="the scores and the version of the model that lies in the folder `MLSERVER_MODEL_URI`, wherever it is",
        next_step="`self.settings.parameters.uri` and `self.version` come from the variables, unless "
        "`model-settings.json` says otherwise: no path, no version and no score of one model may stand in the files",
        points=1,
    )


@check(points=1, needs=protocol_answers)
def tensors_as_they_come(lab: View, run: ServiceRun) -> None:
    """The same numbers come back however a client writes the same question: tensors in any order, each of the shape [n]
    or [n, 1], with its data flat or nested as the shape says, whole numbers in an FP64 tensor, with `parameters` or the
    wanted `outputs` beside them; and an answer has the `id` of its request, where that has one.
    """
    varied = [each for each in run.of("predict") if each.ask.startswith(VARIED)]
    wrong = _wrong_besides(run, varied)
    expect(
        varied and not wrong,
        found=f"for {wrong[0].about}, {wrong[1]}" if wrong else "nothing came back",
        expected="the scores of the registered model",
        next_step="find each input by its `name`, and reshape what `NumpyCodec.decode_input` gives to one dimension",
    )
    for reply in run.of("predict"):
        answer, given = answer_of(reply), run.sent_ids.get(reply.ask)
        if given is not None and isinstance(answer, Inference):
            expect(
                answer.id == given,
                found=f"for {reply.about}, the `id` is {f'`{clean(answer.id, 60)}`' if answer.id else 'missing'}; the "
                f"request had `{clean(given, 60)}`",
                expected="the `id` of the request, so that a client can tell which answer is whose",
                next_step="MLServer sets it by itself; in a server of your own, hand it on",
            )


@check(points=1, needs=protocol_answers)
def not_ready_without_a_model(lab: View, _: ServiceRun) -> None:
    """Started with an `MLSERVER_MODEL_URI` whose model cannot be loaded, the server never says that it is ready:
    neither `GET /v2/health/ready` nor `GET /v2/models/card-fraud/ready` nor a valid request for inference gets 200.
    (`/v2/health/live` may; and a server that ends at its start will do as well.)
    """
    run = lab.proofs.service(SERVER, "without")
    for reply in run.replies:
        asked = reply.ask.startswith(("ready-", "model-ready", "single-"))
        what = "`POST /v2/models/card-fraud/infer`" if reply.kind == "predict" else reply.about
        expect(
            not asked or reply.status != 200,
            found=f"with a model that cannot be loaded, {what} answers 200",
            expected="any status but 200: no traffic may come to a server that cannot do its work",
            next_step="let `load()` raise what the loading raises: MLServer then ends; or return `False` from it",
        )


@check(points=2, needs=protocol_answers)
def misfits_are_refused(lab: View, run: ServiceRun) -> None:
    """A request that does not fit the metadata gets a status from 400 to 499 and a JSON object with a text `error`: an
    input that is missing, unknown or there twice, no inputs, another datatype than that of the metadata, a shape other
    than [n] or [n, 1] or of another number than the data have, inputs of different lengths, no rows, data that are not
    of their datatype (a text, a null, a fraction or more than 64 bits in INT64); and so does a model or a version that
    there is not (1 mark). A body that is no request of the protocol (no JSON, no `inputs`, NaN, numbers beyond FP64, an
    unknown datatype, deep nesting) gets a status from 400 to 499; and after all of these the server is live, and
    answers as before (1 mark).
    """
    unfit = [each for each in run.of("refuse") if each.ask.startswith(UNFIT)]
    wrong = next((each for each in unfit if not _is_refusal(each) or not read_error(each)), None)
    expect(
        unfit and not wrong,
        found=f"for {wrong.about}, {_why_no_error(wrong)}" if wrong else "",
        expected='a status from 400 to 499, and `{"error": "..."}`',
        next_step="send just that by hand; look at each input before the model does, and `raise InferenceError(...)` "
        "of `mlserver.errors`: any other exception becomes a status of 500",
        points=1,
    )
    wrong = next((each for each in run.of("refuse") if each.ask.startswith(MALFORMED) and not _is_refusal(each)), None)
    lives = [each for each in run.replies if each.ask.startswith(("live-", "ready-again"))]
    ill = next((each for each in lives if not each.fine), None)
    later = _wrong_besides(run, [each for each in run.of("predict") if each.ask.startswith(LATER)])
    expect(
        not wrong and not ill and not later,
        found=f"for {wrong.about}, {wrong.told}"
        if wrong
        else f"for {ill.about}, {ill.told}"
        if ill
        else f"for {later[0].about}, {later[1]}"
        if later
        else "",
        expected="a status from 400 to 499, and a server that is well afterwards",
        next_step="send just that by hand, and look at what the server prints; MLServer refuses these by itself",
        points=1,
    )


@check(points=2)
def manifest_declares_it(lab: View) -> tuple[str, str]:
    """`isvc.yaml` has one InferenceService of KServe (`serving.kserve.io/v1beta1`) with the name `card-fraud-v2`, in no
    namespace or in `mlops-labs-serving`, whose predictor has a `model` with the `modelFormat` `mlflow`, the
    `protocolVersion` `v2`, no `runtime` or `mlops-labs-mlserver`, and a ConfigMap mounted at `/mnt/code` (1 mark). Its
    `storageUri` names the version of `day18-card-fraud` that has the alias `champion` now, by its number:
    `models:/day18-card-fraud/N` (1 mark).
    """
    text = lab.files.read_text(MANIFEST, "write it, as in task 5")
    try:
        found = inference_service.services(text)
    except ForeignText as error:
        fail(found=f"`{MANIFEST}`: {error}", expected=error.expected, next_step=f"mend `{MANIFEST}`")
    if len(found) != 1:
        fail(
            found=f"{len(found) or 'no'} objects of the kind `InferenceService` in `{MANIFEST}`",
            expected="one",
            next_step="begin with the example of task 5; `kind: InferenceService`",
        )
    wrong = next(inference_service.wrong_in(found[0], SERVICE), None)
    expect(
        not wrong,
        found=wrong.found if wrong else "",
        expected=wrong.expected if wrong else "",
        next_step=f"change it in `{MANIFEST}`; `kubectl explain inferenceservice.spec.predictor.model` describes the "
        "fields, where there is a cluster",
        points=1,
    )
    number = lab.mlflow.registered_model(REGISTERED).aliases.get(ALIAS)
    if number is None:
        fail(
            found=f"`{REGISTERED}` has no alias `{ALIAS}`",
            expected="the version that was approved",
            next_step="run `python handover.py` once",
        )
    served = inference_service.served(found[0])
    uri = inference_service.at(found[0], "spec", "predictor", "model", "storageUri")
    expect(
        served == (REGISTERED, number),
        found=f"`storageUri: {clean(uri, 80)}`" if uri is not None else "no `storageUri`",
        expected=f"`models:/{REGISTERED}/{clean(number, 20)}`, the champion of now",
        next_step="look up the number of the alias; a number, since an alias may move and the file would still look "
        "the same",
        points=1,
    )
    return served or ("", "")


@check(points=1, needs=manifest_declares_it, profile="kind", overlay="full")
def answers_on_the_cluster(lab: View, declared: tuple[str, str]) -> None:
    """The InferenceService `card-fraud-v2` in `mlops-labs-serving` is ready, has the `storageUri` of `isvc.yaml`, and
    answers through the platform's address with the scores of this version of the model, and with its number as
    `model_version`.
    """
    found = lab.kubernetes.get("InferenceService", SERVICE).require(f"`kubectl apply -f {MANIFEST}`, as in task 5")
    name, version = declared
    uri = found.at("spec", "predictor", "model", "storageUri")
    expect(
        uri == f"models:/{name}/{version}",
        found=f"`storageUri: {clean(uri, 80)}` on the cluster",
        expected=f"`models:/{name}/{clean(version, 20)}`, as in `{MANIFEST}`",
        next_step=f"`kubectl apply -f {MANIFEST}`",
    )
    truth, rows = lab.proofs.scores_of(SERVICE), live_rows(lab.workspace.seed)
    scores = truth.scores if len(truth.scores) == len(rows) else (math.nan,) * len(rows)
    answers = lab.kubernetes.answers(SERVICE)
    for ask, count in (("batch", len(rows)), ("single", 1)):
        reply = answers.reply(ask)
        wrong = wrong_answer(reply, scores[:count], version) if reply else "nothing came back"
        expect(
            not wrong,
            found=f"`POST /{SERVICE}/v2/models/{MODEL}/infer`: {wrong}",
            expected=f"the scores of version {clean(version, 20)}",
            next_step=f"`kubectl --namespace {inference_service.NAMESPACE} logs --selector "
            f"serving.kserve.io/inferenceservice={SERVICE} --container kserve-container`",
        )


def _is_up(run: ServiceRun) -> None:
    printed = [line.strip() for line in run.printed.splitlines() if line.strip()]
    why = f"; the last that it printed: `{clean(printed[-1], 200)}`" if printed else ""
    for ask, path in (
        ("health", "/v2/health/live"),
        ("ready", "/v2/health/ready"),
        ("model-ready", f"/v2/models/{MODEL}/ready"),
        ("version-ready", f"/v2/models/{MODEL}/versions/V/ready"),
    ):
        reply = run.reply(ask)
        expect(
            reply is not None and reply.fine,
            found=f"`GET {path}`: {reply.told if reply else 'nothing came back'}"
            + (f"; it {run.ended}" if run.ended else "")
            + why,
            expected="status 200",
            next_step=f"{BY_HAND}, look at what it prints, and ask `{path}`",
        )


def _plain(run: ServiceRun) -> list[Reply]:
    return [each for each in run.of("predict") if not each.ask.startswith((VARIED, LATER))]


def _wrong_besides(run: ServiceRun, replies: Sequence[Reply]) -> tuple[Reply, str] | None:
    """Return the first of some replies that is wrong, and how; of numbers that are wrong everywhere, only their form.

    These cost their marks in a check of their own.
    """
    if not wrong_in(run, _plain(run)):
        return wrong_in(run, replies)
    forms = ((each, wrong_form(each, len(each.rows))) for each in replies)
    return next(((each, wrong) for each, wrong in forms if wrong), None)


def _says(said: dict[str, object], field: str) -> bool:
    return isinstance(said.get(field), SERVER_SAYS[field])


def _kind(field: str) -> str:
    return "list" if SERVER_SAYS.get(field) is list else "text"


def _wrong_tensors(where: str, described: Sequence[Described], wanted: dict[str, str]) -> str:
    """Return what is said of tensors otherwise than it is; empty where all is right."""
    names = [each.name for each in described]
    if missing := [name for name in wanted if name not in names]:
        return f"`{missing[0]}` is not in `{where}`"
    if strange := next((name for name in names if name not in wanted or names.count(name) > 1), None):
        return f"`{clean(strange, 60)}` is in `{where}`" + (" twice" if strange in wanted else "")
    for each in described:
        if each.datatype != wanted[each.name]:
            return f"`{each.name}` in `{where}` has the datatype {clean(each.datatype, 20)}"
        if each.shape not in (ONE, COLUMN):
            return f"`{each.name}` in `{where}` has the shape {list(each.shape)}"
    return ""


def _is_refusal(reply: Reply) -> bool:
    return reply.problem is None and reply.status is not None and 400 <= reply.status < 500


def _why_no_error(reply: Reply) -> str:
    return "the answer has no text `error`" if _is_refusal(reply) else reply.told
