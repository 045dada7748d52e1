"""Services: what somebody's endpoint answered. The words in it are theirs, and may be anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from checker.errors import Failed
from checker.evidence.base import Record
from checker.evidence.foreign import ForeignText, mapping, number_of, parse_json, sequence
from checker.text import clean

MOST_REPLIES = 20
MOST_RELEASES = 200
MOST_CHANGES = 300
LONGEST = 100
LARGEST_TEXT = 64 << 10
Kind = Literal["health", "ready", "metrics", "predict", "refuse", "too-large", "other"]
Short = Annotated[str, Field(max_length=LONGEST)]
Text = Annotated[str, Field(max_length=LARGEST_TEXT)]


class Prediction(Record):
    """What a service says of one row."""

    transaction_id: str
    score: float


class Predictions(Record):
    """A whole answer to a request for predictions."""

    request_id: str
    name: str
    version: str
    predictions: tuple[Prediction, ...]


class Reply(Record):
    """The answer to one request, or the `problem`, which completes `it ...`.

    `about` says in words what was asked, to complete `for ...`, and `kind` of what kind it was; `rows` are the numbers
    of the rows that it was about, in order. Few of the `headers` are kept.
    """

    ask: str
    kind: Kind = "other"
    about: str = ""
    rows: tuple[int, ...] = ()
    status: int | None = None
    headers: dict[str, str] = {}
    text: str = ""
    problem: str | None = None

    @property
    def told(self) -> str:
        """The outcome in a few words: `the status is 500`, or what went wrong."""
        if self.problem:
            return f"it {clean(self.problem, 160)}"
        where = self.headers.get("location")
        return f"the status is {self.status}" + (f", and leads to `{clean(where, 80)}`" if where else "")

    @property
    def fine(self) -> bool:
        """Whether it is a whole answer with the status 200."""
        return self.problem is None and self.status == 200

    def predictions(self) -> Predictions | str:
        """Return the parsed answer, or why it is none, to complete `the answer ...`."""
        try:
            said = mapping(parse_json(self.text))
        except ForeignText as error:
            return f"is {clean(error, 120)}"
        model, request_id, listed = mapping(said.get("model")), said.get("request_id"), said.get("predictions")
        name, version = model.get("name"), model.get("version")
        if not isinstance(request_id, str) or not request_id:
            return "has no text `request_id`"
        if not isinstance(name, str) or not isinstance(version, str):
            return "has no `model` with the texts `name` and `version`"
        if not isinstance(listed, list):
            return "has no list `predictions`"
        found = [_prediction(mapping(each)) for each in sequence(listed)]
        if None in found:
            return f"has no text `transaction_id` and number `score` in `predictions[{found.index(None)}]`"
        whole = tuple(each for each in found if each is not None)
        return Predictions(request_id=request_id, name=name, version=version, predictions=whole)

    def samples(self) -> dict[str, list[tuple[dict[str, str], float]]]:
        """Return the samples of a page of metrics by their names; the check fails when it cannot be read."""
        from prometheus_client.parser import text_string_to_metric_families

        samples: dict[str, list[tuple[dict[str, str], float]]] = {}
        try:
            for family in text_string_to_metric_families(self.text):
                for sample in family.samples:
                    samples.setdefault(sample.name, []).append((dict(sample.labels), float(sample.value)))
        except Exception as error:
            raise Failed(
                f"what `/metrics` answers cannot be read: {clean(error, 120)}",
                expected="Prometheus' text format, one sample a line",
                next_step="let `prometheus_client.generate_latest()` write it",
            ) from error
        return samples


def _prediction(said: Mapping[str, Any]) -> Prediction | None:
    identity, score = said.get("transaction_id"), number_of(said.get("score"))
    return Prediction(transaction_id=identity, score=score) if isinstance(identity, str) and score is not None else None


class Load(Record):
    """How long answers took, `at_once` requests at a time: in each round the medians of the service and of the echo."""

    name: str
    at_once: int
    rounds: tuple[tuple[float, float], ...] = ()

    @property
    def ratio(self) -> float | None:
        """How many times as long as the echo it took, in the best round; None where nothing was measured."""
        return min((ours / max(theirs, 1e-4) for ours, theirs in self.rounds), default=None)


class Line(Record):
    """One line of a log of predictions: the JSON, or why it is none."""

    number: int
    said: dict[str, Any] = {}
    problem: str | None = None


class ServiceRun(Record):
    """One start of a learner's service, and what it answered.

    It was told the name and the `version` of a model. `rows` are what it was asked about, and `scores` what this model
    says of them by itself; `sent_ids` has the id of the asks that had one. `problem` says why nothing
    could be asked, `ended` why it did not stay to the last, to complete `it ...`; `printed` is the end of what it
    printed before it was asked anything.
    """

    service: str
    start: str
    name: str = ""
    version: str = ""
    rows: tuple[dict[str, float | int | str], ...] = ()
    scores: tuple[float, ...] = ()
    replies: tuple[Reply, ...] = ()
    sent_ids: dict[str, str] = {}
    loads: tuple[Load, ...] = ()
    log: tuple[Line, ...] | None = None
    ended: str = ""
    printed: str = ""
    problem: str | None = None

    def of(self, *kinds: Kind) -> tuple[Reply, ...]:
        """Return the replies of some kinds, in order."""
        return tuple(each for each in self.replies if each.kind in kinds)

    @property
    def why_nothing(self) -> str:
        """Why it was not asked, or the first reply that was not fine, in words."""
        said = next((each for each in self.replies if not each.fine), None)
        return self.problem or (f"{said.about}: {said.told}" if said else "nothing was answered")

    def reply(self, ask: str) -> Reply | None:
        """Return the last reply to what was asked under this name, or None where it was not."""
        return next((each for each in reversed(self.replies) if each.ask == ask), None)


class Release(Record):
    """A release of a deployment, as the platform wrote it down."""

    release: int = 0
    app: Short = ""
    model: Short = ""
    version: Short = ""
    code: Short = ""
    created: Short = ""


class Deployment(Record):
    """A deployment of the platform: `weights` says how many of 100 requests go to which release."""

    present: bool = False
    releases: Annotated[tuple[Release, ...], Field(max_length=MOST_RELEASES)] = ()
    weights: dict[Short, int] = {}
    shadow: int | None = None
    problem: Short | None = None

    @property
    def serving(self) -> tuple[Release, ...]:
        """The releases that get requests."""
        return tuple(each for each in self.releases if self.weights.get(str(each.release), 0) > 0)


class Change(Record):
    """A line of a deployment's journal: what was done, and how the requests were shared `before` and after it."""

    at: AwareDatetime | None = None
    event: Short = ""
    release: int | None = None
    weights: dict[Short, int] = {}
    before: dict[Short, int] = {}


