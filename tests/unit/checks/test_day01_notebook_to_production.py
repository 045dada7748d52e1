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
CASES = {"first": 7, "again": 7, "other-seed": 8, "hidden-data": 7, "hidden-data-twin": 7}
AUDIT = "cell,fault\n" + "".join(f"{cell},{fault}\n" for fault, cells in day01.PRESENT.items() for cell in cells)
SEEDS = {"first": 7, "second": 7, "other": 8}


def result(seed=7, **changes):
    """What an honest notebook writes: two of three frauds found, one false alarm."""
    test = list(range(10)) if seed == 7 else list(range(2, 12))
    flagged = [1, 5, 6] if seed == 7 else [5, 6]
    frauds = [row for row in test if row in FRAUDS]
    hits = len(set(flagged) & set(frauds))
    f1 = 2 * hits / (len(flagged) + len(frauds))
    # In order of the scores: a fraud if it is among the rows, a fraud, none, the fraud that was missed, the rest.
    scores = [{1: 0.9, 5: 0.8, 6: 0.7, 9: 0.4}.get(row, 0.1) for row in test]
    precision = (1 + 1 + 3 / 4) / 3 if seed == 7 else (1 + 2 / 3) / 2
    honest = {"seed": seed, "rows": ROWS, "test_rows": test, "flagged_rows": flagged, "f1": f1, "scores": scores}
    return {**honest, "average_precision": precision, **changes}


def twin(**changes):
    """What it writes when the held-out rows have changed places: the same of each, and worthless by the labels."""
    flipped = {"flagged_rows": [8, 4, 3], "scores": result()["scores"][::-1], "f1": 0.0, "average_precision": 0.2}
    return result(**(flipped | changes))


TWIN_FRAUDS = tuple(9 - row if row < 10 else row for row in FRAUDS)


def notebook(path, seed=0, count=True, **changes):
    sources = ["import json", 'with open(out, "w") as file:\n    json.dump({}, file)']
    first = f"seed = {seed}\ndata = ''\nout = {path.replace('.ipynb', '.json')!r}"
    cells = [Cell(kind="code", source=first, tags=("parameters",), execution_count=1)]
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
    told = {case: twin() if "twin" in case else result(seed) for case, seed in CASES.items()} | (outputs or {})
    runs = tuple(
        NotebookRun(
            notebook="train.ipynb",
            case=case,
            output=None if problem else output,
            rows={"data": ROWS},
            positives={"data": TWIN_FRAUDS if "twin" in case else FRAUDS},
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
        *(
            (f'cell,fault\n"{cells}",unseeded\n', 0.5)
            for cells in (
                "5-7",
                "5\u20137",
                "5 - 7",
                "7-5",
                "5 to 7",
                "cell 5 - cell 7",
                "5 and 6; 7",
                "5, 6 & 7",
                "5/6/7",
                "5-6, 7",
            )
        ),
        *(
            (f"cell,fault\n{line}\n", 1.5)
            for line in (
                "3,late-import; typed constant\n8,typed-constant;x\n5,leakage".replace(";x", "; leakage"),
                "3,late-import\n5,Leakage.\n8,leakage,typed-constant",
                '3,late-import\n"5","leakage and late_import"\n8,"typed-constant, leakage"',
                "3,late-import\n5,leakage,copied before the split\n8,typed-constant|leakage",
            )
        ),
        ("cell,fault\n5-9,unseeded\n3,leakage\n", 0),
        ("cell,fault\n1-999,unseeded\n", 0),
        ("cell,fault\n5,leakage;typo\n", 0),
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
        result(scores=None),
        result(scores=[0.5] * 9),
        result(scores=["0.5"] * 10),
        result(scores=[float("nan")] * 10),
        result(scores=[True] * 10),
        result(scores=[10**400] * 10),
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
        ({"outputs": {"hidden-data": result(average_precision=0.95)}}, "score_is_measured"),
        ({"outputs": {"hidden-data": result(scores=result()["scores"][::-1])}}, "score_is_measured"),
        ({"outputs": {"hidden-data": result(scores=[0.1] * 9)}}, "score_is_measured"),
        ({"outputs": {"hidden-data-twin": result()}}, "no_test_row_is_trained_on"),
        (
            {
                "outputs": {
                    "hidden-data": result(flagged_rows=[1, 5, 9], f1=1.0),
                    "hidden-data-twin": twin(flagged_rows=[3]),
                }
            },
            "no_test_row_is_trained_on",
        ),
        ({"outputs": {"hidden-data-twin": twin(scores=result()["scores"])}}, "no_test_row_is_trained_on"),
        (
            {"outputs": {"hidden-data-twin": twin(test_rows=[*range(9), 11])}},
            "no_test_row_is_trained_on",
        ),
        ({"outputs": {"hidden-data-twin": twin(scores=None)}}, "no_test_row_is_trained_on"),
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
    rounded = {case: result(seed) for case, seed in CASES.items() if "twin" not in case}
    scores = ("f1", "average_precision")
    rounded = {case: each | {name: round(each[name], 3) for name in scores} for case, each in rounded.items()}
    claims = {name: json.dumps(result(seed)) for name, seed in SEEDS.items()}
    assert failed(outputs=rounded, claims=claims) == set()


def test_repeated_held_out_rows_are_a_leak():
    twice = result(test_rows=[*range(10), 1, 1], f1=2 * 4 / (5 + 5))
    twice |= {"scores": [*twice["scores"], 0.9, 0.9], "average_precision": (1 + 1 + 1 + 1 + 5 / 6) / 5}
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
        changed("second", 0, source="seed = 8"),
        changed("second", 0, source="seed: int = 70  # not 7"),
        changed("other", 0, source="seed = 8\nout = 'runs/first.json'"),
        changed("other", 0, source="seed = 8\nout = 'result.json'"),
        {"copies": {"runs/second.ipynb": COPIED}},
    ],
)
def test_a_run_that_is_no_record_is_refused(change):
    assert failed(**change) == {"runs_are_recorded"}


@pytest.mark.parametrize(
    "source",
    [
        "seed = 8  # the other\ndata = ''\nout: str = '/home/me/runs/other.json'",
        'seed = 7; seed = 8\nout = "runs\\\\other.json"',
        "seed, data, out = 8, '', ''",
        "seed = int('8')\nout = f'runs/{name}.json'",
        "seed = 0\nif True:\n    seed = 8\nout = 'runs' + '/' + name",
        "=" * 100_000,
    ],
)
def test_parameters_may_be_written_in_many_ways(source):
    assert failed(**changed("other", 0, source=source)) == set()


def test_without_repeatable_runs_the_twin_accuses_nobody():
    checks = verdict(outputs={"again": result(f1=0.5), "hidden-data-twin": twin(flagged_rows=[0])})
    assert checks["no_test_row_is_trained_on"].outcome == "blocked"


@settings(max_examples=60, deadline=None)
@given(scores=st.lists(st.integers(0, 5), min_size=3, max_size=40), data=st.data())
def test_the_average_precision_is_that_of_scikit_learn(scores, data):
    from sklearn.metrics import average_precision_score

    frauds = data.draw(st.sets(st.sampled_from(range(len(scores))), min_size=1))
    score = day01.read_score(result(test_rows=list(range(len(scores)))), "it")
    expected = average_precision_score([row in frauds for row in range(len(scores))], scores)
    assert day01.average_precision_of(score, scores, frauds) == pytest.approx(expected)


def test_white_space_and_injected_parameters_are_no_difference():
    source = "seed = 7\nout = 'runs/first.json'"
    injected = Cell(kind="code", source=source, tags=("injected-parameters",), execution_count=2)
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
