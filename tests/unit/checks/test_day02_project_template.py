"""The checks of day 2 over evidence made by hand: no jail, no pytest, no world."""

import csv
import io
import json
from datetime import UTC, datetime
from statistics import median

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checker.checks import day02_project_template as day02
from checker.evidence import Evidence, Identity
from checker.evidence.files import FileRecord, Files
from checker.evidence.git import Blob, Commit, Git
from checker.evidence.proofs import CommandRun, Proofs
from checker.planted import load_plants, nothing, source_of
from checker.runner import load_checks, run_checks
from tests.support import COURSE

LAB = COURSE.labs[1]
NOW = datetime(2026, 11, 21, tzinfo=UTC)
PYPROJECT = """\
[project]
name = "cardfraud"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["pandas>=2.2", "scikit-learn>=1.5"]
"""
SOURCE = "def evaluate(labels, flagged):\n    one = 1\n    two = 2\n    three = 3\n    return one + two + three\n"
FILES = {"pyproject.toml": PYPROJECT, "src/cardfraud/model.py": SOURCE, "tests/test_model.py": "def test(): pass\n"}


def world():
    """Payments of three months, six a day of the odd days, and their labels in another order."""
    payments, labels = [], []
    for number in range(4000):
        month, day = number // 1400 + 1, number % 1400 // 50 + 1
        fraud = number % 40 == 0
        payments.append(
            {
                "transaction_id": f"t{number}",
                "timestamp": f"2025-{month:02d}-{day:02d}T{number % 24:02d}:15:00",
                "customer_id": f"c{number % 300}",
                "channel": ("chip", "online", "phone", "contactless")[number % 4],
                "country": "US" if fraud else "AT",
                "amount": f"{900 if fraud else 5 + number % 70}.5",
                "transactions_24h": str(1 + number % 3),
            }
        )
        labels.append(
            {"transaction_id": f"t{number}", "is_fraud": str(int(fraud)), "known_on": f"2025-03-{1 + number % 28:02d}"}
        )
    return payments, labels[::-1]


