"""The checks of day 1 over evidence made by hand: no kernel, no world."""

import ast
import json
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checker.checks import day01_notebook_to_production as day01
from checker.evidence import Evidence, Identity
from checker.evidence.files import FileRecord, Files
from checker.evidence.notebook import Cell, Notebook, Notebooks
from checker.evidence.proofs import NotebookRun, Proofs
from checker.runner import load_checks, run_checks
from tests.support import COURSE, ROOT

LAB = COURSE.labs[0]
ROWS = 40
FRAUDS = (1, 5, 9, 30)
CASES = {"first": 7, "again": 7, "other-seed": 8, "hidden-data": 7, "hidden-data-shuffled": 7}
AUDIT = "cell,fault\n" + "".join(f"{cell},{fault}\n" for fault, cells in day01.PRESENT.items() for cell in cells)
SEEDS = {"first": 7, "second": 7, "other": 8}


def result(seed=7, **changes):
    """What an honest notebook writes: two of three frauds found, one false alarm."""
    test = list(range(10)) if seed == 7 else list(range(2, 12))
    flagged = [1, 5, 6] if seed == 7 else [5, 6]
    frauds = [row for row in test if row in FRAUDS]
    hits = len(set(flagged) & set(frauds))
    f1 = 2 * hits / (len(flagged) + len(frauds))
    honest = {"seed": seed, "rows": ROWS, "test_rows": test, "flagged_rows": flagged, "f1": f1}
    return {**honest, "average_precision": 0.6, **changes}


def control(**changes):
    return result(**({"flagged_rows": [0], "f1": 0.0} | changes))


def notebook(path, seed=0, count=True, **changes):
    sources = ["import json", 'with open(out, "w") as file:\n    json.dump({}, file)']
    cells = [Cell(kind="code", source=f"seed = {seed}\ndata = ''\nout = ''", tags=("parameters",), execution_count=1)]
    cells += [Cell(kind="code", source=each, execution_count=number) for number, each in enumerate(sources, start=2)]
    return Notebook(path=path, cells=tuple(cells), sha256=path, **changes)


def evidence(audit=AUDIT, train=None, outputs=None, claims=None, copies=None, problem=None):
    """Finished work; the arguments replace parts of it."""
    records = {"audit.csv": audit} if audit is not None else {}
    records |= {f"runs/{name}.json": json.dumps(result(seed)) for name, seed in SEEDS.items()}
    records |= {f"runs/{name}.json": text for name, text in (claims or {}).items()}
    files = tuple(FileRecord(path=path, size=len(text), text=text) for path, text in records.items())
    books = {"train.ipynb": train or notebook("train.ipynb")}
    books |= {f"runs/{name}.ipynb": notebook(f"runs/{name}.ipynb", seed) for name, seed in SEEDS.items()}
    books |= copies or {}
    told = {case: control() if "shuffled" in case else result(seed) for case, seed in CASES.items()} | (outputs or {})
    runs = tuple(
        NotebookRun(
            notebook="train.ipynb",
            case=case,
            output=None if problem else output,
            rows={"data": ROWS},
            positives={"data": FRAUDS},
            problem=problem,
        )
        for case, output in told.items()
    )
    identity = Identity(lab=LAB.name, learner="me", workspace_id="0" * 32, seed=7, started=datetime.now(UTC))
    return Evidence(
        workspace=identity,
        files=Files(records=files),
        notebooks=Notebooks(records=tuple(books.values())),
        proofs=Proofs(notebooks=runs),
    )


def verdict(**changes):
    checked = run_checks(LAB, load_checks(LAB), evidence(**changes))
    assert not [each for each in checked.checks if each.outcome == "error"], checked.checks
    for each in checked.checks:
        assert all(message.found and message.expected and message.next_step for message in each.messages), each
    return {each.name: each for each in checked.checks}


def failed(**changes):
    return {name for name, each in verdict(**changes).items() if each.outcome == "failed"}


def test_finished_work_earns_ten_marks():
    checks = verdict()
    assert {each.outcome for each in checks.values()} == {"passed"}
    assert sum(each.earned for each in checks.values()) == 10


def test_nothing_earns_nothing():
    empty = evidence().model_copy(update={"files": Files(), "notebooks": Notebooks()})
    assert run_checks(LAB, load_checks(LAB), empty).earned == 0


