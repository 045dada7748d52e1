"""The collector of kfp's pipelines: that it reads what kfp writes, and that hostile files neither hang nor escape."""

import copy
import hashlib
import json
import os
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checker.collect.kfp import LARGEST_RUN, collect_kfp, read_ir
from checker.declarations import KfpSource
from checker.evidence.foreign import ForeignText
from tests.irs import ir, step, task, written

SOURCE = KfpSource()
STARTED = "2026-11-21-12-53-03-461966"
STEPS = {
    "load": step("load", "def load(): ...", {"data": "str"}, {"rows": "Dataset"}),
    "train": step(
        "train",
        "def train(): ...",
        {"rows": "Dataset", "depth": "int"},
        {"model": "Model", "Output": "float"},
        cpuLimit=2.0,
        resourceMemoryLimit="2G",
    ),
    "gate": step("gate", "def gate(): ...", {"score": "float", "least": "float"}, {"decision": "str"}),
}
TASKS = {
    "gate": task("gate", STEPS, {"score": "train.Output", "least": 0.5}, after=["load"]),
    "load": task(
        "load", STEPS, {"data": "=data"}, cachingOptions={}, retryPolicy={"maxRetryCount": 2, "backoffFactor": 2.0}
    ),
    "train": task("train", STEPS, {"rows": "load.rows", "depth": "=depth"}),
}
WHOLE = ir(
    "small",
    STEPS,
    TASKS,
    {"data": ("str", "in.csv"), "depth": ("int", 3.0)},
    {"model": ("Model", "train.model"), "decision": ("str", "gate.decision")},
)


def changed(*path, to):
    """The IR with one thing in another way; a `to` of None takes it out."""
    data = copy.deepcopy(WHOLE)
    place = data
    for key in path[:-1]:
        place = place[key]
    if to is None:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return written(data)


@pytest.fixture
def workspace(tmp_path):
    """A workspace with a compiled pipeline and one run of it."""
    (tmp_path / "pipeline.yaml").write_text(written(WHOLE))
    run = tmp_path / "runs" / f"small-{STARTED}"
    leave(run / "load", {}, rows=("text\n", {"rows": 1, "odd": float("nan")}))
    leave(run / "train", {"Output": 0.75}, model=(b"\x80bytes", {}))
    leave(run / "gate", {"decision": "promote"})
    return tmp_path


def leave(folder, values, **artifacts):
    """What a task leaves: values, and artifacts as (content, metadata)."""
    folder.mkdir(parents=True)
    said = {"parameterValues": values, "artifacts": {}}
    for name, (content, metadata) in artifacts.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        entry = {"name": name, "uri": str(folder / name), "metadata": metadata}
        said["artifacts"][name] = {"artifacts": [entry]}
    (folder / "executor_output.json").write_text(json.dumps(said))


def collected(root):
    kfp = collect_kfp(root, SOURCE)
    assert type(kfp).model_validate_json(kfp.model_dump_json()) == kfp
    return kfp


def test_the_graph(workspace):
    found = collected(workspace).pipeline.require()
    assert found.name == "small"
    assert [each.name for each in found.tasks] == ["load", "train", "gate"]
    assert found.parameters["depth"].type == "NUMBER_INTEGER"
    assert found.parameters["depth"].default == 3
    load, train, gate = found.tasks
    assert (load.cached, load.retries, train.cached, train.retries) == (False, 2, True, 0)
    assert found.readers("data") == (load,)
    assert found.maker("model") == train
    assert found.upstream(gate) == {"train", "load"}
    assert found.upstream(gate, artifacts=True) == set()
    assert found.upstream(train, artifacts=True) == {"load"}
    assert gate.after == ("load", "train")
    assert (found.component(train).cpu, found.component(train).memory) == ("2.0", "2G")
    assert found.component(train).function == "train"
    assert "def train" in found.component(train).source


def test_the_newest_run(workspace):
    older = workspace / "runs" / "small-2026-11-20-12-53-03-461966"
    leave(older / "load", {})
    leave(workspace / "runs" / "other-2026-12-31-12-53-03-461966" / "load", {})
    leave(workspace / "runs" / "small-later" / "load", {})
    run = collected(workspace).require_run()
    assert run.name == f"small-{STARTED}"
    assert run.problem is None
    rows = run.tasks["load"].artifacts["rows"]
    assert (rows.sha256, rows.size) == (hashlib.sha256(b"text\n").hexdigest(), 5)
    assert rows.metadata == {"rows": 1, "odd": "no plain number"}
    assert run.tasks["train"].parameters == {"Output": 0.75}
    assert run.tasks["train"].artifacts["model"].size == 6
    assert run.tasks["gate"].parameters == {"decision": "promote"}
    assert len(run.files) == 5


