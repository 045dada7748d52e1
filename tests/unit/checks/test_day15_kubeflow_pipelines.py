"""The checks of day 15 over evidence made by hand: no jail, no kfp."""

import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checker.checks import day15_kubeflow_pipelines as day15
from checker.evidence import Evidence, Identity
from checker.evidence.kfp import (
    Artifact,
    Component,
    Ir,
    Kfp,
    KfpRun,
    LocalRun,
    Output,
    Port,
    RunTask,
    Source,
    Task,
    TaskRun,
)
from checker.evidence.kubernetes import Kubernetes, PipelineRun, PipelineRuns, PipelineTask
from checker.evidence.proofs import Proofs
from checker.runner import load_checks, run_checks
from tests.support import COURSE

LAB = next(lab for lab in COURSE.labs if lab.day == 15)
NOW = datetime(2026, 11, 21, tzinfo=UTC)
DEFAULTS = {
    "data": "data/payments.csv", "test_from": "2025-03-01", "n_estimators": 30.0, "max_depth": 6.0, "seed": 7.0,
    "min_auc": 0.8,
}  # fmt: skip
FRAUDS = (3, 4, 10, 30, 33)


def made(task, key):
    return Source(kind="task", task=task, name=key)


def given_by(name):
    return Source(kind="pipeline", name=name)


COMPONENTS = {
    "comp-load": Component(name="comp-load", kind="python", output_artifacts={"rows": "system.Dataset"}),
    "comp-train": Component(
        name="comp-train", kind="python", output_artifacts={"model": "system.Model"}, cpu="2", memory="2G"
    ),
    "comp-evaluate": Component(
        name="comp-evaluate",
        kind="python",
        output_artifacts={"scores": "system.Dataset", "metrics": "system.Metrics"},
        output_parameters={"auc": "NUMBER_DOUBLE"},
    ),
    "comp-gate": Component(
        name="comp-gate", kind="python", output_parameters={"decision": "STRING", "reason": "STRING"}
    ),
}
TASKS = {
    "load": Task(name="load", component="comp-load", parameters={"data": given_by("data")}, retries=1),
    "train": Task(name="train", component="comp-train", artifacts={"rows": made("load", "rows")}, cached=True),
    "evaluate": Task(
        name="evaluate",
        component="comp-evaluate",
        artifacts={"rows": made("load", "rows"), "model": made("train", "model")},
        cached=True,
    ),
    "gate": Task(
        name="gate",
        component="comp-gate",
        parameters={"auc": made("evaluate", "auc"), "least": given_by("min_auc")},
        cached=True,
    ),
}
OUTPUTS = {
    "model": Output(type="system.Model", task="train", key="model"),
    "predictions": Output(type="system.Dataset", task="evaluate", key="scores"),
    "metrics": Output(type="system.Metrics", task="evaluate", key="metrics"),
    "decision": Output(type="STRING", task="gate", key="decision"),
    "reason": Output(type="STRING", task="gate", key="reason"),
}


def graph(tasks=None, **changes):
    types = {name: kind for name, (kind, _) in day15.PARAMETERS.items()}
    told = {
        "path": "pipeline.yaml",
        "present": True,
        "name": day15.NAME,
        "parameters": {name: Port(type=types[name], optional=True, default=value) for name, value in DEFAULTS.items()},
        "outputs": OUTPUTS,
        "components": COMPONENTS,
        "tasks": tuple((TASKS | (tasks or {})).values()),
    }
    return Ir(**told | changes)


def table(day, dealt=False):
    """Payments of a month of 40 before a day and 40 after it; the frauds have the same places on both sides."""
    month = day[:8]
    before = f"{day[:5]}01-01"
    rows = [("transaction_id", "timestamp", "is_fraud")]
    places = [(each + 7) % 40 for each in FRAUDS] if dealt else FRAUDS
    rows += [(f"a{n}", f"{before}T00:00:{n:02d}", int(n in FRAUDS)) for n in range(40)]
    rows += [(f"b{n}", f"{month}28T00:00:{n:02d}", int(n in places)) for n in range(40)]
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def predictions(shift=0.0):
    return "transaction_id,score\n" + "".join(
        f"b{n},{(0.9 if n in FRAUDS else 0.1) + n / 1000 + shift}\n" for n in range(40)
    )


