"""Day 15: a pipeline of kfp, compiled to IR: the graph it describes, the run it made, and that its steps compute."""

from __future__ import annotations

import csv
import io
import math
import re
from typing import Any

from checker.check import check, expect, fail
from checker.checks.cluster_runs import difference, unfinished
from checker.checks.ranking import auc
from checker.evidence import View
from checker.evidence.kfp import Ir, KfpRun, Task
from checker.text import clean, plural

NAME = "card-fraud-training"
PARAMETERS = {
    "data": ("STRING", "str"),
    "test_from": ("STRING", "str"),
    "n_estimators": ("NUMBER_INTEGER", "int"),
    "max_depth": ("NUMBER_INTEGER", "int"),
    "seed": ("NUMBER_INTEGER", "int"),
    "min_auc": ("NUMBER_DOUBLE", "float"),
}
OUTPUTS = {
    "model": ("system.Model", "Model"),
    "predictions": ("system.Dataset", "Dataset"),
    "metrics": ("system.Metrics", "Metrics"),
    "decision": ("STRING", "str"),
    "reason": ("STRING", "str"),
}
DATA = "data/payments.csv"
FIRST, OTHER, DEALT, ANY, UNLEARNT = (
    *("as-it-is", "other-month", "labels-of-the-test-rows-dealt", "any-model-will-do", "labels-to-learn-from-dealt"),
)
HYPERPARAMETERS = {"trees": "n_estimators", "depth": "max_depth", "seed": "seed"}
LEAST_AUC = 0.7
CLOSE = 1e-6
ROUNDED = 0.01
DECISIONS = ("promote", "reject")
NUMBER = re.compile(r"\d*\.?\d+(?:[eE][-+]?\d{1,2})?")
AGAIN = "mend `pipeline.py`, compile it and run it again"
Scores = dict[str, float]


@check(points=1)
def interface_is_described(lab: View) -> Ir:
    """`pipeline.yaml` is the compiled pipeline `card-fraud-training`, made of lightweight Python components (and
    importers, if you like) that are plain tasks: no conditions, loops, exit handlers or pipelines inside. It has the
    six parameters and the five outputs of the End state's tables, with those names and types; every parameter has a
    default, and that of `data` is `data/payments.csv`. More parameters with defaults, and more outputs, are welcome.
    """
    ir = lab.kfp.pipeline.require()
    expect(
        ir.name == NAME,
        found=f"the pipeline is called `{clean(ir.name, 80)}`",
        expected=f"`{NAME}`",
        next_step=f"`@dsl.pipeline(name='{NAME}')`, then compile it again",
    )
    for name, (wanted, python) in PARAMETERS.items():
        port = ir.parameters.get(name)
        expect(
            port is not None and port.type == wanted,
            found=f"no parameter `{name}`" if port is None else f"the parameter `{name}` is a {clean(port.type, 40)}",
            expected=f"`{name}: {python}`",
            next_step="write it into the signature of the pipeline's function, and compile it again",
        )
    for name, port in ir.parameters.items():
        expect(
            port.optional and port.default is not None,
            found=f"the parameter `{name}` has no default",
            expected="a default for each, so that `card_fraud_training()` runs with them",
            next_step=f"give `{name}` a default in the signature of the pipeline's function",
        )
    default = ir.parameters["data"].default
    expect(
        default == DATA,
        found=f"the default of `data` is `{clean(default, 120)}`",
        expected=f"`{DATA}`: a relative path, that means something on another machine as well",
        next_step="change the default, and compile it again",
    )
    for name, (wanted, python) in OUTPUTS.items():
        output = ir.outputs.get(name)
        expect(
            output is not None and output.type == wanted,
            found=f"the pipeline has no output `{name}`"
            if output is None
            else f"the output `{name}` is a {clean(output.type, 60)}",
            expected=f"`{name}` of type `{python}` among what the pipeline's function returns",
            next_step="return it in the `NamedTuple` of the pipeline's function, and compile it again",
        )
    for task in ir.tasks:
        expect(
            ir.component(task).kind != "other",
            found=f"task `{task.name}` is no lightweight Python component",
            expected="functions with `@dsl.component`: other containers cannot be run here",
            next_step=f"make a Python function of `{task.name}`",
        )
    return ir


