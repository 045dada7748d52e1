"""Every lab can be submitted, untouched and finished; `test_labs.py` submits the other answers."""

import pytest

from tests.labs.journey import arrives
from tests.support import COURSE


def _labs():
    for lab in COURSE.ready:
        yield pytest.param(lab, id=lab.name, marks=pytest.mark.xdist_group(lab.name))


@pytest.mark.parametrize("lab", _labs())
def test_a_starter_arrives(bench, lab, tmp_path):
    arrives(lab, bench.start(lab), tmp_path)


@pytest.mark.parametrize("lab", _labs())
def test_a_solution_arrives_and_is_small(bench, lab, tmp_path):
    thawed, size = arrives(lab, bench.solved(lab), tmp_path)
    assert size < 2 << 20
    for model in thawed.carried.models.iterdir():
        assert (model / "MLmodel").is_file()
