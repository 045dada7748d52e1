"""Run the checks of a lab over its evidence. Knows no system, no workspace and no clock but its own."""

from __future__ import annotations

import contextvars
import importlib
import queue
import threading
import time
import traceback
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from checker.check import Attempt, Check, begin
from checker.course import Lab
from checker.errors import CheckerError, Failed, Unavailable
from checker.evidence import Evidence, View
from checker.profiles import command
from checker.result import CheckResult, Doubt, LabResult, Message
from checker.text import clean


def load_checks(lab: Lab) -> tuple[Check, ...]:
    """Return the checks of `lab` in the order in which they are written."""
    module = importlib.import_module(f"checker.checks.{lab.module_name}")
    return tuple(value for value in vars(module).values() if isinstance(value, Check))


def run_checks(lab: Lab, checks: Iterable[Check], evidence: Evidence) -> LabResult:
    """Run `checks` in order, each after those it needs, and return the verdict.

    A check for a profile on which the evidence was not collected is skipped.

    A check that raises anything but a failure ends as `error`; it never earns and never ends the others.
    """
    done: dict[Check, tuple[CheckResult, Any]] = {}
    doubts: list[Doubt] = []
    view = View(evidence)

    def run(check: Check) -> tuple[CheckResult, Any]:
        if check not in done and not check.possible_on(evidence.profile, evidence.overlay):
            done[check] = (_skipped(check, evidence), None)
        if check not in done:
            needed = [run(each) for each in check.needs]
            open_ones = [result for result, _ in needed if result.outcome != "passed"]
            if open_ones:
                done[check] = (_blocked(check, open_ones[0]), None)
            else:
                result, value, attempt = _run_one(check, view, [value for _, value in needed])
                doubts.extend(
                    Doubt(level=level, check=check.name, reason=clean(reason)) for level, reason in attempt.doubts
                )
                done[check] = (result, value)
        return done[check]

    results = tuple(run(check)[0] for check in checks)
    return LabResult(
        day=lab.day,
        lab=lab.name,
        title=lab.title,
        workspace_id=evidence.workspace.workspace_id,
        learner=evidence.workspace.learner,
        graded=datetime.now(UTC),
        checks=results,
        doubts=tuple(doubts),
    )


def _run_one(check: Check, view: View, values: list[Any]) -> tuple[CheckResult, Any, Attempt]:
    """Run one check under its time limit, in a thread of its own."""
    attempt = Attempt(check.points)
    answers: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

    def work() -> None:
        begin(attempt)
        try:
            answers.put((check.function(view, *values), None))
        except BaseException as error:
            answers.put((None, error))

    started = time.perf_counter()
    threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True).start()
    try:
        value, error = answers.get(timeout=check.seconds)
    except queue.Empty:
        value, error = None, _too_slow(check)
    result = _judge(check, attempt, error)
    return result.model_copy(update={"seconds": round(time.perf_counter() - started, 4)}), value, attempt


def _judge(check: Check, attempt: Attempt, error: BaseException | None) -> CheckResult:
    failures = [*attempt.failures]
    if isinstance(error, AssertionError):
        error = Failed(str(error) or "it does not hold", expected=check.description)
    if isinstance(error, Failed):
        failures.append(error)
    elif error is not None:
        return _result(check, "error", 0.0, [_explain(check, error)])
    earned = attempt.earned if attempt.partial or failures else check.points
    if attempt.partial and not failures and earned < check.points - 1e-9:
        unearned = f"{earned:g} of {check.points:g} marks"
        failures.append(Failed(unearned, expected=check.description))
    return _result(check, "failed" if failures else "passed", earned, failures)


def _result(check: Check, outcome: Any, earned: float, problems: list[Any]) -> CheckResult:
    messages = tuple(
        Message(found=clean(each.found), expected=clean(each.expected), next_step=clean(each.next_step))
        for each in problems
    )
    return CheckResult(
        name=check.name,
        description=check.description,
        outcome=outcome,
        points=check.points,
        earned=earned,
        messages=messages,
    )


def _blocked(check: Check, first: CheckResult) -> CheckResult:
    """A check that was not run, because `first` did not pass; names the one at the root of it."""
    root = first.blocked_by or first.name
    message = Message(
        found=f"`{root}` comes first and did not pass",
        expected=f"`{root}` passed",
        next_step=f"do what `{root}` says, then check again",
    )
    return CheckResult(
        name=check.name,
        description=check.description,
        outcome="blocked",
        points=check.points,
        messages=(message,),
        blocked_by=root,
    )


def _skipped(check: Check, evidence: Evidence) -> CheckResult:
    """A check that can only be made elsewhere."""
    here = f"`{evidence.profile}`" + (f" with the overlay `{evidence.overlay}`" if evidence.overlay else "")
    there = f"`{check.profile}`" + (f" with the overlay `{check.overlay}`" if check.overlay else "")
    message = Message(
        found=f"your platform has the profile {here}; the check costs you nothing there",
        expected=f"the profile {there}, for whoever wants these marks too",
        next_step=f"`{command(check.profile, check.overlay)}`, do the part on the cluster, then check again",
    )
    return CheckResult(
        name=check.name,
        description=check.description,
        outcome="skipped",
        points=check.points,
        messages=(message,),
    )


def _too_slow(check: Check) -> CheckerError:
    return Unavailable(
        f"the check took longer than {check.seconds:g} seconds",
        expected="an answer in time",
        next_step="close other programs and check again; if it stays so, report it: it is not your fault",
    )


def _explain(check: Check, error: BaseException) -> CheckerError:
    if isinstance(error, CheckerError):
        return error
    last = traceback.extract_tb(error.__traceback__)[-1] if error.__traceback__ else None
    where = f" at {last.filename.rsplit('/', 1)[-1]}:{last.lineno}" if last else ""
    return Unavailable(
        f"the check `{check.name}` itself is broken: {type(error).__name__}: {error}{where}",
        expected="a verdict",
        next_step="it costs you no marks; report this line to the course",
    )