@check(points=1, needs=interface_is_described)
def steps_are_wired(lab: View, ir: Ir) -> Ir:
    """The graph is data flow. `model`, `predictions` and `decision` are made by three different tasks. The tasks that
    make `model`, `predictions` and `metrics` each get a Dataset artifact that another task wrote; the one that makes
    `predictions` gets the model as an artifact as well, straight or by way of others. The task that makes `decision`
    gets a value or an artifact of the one that makes `metrics`, and `min_auc`, straight or by way of others. None of
    the tasks that make these four outputs gets `data` straight, and the one that makes `predictions` gets none of
    `n_estimators`, `max_depth` and `seed`: these reach it by way of the model. (`.after()` puts tasks in order and
    hands nothing on: it does not count.)
    """
    makers = {name: ir.maker(name) for name in OUTPUTS}
    for one, other in (("model", "predictions"), ("model", "decision"), ("predictions", "decision")):
        expect(
            makers[one].name != makers[other].name,
            found=f"the task `{makers[one].name}` makes `{one}` and `{other}`",
            expected="a task each, so that one of them can be run, cached, retried and replaced without the other",
            next_step="cut it into components: train, evaluate, decide",
        )
    for name in ("model", "predictions", "metrics", "decision"):
        task = makers[name]
        expect(
            not task.gets("data"),
            found=f"`data` comes straight to `{task.name}`, which makes `{name}`",
            expected="one task that loads what `data` names, and hands it on as an artifact: a path is no record of "
            "what was read",
            next_step=f"give `{task.name}` the Dataset of another task",
        )
    for name in ("model", "predictions", "metrics"):
        task = makers[name]
        expect(
            _datasets(ir, task),
            found=f"`{task.name}`, which makes `{name}`, gets no Dataset of another task",
            expected="`Input[Dataset]`, wired to an `Output[Dataset]`",
            next_step=f"hand `{task.name}` its rows as an artifact, and compile it again",
        )
    predicts, measures, decides = makers["predictions"], makers["metrics"], makers["decision"]
    for name in HYPERPARAMETERS.values():
        expect(
            not predicts.gets(name),
            found=f"`{name}` comes to `{predicts.name}`, which makes `predictions`",
            expected="a task that asks the model it gets, and trains none: what is measured is what is handed out",
            next_step=f"take `{name}` away from `{predicts.name}`, and compile it again",
        )
    expect(
        makers["model"].name in ir.upstream(predicts, artifacts=True),
        found=f"no artifact of `{makers['model'].name}`, which makes `model`, comes to `{predicts.name}`, which makes "
        "`predictions`",
        expected="the model as an `Input[Model]`",
        next_step=f"pass `{makers['model'].name}`'s output to `{predicts.name}`, and compile it again",
    )
    expect(
        measures.name == decides.name or measures.name in ir.upstream(decides),
        found=f"nothing of `{measures.name}`, which makes `metrics`, reaches `{decides.name}`, which makes `decision`",
        expected="a decision that depends on what was measured",
        next_step=f"pass a value or an artifact of `{measures.name}` to `{decides.name}`; `.after()` hands nothing on",
    )
    reached = {decides.name, *ir.upstream(decides)}
    expect(
        any(task.name in reached for task in ir.readers("min_auc")),
        found=f"`min_auc` does not reach `{decides.name}`",
        expected="a decision that depends on `min_auc`",
        next_step=f"pass `min_auc` to `{decides.name}`",
    )
    return ir


