"""The labs are nbgrader's: what `nbgrader generate_assignment` releases is what `checker build` wrote."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from checker.build import STUB, solution_notebook
from checker.runner import load_checks
from tests.support import COURSE, ROOT

CONFIG = f"""
c = get_config()
c.CourseDirectory.course_id = "course"
c.ClearSolutions.code_stub = {{"python": {STUB!r}}}
c.ClearSolutions.text_stub = "*Write your answer here.*"
c.IncludeHeaderFooter.header = ""
"""


@pytest.mark.parametrize("lab", COURSE.ready, ids=lambda lab: lab.name)
def test_nbgrader_releases_the_same_notebook(tmp_path, lab):
    source = tmp_path / "source" / lab.name
    source.mkdir(parents=True)
    (tmp_path / "nbgrader_config.py").write_text(CONFIG)
    notebook = solution_notebook(ROOT / "solutions" / lab.name, load_checks(lab))
    nbformat.write(notebook, source / "lab.ipynb")
    command = [sys.executable, "-m", "nbgrader", "generate_assignment", lab.name]
    # nbgrader calls alembic by its name.
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    released = nbformat.read(tmp_path / "release" / lab.name / "lab.ipynb", as_version=4)
    ours = nbformat.read(ROOT / "labs" / lab.name / "lab.ipynb", as_version=4)
    assert [(cell.cell_type, cell.source, cell.metadata) for cell in released.cells] == [
        (cell.cell_type, cell.source, cell.metadata) for cell in ours.cells
    ]
