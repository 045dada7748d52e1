"""The steps of the day, for scripts that do them in another way or leave one out."""

import os
import shutil
import subprocess
from pathlib import Path

APRIL = Path("data/raw/2025-04.csv")
CORRECTED = Path("incoming/2025-04-corrected.csv")
os.environ["DVC_NO_ANALYTICS"] = "1"


def run(*command):
    """Run a command and return what it printed."""
    done = subprocess.run(command, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stdout}"
    return done.stdout


def commit(message, *paths):
    """Commit `paths`."""
    run("git", "add", "--force", *paths)
    run("git", "commit", "--quiet", "--message", message)


def begin(branch="main"):
    """Set up git and DVC."""
    run("git", "init", "--quiet", "--initial-branch", branch)
    run("git", "config", "user.name", "Somebody")
    run("git", "config", "user.email", "somebody@example.invalid")
    run("dvc", "init", "--quiet")
    Path(".gitignore").write_text("incoming/\ndvc-remote/\n")
    commit("Set up", ".gitignore")


def track():
    """Track the months as a directory."""
    run("dvc", "add", "--quiet", "data/raw")
    commit("Track the months", "data/raw.dvc", "data/.gitignore")


def share(folder="dvc-remote"):
    """Name a remote and push."""
    run("dvc", "remote", "add", "--quiet", "--default", "storage", folder)
    commit("Name the remote", ".dvc/config")
    run("dvc", "push", "--quiet")


def take_in():
    """Make the corrected April a second version."""
    shutil.copyfile(CORRECTED, APRIL)
    run("dvc", "add", "--quiet", "data/raw")
    commit("Take in the corrected April", "data/raw.dvc")
    run("dvc", "push", "--quiet")


def bring_back():
    """Bring the first April back."""
    run("git", "checkout", "HEAD~1", "--", "data/raw.dvc")
    run("dvc", "checkout", "--quiet")
    run("git", "commit", "--quiet", "--message", "Bring the first April back")


def object_of(md5, store="dvc-remote"):
    """Return the path of an object in a cache or a remote, writable."""
    path = Path(store, "files", "md5", md5[:2], md5[2:])
    path.chmod(0o644)
    return path


def md5(content):
    """Return the sum by which DVC names bytes."""
    import hashlib

    return hashlib.md5(content).hexdigest()
