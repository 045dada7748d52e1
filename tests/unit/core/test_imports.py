"""Light first: what may be loaded for what."""

import subprocess
import sys

import pytest

from tests.support import ROOT

HEAVY = {
    "mlflow",
    "dvc",
    "pandas",
    "sklearn",
    "nbformat",
    "evidently",
    "numpy",  # but for the world: the files that it gave are made again
    "papermill",
    "nbgrader",
    "jupytext",
    "scipy",
}


def loaded(code, *arguments, **environment):
    program = f"import sys\n{code}\nprint('LOADED', *sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **environment},
    )
    line = next(each for each in done.stdout.splitlines()[::-1] if each.startswith("LOADED"))
    return {name.split(".")[0] for name in line.split()[1:]}, done


def test_importing_checker_loads_nothing_but_itself():
    before, _ = loaded("pass")
    after, _ = loaded("import checker")
    assert after - before - set(sys.stdlib_module_names) == {"checker"}


def test_help_loads_click_and_nothing_else_of_weight():
    modules, _ = loaded("from checker.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass")
    assert not modules & (HEAVY | {"pydantic", "rich", "httpx", "yaml"})


@pytest.mark.parametrize("heavy_day", [3])
def test_a_plain_grade_imports_nothing_heavy(tmp_path, heavy_day):
    home = {
        "MLOPS_LABS_HOME": str(tmp_path / "home"),
        "MLOPS_LABS_WORK": str(tmp_path / "work"),
        "MLOPS_LABS_COURSE": str(ROOT),
    }
    subprocess.run(
        [sys.executable, "-m", "checker", "start", str(heavy_day)],
        check=True,
        capture_output=True,
        env={"PATH": "/usr/bin:/bin", **home},
    )
    modules, done = loaded(
        f"from checker.cli import main\ntry: main(['grade', '{heavy_day}'])\nexcept SystemExit: pass", **home
    )
    assert "marks" in done.stdout
    assert not modules & (HEAVY - {"numpy"})


def test_checks_and_runner_know_no_system():
    code = "import checker.runner, checker.course, pathlib\nfrom checker.runner import load_checks\n"
    code += "[load_checks(lab) for lab in checker.course.load_course(pathlib.Path('.').absolute()).ready]"
    program_modules, done = loaded(code)
    assert done.returncode == 0, done.stderr
    assert not program_modules & (HEAVY | {"httpx", "dulwich"})
    _, listing = loaded(code + "\nprint('NAMES', *[m for m in sys.modules if m.startswith('checker.collect')])")
    assert "checker.collect" not in next(line for line in listing.stdout.splitlines() if line.startswith("NAMES"))
