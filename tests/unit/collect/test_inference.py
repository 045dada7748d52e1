"""Answers in the Open Inference Protocol, read: whatever was sent becomes a record or words."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.evidence import inference
from checker.evidence.inference import Inference, Metadata, Tensor
from checker.evidence.services import Reply

READERS = (inference.read_object, inference.read_metadata, inference.read_inference)
TENSOR = {"name": "score", "datatype": "FP64", "shape": [2], "data": [0.1, 0.2]}


def reply(value):
    return Reply(ask="x", status=200, text=value if isinstance(value, str) else json.dumps(value))


def inferred(**changes):
    return inference.read_inference(reply({"model_name": "m", "outputs": [TENSOR | changes]}))


def test_an_inference():
    found = inference.read_inference(
        reply({"model_name": "m", "model_version": "3", "id": "a", "more": 1, "outputs": [TENSOR]})
    )
    assert isinstance(found, Inference)
    assert (found.name, found.version, found.id) == ("m", "3", "a")
    assert found.output("score") == Tensor(name="score", datatype="FP64", shape=(2,), data=(0.1, 0.2))
    assert found.output("x") is None


@pytest.mark.parametrize(
    ("data", "read"),
    [([[0.1], [2]], (0.1, 2.0)), ([[[[1]]]], (1.0,)), ([], ())],
)
def test_nested_data(data, read):
    assert inferred(data=data).outputs[0].data == read


@pytest.mark.parametrize(
    "data", [[None], ["1"], [True], {"a": 1}, 3, None, [[[[[[1]]]]]], [float("nan")], [1 << 2000], "12"]
)
def test_what_is_no_list_of_numbers(data):
    assert inferred(data=data).outputs[0].data is None


@pytest.mark.parametrize(
    "changes",
    [{"shape": ["2"]}, {"shape": [True]}, {"shape": [1 << 40]}, {"shape": None}, {"datatype": 1}, {"name": None}],
)
def test_what_is_no_tensor(changes):
    assert isinstance(inferred(**changes), str)


def test_metadata():
    said = {"name": "m", "platform": "p", "inputs": [{"name": "a", "datatype": "FP64", "shape": [-1, 1]}]}
    assert "outputs" in inference.read_metadata(reply(said))
    found = inference.read_metadata(reply(said | {"outputs": []}))
    assert isinstance(found, Metadata)
    assert found.inputs[0].shape == (-1, 1)
    assert "inputs[0]" in inference.read_metadata(reply(said | {"inputs": [{}], "outputs": []}))


def test_errors():
    assert inference.read_error(reply({"error": "no"})) == "no"
    assert {inference.read_error(reply(each)) for each in ({"error": 1}, {}, [], "{", "[" * 100_000)} == {""}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda each: (
        st.lists(each, max_size=4)
        | st.dictionaries(
            st.sampled_from(["name", "platform", "inputs", "outputs", "shape", "datatype", "data", "model_name", "id"]),
            each,
        )
    ),
)


@settings(max_examples=150, deadline=None)
@given(JSON | st.text())
def test_nothing_raises(value):
    answer = value if isinstance(value, str) else json.dumps(value)
    given = Reply(ask="x", text=answer.encode("utf-8", "replace").decode())
    for read in READERS:
        found = read(given)
        if not isinstance(found, str | dict):
            assert type(found).model_validate_json(found.model_dump_json()) == found
    assert isinstance(inference.read_error(given), str)
