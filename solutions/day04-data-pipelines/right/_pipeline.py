"""What the scripts beside the solution share: edit files, run stages, and write the lock file that DVC would write."""

import hashlib
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import yaml

os.environ["DVC_NO_ANALYTICS"] = "1"


def run(*command):
    """Run a command and return what it printed."""
    done = subprocess.run(command, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stdout}"
    return done.stdout


def write(path, text):
    """Write a file and the folders above it."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def edit(path, *changes):
    """Replace texts in a file, each of which must be there."""
    text = Path(path).read_text()
    for old, new in changes:
        assert old in text, f"{path} has no {old!r}"
        text = text.replace(old, new)
    Path(path).write_text(text)


def commit(message="Go on"):
    """Commit everything that is not ignored."""
    run("git", "add", "--all", ".")
    run("git", "commit", "--quiet", "--allow-empty", "--message", message)


def declared():
    """Return the stages of `dvc.yaml`, in the order in which they stand there."""
    return yaml.safe_load(Path("dvc.yaml").read_text())["stages"]


def declare(stages):
    """Write `dvc.yaml`."""
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": stages}, sort_keys=False))


def repro(*names):
    """Run the stages of these names, and write `dvc.lock` for all: as DVC does, in a tenth of the time."""
    for name in names:
        command = declared()[name]["cmd"]
        if command.startswith("python ") and "&" not in command and "|" not in command:
            _in_a_fork(command.split()[1:])
        else:
            subprocess.run(command, shell=True, check=True)
    lock()


def _in_a_fork(words):
    import pandas  # noqa: F401 - once for all forks
    import sklearn.ensemble  # noqa: F401

    if (child := os.fork()) == 0:
        sys.argv[:] = words
        sys.path.insert(0, str(Path(words[0]).parent))
        runpy.run_path(words[0], run_name="__main__")
        sys.stdout.flush()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, words


def md5(path):
    """Return the sum that DVC gives a file or a folder."""
    if not Path(path).is_dir():
        return hashlib.md5(Path(path).read_bytes()).hexdigest()
    files = sorted(str(each.relative_to(path)) for each in Path(path).rglob("*") if each.is_file())
    listing = [{"md5": md5(Path(path, each)), "relpath": each} for each in files]
    return hashlib.md5(json.dumps(listing, sort_keys=True).encode()).hexdigest() + ".dir"


def lock():
    """Write `dvc.lock` of what is there."""
    params = yaml.safe_load(Path("params.yaml").read_text())
    stages = {}
    for name, stage in declared().items():
        outs = [
            each if isinstance(each, str) else next(iter(each))
            for field in ("outs", "metrics", "plots")
            for each in stage.get(field, [])
        ]
        stages[name] = {"cmd": stage["cmd"], "deps": [_entry(path) for path in stage["deps"]]}
        if stage.get("params"):
            values = {key: params[key.split(".")[0]] for key in stage["params"]}
            stages[name]["params"] = {
                "params.yaml": {key: each[key.split(".")[1]] if "." in key else each for key, each in values.items()}
            }
        stages[name]["outs"] = [_entry(path) for path in outs]
    # Through JSON, so that nothing stands there twice and would become an alias.
    whole = json.loads(json.dumps({"schema": "2.0", "stages": stages}))
    Path("dvc.lock").write_text(yaml.safe_dump(whole, sort_keys=False))


def _entry(path):
    return {"path": path, "hash": "md5", "md5": md5(path), "size": Path(path).stat().st_size}
