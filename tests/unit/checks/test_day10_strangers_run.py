"""The checks of day 10 over evidence made by hand: no server, no run."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from checker.evidence import Evidence, Identity
from checker.evidence.dvc import Dvc, Output, Stored
from checker.evidence.files import FileRecord, Files
from checker.evidence.git import Blob, Commit, Git
from checker.evidence.mlflow import Experiment, Mlflow, Run
from checker.evidence.proofs import CommandRun, Proofs
from checker.runner import load_checks, run_checks
from tests.support import COURSE

LAB = COURSE.find("10")
STARTED = datetime(2026, 9, 1, 12, tzinfo=UTC)
HISTORY = ["Begin", "Track June", "Track July"]
MONTHS = ["2025-02", "2025-01", "2025-03", "2025-05", "2025-04"]
SUMS = {f"data/2025-0{month}.csv": str(month) * 32 for month in range(1, 7)}
TRUTH = {
    "causes": ["data", "seed", "order"],
    "run": "june-review",
    "params": {"n_estimators": 30, "max_depth": 9, "min_samples_leaf": 4, "seed": 4321, "months": MONTHS},
    "overridden": "max_depth",
    "months": MONTHS,
    "known": "2025-06",
    "release": "1.4.0",
    "corrected": "data/2025-03.csv",
    "md5": SUMS,
    "history": HISTORY,
}
ROWS = [("data", "data/2025-03.csv 333333"), ("seed", "4321"), ("order", " ".join(MONTHS))]
SCORES = {"out/predictions.csv": "transaction_id,score\na,0.25\nb,0.5\n"}
METRICS = {"average_precision": 0.75, "log_loss": 0.1}
OUTPUTS = SCORES | {"out/metrics.json": json.dumps(METRICS)}


def table(rows, header="cause,run_used,evidence"):
    return "\n".join([header, *(f'{cause},"{used}",the run log' for cause, used in rows)]) + "\n"


def commit(number, subject, *changed):
    return Commit(sha=f"{number}" * 40, subject=subject, author="me", time=STARTED, changed=tuple(changed))


def blob(path, size=100):
    return Blob(path=path, sha="0" * 40, size=size)


def made_git(**changes):
    own = [commit("a", "Mend", blob("findings.csv"))]
    given = [commit(number, subject) for number, subject in enumerate(HISTORY)][::-1]
    head = [blob("findings.csv"), *(blob(f"{path}.dvc") for path in SUMS)]
    return Git(**({"present": True, "commits": (*own, *given), "head": tuple(head)} | changes))


def made_dvc(held=None, **sums):
    stored = Stored(present=True) if held is None else held
    return Dvc(
        present=True,
        outputs=tuple(
            Output(source=f"{path}.dvc", path=path, md5=sums.get(path[5:12].replace("-", "_"), md5), cache=stored)
            for path, md5 in SUMS.items()
        ),
    )


def made_run(**changes):
    mine = {
        "run_id": "b" * 32,
        "name": "mine",
        "status": "FINISHED",
        "started": STARTED + timedelta(minutes=1),
        "params": {"n_estimators": "30", "max_depth": "9", "min_samples_leaf": "4", "seed": "4321"},
        "metrics": METRICS,
        "tags": {"reproduces": "c" * 32, "git_commit": "a" * 40},
    }
    return Run(**(mine | changes))


def made_proofs(**runs):
    """Proofs in which a case is changed: `later={...}` for the learner's, `reference_unseen={...}` for the other."""
    cases = [
        ("run", "as-it-was"),
        ("run", "later"),
        ("run", "unseen"),
        ("reference", "as-it-was"),
        ("reference", "unseen"),
    ]
    made = []
    for command, case in cases:
        name = case.replace("-", "_") if command == "run" else f"reference_{case.replace('-', '_')}"
        made.append(
            CommandRun(**({"command": command, "case": case, "status": 0, "outputs": OUTPUTS} | runs.get(name, {})))
        )
    return Proofs(commands=tuple(made))


