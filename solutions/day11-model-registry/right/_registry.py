"""What the scripts share: tracked data, one run that is worth registering, a version, aliases, a record."""

import subprocess
import warnings
from pathlib import Path

import mlflow
import pandas as pd
import yaml
from sklearn.metrics import f1_score
from sklearn.tree import DecisionTreeClassifier

warnings.filterwarnings("ignore")

NAME = "day11-card-fraud"
SPRING, SUMMER, SEPTEMBER = "data/spring.csv", "data/summer.csv", "data/september.csv"
NEEDS = ["scikit-learn", "skops"]
TREES = ["sklearn.tree._tree.Tree"]
client = mlflow.MlflowClient()


def dvc(*arguments):
    subprocess.run(["dvc", *arguments], check=True, env=None)


def track(*paths):
    """Let DVC track the files; both of the training data where none is named."""
    if not Path(".dvc").is_dir():
        dvc("init", "--quiet", "--no-scm")
    dvc("add", "--quiet", *(paths or (SPRING, SUMMER)))


def dvc_sum(path):
    return yaml.safe_load(Path(f"{path}.dvc").read_text())["outs"][0]["md5"]


def split(table):
    return table.drop(columns="is_fraud"), table["is_fraud"]


def tree(depth=4):
    return DecisionTreeClassifier(max_depth=depth, random_state=0)


def name_data(path, table=None, md5=None, **options):
    """Say in the active run what it learns from."""
    table = pd.read_csv(path) if table is None else table
    mlflow.log_input(mlflow.data.from_pandas(table, **({"source": path} | options)), context="training")
    mlflow.set_tag("dvc_md5", dvc_sum(path) if md5 is None else md5)


def keep(model, X, **options):
    """Log `model` in the active run; an option of None leaves it out."""
    given = {
        "name": "model",
        "signature": mlflow.models.infer_signature(X.head(100), model.predict(X.head(100))),
        "input_example": X.head(3),
        "skops_trusted_types": TREES,
        "pip_requirements": NEEDS,
    } | options
    return mlflow.sklearn.log_model(model, **{key: value for key, value in given.items() if value is not None})


def train(path, model=None, learn=None, data=None, **options):
    """Log one run on `path`; `learn` replaces its table, `data` what is said about it. Returns the model's info."""
    mlflow.set_experiment("day11-models")
    with mlflow.start_run():
        (data or (lambda: name_data(path)))()
        X, y = split(pd.read_csv(path) if learn is None else learn)
        return keep((model or tree()).fit(X, y), X, **options)


def register(info, description="What it is and what it learned from."):
    """Make a version; returns its number."""
    version = mlflow.register_model(info.model_uri, NAME).version
    if description:
        client.update_model_version(NAME, version, description=description)
    return version


def f1(uri, path=SEPTEMBER, kind=None):
    X, y = split(pd.read_csv(path, dtype=kind))
    return f1_score(y, mlflow.pyfunc.load_model(uri).predict(X))


def point(champion, challenger):
    client.set_registered_model_alias(NAME, "champion", champion)
    client.set_registered_model_alias(NAME, "challenger", challenger)


def record(champion, challenger, **changes):
    """Write the record of the promotion on the champion's version; a change to None leaves a tag out."""
    tags = {
        "reason": "It finds far more of the frauds of September.",
        "requested_by": "data science",
        "approved_by": "head of fraud operations",
        "replaces": challenger,
    } | changes
    for key, version in {"valid_f1": champion, "replaced_f1": challenger}.items():
        if key not in tags:
            tags[key] = f1(f"models:/{NAME}/{version}")
    for key, value in tags.items():
        if value is not None:
            client.set_model_version_tag(NAME, champion, key, value)


def pair(old=None, new=None):
    """Two proper versions, each from the info of a logged model. Returns the numbers of the old and the new one."""
    if old is None or new is None:
        track()
    return register(old or train(SPRING)), register(new or train(SUMMER))


def promote(old, new, **changes):
    """Record the promotion of `new`, and do it."""
    record(new, old, **changes)
    point(new, old)
