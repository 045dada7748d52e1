"""A cohort as pages that need nothing else: one with everything for the instructor, and one for each learner.

What learners wrote is cleaned and escaped wherever it is shown, no page runs a script or loads anything, and a
learner's page tells nothing of others, of integrity, or of why we could not grade.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from checker.errors import CheckerError
from checker.report.figures import ENOUGH, CheckFigures, Figures
from checker.report.ledger import Entry, Ledger
from checker.report.writing import whole
from checker.result import Row
from checker.store import Holder, Shared
from checker.text import clean, plural

if TYPE_CHECKING:
    from jinja2 import Environment

LONGEST_TEXT = 2000
# Marks that sit on a letter, more than two of them: piled up, they would cover the lines above and below.
PILE = re.compile("(?<=[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]{2})"
                  "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]+")  # fmt: skip
GROUPS_SHOWN = 300
SHARERS_SHOWN = 12
EXAMPLES_SHOWN = 3
ATTEMPTS_SHOWN = 50
LEVELS = 4


@dataclass(frozen=True)
class Cell:
    """One learner on one day: marks or a status; neither where nothing was handed in."""

    marks: float | None = None
    status: str = ""
    level: str = "none"
    late: float = 0.0
    open: bool = False
    newer: str = ""
    integrity: str = "ok"


@dataclass(frozen=True)
class Line:
    """One learner in the matrix, with the file of their page."""

    learner: str
    file: str
    cells: tuple[Cell, ...]
    total: float | None


@dataclass(frozen=True)
class Sharer:
    """A learner who has state that others have too: in which labs, and since when."""

    learner: str
    labs: tuple[str, ...]
    received: datetime


@dataclass
class Group:
    """Learners who share some state: the first of them, and what kinds of state, with a few values."""

    first: tuple[Sharer, ...]
    more: int
    count: dict[str, int] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many learners they are."""
        return len(self.first) + self.more

    @property
    def kinds(self) -> list[tuple[str, int]]:
        """The kinds of what is shared and how many of each, the most first."""
        return sorted(self.count.items(), key=lambda each: -each[1])


def write_pages(ledger: Ledger, folder: Path) -> Path:
    """Write the pages of a cohort into `folder` and return the path of the first one.

    Rows are read as they are needed; what is held is one small cell for each learner and lab.

    Raises:
        CheckerError: the folder cannot be written.
    """
    try:
        (folder / "learners").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckerError(
            f"{folder} cannot be made: {error.strerror}",
            expected="a folder that you can write",
            next_step="name another with `--html`",
        ) from error
    environment = _environment(ledger)
    figures = Figures()
    matrix = []
    for learner, entries in ledger.learners():
        for entry in entries:
            figures.add(entry)
        line = _line(ledger, learner, entries)
        matrix.append(line)
        _render(environment, "learner.html.j2", folder / "learners" / line.file, **_learner(ledger, line, entries))
    groups, unshown = _groups(ledger.store.shared())
    _render(
        environment,
        "index.html.j2",
        folder / "index.html",
        course=ledger.course.title,
        labs=_labs(ledger, figures.checks()),
        matrix=matrix,
        stuck=figures.stuck(),
        enough=ENOUGH,
        doubts=_doubts(ledger),
        shared=groups,
        unshown=unshown,
        undone=_undone(ledger),
    )
    return folder / "index.html"


def _environment(ledger: Ledger) -> Environment:
    import jinja2
    from markupsafe import Markup

    style = resources.files("checker.report").joinpath("templates", "style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    zone = ZoneInfo(ledger.settings.timezone)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("checker.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # No text reaches a page unless it passed here; what is markup was made by a filter or a macro of ours.
        finalize=lambda value: _shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
    )
    environment.filters |= {
        "marked": _marked,
        "moment": lambda moment: _moment(moment, zone),
        "number": lambda value: f"{round(value, 2):.10g}",
        "plural": plural,
        "share": lambda value: f"{100 * value:.0f}%",
        "short": _shown,
    }
    environment.globals |= {
        "style": Markup(style),  # noqa: S704 - a file of this package
        "style_hash": Markup(f"sha256-{digest}"),  # noqa: S704 - letters and digits
        "made": ledger.now,
        "zone": ledger.settings.timezone,
        "cohort": ledger.settings.name,
    }
    return environment


def _render(environment: Environment, template: str, path: Path, **values: Any) -> None:
    with whole(path) as file:
        file.writelines(environment.get_template(template).generate(**values))


def _shown(text: str, limit: int = LONGEST_TEXT) -> str:
    """Return `text` on one line of at most `limit` characters that stay in their place."""
    return clean(PILE.sub("", text[: limit * 4]), limit)


def _marked(text: str) -> str:
    """Return the text as markup, with what stands between backticks as code."""
    from markupsafe import Markup

    parts = _shown(text).split("`")
    if len(parts) % 2 == 0:
        # One without a partner, as where a text was cut, is a backtick.
        parts[-2:] = ["`".join(parts[-2:])]
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else part for number, part in enumerate(parts)
    )


def _moment(moment: datetime, zone: tzinfo) -> str:
    try:
        return f"{(moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(zone):%Y-%m-%d %H:%M}"
    except OverflowError:
        return moment.isoformat()


def _file(learner: str) -> str:
    """Return a file's name that is safe everywhere, and different for names that only look alike."""
    readable = re.sub(r"[^a-z0-9]+", "-", learner.lower())[:40].strip("-") or "learner"
    return f"{readable}-{hashlib.sha256(learner.encode('utf-8', 'backslashreplace')).hexdigest()[:12]}.html"


