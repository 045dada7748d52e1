"""Forged records of MLflow and words of notebooks: what a learner may claim, how much of it, and what comes of it."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from checker.archive import Refused
from checker.evidence import Evidence, Identity
from checker.evidence.files import Files
from checker.evidence.foreign import ForeignText, parse_json, parse_yaml
from checker.evidence.mlflow import MOST_MODELS, MOST_RUNS, Mlflow
from checker.evidence.notebook import Notebooks
from checker.evidence.proofs import Proofs, Score
from checker.fingerprints import fingerprints
from checker.prove.notebooks import Trial, _output
from checker.report.live import line
from checker.report.table import _safe
from checker.result import Row
from checker.runner import load_checks, run_checks
from checker.submission import thaw
from tests.security.test_archive import TRACKED, build, experiment, tracked
from tests.support import COURSE

STARTED = datetime(2026, 1, 1, tzinfo=UTC)
HOSTILE = [
    "'; DROP TABLE attempt; --",
    "<script>alert(1)</script>",
    '=HYPERLINK("http://x")',
    "\x1b]0;owned\x07\x1b[2J",
    "a\u202eb\u2066c",
    "a\r\nday 8: 10/10 marks",
    "`rm -rf /`; $(touch pwned)",
    "../../../../etc/passwd",
    "[x](javascript:alert(1))",
    "{{7*7}}{% raw %}",
    "x" * 400_000,
]


def verdict(runs, models=(), scores=()):
    experiments = [{"name": "day08-baseline", "present": True, "runs": runs, "models": list(models)}]
    lab = COURSE.find("8")
    evidence = Evidence(
        workspace=Identity(lab=lab.name, learner="mallory", workspace_id="0" * 32, seed=7, started=STARTED),
        files=Files(),
        mlflow=Mlflow.model_validate({"experiments": experiments}),
        proofs=Proofs(scores=tuple(scores)),
    )
    return run_checks(lab, load_checks(lab), evidence), evidence


def run(number=0, **changes):
    start = (STARTED + timedelta(hours=1)).isoformat()
    known = {"run_id": f"{number:032x}", "status": "FINISHED", "started": start, "metrics": {"valid_f1": 0.9}}
    return known | changes


def model(number=0, **changes):
    made = {"model_id": f"m-{number}", "status": "LOGGED_MODEL_READY", "source_run_id": f"{number:032x}"}
    made |= {"created": (STARTED + timedelta(hours=2)).isoformat(), "files": [{"path": "MLmodel", "size": 9}]}
    return made | {"flavors": ["python_function"], "has_signature": True} | changes


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_in_records_are_shown_and_not_obeyed(text):
    """As the name, the id, the status, a param, a tag: in messages, on the terminal and in a table."""
    runs = [run(n, run_id=text + str(n), name=text, params={text: text}, tags={"stage": text}) for n in range(3)]
    models = [model(n, source_run_id=text + str(n), name=text, flavors=[text], problem=text) for n in range(3)]
    for result, evidence in (verdict(runs, models), verdict([run(status="FAILED", name=text)])):
        assert result.integrity == "ok"
        assert {check.outcome for check in result.checks} <= {"passed", "failed", "blocked"}
        row = Row(
            learner=text[:200], day=8, lab=TRACKED, source=text[:200], digest="0", received=STARTED, status="graded",
            result=result, fingerprints=fingerprints(evidence),
        )  # fmt: skip
        said = [line(row), *(str(each) for check in result.checks for each in check.messages)]
        assert all(each.isprintable() and len(each) < 3000 for each in said)
        assert _safe(text)[:1] not in "=+-@"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e308, -1e308, 1e-320, -0.0])
def test_numbers_that_are_none_earn_nothing(value):
    runs = [run(n, metrics={"valid_f1": value, "x": value}, params={"n": str(n)}) for n in range(3)]
    result, evidence = verdict(runs, [model(n) for n in range(3)])
    outcomes = {check.name: check.outcome for check in result.checks}
    assert outcomes["three_runs"] == ("passed" if abs(value) < 1e300 else "failed")
    assert "passed" not in {outcome for name, outcome in outcomes.items() if name not in ("three_runs", "models_kept")}
    json.loads(result.model_dump_json())
    fingerprints(evidence)


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "1970-01-01T00:00:00+23:59", None]
)
def test_times_that_cannot_be_are_no_error(moment):
    result, _ = verdict([run(n, started=moment, ended=moment) for n in range(3)], [model(created=moment)])
    assert result.outcome == "failed"


def test_invented_scores_and_models_that_learned_the_answers_are_found():
    """The claim must be what the model has on `valid`, and hold on rows that nobody saw."""
    runs = [run(n, params={"n": str(n)}) for n in range(3)]
    models = [model(n) for n in range(3)]
    good = {"tp": 9, "fp": 1, "fn": 1, "tn": 89, "rows": 100}
    bad = {"tp": 1, "fp": 9, "fn": 9, "tn": 81, "rows": 100}
    for valid, holdout, refused in ((bad, good, "logged_score_is_real"), (good, bad, "score_holds_up")):
        scores = [
            Score(model_id=each["model_id"], table=table, **numbers, answers=f"{each['model_id']}{table}")
            for each in models
            for table, numbers in (("valid", valid), ("holdout", holdout))
        ]
        result, _ = verdict(runs, models, scores)
        outcomes = {check.name: check.outcome for check in result.checks}
        assert outcomes[refused] == "failed"


def test_as_many_records_as_there_may_be_are_judged_in_no_time():
    runs = [run(n, params={f"p{k}": str(n) for k in range(20)}) for n in range(MOST_RUNS)]
    began = time.monotonic()
    result, _ = verdict(runs, [model(n) for n in range(MOST_MODELS)])
    assert time.monotonic() - began < 5
    assert "error" not in {check.outcome for check in result.checks}


@pytest.mark.parametrize("extra", [{"runs": [run()] * (MOST_RUNS + 1)}, {"models": [model()] * (MOST_MODELS + 1)}])
def test_more_records_than_are_ever_collected_are_refused(tmp_path, extra):
    """Ten thousand runs typed by hand would keep a check busy until it is called our error, which costs nothing."""
    with pytest.raises(Refused, match="records"):
        thaw(build(tmp_path, tracked(experiment(**extra))), tmp_path / "into", COURSE.find)


SECRET = "1234.56 rows of month 2"
SAYINGS = [
    {"problem": f"code cell 3 ends with ValueError: {SECRET}"},
    {"problem": f"code cell 3 ends with {SECRET.replace(' ', '')}: x"},
    {"problem": f"it did not answer within 5 seconds {SECRET}"},
    {"problem": f"it ended its process before it answered: {SECRET}"},
    {"problem": SECRET},
    {"problem": [SECRET]},
    {"output": json.dumps({"f1": SECRET, "rows": {"x": [SECRET]}})},
    {"output": SECRET},
    {"output": [SECRET]},
    [SECRET],
    SECRET,
    None,
]


@pytest.mark.parametrize("said", SAYINGS)
def test_what_a_notebook_says_of_hidden_rows_is_not_handed_on(said):
    """A notebook that is given held-out rows could put them into an error, and so onto its learner's page."""
    output, problem = _output(said, "out", Trial({}, {}, {}, hidden=True))
    assert "1234.56" not in f"{json.dumps(output)}{problem}"
    assert output is not None or problem


