"""The content linter refuses each thing it names; the build is deterministic and leaks no solution."""

import shutil

import pytest

from checker.build import build_labs, end_state, released, solution_notebook
from checker.check import check
from checker.course import Lab
from checker.errors import CheckerError
from checker.lint import lint, read_script, scripts

META = (
    '{{"grade": {grade}, "grade_id": "{id}", "locked": false, "schema_version": 3, '
    '"solution": true, "task": false{more}}}'
)
SOLUTION = META.format(grade="false", id="do-1", more="")
REFLECT = META.format(grade="true", id="reflect-1", more=', "points": 2')
TASK = "# ### Task {0}: Do {0}\n#\n# Text.\n#\n# <details><summary>Hint</summary>\n#\n# Try.\n# </details>\n"
LAB = f"""# %% [markdown]
# # Day 1: Small
#
# ## Why
#
# ## End state
#
# <!-- end state -->
#
# ## Do
#
{TASK.format(1)}#
{TASK.format(2)}#
{TASK.format(3)}
# %% nbgrader={SOLUTION}
### BEGIN SOLUTION
secret_answer = 42
### END SOLUTION

# %% [markdown]
# ## Look
#
# ![a curve that falls](curve.png)
#
# ## Check

# %%
# %load_ext checker

# %%
# %check

# %% [markdown]
# ## Reflect
#
# Why?

# %% [markdown] nbgrader={REFLECT}
# Because of the secret answer.
#
# **Rubric**: 2 marks.

# %% [markdown]
# ## Go further
"""


@check(points=2)
def holds(lab):
    """It holds, in
    two lines.

    And a note for authors.
    """


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "solutions" / "day01-small"
    (folder / "wrong").mkdir(parents=True)
    (folder / "right").mkdir()
    (folder / "files").mkdir()
    (folder / "lab.py").write_text(LAB)
    for number in range(5):
        (folder / "wrong" / f"w{number}.py").write_text('"""Wrong."""\n\nREFUSED_BY = "holds"\nAFTER = "solution"\n')
    (folder / "right" / "r.py").write_text('"""Right."""\n')
    return folder


def problems(source):
    return lint(source, solution_notebook(source, [holds]), [holds])


def test_a_good_lab_passes(source):
    assert problems(source) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("## Why", "## Motivation", "the sections must be"),
        ("# ### Task 3: Do 3", "# Task 3", "three to six tasks"),
        ("<summary>Hint", "<summary>Help", "task 1 has no hint"),
        ("![a curve that falls]", "![]", "no alt text"),
        ("![a curve that falls](curve.png)", '<img src="x">', "no alt text"),
        ("# %check", "# check", "no cell runs %check"),
        ("**Rubric**", "Marks", "no rubric"),
        ("Because", "\U0001f600", "emoji"),
        ("# Text.", "# See http://127.0.0.1:5000/.", "address is written out"),
        ('"reflect-1"', '"do-1"', "stands twice"),
    ],
)
def test_each_rule_refuses(source, old, new, words):
    assert old in LAB
    (source / "lab.py").write_text(LAB.replace(old, new, 1))
    assert any(words in problem for problem in problems(source)), problems(source)


def test_answers_are_asked_for(source):
    (source / "wrong" / "w0.py").unlink()
    (source / "wrong" / "w1.py").write_text('"""Wrong."""\nREFUSED_BY = "nobody"\n')
    (source / "wrong" / "w2.py").write_text('REFUSED_BY = "holds"\n')
    (source / "right" / "r.py").unlink()
    told = " ".join(problems(source))
    for words in ("5 wrong answers are expected, found 4", "names no check", "does not say", "no right answer"):
        assert words in told


def test_an_output_left_in_a_file_is_refused(source):
    cell = '{"cell_type": "code", "source": "", "outputs": [{"output_type": "stream"}]}'
    (source / "files" / "x.ipynb").write_text(f'{{"cells": [{cell}]}}')
    assert "an output was left in files/x.ipynb" in problems(source)


def test_the_end_state_is_the_checks():
    text = end_state([holds])
    assert "| 2 | It holds, in two lines. | `holds` |" in text
    assert "Together 2 marks." in text


def test_the_release_holds_no_solution_and_the_same_bytes_each_time(source):
    import nbformat

    made = [nbformat.writes(released(solution_notebook(source, [holds]))) for _ in range(2)]
    assert made[0] == made[1]
    assert "secret" not in made[0]
    assert "Rubric" not in made[0]
    assert "It holds, in two lines." in made[0]
    assert '"checksum"' in made[0]


def test_build_writes_and_check_only_tells(source, tmp_path, monkeypatch):
    lab = Lab(day=1, slug="small", title="S", outcome="o", module="m", tools=("git",), status="ready")
    monkeypatch.setattr("checker.build.load_checks", lambda lab: (holds,))
    (source / "files" / "extra.txt").write_text("x")
    assert build_labs(tmp_path, [lab], write=False)
    assert not (tmp_path / "labs").exists()
    build_labs(tmp_path, [lab], write=True)
    assert (tmp_path / "labs/day01-small/extra.txt").read_text() == "x"
    assert build_labs(tmp_path, [lab], write=False) == []
    stale = tmp_path / "labs/day02-gone/lab.ipynb"
    stale.parent.mkdir()
    stale.write_text("{}")
    assert build_labs(tmp_path, [lab], write=False) == [stale]
    build_labs(tmp_path, [lab], write=True)
    assert not stale.exists()


def test_a_lab_that_breaks_a_rule_is_not_built(source, tmp_path, monkeypatch):
    lab = Lab(day=1, slug="small", title="S", outcome="o", module="m", tools=("git",), status="ready")
    monkeypatch.setattr("checker.build.load_checks", lambda lab: (holds,))
    shutil.rmtree(source / "wrong")
    with pytest.raises(CheckerError, match="5 wrong answers"):
        build_labs(tmp_path, [lab], write=True)
    assert not (tmp_path / "labs").exists()


def test_scripts_are_read_and_not_run(source):
    path = source / "wrong" / "w0.py"
    path.write_text('"""Doc."""\nREFUSED_BY = "holds"\nraise SystemExit\n')
    (source / "wrong" / "_shared.py").write_text("")
    script = read_script(path)
    assert (script.description, script.refused_by, script.after) == ("Doc.", "holds", "start")
    assert len(scripts(source, "wrong")) == 5
