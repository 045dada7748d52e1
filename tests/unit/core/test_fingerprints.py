"""What is taken for a mark that two honest learners never share."""

from datetime import UTC, datetime

from checker.evidence import Evidence, Identity
from checker.evidence.files import Files
from checker.evidence.pipelines import Link, Pipeline, Stage
from checker.evidence.proofs import PipelineRun, Proofs, StageRun
from checker.fingerprints import fingerprints


def run(case, params=None, tables=None, **outs):
    stages = (StageRun(stage="train", ran=True, status=0, outs=outs),)
    return PipelineRun(case=case, params=params or {}, tables=tables or {}, stages=stages)


def found(locked, *runs):
    outs = [
        Link(path=path, kind="metric" if path == "metrics" else "output", locked=md5) for path, md5 in locked.items()
    ]
    evidence = Evidence(
        workspace=Identity(lab="x", learner="me", workspace_id="w", seed=7, started=datetime(2026, 1, 1, tzinfo=UTC)),
        files=Files(),
        pipeline=Pipeline(present=True, stages=(Stage(name="train", commands=(), outs=tuple(outs)),)),
        proofs=Proofs(pipelines=runs),
    )
    return {(each.value, each.fits) for each in fingerprints(evidence) if each.kind == "output"}


def test_what_a_pipeline_makes_of_ones_own_data_is_telling():
    runs = (
        run("as-it-is", model="a1", words="b1", metrics="c1"),
        run("depth", {"depth": 3}, model="a2", words="b2", metrics="c2"),
        run("unseen", tables={"data.csv": "x"}, model="a3", words="b1", metrics="c3"),
    )
    # What is the same for other data, what the learner chose, and a metric may be others' as well.
    assert found({"model": "a1", "words": "b1", "metrics": "c1"}, *runs) == {("a1", True)}
    assert found({"model": "f0"}, *runs) == {("f0", False)}


def test_without_a_second_world_nothing_is_known():
    assert found({"model": "a1"}, run("as-it-is", model="a1")) == set()
    assert found({"model": "a1"}) == set()
    assert found({"model": "a1"}, run("as-it-is"), run("unseen", tables={"d": "x"})) == set()