def judge(rows=ROWS, text=None, runs=None, errors=False, **parts):
    content = table(rows) if text is None else text
    record = FileRecord(path="findings.csv", size=len(content), sha256="0" * 64, text=content)
    colleague = Run(run_id="c" * 32, name="june-review", status="FINISHED")
    experiment = Experiment(
        name="day10-strangers-run", experiment_id="1", present=True, runs=(*(runs or [made_run()]), colleague)
    )
    evidence = Evidence(
        **{
            "workspace": Identity(lab=LAB.name, learner="me", workspace_id="0" * 32, seed=7, started=STARTED),
            "prepared": TRUTH,
            "files": Files(records=(record,)),
            "git": made_git(),
            "dvc": made_dvc(),
            "mlflow": Mlflow(experiments=(experiment,)),
            "proofs": made_proofs(),
        }
        | parts
    )
    result = run_checks(LAB, load_checks(LAB), evidence)
    assert errors or not [each for each in result.checks if each.outcome == "error"], result.checks
    return result


def failed(**parts):
    result = judge(**parts)
    wrong = [each for each in result.checks if each.outcome == "failed"]
    assert all(message.found and message.expected and message.next_step for each in wrong for message in each.messages)
    return {each.name for each in wrong}


def test_all_is_well():
    result = judge()
    assert (result.earned, result.possible, result.integrity) == (10, 10, "ok")


@pytest.mark.parametrize(
    "rows",
    [
        ROWS[:2],
        [*ROWS, ("future", "2025-06")],
        [*ROWS[:2], ("library", "1.4.0")],
        [*ROWS[:2], ROWS[0]],
        [*ROWS[:2], ("ordering", "x")],
        [],
    ],
)
def test_other_causes_are_refused(rows):
    assert failed(rows=rows) == {"causes_are_found"}


def test_two_of_three_earn_a_mark():
    result = judge(rows=[*ROWS[:2], ("library", "1.4.0")])
    assert next(each for each in result.checks if each.name == "causes_are_found").earned == 1


@pytest.mark.parametrize(
    "text", ["", "\0\0\n", "cause\ndata\n", "a" * 5000, 'cause,run_used,evidence\n"data', "=1+1,,\n"]
)
def test_what_is_no_list_of_findings_is_refused(text):
    assert failed(text=text) == {"causes_are_found"}


def test_case_order_quotes_and_windows_do_no_harm():
    rows = [
        ("`SEED`", "random_state: 4_321"),
        (" Data ", SUMS["data/2025-03.csv"].upper()),
        ("order", ", ".join(MONTHS)),
    ]
    assert failed(text="\ufeff" + table(rows).replace("\n", "\r\n")) == set()


@pytest.mark.parametrize(
    ("cause", "right", "wrong"),
    [
        ("data", ["333333", "md5 33333333333 of March", "3" * 32], ["33333", "44444444", "2025-03", ""]),
        ("seed", ["4321", "seed=4321", "4,321"], ["43210", "321", "-", "clock"]),
        ("order", [" > ".join(MONTHS), "2025-02.csv,2025-01.csv,2025-03.csv,2025-05.csv,2025-04.csv 2025-06.csv"],
         [" ".join(sorted(MONTHS)), "02 01 03 05 04", "random", " ".join(MONTHS[:4])]),
        ("parameter", ["max_depth=9", "train.max_depth: 9 (6 in the file)", "max_depth = '9'", "max_depth=9.0"],
         ["max_depth=6", "9", "max_depth=90", "max_depth=9.5", "max_depth=19", "n_estimators=9"]),
        ("library", ["1.4.0", "riskkit==1.4.0", "1.4.0, now 1.5.0"], ["1.5.0", "1.4", "1.4.0.1", "11.4.0", "riskkit"]),
        ("future", ["2025-06", "2025-01-01 to 2025-06-30", "before 2025-07-01", "2025-06, now 2025-07"],
         ["2025-07", "2025-05", "2025-07-31", "June"]),
    ],
)  # fmt: skip
def test_what_the_run_used(cause, right, wrong):
    truth = TRUTH | {"causes": [cause, *(each for each in ("seed", "order", "data") if each != cause)][:3]}
    others = [row for row in ROWS if row[0] in truth["causes"] and row[0] != cause]
    for used in right:
        assert failed(rows=[*others, (cause, used)], prepared=truth) == set(), used
    for used in wrong:
        assert failed(rows=[*others, (cause, used)], prepared=truth) == {"causes_are_shown"}, used


def test_evidence_must_be_told():
    text = table(ROWS).replace("the run log", "-", 1)
    assert failed(text=text) == {"causes_are_shown"}


