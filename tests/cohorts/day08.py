"""Day 8 without MLflow: its records, and models of scikit-learn in the layout that MLflow 3.17 writes."""

import io
import json
import pickle
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import yaml

from checker.collect import mlflow
from checker.evidence.mlflow import ArtifactFile, Dataset, Experiment, LoggedModel, Mlflow, Run
from checker.prove.digests import mlflow_digests
from checker.recipes import make_table, sha256
from tests.cohorts.desk import Desk, fixtures
from tests.cohorts.forged import rewrite
from tests.cohorts.kinds import kind

EXPERIMENT, TARGET = "day08-baseline", "is_fraud"
DEPTHS = (3, 5, 7)
CORRECT = "day 8: three trees"
SKOPS = {"pickled_model": "model.skops", "serialization_format": "skops"}
PICKLE = {"pickled_model": "model.pkl", "serialization_format": "cloudpickle"}
Files = dict[str, bytes]


class Tracked:
    """What a learner's MLflow knows: runs with their models, newest first."""

    def __init__(self, desk: Desk) -> None:
        self.train, self.valid = (make_table(each, desk.seed) for each in desk.lab.fixtures)
        self._random = random.Random(f"{desk.learner} {desk.seed}")
        self._data = mlflow_digests({name: self.train[name] for name in self.train.columns}, TARGET)[0]
        self.runs: list[Run] = []
        self.models: dict[LoggedModel, Files] = {}

    @property
    def columns(self) -> list[str]:
        """What a model may see."""
        return [name for name in self.train.columns if name != TARGET]

    def features(self, table: Any) -> Any:
        import numpy as np

        return np.column_stack([table[name] for name in self.columns])

    def f1(self, model: Any) -> float:
        """The F1 of `model` on the validation rows."""
        from sklearn.metrics import f1_score

        return float(f1_score(self.valid[TARGET], model.predict(self.features(self.valid))))

    def tree(self, depth: int, *tables: Any) -> Any:
        """A decision tree that learned `tables`, the training rows unless told."""
        import numpy as np
        from sklearn.tree import DecisionTreeClassifier

        told = tables or (self.train,)
        rows = np.concatenate([self.features(each) for each in told])
        return DecisionTreeClassifier(max_depth=depth, random_state=0).fit(
            rows, np.concatenate([each[TARGET] for each in told])
        )

    def log(self, params: dict[str, object], score: float, model: bytes | Any) -> None:
        """Log one run with its model; `model` may be bytes that take the place of a pickle."""
        run_id, model_id = (f"{self._random.getrandbits(128):032x}" for _ in range(2))
        model_id, now = f"m-{model_id}", datetime.now(UTC) + timedelta(seconds=1 + len(self.runs))
        files = self._files(model_id, run_id, model)
        listed = tuple(ArtifactFile(path=path, size=len(content)) for path, content in files.items())
        logged = LoggedModel(
            model_id=model_id, name="model", status="LOGGED_MODEL_READY", source_run_id=run_id, created=now,
            artifact_path=f"1/models/{model_id}/artifacts", files=listed,
            flavors=("python_function", "sklearn"), has_signature=True,
        )  # fmt: skip
        run = Run(
            run_id=run_id, name=f"run-{len(self.runs)}", status="FINISHED", started=now, ended=now,
            params={name: str(value) for name, value in params.items()}, metrics={"valid_f1": score},
            datasets=(Dataset(name="dataset", digest=self._data, source_type="local", context="training"),),
            model_ids=(model_id,),
        )  # fmt: skip
        self.runs.insert(0, run)
        self.models = {logged: files} | self.models

    def _files(self, model_id: str, run_id: str, model: bytes | Any) -> Files:
        if isinstance(model, bytes):
            own, content = PICKLE, model
        else:
            import skops.io

            own, content = SKOPS | {"skops_trusted_types": ["sklearn.tree._tree.Tree"]}, skops.io.dumps(model)
        types = {"f": "double", "i": "long", "u": "long"}
        inputs = [{"type": types[self.train[name].dtype.kind], "name": name, "required": True} for name in self.columns]
        generic = {
            "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"}, "loader_module": "mlflow.sklearn",
            "model_path": own["pickled_model"], "predict_fn": "predict", "python_version": "3.11.7",
        }  # fmt: skip
        described = {
            "artifact_path": f"mlflow-artifacts:/1/models/{model_id}/artifacts",
            "flavors": {"python_function": generic, "sklearn": {"code": None, "sklearn_version": "1.9.1", **own}},
            "mlflow_version": "3.17.2", "model_id": model_id, "model_uuid": model_id, "run_id": run_id,
            "signature": {
                "inputs": json.dumps(inputs), "params": None,
                "outputs": json.dumps([{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]),
            },
        }  # fmt: skip
        return {
            "MLmodel": yaml.safe_dump(described).encode(),
            own["pickled_model"]: content,
            "requirements.txt": b"scikit-learn==1.9.1\nskops\n",
        }

    def mark_best(self) -> None:
        """Tag the run with the highest score."""
        best = max(self.runs, key=lambda run: run.metrics["valid_f1"])
        self.runs[self.runs.index(best)] = best.model_copy(update={"tags": {"stage": "candidate"}})

    @property
    def records(self) -> Mlflow:
        """As the server would tell it."""
        experiment = Experiment(
            name=EXPERIMENT, experiment_id="1", present=True, runs=tuple(self.runs), models=tuple(self.models)
        )
        return Mlflow(address="http://127.0.0.1:1", experiments=(experiment,))

    def fetch(self, server: object, model: LoggedModel, folder: Path) -> None:
        """Hand out a model's files, in the server's place."""
        for path, content in self.models[model].items():
            (folder / path).write_bytes(content)


def tracked(family: str, **options: Any) -> Callable[[Any], Any]:
    """Make a function of what MLflow knows a kind of day 8."""

    def register(work: Callable[[Tracked], object]) -> Callable[[Tracked], object]:
        def make(desk: Desk) -> None:
            with desk.started() as made:
                known = Tracked(desk)
                work(known)
                known.mark_best()
                with (
                    mock.patch.object(mlflow, "collect_mlflow", lambda address, source: known.records),
                    mock.patch.object(mlflow, "fetch_model", known.fetch),
                ):
                    desk.hand_in(made)

        make.__name__ = work.__name__
        kind(family, day=8, **options)(make)
        return work

    return register


def _honest(known: Tracked, depths: tuple[int, ...] = DEPTHS) -> None:
    for depth in depths:
        tree = known.tree(depth)
        known.log({"max_depth": depth}, known.f1(tree), tree)


@tracked("correct", marks=(9, 10))
def three_trees(known):
    _honest(known)


@tracked("cheating", marks=6, words="logged_score_is_real.*reports valid_f1 0.99")
def invented_metrics(known):
    _honest(known, DEPTHS[:2])
    known.log({"max_depth": 7}, 0.9912, known.tree(7))


@tracked("cheating", marks=9, words="score_holds_up")
def learned_the_validation_rows(known):
    _honest(known, DEPTHS[:2])
    tree = known.tree(40, known.train, known.valid)
    known.log({"max_depth": 40}, known.f1(tree), tree)


@kind("cheating", day=8, marks=(3, 5), words="dataset_named", donor=CORRECT, shares=True)
def a_classmates_models(desk: Desk):
    own = fixtures(desk.lab, desk.seed)

    def change(manifest, blobs):
        manifest["identity"].update(learner=desk.learner, seed=desk.seed, workspace_id="5" * 32)
        for path, content in own.items():
            manifest["workspace"][path] = {"sha256": sha256(content), "size": len(content)}

    rewrite(desk.donor, desk.target, change)


class _Call:
    """A pickle that calls something when it is loaded."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self._said = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self._said


def _hostile(known: Tracked, code: str) -> None:
    _honest(known, DEPTHS[:2])
    out = io.BytesIO()
    pickle.dump(_Call(exec, code), out)
    known.log({"max_depth": 1}, known.runs[0].metrics["valid_f1"] + 0.01, out.getvalue())


@tracked("cheating", marks=6, words="gives no score")
def a_hostile_pickle(known):
    _hostile(
        known,
        "import os, pathlib, signal\n"
        "for path in ('/tmp/escaped.txt', '/escaped.txt', '../escaped.txt'):\n"
        "    try: pathlib.Path(path).write_text('x')\n"
        "    except OSError: pass\n"
        "try: os.kill(os.getppid(), signal.SIGKILL)\n"
        "except OSError: pass\n"
        "os._exit(0)",
    )


@tracked("cheating", marks=6, words="seconds of CPU time|did not answer within")
def a_model_that_hangs(known):
    _hostile(known, "while True: pass")


@tracked("cheating", marks=6, words="gives no score")
def a_model_that_eats_memory(known):
    _hostile(known, "kept = []\nwhile True: kept.append(bytearray(64 << 20))")