def executed(case, *, arguments=None, rows="", auc=1.0, shift=0.0, decision=None, **changes):
    arguments = arguments or {}
    least = arguments.get("min_auc", 0.8)
    decision = decision or ("promote" if auc >= least else "reject")
    artifact = Artifact(sha256="0" * 64, size=9)
    told = {
        "case": case,
        "arguments": arguments,
        "tasks": tuple(
            TaskRun(
                task=name,
                parameters={"auc": auc} if name == "evaluate" else {},
                artifacts=dict.fromkeys(COMPONENTS[f"comp-{name}"].output_artifacts, artifact),
                agrees=dict.fromkeys(COMPONENTS[f"comp-{name}"].output_artifacts, True),
            )
            for name in TASKS
        ),
        "parameters": {"decision": decision, "reason": f"it is {auc:.3f}, and {least} is wanted"},
        "metadata": {"metrics": {"auc": auc, "test_rows": 40.0}},
        "texts": {"predictions": predictions(shift)},
        "table": rows,
    }
    return KfpRun(**told | changes)


def dealt_auc():
    day = "2025-06-10"
    run = executed("x", rows=table(day, dealt=True))
    return day15._auc(day15._scores(run, day15._truth(run, day), "", ""), day15._truth(run, day))


def right():
    other = {"test_from": "2025-06-10"}
    rows = table("2025-06-10")
    auc = dealt_auc()
    runs = [
        executed("as-it-is", rows=table("2025-03-01")),
        executed("trees", arguments={"n_estimators": 9}, shift=0.001),
        executed("depth", arguments={"max_depth": 3}, shift=0.002),
        executed("seed", arguments={"seed": 1001}, shift=0.003),
        executed("other-month", arguments=other, rows=rows),
        executed("labels-of-the-test-rows-dealt", arguments=other, rows=table("2025-06-10", dealt=True), auc=auc),
        executed("any-model-will-do", arguments={**other, "min_auc": 0.05}, auc=auc),
        executed("labels-to-learn-from-dealt", arguments=other, rows=rows, shift=0.01),
    ]
    return {run.case: run for run in runs}


def recorded():
    artifact = Artifact(sha256="0" * 64, size=9)
    tasks = {
        each.folder: RunTask(
            parameters={"auc": 1.0} if each.folder == "evaluate" else {},
            artifacts=dict.fromkeys(each.output_artifacts, artifact),
        )
        for each in COMPONENTS.values()
    }
    return LocalRun(name=f"{day15.NAME}-2026-11-21-12-53-03-461966", tasks=tasks)


def results(ir=None, runs=None, run="recorded"):
    identity = Identity(lab=LAB.name, learner="me", workspace_id="0" * 32, seed=7, started=NOW)
    kfp = Kfp(pipeline=ir or graph(), runs="runs", run=recorded() if run == "recorded" else run)
    proofs = Proofs(kfp=tuple((right() | (runs or {})).values()))
    evidence = Evidence(workspace=identity, kfp=kfp, proofs=proofs)
    here = [check for check in run_checks(LAB, load_checks(LAB), evidence).checks if check.outcome != "skipped"]
    return {check.name: check for check in here}


def failed(**changes):
    found = results(**changes)
    assert {check.outcome for check in found.values()} <= {"passed", "failed", "blocked"}, [
        (check.name, check.messages) for check in found.values()
    ]
    for check in found.values():
        assert all(each.found and each.expected and each.next_step for each in check.messages)
    return {name for name, check in found.items() if check.outcome == "failed"}


def test_ten_marks_and_everything_right():
    found = results()
    assert {check.outcome for check in found.values()} == {"passed"}, found
    assert sum(check.earned for check in found.values()) == 10


def test_every_case_is_judged():
    named = {day15.FIRST, day15.OTHER, day15.DEALT, day15.ANY, day15.UNLEARNT, *day15.HYPERPARAMETERS}
    assert named == set(LAB.proofs.kfp.cases)


