"""A model's MLmodel, which anybody may have written: read where it is plain, and left to MLflow where it is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.tasks.sklearn_models import LARGEST_MLMODEL, plan

PLAIN = """\
flavors:
  python_function: {loader_module: mlflow.sklearn, model_path: model.skops, predict_fn: predict}
  sklearn: {pickled_model: model.skops, serialization_format: skops, skops_trusted_types: [a.B]}
signature:
  inputs: '[{"name": "amount"}, {"name": "hour"}]'
"""


def test_a_plain_one_says_how_to_load_the_model():
    found = plan(PLAIN.encode())
    assert (found.name, found.format, found.trusted) == ("model.skops", "skops", ("a.B",))
    assert found.columns == ("amount", "hour")


@pytest.mark.parametrize(
    "text",
    [
        PLAIN + "x: &a 1\ny: *a\n",
        PLAIN + "x: " + "[" * 30_000,
        PLAIN + f"x: {'[' * 30}{']' * 30}\n",
        PLAIN + "#" * LARGEST_MLMODEL,
        PLAIN + "when: 2001-99-99\n",
        PLAIN.replace("mlflow.sklearn", "mine"),
        PLAIN.replace("flavors", "flavours"),
        PLAIN.replace('"name"', '"nick"'),
        "!!python/object/apply:os.system [true]",
    ],
)
def test_another_one_is_left_to_mlflow(text):
    assert plan(text.encode()) is None


@given(st.binary(max_size=300) | st.text(st.sampled_from("a: -[]{}&*!|>'\"\n0."), max_size=200).map(str.encode))
def test_nothing_in_it_raises(text):
    assert plan(text) is None