def test_folders_other_places_and_values_in_files(workspace):
    train = workspace / "runs" / f"small-{STARTED}" / "train"
    (train / "model").unlink()
    (train / "deep").mkdir()
    (train / "deep" / "a").write_text("1")
    said = {"artifacts": {"model": {"artifacts": [{"uri": f"/elsewhere/small-{STARTED}/train/deep", "metadata": {}}]}}}
    (train / "executor_output.json").write_text(json.dumps(said))
    (train / "Output").write_text("0.5")
    found = collected(workspace).run.tasks["train"]
    assert found.parameters == {"Output": 0.5}
    assert found.artifacts["model"].size == 1
    (train / "deep" / "b").write_text("2")
    assert collected(workspace).run.tasks["train"].artifacts["model"].sha256 != found.artifacts["model"].sha256


@pytest.mark.parametrize(
    "uri", ["../../../../etc/passwd", f"/x/small-{STARTED}/train/../../../secret", "", "a\0b", 5, None, "/etc/passwd"]
)
def test_an_address_leads_nowhere_else(workspace, uri):
    (workspace / "secret").write_text("secret")
    train = workspace / "runs" / f"small-{STARTED}" / "train"
    said = {"artifacts": {"model": {"artifacts": [{"uri": uri, "metadata": {}}]}}}
    (train / "executor_output.json").write_text(json.dumps(said))
    assert collected(workspace).run.tasks["train"].artifacts["model"].size == 6


def test_links_and_pipes_are_not_followed(workspace):
    run = workspace / "runs" / f"small-{STARTED}"
    (workspace / "secret").write_text("secret")
    (run / "load" / "rows").unlink()
    (run / "load" / "rows").symlink_to(workspace / "secret")
    (run / "train" / "model").unlink()
    os.mkfifo(run / "train" / "model")
    found = collected(workspace).run
    assert found.tasks["load"].artifacts["rows"].sha256 is None
    assert found.tasks["train"].artifacts["model"].sha256 is None
    (run / "gate" / "executor_output.json").unlink()
    (run / "gate" / "executor_output.json").symlink_to(workspace / "secret")
    assert collected(workspace).run.tasks["gate"].problem
    run.rename(workspace / "moved")
    run.symlink_to(workspace / "moved")
    assert collected(workspace).run is None


def test_a_run_that_is_too_large(workspace):
    with (workspace / "runs" / f"small-{STARTED}" / "train" / "model").open("wb") as file:
        file.truncate(LARGEST_RUN + 1)
    started = time.process_time()
    assert "more than" in collected(workspace).run.problem
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no compiled pipeline"),
        ("just words", "no compiled pipeline"),
        ("a: &x [1]\nb: *x\n", "alias"),
        ("a: !!python/object/apply:os.system [id]\n", "not YAML"),
        ("[" * 100, "deeply"),
        (changed("root", "dag", "tasks", to={}), "without tasks"),
        (changed("root", "dag", "tasks", "train", "triggerPolicy", to={"condition": "1 == 1"}), "condition"),
        (changed("root", "dag", "tasks", "train", "parameterIterator", to={}), "loop"),
        (changed("root", "dag", "tasks", "train", "componentRef", to={"name": "comp-x"}), "component"),
        (changed("root", "dag", "tasks", "load", "dependentTasks", to=["gate"]), "circle"),
        (changed("root", "dag", "tasks", "load", "dependentTasks", to=["nobody"]), "not there"),
        (changed("root", "dag", "tasks", "../../x", to=WHOLE["root"]["dag"]["tasks"]["load"]), "characters"),
        (changed("root", "dag", "tasks", to=[1]), "without tasks"),
        (
            changed("components", "comp-train", "inputDefinitions", "artifacts", "rows", "isArtifactList", to=True),
            "list",
        ),
        (changed("root", "inputDefinitions", "artifacts", to={"x": {}}), "artifacts as inputs"),
        (changed("root", "dag", "outputs", "parameters", "decision", to={}), "no single task"),
        (changed("pipelineInfo", to=None), "no compiled pipeline"),
        (written(ir("many", STEPS, {f"t{n}": TASKS["load"] for n in range(200)})), "200 tasks"),
    ],
)
def test_what_is_no_pipeline_is_a_problem(tmp_path, text, said):
    (tmp_path / "pipeline.yaml").write_text(text)
    found = collected(tmp_path).pipeline
    assert found.present
    assert said in found.problem
    assert not found.tasks


