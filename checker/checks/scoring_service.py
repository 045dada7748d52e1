"""What labs ask of a service that scores payments: its answers against what the model itself says."""

from __future__ import annotations

from collections.abc import Sequence

from checker.evidence.services import Predictions, Reply, ServiceRun
from checker.text import clean, plural

CLOSE = 1e-6


def answer_of(reply: Reply) -> Predictions | str:
    """Return the parsed answer, or what is wrong with it as a sentence without its end."""
    if not reply.fine:
        return reply.told
    answer = reply.predictions()
    return answer if isinstance(answer, Predictions) else f"the answer {answer}"


def wrong_form(reply: Reply, ids: Sequence[str]) -> str:
    """Return what keeps an answer from being one about rows with these ids; empty where nothing does."""
    answer = answer_of(reply)
    if isinstance(answer, str):
        return answer
    told = [each.transaction_id for each in answer.predictions]
    if len(told) != len(ids):
        return f"the answer has {plural(len(told), 'prediction')} for {plural(len(ids), 'row')}"
    strange = next((each for each, own in zip(told, ids, strict=True) if each != own), None)
    return "" if strange is None else f"the prediction of `{clean(strange, 60)}` is not at the place of its row"


def wrong_answer(reply: Reply, ids: Sequence[str], scores: Sequence[float], name: str, version: str) -> str:
    """Return what is wrong with an answer about rows with these ids and scores; empty where nothing is."""
    if wrong := wrong_form(reply, ids):
        return wrong
    answer = answer_of(reply)
    assert not isinstance(answer, str)
    told = [each.score for each in answer.predictions]
    far = [number for number, each in enumerate(told) if not abs(each - scores[number]) <= CLOSE]
    if far:
        return (
            f"{len(far)} of {plural(len(told), 'score')} {'is' if len(far) == 1 else 'are'} not the model's: "
            f"{told[far[0]]:.6g} instead of {scores[far[0]]:.6g}, for example"
        )
    if (answer.name, answer.version) != (name, version):
        return (
            f"the answer says that it is of `{clean(answer.name, 60)}`, version `{clean(answer.version, 40)}`; it is "
            f"of `{clean(name, 60)}`, version `{clean(version, 40)}`"
        )
    return ""


def ids_of(run: ServiceRun, reply: Reply) -> list[str]:
    """Return the ids of the rows that a reply is about."""
    return [str(run.rows[number]["transaction_id"]) for number in reply.rows]


def wrong_in(run: ServiceRun, replies: Sequence[Reply]) -> tuple[Reply, str] | None:
    """Return the first of some replies that is not what the model says, and how; None where all are."""
    for reply in replies:
        scores = [run.scores[number] for number in reply.rows]
        if wrong := wrong_answer(reply, ids_of(run, reply), scores, run.name, run.version):
            return reply, wrong
    return None
