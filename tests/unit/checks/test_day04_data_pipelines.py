"""The checks of day 4 over evidence made by hand: what is accepted, what is refused, and that nothing raises."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.checks import day04_data_pipelines as day
from checker.evidence import Evidence, Identity
from checker.evidence.files import FileRecord, Files
from checker.evidence.git import Blob, Commit, Git
from checker.evidence.pipelines import Link, Param, Pipeline, Stage
from checker.evidence.proofs import PipelineRun, Proofs, StageRun
from checker.runner import load_checks, run_checks
from tests.support import COURSE

LAB = COURSE.find("4")
NAMES = tuple(check.name for check in load_checks(LAB))
PARAMS = {
    "prepare": {"test_from": "2025-04"},
    "features": {"usual": "median"},
    "train": {"n_estimators": 40, "max_depth": 6, "seed": 7},
    "evaluate": {"threshold": 0.3},
}
ROWS = [(f"t{n}", f"2025-{month:02d}-0{day}", int(n % 5 == 0)) for n, (month, day) in enumerate(
    (month, day) for month in (1, 2, 3, 4) for day in range(1, 10)
)]  # fmt: skip
TABLE = "transaction_id,timestamp,is_fraud\n" + "".join(f"{i},{when}T10:00:00,{fraud}\n" for i, when, fraud in ROWS)
STAGE_NAMES = day.STAGES
OUTS = {"prepare": "build/rows", "features": "build/features.csv", "train": "build/model", "evaluate": "scores.csv"}


def link(path, kind="dependency", **more):
    return Link(path=path, kind=kind, **({"locked": "1" * 32, "md5": "1" * 32} | more))


def stage(name, **changes):
    number = STAGE_NAMES.index(name)
    before = "data/payments.csv" if not number else OUTS[STAGE_NAMES[number - 1]]
    outs = [link(OUTS[name], "output")]
    if name == "evaluate":
        outs += [link("metrics.json", "metric", cached=False), link("curve.csv", "plot")]
    keys = [key for key in day.PARAMETERS if key.startswith(name)]
    params = [
        Param(file="params.yaml", key=key, present=True, value=1, is_recorded=True, recorded=1) for key in keys
    ]  # fmt: skip
    made = Stage(
        name=name,
        commands=(f"python src/{name}.py",),
        recorded=(f"python src/{name}.py",),
        deps=(link(f"src/{name}.py"), link(before)),
        outs=tuple(outs),
        params=tuple(params),
        locked=True,
    )
    return made.model_copy(update=changes)


def scores(first="2025-04", shift=0.0):
    rows = [(i, 0.9 if fraud else 0.1) for i, when, fraud in ROWS if when[:7] >= first]
    return "transaction_id,score\n" + "".join(f"{i},{score + shift}\n" for i, score in rows)


def metrics(precision=1.0, recall=1.0):
    return json.dumps({"precision": precision, "recall": recall})


def runs(**changes):
    """All cases, with `changes` by case: fields of the run, or `ran`."""
    made = []
    for case in (day.FIRST, day.AGAIN, *day.CASES, day.UNSEEN):
        name, owner = day.CASES.get(case, (None, "evaluate"))
        own = dict(changes.get(case.replace("-", "_"), {}))
        must = STAGE_NAMES[STAGE_NAMES.index(owner) :] if case in day.CASES else ()
        ran = own.pop("ran", must)
        value = {"prepare.test_from": "2025-03", "evaluate.threshold": 0.02}.get(name, 2)
        first = "2025-03" if case == "test-from" else "2025-04"
        right = metrics(len([1 for i, w, f in ROWS if w[:7] >= first and f]) / 9) if case == "threshold" else metrics()
        texts = {"scores.csv": scores(first, {"depth": 0.01, "trees": 0.02, "seed": 0.03}.get(case, 0))}
        fields = {
            "case": case,
            "params": {name: value} if name else {},
            "stages": tuple(
                StageRun(stage=each, ran=each in ran, status=0, outs={OUTS[each]: "1" * 32}) for each in STAGE_NAMES
            ),
            "outputs": texts | {"metrics.json": right},
            "tables": {"data/payments.csv": TABLE} if case in (day.FIRST, day.UNSEEN) else {},
        }
        made.append(PipelineRun(**(fields | own)))
    text = "transaction_id,score\n" + "".join(f"{i},0.5\n" for i, when, _ in ROWS if when >= "2025-04")
    dealt = {"outputs": {"scores.csv": text}, "tables": {"data/payments.csv": TABLE}}
    made.append(PipelineRun(case=day.SHUFFLED, **(dealt | changes.get("labels_dealt_anew", {}))))
    return tuple(made)


def files(**texts):
    known = {"params.yaml": json.dumps(PARAMS), "metrics.json": metrics(), "dvc.yaml": "", "dvc.lock": ""}
    known |= {f"src/{name}.py": "" for name in STAGE_NAMES} | texts
    return Files(records=tuple(FileRecord(path=path, size=1, text=text) for path, text in known.items()))


def blobs(*more):
    names = ["dvc.yaml", "dvc.lock", "params.yaml", *(f"src/{name}.py" for name in STAGE_NAMES), *more]
    return tuple(Blob(path=path, sha="a", size=1) for path in names)


def made(pipeline=None, texts=None, git=None, **cases):
    identity = Identity(lab=LAB.name, learner="me", workspace_id="w", seed=7, started=datetime.now(UTC))
    commit = Commit(sha="1", subject="", author="", time=datetime.now(UTC))
    whole = {"present": True, "stages": tuple(map(stage, STAGE_NAMES))} | (pipeline or {})
    return Evidence(
        workspace=identity,
        files=files(**(texts or {})),
        git=Git(present=True, commits=(commit,), head=blobs()).model_copy(update=git or {}),
        pipeline=Pipeline(**whole),
        proofs=Proofs(pipelines=runs(**cases)),
    )


def judge(evidence):
    return run_checks(LAB, load_checks(LAB), evidence)


def refused(evidence):
    result = judge(evidence)
    assert not [check for check in result.checks if check.outcome == "error"], result
    for check in result.checks:
        if check.outcome == "failed":
            assert all(each.found and each.expected and each.next_step for each in check.messages), check
    return {check.name for check in result.checks if check.outcome == "failed"}


def stages(**changed):
    """All stages, with some changed."""
    return {"stages": tuple(stage(name, **changed.get(name, {})) for name in STAGE_NAMES)}


def test_the_finished_day_earns_everything():
    result = judge(made())
    assert result.outcome == "passed", [(c.name, c.messages) for c in result.checks if c.outcome != "passed"]
    assert sum(check.points for check in load_checks(LAB)) == 10


REFUSED = {
    "nothing": (made({"present": False, "stages": ()}), "pipeline_is_described"),
    "broken": (made({"problem": "`dvc.yaml`: no", "stages": ()}), "pipeline_is_described"),
    "a stage is missing": (made({"stages": tuple(map(stage, STAGE_NAMES[:3]))}), "pipeline_is_described"),
    "no data": (made(stages(prepare={"deps": ()})), "pipeline_is_described"),
    "not in order": (made(stages(train={"deps": (link("data/payments.csv"),)})), "pipeline_is_described"),
    "no parameter": (made(texts={"params.yaml": "{}"}), "pipeline_is_described"),
    "parameters a list": (made(texts={"params.yaml": "[1]"}), "pipeline_is_described"),
    "no metric": (
        made(stages(evaluate={"outs": (link("scores.csv", "output"), link("metrics.json", "output"))})),
        "metrics_and_plots_are_declared",
    ),
    "no plot": (
        made(stages(evaluate={"outs": (link("scores.csv", "output"), link("metrics.json", "metric"))})),
        "metrics_and_plots_are_declared",
    ),
    "metrics no numbers": (made(texts={"metrics.json": '{"precision": true}'}), "metrics_and_plots_are_declared"),
    "no lock": (made({"lock_problem": "no file `dvc.lock`"}), "lock_is_current"),
    "not locked": (made(stages(train={"locked": False})), "lock_is_current"),
    "other command": (made(stages(train={"recorded": ("python x",)})), "lock_is_current"),
    "other bytes": (made(stages(train={"deps": (link(OUTS["features"], md5="2" * 32),)})), "lock_is_current"),
    "output gone": (made(stages(train={"outs": (link(OUTS["train"], "output", md5=None),)})), "lock_is_current"),
    "unknown": (made(stages(train={"unknown": ("x",)})), "lock_is_current"),
    "other value": (
        made(stages(train={"params": (Param(file="params.yaml", key="x", present=True, value=1, is_recorded=True),)})),
        "lock_is_current",
    ),
    "no value": (made(stages(train={"params": (Param(file="params.yaml", key="x"),)})), "lock_is_current"),
    "does not run": (made(as_it_is={"problem": "stage `train`: no"}), "stages_need_only_what_they_declare"),
    "differs": (
        made(again={"stages": tuple(StageRun(stage=each, outs={OUTS[each]: "2"}) for each in STAGE_NAMES)}),
        "runs_give_the_same_again",
    ),
    "typed": (
        made(as_it_is={"stages": (StageRun(stage="evaluate", ran=False, agrees={"metrics.json": False}),)}),
        "runs_give_the_same_again",
    ),
    "frozen": (made(stages(prepare={"frozen": True})), "changes_rerun_only_what_they_must"),
    "always": (made(stages(prepare={"always_changed": True})), "changes_rerun_only_what_they_must"),
    "not declared": (made(depth={"ran": ()}), "changes_rerun_only_what_they_must"),
    "needless": (made(threshold={"ran": STAGE_NAMES}), "changes_rerun_only_what_they_must"),
    "not obeyed": (made(usual={"ran": ("features",)}), "changes_rerun_only_what_they_must"),
    "same model": (
        made(seed={"outputs": {"scores.csv": scores(), "metrics.json": metrics()}}),
        "changes_rerun_only_what_they_must",
    ),
    "a case fails": (made(trees={"problem": "no"}), "changes_rerun_only_what_they_must"),
    "metrics of nothing": (
        made(unseen_data={"outputs": {"scores.csv": scores(), "metrics.json": metrics(0.5)}}),
        "metrics_follow_from_the_scores",
    ),
    "metrics no json": (
        made(as_it_is={"outputs": {"scores.csv": scores(), "metrics.json": "{"}}), "metrics_follow_from_the_scores",
    ),
    "rows of another month": (
        made(as_it_is={"outputs": {"scores.csv": scores("2025-03"), "metrics.json": metrics()}}),
        "metrics_follow_from_the_scores",
    ),
    "rows twice": (
        made(as_it_is={"outputs": {"scores.csv": scores() + scores().split("\n", 1)[1], "metrics.json": metrics()}}),
        "metrics_follow_from_the_scores",
    ),
    "no better than a coin": (
        made(as_it_is={"outputs": {
            "scores.csv": scores().replace("0.9", "0.05"), "metrics.json": metrics(0.0, 0.0)}}),
        "metrics_follow_from_the_scores",
    ),
    "knows what nothing tells": (
        made(labels_dealt_anew={"outputs": {"scores.csv": scores()}}), "metrics_follow_from_the_scores",
    ),
    "no scores": (made(as_it_is={"outputs": {}}), "metrics_follow_from_the_scores"),
    "no commit": (made(git={"present": False}), "work_is_committed"),
    "code not committed": (made(git={"head": blobs()[:-1]}), "work_is_committed"),
    "changed since": (made(git={"modified": ("dvc.lock",)}), "work_is_committed"),
    "data committed": (made(git={"head": blobs("data/payments.csv")}), "work_is_committed"),
    "output committed": (made(git={"head": blobs("build/rows/a")}), "work_is_committed"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    evidence, check = REFUSED[name]
    assert refused(evidence) == {check}


ACCEPTED = {
    "metrics for all": made(
        {"metrics": ("metrics.json",), "plots": ("scores.csv",)}
        | stages(evaluate={"outs": (link("scores.csv", "output"), link("metrics.json", "output"))})
    ),
    "metrics committed": made(git={"head": blobs("metrics.json", "curve.csv")}),
    "folder of code": made(stages(train={"deps": (link("src"), link(OUTS["features"]))})),
    "dotted names": made(
        texts={"params.yaml": json.dumps({f"{k}.{n}": v for k, e in PARAMS.items() for n, v in e.items()})}
    ),
    "binary differs": made(as_it_is={"stages": tuple(
        StageRun(stage=each, ran=False, outs={OUTS[each]: "1" * 32}, agrees={OUTS[each]: None}) for each in STAGE_NAMES
    )}),
    "scores at the edge": made(
        texts={"params.yaml": json.dumps(PARAMS | {"evaluate": {"threshold": 0.9}})},
        as_it_is={"outputs": {"scores.csv": scores().replace("0.9", "0.8999999"), "metrics.json": metrics()}},
    ),
    "more columns": made(as_it_is={"outputs": {
        "scores.csv": "\ufeffscore , transaction_id,x\r\n" + "".join(
            f"{0.9 if fraud else 0.1},{i},\r\n" for i, when, fraud in reversed(ROWS) if when[:7] >= "2025-04"),
        "metrics.json": metrics()}}),
}  # fmt: skip


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_is_accepted(name):
    assert refused(ACCEPTED[name]) == set()


def test_values_that_two_versions_of_yaml_read_differently_agree():
    assert day._agree({"a": ["1e-3", "yes"]}, {"a": [0.001, True]})
    assert not day._agree("1e-3", 0.01)
    assert not day._agree({"a": 1}, {"b": 1})
    assert not day._agree([1], [1, 2])
    assert not day._agree("", 0)


STRANGE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(
    STRANGE,
    st.text(max_size=60) | st.just("transaction_id,score\nt27,1\n") | st.just('transaction_id,score\n"'),
    st.text(max_size=30) | STRANGE.map(json.dumps),
)
def test_nothing_raises(value, table, text):
    texts = {"params.yaml": json.dumps(PARAMS | {"evaluate": {"threshold": value}, "prepare": {"test_from": value}})}
    evidence = made(
        stages(
            train={
                "params": (Param(file="params.yaml", key="x", present=True, value=1, is_recorded=True, recorded=value),)
            }
        ),
        texts | {"metrics.json": text},
        as_it_is={"outputs": {"scores.csv": table, "metrics.json": text}},
    )
    refused(evidence)
    refused(made(texts=texts, as_it_is={"outputs": {"scores.csv": table, "metrics.json": text}}))
    refused(made(texts={"params.yaml": text}))