@pytest.mark.parametrize(
    ("audit", "marks"),
    [
        (AUDIT, 3),
        (AUDIT.replace("-", "_").upper().replace("CELL,FAULT", "cell,fault"), 3),
        (AUDIT + "1,unseeded\n4,rerun-changes\n", 3),
        (AUDIT + "1,unseeded\n4,rerun-changes\n9,leakage\n", 0),
        (AUDIT.replace("6,unseeded\n", ""), 2.5),
        (AUDIT.replace("11,outside-path\n", ""), 2.5),
        ('fault,cell,note\nunseeded,"5, 6;7",all\n', 0.5),
        ("cell,fault\n\n,\n", 0),
        ("cell,fault\n5,typo\n", 0),
        ("cell,fault\nfive,leakage\n", 0),
        ("cell,fault\n" + "9" * 5000 + ",leakage\n", 0),
        ("cell,fault\n٣,leakage\n", 0),
        ("number,fault\n5,leakage\n", 0),
        ("", 0),
        ("\x00", 0),
        ("cell,fault\n" + "".join(f"{cell},{fault}\n" for cell in range(1, 12) for fault in day01.FAULTS), 0),
    ],
)
def test_the_audit_earns_what_it_places(audit, marks):
    assert verdict(audit=audit)["audit_places_the_faults"].earned == marks


@pytest.mark.parametrize(
    ("source", "passes"),
    [
        ("seed = 1\ndata = ''\nout = ''", True),
        ("seed, data, out = 1, '', ''", True),
        ("seed: int = 1; data: str = ''; out: str = ''", True),
        ("seed = data = out = None", True),
        ("seeds = 1\ndata = ''\nout = ''", False),
        ("# seed = 1\ndata = ''\nout = ''", False),
        ("seed == 1\ndata = ''\nout = ''", False),
        ("seed " * 40_000, False),
        ("", False),
    ],
)
def test_the_parameters_cell_sets_three_names(source, passes):
    cells = (Cell(kind="code", source=source, tags=("parameters",)), *notebook("train.ipynb").cells[1:])
    outcome = verdict(train=Notebook(path="train.ipynb", cells=cells))["train_takes_parameters"].outcome
    assert (outcome == "passed") == passes


def test_a_notebook_that_stops_is_told_where():
    checks = verdict(problem="code cell 3 ends with NameError: name 'best' is not defined")
    assert checks["train_runs_from_a_clean_kernel"].outcome == "failed"
    assert "best" in checks["train_runs_from_a_clean_kernel"].messages[0].found
    assert checks["score_is_measured"].outcome == "blocked"


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        "text",
        7,
        float("nan"),
        {},
        result(f1="0.5"),
        result(f1=float("nan")),
        result(f1=float("inf")),
        result(f1=10**400),
        result(f1=True),
        result(f1=66.7),
        result(f1=-0.1),
        result(average_precision=None),
        result(rows="40"),
        result(rows=True),
        result(rows=10**5000),
        result(seed="7"),
        result(test_rows=10),
        result(test_rows={"0": 1}),
        result(test_rows=["1"]),
        result(test_rows=[0.5]),
        result(test_rows=[float("nan")]),
        result(flagged_rows=[None]),
        result(flagged_rows=[[1]]),
    ],
)
def test_output_of_another_shape_is_refused(wrong):
    assert failed(outputs={"first": wrong}) == {"train_runs_from_a_clean_kernel"}


def test_floats_that_are_whole_and_extra_keys_are_accepted():
    odd = result(rows=40.0, seed=7.0, test_rows=[float(each) for each in range(10)], model={"deep": [1]})
    assert failed(outputs={"first": odd}) == set()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"outputs": {"again": result(average_precision=0.6001)}}, "same_seed_same_score"),
        ({"outputs": {"again": result(test_rows=[0, 1, 2, 3, 4, 5, 6, 7, 8, 11])}}, "same_seed_same_score"),
        ({"claims": {"first": json.dumps(result(f1=0.9))}}, "same_seed_same_score"),
        ({"claims": {"second": json.dumps(result(seed=8))}}, "same_seed_same_score"),
        ({"claims": {"second": "[" * 100_000}}, "same_seed_same_score"),
        ({"claims": {"second": "NaN"}}, "same_seed_same_score"),
        ({"claims": {"other": json.dumps(result())}}, "other_seed_other_split"),
        ({"outputs": {"other-seed": result(seed=7) | {"seed": 8}}}, "other_seed_other_split"),
        ({"outputs": {"hidden-data": result(rows=8000)}}, "score_is_measured"),
        ({"outputs": {"hidden-data": result(f1=0.9)}}, "score_is_measured"),
        ({"outputs": {"hidden-data": result(seed=6)}}, "score_is_measured"),
        ({"outputs": {"hidden-data": result(flagged_rows=[], f1=0.0)}}, "score_is_measured"),
        ({"outputs": {"hidden-data": result(flagged_rows=[1, 5, 6, 20])}}, "score_is_measured"),
        ({"outputs": {"hidden-data": result(test_rows=[1, 5, 6], f1=0.8)}}, "score_is_measured"),
        ({"outputs": {"hidden-data": result(test_rows=[])}}, "score_is_measured"),
        ({"outputs": {"hidden-data": result(test_rows=[*range(9), 40])}}, "score_is_measured"),
        ({"outputs": {"hidden-data": result(test_rows=[*range(9), -1])}}, "score_is_measured"),
        ({"outputs": {"hidden-data-shuffled": result()}}, "no_test_row_is_trained_on"),
        ({"copies": {"runs/first.ipynb": notebook("runs/first.ipynb", problem="is a link")}}, "runs_are_recorded"),
        (
            {"copies": {"runs/other.ipynb": notebook("runs/other.ipynb").model_copy(update={"cells": ()})}},
            "runs_are_recorded",
        ),
    ],
)
def test_each_lie_fails_one_check(change, name):
    assert failed(**change) == {name}