class AnsweredText(Reply):
    """A reply that travels in a submission: bounded."""

    ask: Short
    about: Short = ""
    rows: Annotated[tuple[int, ...], Field(max_length=LONGEST)] = ()
    headers: Annotated[dict[Short, Annotated[str, Field(max_length=200)]], Field(max_length=5)] = {}
    text: Text = ""
    problem: Annotated[str, Field(max_length=200)] | None = None


class Endpoint(Record):
    """A deployment, the newest lines of its journal, oldest first, and what its address answered.

    All of it is a claim, since it is the learner's machine that tells it.
    """

    name: Short
    deployment: Deployment = Deployment()
    journal: Annotated[tuple[Change, ...], Field(max_length=MOST_CHANGES)] = ()
    replies: Annotated[tuple[AnsweredText, ...], Field(max_length=MOST_REPLIES)] = ()

    def reply(self, ask: str) -> Reply | None:
        """Return the reply to what was asked under this name, or None where it was not."""
        return next((each for each in self.replies if each.ask == ask), None)


class Endpoints(Record):
    """The deployments that a lab declares."""

    endpoints: Annotated[tuple[Endpoint, ...], Field(max_length=MOST_REPLIES)] = ()

    def get(self, name: str) -> Endpoint:
        """Return the endpoint of that name."""
        found = next((each for each in self.endpoints if each.name == name), None)
        if found is None:
            raise LookupError(f"endpoint {name!r} is not declared in course.yaml")
        return found


class EndpointScores(Record):
    """What the registered model says of the rows that a live endpoint was asked about."""

    endpoint: str
    name: str = ""
    version: str = ""
    scores: tuple[float, ...] = ()