@check(points=1, needs=interface_is_described)
def cluster_knows_what_it_needs(_: View, ir: Ir) -> None:
    """The IR says what the local runner takes no notice of and a cluster needs: each task that gets `data` straight has
    caching switched off (the path stays the same when the file changes) and at least one retry; all other tasks have
    caching on; and the task that makes `model` has a CPU limit and a memory limit.
    """
    readers = ir.readers("data")
    for task in ir.tasks:
        reads = task in readers
        expect(
            task.cached is not reads,
            found=f"caching is {'on' if task.cached else 'off'} for `{task.name}`"
            + (
                ", which gets the path in `data`: with the same path, a cluster would take last month's result"
                if reads
                else ""
            ),
            expected="off for what reads `data`, on for all other tasks",
            next_step=f"`.set_caching_options({not task.cached})` on the task, then compile it again",
        )
        expect(
            not reads or task.retries >= 1,
            found=f"`{task.name}` reads what `data` names, and is not tried again when that fails",
            expected="at least one retry: on a cluster, it is a network that it reads over",
            next_step=f"`.set_retry(num_retries=2)` on the task of `{task.name}`, then compile it again",
        )
    trains = ir.component(ir.maker("model"))
    for kind, said, setting in (("CPU", trains.cpu, "cpu_limit('2')"), ("memory", trains.memory, "memory_limit('2G')")):
        expect(
            said,
            found=f"the task `{ir.maker('model').name}`, which makes `model`, has no {kind} limit",
            expected="both limits: the cluster finds a node with so much room, and ends what takes more",
            next_step=f"`.set_{setting}` on the task, then compile it again",
        )


@check(points=2, needs=steps_are_wired)
def steps_run_alone(lab: View, _: Ir) -> KfpRun:
    """Run with its defaults, the compiled pipeline comes to its end when each task runs in an empty folder that holds
    the artifacts that are wired to it (and for tasks that get `data` straight, the file it names), and nothing else of
    your workspace; each task writes its artifacts at their `path`, and each output of the pipeline is made.
    """
    run = lab.proofs.kfp_run(FIRST)
    ir = lab.kfp.pipeline.require()
    for name in ("decision", "reason"):
        expect(
            isinstance(run.parameters.get(name), str),
            found=f"the output `{name}` is {clean(repr(run.parameters.get(name)), 80)}",
            expected="a text",
            next_step=f"let `{ir.maker(name).name}` return it",
        )
    for name in ("model", "predictions"):
        output = ir.outputs[name]
        made = run.task(output.task)
        artifact = made.artifacts.get(output.key) if made else None
        expect(
            artifact is not None and artifact.size > 0,
            found=f"`{output.task}` writes nothing at `{output.key}.path`, which is to be `{name}`",
            expected="the bytes of the artifact at its `path`",
            next_step=f"write to `{output.key}.path` in `{output.task}`",
        )
    return run