@pytest.mark.parametrize(
    "ir",
    [
        Ir(path="pipeline.yaml"),
        Ir(path="pipeline.yaml", present=True, problem="it is odd"),
        graph(name="other"),
        graph(parameters={}),
        graph(parameters=graph().parameters | {"seed": Port(type="STRING", optional=True, default="7")}),
        graph(parameters=graph().parameters | {"seed": Port(type="NUMBER_INTEGER")}),
        graph(parameters=graph().parameters | {"extra": Port(type="STRING")}),
        graph(parameters=graph().parameters | {"data": Port(type="STRING", optional=True, default="/home/me/x.csv")}),
        graph(outputs={name: each for name, each in OUTPUTS.items() if name != "reason"}),
        graph(outputs=OUTPUTS | {"model": Output(type="system.Artifact", task="train", key="model")}),
        graph(components=COMPONENTS | {"comp-gate": Component(name="comp-gate", kind="other")}),
    ],
)
def test_the_interface(ir):
    assert failed(ir=ir) == {"interface_is_described"}


def test_more_than_demanded_is_welcome():
    more = {"note": Port(type="STRING", optional=True, default="x")}
    assert not failed(ir=graph(parameters=graph().parameters | more))


@pytest.mark.parametrize(
    "tasks",
    [
        {
            "gate": TASKS["gate"].model_copy(
                update={"parameters": {"least": given_by("min_auc")}, "after": ("evaluate",)}
            )
        },
        {"gate": TASKS["gate"].model_copy(update={"parameters": {"auc": made("evaluate", "auc")}})},
        {"train": TASKS["train"].model_copy(update={"artifacts": {}})},
        {"evaluate": TASKS["evaluate"].model_copy(update={"artifacts": {"rows": made("load", "rows")}})},
        {"evaluate": TASKS["evaluate"].model_copy(update={"artifacts": {"model": made("train", "model")}})},
    ],
)
def test_the_wires(tasks):
    assert failed(ir=graph(tasks)) == {"steps_are_wired"}


def test_data_goes_to_what_loads_it_only():
    train = TASKS["train"].model_copy(update={"parameters": {"data": given_by("data")}, "cached": False, "retries": 1})
    assert failed(ir=graph({"train": train})) == {"steps_are_wired"}


@pytest.mark.parametrize(
    "ir",
    [
        graph({"load": TASKS["load"].model_copy(update={"cached": True})}),
        graph({"load": TASKS["load"].model_copy(update={"retries": 0})}),
        graph({"gate": TASKS["gate"].model_copy(update={"cached": False})}),
        graph(components=COMPONENTS | {"comp-train": COMPONENTS["comp-train"].model_copy(update={"cpu": ""})}),
        graph(components=COMPONENTS | {"comp-train": COMPONENTS["comp-train"].model_copy(update={"memory": ""})}),
    ],
)
def test_what_a_cluster_needs(ir):
    assert failed(ir=ir) == {"cluster_knows_what_it_needs"}


