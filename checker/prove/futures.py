"""The futures that a rollout is confronted with: what comes in at each call, and how two releases answer it.

Everything is dealt from decks: of each hundred requests so many go to the candidate, so many fail and so many are
answered otherwise, in an order drawn from the key. So what is true of a future is true of each of its samples, and no
controller that keeps to the contract is unlucky.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from checker.evidence.rollouts import CANDIDATE, CHAMPION, SHADOW

DECK = 100
CHANNELS = ("chip",) * 22 + ("contactless",) * 30 + ("online",) * 40 + ("phone",) * 8
"""The channels of a hundred requests."""
TAIL = 12
"""Of a hundred answers of a release that is slow for some, so many are."""
ENOUGH, FULL = 1.2, 1.2
"""How many times the requests, or the labels, that the plan asks for are there where they are enough."""
FRAUDS = 10
BLOCKED = 10
TEXT = 12
Plan = Mapping[str, Any]

CAREFUL: Plan = {
    "shadow": {"requests": 180},
    "steps": [20, 35, 50],
    "requests": 200,
    "guardrails": {
        "errors": 0.08,
        "errors_in_channel": 0.25,
        "channel_requests": 12,
        "latency": 1.6,
        "disagreement": 0.3,
    },
    "experiment": {"payments": 600, "confidence": 0.95, "missed_fraud": 20, "false_alarm": 4},
}
BOLD: Plan = {
    "shadow": {"requests": 210},
    "steps": [25, 50],
    "requests": 230,
    "guardrails": {
        "errors": 0.07,
        "errors_in_channel": 0.3,
        "channel_requests": 14,
        "latency": 3.0,
        "disagreement": 0.32,
    },
    "experiment": {"payments": 640, "confidence": 0.95, "missed_fraud": 20, "false_alarm": 4},
}


@dataclass(frozen=True)
class Answers:
    """How a release answers a hundred requests.

    `fails` of them fail, and of those by phone the share `phone_fails` besides; `early` requests at the beginning hold
    that many failures more. `times` is how many times as long it takes, `tail` that for some. Of ten frauds it misses
    `misses`, of the honest payments it stops `alarms`; `lead` says that the first of them turn out better than that.
    """

    fails: int = 0
    phone_fails: float = 0.0
    early: tuple[int, int] = (0, 0)
    times: float = 1.0
    tail: float = 1.0
    misses: float = 8
    alarms: int = 3
    lead: bool = False


@dataclass(frozen=True)
class Tick:
    """What is new before a call: requests, as a share of what the plan asks for there; and labels, as a share of those
    that it asks for. `wanted` is where the rollout has to stand after the call: a step by its number from 1.

    `busy` is how many times as long all answers take.
    """

    requests: float = ENOUGH
    labels: float = 0.0
    wanted: str | int = 0
    champion: Answers = Answers()
    candidate: Answers = Answers(misses=3, alarms=4)
    busy: float = 1.0
    differs: int = 8


@dataclass(frozen=True)
class Future:
    """A plan, and what comes."""

    plan: Plan
    ticks: tuple[Tick, ...]


def _through(plan: Plan, *last: Tick, **everywhere: Any) -> Future:
    """A future in which a candidate comes to the last step; what is like that everywhere, and what comes there."""
    steps = len(plan["steps"])
    first = tuple(Tick(wanted=number + 1, **everywhere) for number in range(steps))
    return Future(plan, (*first, *last))


GOOD = Answers(misses=3, alarms=4)
FEW_FAIL, SOME_FAIL = Answers(fails=1), replace(GOOD, fails=1)
EVEN = Answers(misses=7)
CAUTIOUS, LAX = Answers(misses=4, alarms=16), Answers(misses=8, alarms=0)
LUCKY = Answers(misses=6, alarms=2, lead=True)
OVER = Tick(requests=0.2)

FUTURES: dict[str, Future] = {
    "good": _through(CAREFUL, Tick(labels=FULL, wanted=CANDIDATE), replace(OVER, wanted=CANDIDATE, labels=FULL)),
    "busy": Future(
        BOLD,
        (
            Tick(wanted=1, champion=FEW_FAIL, candidate=replace(SOME_FAIL, times=1.7)),
            Tick(wanted=2, champion=FEW_FAIL, candidate=replace(SOME_FAIL, times=1.7)),
            Tick(wanted=2, busy=5, champion=replace(FEW_FAIL, fails=9), candidate=replace(GOOD, fails=9, times=1.7)),
            Tick(
                requests=0.5,
                labels=FULL,
                wanted=CANDIDATE,
                busy=5,
                champion=replace(FEW_FAIL, fails=9),
                candidate=replace(GOOD, fails=9, times=1.7),
            ),
        ),
    ),
    "few": Future(
        BOLD,
        (
            Tick(requests=0.5, wanted=SHADOW),
            Tick(requests=0.65, wanted=1),
            Tick(requests=0.4, wanted=1, candidate=replace(GOOD, early=(60, 9))),
            Tick(requests=0.8, wanted=2),
            Tick(requests=0.2, wanted=2),
        ),
    ),
    "differs": Future(
        CAREFUL,
        (Tick(wanted=CHAMPION, differs=45), replace(OVER, wanted=CHAMPION)),
    ),
    "failing": Future(BOLD, (Tick(wanted=CHAMPION, candidate=replace(GOOD, fails=25)),)),
    "load": Future(
        CAREFUL,
        (
            Tick(wanted=1),
            Tick(wanted=2),
            Tick(wanted=CHAMPION, candidate=replace(GOOD, fails=16)),
            replace(OVER, wanted=CHAMPION),
        ),
    ),
    "slice": Future(CAREFUL, (Tick(wanted=1), Tick(wanted=CHAMPION, candidate=replace(GOOD, phone_fails=0.6)))),
    "slow": Future(
        BOLD,
        (
            Tick(wanted=1),
            Tick(wanted=2),
            Tick(wanted=CHAMPION, candidate=replace(GOOD, tail=9)),
        ),
    ),
    "worse": _through(
        BOLD,
        Tick(labels=FULL, wanted=CHAMPION, champion=CAUTIOUS, candidate=LAX, differs=20),
        champion=CAUTIOUS,
        candidate=LAX,
        differs=20,
    ),
    "equal": _through(
        CAREFUL,
        Tick(wanted=3, champion=EVEN, candidate=LUCKY),
        Tick(requests=0.2, labels=0.44, wanted=3, champion=EVEN, candidate=LUCKY),
        Tick(requests=0.2, labels=FULL, wanted=CHAMPION, champion=EVEN, candidate=LUCKY),
        champion=EVEN,
        candidate=LUCKY,
    ),
}
"""Name -> what is to come; see `RolloutProof` for how they are told apart in a lab."""


@dataclass
class Chunk:
    """What one call finds that is new: lines of the log, all labels so far (None where there are none), the time."""

    log: bytes
    labels: bytes | None
    clock: datetime
    wanted: str


@dataclass
class _Payment:
    identity: str
    arm: int
    fraud: int


@dataclass
class Story:
    """A future as it is dealt from a seed: its releases, the time at which it begins, and its chunks."""

    future: Future
    draw: random.Random
    begins: datetime
    champion: int
    candidate: int
    experiment: list[_Payment] = field(default_factory=list)

    def chunks(self) -> Iterator[Chunk]:
        """Yield what is new before each call; where the rollout stands, is known from what was wanted before."""
        stands: str = SHADOW
        arms = {0: _Deck(self.draw), 1: _Deck(self.draw)}
        for number, tick in enumerate(self.future.ticks):
            starts = self.begins + timedelta(minutes=10 * number + 1)
            last = stands == str(self.future.plan["steps"][-1])
            lines = [*self._lines(tick, stands, starts, arms, keep=last)]
            labels = self._labels(tick) if tick.labels else None
            wanted = tick.wanted if isinstance(tick.wanted, str) else str(self.future.plan["steps"][tick.wanted - 1])
            ends = starts + timedelta(minutes=8)
            yield Chunk("".join(f"{json.dumps(line)}\n" for line in lines).encode(), labels, ends, wanted)
            if wanted != stands:
                arms = {0: _Deck(self.draw), 1: _Deck(self.draw)}
            stands = wanted

    def before(self) -> bytes:
        """Return the log of the time before the rollout: the champion, and a release that is gone."""
        lines = []
        for number in range(80):
            moment = self.begins - timedelta(hours=30) + timedelta(minutes=number)
            release = self.champion - 1 if number < 40 else self.champion
            deck = _Deck(self.draw)
            lines.append(self._line(moment, release, self._request(), "online", deck.next(Answers(), 1.0)))
        return "".join(f"{json.dumps(line)}\n" for line in lines).encode()

    def _lines(
        self, tick: Tick, stands: str, starts: datetime, arms: Mapping[int, _Deck], *, keep: bool
    ) -> Iterator[dict[str, Any]]:
        plan = self.future.plan
        weight = int(stands) if stands.isdecimal() else 0
        wanted = plan["shadow"]["requests"] if stands == SHADOW else plan["requests"]
        if keep:
            wanted = max(wanted, plan["experiment"]["payments"])
        count = round(tick.requests * wanted * (DECK / weight if weight else 1))
        step = timedelta(minutes=7) / max(1, count)
        routed, channels = _Cards(self.draw), _Cards(self.draw)
        same = _Cards(self.draw)
        release = {0: self.champion, 1: self.candidate}
        for number in range(count):
            moment, request = starts + number * step, self._request()
            channel = CHANNELS[channels.next()]
            if stands == SHADOW:
                one, two = self._pair(tick, arms, same.next(), channel)
                yield self._line(moment, self.champion, request, channel, one)
                if number % 97 != 5:
                    yield self._line(moment + timedelta(milliseconds=2), self.candidate, request, channel, two)
                continue
            arm = int(routed.next() < weight) if weight else int(stands == CANDIDATE)
            answers = (tick.champion, tick.candidate)[arm]
            told = arms[arm].next(answers, tick.busy, channel)
            if keep:
                self.experiment.append(_Payment(request, arm, told["fraud"]))
            yield self._line(moment, release[arm], request, channel, told)

    def _pair(
        self, tick: Tick, arms: Mapping[int, _Deck], card: int, channel: str
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The answers of both to the same request: `differs` of a hundred are others, and both stop as many."""
        one = arms[0].next(tick.champion, tick.busy, channel)
        two = arms[1].next(tick.candidate, tick.busy, channel) | {"amount": one["amount"]}
        half = tick.differs // 2
        blocked = max(BLOCKED, half)
        one["stops"] = card < blocked
        two["stops"] = half <= card < blocked + half
        return one, two

    def _labels(self, tick: Tick) -> bytes:
        """Which of the payments of the last step were fraud, as far as it is known: the first ones of each release."""
        enough = round(tick.labels * self.future.plan["experiment"]["payments"])
        seen = [0, 0]
        lines = ["transaction_id,is_fraud"]
        for payment in self.experiment:
            seen[payment.arm] += 1
            if seen[payment.arm] <= enough:
                lines.append(f"t-{payment.identity},{payment.fraud}")
        return "\n".join([*lines, ""]).encode()

    def _request(self) -> str:
        return f"{self.draw.randrange(1 << 4 * TEXT):0{TEXT}x}"

    @staticmethod
    def _line(moment: datetime, release: int, request: str, channel: str, told: Mapping[str, Any]) -> dict[str, Any]:
        """As the service writes it."""
        line = {
            "at": moment.isoformat(timespec="milliseconds"),
            "release": release,
            "request_id": request,
            "transaction_id": f"t-{request}",
            "channel": channel,
            "amount": told["amount"],
            "status": 500 if told["fails"] else 200,
            "score": None,
            "decision": None,
            "milliseconds": told["milliseconds"],
        }
        if not told["fails"]:
            stops = told["stops"]
            line |= {"score": told["score"] if stops else 1 - told["score"], "decision": "block" if stops else "pass"}
        return line


