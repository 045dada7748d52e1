"""Parts of the package and its tests, for scripts that do the day in another way or leave something out."""

import subprocess
from pathlib import Path


def run(*command):
    """Run a command and return what it printed."""
    done = subprocess.run(command, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stdout}"
    return done.stdout


def write(path, text):
    """Write a file and the folders above it."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def replace(path, old, new):
    """Replace a text that stands in a file."""
    text = Path(path).read_text()
    assert old in text, f"{path} has no {old!r}"
    Path(path).write_text(text.replace(old, new))


def commit(message="Go on"):
    """Commit everything that is there but the data and what tools make."""
    if not Path(".git").is_dir():
        run("git", "init", "--quiet", "--initial-branch=main")
        run("git", "config", "user.name", "Somebody")
        run("git", "config", "user.email", "somebody@example.invalid")
        write(".gitignore", "data/\n__pycache__/\n.*_cache/\n.ipynb_checkpoints/\n")
    run("git", "add", "--all", ".")
    run("git", "commit", "--quiet", "--allow-empty", "--message", message)


def tidy():
    """Let the linter and the formatter find nothing."""
    run("ruff", "format", "--quiet", "src", "tests")
    run("ruff", "check", "--fix", "--quiet", "src", "tests")
    run("ruff", "format", "--quiet", "src", "tests")


def without_tests():
    """Remove all test files of the finished work."""
    for path in Path("tests").glob("*.py"):
        path.unlink()
