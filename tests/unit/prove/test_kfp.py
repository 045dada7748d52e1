"""Compiled pipelines that are executed again: honest ones, ones that lean on other files, ones that try something."""

import subprocess
import sys
import textwrap
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from checker.collect.kfp import collect_kfp
from checker.course import Lab
from checker.declarations import KfpProof, KfpSource
from checker.evidence import Evidence, Identity
from checker.jail import Jail, can_confine
from checker.prove.kfp import execute
from checker.workspace import Workspace
from tests.irs import ir, step, task, written
from tests.support import ROOT

KEY = b"k" * 32
SOURCE = KfpSource()
needs_walls = pytest.mark.skipif(not can_confine(), reason="no bubblewrap")
TABLE = {"table": "labelled", "months": [1], "rows": 500}
FIXTURE = {"path": "data/in.csv", **TABLE}
OTHER = {"path": "incoming/x.csv", "table": {**TABLE, "months": [2], "holdout": True}}
LOAD = """
    def load(data: str, rows: Output[Dataset]) -> int:
        text = open(data).read()
        open(rows.path, "w").write(text)
        rows.metadata["size"] = len(text)
        return text.count("\\n") - 1
"""
TRAIN = """
    def train(rows: Input[Dataset], depth: int, model: Output[Model], metrics: Output[Metrics]) -> float:
        frauds = sum(line.endswith(",1") for line in open(rows.path).read().split("\\n"))
        open(model.path, "w").write(f"{frauds}\\n{depth + 0.5}")
        metrics.log_metric("frauds", frauds)
        metrics.metadata["of"] = rows.metadata["size"]
        return frauds / 2
"""
GATE = """
    def gate(score: float, model: Input[Model], text: str, day: str) -> NamedTuple("D", [("decision", str)]):
        return (f"{open(model.path).read()} {score} {text}",)
"""


def steps(load=LOAD, train=TRAIN, gate=GATE):
    return {
        "load": step("load", textwrap.dedent(load), {"data": "str"}, {"rows": "Dataset", "Output": "int"}),
        "train": step(
            "train",
            textwrap.dedent(train),
            {"rows": "Dataset", "depth": "int"},
            {"model": "Model", "metrics": "Metrics", "Output": "float"},
        ),
        "gate": step(
            "gate",
            textwrap.dedent(gate),
            {"score": "float", "model": "Model", "text": "str", "day": "str"},
            {"decision": "str"},
        ),
    }


def compiled(made):
    channel = "{{$.inputs.parameters['pipelinechannel--load-Output']}}"
    tasks = {
        "gate": task(
            "gate",
            made,
            {"score": "train.Output", "model": "train.model", "day": "=day"},
        ),
        "load": task("load", made, {"data": "=data"}),
        "train": task("train", made, {"rows": "load.rows", "depth": "=depth"}),
    }
    tasks["gate"]["inputs"]["parameters"]["text"] = {"runtimeValue": {"constant": f"of {channel} rows"}}
    tasks["gate"]["inputs"]["parameters"]["pipelinechannel--load-Output"] = {
        "taskOutputParameter": {"producerTask": "load", "outputParameterKey": "Output"}
    }
    return ir(
        "small",
        made,
        tasks,
        {"data": ("str", "data/in.csv"), "depth": ("int", 3.0), "day": ("str", "2025-02-10")},
        {
            "model": ("Model", "train.model"),
            "metrics": ("Metrics", "train.metrics"),
            "decision": ("str", "gate.decision"),
        },
    )


CASES = {
    "first": {},
    "depth": {"arguments": {"depth": [3, 5]}},
    "other": OTHER,
    "dealt": {**OTHER, "dealt": "before"},
}


