"""By `dvc stage add`, with the folder of the code as a dependency, a stage more, and everything in the cache."""

from pathlib import Path

from _pipeline import commit, edit, run, write

run("git", "init", "--quiet")
run("git", "config", "user.name", "Somebody")
run("git", "config", "user.email", "somebody@example.invalid")
run("dvc", "init", "--quiet")
run("dvc", "config", "core.autostage", "true")
write(".gitignore", "data/*\n**/__pycache__\n.ipynb_checkpoints\n")
write(".dvcignore", "__pycache__/\n")
write(
    "params.yaml",
    "evaluate:\n  threshold: 0.25\n  unused: [1, 2]\nfeatures:\n  usual: mean\nprepare:\n  test_from: 2025-02\n"
    "train:\n  max_depth: 5\n  n_estimators: 20\n  seed: 0\n",
)
write(
    "code/settings.py", "import yaml\n\n\ndef settings(stage):\n    return yaml.safe_load(open('params.yaml'))[stage]\n"
)
for script in Path("src").glob("*.py"):
    write(f"code/{script.name}", script.read_text())
edit("code/prepare.py", ("import pandas as pd\n", "import pandas as pd\nfrom settings import settings\n"))
edit("code/prepare.py", ('TEST_FROM = "2025-04"', "TEST_FROM = settings('prepare')['test_from']"))
edit("code/features.py", ("import pandas as pd\n", "import pandas as pd\nfrom settings import settings\n"))
edit("code/features.py", ('"median"  #', "settings('features')['usual']  #"))
edit(
    "code/train.py",
    ("from sklearn", "from settings import settings\nfrom sklearn"),
    (
        "n_estimators=40, max_depth=6",
        "**{k: v for k, v in settings('train').items() if k != 'seed'}, random_state=settings('train')['seed']",
    ),
    (', "trained_at": datetime.now().isoformat()', ""),
)
edit(
    "code/evaluate.py",
    ('model = joblib.load("build/model.joblib")["model"]\n', "from settings import settings\n\n"),
    ("THRESHOLD = 0.3\n", ""),
    (
        "assign(score=model.predict_proba(test[FEATURES])[:, 1].round(6))\n",
        "assign(score=pd.read_csv(\"build/raw.csv\")[\"score\"])\nTHRESHOLD = settings('evaluate')['threshold']\n",
    ),
)
write(
    "code/score.py",
    "import joblib\nimport pandas as pd\nfrom common import FEATURES\n\n"
    'test = pd.read_csv("build/test_features.csv")\nmodel = joblib.load("build/model.joblib")["model"]\n'
    'pd.DataFrame({"score": model.predict_proba(test[FEATURES])[:, 1]}).to_csv("build/raw.csv")\n',
)
for command in (
    "--name prepare --deps code --deps data/payments.csv --params prepare --outs build/train.csv --outs build/test.csv "
    "python code/prepare.py",
    "--name features --deps code --deps build/train.csv --deps build/test.csv --params features.usual "
    "--outs build/train_features.csv --outs build/test_features.csv python code/features.py",
    "--name train --deps code --deps build/train_features.csv --outs build/model.joblib "
    "--params train.seed,train.max_depth,train.n_estimators python code/train.py",
    "--name score --deps code --deps build/model.joblib --deps build/test_features.csv --outs build/raw.csv "
    "python code/score.py",
    "--name evaluate --deps code --deps build/raw.csv --deps build/test_features.csv --params evaluate.threshold "
    "--metrics metrics.json --plots curve.csv --plots scores.csv python code/evaluate.py",
):
    run("dvc", "stage", "add", *command.split())
run("dvc", "repro")
commit()
