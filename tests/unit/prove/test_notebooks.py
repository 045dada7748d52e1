"""Notebooks that are run again: honest ones, and ones that try something."""

import json
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from checker.course import Lab
from checker.declarations import NotebookProof
from checker.evidence import Identity
from checker.jail import Jail, can_confine
from checker.prove.notebooks import rerun
from checker.workspace import Workspace

KEY = b"k" * 32
OWN = {"table": "features", "months": [1], "rows": 500}
HIDDEN = {"table": "features", "months": [2], "rows": 600, "holdout": True}
HONEST = """\
import csv, json
rows = list(csv.DictReader(open(data)))
json.dump({"seed": seed, "rows": len(rows), "frauds": [n for n, row in enumerate(rows) if row["is_fraud"] == "1"]},
          open(out, "w"))"""
PARAMETERS = "seed = 0\ndata = out = None"


def document(*sources, tags=("parameters",)):
    cells = [{"cell_type": "code", "metadata": {}, "source": source} for source in (PARAMETERS, *sources)]
    cells[0]["metadata"]["tags"] = list(tags)
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture
def prove(tmp_path):
    """Run `text` as train.ipynb and return case -> what came of it."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()

    def run(text, cases=None, seconds=60, files=None, confined=False):
        (workspace / "train.ipynb").write_bytes(text if isinstance(text, bytes) else text.encode())
        for name, content in (files or {}).items():
            (workspace / name).parent.mkdir(exist_ok=True)
            (workspace / name).write_text(content)
        return again(cases, seconds, confined)

    def again(cases=None, seconds=60, confined=False):
        cases = cases or {"first": {"parameters": {"seed": 7}, "data": {"data": OWN}}}
        proof = NotebookProof(notebook="train.ipynb", output="out", held_out="test", cases=cases, seconds=seconds)
        lab = Lab(
            day=1, slug="x", title="", outcome="", module="m", tools=(), evidence={"files": ["runs/*.json", "*.py"]},
            fixtures=({"path": "data/own.csv", **OWN},), proofs={"notebooks": [proof]},
        )  # fmt: skip
        identity = Identity(lab=lab.name, learner="me", workspace_id="0" * 32, seed=7, started=datetime.now(UTC))
        with Jail(confined=confined) as jail:
            return {each.case: each for each in rerun(proof, lab, Workspace(workspace, identity), KEY, jail)}

    run.again, run.workspace = again, workspace
    return run


def test_each_case_gets_its_parameters_and_its_data(prove):
    cases = {
        "first": {"parameters": {"seed": 7}, "data": {"data": OWN}},
        "fixture": {"parameters": {"seed": 8, "data": "data/own.csv"}},
        "hidden": {"parameters": {"seed": 7}, "data": {"data": HIDDEN}},
    }
    runs = prove(document(HONEST), cases)
    assert [run.problem for run in runs.values()] == [None] * 3
    assert runs["first"].output["frauds"] == list(runs["first"].positives["data"])
    assert runs["fixture"].output == runs["first"].output | {"seed": 8}
    assert (runs["hidden"].output["rows"], runs["hidden"].rows) == (600, {"data": 600})
    assert runs["hidden"].output["frauds"] == list(runs["hidden"].positives["data"])


TWINS = {"hidden": {"parameters": {"seed": 7}, "data": {"data": HIDDEN}}, "twin": {"twin_of": "hidden"}}
TELLS = """\
import csv, json
rows = [[float(each) for each in row.values()] for row in csv.DictReader(open(data))]
json.dump({"test": [n for n in range(len(rows)) if n % 3 == seed % 3], "rows": rows}, open(out, "w"))"""


def test_in_a_twin_only_the_features_of_the_held_out_rows_change_places(prove):
    runs = prove(document(TELLS), TWINS)
    one, two = (runs[name].output["rows"] for name in TWINS)
    assert [row[-1] for row in one] == [row[-1] for row in two]
    held_out = runs["hidden"].output["test"]
    changed = {number for number in range(600) if one[number][:-1] != two[number][:-1]}
    assert changed <= set(held_out)
    assert len(changed) > 0.9 * len(held_out)
    assert sorted(row[:-1] for row in one) == sorted(row[:-1] for row in two)
    frauds = [
        sorted(rows[number][:-1] for number in runs[name].positives["data"])
        for name, rows in zip(TWINS, (one, two), strict=True)
    ]
    assert frauds[0] == frauds[1]
    assert runs["hidden"].positives != runs["twin"].positives


def test_the_order_of_held_out_rows_tells_no_time(prove):
    rows = prove(document(TELLS), TWINS)["hidden"].output["rows"]
    hours = [float(row[2]) for row in rows]
    assert sum(one > two for one, two in pairwise(hours)) > 200


@pytest.mark.parametrize(
    "listed", ["None", "{}", "[]", "['1', None, [2]]", "[-1, 600, 10**400, 1e400, float('nan')]", "[1.5, True]"]
)
def test_a_twin_of_what_holds_out_no_rows_is_its_original(prove, listed):
    runs = prove(document(TELLS.replace("[n for n in range(len(rows)) if n % 3 == seed % 3]", listed)), TWINS)
    assert [run.problem for run in runs.values()] == [None, None]
    assert runs["hidden"].output["rows"] == runs["twin"].output["rows"]


def test_where_the_original_fails_its_twin_is_not_tried(prove):
    runs = prove(document("1 / 0"), TWINS)
    assert "ZeroDivisionError" in runs["hidden"].problem
    assert "not tried" in runs["twin"].problem


@pytest.mark.parametrize(
    "confined", [False, pytest.param(True, marks=pytest.mark.skipif(not can_confine(), reason="no bubblewrap"))]
)
def test_a_twin_finds_nothing_of_its_original(prove, confined):
    cell = """\