@check(points=1, needs=steps_run_alone)
def run_is_recorded(lab: View, proof: KfpRun) -> None:
    """The folder `runs/` holds the newest local run of this pipeline with its defaults, as kfp's local runner left it:
    of each task the values and the artifacts that this `pipeline.yaml` makes of `data/payments.csv` when it is run
    again. (Another machine may find other last digits of numbers in texts, and other bytes in binary files.)
    """
    kfp = lab.kfp
    run, ir = kfp.require_run(), kfp.pipeline.require()
    step = (
        f"run the pipeline with its defaults, `pipeline_root='{kfp.runs}'`, and leave the folder as it is; if each run "
        "gives something else, hand `seed` to all that draws at random"
    )
    where = f"`{kfp.runs}/{clean(run.name, 120)}`"
    for task in ir.tasks:
        made, component = proof.task(task.name), ir.component(task)
        if (
            component.kind != "python"
            or made is None
            or not (component.output_parameters or component.output_artifacts)
        ):
            continue
        left = run.tasks.get(component.folder)
        expect(
            left is not None and left.problem is None,
            found=f"in {where}, of `{component.folder}`: {left.problem if left else 'nothing'}",
            expected="what each task of the pipeline left",
            next_step=step,
        )
        if left is None or sum(other.component == task.component for other in ir.tasks) > 1:
            continue  # tasks of one component share a folder, and the last of them is what it holds
        for name, value in made.parameters.items():
            expect(
                _same(left.parameters.get(name), value),
                found=f"in {where}, `{component.folder}` gave {clean(repr(left.parameters.get(name)), 80)} as `{name}`;"
                f" run again with the defaults, it gives {clean(repr(value), 80)}",
                expected="a run of this pipeline, with its defaults and your payments",
                next_step=step,
            )
        for name, agrees in made.agrees.items():
            expect(
                agrees is not False,
                found=f"in {where}, the artifact `{name}` of `{component.folder}` is not what the task writes when it "
                "is run again with the defaults",
                expected="a run of this pipeline, with its defaults and your payments, that is the same each time "
                "(what draws at random has a seed)",
                next_step=step,
            )
            for key, value in made.artifacts[name].metadata.items():
                if not isinstance(value, (int, float)):
                    continue
                said = left.artifacts[name].metadata.get(key)
                expect(
                    _same(said, value),
                    found=f"in {where}, the artifact `{name}` of `{component.folder}` has `{clean(key, 60)}: "
                    f"{clean(said, 60)}` in its metadata; run again, {clean(value, 60)}",
                    expected="the metadata of a run of this pipeline, with its defaults and your payments",
                    next_step=step,
                )


@check(points=1, needs=steps_run_alone)
def hyperparameters_reach_training(lab: View, proof: KfpRun) -> None:
    """With another `n_estimators`, with another `max_depth`, and with another `seed`, each by itself, `predictions` has
    other scores.
    """
    known = _by_id(proof)
    for case, name in HYPERPARAMETERS.items():
        run = lab.proofs.kfp_run(case)
        scores = _by_id(run)
        expect(
            not scores or scores != known,
            found=f"with `{name}={clean(run.arguments.get(name), 20)}`, `predictions` is the same as with the default",
            expected="another model, and so other scores",
            next_step=f"hand `{name}` on to the task that trains, and use it there; then compile and run again",
        )


@check(points=2, needs=steps_run_alone)
def scores_are_computed(lab: View, proof: KfpRun) -> dict[str, float]:
    """With its defaults, and with other payments at another path and another `test_from`: `predictions` has one row for
    each payment of `test_from` or later and no other, with `transaction_id` and `score` (0 to 1); `metrics` has the
    entries `auc`, the area under the ROC curve of these scores, and `test_rows`, their number (both to within 0.01);
    and `auc` is at least 0.7. When only the labels of these payments are dealt out anew among them, the scores stay the
    same and `auc` follows the labels; when only the labels of the earlier payments are, the scores change.
    """
    step = "write `transaction_id` and `score` of each row from `test_from` on into `predictions`"
    ir = lab.kfp.pipeline.require()
    areas: dict[str, float] = {}
    scores: dict[str, Scores] = {}
    for case, when in ((FIRST, ""), (OTHER, " with other payments"), (DEALT, " with other labels from `test_from` on")):
        run = proof if case == FIRST else lab.proofs.kfp_run(case)
        day = str(run.arguments.get("test_from", ir.parameters["test_from"].default))
        truth = _truth(run, day)
        expect(
            truth and 0 < sum(truth.values()) < len(truth),
            found=f"the default of `test_from` is `{clean(day, 40)}`, and no fraud or no honest payment comes after it",
            expected="a day such as `2025-03-01`, with payments to learn from before it, and to test on after it",
            next_step="change the default of `test_from`, then compile and run again",
        )
        scores[case] = _scores(run, truth, when, step)
        area = areas[case] = _auc(scores[case], truth)
        metrics = run.metadata.get("metrics", {})
        for name, value in (("auc", area), ("test_rows", float(len(truth)))):
            said = metrics.get(name)
            number = _number(said)
            expect(
                number is not None and abs(number - value) <= ROUNDED,
                found=f"run again{when}, `metrics` has {_shown(said)} as `{name}`; of its scores, it is {value:.4f}",
                expected="the numbers of these very predictions",
                next_step=f"`metrics.log_metric('{name}', ...)` with what is computed from the test rows",
            )
    for case, when in ((FIRST, "with the defaults"), (OTHER, "with other payments")):
        expect(
            areas[case] >= LEAST_AUC,
            found=f"run again {when}, `auc` is {areas[case]:.3f}",
            expected=f"at least {LEAST_AUC}",
            next_step="look at the features that the training gets: amount, hour, country, channel say a lot",
        )
    changed = _differing(scores[OTHER], scores[DEALT])
    expect(
        not changed,
        found=f"{plural(changed, 'score')} of `predictions` changed when only the labels of these very payments were "
        "dealt out anew",
        expected="scores of a model that has seen no payment of `test_from` or later, and no label of theirs",
        next_step="train with payments before `test_from` only, and keep `is_fraud` out of what the model is asked",
    )
    unlearnt = _scores(lab.proofs.kfp_run(UNLEARNT), dict.fromkeys(scores[OTHER], False), "", step)
    expect(
        _differing(scores[OTHER], unlearnt),
        found="no score changed when the labels of the payments before `test_from` were dealt out anew",
        expected="a model that learns from these labels",
        next_step="train on the Dataset that comes in, and predict with the model that comes in",
    )
    return areas


