"""Readers of JSON and YAML: any text gets a value or a clear refusal, quickly."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.evidence.foreign import ForeignText, mapping, parse_json, parse_yaml, sequence

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b]\n"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(st.text(max_size=300))
def test_any_text_is_a_value_or_a_refusal(text):
    for parse in (parse_json, parse_yaml):
        try:
            parse(text)
        except ForeignText as error:
            assert error.expected


@given(VALUES)
def test_json_comes_back(value):
    assert parse_json(json.dumps(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        "!!python/object/apply:os.system [id]",
        "a: !!binary x x",
        "[" * 5000,
        "a: [1",
        "\t: x",
        "? [a]: b\n- c",
        "x" * (2 << 20),
    ],
)
def test_hostile_yaml_is_refused(text):
    with pytest.raises(ForeignText):
        parse_yaml(text)


@pytest.mark.parametrize("text", ["[" * 100_000, "{", "", "nan,", "1" * 5000, "x" * (2 << 20)])
def test_hostile_json_is_refused(text):
    with pytest.raises(ForeignText):
        parse_json(text)


@given(VALUES)
def test_mapping_and_sequence_never_raise(value):
    assert isinstance(mapping(value), dict)
    assert isinstance(sequence(value), list)