import json, os, time
from pathlib import Path
if os.fork() == 0:
    os.setsid()
    time.sleep(20)
    os._exit(0)
known = []
for folder in {Path.cwd().parent, Path.home()}:
    known += [str(path) for path in folder.rglob("*.csv") if path.read_bytes() != Path(data).read_bytes()
              and path.parent.name == "input"]
    known += map(str, folder.glob("kept"))
    (folder / "kept").write_text("labels")
json.dump({"test": list(range(100)), "known": known}, open(out, "w"))"""
    runs = prove(document(cell), TWINS, confined=confined)
    assert [run.problem for run in runs.values()] == [None, None]
    assert [run.output["known"] for run in runs.values()] == [[], []]


@pytest.mark.parametrize("twin_of", ["nobody", "twin", "other"])
def test_a_twin_needs_an_original(twin_of):
    cases = TWINS | {"other": {"twin_of": "hidden"}, "twin": {"twin_of": twin_of}}
    with pytest.raises(ValidationError, match="a twin needs"):
        NotebookProof(notebook="a.ipynb", output="out", held_out="test", cases=cases)
    with pytest.raises(ValidationError, match="a twin needs"):
        NotebookProof(notebook="a.ipynb", output="out", cases=TWINS)


def test_modules_come_along_and_earlier_results_do_not(prove):
    cell = 'import json, os, mine\njson.dump([mine.VALUE, os.path.exists("runs/first.json")], open(out, "w"))'
    assert prove(document(cell), files={"mine.py": "VALUE = 5", "runs/first.json": "{}"})["first"].output == [5, False]


def test_without_a_tag_the_parameters_come_first_as_with_papermill(prove):
    run = prove(document('import json\njson.dump(seed, open("x", "w"))', tags=()))["first"]
    assert "wrote nothing" in run.problem


def test_parameters_that_were_injected_before_are_replaced(prove):
    book = json.loads(document(PARAMETERS.replace("None", "'old'"), HONEST))
    book["cells"][1]["metadata"]["tags"] = ["injected-parameters"]
    assert prove(json.dumps(book))["first"].output["seed"] == 7


def test_a_cell_that_may_raise_may(prove):
    book = json.loads(document("1 / 0", HONEST))
    book["cells"][1]["metadata"]["tags"] = ["raises-exception"]
    assert prove(json.dumps(book))["first"].problem is None


def test_what_notebooks_do_besides_is_no_problem(prove):
    cell = """\