def text(rows):
    file = io.StringIO()
    writer = csv.DictWriter(file, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


PAYMENTS, LABELS = world()
INPUTS = {"probe/transactions.csv": text(PAYMENTS), "probe/labels.csv": text(LABELS)}


def answers():
    """What a right package answers, worked out in another way than in the checks."""
    usual = {}
    for row in PAYMENTS:
        if row["timestamp"] < day02.HISTORY_ENDS:
            usual.setdefault(row["customer_id"], []).append(float(row["amount"]))
    features = []
    for row in PAYMENTS[1000:3500]:
        amount, moment = float(row["amount"]), datetime.fromisoformat(row["timestamp"])
        ratio = amount / median(usual[row["customer_id"]]) if row["customer_id"] in usual else 1
        present = int(row["channel"][0] == "c")
        features.append(
            [
                amount,
                ratio,
                moment.hour,
                moment.weekday(),
                int(row["country"] == "US"),
                present,
                int(row["transactions_24h"]),
            ]
        )
    known = {row["transaction_id"]: int(row["is_fraud"]) for row in LABELS if row["known_on"] <= day02.KNOWN_BY}
    half = {}
    for row in PAYMENTS[::2]:
        half.setdefault(row["customer_id"], []).append(float(row["amount"]))
    february = [row for row in PAYMENTS if row["timestamp"][:7] == "2025-02"]
    late = [row for row in PAYMENTS if row["timestamp"][:7] == "2025-03"]
    columns = list(PAYMENTS[0])
    values = {
        "moments": day02.MOMENTS,
        "month": {"columns": columns, "rows": [list(row.values()) for row in february]},
        "labelled": {
            "columns": [*columns, "is_fraud"],
            "rows": [
                [*row.values(), known[row["transaction_id"]]] for row in PAYMENTS[::3] if row["transaction_id"] in known
            ],
        },
        "usual": {customer: median(each) for customer, each in half.items()},
        "features": {"columns": list(day02.COLUMNS), "rows": features},
        "scores": [[float(row["amount"]) for row in late]] * 2,
        "verdicts": [{"precision": one, "recall": two} for one, two in day02.VERDICTS],
    }
    found = {name: {"value": value} for name, value in values.items()}
    found |= {f"signature {name}": {"value": list(each)} for name, (_, each) in day02.FUNCTIONS.items()}
    return found | {"changed": []}


RIGHT = json.dumps(answers())


def found(**changes):
    """The right answers with some of them replaced."""
    return json.dumps(json.loads(RIGHT) | changes)


def blobs(paths):
    return tuple(Blob(path=path, sha="0" * 40, size=1) for path in paths)


def evidence(files=FILES, probe=RIGHT, statuses=None, problems=None, git=None):
    """Finished work; the arguments replace parts of it. `statuses` maps (command, case) to what it ended with."""
    head = [*files, "Makefile", ".gitignore"]
    ends = {("make", "lint"): 2, ("make", "red"): 2} | {("tests", case): 1 for case in day02.FAULTS} | (statuses or {})
    runs = [
        CommandRun(
            command=proof.name,
            case=case,
            status=ends.get((proof.name, case), 0),
            printed="1 failed, 3 passed in 0.1s",
            outputs={} if probe is None or proof.name != "probe" else {"probe.json": probe},
            inputs=INPUTS if proof.name == "probe" else {},
            problem=(problems or {}).get((proof.name, case)),
        )
        for proof in LAB.proofs.commands
        for case in proof.cases
    ]
    commit = Commit(sha="1" * 40, subject="x", author="y", time=NOW)
    return Evidence(
        workspace=Identity(lab=LAB.name, learner="me", workspace_id="0" * 32, seed=7, started=NOW),
        files=Files(records=tuple(FileRecord(path=path, size=len(each), text=each) for path, each in files.items())),
        git=git or Git(present=True, branch="main", commits=(commit,), head=blobs(head)),
        proofs=Proofs(commands=tuple(runs)),
    )


def judge(**changes):
    return run_checks(LAB, load_checks(LAB), evidence(**changes))


def outcome(result, name):
    return next(check for check in result.checks if check.name == name)


def test_finished_work_earns_everything():
    result = judge()
    assert [(check.name, check.messages) for check in result.checks if check.outcome != "passed"] == []
    assert (result.earned, result.possible, result.integrity) == (10, 10, "ok")


def test_the_faults_are_those_of_the_course():
    plants = load_plants(LAB.module_name)
    cases = LAB.proofs.commands[1].cases
    assert {case.plant for case in cases.values() if case.plant} == {*day02.FAULTS, *day02.CALM[1:]}
    for name, function in day02.FAULTS.items():
        assert [target.split(":")[1] for target in plants[name].changes] == [function]


@pytest.mark.parametrize(("caught", "earned"), [(14, 3), (11, 3), (10, 2), (9, 2), (8, 1), (7, 1), (6, 0), (0, 0)])
def test_marks_go_by_the_number_of_faults(caught, earned):
    statuses = {("tests", case): 0 for case in list(day02.FAULTS)[caught:]}
    check = outcome(judge(statuses=statuses), "tests_catch_planted_faults")
    assert check.earned == earned
    assert check.outcome == ("passed" if earned == 3 else "failed")
    if earned < 3:
        assert f"{caught} of 14" in check.messages[0].found
        assert check.messages[0].next_step


def test_a_run_that_did_not_end_noticed_nothing():
    problems = {("tests", case): "it did not answer within 60 seconds" for case in day02.FAULTS}
    check = outcome(judge(problems=problems), "tests_catch_planted_faults")
    assert "14 runs did not come to an end" in check.messages[0].found


@pytest.mark.parametrize("case", ["plain", *day02.CALM])
def test_tests_must_pass_each_time(case):
    result = judge(statuses={("tests", case): 1})
    assert outcome(result, "own_tests_pass").outcome == "failed"
    assert outcome(result, "tests_catch_planted_faults").outcome == "blocked"


@pytest.mark.parametrize(("case", "words"), [("plain", "status 2"), ("lint", "unused import"), ("red", "failing test")])
def test_one_command_must_tell_good_from_bad(case, words):
    check = outcome(judge(statuses={("make", case): 2 if case == "plain" else 0}), "one_command_checks_all")
    assert check.outcome == "failed"
    assert words in check.messages[0].found


WRONG = {
    "moments": [day02.MOMENTS[0][:2], day02.MOMENTS[1]],
    "usual": {"c1": 5},
    "scores": [[1.0], [2.0]],
    "verdicts": [],
    "features": {"columns": [*day02.COLUMNS, "is_fraud"], "rows": []},
    "month": {"columns": [], "rows": []},
    "labelled": {"columns": ["transaction_id"], "rows": []},
}
HOSTILE = (
    None,
    "",
    [],
    {},
    7,
    1e400,
    [None],
    [[]],
    {"rows": 3, "columns": [[]]},
    {"rows": [[[]]], "columns": ["amount"]},
)


@pytest.mark.parametrize(("name", "value"), [*WRONG.items(), *((name, value) for name in WRONG for value in HOSTILE)])
def test_wrong_answers_of_functions_are_refused(name, value):
    check = outcome(judge(probe=found(**{name: {"value": value}})), "functions_do_what_they_say")
    assert check.outcome == "failed"
    message = check.messages[0]
    assert message.found and message.expected and message.next_step


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("said", [{"error": "KeyError: 'x'"}, {}, None, "x"])
def test_functions_that_raise_are_refused(name, said):
    check = outcome(judge(probe=found(**{name: said})), "functions_do_what_they_say")
    assert check.outcome == "failed"


def test_a_single_wrong_value_is_found():
    answer = json.loads(RIGHT)
    answer["features"]["value"]["rows"][-1][3] += 1
    check = outcome(judge(probe=json.dumps(answer)), "functions_do_what_they_say")
    assert "weekday" in check.messages[0].found


def test_a_changed_argument_is_found():
    check = outcome(judge(probe=found(changed=["add_labels"])), "functions_do_what_they_say")
    assert "`add_labels`" in check.messages[0].found


@pytest.mark.parametrize("probe", [None, "", "{", "[]", '"x"', found(**{"signature evaluate": {"value": ["labels"]}})])
def test_what_cannot_be_imported_is_refused(probe):
    assert outcome(judge(probe=probe), "package_is_importable").outcome == "failed"


def test_more_arguments_are_welcome():
    more = found(**{"signature evaluate": {"value": ["labels", "flagged", "threshold"]}})
    assert judge(probe=more).earned == 10


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("cardfraud", "fraud"),
        ('version = "0.1.0"', ""),
        ('requires-python = ">=3.11"', "requires-python = 3"),
        ("scikit-learn>=1.5", "sklearn"),
        ("[project]", "[tool.project]"),
        ("[project]", "[project"),
        ("[project]", "project = 1\n[x]"),
        ('["pandas>=2.2", "scikit-learn>=1.5"]', '"pandas scikit-learn"'),
        ('["pandas>=2.2", "scikit-learn>=1.5"]', '[1, "", "pandas"]'),
    ],
)
def test_wrong_projects_are_refused(old, new):
    files = FILES | {"pyproject.toml": PYPROJECT.replace(old, new)}
    assert outcome(judge(files=files), "project_is_described").outcome == "failed"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"cardfraud"', '"CardFraud"'),
        ('version = "0.1.0"', 'dynamic = ["version"]'),
        ("scikit-learn>=1.5", "Scikit_Learn[x] ~= 1.5 ; python_version > '3'"),
        ('dependencies = ["pandas>=2.2", "scikit-learn>=1.5"]', 'dynamic = ["dependencies"]'),
    ],
)
def test_unusual_projects_are_accepted(old, new):
    assert judge(files=FILES | {"pyproject.toml": PYPROJECT.replace(old, new)}).earned == 10