@pytest.mark.parametrize(
    "changes",
    [
        {"head": ()},
        {"modified": ("params.yaml",)},
        {"commits": made_git().commits[1:], "head": ()},
        {"commits": (made_git().commits[0],)},
        {"commits": (*made_git().commits[:2], *made_git().commits[3:])},
        {"commits": (commit("b", "Data", blob("data/2025-03.csv")), *made_git().commits)},
        {"elsewhere": (commit("b", "Data", blob("model.pkl", 400_000)),)},
        {"commits": ()},
        {"problem": "broken"},
        {"present": False},
    ],
)
def test_what_is_not_committed_well(changes):
    assert failed(git=made_git(**changes)) == {"work_is_committed"}


def test_data_must_be_those_of_the_run():
    check = {"data_are_those_of_the_run"}
    assert failed(dvc=made_dvc(**{"2025_03": "f" * 32})) == check
    assert failed(dvc=Dvc(present=True)) == check
    assert failed(dvc=Dvc()) == check
    assert failed(dvc=made_dvc(Stored())) == check
    assert failed(dvc=made_dvc(Stored(present=True, damaged=("data/2025-02.csv",)))) == check
    assert failed(git=made_git(head=(blob("findings.csv"),))) == check


def scores(text):
    return {"outputs": OUTPUTS | {"out/predictions.csv": text}}


def metrics(text):
    return {"outputs": OUTPUTS | {"out/metrics.json": text}}


WRONG_RUNS = [
    {"status": 1},
    {"problem": "it did not answer within 60 seconds"},
    {"outputs": {}},
    scores("transaction_id,score\na,0.25\nb,0.500001\n"),
    scores("transaction_id,score\na,0.25\nb,nan\n"),
    scores("transaction_id,score\na,0.25\nb,inf\n"),
    scores("transaction_id,score\na,0.25\n"),
    scores("transaction_id,score\na,0.25\nb,0.5\nb,0.5\n"),
    scores("transaction_id,score\na\n"),
    scores("id,score\na,0.25\nb,0.5\n"),
    scores("\0"),
    metrics("[]"),
    metrics("{"),
    metrics('{"average_precision": true, "log_loss": 0.1}'),
    metrics('{"average_precision": NaN, "log_loss": 0.1}'),
    metrics('{"average_precision": 0.75}'),
    metrics('{"average_precision": "0.75", "log_loss": 1e999}'),
]


@pytest.mark.parametrize("run", WRONG_RUNS)
@pytest.mark.parametrize(
    ("case", "refused_by"),
    [("as_it_was", "run_is_reproduced"), ("later", "it_stays_reproduced"), ("unseen", "mended_code_still_learns")],
)
def test_other_outputs_are_refused(case, refused_by, run):
    assert failed(proofs=made_proofs(**{case: run})) == {refused_by}


def test_order_of_rows_and_last_digits_do_not_count():
    assert (
        failed(proofs=made_proofs(as_it_was=scores("score,x,transaction_id\r\n5e-1,,b\r\n0.2500000000001,,a\r\n")))
        == set()
    )


def test_a_reference_that_fails_is_an_error_of_ours():
    result = judge(proofs=made_proofs(reference_as_it_was={"problem": "no memory"}), errors=True)
    assert {each.name for each in result.checks if each.outcome == "error"} == {
        "run_is_reproduced",
        "reproduction_is_recorded",
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "RUNNING"},
        {"tags": {}},
        {"tags": {"reproduces": "b" * 32, "git_commit": "a" * 40}},
        {"tags": {"reproduces": "", "git_commit": "a" * 40}},
        {"tags": {"reproduces": "c" * 32}},
        {"tags": {"reproduces": "c" * 32, "git_commit": "a"}},
        {"tags": {"reproduces": "c" * 32, "git_commit": "1" * 40}},
        {"params": {}},
        {"params": {"n_estimators": "30", "max_depth": "6", "min_samples_leaf": "4", "seed": "4321"}},
        {"params": {"n_estimators": "30", "max_depth": "nine", "min_samples_leaf": "4", "seed": "4321"}},
        {"metrics": {}},
        {"metrics": METRICS | {"log_loss": 0.11}},
        {"metrics": METRICS | {"log_loss": float("nan")}},
    ],
)
def test_a_record_that_is_not_one(changes):
    assert failed(runs=[made_run(**changes)]) == {"reproduction_is_recorded"}
    assert failed(runs=[made_run(run_id="d" * 32, **changes), made_run()]) == set()


def test_a_short_commit_and_rounded_metrics_are_enough():
    run = made_run(
        tags={"reproduces": f" {'c' * 32} ", "git_commit": "AAAAAAA"}, metrics=METRICS | {"log_loss": 0.1000001}
    )
    assert failed(runs=[run]) == set()
