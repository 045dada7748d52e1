"""`%check` in a notebook: the verdict as a table, made in another process so that the kernel stays as it is."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from checker.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

LONGEST = 600
CODE = re.compile("`([^`]+)`")


def register(shell: InteractiveShell) -> None:
    """Give the notebook `%check` and `%check DAY`."""
    shell.register_magic_function(_check, "line", "check")


def _check(line: str) -> None:
    """Grade the workspace that this notebook lies in, or the days that are named."""
    from IPython.display import display

    display(Verdict(*_grade(line.split())))


def _grade(days: list[str]) -> tuple[list[dict[str, Any]], str]:
    """Return the results, or none and the reason in words."""
    command = [sys.executable, "-m", "checker", "grade", *days, "--format", "json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
    except subprocess.TimeoutExpired:
        return [], f"grading took longer than {LONGEST} seconds"
    try:
        return json.loads(done.stdout)["results"], ""
    except (ValueError, KeyError, TypeError):
        return [], done.stderr.strip() or "grading gave no answer"


class Verdict:
    """The results of `%check`, as HTML in a notebook and as text elsewhere."""

    def __init__(self, results: list[dict[str, Any]], problem: str = "") -> None:
        self.results = results
        self.problem = problem

    def __repr__(self) -> str:
        """Return the verdict as text."""
        if self.problem:
            return self.problem
        lines = []
        for result in self.results:
            lines.append(f"Day {result['day']}: {result['title']}: {_marks(result)}")
            for check in result["checks"]:
                lines.append(f"  {check['outcome']:<8} {_earned(check)} {check['name']}: {check['description']}")
                for message in check["messages"]:
                    lines += [f"{'':>12}{name}: {message[key]}" for name, key in _PARTS if message[key]]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from html import escape

        if self.problem:
            return f"<pre>{escape(self.problem)}</pre>"
        return "".join(
            _table(result, lambda text: CODE.sub(r"<code>\1</code>", escape(text))) for result in self.results
        )


_PARTS = (("found", "found"), ("expected", "expected"), ("next", "next_step"))


def _marks(result: dict[str, Any]) -> str:
    if result["outcome"] == "skipped":
        return f"skipped: {clean(result['skipped'] or 'all of it needs another profile')}"
    doubt = "" if result["integrity"] == "ok" else f", integrity: {result['integrity']}"
    return f"{result['earned']:g} of {result['possible']:g} marks{doubt}"


def _earned(check: dict[str, Any]) -> str:
    """Return `2/3`; of a skipped check, which counts nowhere, `-/3`."""
    return f"{'-' if check['outcome'] == 'skipped' else format(check['earned'], 'g')}/{check['points']:g}"


def _table(result: dict[str, Any], shown: Callable[[str], str]) -> str:
    rows = []
    for check in result["checks"]:
        notes = []
        for message in check["messages"]:
            notes += [f"<b>{name}:</b> {shown(message[key])}" for name, key in _PARTS if message[key]]
        said = f"<br><small>{'<br>'.join(notes)}</small>" if notes else ""
        asked = f"<code>{shown(check['name'])}</code>: {shown(check['description'])}"
        rows.append(
            f"<tr><td style='text-align:left'><b>{check['outcome']}</b></td>"
            f"<td style='text-align:right'>{_earned(check)}</td>"
            f"<td style='text-align:left'>{asked}{said}</td></tr>"
        )
    caption = f"Day {result['day']}: {shown(result['title'])}: {shown(_marks(result))}"
    left = "scope='col' style='text-align:left'"
    head = f"<tr><th {left}>outcome</th><th scope='col'>marks</th><th {left}>check</th></tr>"
    doubts = "".join(f"<p><b>{shown(each['level'])}:</b> {shown(each['reason'])}</p>" for each in result["doubts"])
    return (
        f"<table><caption style='text-align:left'>{caption}</caption><thead>{head}</thead>"
        f"<tbody>{''.join(rows)}</tbody></table>{doubts}"
    )
