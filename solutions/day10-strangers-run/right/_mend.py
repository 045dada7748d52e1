"""What the scripts share: to find, mend, commit and record. They ask the author's story for what a learner reads."""

import csv
import json
import re
import subprocess
from pathlib import Path

import mlflow

from checker.course import course_root, load_course
from checker.prepare.day10_strangers_run import EXPERIMENT, RELEASE, RUN, story, truth

SEED = json.loads(Path(".checker/workspace.json").read_text())["seed"]
STORY = story(SEED)
LAB = load_course(course_root()).find("10")
TRUTH = truth(LAB, SEED)
UNTIL = "2025-07-01"
GLOB = '[path for path in Path(folder).glob("*.csv") if path.stem in months]'
LISTED = '[Path(folder, f"{month}.csv") for month in months]'
CLOCK = "int(time.time()) % 100_000"


def sh(*words):
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (words, done.stdout[-500:], done.stderr[-1500:])
    return done.stdout.strip()


def change(path, *pairs):
    """Replace texts in a file, each of which must be there."""
    text = Path(path).read_text()
    for old, new in pairs:
        assert old in text, (path, old)
        text = text.replace(old, new)
    Path(path).write_text(text)


def used():
    """Cause -> what the run used, for all six."""
    return {
        "data": f"{TRUTH['corrected']} {TRUTH['md5'][TRUTH['corrected']]}",
        "parameter": f"{STORY.overridden}={STORY.params[STORY.overridden]}",
        "library": RELEASE,
        "seed": str(STORY.seed),
        "order": " ".join(STORY.order),
        "future": "2025-06",
    }


def find(causes=STORY.causes, **changes):
    """Write findings.csv."""
    with open("findings.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["cause", "run_used", "evidence"])
        writer.writerows([cause, (used() | changes)[cause], "the run, and the files"] for cause in causes)


def mend(causes=STORY.causes):
    """Mend these causes."""
    for cause in causes:
        globals()[f"mend_{cause}"]()


def mend_data():
    path = TRUTH["corrected"]
    for commit in sh("git", "log", "--format=%h", "--", f"{path}.dvc").split():
        if TRUTH["md5"][path] in sh("git", "show", f"{commit}:{path}.dvc"):
            sh("git", "checkout", commit, "--", f"{path}.dvc")
    sh("dvc", "pull", "--quiet", f"{path}.dvc")


def mend_parameter():
    name = STORY.overridden
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(re.sub(rf"{name}: \d+", f"{name}: {STORY.params[name]}", text))


def mend_library(requirement=f"riskkit=={RELEASE}"):
    Path("requirements.txt").write_text(f"{requirement}\n")


def mend_seed(seed=STORY.seed):
    change("params.yaml", ("score:\n", f"  seed: {seed}\nscore:\n"))
    change("fraudrun/model.py", (CLOCK, 'params["seed"]'))


def mend_order(months=STORY.order):
    text = Path("params.yaml").read_text()
    listed = ", ".join(f'"{month}"' for month in months)
    Path("params.yaml").write_text(re.sub(r"months: .*", f"months: [{listed}]", text))
    change("fraudrun/data.py", (GLOB, LISTED))


def mend_future(until=UNTIL):
    text = f'    history = history[history["timestamp"] < "{until}"]\n    first, last ='
    change("fraudrun/features.py", ("    first, last =", text))


def commit(message="Say what the June review was made with"):
    sh("git", "add", "--all")
    sh("git", "-c", "user.name=Fraud", "-c", "user.email=fraud@example.invalid", "commit", "--quiet", "-m", message)


def colleagues_run():
    """The run that `ticket.md` names."""
    return mlflow.get_run(re.search(r"id `([0-9a-f]+)`", Path("ticket.md").read_text())[1])


def record(params=None, metrics=None, **tags):
    """Log the reproduction. Its metrics are those of the colleague's run, if the mend is right."""
    run = colleagues_run()
    assert run.info.run_name == RUN
    mlflow.set_experiment(EXPERIMENT)
    with mlflow.start_run():
        given = {"reproduces": run.info.run_id, "git_commit": sh("git", "rev-parse", "HEAD")}
        mlflow.set_tags({key: value for key, value in (given | tags).items() if value is not None})
        mlflow.log_params({**STORY.params, "seed": STORY.seed} | (params or {}))
        mlflow.log_metrics(run.data.metrics | (metrics or {}))


def everything(leave_out=()):
    """Do the whole lab, without mending some of the causes."""
    find()
    mend(cause for cause in STORY.causes if cause not in leave_out)
    commit()
    record()