%matplotlib inline
import warnings
import matplotlib.pyplot as plt
plt.plot([1, 2])
plt.show()
warnings.warn("only a warning")
get_ipython()
display({"a": 1})
!echo from a shell
await __import__("asyncio").sleep(0)
"""
    assert prove(document(cell, "%%time\n1 + 1", "%%bash\nls", "", HONEST))["first"].problem is None


@pytest.mark.parametrize("library", ["numpy.random.random()", "__import__('random').random()"])
def test_what_has_no_seed_differs_between_cases(prove, library):
    cases = {name: {"parameters": {"seed": 7}} for name in ("first", "again")}
    cell = f'import json, numpy, pandas\njson.dump(float({library}), open(out, "w"))'
    runs = prove(document(cell), cases)
    assert runs["first"].output != runs["again"].output


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("1 / 0", "code cell 2 ends with ZeroDivisionError"),
        ("def broken(:", "SyntaxError"),
        ("import sys; sys.exit(0)", "SystemExit"),
        ("import os; os._exit(0)", "ended its process"),
        ("import os; os.kill(os.getpid(), 9)", "ended its process"),
        ("import os, signal; os.kill(os.getppid(), 9)", "SIGKILL"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise ValueError('\\u20ac' * 5000)", "ValueError"),
        ("pass", "wrote nothing"),
        ("open(out, 'w').write('[' * 100_000)", "nested too deeply"),
        ("open(out, 'w').write('1' * 2_000_000)", "at most 1 MiB"),
        ("open(out, 'wb').write(b'\\xff\\xfe')", "decode"),
        ("open(out, 'w').write('no json')", "not JSON"),
        ("import os; os.symlink('/etc/hostname', out)", "link"),
        ("import os; os.mkdir(out)", "out"),
        ("import os; os.mkfifo(out)", "out"),
    ],
)
def test_what_goes_wrong_is_told_in_words(prove, cell, said):
    run = prove(document(cell))["first"]
    assert run.output is None
    assert said in run.problem
    assert len(run.problem) <= 500


def test_an_endless_loop_ends(prove):
    problem = prove(document("while True: pass"), seconds=3)["first"].problem
    assert "used more than 3 seconds of CPU time" in problem


def test_what_is_left_running_keeps_nobody_waiting(prove):
    cell = "import os, time\nif os.fork() == 0:\n    time.sleep(50)\n    os._exit(0)\n"
    assert prove(document(cell + HONEST), seconds=40)["first"].output["rows"] == 500


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"cells": 3}',
        b'{"cells": [3]}',
        b'{"cells": [{"cell_type": "code"}]}',
        b'{"cells": [{"cell_type": "code", "source": 3}]}',
        b'{"cells": [{"cell_type": "code", "source": [3]}]}',
        b'{"cells": [{"cell_type": "code", "source": "", "metadata": 3}]}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_notebook_has_a_problem(prove, text):
    assert prove(text)["first"].problem


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=st.binary(max_size=200))
def test_no_foreign_bytes_raise(prove, text):
    assert prove(text)["first"].problem


def test_a_link_in_place_of_the_notebook_is_not_followed(prove, tmp_path):
    (tmp_path / "elsewhere.ipynb").write_text(document(HONEST))
    (prove.workspace / "train.ipynb").symlink_to(tmp_path / "elsewhere.ipynb")
    assert "link" in prove.again()["first"].problem


def test_no_notebook_is_a_problem_for_every_case(prove):
    cases = {"hidden": {"parameters": {}, "data": {"data": HIDDEN}}}
    assert {case: run.problem for case, run in prove.again(cases).items()} == {"hidden": "it is not there"}
