"""Which models are scored: those of runs, or those behind a registered model's versions; and what then travels."""

import json
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from checker.archive import Refused
from checker.declarations import ModelProof
from checker.evidence.mlflow import ArtifactFile, Experiment, LoggedModel, Mlflow, ModelVersion, RegisteredModel, Run
from checker.prove.models import candidates
from checker.recipes import sha256
from checker.submission import _records
from tests.support import COURSE

LAB = COURSE.find("11")
NAME = "day11-card-fraud"


def made_model(name, **changes):
    files = (ArtifactFile(path="MLmodel", size=1),)
    return LoggedModel(**({"model_id": name, "status": "LOGGED_MODEL_READY", "files": files} | changes))


def registry(*models, name=NAME):
    versions = tuple(ModelVersion(version=str(number), model=model) for number, model in enumerate(models, start=1))
    return Mlflow(registered=(RegisteredModel(name=name, present=True, versions=versions),))


def chosen(mlflow, **proof):
    return [each.model_id for each in candidates(ModelProof(**({"tables": {}, "at_most": 2} | proof)), mlflow)]


def test_models_behind_versions_are_taken_once_in_order_and_bounded():
    whole = [made_model(f"m-{number}") for number in range(4)]
    broken = made_model("m-broken", status="LOGGED_MODEL_UPLOAD_FAILED")
    assert chosen(registry(whole[0], None, broken, whole[0], *whole[1:]), registered=NAME) == ["m-0", "m-1"]
    assert chosen(registry(*whole, name="another"), registered=NAME) == []
    assert chosen(Mlflow(), registered=NAME) == []


def test_models_of_runs_need_a_finished_run():
    runs = (Run(run_id="a", status="FINISHED"), Run(run_id="b", status="FAILED"))
    models = tuple(made_model(f"m-{run}", source_run_id=run) for run in "ab")
    experiments = (Experiment(name="e", present=True, runs=runs, models=models),)
    assert chosen(Mlflow(experiments=experiments), experiment="e") == ["m-a"]


@pytest.mark.parametrize("named", [{}, {"experiment": "e", "registered": "r"}])
def test_a_proof_names_one_source(named):
    with pytest.raises(ValidationError, match="name one of them"):
        ModelProof(tables={}, **named)


def read(mlflow, models=()):
    content = mlflow.model_dump_json().encode()
    piece = SimpleNamespace(size=len(content), sha256=sha256(content))
    manifest = SimpleNamespace(mlflow=piece, models={each: {} for each in models})
    return _records(SimpleNamespace(text=lambda name: content), manifest, LAB)


def test_records_of_the_registry_come_back():
    told = registry(made_model("m-1"), None)
    assert read(told, ["m-1"]).registered == told.registered


@pytest.mark.parametrize(
    ("mlflow", "models", "words"),
    [
        (Mlflow(), (), "other experiments or registered models"),
        (registry(made_model("m-1"), name="theirs"), (), "other experiments or registered models"),
        (registry(made_model("m-1")), ("m-2",), "different models"),
        (registry(made_model("../x")), (), "different models"),
        (registry(made_model("")), (), "different models"),
    ],
)
def test_records_of_something_else_are_refused(mlflow, models, words):
    with pytest.raises(Refused, match=words):
        read(mlflow, models)


def test_records_with_anything_more_are_refused():
    content = json.dumps(json.loads(registry().model_dump_json()) | {"more": 1}).encode()
    piece = SimpleNamespace(size=len(content), sha256=sha256(content))
    with pytest.raises(Refused, match="not what"):
        _records(SimpleNamespace(text=lambda name: content), SimpleNamespace(mlflow=piece, models={}), LAB)
