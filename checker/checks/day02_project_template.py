"""Day 2: a package that does what it says, tests that would notice if it did not, and one command for all of it."""

from __future__ import annotations

import ast
import csv
import io
import math
import re
import tomllib
from collections.abc import Iterator
from datetime import datetime
from statistics import median
from typing import Any

from checker.check import award, check, expect, fail, suspect
from checker.checks.ranking import auc
from checker.evidence import View
from checker.evidence.files import FileRecord
from checker.evidence.foreign import ForeignText, mapping, parse_json, sequence
from checker.evidence.proofs import CommandRun
from checker.text import clean, plural

PACKAGE = "cardfraud"
NEEDED = ("pandas", "scikit-learn")
FUNCTIONS = {
    "select_month": ("data", ("transactions", "month")),
    "add_labels": ("data", ("transactions", "labels", "known_by")),
    "usual_amounts": ("features", ("transactions",)),
    "make_features": ("features", ("transactions", "usual")),
    "train_model": ("model", ("features", "labels", "seed")),
    "evaluate": ("model", ("labels", "flagged")),
}
COLUMNS = ("amount", "amount_to_usual", "hour", "weekday", "is_foreign", "card_present", "transactions_24h")
FAULTS = {
    "month-ends-early": "select_month",
    "month-ends-late": "select_month",
    "another-month": "select_month",
    "label-swapped": "add_labels",
    "label-by-position": "add_labels",
    "label-from-the-future": "add_labels",
    "known-a-day-late": "add_labels",
    "mean-for-median": "usual_amounts",
    "leaked-column": "make_features",
    "week-from-one": "make_features",
    "new-customer-is-nothing": "make_features",
    "another-model-each-time": "train_model",
    "trained-on-the-opposite": "train_model",
    "precision-for-recall": "evaluate",
}
ADVICE = {
    "select_month": "give it rows at the edges of a month: its first and last second, and the first of the next",
    "add_labels": "give it labels in another order than the rows, with days before, on and after `known_by`",
    "usual_amounts": "give it a customer with three payments, one of them huge, and write down what is usual",
    "make_features": "write down all columns and all values of one row that you worked out by hand; give it rows that "
    "have `is_fraud` already, and a customer that `usual` does not know",
    "train_model": "train twice with one seed and compare the scores; ask for the score of a plain fraud",
    "evaluate": "count by hand a case in which precision and recall differ",
}
CALM = ("again", "no-fault-copied", "no-fault-asked-twice")
TIERS = {11: 3, 9: 2, 7: 1}
"""So many faults noticed -> marks."""
LEAST_AUC = 0.7
KNOWN_BY = "2025-03-15"
HISTORY_ENDS = "2025-02-10"
MOMENTS = [
    ["2025-01-01T00:00:00", "2025-01-31T00:00:00", "2025-01-31T23:59:59"],
    ["2025-12-01T00:00:00", "2025-12-31T23:59:59"],
]
VERDICTS = [(1 / 2, 1 / 3), (0.0, 0.0), (0.0, 0.0), (1.0, 1.0)]
GENERATED = re.compile(r"(^|/)(__pycache__|\.pytest_cache|\.ruff_cache|\.venv|venv|[^/]+\.egg-info)/|\.pyc$|^data/")
MAKEFILES = ("Makefile", "makefile", "GNUmakefile")
PRYING = {"_getframe", "_current_frames", "meta_path", "path_hooks", "get_objects", "get_referrers", "get_referents"}
PRYING |= {"__closure__", "__code__", "__globals__", "__wrapped__", "getsource", "getsourcelines", "getclosurevars"}
PRYING |= {"currentframe", "settrace", "setprofile", "exec_module", "SourceFileLoader", "spec_from_file_location"}
PRYING_CALLS = {"exec", "compile", "eval", "__import__"}
PRYING_MODULES = {"ctypes", "dis", "gc", "marshal", "runpy"}
COPIED_LINES = 4