@check(points=1, needs=scores_are_computed)
def gate_decides(lab: View, areas: dict[str, float]) -> None:
    """`decision` is `promote` when the `auc` of this run is at least `min_auc`, and `reject` when it is not: with the
    defaults, with other payments, with labels that nothing can tell, and with a `min_auc` that these reach as well.
    `reason` is a text in which that `auc` stands with at least two decimals.
    """
    ir = lab.kfp.pipeline.require()
    for case, area in {**areas, ANY: areas[DEALT]}.items():
        run = lab.proofs.kfp_run(case)
        least = _number(run.arguments.get("min_auc", ir.parameters["min_auc"].default))
        decision, reason = (str(run.parameters.get(name)).strip() for name in ("decision", "reason"))
        right = DECISIONS[0] if least is not None and area >= least else DECISIONS[1]
        near = least is not None and abs(area - least) <= ROUNDED
        expect(
            decision == right or (near and decision in DECISIONS),
            found=f"for an `auc` of {area:.4f} and a `min_auc` of {clean(least, 20)}, `decision` is "
            + (f"`{decision}`" if decision in DECISIONS else "neither `promote` nor `reject`"),
            expected=f"`{right}`",
            next_step="compare the measured number with `min_auc` in the task that decides; then compile and run again",
        )
        expect(
            _names(reason, area),
            found=f"for an `auc` of {area:.4f}, `reason` "
            + (f"is `{clean(reason, 120)}`" if case == FIRST else "has no such number"),
            expected="a sentence with the measured number: what somebody reads who asks why",
            next_step="put the number into the text, such as `f'the AUC is {auc:.3f}, ...'`",
        )


@check(points=1, needs=interface_is_described, profile="kind", overlay="full")
def cluster_ran_it(lab: View, ir: Ir) -> None:
    """The pipeline ran on the cluster as well: the newest run of `card-fraud-training` on its Kubeflow Pipelines has
    the state SUCCEEDED, and so have its tasks (or they were taken over from the cache). The pipeline that this run was
    given is that of `pipeline.yaml`: the same parameters, programs, images, wires and limits, whatever the run is
    called. Only caching may differ, and the arguments.
    """
    newest = lab.kubernetes.require_runs().runs[0]
    shown = f"the newest run on the cluster, `{clean(newest.name, 80)}`,"
    again = "submit `pipeline.yaml` again, and wait until the run has ended"
    expect(
        newest.state == "SUCCEEDED",
        found=f"{shown} is in the state `{clean(newest.state, 40) or 'none'}`"
        + (f": {clean(newest.message, 160)}" if newest.message else ""),
        expected="`SUCCEEDED`",
        next_step="wait until it has ended; if it failed, its page shows the log of the task that did",
    )
    other = difference(ir, newest.pipeline)
    expect(
        not other,
        found=f"{shown} was of another pipeline: {other}",
        expected="a run of `pipeline.yaml` as it is now",
        next_step=again,
    )
    open_end = unfinished(ir, newest)
    expect(not open_end, found=f"of {shown} {open_end}", expected="`SUCCEEDED` for each task", next_step=again)