def _line(ledger: Ledger, learner: str, entries: list[Entry]) -> Line:
    mine = {(each.row.day, each.row.lab): each for each in entries}
    cells = tuple(_cell(ledger, mine.get((seen.day, seen.lab))) for seen in ledger.labs)
    return Line(learner, _file(learner), cells, ledger.total(learner, entries))


def _cell(ledger: Ledger, entry: Entry | None) -> Cell:
    if entry is None:
        return Cell()
    row, marks = entry.row, entry.marks
    newer = entry.newer.status if entry.newer and entry.newer.status != "graded" else ""
    if marks is None:
        return Cell(status="skipped" if row.status == "graded" else row.status, newer=newer)
    share = marks.final / marks.possible if marks.possible else 1.0
    level = "none" if marks.open else f"l{int(share * LEVELS + 1e-9)}"
    integrity = row.result.integrity if row.result else "ok"
    return Cell(ledger.scaled(entry), row.status, level, marks.lost, marks.open, newer, integrity)


def _labs(ledger: Ledger, checks: list[CheckFigures]) -> list[dict[str, Any]]:
    return [
        {
            "day": seen.day,
            "title": _title(ledger, seen.lab),
            "possible": seen.possible,
            "checks": [each for each in checks if (each.day, each.lab) == (seen.day, seen.lab)],
        }
        for seen in ledger.labs
    ]


def _title(ledger: Ledger, lab: str) -> str:
    return ledger.known[lab].title if lab in ledger.known else lab


def _learner(ledger: Ledger, line: Line, entries: list[Entry]) -> dict[str, Any]:
    labs = [
        {
            "day": each.row.day,
            "title": _title(ledger, each.row.lab),
            "entry": each,
            "due": ledger.due(each.row.day, each.row.lab, line.learner),
            "attempts": _attempts(ledger, each) if each.attempts > 1 else (),
        }
        for each in entries
    ]
    return {"learner": line.learner, "total": line.total, "labs": labs, "reveal": ledger.settings.reveal}


def _attempts(ledger: Ledger, entry: Entry) -> Iterator[dict[str, Any]]:
    """Yield the newest attempts, the oldest of them first."""
    too_many = max(0, entry.attempts - ATTEMPTS_SHOWN)
    for number, row in enumerate(ledger.store.attempts(entry.row.learner, entry.row.lab)):
        if number >= too_many:
            yield {"received": row.received, "status": row.status, "marks": ledger.marks(row)}


def _doubts(ledger: Ledger) -> Iterator[dict[str, Any]]:
    """Yield each reason to doubt, and whether the submission is the one that counts; then what is somebody else's."""
    for row, counts in ledger.store.doubtful():
        for doubt in row.result.doubts if row.result else ():
            yield {
                "learner": row.learner,
                "day": row.day,
                "level": doubt.level,
                "check": doubt.check,
                "reason": doubt.reason,
                "source": row.source,
                "received": row.received,
                "counts": counts,
            }
    days = {each.lab: each.day for each in ledger.labs}
    for copy in ledger.store.copies():
        yield {
            "learner": copy.learner,
            "day": days[copy.lab],
            "level": "suspect",
            "check": copy.kind,
            "reason": str(copy),
            "source": copy.lab,
            "received": copy.received,
            "counts": True,
        }


def _groups(found: Iterable[Shared]) -> tuple[list[Group], int]:
    """Return what groups of learners share, the smallest groups first, and how many pieces were left out."""
    groups: dict[bytes, Group] = {}
    left_out = 0
    for shared in found:
        holders = shared.holders
        names = "\0".join(sorted(f"{each.learner}\0{each.lab}" for each in holders))
        key = hashlib.sha256(names.encode()).digest()
        if key not in groups and len(groups) == GROUPS_SHOWN:
            left_out += 1
            continue
        if key not in groups:
            sharers = _sharers(holders)
            groups[key] = Group(sharers[:SHARERS_SHOWN], max(0, len(sharers) - SHARERS_SHOWN))
        group = groups[key]
        kind = shared.fingerprint.kind
        group.count[kind] = group.count.get(kind, 0) + 1
        if len(group.examples) < EXAMPLES_SHOWN:
            group.examples.append(shared.fingerprint.value)
    smallest_first = sorted(groups.values(), key=lambda each: (each.size, -sum(each.count.values())))
    return smallest_first, left_out


def _sharers(holders: Iterable[Holder]) -> tuple[Sharer, ...]:
    """Return the learners among `holders`, who come by time, each once."""
    mine: dict[str, list[Holder]] = {}
    for holder in holders:
        mine.setdefault(holder.learner, []).append(holder)
    return tuple(
        Sharer(learner, tuple(sorted(each.lab for each in held)), held[0].received) for learner, held in mine.items()
    )


def _undone(ledger: Ledger) -> Iterator[dict[str, Any]]:
    """Yield what was refused, ended in an error or is still open, also where earlier marks count."""
    for _, entries in ledger.learners():
        for entry in entries:
            for row, kept in ((entry.row, False), (entry.newer, entry.marks is not None)):
                status, reason = _why_undone(row)
                if row is not None and status:
                    yield {
                        "learner": row.learner,
                        "day": row.day,
                        "status": status,
                        "reason": reason,
                        "source": row.source,
                        "received": row.received,
                        "kept": kept,
                    }


def _why_undone(row: Row | None) -> tuple[str, str]:
    """Return the status and the reason of a row without a whole verdict; two empty texts of any other."""
    if row is None:
        return "", ""
    if row.status != "graded":
        return row.status, row.reason
    undecided = [check for check in row.result.checks if check.outcome == "error"] if row.result else []
    reasons = [f"`{check.name}`: {check.messages[0].found if check.messages else 'no verdict'}" for check in undecided]
    return ("open", "; ".join(reasons)) if reasons else ("", "")
