"""Day 10: why a colleague's run could not be made again, and that it can be made again now."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from checker.check import award, check, expect, fail
from checker.evidence import View
from checker.evidence.foreign import ForeignText, mapping, parse_json
from checker.evidence.mlflow import Run
from checker.evidence.proofs import CommandRun
from checker.text import clean, plural

EXPERIMENT, FINDINGS = "day10-strangers-run", "findings.csv"
COLUMNS = ("cause", "run_used", "evidence")
CAUSES = ("data", "parameter", "library", "seed", "order", "future")
PREDICTIONS, METRICS = "out/predictions.csv", "out/metrics.json"
MEASURED = ("average_precision", "log_loss")
CLOSE, ROUNDED = 1e-9, 1e-6
LARGEST_METRIC = 1e300
LARGE = 300_000
FEWEST_DIGITS = 6
MONTH = re.compile(r"2025-\d\d")


@check(points=2)
def causes_are_found(lab: View) -> dict[str, dict[str, str]]:
    """`findings.csv`, with the columns `cause`, `run_used` and `evidence`, has one row for each of the three causes,
    named as in the End state's table, and no other row (one mark where two of three rows are right).
    """
    step = f"write `{FINDINGS}` with the header `{','.join(COLUMNS)}` and three rows, as task 3 says"
    rows = [row for row in lab.files.read_csv(FINDINGS, COLUMNS, step) if any(row.values())]
    named = [row["cause"].strip().strip("`'\"").lower() for row in rows]
    unknown = [each for each in named if each not in CAUSES]
    expect(
        not unknown,
        found=f"the cause {clean(repr(unknown[0] if unknown else ''), 60)}",
        expected=f"one of the words {', '.join(CAUSES)}",
        next_step=f"mend the column `cause` in `{FINDINGS}`",
    )
    wanted = lab.prepared["causes"]
    hits = len(set(named) & set(wanted))
    if sorted(named) != sorted(wanted):
        if hits == len(wanted) - 1 and len(named) == len(wanted):
            award(1)
        twice = next((each for each in named if named.count(each) > 1), None)
        fail(
            found=f"`{twice}` stands there twice"
            if twice
            else f"{plural(len(named), 'cause')}, which are not the three",
            expected="exactly the three for which the run cannot be made again from the commit that you were given",
            next_step="change one thing at a time, and compare `out/predictions.csv` with the run's artifact: a cause "
            "is what makes a difference",
        )
    return dict(zip(named, rows, strict=True))


@check(points=1, needs=causes_are_found)
def causes_are_shown(lab: View, findings: dict[str, dict[str, str]]) -> None:
    """In each of these rows, `run_used` says what the run was made with, as the End state's table says, and `evidence`
    where you saw it, in a few words.
    """
    known = lab.prepared
    for cause, row in findings.items():
        told = row["run_used"]
        example, is_right = _USED[cause]
        expect(
            is_right(known, told),
            found=f"`{cause}`: the run used {clean(repr(told), 80)}",
            expected=f"what the run recorded, such as {example}",
            next_step="look at the run in MLflow again: parameters, datasets, and the artifacts `run.log` and "
            "`environment.txt`; in the file, put texts with commas into quotes",
        )
        expect(
            len(row["evidence"]) > 2,
            found=f"`{cause}`: the evidence {clean(repr(row['evidence']), 60)}",
            expected="where one sees it: a file, a parameter, a commit, an artifact",
            next_step=f"fill the column `evidence` in `{FINDINGS}`; put texts with commas into quotes",
        )


def _used_data(known: Mapping[str, Any], told: str) -> bool:
    right = known["md5"][known["corrected"]]
    words = re.findall(r"[0-9a-f]+", told.lower())
    return any(len(word) >= FEWEST_DIGITS and right.startswith(word) for word in words)


def _used_parameter(known: Mapping[str, Any], told: str) -> bool:
    name = known["overridden"]
    found = re.search(rf"{name}\W+(\d+)(?![\d.]*[1-9])", told)
    return found is not None and found[1].lstrip("0") == str(known["params"][name])


def _used_release(known: Mapping[str, Any], told: str) -> bool:
    return re.findall(r"\d+(?:\.\d+)+", told)[:1] == [str(known["release"])]


def _used_seed(known: Mapping[str, Any], told: str) -> bool:
    return str(known["params"]["seed"]) in re.findall(r"\d+", re.sub(r"(?<=\d)[_,](?=\d)", "", told))


def _used_order(known: Mapping[str, Any], told: str) -> bool:
    return MONTH.findall(told)[: len(known["months"])] == [*known["months"]]


def _used_until(known: Mapping[str, Any], told: str) -> bool:
    months = MONTH.findall(told)
    return known["known"] in (months[:1] + months[-1:]) or "2025-07-01" in told


_USED: dict[str, tuple[str, Callable[[Mapping[str, Any], str], bool]]] = {
    "data": ("`data/2025-02.csv 1b2c3d4e`: the MD5 sum of the file, six digits of it or more", _used_data),
    "parameter": ("`max_features=3`: name and value", _used_parameter),
    "library": ("`0.9.1`: the version", _used_release),
    "seed": ("`4711`: the number", _used_seed),
    "order": ("`2024-03 2024-01 2024-02`: the training months in the order in which they were read", _used_order),
    "future": ("`2024-11`: the last month whose payments the feature counted", _used_until),
}


@check(points=1)
def work_is_committed(lab: View) -> tuple[str, ...]:
    """The last git commit has your `findings.csv`, no file that it has was changed or deleted since, and your commits
    stand on top of the history that you were given, none of which is rewritten. None of them holds a month of data
    (`data/*.csv`) or another file of more than 300,000 bytes.
    """
    git = lab.git.require()
    given = lab.prepared["history"]
    own = len(git.commits) - len(given)
    begun = [commit.subject for commit in git.commits[-len(given) :]][::-1]
    expect(
        own >= 0 and begun == given,
        found="a history that does not begin with the commits that you were given",
        expected=f"your commits after `{given[-1]}`",
        next_step="run `git reflog`, go back with `git reset --hard` to the commit that you were given, and commit on "
        "top of it",
    )
    status = "run `git status`, `git add` what is missing, and `git commit`"
    expect(
        git.tracked(FINDINGS) is not None,
        found=f"`{FINDINGS}` is not in the last commit",
        expected="your findings beside what was mended",
        next_step=status,
    )
    expect(
        not git.modified,
        found=f"`{clean(git.modified[0] if git.modified else '', 120)}` differs from what the last commit has",
        expected="nothing that is not committed: what is only in your folder is what cannot be made again",
        next_step=status,
    )
    for commit, blob in git.everything():
        expect(
            not re.fullmatch(r"data/[^/]+\.csv", blob.path) and blob.size <= LARGE,
            found=f"commit {commit.sha[:8]} holds `{clean(blob.path, 120)}` with {plural(blob.size, 'byte')}",
            expected="pointers of DVC in git, and the data in DVC's cache and remote",
            next_step="go back to the commit before it with `git reset --soft`, leave the data out, and commit again",
        )
    return tuple(commit.sha for commit in git.commits[:own])


@check(points=1, needs=work_is_committed)
def data_are_those_of_the_run(lab: View, _: tuple[str, ...]) -> None:
    """The DVC pointers in the last commit name, for the months January to June, the bytes that the run read, and DVC's
    cache or its default remote has them.
    """
    git, dvc = lab.git.require(), lab.dvc.require()
    for path, md5 in lab.prepared["md5"].items():
        output = dvc.covering(path)
        mend = f"find the commit with `git log -p -- {path}.dvc`, then `git checkout COMMIT -- {path}.dvc`, "
        mend += f"`dvc pull {path}.dvc`, and commit"
        named = output.md5_of(path) if output else None
        expect(
            output is not None and named == md5 and git.tracked(output.source) is not None,
            found=f"the last commit names {clean(named[:8]) if named else 'nothing'} for `{path}`; the run's dataset "
            "has another digest",
            expected="the MD5 sum that the run recorded for that file",
            next_step=mend,
        )
        assert output is not None
        held = [each for each in (output.cache, output.remote) if each is not None and each.present]
        expect(
            any(path not in (*each.missing, *each.damaged) for each in held),
            found=f"neither the cache nor the default remote has `{path}` as it is tracked",
            expected="the bytes beside the pointer",
            next_step="run `dvc push`; `dvc status --cloud` compares the two",
        )


@check(points=2, needs=data_are_those_of_the_run)
def run_is_reproduced(lab: View, _: None) -> None:
    """In a folder with the files of the last commit and, in `data/`, the months as the run read them and July,
    `python -m fraudrun` writes `out/predictions.csv` and `out/metrics.json` with the scores and the metrics of the
    run, to within 1e-9. MLflow cannot be reached there, and nothing is installed.
    """
    _compare(lab, lab.proofs.command("run", "as-it-was"), "as-it-was")


@check(points=1, needs=run_is_reproduced)
def it_stays_reproduced(lab: View, _: None) -> None:
    """It writes the same when it is run once more after two newer releases of `riskkit` were laid into `vendor/` and
    the payments of August into `data/`.
    """
    _compare(lab, lab.proofs.command("run", "later"), "as-it-was", ", after August and newer releases came")


@check(points=1, needs=it_stays_reproduced)
def mended_code_still_learns(lab: View, _: None) -> None:
    """Given other payments in the files of the same names, it learns from those: it writes what the colleague's code
    would have written for them, made with the same parameters, seed, release, order and months.
    """
    _compare(lab, lab.proofs.command("run", "unseen"), "unseen", " for payments that nobody has seen")


def _compare(lab: View, run: CommandRun, case: str, when: str = "") -> None:
    right = _reference(lab, case)
    lines = [line.strip() for line in run.printed.splitlines() if line.strip()]
    expect(
        run.status == 0,
        found=f"`python -m fraudrun`{when} ends with status {run.status}: {clean(lines[-1] if lines else '', 200)}",
        expected="status 0, in a folder that has the files of your last commit and the data",
        next_step="clone your repository into another folder, run `dvc pull` there, and then the command",
    )
    wanted, found = _scores(right.outputs.get(PREDICTIONS, "")), _scores(run.outputs.get(PREDICTIONS, ""))
    expect(
        found.keys() == wanted.keys(),
        found=f"`{PREDICTIONS}`{when} has {plural(len(found), 'score')} by `transaction_id`",
        expected=f"{len(wanted)}, one for each payment of June, in the columns `transaction_id` and `score`",
        next_step="write the file as the code did that you were given",
    )
    apart = [abs(found[name] - score) for name, score in wanted.items() if not abs(found[name] - score) <= CLOSE]
    expect(
        not apart,
        found=f"{len(apart)} of {len(wanted)} scores differ from those of the run{when}"
        + (f", the largest by {max(apart):.2g}" if apart and all(map(math.isfinite, apart)) else ""),
        expected=f"the same scores, to within {CLOSE:g}",
        next_step="what the run depends on and the last commit does not say: change one thing at a time, and compare",
    )
    for name in MEASURED:
        one, two = _metric(run, name), _metric(right, name)
        expect(
            one is not None and two is not None and abs(one - two) <= CLOSE,
            found=f"`{METRICS}`{when} says {name} = {one}",
            expected=f"{name} = {two}, as the scores give it",
            next_step="write the file as the code did that you were given",
        )


def _reference(lab: View, case: str) -> CommandRun:
    """Return what the colleague's code gives. Where it gives nothing, that is not the learner's fault."""
    right = lab.proofs.find_command("reference", case)
    if right.problem or right.status:
        raise RuntimeError(f"the reference of case {case!r} could not be made: {right.problem or right.printed[-300:]}")
    return right


def _scores(text: str) -> dict[str, float]:
    """Return transaction -> score; empty where that cannot be read."""
    found: dict[str, float] = {}
    try:
        rows = [*csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))]
        for row in rows:
            found[row["transaction_id"]] = float(row["score"])
    except (csv.Error, KeyError, TypeError, ValueError):
        return {}
    return found if len(found) == len(rows) else {}


def _metric(run: CommandRun, name: str) -> float | None:
    try:
        value = mapping(parse_json(run.outputs.get(METRICS, ""))).get(name)
    except ForeignText:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LARGEST_METRIC:
        return None
    return float(value)


@check(points=1, needs=work_is_committed)
def reproduction_is_recorded(lab: View, own: tuple[str, ...]) -> None:
    """A finished run in the experiment `day10-strangers-run` records the reproduction: the tag `reproduces` has the id
    of the colleague's run and the tag `git_commit` the name of a commit of yours; it logs the parameters
    `n_estimators`, `max_depth`, `min_samples_leaf` and `seed`, and the metrics `average_precision` and `log_loss`, as
    the colleague's run was truly made and measured.
    """
    runs = lab.mlflow.runs(EXPERIMENT)
    colleagues = {run.run_id for run in runs if run.name == lab.prepared["run"]}
    tagged = [run for run in runs if "reproduces" in run.tags and run.status == "FINISHED"]
    expect(
        tagged,
        found="no finished run with the tag `reproduces`",
        expected="a run of yours that says which run it reproduces",
        next_step='write `with mlflow.start_run():` and in it `mlflow.set_tag("reproduces", RUN_ID)`, as task 5 shows',
    )
    faults = [_fault(lab, run, colleagues, own) for run in tagged]
    if "" not in [fault for fault, _, _ in faults]:
        found, expected, step = faults[0]
        fail(found=f"`{clean(tagged[0].name, 40) or 'run'}` ({clean(tagged[0].run_id[:8])}) {found}",
             expected=expected, next_step=step)  # fmt: skip


def _fault(lab: View, run: Run, colleagues: set[str], own: tuple[str, ...]) -> tuple[str, str, str]:
    """Return what is wrong with the record of a reproduction, what would be right, and what to do; or nothing."""
    named = run.tags["reproduces"].strip()
    if named not in colleagues - {run.run_id}:
        return f"reproduces {clean(repr(named), 60)}", "the id of the colleague's run", "`ticket.md` has the id"
    commit = run.tags.get("git_commit", "").strip().lower()
    if len(commit) < FEWEST_DIGITS or not any(sha.startswith(commit) for sha in own):
        return (
            f"has the tag `git_commit` = {clean(repr(commit), 60)}",
            "the name of a commit of yours that leads to the last one",
            "commit first, then log the run with the output of `git rev-parse HEAD`",
        )
    for name, value in lab.prepared["params"].items():
        if name != "months" and not _same(run.params.get(name), value, 0):
            return (
                f"logs {name} = {clean(repr(run.params.get(name)), 40)}",
                "the parameters with which the colleague's run was made",
                "log what your mended code really used, with `mlflow.log_params`",
            )
    right = _reference(lab, "as-it-was")
    for name in MEASURED:
        if not _same(run.metrics.get(name), _metric(right, name), ROUNDED):
            return (
                f"logs {name} = {run.metrics.get(name)}",
                f"{name} as the colleague's run has it",
                f"log what `{METRICS}` says after your mended run",
            )
    return "", "", ""


def _same(one: float | str | None, two: float | str | None, within: float) -> bool:
    if one is None or two is None:
        return False
    try:
        return abs(float(one) - float(two)) <= within
    except ValueError:
        return False