def but(case, **changes):
    return {"runs": {case: right()[case].model_copy(update=changes)}}


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        (but("as-it-is", problem="it stops"), "steps_run_alone"),
        (but("as-it-is", parameters={"decision": 1, "reason": "x"}), "steps_run_alone"),
        (but("as-it-is", tasks=()), "steps_run_alone"),
        (but("depth", texts=right()["as-it-is"].texts), "hyperparameters_reach_training"),
        (but("seed", problem="it stops"), "hyperparameters_reach_training"),
        (but("other-month", problem="it stops"), "scores_are_computed"),
        (but("other-month", texts={}), "scores_are_computed"),
        (but("other-month", texts={"predictions": "\0\n" * 5}), "scores_are_computed"),
        (but("other-month", texts={"predictions": predictions() + "b0,0.5\n"}), "scores_are_computed"),
        (but("other-month", texts={"predictions": predictions().replace("b7,", "a7,")}), "scores_are_computed"),
        (but("other-month", texts={"predictions": predictions().replace("0.9", "nan")}), "scores_are_computed"),
        (but("as-it-is", texts={"predictions": predictions(0.2)}), "scores_are_computed"),
        (but("as-it-is", metadata={"metrics": {"auc": 0.9, "test_rows": 40}}), "scores_are_computed"),
        (but("as-it-is", metadata={"metrics": {"auc": "1.0", "test_rows": 40}}), "scores_are_computed"),
        (but("as-it-is", metadata={"metrics": {"auc": True, "test_rows": 40}}), "scores_are_computed"),
        (but("as-it-is", metadata={"metrics": {"auc": 1.0, "test_rows": 39}}), "scores_are_computed"),
        (but("as-it-is", metadata={}), "scores_are_computed"),
        (but("as-it-is", table=table("2026-03-01").replace("2026", "2024")), "scores_are_computed"),
        (but("labels-to-learn-from-dealt", texts={"predictions": predictions()}), "scores_are_computed"),
        (but("labels-of-the-test-rows-dealt", texts={"predictions": predictions(0.002)}), "scores_are_computed"),
        (but("any-model-will-do", parameters={"decision": "reject", "reason": "0.5"}), "gate_decides"),
        (but("as-it-is", parameters={"decision": "Promote!", "reason": "1.0"}), "gate_decides"),
        (but("as-it-is", parameters={"decision": "promote", "reason": "it is good"}), "gate_decides"),
        (but("any-model-will-do", problem="it stops"), "gate_decides"),
    ],
)
def test_what_is_computed(changes, check):
    assert failed(**changes) == {check}


def test_a_model_that_ranks_no_better_than_chance_is_refused():
    reverse = "transaction_id,score\n" + "".join(f"b{n},{0.1 if n in FRAUDS else 0.9}\n" for n in range(40))
    texts = {"predictions": reverse}
    runs = right()["other-month"].model_copy(
        update={"texts": texts, "metadata": {"metrics": {"auc": 0.0, "test_rows": 40}}}
    )
    assert failed(runs={"other-month": runs}) == {"scores_are_computed"}


def test_the_recorded_run():
    assert failed(run=None) == {"run_is_recorded"}
    whole = recorded()
    assert failed(run=whole.model_copy(update={"problem": "has too many files"})) == {"run_is_recorded"}
    for name, task in {
        "gate": None,
        "load": RunTask(problem="there is no `executor_output.json`"),
        "evaluate": whole.tasks["evaluate"].model_copy(update={"parameters": {"auc": 0.99}}),
    }.items():
        tasks = {key: each for key, each in (whole.tasks | {name: task}).items() if each}
        assert failed(run=whole.model_copy(update={"tasks": tasks})) == {"run_is_recorded"}
    for agrees, refused in ((False, {"run_is_recorded"}), (None, set()), (True, set())):
        first = right()["as-it-is"]
        tasks = tuple(
            each.model_copy(update={"agrees": {"rows": agrees}}) if each.task == "load" else each
            for each in first.tasks
        )
        assert failed(runs={"as-it-is": first.model_copy(update={"tasks": tasks})}) == refused


@pytest.mark.parametrize(
    ("reason", "area", "named"),
    [
        ("the AUC is 0.9876", 0.98761, True),
        ("AUC .99 of 1", 0.9876, True),
        ("98.8 % of the pairs", 0.9876, True),
        ("it is good", 0.9, False),
        ("0.8 is demanded", 0.9, False),
        ("9" * 3000, 0.9, False),
        ("", 0.9, False),
    ],
)
def test_a_number_in_a_reason(reason, area, named):
    assert day15._names(reason, area) is named


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(value=JSON, text=st.text(max_size=60), case=st.sampled_from(sorted(right())))
def test_nothing_foreign_is_our_error(value, text, case):
    run = right()[case].model_copy(
        update={
            "parameters": {"decision": value, "reason": text},
            "metadata": {"metrics": {"auc": value, "test_rows": value}},
            "texts": {"predictions": text if value else f"transaction_id,score\n{text}"},
        }
    )
    parameters = graph().parameters | {"min_auc": Port(type="NUMBER_DOUBLE", optional=True, default=value)}
    left = recorded()
    tasks = left.tasks | {"evaluate": RunTask(parameters={"auc": value}, artifacts={})}
    found = results(runs={case: run}, ir=graph(parameters=parameters), run=left.model_copy(update={"tasks": tasks}))
    assert "error" not in {check.outcome for check in found.values()}, [check.messages for check in found.values()]


