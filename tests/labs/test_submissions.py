"""What arrives with a submission is what was there: the evidence of real work, before and after the journey."""

import pytest

from checker import submission
from checker.collect import collect
from checker.lint import scripts
from tests.support import COURSE, ROOT


def _labs():
    for lab in COURSE.ready:
        yield pytest.param(lab, id=lab.name, marks=pytest.mark.xdist_group("-".join(lab.services) or lab.name))


def _scripts():
    # Files are carried as they are; what git and DVC made of theirs is where a journey may lose something.
    for lab in COURSE.ready:
        if not lab.evidence.git or lab.services:
            continue
        for kind in ("wrong", "right"):
            for script in scripts(ROOT / "solutions" / lab.name, kind):
                mark = pytest.mark.xdist_group(lab.name)
                yield pytest.param(lab, script, id=f"{lab.name}-{script.path.stem}", marks=mark)


def _told(evidence):
    """The evidence without the names of places, which differ."""
    data = evidence.model_dump()
    for remote in (data["dvc"] or {}).get("remotes", ()):
        remote["directory"] = remote["directory"] and "somewhere"
    if data["mlflow"]:
        data["mlflow"]["address"] = ""
    return data


def _arrives(lab, made, folder):
    live = collect(lab, made)
    with submission.frozen(lab, made) as frozen:
        path, size = frozen.write(folder / "out")
    thawed = submission.thaw(path, folder / "into", COURSE.find)
    assert _told(collect(lab, thawed)) == _told(live)
    return thawed, size


@pytest.mark.parametrize("lab", _labs())
def test_a_starter_arrives(bench, lab, tmp_path):
    _arrives(lab, bench.start(lab), tmp_path)


@pytest.mark.parametrize("lab", _labs())
def test_a_solution_arrives_and_is_small(bench, lab, tmp_path):
    thawed, size = _arrives(lab, bench.solved(lab), tmp_path)
    assert size < 2 << 20
    for model in thawed.carried.models.iterdir():
        assert (model / "MLmodel").is_file()


@pytest.mark.parametrize(("lab", "script"), _scripts())
def test_any_other_work_arrives(bench, lab, script, tmp_path):
    _arrives(lab, bench.after(script, lab), tmp_path)
