"""Rows of a cohort that never was, for the tests of the reports."""

import random
from datetime import UTC, datetime, timedelta

from checker.marks import CohortSettings
from checker.report.ledger import Ledger
from checker.result import CheckResult, Doubt, Fingerprint, LabResult, Message, Past, Row
from checker.runner import load_checks
from checker.store import Store
from tests.support import COURSE

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SETTINGS = CohortSettings(name="Spring cohort", starts="2026-03-01")
MESSAGE = Message(
    found="`data/raw/2025-03.csv` has 2,113 rows", expected="the month as it came", next_step="run `dvc checkout`"
)


def check(name, outcome="passed", points=2.0, earned=None, **more):
    earned = (points if outcome == "passed" else 0.0) if earned is None else earned
    described = {"description": f"The sentence of {name}.", **more}
    return CheckResult(name=name, outcome=outcome, points=points, earned=earned, **described)


def row(learner="ada", day=3, *checks, status="graded", digest="d1", received=NOON, doubts=(), **more):
    lab = next(lab for lab in COURSE.labs if lab.day == day)
    result = None
    if status == "graded":
        result = LabResult(
            day=day, lab=lab.name, title=lab.title, learner=learner, graded=received,
            checks=checks or (check("a"), check("b")), doubts=doubts,
        )  # fmt: skip
    elif "reason" not in more:
        more["reason"] = "its archive ends in the middle"
    return Row(
        learner=learner, day=day, lab=lab.name, source=f"submitted/{learner}/{lab.name}", digest=digest,
        received=received, status=status, result=result, **more,
    )  # fmt: skip


def filled(path, rows, version="1"):
    store = Store(path)
    run = store.begin("all")
    for each in rows:
        store.add(run, each, version)
    store.finish(run)
    return store


def ledger(store, settings=SETTINGS, now=datetime(2026, 4, 1, tzinfo=UTC), roster=()):
    return Ledger(store, COURSE, settings, now, roster)


def cohort(learners, seed=1):
    """Yield the rows of a whole cohort: able and less able, late, stuck, doubtful, refused, broken."""
    chance = random.Random(seed)
    for number in range(learners):
        learner, able = f"learner{number:03d}@example.org", chance.random()
        for lab in COURSE.ready:
            at = NOON + timedelta(days=lab.day - 1, hours=chance.choice([0, 2, 5, 40]))
            fate = chance.random()
            prints = [Fingerprint(kind="run", value=f"{number:04x}{lab.day:02x}beef")]
            if number in (4, 5):
                prints.append(Fingerprint(kind="run", value="7f3c00aa11"))
            more = {"digest": f"{learner}{lab.day}", "received": at, "fingerprints": tuple(prints)}
            if fate < 0.04:
                continue
            if fate < 0.07:
                yield row(learner, lab.day, status="refused", **more)
            elif fate < 0.09:
                yield row(learner, lab.day, status="error", reason="MLflow did not answer in time", **more)
            else:
                doubts = ()
                if fate > 0.97:
                    reason = "the run `b1c2` was logged before its workspace was made"
                    doubts = (Doubt(level=chance.choice(["suspect", "tampered"]), check="logged", reason=reason),)
                yield row(learner, lab.day, *_checks(lab, able, chance), doubts=doubts, past=_past(chance), **more)


def _checks(lab, able, chance):
    blocked = None
    for place, each in enumerate(load_checks(lab)):
        if blocked:
            yield check(each.name, "blocked", each.points, description=each.description, blocked_by=blocked)
        elif chance.random() < 0.45 + 0.6 * able - 0.05 * place:
            yield check(each.name, "passed", each.points, description=each.description)
        else:
            earned = chance.choice([0.0, 0.0, each.points / 2])
            yield check(each.name, "failed", each.points, earned, description=each.description, messages=(MESSAGE,))
            blocked = each.name if place < 2 else None


def _past(chance):
    return tuple(
        Past(number=n, graded=NOON, earned=n, possible=10, outcomes={"a": "failed"}) for n in range(chance.randrange(4))
    )