@pytest.fixture
def prove(tmp_path):
    """Execute a pipeline and return case -> what came of it; the workspace must stay as it is."""
    root = tmp_path / "workspace"
    root.mkdir()

    def run(*, cases=CASES, confined=False, seconds=20, whole=None, **sources):
        (root / "pipeline.yaml").write_text(written(whole or compiled(steps(**sources))))
        (root / "data").mkdir(exist_ok=True)
        (root / "data" / "in.csv").write_text("the learner's own\n")
        (root / "secret.txt").write_text("secret")
        proof = KfpProof(data="data", split="day", texts=["model"], columns=["is_fraud"], cases=cases, seconds=seconds)
        lab = Lab(
            day=1, slug="x", title="", outcome="", module="m", tools=[], fixtures=[FIXTURE], proofs={"kfp": proof}
        )
        identity = Identity(lab="x", learner="me", workspace_id="0", seed=7, started=datetime.now(UTC))
        evidence = Evidence(workspace=identity, kfp=collect_kfp(root, SOURCE))
        before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
        with Jail(confined=confined) as jail:
            runs = [*execute(lab, Workspace(root, identity), evidence, KEY, jail)]
        assert before == {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
        return {run.case: run for run in runs}

    run.root = root
    return run


def frauds(table):
    return table.split().count("1")


@pytest.mark.parametrize("confined", [False, pytest.param(True, marks=needs_walls)])
def test_an_honest_pipeline(prove, confined):
    runs = prove(confined=confined)
    assert [run.problem for run in runs.values()] == [None] * 4
    first, depth, other, dealt = runs.values()
    count = frauds(first.table)
    assert first.texts["model"] == f"{count}\n3.5"
    assert first.parameters["decision"] == f"{count}\n3.5 {count / 2} of 500 rows"
    assert first.metadata["metrics"]["frauds"] == count
    assert first.task("load").parameters == {"Output": 500}
    assert not first.task("train").agrees
    assert depth.arguments == {"depth": 5}
    assert depth.texts["model"] == f"{count}\n5.5"
    assert [each.ran for each in depth.tasks] == [False, True, True]
    assert all(each.ran for each in other.tasks)
    assert frauds(other.table) == frauds(dealt.table) > 0
    assert other.table != dealt.table
    assert {each.printed for each in other.tasks} == {
        "what it printed is kept back, since it may quote rows that you are not to see"
    }


def test_labels_are_dealt_out_on_one_side_only(prove):
    runs = prove(cases={"first": {}, "other": OTHER, "before": CASES["dealt"], "from": {**OTHER, "dealt": "from"}})
    plain, before, late = (runs[name].table.split()[1:] for name in ("other", "before", "from"))
    cut = next(number for number in range(len(plain)) if plain[number:] == before[number:])
    assert plain[:cut] == late[:cut]
    assert plain[cut:] != late[cut:]
    assert 0 < cut < 200


def test_the_recorded_run_is_compared(prove):
    import json

    run = prove.root / "runs" / "small-2026-11-21-12-53-03-461966"
    text = prove()["first"].texts["model"]
    for name, content in (("train", text), ("gate", "")):
        (run / name).mkdir(parents=True)
        (run / name / "executor_output.json").write_text(json.dumps({"parameterValues": {}}))
        (run / name / "model").write_text(content)
    assert prove()["first"].task("train").agrees == {"model": True, "metrics": True}
    (run / "train" / "model").write_text(text.replace(".5", ".50000000001"))
    assert prove()["first"].task("train").agrees["model"] is True
    (run / "train" / "model").write_text(text.replace(".5", ".6"))
    assert prove()["first"].task("train").agrees["model"] is False
    (run / "train" / "model").unlink()
    assert prove()["first"].task("train").agrees["model"] is False


BAD = {
    "not its file": (
        "train",
        TRAIN.replace("open(rows.path)", "open('data/in.csv')"),
        "gets the pipeline's parameter `data`",
    ),
    "another file": ("load", LOAD.replace("open(data)", "open('secret.txt')"), "there is no `secret.txt`"),
    "beside": ("train", TRAIN.replace("open(model.path,", "open(model.path + '.txt',"), "wrote `model.txt` beside it"),
    "beside an input": ("train", TRAIN.replace("open(rows.path)", "open(rows.path + '.x')"), "only what lies at"),
    "not defined": ("gate", GATE.replace("{score}", "{SCORE}"), "`SCORE` is not defined"),
    "a module": ("gate", GATE.replace("return", "import mine; return"), "no module `mine`"),
    "an error": ("gate", GATE.replace("return", "raise ValueError('odd'); return"), "ValueError: odd"),
    "its end": ("gate", GATE.replace("return", "import os; os._exit(0); return"), "ended its process"),
    "sys.exit": ("gate", GATE.replace("return", "import sys; sys.exit(0); return"), "gave no value|no value|not come"),
    "too much": ("train", TRAIN.replace('f"{frauds}', '"x" * (20 << 20) + f"{frauds}'), "more than 16 MiB"),
    "too much metadata": (
        "train",
        TRAIN.replace("return", "model.metadata = {str(n): 'x' * 20000 for n in range(40)}; return"),
        "more than 512 KiB",
    ),
    "a wrong type": ("load", LOAD.replace("return text", "return 'x' + text[:0] or text"), "want type"),
    "broken output": (
        "gate",
        GATE.replace(
            "return", "import atexit; atexit.register(lambda: 0); open('out/decision', 'wb').write(b'\\xff'); return"
        ),
        "cannot be read",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_goes_wrong_is_told(prove, name):
    where, code, said = BAD[name]
    runs = prove(**{where: code})
    if name == "sys.exit":
        assert runs["first"].parameters == {}
        return
    assert any(each in runs["first"].problem for each in said.split("|")), runs["first"].problem
    assert all("not tried" in run.problem for case, run in runs.items() if case != "first")


def test_a_path_that_it_knows_by_heart(prove):
    runs = prove(load=LOAD.replace("open(data)", "open('data/in.csv')"))
    assert runs["first"].problem is None
    assert "opens `data/in.csv`, whatever `data` names" in runs["other"].problem


def test_errors_about_hidden_rows_quote_nothing(prove):
    spy = LOAD.replace("return text", "if 'incoming' in data: raise ValueError(text[200:260])\n        return text")
    runs = prove(load=spy)
    assert runs["first"].problem is None
    assert runs["other"].problem == "task `load`: it does not come to its end"
    assert not any(each.problem for each in runs["other"].tasks)


@needs_walls
def test_steps_share_nothing_and_reach_nothing(prove):
    nosy = GATE.replace(
        "return",
        """
        import glob, os, socket
        seen = glob.glob("/tmp/**", recursive=True) + glob.glob(os.getcwd() + "/**", recursive=True)
        try:
            socket.create_connection(("127.0.0.1", 9))
        except OSError as error:
            seen.append(type(error).__name__)
        return (" ".join(sorted({each.rpartition("/")[2] for each in seen})),)
        return""",
    )
    seen = prove(gate=nosy, confined=True, cases={"first": {}})["first"].parameters["decision"].split()
    assert "model" in seen
    assert not {"rows", "in.csv", "secret.txt", "metrics", "data"} & {*seen}


@needs_walls
def test_time_is_bounded_and_nothing_is_left(prove):
    busy = TRAIN.replace("frauds = sum", "while True: pass\n        frauds = sum")
    assert "CPU time" in prove(train=busy, seconds=1, confined=True)["first"].problem
    fork = GATE.replace("return", "import os\n        if os.fork() == 0:\n            while True: pass\n        return")
    assert prove(gate=fork, confined=True, cases={"first": {}})["first"].problem is None


@needs_walls
def test_an_answer_in_the_place_of_the_executor(prove):
    forged = GATE.replace(
        "return",
        """
        import json, os
        for number in range(3, 64):
            try:
                os.write(number, json.dumps("promote").encode())
            except OSError:
                pass
        os._exit(0)
        return""",
    )
    assert "gave no status" in prove(gate=forged, confined=True)["first"].problem


def test_folders_and_values_in_files(prove):
    code = """
        def train(
            rows: Input[Dataset], depth: int, model: Output[Model], metrics: Output[Metrics], Output: OutputPath(float)
        ):
            import os
            os.makedirs(model.path + "/deep")
            open(model.path + "/deep/a", "w").write("a")
            open(model.path + "/b", "w").write("b")
            open(Output, "w").write("0.25")
    """
    gate = """
        def gate(score: float, model: Input[Model], text: str, day: str) -> str:
            import os
            return f"{score} {sorted(os.listdir(model.path))} {open(model.path + '/deep/a').read()}"
    """
    made = steps(train=code, gate=gate)
    made["gate"]["component"]["outputDefinitions"] = {"parameters": {"Output": {"parameterType": "STRING"}}}
    whole = compiled(made)
    whole["root"]["dag"]["outputs"]["parameters"]["decision"]["valueFromParameter"]["outputParameterKey"] = "Output"
    first = prove(whole=whole, cases={"first": {}})["first"]
    assert first.problem is None
    assert first.parameters["decision"] == "0.25 ['b', 'deep'] a"
    assert first.task("train").artifacts["model"].size == 2
    assert "model" not in first.texts


def test_an_importer_and_a_folder_with_the_same_name(prove):
    made = steps(load=LOAD.replace("data: str", "data: Input[Dataset]").replace("open(data)", "open(data.path)"))
    made["load"]["component"]["inputDefinitions"] = {
        "artifacts": {"data": {"artifactType": {"schemaTitle": "system.Dataset"}}}
    }
    whole = compiled(made)
    whole["components"]["comp-importer"] = {
        "executorLabel": "exec-importer",
        "inputDefinitions": {"parameters": {"uri": {"parameterType": "STRING"}}},
        "outputDefinitions": {"artifacts": {"artifact": {"artifactType": {"schemaTitle": "system.Dataset"}}}},
    }
    whole["deploymentSpec"]["executors"]["exec-importer"] = {"importer": {"artifactUri": {"runtimeParameter": "uri"}}}
    tasks = whole["root"]["dag"]["tasks"]
    tasks["importer"] = {
        "componentRef": {"name": "comp-importer"},
        "inputs": {"parameters": {"uri": {"componentInputParameter": "data"}}},
    }
    tasks["load"]["inputs"] = {
        "artifacts": {"data": {"taskOutputArtifact": {"producerTask": "importer", "outputArtifactKey": "artifact"}}}
    }
    runs = prove(whole=whole)
    assert [run.problem for run in runs.values()] == [None] * 4
    tasks["importer"]["inputs"]["parameters"]["uri"] = {"runtimeValue": {"constant": "data/in.csv"}}
    assert "imports something else" in prove(whole=whole)["first"].problem


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ({"path": "x.csv"}, "data of its own"),
        ({"dealt": "from"}, "data of its own"),
    ],
)
def test_cases_are_consistent(case, said):
    with pytest.raises(ValidationError, match=said):
        KfpProof(data="data", cases={"first": {}, "second": case})
    with pytest.raises(ValidationError, match="changes nothing"):
        KfpProof(data="data", cases={"first": {"arguments": {"x": [1]}}})
    with pytest.raises(ValidationError, match="split"):
        KfpProof(data="data", cases={"first": {}, "second": {**OTHER, "dealt": "from"}})


def test_no_pipeline_and_other_containers(prove):
    whole = compiled(steps())
    whole["deploymentSpec"]["executors"]["exec-gate"]["container"]["command"] = ["sh", "-c", "true"]
    assert "no lightweight" in prove(whole=whole)["first"].problem
    del whole["root"]["inputDefinitions"]["parameters"]["data"]
    assert "no parameter `data`" in prove(whole=whole)["first"].problem
    assert "no compiled pipeline" in prove(whole={"a": 1})["first"].problem


def test_what_a_jail_imports_for_steps_leaves_kfp_whole_for_the_next_fork() -> None:
    code = "import checker.tasks.lightweight; from kfp import compiler, dsl, local; dsl.component, dsl.pipeline"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