@check(points=1)
def project_is_described(lab: View) -> None:
    """`pyproject.toml` describes the project: under `[project]` the `name` `cardfraud`, a `version`, `requires-python`
    and `dependencies` that name `pandas` and `scikit-learn`.
    """
    step = "mend `[project]` in `pyproject.toml`"
    text = lab.files.read_text("pyproject.toml", "write `pyproject.toml`, as task 1 shows it for another package")
    try:
        project = mapping(mapping(tomllib.loads(text)).get("project"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        fail(found=f"`pyproject.toml` is no TOML: {clean(error, 120)}", expected="TOML", next_step=step)
    dynamic = [each for each in sequence(project.get("dynamic")) if isinstance(each, str)]
    name = project.get("name")
    expect(
        isinstance(name, str) and re.sub(r"[-_.]+", "-", name).lower() == PACKAGE,
        found=f"the name {clean(repr(name), 60)}",
        expected=f'`name = "{PACKAGE}"` under `[project]`',
        next_step=step,
    )
    for field in ("version", "requires-python"):
        value = project.get(field)
        expect(
            (isinstance(value, str) and any(character.isdigit() for character in value)) or field in dynamic,
            found=f"`{field}` is {clean(repr(value), 60)}" if field in project else f"no `{field}` under `[project]`",
            expected=f"a text such as `{field} = {'0.1.0' if field == 'version' else '>=3.11'!r}`",
            next_step=step,
        )
    listed = [each for each in sequence(project.get("dependencies")) if isinstance(each, str)]
    names = {re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", each.strip())[0]).lower() for each in listed}
    missing = [each for each in NEEDED if each not in names]
    expect(
        not missing or "dependencies" in dynamic,
        found=f"`dependencies` does not name {' and '.join(missing)}",
        expected="what the package imports, so that whoever installs it gets it",
        next_step='write `dependencies = ["pandas>=2.2", "scikit-learn>=1.5"]` under `[project]`',
    )


@check(points=1)
def package_is_importable(lab: View) -> dict[str, Any]:
    """In a folder that holds a copy of your `src/` and neither `data/` nor notebooks, `import cardfraud` works, and its
    modules have the six functions with the arguments that the End state's table names.
    """
    step = f"mend the package, then try `cd src && python -c 'import {PACKAGE}.data'`"
    run = lab.proofs.find_command("probe", "unseen")
    if run.problem == "none of the files is there that it needs":
        fail(found="no file in `src/`", expected=f"`src/{PACKAGE}/__init__.py` and its modules", next_step="do task 1")
    run = lab.proofs.command("probe", "unseen")
    try:
        found = mapping(parse_json(run.outputs.get("probe.json", "")))
    except ForeignText:
        fail(
            found=f"a program that uses the package did not come to its end: {_last_line(run)}",
            expected="modules that only define things when they are imported",
            next_step=step,
        )
    for name, (module, arguments) in FUNCTIONS.items():
        said = mapping(found.get(f"signature {name}"))
        listed = [each for each in sequence(said.get("value")) if isinstance(each, str)]
        expect(
            tuple(listed[: len(arguments)]) == arguments,
            found=f"`{PACKAGE}.{module}.{name}` takes the arguments ({clean(', '.join(listed), 120)})"
            if "value" in said
            else f"`{PACKAGE}.{module}.{name}` cannot be had: {clean(said.get('error', 'no answer'), 200)}",
            expected=f"`from {PACKAGE}.{module} import {name}`, and the arguments ({', '.join(arguments)}); a module "
            "reads no file when it is imported",
            next_step=step,
        )
    return found


@check(points=2, needs=package_is_importable)
def functions_do_what_they_say(lab: View, found: dict[str, Any]) -> None:
    """Given rows that you never saw, the six functions return what the End state's table says, and change none of their
    arguments.
    """
    run = lab.proofs.command("probe", "unseen")
    payments, labels = (list(csv.DictReader(io.StringIO(run.inputs[f"probe/{name}.csv"]))) for name in TABLES)
    _judge_months(found, payments)
    _judge_labels(found, payments[::3], labels)
    usual = _usual([row for row in payments if row["timestamp"] < HISTORY_ENDS])
    _judge_usual(found, _usual(payments[::2]))
    _judge_features(found, payments[1000:3500], usual)
    known = {row["transaction_id"]: row["is_fraud"] == "1" for row in labels}
    late = [known[row["transaction_id"]] for row in payments if row["timestamp"] >= "2025-03-01"]
    _judge_model(found, late)
    changed = [clean(each, 60) for each in sequence(found.get("changed"))]
    expect(
        not changed,
        found=f"after a call of `{', '.join(changed)}`, a table that it was given is another one",
        expected="arguments that stay as they were: the caller goes on using them",
        next_step="make a new table (`assign`, `copy`) where the function writes into its argument",
    )


TABLES = ("transactions", "labels")


@check(points=1, needs=package_is_importable)
def own_tests_pass(lab: View, _: dict[str, Any]) -> None:
    """In a copy of `pyproject.toml`, `Makefile`, `src/` and `tests/` (and settings of pytest and ruff, if you have
    files for them) alone, without `data/` and without the package being installed, `python -m pytest` passes, and
    passes again each time.
    """
    for doubt in _doubts(lab.files.records):
        suspect(doubt)
    plain = lab.proofs.command("tests", "plain")
    expect(
        plain.status == 0,
        found="no tests"
        if plain.status == 5
        else f"`python -m pytest` ends with status {plain.status}: {_last_line(plain)}",
        expected="status 0 in a fresh copy: tests that make their own small tables, and `pythonpath` set for `src`",
        next_step="write tests into `tests/test_*.py`"
        if plain.status == 5
        else "copy `pyproject.toml`, `src/` and `tests/` into an empty folder, and run `python -m pytest` there",
    )
    runs = [lab.proofs.command("tests", case) for case in CALM]
    failed = [run for run in runs if run.status != 0]
    expect(
        not failed,
        found=f"`python -m pytest` passed once, and failed in {len(failed)} of {len(runs)} more runs on functions that "
        f"return the same: {_last_line(failed[0]) if failed else ''}",
        expected="the same verdict each time: tests with fixed seeds that look at what functions return and no more",
        next_step="run `python -m pytest` ten times, and look for what draws at random or looks at the time",
    )


@check(points=3, needs=(functions_do_what_they_say, own_tests_pass))
def tests_catch_planted_faults(lab: View, *_: None) -> None:
    """Your tests fail when a fault is planted behind one of the six functions, as the End state says: of 14 faults,
    tried one at a time, they notice 11 or more (9 earn two marks, 7 one).
    """
    runs = {case: lab.proofs.find_command("tests", case) for case in FAULTS}
    unseen = [FAULTS[case] for case, run in runs.items() if run.problem or not run.status]
    endless = sum(run.problem is not None for run in runs.values())
    caught = len(FAULTS) - len(unseen)
    marks = next((marks for least, marks in TIERS.items() if caught >= least), 0)
    if marks == 3:
        return
    if marks:
        award(marks)
    counted = ", ".join(f"{unseen.count(each)} behind `{each}`" for each in FUNCTIONS if each in unseen)
    fail(
        found=f"{caught} of {len(FAULTS)} faults make your tests fail; unnoticed are {counted}"
        + (f"; {plural(endless, 'run')} did not come to an end" if endless else ""),
        expected=f"{max(TIERS)} or more",
        next_step=f"`{_most(unseen)}`: {ADVICE[_most(unseen)]}",
    )


@check(points=1, needs=own_tests_pass)
def one_command_checks_all(lab: View, _: None) -> None:
    """`make test` passes in such a copy; it fails when a module in `src/cardfraud/` imports what it does not use and
    uses a name that is not defined, and it fails when a new file `test_*.py` in `tests/` has a test that fails.
    """
    plain = lab.proofs.command("make", "plain")
    expect(
        plain.status == 0,
        found=f"`make test` ends with status {plain.status}: {_last_line(plain)}",
        expected="status 0: lint and tests pass; `python`, `pytest` and `ruff` are on PATH, and no network is there",
        next_step="write a target `test` into `Makefile` that runs `ruff check src tests` and `python -m pytest`, "
        "and mend what they find",
    )
    for case, planted, mend in (
        (
            "lint",
            "a module with an unused import and an undefined name",
            "let `test` run `ruff check src tests` with the rules F",
        ),
        ("red", "a failing test in a new file in `tests/`", "let `test` run `python -m pytest` on all of `tests/`"),
    ):
        run = lab.proofs.command("make", case)
        expect(
            run.status != 0,
            found=f"`make test` ends with status 0 in spite of {planted}",
            expected="a status that is not 0, since that is all that a build machine looks at",
            next_step=f"{mend}; no `-` before the command, and no `|| true` after it",
        )


@check(points=1)
def work_is_committed(lab: View) -> None:
    """The last git commit holds `pyproject.toml`, `Makefile` and every `.py` file in `src/` and `tests/`, each as it is
    now, and nothing of `data/`, no `__pycache__`, no cache of a tool and no virtual environment.
    """
    git = lab.git.require()
    step = "run `git status`, `git add` what is missing, and `git commit`"
    here = [record.path for record in lab.files.records]
    makefile = next((name for name in MAKEFILES if git.tracked(name)), MAKEFILES[0])
    wanted = dict.fromkeys(["pyproject.toml", makefile, *here])
    missing = [path for path in wanted if git.tracked(path) is None]
    expect(
        not missing,
        found=f"{plural(len(missing), 'file')} not in the last commit, such as "
        f"`{clean(missing[0] if missing else '', 120)}`",
        expected="the package, its tests, and how they are run, in one commit",
        next_step=step,
    )
    changed = [path for path in wanted if path in git.modified]
    expect(
        not changed,
        found=f"`{clean(changed[0] if changed else '', 120)}` differs from what the last commit holds",
        expected="nothing that is not committed",
        next_step=step,
    )
    stray = [blob.path for blob in git.head if GENERATED.search(blob.path)]
    expect(
        not stray,
        found=f"{plural(len(stray), 'file')} in the last commit that are data or were generated, such as "
        f"`{clean(stray[0] if stray else '', 120)}`",
        expected="only what people write",
        next_step="name `data/`, `__pycache__/` and the tools' caches in `.gitignore`, then `git rm -r --cached` them",
    )


def _last_line(run: CommandRun) -> str:
    lines = [line.strip(" =") for line in run.printed.splitlines()]
    return clean(next((line for line in reversed(lines) if line), "nothing was printed"), 200)


def _most(unseen: list[str]) -> str:
    return max(FUNCTIONS, key=unseen.count)


def _value(found: dict[str, Any], name: str, function: str) -> Any:
    """Return what the function answered; the check fails where it raised."""
    said = mapping(found.get(name))
    if "value" in said:
        return said["value"]
    return _wrong(function, f"ends with {clean(said.get('error', 'no answer'), 200)}", "an answer")


def _wrong(function: str, found: str, expected: str) -> Any:
    fail(
        found=f"`{function}` {found}",
        expected=expected,
        next_step=f"write a test that fails for this, then mend `{function}` in "
        f"`src/{PACKAGE}/{FUNCTIONS[function][0]}.py`",
    )


def _table(value: Any) -> tuple[list[Any], list[dict[str, Any]]]:
    """Return the columns and the rows of a table that the probe wrote down."""
    columns = [each if isinstance(each, str) else "" for each in sequence(mapping(value).get("columns"))]
    rows = [dict(zip(columns, sequence(row), strict=False)) for row in sequence(mapping(value).get("rows"))]
    return columns, rows


def _close(one: Any, two: float) -> bool:
    number = isinstance(one, (int, float)) and abs(one) < 1e15
    return number and math.isclose(one, two, rel_tol=1e-6, abs_tol=1e-6)


def _ids(rows: list[dict[str, Any]]) -> list[Any]:
    return [row.get("transaction_id") for row in rows]


def _judge_months(found: dict[str, Any], payments: list[dict[str, str]]) -> None:
    name = "select_month"
    moments = _value(found, "moments", name)
    for month, got, right in zip(("2025-01", "2025-12"), _two(moments), MOMENTS, strict=True):
        if got != right:
            _wrong(
                name,
                f"returns for {month} the moments {clean(', '.join(map(str, sequence(got))), 160) or 'none'}",
                f"{', '.join(right)}: a month goes from its first to its last second, and timestamps stay as they were",
            )
    columns, rows = _table(_value(found, "month", name))
    right_ids = [row["transaction_id"] for row in payments if row["timestamp"].startswith("2025-02")]
    if _ids(rows) != right_ids or columns != list(payments[0]):
        _wrong(
            name,
            f"returns {plural(len(rows), 'row')} and the columns {clean(', '.join(columns), 120)} for 2025-02",
            f"the {plural(len(right_ids), 'row')} of that month, in their order and with the columns that they had",
        )


def _two(value: Any) -> list[Any]:
    return [*sequence(value), None, None][:2]


def _judge_labels(found: dict[str, Any], payments: list[dict[str, str]], labels: list[dict[str, str]]) -> None:
    name = "add_labels"
    known = {row["transaction_id"]: int(row["is_fraud"]) for row in labels if row["known_on"] <= KNOWN_BY}
    right = [row["transaction_id"] for row in payments if row["transaction_id"] in known]
    columns, rows = _table(_value(found, "labelled", name))
    if _ids(rows) != right:
        _wrong(
            name,
            f"returns {plural(len(rows), 'row')} for the day {KNOWN_BY}",
            f"the {plural(len(right), 'row')} whose label was known on that day or before, in their order",
        )
    wrong = sum(not _close(row.get("is_fraud"), known[row["transaction_id"]]) for row in rows)
    if wrong:
        _wrong(
            name,
            f"gives {plural(wrong, 'row')} of {len(rows)} another label than `labels` has for their id",
            "`is_fraud` of the row with the same `transaction_id`, in whatever order the labels come",
        )
    if set(columns) != {*payments[0], "is_fraud"} or len(columns) != len(set(columns)):
        _wrong(
            name,
            f"returns the columns {clean(', '.join(columns), 200)}",
            "those of the transactions and `is_fraud`; `known_on` is of a later day, and does not come along",
        )


def _usual(payments: list[dict[str, str]]) -> dict[str, float]:
    amounts: dict[str, list[float]] = {}
    for row in payments:
        amounts.setdefault(row["customer_id"], []).append(float(row["amount"]))
    return {customer: median(each) for customer, each in amounts.items()}


def _judge_usual(found: dict[str, Any], right: dict[str, float]) -> None:
    usual = mapping(_value(found, "usual", "usual_amounts"))
    wrong = sum(not _close(usual.get(customer), amount) for customer, amount in right.items())
    if wrong or len(usual) != len(right):
        _wrong(
            "usual_amounts",
            f"has {plural(len(usual), 'customer')}, and another amount for {wrong} of the {len(right)} that there are",
            "the median amount of each customer in the rows that it is given",
        )


def _judge_features(found: dict[str, Any], payments: list[dict[str, str]], usual: dict[str, float]) -> None:
    name = "make_features"
    columns, rows = _table(_value(found, "features", name))
    if tuple(columns) != COLUMNS:
        _wrong(
            name,
            f"returns the columns {clean(', '.join(columns), 200)} for rows that have `is_fraud` and `known_on`",
            f"exactly {', '.join(COLUMNS)}",
        )
    if len(rows) != len(payments):
        _wrong(name, f"returns {plural(len(rows), 'row')} for {len(payments)}", "one row for each transaction")
    for row, payment in zip(rows, payments, strict=True):
        for column, right in zip(COLUMNS, _features(payment, usual), strict=True):
            if not _close(row.get(column), right):
                new = "" if payment["customer_id"] in usual else ", by a customer that `usual` does not know"
                _wrong(
                    name,
                    f"says {column} = {clean(repr(row.get(column)), 40)} of a payment of {payment['amount']} at "
                    f"{payment['timestamp']}, {payment['channel']}, {payment['country']}{new}",
                    f"{column} = {right:g}, and the rows in the order in which they came",
                )


def _features(payment: dict[str, str], usual: dict[str, float]) -> Iterator[float]:
    moment, amount = datetime.fromisoformat(payment["timestamp"]), float(payment["amount"])
    yield amount
    yield amount / usual.get(payment["customer_id"], amount)
    yield moment.hour
    yield moment.weekday()
    yield payment["country"] != "AT"
    yield payment["channel"] in ("chip", "contactless")
    yield float(payment["transactions_24h"])


def _judge_model(found: dict[str, Any], frauds: list[bool]) -> None:
    name = "train_model"
    first, second = _two(_value(found, "scores", name))
    scores = [each for each in sequence(first) if isinstance(each, (int, float)) and abs(each) < 1e15]
    if len(scores) != len(frauds) or first != second:
        _wrong(
            name,
            "gives two models with different scores for one seed" if len(scores) == len(frauds) else "gives no scores",
            "a classifier with `predict_proba`, the same for the same seed: hand `seed` on as `random_state`",
        )
    area = auc(scores, frauds) or 0.0
    if area < LEAST_AUC:
        _wrong(
            name,
            f"gives a model that puts a fraud above an honest payment in {area:.0%} of all pairs",
            f"{LEAST_AUC:.0%} or more, in the second column of `predict_proba`; a coin has 50%",
        )
    verdicts = [mapping(each) for each in sequence(_value(found, "verdicts", "evaluate"))]
    for said, (precision, recall) in zip(verdicts + [{}] * len(VERDICTS), VERDICTS, strict=False):
        if not (_close(said.get("precision"), precision) and _close(said.get("recall"), recall)):
            _wrong(
                "evaluate",
                f"returns {clean(said, 120)}",
                f"precision {precision:.3f} and recall {recall:.3f}: hits by alarms, and hits by frauds; 0 where there "
                "are no alarms, or no frauds",
            )


def _doubts(records: tuple[FileRecord, ...]) -> Iterator[str]:
    """Say what looks behind the functions instead of at what they return: also in the package, for the tests' sake."""
    trees = {record.path: _parsed(record.text or "") for record in records if record.path.endswith(".py")}
    own = {body for path, tree in trees.items() if path.startswith("src/") for body in _bodies(tree)}
    for path, tree in trees.items():
        if tools := sorted(set(_prying(tree))):
            yield f"`{clean(path, 120)}` looks behind functions ({clean(', '.join(tools), 120)})"
        if not path.startswith("src/") and own & set(_bodies(tree)):
            yield f"`{clean(path, 120)}` holds a copy of a function of the package, and may compare it with itself"


def _parsed(text: str) -> ast.AST:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def _bodies(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= COPIED_LINES:
            without = node.body[1:] if ast.get_docstring(node) else node.body
            if without and without[-1].end_lineno - without[0].lineno + 1 >= COPIED_LINES - 1:  # type: ignore[operator]
                yield "\n".join(map(ast.dump, without))


def _prying(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in PRYING:
            yield node.attr
        elif isinstance(node, ast.Name) and node.id in PRYING | PRYING_CALLS:
            yield node.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in PRYING:
            yield node.value
        elif isinstance(node, ast.ImportFrom):
            names = {each.name for each in node.names} & PRYING
            yield from names | ({(node.module or "").split(".")[0]} & PRYING_MODULES)
        elif isinstance(node, ast.Import):
            yield from {each.name.split(".")[0] for each in node.names} & PRYING_MODULES
