"""JUnit XML, as continuous integration reads it: a suite for each lab, a case for each check."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from checker.result import CheckResult, Report
from checker.text import clean


def to_junit(report: Report) -> str:
    """Return the report as JUnit XML; checks that are blocked or skipped and skipped labs are `skipped`."""
    root = ET.Element("testsuites", name="checker")
    for result in report.results:
        outcomes = [check.outcome for check in result.checks]
        suite = ET.SubElement(
            root,
            "testsuite",
            name=result.lab,
            timestamp=result.graded.isoformat(),
            tests=str(len(outcomes) or 1),
            failures=str(outcomes.count("failed")),
            errors=str(outcomes.count("error")),
            skipped=str(outcomes.count("blocked") + outcomes.count("skipped") + (result.skipped is not None)),
            time=f"{sum(check.seconds for check in result.checks):.3f}",
        )
        properties = ET.SubElement(suite, "properties")
        for name, value in (
            ("earned", result.earned),
            ("possible", result.possible),
            ("integrity", result.integrity),
        ):
            ET.SubElement(
                properties,
                "property",
                name=name,
                value=f"{value:g}" if isinstance(value, float) else str(value),
            )
        if result.skipped is not None:
            case = ET.SubElement(suite, "testcase", classname=result.lab, name=result.lab)
            ET.SubElement(case, "skipped", message=result.skipped)
        for check in result.checks:
            _case(suite, result.lab, check)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(suite: ET.Element, lab: str, check: CheckResult) -> None:
    case = ET.SubElement(suite, "testcase", classname=lab, name=check.name, time=f"{check.seconds:.3f}")
    if check.outcome == "passed":
        return
    tag = {"failed": "failure", "error": "error", "blocked": "skipped", "skipped": "skipped"}[check.outcome]
    first = check.messages[0] if check.messages else None
    ending = ET.SubElement(case, tag, message=clean(first.found if first else check.outcome))
    ending.text = "\n".join(
        f"found: {each.found}\nexpected: {each.expected}\nnext: {each.next_step}" for each in check.messages
    )