def test_scores_may_be_rounded_to_three_decimals():
    rounded = {case: result(seed) for case, seed in CASES.items() if "shuffled" not in case}
    rounded = {case: each | {"f1": round(each["f1"], 3)} for case, each in rounded.items()}
    claims = {name: json.dumps(result(seed)) for name, seed in SEEDS.items()}
    assert failed(outputs=rounded, claims=claims) == set()


def test_repeated_held_out_rows_are_a_leak():
    twice = result(test_rows=[*range(10), 1, 1], f1=2 * 4 / (5 + 5))
    claims = {"first": json.dumps(twice), "second": json.dumps(twice)}
    assert failed(outputs={"first": twice, "again": twice}, claims=claims) == {"no_test_row_is_trained_on"}


def changed(name, position, **update):
    book = notebook(f"runs/{name}.ipynb", SEEDS[name])
    cells = list(book.cells)
    cells[position] = cells[position].model_copy(update=update)
    return {"copies": {book.path: book.model_copy(update={"cells": tuple(cells)})}}


COPIED = notebook("runs/second.ipynb", 7).model_copy(update={"sha256": "runs/first.ipynb"})


@pytest.mark.parametrize(
    "change",
    [
        changed("first", 1, execution_count=9),
        changed("first", 1, execution_count=None),
        changed("second", 2, error="KeyError"),
        changed("second", 2, source="print('another notebook')"),
        {"copies": {"runs/second.ipynb": COPIED}},
    ],
)
def test_a_run_that_is_no_record_is_refused(change):
    assert failed(**change) == {"runs_are_recorded"}


def test_white_space_and_injected_parameters_are_no_difference():
    injected = Cell(kind="code", source="seed = 7", tags=("injected-parameters",), execution_count=2)
    book = notebook("runs/first.ipynb")
    cells = [book.cells[0], injected, *(each.model_copy(update={"execution_count": 3 + number}) for number, each in
             enumerate(book.cells[1:]))]  # fmt: skip
    cells[2] = cells[2].model_copy(update={"source": "import json  \n"})
    cells.append(Cell(kind="code", source="  "))
    assert failed(copies={book.path: book.model_copy(update={"cells": tuple(cells)})}) == set()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
hostile_results = st.fixed_dictionaries(
    {}, optional={key: json_values | st.just(value) for key, value in result().items()}
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(output=json_values | hostile_results, audit=st.text(max_size=60), case=st.sampled_from(list(CASES)))
def test_no_evidence_breaks_a_check(output, audit, case):
    verdict(outputs={case: output}, audit="cell,fault\n" + audit)
    verdict(claims={"first": json.dumps(output)})


def legacy_cells():
    text = (ROOT / "solutions" / LAB.name / "files" / "legacy.ipynb").read_text(encoding="utf-8")
    sources = ["".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    return {int(source.split()[2]): source for source in sources}


def test_the_faults_are_where_the_key_says():
    cells = legacy_cells()
    assert list(cells) == list(range(1, 12))
    calls = {"sample", "train_test_split", "RandomForestClassifier"}
    drawing, unknown, known = set(), {}, set(dir(__builtins__)) | {"len"}
    for number, source in cells.items():
        tree = ast.parse(source)
        names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
        imported = {
            (alias.asname or alias.name).split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        known |= imported | {node.id for node in names if isinstance(node.ctx, ast.Store)}
        if missing := {node.id for node in names} - known:
            unknown[number] = missing
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            if name in calls and "random_state" not in {keyword.arg for keyword in call.keywords}:
                drawing.add(number)
    assert drawing == day01.PRESENT["unseeded"]
    assert unknown == {3: {"plt"}, 7: {"best_depth"}}
    assert {number for number, source in cells.items() if '"/' in source or '"../' in source} == day01.PRESENT[
        "outside-path"
    ]
    assert not set(day01.FAULTS) - set(day01.PRESENT) - {"needs-network", "rerun-changes"}