def test_of_ones_own_rows_everything_is_told():
    trial = Trial({}, {}, {}, hidden=False)
    assert _output(SAYINGS[0], "out", trial) == (None, SAYINGS[0]["problem"])
    assert _output({"output": '{"f1": "x"}'}, "out", trial) == ({"f1": "x"}, None)
    told = _output(SAYINGS[0], "out", Trial({}, {}, {}, hidden=True))[1]
    assert told.startswith("code cell 3 ends with ValueError; its words are kept back")
    for words in ("it did not answer within 120 seconds", "it took 5000 MiB of memory"):
        assert _output({"problem": f"{words}, more"}, "out", Trial({}, {}, {}, hidden=True))[1] == words


def test_numbers_come_through_as_they_are():
    said = {"output": '{"f1": 0.123456789012345678, "rows": 9000, "test_rows": [1, 2.0, true, null]}'}
    output, _ = _output(said, "out", Trial({}, {}, {}, hidden=True))
    assert output == {"f1": 0.12345678901234568, "rows": 9000, "test_rows": [1, 2.0, True, None]}


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (parse_json, "[" + "{}," * 300_000 + "{}]"),
        (parse_json, "[" * 200_000),
        (parse_json, "9" * 100_000),
        (parse_yaml, "x: [" + "{}," * 300_000 + "]"),
        (parse_yaml, "{a: " * 100_000),
        (parse_yaml, "a: &a [x]\nb: *a"),
        (parse_yaml, "!!python/object/apply:os.system [id]"),
        (parse_yaml, "- " * 300_000),
        (parse_yaml, "? " * 300_000),
        (parse_yaml, "a: !!timestamp 9999-99-99"),
        (parse_yaml, "0x" + "f" * 900_000),
    ],
    ids=lambda each: each.__name__ if callable(each) else each[:12],
)
def test_texts_that_would_fill_the_memory_or_the_day_are_refused_soon(read, text):
    began = time.process_time()
    try:
        read(text)
    except ForeignText as error:
        assert str(error).isprintable()
    assert time.process_time() - began < 3


def test_honest_texts_are_read():
    assert parse_yaml("outs:\n- md5: 0\n  path: é\n")["outs"][0]["path"] == "é"
    assert len(parse_json(json.dumps([[1, {}]] * 100_000))) == 100_000
    assert Notebooks().records == ()