def _shown(value: Any) -> str:
    """Return a number as a text; of anything else only that it is none, since it may quote what is hidden."""
    number = _number(value)
    return "nothing" if value is None else "no number" if number is None else f"{number:.4f}"


def _datasets(ir: Ir, task: Task) -> bool:
    """Whether a task gets a Dataset that another one wrote."""
    for source in task.artifacts.values():
        made = ir.component(ir.task(source.task)).output_artifacts.get(source.name) if source.kind == "task" else None
        if made == "system.Dataset":
            return True
    return False


def _number(value: Any) -> float | None:
    """Return a number that JSON may hold, and nothing else."""
    return float(value) if type(value) in (int, float) and math.isfinite(value) else None


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same, but for the last digits of numbers."""
    first, second = _number(one), _number(other)
    if first is not None and second is not None:
        return math.isclose(first, second, rel_tol=CLOSE, abs_tol=1e-9)
    return type(one) is type(other) and bool(one == other)


def _truth(run: KfpRun, day: str) -> dict[str, bool]:
    """Return id -> is it a fraud, of the payments to test on."""
    rows = csv.DictReader(io.StringIO(run.table))
    return {row["transaction_id"]: row["is_fraud"] == "1" for row in rows if row["timestamp"] >= day}


def _rows(run: KfpRun) -> list[dict[str, str]]:
    try:
        reader = csv.DictReader(io.StringIO(run.texts.get("predictions", "").removeprefix("\ufeff")))
        return [{str(key).strip(): str(value).strip() for key, value in row.items()} for row in reader]
    except csv.Error:
        return []


def _by_id(run: KfpRun) -> dict[str, str]:
    return {row.get("transaction_id", ""): row.get("score", "") for row in _rows(run)}


def _scores(run: KfpRun, truth: dict[str, bool], when: str, step: str) -> Scores:
    """Return id -> score; the check fails where they are not those of the payments to test on."""
    scores: Scores = {}
    rows = _rows(run)
    for row in rows:
        try:
            score = float(row["score"])
            scores[row["transaction_id"]] = score
        except (KeyError, ValueError):
            score = math.nan
        if not -CLOSE <= score <= 1 + CLOSE:
            fail(
                found=f"`predictions`, run again{when}, has "
                + (f"the row {clean(row, 160)}" if run.case == FIRST else "a row without a score from 0 to 1"),
                expected="`transaction_id`, and a `score` from 0 to 1",
                next_step=step,
            )
    right = len(scores.keys() & truth.keys())
    expect(
        right == len(scores) == len(truth) == len(rows),
        found=f"`predictions`, run again{when}, has {plural(len(rows), 'row')}, {right} of them about payments to test "
        "on",
        expected=f"one row for each of the {plural(len(truth), 'payment')} of `test_from` or later",
        next_step=step,
    )
    return scores


def _auc(scores: Scores, truth: dict[str, bool]) -> float:
    area = auc(list(scores.values()), [truth[name] for name in scores])
    return 1.0 if area is None else area


def _differing(one: Scores, other: Scores) -> int:
    return sum(abs(score - other[name]) > CLOSE for name, score in one.items() if name in other)


def _names(reason: str, area: float) -> bool:
    """Whether a number stands in a text, rounded or cut off after two decimals or more, or in per cent."""
    said = [float(each) for each in NUMBER.findall(reason[:2000])]
    return any(abs(each - area) <= ROUNDED or abs(each / 100 - area) <= ROUNDED for each in said)
