"""Answers in the Open Inference Protocol, version 2, as REST has it. The words in them are somebody else's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from checker.evidence.base import Record
from checker.evidence.foreign import ForeignText, mapping, number_of, parse_json, sequence
from checker.evidence.services import Reply
from checker.text import clean

DEEPEST = 4
"""Levels of lists in the data of a tensor that are looked into."""
LARGEST_ANSWER = 256 << 10


class Described(Record):
    """A tensor as the metadata of a model describes it."""

    name: str
    datatype: str
    shape: tuple[int, ...]


class Metadata(Record):
    """What a server says of a model."""

    name: str
    platform: str
    inputs: tuple[Described, ...]
    outputs: tuple[Described, ...]


class Tensor(Record):
    """A tensor in an answer; `data` row by row, however it was nested, and None where it is no list of numbers."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: tuple[float, ...] | None = None


class Inference(Record):
    """An answer to a request for inference."""

    name: str
    version: str
    id: str | None
    outputs: tuple[Tensor, ...]

    def output(self, name: str) -> Tensor | None:
        """Return the output of that name, or None."""
        return next((each for each in self.outputs if each.name == name), None)


def read_object(reply: Reply) -> dict[str, Any] | str:
    """Return the JSON object that was answered, or why it is none, to complete `the answer ...`."""
    try:
        said = parse_json(reply.text, LARGEST_ANSWER)
    except ForeignText as error:
        return f"is {clean(error, 120)}"
    return mapping(said) if isinstance(said, dict) else "is no JSON object"


def read_error(reply: Reply) -> str:
    """Return the text `error` of an answer; empty where it has none."""
    said = read_object(reply)
    error = "" if isinstance(said, str) else said.get("error")
    return error if isinstance(error, str) else ""


def read_metadata(reply: Reply) -> Metadata | str:
    """Return what is said of a model, or what is wrong with that, to complete `the answer ...`."""
    said = read_object(reply)
    if isinstance(said, str):
        return said
    for field in ("name", "platform"):
        if not isinstance(said.get(field), str):
            return f"has no text `{field}`"
    tensors: dict[str, tuple[Described, ...]] = {}
    for field in ("inputs", "outputs"):
        if not isinstance(said.get(field), list):
            return f"has no list `{field}`"
        found = [_described(mapping(each)) for each in said[field]]
        if None in found:
            where = f"{field}[{found.index(None)}]"
            return f"has no text `name`, text `datatype` and list of whole numbers `shape` in `{where}`"
        tensors[field] = tuple(each for each in found if each is not None)
    return Metadata(name=said["name"], platform=said["platform"], **tensors)


def read_inference(reply: Reply) -> Inference | str:
    """Return the parsed answer, or what is wrong with it, to complete `the answer ...`."""
    said = read_object(reply)
    if isinstance(said, str):
        return said
    if not isinstance(said.get("model_name"), str):
        return "has no text `model_name`"
    if not isinstance(said.get("outputs"), list):
        return "has no list `outputs`"
    found = [_tensor(mapping(each)) for each in said["outputs"]]
    if None in found:
        where = f"outputs[{found.index(None)}]"
        return f"has no text `name`, text `datatype` and list of whole numbers `shape` in `{where}`"
    version, identity = said.get("model_version"), said.get("id")
    return Inference(
        name=said["model_name"],
        version=version if isinstance(version, str) else "",
        id=identity if isinstance(identity, str) else None,
        outputs=tuple(each for each in found if each is not None),
    )


def _described(said: Mapping[str, Any]) -> Described | None:
    name, datatype, shape = said.get("name"), said.get("datatype"), _shape(said.get("shape"))
    if not isinstance(name, str) or not isinstance(datatype, str) or shape is None:
        return None
    return Described(name=name, datatype=datatype, shape=shape)


def _tensor(said: Mapping[str, Any]) -> Tensor | None:
    described = _described(said)
    if described is None:
        return None
    numbers = [number_of(each) for each in _flat(sequence(said.get("data")))]
    known = isinstance(said.get("data"), list) and None not in numbers
    data = tuple(each for each in numbers if each is not None)
    return Tensor(**described.model_dump(), data=data if known else None)


def _shape(value: Any) -> tuple[int, ...] | None:
    whole = isinstance(value, list) and all(type(each) is int and abs(each) < 1 << 31 for each in value)
    return tuple(value) if whole else None


def _flat(value: list[Any], depth: int = 0) -> Iterator[Any]:
    """Yield what is in nested lists; a list that is too deep as itself, which is no number."""
    for each in value:
        if isinstance(each, list) and depth < DEEPEST:
            yield from _flat(each, depth + 1)
        else:
            yield each