def test_no_pipeline_and_no_text(tmp_path):
    assert not collected(tmp_path).pipeline.present
    (tmp_path / "pipeline.yaml").write_bytes(b"\xff\xfe")
    assert "UTF-8" in collected(tmp_path).pipeline.problem
    (tmp_path / "pipeline.yaml").unlink()
    (tmp_path / "pipeline.yaml").mkdir()
    assert collected(tmp_path).pipeline.problem


def test_what_is_for_one_platform_is_not_looked_at():
    assert read_ir(written(WHOLE) + "---\nplatforms: &a {kubernetes: *a}\n", "x").name == "small"
    assert read_ir("---\n" + written(WHOLE), "x").name == "small"


def test_other_containers_and_importers():
    components = copy.deepcopy(WHOLE)
    executors = components["deploymentSpec"]["executors"]
    executors["exec-gate"]["container"]["command"] = ["sh", "-c", "echo promote"]
    executors["exec-load"] = {"importer": {"artifactUri": {"runtimeParameter": "uri"}}}
    found = read_ir(written(components), "x")
    assert {name: each.kind for name, each in found.components.items()} == {
        "comp-gate": "other",
        "comp-load": "importer",
        "comp-train": "python",
    }
    executors["exec-train"]["container"]["args"] = ["--function_to_execute", "os; import x"]
    assert read_ir(written(components), "x").components["comp-train"].kind == "other"


def test_it_reads_what_kfp_compiles(tmp_path):
    from kfp import compiler, dsl

    @dsl.component(install_kfp_package=False)
    def make(n: int, out: dsl.Output[dsl.Dataset]) -> str:
        return str(n)

    @dsl.component
    def use(text: str, made: dsl.Input[dsl.Dataset], share: float = 0.5): ...

    @dsl.pipeline(name="real-one")
    def real(n: int = 3) -> str:
        one, two = make(n=n), make(n=5)
        use(text=f"{one.outputs['Output']}!", made=two.outputs["out"]).after(one).set_caching_options(False)
        return one.outputs["Output"]

    compiler.Compiler().compile(real, str(tmp_path / "pipeline.yaml"))
    found = collected(tmp_path).pipeline.require()
    assert [each.name for each in found.tasks] == ["make", "make-2", "use"]
    assert all(found.component(each).kind == "python" for each in found.tasks)
    assert found.component(found.task("use")).parameters["share"].default == 0.5
    assert not found.task("use").cached
    assert found.upstream(found.task("use")) == {"make", "make-2"}
    assert found.outputs["Output"].task == "make"
    with pytest.raises(ForeignText, match="has a source"):
        compiler.Compiler().compile(use, str(tmp_path / "other.yaml"))
        read_ir((tmp_path / "other.yaml").read_text(), "other.yaml")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
PLACES = [
    ("root",),
    ("root", "dag", "tasks", "train"),
    ("root", "dag", "tasks", "train", "inputs"),
    ("root", "dag", "outputs"),
    ("components", "comp-train"),
    ("components", "comp-train", "inputDefinitions"),
    ("deploymentSpec", "executors", "exec-train", "container"),
    ("pipelineInfo",),
]
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@given(content=st.binary(max_size=300))
def test_no_bytes_raise(tmp_path, content):
    (tmp_path / "pipeline.yaml").write_bytes(content)
    collected(tmp_path)


@quick
@given(place=st.sampled_from(PLACES), value=JSON)
def test_no_other_shape_raises(tmp_path, place, value):
    data = copy.deepcopy(WHOLE)
    inner = data
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = json.loads(
        json.dumps(value).replace("NaN", "0").replace("-Infinity", "0").replace("Infinity", "0")
    )
    (tmp_path / "pipeline.yaml").write_text(json.dumps(data))
    collected(tmp_path)


@quick
@given(value=JSON, artifacts=JSON, content=st.binary(max_size=60))
def test_nothing_that_a_step_left_raises(workspace, value, artifacts, content):
    train = workspace / "runs" / f"small-{STARTED}" / "train"
    said = {"parameterValues": value, "artifacts": {"model": artifacts}}
    (train / "executor_output.json").write_text(json.dumps(said))
    collected(workspace)
    (train / "executor_output.json").write_bytes(content)
    (train / "Output").write_bytes(content)
    collected(workspace)
