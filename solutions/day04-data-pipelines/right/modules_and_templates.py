"""A package that is run with `python -m`, parameters on the command line, folders as outputs, Windows line ends."""

from pathlib import Path

from _pipeline import commit, run, write

run("git", "init", "--quiet", "--initial-branch=trunk")
run("git", "config", "user.name", "Somebody")
run("git", "config", "user.email", "somebody@example.invalid")
run("dvc", "init", "--quiet")
write(".gitignore", "/data\n__pycache__\n")
write(".dvcignore", "__pycache__\n")
write("fraud/__init__.py", "")
write(
    "fraud/prepare.py",
    """import sys
import pandas as pd
source, first, target = sys.argv[1:]
rows = pd.read_csv(source, parse_dates=["timestamp"])
late = rows["timestamp"] >= pd.Timestamp(first + "-01")
for name, part in (("learn", rows[~late]), ("test", rows[late])):
    part.to_pickle(f"{target}/{name}.pickle")
""",
)
write(
    "fraud/features.py",
    """import argparse
import pandas as pd
from fraud.columns import COLUMNS, numbers
parser = argparse.ArgumentParser()
parser.add_argument("--usual", choices=["median", "mean"])
how = parser.parse_args().usual
learn, test = (pd.read_pickle(f"work/split/{name}.pickle") for name in ("learn", "test"))
usual = getattr(learn.groupby("customer_id")["amount"], how)()
for name, part in (("learn", learn), ("test", test)):
    numbers(part, usual).to_csv(f"work/features/{name}.csv", index=False, lineterminator="\\r\\n")
""",
)
write(
    "fraud/columns.py",
    """COLUMNS = ["amount", "ratio", "hour", "abroad", "remote", "transactions_24h"]


def numbers(rows, usual):
    return rows.assign(
        ratio=rows["amount"] / rows["customer_id"].map(usual).fillna(rows["amount"]),
        hour=rows["timestamp"].dt.hour,
        abroad=(rows["country"] != "AT").astype(int),
        remote=rows["channel"].isin(["online", "phone"]).astype(int),
    )[["transaction_id", *COLUMNS, "is_fraud"]]
""",
)
write(
    "fraud/train.py",
    """import pickle, sys
import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier
from fraud.columns import COLUMNS
settings = dict(zip(sys.argv[1::2], sys.argv[2::2]))
rows = pd.read_csv("work/features/learn.csv")
trees, depth, seed = (int(settings[name]) for name in ("trees", "depth", "seed"))
model = ExtraTreesClassifier(trees, max_depth=depth, random_state=seed)
pickle.dump(model.fit(rows[COLUMNS], rows["is_fraud"]), open("work/model.pickle", "wb"))
""",
)
write(
    "fraud/evaluate.py",
    """import json, pickle
import pandas as pd
import yaml
from fraud.columns import COLUMNS
threshold = float(yaml.safe_load(open("params.yaml"))["evaluate"]["threshold"])
rows = pd.read_csv("work/features/test.csv")
rows["score"] = pickle.load(open("work/model.pickle", "rb")).predict_proba(rows[COLUMNS])[:, 1]
rows.sample(frac=1, random_state=1)[["score", "amount", "transaction_id"]].to_csv("scores.csv", index=False)
alarm, fraud = rows["score"] >= threshold, rows["is_fraud"] == 1
hits = (alarm & fraud).sum()
numbers = {"recall": hits / fraud.sum(), "precision": hits / max(1, alarm.sum()), "threshold": threshold}
json.dump({name: float(value) for name, value in numbers.items()}, open("metrics.json", "w"))
pd.DataFrame({"score": rows.loc[fraud, "score"].sort_values()}).to_json("frauds.json", orient="records")
""",
)
Path("params.yaml").write_bytes(
    b"prepare: {test_from: 2025-03}\r\nfeatures: {usual: mean}\r\n"
    b"train: {n_estimators: 25, max_depth: 9, seed: 1}\r\nevaluate: {threshold: 2.5e-1, note: yes}\r\n"
)
Path("dvc.yaml").write_bytes(
    b"""vars:
  - work: work
    raw: data/payments.csv
metrics:
  - metrics.json
plots:
  - How sure it is of the frauds:
      x: score
      y: {frauds.json: score}
stages:
  evaluate:
    desc: the last one stands first
    cmd: python3 -m fraud.evaluate
    deps: [fraud/evaluate.py, fraud/__init__.py, fraud/columns.py, "${work}/model.pickle", "${work}/features"]
    params: [{params.yaml: [evaluate.threshold]}]
    outs:
      - scores.csv
      - frauds.json
      - metrics.json: {cache: false}
  train:
    cmd:
      - echo trees of depth ${train.max_depth}
      - >-
        python -m fraud.train
        trees ${train.n_estimators} depth ${train.max_depth} seed ${train.seed}
    deps: [fraud, work/features/learn.csv]
    outs: ["${work}/model.pickle"]
  features:
    cmd: mkdir work/features && python -m fraud.features --usual ${features.usual}
    deps: [work/split, fraud/features.py, fraud/columns.py, fraud/__init__.py]
    outs: [work/features]
  prepare:
    cmd: mkdir -p work/split && python -m fraud.prepare ${raw} ${prepare.test_from} work/split
    deps: ["${raw}", fraud/prepare.py, fraud/__init__.py]
    outs: [work/split]
""".replace(b"\n", b"\r\n")
)
run("dvc", "repro")
commit("All of it")