def on_the_cluster(**changes):
    """The verdict on a run of the cluster; `pipeline` are changes of what it was given."""
    given = graph(**changes.pop("pipeline", {})).model_copy(update={"path": ""})
    tasks = tuple(PipelineTask(name=name, state="SUCCEEDED") for name in ("root", "root-driver", *TASKS))
    told = {"run_id": "r", "name": "my run", "state": "SUCCEEDED", "pipeline": given, "tasks": tasks}
    runs = PipelineRuns(pipeline=day15.NAME, runs=(PipelineRun(**told | changes),))
    return cluster_verdict(Kubernetes(runs=runs))


def cluster_verdict(kubernetes):
    evidence = Evidence(
        workspace=Identity(lab=LAB.name, learner="me", workspace_id="0" * 32, seed=7, started=NOW),
        profile="kind",
        overlay="full",
        kfp=Kfp(pipeline=graph(), runs="runs"),
        kubernetes=kubernetes,
    )
    return run_checks(LAB, [day15.interface_is_described, day15.cluster_ran_it], evidence).checks[1]


def test_the_pipeline_that_ran_on_the_cluster_is_the_compiled_one():
    assert on_the_cluster().outcome == "passed"
    cached = {"load": TASKS["load"].model_copy(update={"cached": True})}
    assert on_the_cluster(pipeline={"tasks": cached}, arguments={"data": "s3://a/b.csv"}).outcome == "passed"
    skipped = tuple(PipelineTask(name=name, state="SKIPPED") for name in TASKS)
    assert on_the_cluster(tasks=skipped).outcome == "passed"


def component(name, **changes):
    return {"components": COMPONENTS | {name: COMPONENTS[name].model_copy(update=changes)}}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": "FAILED", "message": "no image"}, "`FAILED`: no image"),
        ({"state": "RUNNING"}, "`RUNNING`"),
        ({"pipeline": component("comp-train", source="print('hello')")}, "`train` is another program"),
        ({"pipeline": component("comp-train", image="busybox")}, "the image `busybox`"),
        ({"pipeline": component("comp-train", memory="4G")}, "other limits"),
        (
            {"pipeline": {"tasks": {"train": TASKS["train"].model_copy(update={"artifacts": {}})}}},
            "inputs from elsewhere",
        ),
        ({"pipeline": {"tasks": {"more": TASKS["load"].model_copy(update={"name": "more"})}}}, "one task more, `more`"),
        ({"pipeline": {"parameters": {}}}, "its parameter `data`"),
        ({"pipeline": {"outputs": {}}}, "its output `model`"),
        ({"pipeline": {"problem": "no tasks", "tasks": {}}}, "cannot be read"),
        ({"tasks": ()}, "nothing of the task `load`"),
        ({"tasks": (PipelineTask(name="load", state="FAILED", message="OOM"),)}, "`load` is `FAILED`: OOM"),
    ],
)
def test_another_run_on_the_cluster_is_none_of_it(changes, words):
    told = on_the_cluster(**changes)
    assert (told.outcome, told.earned) == ("failed", 0)
    assert words in told.messages[0].found
    assert told.messages[0].expected
    assert told.messages[0].next_step


def test_without_any_run_on_the_cluster_the_step_is_told():
    told = cluster_verdict(Kubernetes(runs=PipelineRuns(pipeline=day15.NAME, others=1)))
    assert (told.outcome, "create_run_from_pipeline_package" in told.messages[0].next_step) == ("failed", True)


def test_without_a_cluster_its_mark_is_not_missed():
    workspace = Identity(lab=LAB.name, learner="me", workspace_id="0" * 32, seed=7, started=NOW)
    evidence = Evidence(workspace=workspace, kfp=Kfp(pipeline=graph(), runs="runs"))
    result = run_checks(LAB, load_checks(LAB), evidence)
    assert result.possible == 10
    assert result.checks[-1].outcome == "skipped"
