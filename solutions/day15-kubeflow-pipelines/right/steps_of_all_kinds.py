"""In a terminal: steps in several files, an importer, one component twice, a folder as model, values by path."""

import subprocess
from pathlib import Path

STEPS = {
    "steps/__init__.py": "",
    "steps/data.py": """
from kfp.dsl import Dataset, Input, Output, component
from typing import NamedTuple, Optional

image = dict(base_image="python:3.11-slim@sha256:" + "0" * 64, install_kfp_package=False)


@component(**image)
def split_by_day(whole: Input[Dataset], first_day: str, older: Output[Dataset], newer: Output[Dataset]) -> NamedTuple(
    "Rows", [("n_older", int), ("n_newer", int)]
):
    import csv
    from typing import NamedTuple

    with open(whole.path, newline="") as source:
        reader = csv.DictReader(source)
        rows = list(reader)
    parts = [[], []]
    for row in rows:
        parts[row["timestamp"][:10] >= first_day].append(row)
    for artifact, part in zip((older, newer), parts):
        with open(artifact.path, "w", newline="") as target:
            writer = csv.DictWriter(target, reader.fieldnames)
            writer.writeheader()
            writer.writerows(part)
        artifact.metadata = {"rows": len(part), "columns": reader.fieldnames, "more": {"empty": None, "list": [1, 2.5]}}
    return (len(parts[0]), len(parts[1]))


@component(**image)
def numbers(raw: Input[Dataset], table: Output[Dataset], home: Optional[str] = None, label: str = "rows"):
    import os
    import pandas as pd

    rows = pd.read_csv(raw.path, parse_dates=["timestamp"])
    frame = pd.DataFrame({
        "transaction_id": rows.transaction_id, "y": rows.is_fraud, "amount": rows.amount,
        "hour": rows.timestamp.dt.hour, "abroad": rows.country.ne(home or "AT"),
        "remote": rows.channel.isin(["online", "phone"]), "count": rows.transactions_24h,
    })
    os.makedirs(table.path)
    frame.to_parquet(os.path.join(table.path, "part-0.parquet"))
    table.metadata["label"] = label
""",
    "steps/model.py": """
from kfp import dsl
from kfp.dsl import ClassificationMetrics, Dataset, Input, InputPath, Metrics, Model, Output, OutputPath

image = dict(base_image="python:3.11-slim", install_kfp_package=False)


@dsl.component(**image)
def grow(rows: InputPath("Dataset"), trees: int, depth: int, seed: int, forest: Output[Model]):
    import json, os, pickle
    import pandas as pd
    from sklearn.ensemble import ExtraTreesClassifier

    table = pd.read_parquet(rows)
    x, y = table.drop(columns=["transaction_id", "y"]), table["y"]
    model = ExtraTreesClassifier(trees, max_depth=depth, random_state=seed).fit(x, y)
    os.mkdir(forest.path)
    with open(forest.path + "/model.pickle", "wb") as file:
        pickle.dump(model, file)
    with open(forest.path + "/columns.json", "w") as file:
        json.dump(list(x.columns), file)


@dsl.component(**image)
def predict(rows: Input[Dataset], forest: Input[Model], scored: Output[Dataset], answers: Output[Dataset]):
    import json, pickle
    import pandas as pd

    table = pd.read_parquet(rows.path)
    model = pickle.load(open(f"{forest.path}/model.pickle", "rb"))
    scores = model.predict_proba(table[json.load(open(f"{forest.path}/columns.json"))])[:, 1]
    found = pd.DataFrame({"score": scores, "transaction_id": table.transaction_id, "amount": table.amount})
    found.sample(frac=1, random_state=0).to_csv(scored.path, index=False, lineterminator="\\r\\n")
    table[["transaction_id", "y"]].to_csv(answers.path, index=False)


@dsl.component(**image)
def measure(
    scored: Input[Dataset], answers: Input[Dataset], numbers: Output[Metrics], curve: Output[ClassificationMetrics]
):
    import pandas as pd
    from sklearn.metrics import roc_auc_score

    both = pd.read_csv(scored.path).merge(pd.read_csv(answers.path), on="transaction_id", validate="one_to_one")
    numbers.log_metric("auc", float(roc_auc_score(both.y, both.score)))
    numbers.log_metric("test_rows", float(len(both)))
    curve.log_confusion_matrix(["honest", "fraud"], [[1, 0], [0, 1]])


@dsl.component(**image)
def decide(numbers: Input[Metrics], least: float, decision: OutputPath(str), reason: OutputPath(str)):
    measured = numbers.metadata["auc"]
    with open(decision, "w") as file:
        file.write("promote" if measured >= least else "reject")
    with open(reason, "w") as file:
        file.write(f"{100 * measured:.2f} % of the pairs are in order ({100 * least:g} % wanted)")
""",
    "pipeline.py": """
from typing import NamedTuple

from kfp import dsl
from steps.data import numbers, split_by_day
from steps.model import decide, grow, measure, predict


@dsl.pipeline(name="card-fraud-training")
def training(
    min_auc: float = 0.75, seed: int = 0, max_depth: int = 5, n_estimators: int = 16, test_from: str = "2025-02-20",
    data: str = "data/payments.csv", country: str = "AT",
) -> NamedTuple("Everything", [
    ("decision", str), ("reason", str), ("metrics", dsl.Metrics), ("model", dsl.Model), ("predictions", dsl.Dataset),
    ("rows", int),
]):
    whole = dsl.importer(artifact_uri=data, artifact_class=dsl.Dataset)
    whole.set_caching_options(False)
    whole.set_retry(1)
    parts = split_by_day(whole=whole.output, first_day=test_from)
    older = numbers(raw=parts.outputs["older"], home=country, label=f"before {test_from}").set_display_name("older")
    newer = numbers(raw=parts.outputs["newer"], label="after")
    forest = grow(rows=older.outputs["table"], trees=n_estimators, depth=max_depth, seed=seed)
    forest.set_memory_limit("500M").set_cpu_limit("500m").set_memory_request("100M").set_env_variable("QUIET", "1")
    scored = predict(rows=newer.outputs["table"], forest=forest.outputs["forest"])
    found = measure(scored=scored.outputs["scored"], answers=scored.outputs["answers"])
    said = decide(numbers=found.outputs["numbers"], least=min_auc).after(scored)
    return NamedTuple("Everything", [
        ("decision", str), ("reason", str), ("metrics", dsl.Metrics), ("model", dsl.Model),
        ("predictions", dsl.Dataset), ("rows", int),
    ])(
        decision=said.outputs["decision"], reason=said.outputs["reason"], metrics=found.outputs["numbers"],
        model=forest.outputs["forest"], predictions=scored.outputs["scored"], rows=parts.outputs["n_newer"],
    )
""",
    "run.py": """
from kfp import local
from pipeline import training

local.init(local.SubprocessRunner(use_venv=False), pipeline_root="runs")
training()
""",
}


def run(*command):
    done = subprocess.run(command, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout[-3000:]


for path, text in STEPS.items():
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).write_text(text.lstrip())
run("kfp", "dsl", "compile", "--py", "pipeline.py", "--output", "pipeline.yaml")
run("python", "run.py")