class _Cards:
    """Some cards, shuffled anew each time that they are used up."""

    def __init__(self, draw: random.Random, many: int = DECK) -> None:
        self._draw, self._many, self._left = draw, many, list[int]()

    def next(self) -> int:
        if not self._left:
            order = [self._draw.random() for _ in range(self._many)]
            self._left = sorted(range(self._many), key=order.__getitem__)
        return self._left.pop()


class _Deck:
    """The answers of one release while the traffic stays as it is."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._failing, self._slow, self._time, self._truth, self._amount = (_Cards(draw) for _ in range(5))
        self._missed = _Cards(draw, 2 * FRAUDS)
        self._count, self._phone = 0, 0

    def next(self, answers: Answers, busy: float, channel: str = "") -> dict[str, Any]:
        """The next answer."""
        self._count += 1
        fails = self._failing.next() < answers.fails
        if channel == "phone":
            self._phone += 1
            share = answers.phone_fails
            fails = fails or int(self._phone * share) > int((self._phone - 1) * share)
        within, many = answers.early
        fails = fails or (self._count <= within and int(self._count * many / max(1, within))
                          > int((self._count - 1) * many / max(1, within)))  # fmt: skip
        slow = self._slow.next() < TAIL
        took = (4.0 + 6.0 * (self._time.next() / DECK) ** 3) * busy * answers.times * (answers.tail if slow else 1.0)
        card = self._truth.next()
        fraud = card < FRAUDS
        missed = fraud and self._missed.next() < 2 * self._misses(answers)
        stops = not missed if fraud else card >= DECK - answers.alarms
        return {
            "fails": fails,
            "milliseconds": round(took, 3),
            "amount": round(5.0 + 0.4 * self._amount.next() + self._draw.randrange(40) / 100, 2),
            "fraud": int(fraud),
            "stops": stops,
            "score": round(0.5 + 0.49 * self._draw.random(), 4),
        }

    def _misses(self, answers: Answers) -> float:
        """How many of ten frauds are missed now; who has a lead loses it in the end."""
        if not answers.lead:
            return answers.misses
        later = (answers.misses * FULL_ARM - LED * LEAD) / (FULL_ARM - LEAD)
        return LED if self._count <= LEAD else later


LED = 1.0
"""Of ten frauds, so many are missed by a release that has a lead."""
LEAD = round(0.44 * CAREFUL["experiment"]["payments"])
FULL_ARM = round(FULL * CAREFUL["experiment"]["payments"])


def story(name: str, draw: random.Random, begins: datetime) -> Story:
    """Deal a future."""
    champion = draw.randrange(2, 9)
    return Story(FUTURES[name], draw, begins, champion, champion + draw.randrange(1, 4))


def plan_text(plan: Plan, draw: random.Random) -> str:
    """Return rollout.yaml, its parts in some order."""
    parts: Sequence[str] = draw.sample([*plan], len(plan))
    return json.dumps({name: plan[name] for name in parts}, indent=2) + "\n"
