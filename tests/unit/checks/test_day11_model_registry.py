"""The checks of day 11 over evidence made by hand: no server, no model."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from checker.evidence import Evidence, Identity
from checker.evidence.dvc import Dvc, Entry, Object, Output, Stored
from checker.evidence.files import FileRecord, Files
from checker.evidence.mlflow import ArtifactFile, Dataset, Example, LoggedModel, Mlflow, ModelVersion, RegisteredModel
from checker.evidence.mlflow import Run as MlflowRun
from checker.evidence.proofs import Proofs, Score, TableDigest
from checker.runner import load_checks, run_checks
from tests.support import COURSE

LAB = COURSE.find("11")
STARTED = datetime(2026, 9, 1, 12, tzinfo=UTC)
LATER = STARTED + timedelta(minutes=1)
PATHS = {"spring": "data/spring.csv", "summer": "data/summer.csv"}
SUMS = {"spring": "5" * 32, "summer": "6" * 32}
FEATURES = ("amount", "hour")
TAGS = {
    "reason": "It finds far more of the frauds.",
    "requested_by": "data science",
    "approved_by": "fraud operations",
    "replaces": "1",
    "valid_f1": "0.6000",
    "replaced_f1": "0.1000",
}
NUMBER = {"spring": "1", "summer": "2"}
F1 = {"spring": 0.1, "summer": 0.6}


def made_dataset(month, **changes):
    source = json.dumps({"uri": PATHS.get(month, month)})
    return Dataset(**({"name": "d", "digest": f"digest-{month}", "source": source, "context": "training"} | changes))


def made_run(month, **changes):
    fields = {
        "run_id": f"run-{month}",
        "name": f"tree-{month}",
        "status": "FINISHED",
        "started": LATER,
        "tags": {"dvc_md5": SUMS[month], "mlflow.user": "root"},
        "datasets": (made_dataset(month),),
        "model_ids": (f"m-{month}",),
    }
    return MlflowRun(**(fields | changes))


def made_model(name, **changes):
    fields = {
        "model_id": f"m-{name}",
        "status": "LOGGED_MODEL_READY",
        "source_run_id": f"run-{name}",
        "created": LATER,
        "files": (ArtifactFile(path="MLmodel", size=1),),
        "flavors": ("python_function", "sklearn"),
        "has_signature": True,
        "has_outputs": True,
        "inputs": FEATURES,
        "example": Example(columns=FEATURES, rows=3),
    }
    return LoggedModel(**(fields | changes))


def made_version(name, **changes):
    fields = {
        "version": NUMBER[name],
        "status": "READY",
        "created": LATER,
        "description": "A tree.",
        "source": f"models:/m-{name}",
        "run_id": f"run-{name}",
        "tags": TAGS if name == "summer" else {},
        "model": made_model(name),
        "run": made_run(name),
    }
    return ModelVersion(**(fields | changes))


def versions(name="summer", **changes):
    return tuple(made_version(each, **(changes if each == name else {})) for each in PATHS)


def made_scores(name, **f1):
    for table in ("september", "holdout"):
        tp = round(f1.get(table, F1[name]) * 1000)
        wrong = 1000 - tp
        answers = f"{name}-{tp}"
        yield Score(
            model_id=f"m-{name}", table=table, rows=9000, tp=tp, fp=wrong, fn=wrong, tn=8000 - wrong, answers=answers
        )


def made_output(name, **changes):
    fields = {"source": f"{PATHS[name]}.dvc", "path": PATHS[name], "md5": SUMS[name], "cache": Stored(present=True)}
    return Output(**(fields | changes))


def made_dvc(**changes):
    objects = tuple(Object(md5=SUMS[name], sha256=f"sha-{name}", size=9) for name in PATHS)
    return Dvc(**({"present": True, "outputs": tuple(map(made_output, PATHS)), "objects": objects} | changes))


def graded(made=None, aliases=None, scores=None, dvc=None, files=None, **changes):
    registered = RegisteredModel(
        name="day11-card-fraud",
        present=True,
        aliases={"champion": "2", "challenger": "1"} if aliases is None else aliases,
        versions=versions() if made is None else made,
    )
    scores = [score for each in PATHS for score in made_scores(each)] if scores is None else scores
    records = tuple(FileRecord(path=path, sha256=f"sha-{name}") for name, path in PATHS.items())
    evidence = Evidence(
        workspace=Identity(lab=LAB.name, learner="me", workspace_id="w", seed=7, started=STARTED),
        fixtures={path: f"sha-{name}" for name, path in PATHS.items()},
        files=Files(records=records if files is None else files),
        dvc=dvc or made_dvc(),
        mlflow=Mlflow(address="http://mlflow", registered=(registered,)),
        proofs=Proofs(
            scores=tuple(scores),
            tables=tuple(TableDigest(table=name, rows=9, digests=(f"digest-{name}",)) for name in PATHS),
        ),
    )
    result = run_checks(LAB, load_checks(LAB), evidence.model_copy(update=changes))
    assert not [each for each in result.checks if each.outcome == "error"], result.checks
    assert all(
        message.found and message.expected and message.next_step for each in result.checks for message in each.messages
    )
    return result


def failed(result):
    return {each.name: each.messages[0].found for each in result.checks if each.outcome == "failed"}


def test_the_marks_are_ten_and_all_are_earned():
    result = graded()
    assert not failed(result)
    assert (result.earned, result.possible, result.integrity) == (10, 10, "ok")


def test_nothing_at_all_fails_and_is_no_error():
    assert set(failed(graded(made=(), aliases={}, scores=[], dvc=Dvc()))) == {"two_versions"}
    nobody = Mlflow(registered=(RegisteredModel(name="day11-card-fraud"),))
    assert "no registered model" in failed(graded(mlflow=nobody))["two_versions"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"status": "PENDING_REGISTRATION"}, "PENDING"),
        ({"status": ""}, "unknown status"),
        ({"created": STARTED - timedelta(seconds=1)}, "before this workspace"),
        ({"created": None}, "before this workspace"),
        ({"description": "  "}, "no description"),
    ],
)
def test_versions_that_do_not_count_are_named(changes, told):
    assert told in failed(graded(made=versions(**changes)))["two_versions"]


@pytest.mark.parametrize(
    ("aliases", "told"),
    [
        ({}, "no alias `champion`"),
        ({"champion": "2", "Challenger": "1"}, "it has `Challenger`"),
        ({"champion": "2", "challenger": "9"}, "version 9, which is not there"),
        ({"champion": "2", "challenger": ""}, "which is not there"),
        ({"champion": "2", "challenger": "2"}, "both aliases"),
    ],
)
def test_aliases_must_lead_to_two_versions(aliases, told):
    said = failed(graded(aliases=aliases))
    assert list(said) == ["aliases_set"]
    assert told in said["aliases_set"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"status": "LOGGED_MODEL_UPLOAD_FAILED", "files": ()}, "upload failed"),
        ({"problem": "its files are gone"}, "its files are gone"),
        ({"flavors": ("sklearn",)}, "python_function"),
        ({"has_signature": False}, "signature of its inputs"),
        ({"has_outputs": False}, "signature of its outputs"),
        ({"inputs": ()}, "an array"),
        ({"inputs": (*FEATURES, "is_fraud")}, "`is_fraud`"),
        ({"example": None}, "without an input example"),
        ({"example": Example(problem="is no JSON text")}, "is no JSON text"),
        ({"example": Example(columns=FEATURES, rows=0)}, "of 0 rows"),
        ({"example": Example(columns=FEATURES, rows=60_000)}, "of 60000 rows"),
        ({"example": Example(columns=("amount",), rows=3)}, "differs from its signature in `hour`"),
    ],
)
def test_a_model_that_does_not_say_what_it_takes_is_named(changes, told):
    said = failed(graded(made=versions(model=made_model("summer", **changes))))
    assert list(said) == ["models_described"]
    assert told in said["models_described"]


def test_a_version_without_a_logged_model_is_named():
    said = failed(graded(made=versions(model=None, source="/tmp/\x1b[2J")))
    assert "leads to no logged model" in said["models_described"]
    assert "\x1b" not in said["models_described"]


def lineage(**changes):
    return failed(graded(**changes)).get("lineage_holds", "")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"run_id": "run-spring"}, "names the run run-spri, its model was logged in run-summ"),
        ({"run_id": "", "model": made_model("summer", source_run_id=""), "run": None}, "names no run"),
        ({"run": None}, "not there"),
        ({"run": made_run("summer", deleted=True)}, "was deleted"),
        ({"run": made_run("summer", status="FAILED")}, "is FAILED"),
        ({"run": made_run("summer", started=STARTED - timedelta(days=1))}, "before this workspace"),
        ({"run": made_run("summer", started=None)}, "before this workspace"),
        ({"run": made_run("summer", datasets=())}, "no dataset with the context"),
        ({"run": made_run("summer", datasets=(made_dataset("summer", context="eval"),))}, "no dataset"),
        ({"run": made_run("summer", datasets=(made_dataset("else"),))}, "names other data"),
        ({"run": made_run("summer", datasets=(made_dataset("summer", source="{}"),))}, "with the source `{}`"),
        ({"run": made_run("summer", datasets=(made_dataset("summer", source="[" * 99_999),))}, "with the source"),
        ({"run": made_run("summer", datasets=(made_dataset("summer", source='{"uri": 7}'),))}, "with the source"),
        ({"run": made_run("summer", tags={})}, "no tag or param `dvc_md5`"),
        ({"run": made_run("summer", tags={"dvc_md5": "a" * 32})}, "says `dvc_md5` aaaa"),
        ({"run": made_run("summer", tags={"dvc_md5": f"{SUMS['summer']} {'b' * 32}"})}, "also says `dvc_md5` bbbb"),
    ],
)
def test_the_first_broken_link_is_named(changes, told):
    said = failed(graded(made=versions(**changes)))
    assert list(said) == ["lineage_holds"]
    assert told in said["lineage_holds"]


@pytest.mark.parametrize(
    ("dvc", "told"),
    [
        (Dvc(), "no DVC repository"),
        (made_dvc(outputs=(made_output("summer"),)), "no `.dvc` file tracks"),
        (made_dvc(objects=()), "tracks other bytes"),
        (
            made_dvc(outputs=(made_output("spring"), made_output("summer", cache=Stored(missing=("6",)))), objects=()),
            "holds no such bytes",
        ),
        (made_dvc(outputs=(made_output("spring", md5="7" * 32), made_output("summer"))), "tracks other bytes"),
    ],
)
def test_dvc_must_hold_the_bytes(dvc, told):
    assert told in lineage(dvc=dvc)


def test_a_changed_file_is_told_where_a_digest_differs():
    run = made_run("summer", datasets=(made_dataset("else"),))
    result = graded(made=versions(run=run), files=())
    check = next(each for each in result.checks if each.name == "lineage_holds")
    assert "is not the file that you started with" in check.messages[0].next_step


def test_other_ways_of_keeping_the_lineage_are_accepted():
    folder = Output(
        source="data.dvc",
        path="data",
        md5="d" * 32 + ".dir",
        entries=tuple(Entry(path=f"{name}.csv", md5=SUMS[name]) for name in PATHS),
        cache=Stored(present=True),
    )
    both = made_run(
        "summer",
        tags={},
        params={"dvc_md5": f"{SUMS['summer'].upper()},{SUMS['spring']}"},
        datasets=(
            made_dataset("summer", source='{"uri": "/home/me/data/summer.csv"}', context=" Train "),
            made_dataset("spring", source='{"uri": "data/spring.csv.dvc"}'),
            made_dataset("else", context="evaluation"),
        ),
    )
    assert not lineage(made=versions(run=both), dvc=made_dvc(outputs=(folder,)))
    dir_sum = made_run("summer", tags={"dvc_md5": "d" * 32 + ".dir"})
    assert not lineage(made=versions(run=dir_sum), dvc=made_dvc(outputs=(folder,)))
    assert not lineage(made=versions(run_id=""))
    assert not lineage(made=versions(model=made_model("summer", source_run_id="")))


def scored(**changes):
    return [score for each in PATHS for score in made_scores(each, **changes.get(each, {}))]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"summer": {"september": 0.149}}, "the challenger's 0.1000"),
        ({"spring": {"september": 0.6}}, "the challenger's 0.6000"),
        ({"summer": {"holdout": 0.47}}, "0.47 on held-out"),
        ({"summer": {"september": 0.2, "holdout": 0.09}}, "0.09 on held-out"),
        ({"spring": {"holdout": 0.7}}, "the challenger's 0.7000"),
    ],
)
def test_a_champion_must_be_better_on_both(changes, told):
    assert told in failed(graded(scores=scored(**changes)))["champion_is_better"]


def test_a_champion_by_the_least_is_one():
    low = scored(summer={"september": 0.151, "holdout": 0.101}, spring={"holdout": 0.1})
    assert "champion_is_better" not in failed(graded(scores=low))


def test_a_model_that_does_not_answer_is_the_learners_turn():
    broken = [each.model_copy(update={"problem": "it cannot be loaded"}) for each in made_scores("summer")]
    said = failed(graded(scores=[*made_scores("spring"), *broken]))
    assert "it cannot be loaded" in said["champion_is_better"]
    assert "not measured" in failed(graded(scores=list(made_scores("summer"))))["champion_is_better"]


def with_tags(**changes):
    return versions(tags={key: value for key, value in (TAGS | changes).items() if value is not None})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"reason": None}, "no tag `reason`"),
        ({"reason": "better"}, "the reason is `better`"),
        ({"approved_by": None}, "no tag `approved_by`"),
        ({"requested_by": " "}, "no tag `requested_by`"),
        ({"replaces": ""}, "no tag `replaces`"),
        ({"approved_by": "Data\n Science "}, "asked for the promotion"),
        ({"approved_by": "ROOT"}, "trained the model"),
        ({"replaces": "2"}, "`challenger` is on version 1"),
        ({"replaces": "the old one"}, "`challenger` is on version 1"),
    ],
)
def test_what_the_record_lacks_is_named(changes, told):
    said = failed(graded(made=with_tags(**changes)))
    assert list(said) == ["approval_recorded"]
    assert told in said["approval_recorded"]


@pytest.mark.parametrize("number", ["1", " 1 ", "v1", "Version 1", "V1"])
def test_a_version_may_be_written_in_several_ways(number):
    assert not failed(graded(made=with_tags(replaces=number)))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"valid_f1": None}, "`valid_f1` of version 2 is missing"),
        ({"valid_f1": "0.61"}, "is `0.61`"),
        ({"valid_f1": "nan"}, "is `nan`"),
        ({"valid_f1": "1e999"}, "is `1e999`"),
        ({"replaced_f1": "ten"}, "is `ten`"),
        ({"valid_f1": "0.1", "replaced_f1": "0.6"}, "is `0.1`"),
    ],
)
def test_recorded_numbers_must_be_measured_ones(changes, told):
    said = failed(graded(made=with_tags(**changes)))
    assert list(said) == ["recorded_scores_are_real"]
    assert told in said["recorded_scores_are_real"]


@pytest.mark.parametrize("number", ["0.6", "0.6009", " 0.5991", "0,6", "6e-1"])
def test_a_number_may_be_rounded(number):
    assert not failed(graded(made=with_tags(valid_f1=number)))


def test_hostile_texts_end_in_words():
    evil = "\x1b[2J`; rm -rf \u202e" * 50
    run = made_run("summer", name=evil, tags={"dvc_md5": evil, "mlflow.user": evil})
    tags = dict.fromkeys(TAGS, evil)
    for made in (
        versions(version=evil, run=run, tags=tags, description=evil),
        versions(run=run, tags=tags | {"requested_by": "x"}),
        versions(model=made_model("summer", inputs=(evil,))),
        versions(run=made_run("summer", datasets=(made_dataset(evil, name=evil, source=evil),))),
    ):
        result = graded(made=made)
        assert failed(result)
        assert all("\x1b" not in text.found + text.next_step for each in result.checks for text in each.messages)


def test_models_that_were_asked_nothing_are_refused():
    empty = [Score(model_id=f"m-{name}", table=table) for name in PATHS for table in ("september", "holdout")]
    assert "champion_is_better" in failed(graded(scores=empty))
