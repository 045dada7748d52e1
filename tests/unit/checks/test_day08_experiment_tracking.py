"""The checks of day 8 over evidence made by hand: no server, no model."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from checker.evidence import Evidence, Identity
from checker.evidence.files import FileRecord, Files
from checker.evidence.mlflow import ArtifactFile, Dataset, Experiment, LoggedModel, Mlflow, Run
from checker.evidence.proofs import Proofs, Score, TableDigest
from checker.runner import load_checks, run_checks
from tests.support import COURSE

LAB = COURSE.find("8")
STARTED = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROWS = 20_000
DATA = Dataset(name="d", digest="aaaa0000", context="training")
F1 = {"a": 0.8, "b": 0.7, "c": 0.6}


def made_run(letter, **changes):
    fields = {
        "run_id": letter * 8,
        "name": f"run-{letter}",
        "status": "FINISHED",
        "started": STARTED + timedelta(minutes=1),
        "params": {"max_depth": letter},
        "metrics": {"valid_f1": F1.get(letter, 0.5)},
        "tags": {"stage": "candidate"} if letter == "a" else {},
        "datasets": (DATA,),
        "model_ids": (f"m-{letter}",),
    }
    return Run(**(fields | changes))


def made_model(name, **changes):
    fields = {
        "model_id": f"m-{name}",
        "status": "LOGGED_MODEL_READY",
        "source_run_id": name * 8,
        "created": STARTED + timedelta(minutes=2),
        "files": (ArtifactFile(path="MLmodel", size=1),),
        "flavors": ("python_function", "sklearn"),
        "has_signature": True,
    }
    return LoggedModel(**(fields | changes))


def made_scores(name, **changes):
    """Scores whose F1 is F1[name] on all tables."""
    tp = round(F1.get(name, 0.5) * 1000)
    fields = {"rows": ROWS, "tp": tp, "fp": 1000 - tp, "fn": 1000 - tp, "tn": ROWS - 2000 + tp}
    for table in ("train", "valid", "holdout"):
        yield Score(**({"model_id": f"m-{name}", "table": table, "answers": f"{name}-{table}"} | fields | changes))


def graded(runs=None, models=None, scores=None, **changes):
    runs = [made_run(each) for each in "abc"] if runs is None else runs
    models = [made_model(each) for each in "abc"] if models is None else models
    scores = [score for each in "abc" for score in made_scores(each)] if scores is None else scores
    experiment = Experiment(name="day08-baseline", present=True, runs=tuple(runs), models=tuple(models))
    evidence = Evidence(
        workspace=Identity(lab=LAB.name, learner="me", workspace_id="w", seed=7, started=STARTED),
        fixtures={"data/train.csv": "f"},
        files=Files(records=(FileRecord(path="data/train.csv", sha256="f"),)),
        mlflow=Mlflow(address="http://mlflow", experiments=(experiment,)),
        proofs=Proofs(
            scores=tuple(scores),
            tables=(
                TableDigest(table="train", rows=3 * ROWS, digests=("aaaa0000", "aaaa1111")),
                TableDigest(table="valid", rows=ROWS, digests=("bbbb0000",)),
            ),
        ),
    )
    result = run_checks(LAB, load_checks(LAB), evidence.model_copy(update=changes))
    assert not [each for each in result.checks if each.outcome == "error"], result.checks
    return result


def failed(result):
    return {each.name: each.messages[0].found for each in result.checks if each.outcome == "failed"}


def test_the_marks_are_ten_and_all_are_earned():
    result = graded()
    assert not failed(result)
    assert (result.earned, result.possible, result.integrity) == (10, 10, "ok")


def with_run(name, **changes):
    return [made_run(each, **(changes if each == name else {})) for each in "abc"]


def with_model(name, **changes):
    return [made_model(each, **(changes if each == name else {})) for each in "abc"]


def with_scores(name, **changes):
    return [score for each in "abc" for score in made_scores(each, **(changes if each == name else {}))]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"status": "FAILED"}, "is FAILED"),
        ({"status": "RUNNING"}, "is RUNNING"),
        ({"started": STARTED - timedelta(seconds=1)}, "before this workspace"),
        ({"started": None}, "an unknown time"),
        ({"metrics": {}}, "has no metric"),
        ({"metrics": {"valid_f1": math.nan}}, "reports nan"),
        ({"metrics": {"valid_f1": math.inf}}, "reports inf"),
    ],
)
def test_runs_that_do_not_count_are_named(changes, told):
    said = failed(graded(runs=with_run("b", **changes)))
    assert list(said) == ["three_runs"]
    assert "run-b" in said["three_runs"]
    assert told in said["three_runs"]


def test_a_run_of_the_same_millisecond_counts():
    started = STARTED.replace(microsecond=123_000)
    identity = Identity(
        lab=LAB.name,
        learner="me",
        workspace_id="w",
        seed=7,
        started=STARTED.replace(microsecond=123_456),
    )
    assert not failed(graded(runs=[made_run(each, started=started) for each in "abc"], workspace=identity))


@pytest.mark.parametrize(
    "data",
    [
        Dataset(name="", digest="aaaa1111", context="train"),
        Dataset(name="x", digest="aaaa0000", context=" Training "),
    ],
)
def test_other_ways_to_name_the_data_are_accepted(data):
    more = Dataset(name="valid", digest="bbbb0000", context="validation")
    assert not failed(graded(runs=with_run("a", datasets=(more, data))))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ((), "names no dataset"),
        ((Dataset(name="v", digest="bbbb0000", context="training"),), "names `data/valid.csv`"),
        ((Dataset(name="v", digest="cccc0000", context="training"),), "names other data (digest cccc0000)"),
        ((DATA.model_copy(update={"context": "eval"}),), "with the context `eval`"),
        ((Dataset(name="", digest="", context="training"),), "names other data"),
    ],
)
def test_other_data_is_refused(data, told):
    said = failed(graded(runs=with_run("b", datasets=data)))
    assert list(said) == ["dataset_named"]
    assert told in said["dataset_named"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"status": "LOGGED_MODEL_UPLOAD_FAILED", "files": ()}, "upload failed"),
        ({"has_signature": False}, "without a signature"),
        ({"flavors": ("sklearn",)}, "python_function"),
        ({"created": STARTED - timedelta(seconds=1)}, "from before"),
        ({"created": None}, "from before"),
        ({"files": ()}, "not usable"),
        ({"problem": "its files are gone"}, "its files are gone"),
        ({"source_run_id": "aaaaaaaa"}, "the model of another run"),
    ],
)
def test_a_run_without_a_whole_model_of_its_own_is_named(changes, told):
    said = failed(graded(models=with_model("b", **changes)))
    assert list(said) == ["models_kept"]
    assert told in said["models_kept"]


def test_a_model_that_only_the_run_points_to_is_its_own():
    assert not failed(graded(models=with_model("b", source_run_id="")))


def test_a_poor_extra_run_without_anything_does_no_harm():
    runs = [*with_run("a"), made_run("d", datasets=(), model_ids=(), params={}, metrics={"valid_f1": 0.1})]
    assert not failed(graded(runs=runs))


def test_the_best_run_must_keep_everything():
    runs = [*with_run("a"), made_run("d", metrics={"valid_f1": 0.9})]
    assert "run-d" in failed(graded(runs=runs))["models_kept"]
    models = [*with_model("a"), made_model("d")]
    scores = [*with_scores("a"), *made_scores("d")]
    runs = [*with_run("a"), made_run("d", datasets=(), metrics={"valid_f1": 0.9})]
    assert "run-d" in failed(graded(runs=runs, models=models, scores=scores))["dataset_named"]


def test_a_worse_copy_of_the_best_run_is_no_obstacle():
    runs = [*with_run("a"), made_run("d", metrics={"valid_f1": 0.8}, datasets=(), model_ids=())]
    assert not failed(graded(runs=runs))


def test_same_params_or_same_answers_make_no_different_run():
    said = failed(graded(runs=with_run("b", params={"max_depth": "a"})))
    assert "log the same params" in said["runs_differ"]
    scores = [*made_scores("a"), *(each.model_copy(update={"model_id": "m-b"}) for each in made_scores("a"))]
    said = failed(graded(runs=with_run("b", metrics={"valid_f1": 0.8}), scores=[*scores, *made_scores("c")]))
    assert "answer alike" in said["runs_differ"]
    assert "logs no params" in failed(graded(runs=with_run("b", params={})))["runs_differ"]


@pytest.mark.parametrize(("claim", "fine"), [(0.8009, True), (0.7991, True), (0.8012, False), (0.79, False)])
def test_the_reported_score_must_be_the_measured_one(claim, fine):
    assert ("logged_score_is_real" not in failed(graded(runs=with_run("a", metrics={"valid_f1": claim})))) == fine


def test_a_wrong_score_is_explained():
    score = next(made_scores("a"))
    accuracy = (score.tp + score.tn) / score.rows
    said = failed(graded(runs=with_run("a", metrics={"valid_f1": accuracy})))
    assert "that is its accuracy" in said["logged_score_is_real"]
    assert "percentage" in failed(graded(runs=with_run("a", metrics={"valid_f1": 80.0})))["logged_score_is_real"]


def test_a_model_that_does_not_answer_is_the_learners_turn():
    said = failed(graded(scores=with_scores("b", problem="it cannot be loaded: ModuleNotFoundError: x")))
    assert "ModuleNotFoundError" in said["logged_score_is_real"]
    holdout = [
        each.model_copy(update={"problem": "it does not predict"}) if each.table == "holdout" else each
        for each in with_scores("a")
    ]
    assert "gives no score there" in failed(graded(scores=holdout))["score_holds_up"]


def test_an_unmeasured_best_model_is_named():
    scores = [each for each in with_scores("a") if each.model_id != "m-a"]
    assert "not among the newest" in failed(graded(scores=scores))["logged_score_is_real"]


@pytest.mark.parametrize(("lost", "fine"), [(0.0, True), (0.11, True), (0.13, False)])
def test_the_score_must_hold_up(lost, fine):
    tp = round((0.8 - lost) * 1000)
    held = {"tp": tp, "fp": 1000 - tp, "fn": 1000 - tp}
    scores = [
        each.model_copy(update=held) if (each.model_id, each.table) == ("m-a", "holdout") else each
        for each in with_scores("a")
    ]
    assert ("score_holds_up" not in failed(graded(scores=scores))) == fine


def test_the_mark_is_on_the_best_run_alone():
    assert "no run has the tag" in failed(graded(runs=with_run("a", tags={})))["best_is_marked"]
    said = failed(graded(runs=with_run("b", tags={"stage": "Candidate "})))
    assert "run-b" in said["best_is_marked"]
    old = made_run("z", tags={"stage": "candidate"}, started=STARTED - timedelta(days=9))
    assert not failed(graded(runs=[*with_run("a"), old]))
    died = made_run("y", tags={"stage": "candidate"}, status="FAILED")
    assert "run-y" in failed(graded(runs=[*with_run("a"), died]))["best_is_marked"]


def test_hostile_names_and_sizes_end_in_words():
    names = ["\x1b[2J" * 100, "`; rm -rf", "\u202e" * 50, "x" * 500]
    runs = [made_run(each, name=name, params={}, datasets=()) for each, name in zip("abcd", names, strict=True)]
    result = graded(runs=runs)
    assert "dataset_named" in failed(result)
    assert all("\x1b" not in message.found for each in result.checks for message in each.messages)


def test_many_runs_are_compared_in_time():
    runs = [made_run("a", run_id=f"r{number}", params={"n": "1"}) for number in range(500)]
    models = [made_model("a", model_id="m-a", source_run_id="")]
    result = graded(runs=runs, models=models, scores=list(made_scores("a")))
    assert "runs_differ" in failed(result)


def test_nothing_at_all_fails_and_is_no_error():
    assert set(failed(graded(runs=[], models=[], scores=[]))) == {"three_runs"}