def test_what_is_not_committed_is_named():
    whole = evidence().git
    lacking = whole.model_copy(update={"head": tuple(each for each in whole.head if "model.py" not in each.path)})
    assert "src/cardfraud/model.py" in outcome(judge(git=lacking), "work_is_committed").messages[0].found
    changed = whole.model_copy(update={"modified": ("Makefile",)})
    assert "`Makefile`" in outcome(judge(git=changed), "work_is_committed").messages[0].found


@pytest.mark.parametrize(
    "path",
    ["data/labels.csv", "src/cardfraud/__pycache__/a.cpython-311.pyc", ".venv/bin/python", "src/x.egg-info/PKG-INFO"],
)
def test_what_is_generated_is_refused(path):
    whole = evidence().git
    check = outcome(judge(git=whole.model_copy(update={"head": (*whole.head, *blobs([path]))})), "work_is_committed")
    assert path in check.messages[0].found


@pytest.mark.parametrize("name", ["makefile", "GNUmakefile"])
def test_any_name_that_make_knows_will_do(name):
    whole = evidence().git
    head = tuple(each for each in whole.head if each.path != "Makefile") + blobs([name])
    assert judge(git=whole.model_copy(update={"head": head})).earned == 10


@pytest.mark.parametrize(
    "source",
    [
        "import gc\n",
        "from ctypes import c_int\n",
        "import x\nx.y.__code__\n",
        "import sys\nsys._getframe(1)\n",
        "getattr(x, '__closure__')\n",
        "exec('x')\n",
        "from inspect import getsource\n",
        SOURCE.replace("evaluate", "expected"),
    ],
)
def test_tests_that_look_elsewhere_are_told_to_an_instructor(source):
    result = judge(files=FILES | {"tests/test_model.py": source})
    assert (result.earned, result.integrity) == (10, "suspect")


@pytest.mark.parametrize(
    "source", ["", "\0", "def", "(" * 5000, "import inspect\ninspect.signature(print)\n", "x" * 10000]
)
def test_other_tests_raise_no_doubt(source):
    result = judge(files=FILES | {"tests/test_model.py": source})
    assert (result.earned, result.integrity) == (10, "ok")


def test_changes_travel_without_their_names():
    for plant in load_plants(LAB.module_name).values():
        for change in (*plant.changes.values(), nothing):
            source = source_of(change)
            assert source.startswith("def change(original):\n")
            assert "Any" not in source
            namespace = {}
            exec(source, namespace)
            assert namespace["change"](len).__name__ == "planted"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["columns", "rows", "value", "x"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.sampled_from([*json.loads(RIGHT)]), st.fixed_dictionaries({"value": JSON}) | JSON, max_size=4)
)
def test_no_answer_breaks_a_check(changes):
    result = judge(probe=found(**changes))
    assert {check.outcome for check in result.checks} <= {"passed", "failed", "blocked"}
