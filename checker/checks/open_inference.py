"""What labs ask of a server of the Open Inference Protocol: its form, and its answers against what the model says."""

from __future__ import annotations

from collections.abc import Sequence

from checker.checks.scoring_service import CLOSE
from checker.evidence.inference import Inference, Tensor, read_inference
from checker.evidence.services import Reply, ServiceRun
from checker.text import clean, plural

MODEL = "card-fraud"
"""The model's name in the protocol."""
OUTPUT, DATATYPE = "score", "FP64"


def answer_of(reply: Reply) -> Inference | str:
    """Return the parsed answer, or what is wrong with it as a sentence without its end."""
    if not reply.fine:
        return reply.told
    answer = read_inference(reply)
    return answer if isinstance(answer, Inference) else f"the answer {answer}"


def wrong_form(reply: Reply, rows: int) -> str:
    """Return what keeps an answer from being one about so many rows; empty where nothing does."""
    answer = answer_of(reply)
    if isinstance(answer, str):
        return answer
    if answer.name != MODEL:
        return f"the `model_name` is `{clean(answer.name, 60)}`"
    found = answer.output(OUTPUT)
    if found is None:
        names = ", ".join(f"`{clean(each.name, 40)}`" for each in answer.outputs[:5])
        return f"there is no output `{OUTPUT}`" + (f", but {names}" if names else "")
    return _wrong_output(found, rows)


def _wrong_output(found: Tensor, rows: int) -> str:
    if found.datatype != DATATYPE:
        return f"the output `{OUTPUT}` has the datatype {clean(found.datatype, 20)}"
    if found.data is None:
        return f"the output `{OUTPUT}` has no list of numbers `data`"
    if found.shape not in ((rows,), (rows, 1)) or len(found.data) != rows:
        return (
            f"the output `{OUTPUT}` has the shape {list(found.shape)} and {plural(len(found.data), 'number')} for "
            f"{plural(rows, 'row')}"
        )
    return ""


def wrong_answer(reply: Reply, scores: Sequence[float], version: str) -> str:
    """Return what is wrong with an answer about rows with these scores; empty where nothing is."""
    if wrong := wrong_form(reply, len(scores)):
        return wrong
    answer = answer_of(reply)
    assert not isinstance(answer, str)
    found = answer.output(OUTPUT)
    given = (found.data or ()) if found else ()
    far = [number for number, each in enumerate(given) if not abs(each - scores[number]) <= CLOSE]
    if far:
        return (
            f"{len(far)} of {plural(len(given), 'score')} {'is' if len(far) == 1 else 'are'} not the model's: "
            f"{given[far[0]]:.6g} instead of {scores[far[0]]:.6g}, for example"
        )
    if answer.version != version:
        told = f"`{clean(answer.version, 40)}`" if answer.version else "missing"
        return f"the `model_version` is {told}; the model is of version `{clean(version, 40)}`"
    return ""


def wrong_in(run: ServiceRun, replies: Sequence[Reply]) -> tuple[Reply, str] | None:
    """Return the first of some replies that is not what the model says, and how; None where all are."""
    for reply in replies:
        if wrong := wrong_answer(reply, [run.scores[number] for number in reply.rows], run.version):
            return reply, wrong
    return None
