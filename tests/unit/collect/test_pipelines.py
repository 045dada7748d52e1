"""The collector of pipelines: that it agrees with DVC itself, and that hostile files neither run, hang nor escape."""

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checker.collect.pipelines import collect_pipeline, read_pipeline
from checker.evidence.foreign import ForeignText

TOOLS = str(Path(sys.executable).parent)
WHOLE = """
vars:
  - place: {of: "out put"}
  - more.yaml:sizes
metrics: [numbers.json]
plots:
  - curve.csv
  - both: {x: {a.csv: x}, y: {b.csv: y, c.csv: [z]}}
stages:
  last:
    cmd:
      - cat "${place.of}/a" > numbers.json
      - echo ${sizes[1]} ${flag} ${train.depth} \\${HOME} >> numbers.json
    deps: ["${place.of}", more.yaml]
    params: [train, {other.json: [a.b]}, {whole.yaml: }]
    metrics: [numbers.json: {cache: false}]
    plots: [{curve.csv: {x: one, y: two}}]
    outs: [x]
  inner:
    wdir: sub
    cmd: echo 1 >> made && mkdir -p ../x && touch made ../curve.csv
    deps: [../first]
    outs: [made]
  first:
    cmd: mkdir "out put" && echo 1 > "out put/a" && touch first
    outs: [first, "out put"]
    frozen: false
"""


def run(root, *command):
    environment = os.environ | {
        "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}",
        "DVC_NO_ANALYTICS": "1",
        "DVC_GLOBAL_CONFIG_DIR": str(root.parent / "global"),
        "DVC_SITE_CACHE_DIR": str(root.parent / "site"),
    }
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def write(root, **files):
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text if isinstance(text, str) else yaml.safe_dump(text))


def sources(root):
    write(
        root, dvc_yaml=WHOLE, more_yaml="sizes: [1, 2.50]\n", whole_yaml="a: 1\nb: [x]\n", other_json='{"a": {"b": 1}}'
    )
    write(root, params_yaml='flag: true\ntrain: {depth: 1e-3, ok: yes, text: "2025-04"}\nrest: 1\n')
    (root / "sub").mkdir()
    (root / "x").mkdir()
    (root / "curve.csv").write_text("")


def test_it_agrees_with_dvc_itself(tmp_path):
    root = tmp_path / "workspace"
    root.mkdir()
    sources(root)
    text = WHOLE.replace("outs: [x]", "outs: []").replace(" && mkdir -p ../x && touch made ../curve.csv", "")
    text = text.replace("echo ${sizes", "echo one,two > curve.csv && echo ${sizes")
    (root / "dvc.yaml").write_text(text)
    run(root, "dvc", "init", "--no-scm", "--quiet")
    run(root, "dvc", "repro", "--quiet")
    read = collect_pipeline(root)
    assert (read.problem, read.lock_problem) == (None, None)
    assert [stage.name for stage in read.stages][:1] == ["first"]
    for stage in read.stages:
        assert stage.locked
        assert stage.recorded == stage.commands
        assert not stage.unknown
        assert all(link.current for link in (*stage.deps, *stage.outs)), stage
    last = read.stage("last")
    assert last.commands[1].endswith("echo 2.5 true 0.001 ${HOME} >> numbers.json")
    assert {(each.file, each.key) for each in last.params} == {
        ("params.yaml", "train"), ("other.json", "a.b"), ("whole.yaml", ""),
    }  # fmt: skip
    assert all(each.present and each.is_recorded for each in last.params)
    assert next(each for each in last.params if each.key == "a.b").recorded == 1
    assert read.stage("inner").outs[0].path == "sub/made"
    assert read.plots == ("curve.csv", "b.csv", "c.csv", "a.csv")
    (root / "out put" / "a").write_text("2")
    changed = collect_pipeline(root)
    assert not changed.stage("last").deps[0].current
    assert not changed.stage("first").outs[1].current
    assert changed.model_validate_json(changed.model_dump_json()) == changed


def test_order_and_neighbours(tmp_path):
    sources(tmp_path)
    read = collect_pipeline(tmp_path)
    assert read.problem is None
    assert read.lock_problem == "no file `dvc.lock`"
    names = [stage.name for stage in read.stages]
    assert names.index("first") < names.index("last")
    assert read.before(read.stage("last")) == {"first"}
    assert read.maker("out put/a").name == "first"
    assert read.maker("out put2") is None


def test_what_dvcignore_names_does_not_count(tmp_path):
    write(tmp_path, dvc_yaml={"stages": {"a": {"cmd": "x", "deps": ["src"]}}}, src__one_py="1")
    (tmp_path / "src" / "__pycache__").mkdir()
    (tmp_path / "src" / "__pycache__" / "one.pyc").write_text("2")
    listing = [{"md5": hashlib.md5(b"1").hexdigest(), "relpath": "one.py"}]
    expected = hashlib.md5(json.dumps(listing, sort_keys=True).encode()).hexdigest() + ".dir"
    assert collect_pipeline(tmp_path).stages[0].deps[0].md5 != expected
    (tmp_path / ".dvcignore").write_text("# no caches\n__pycache__/\n")
    assert collect_pipeline(tmp_path).stages[0].deps[0].md5 == expected


REFUSED = {
    "nothing": ("", "no `stages`"),
    "list": ("[1]", "no `stages`"),
    "stages a list": ("stages: [1]", "no `stages`"),
    "no mapping": ("stages: {a: 1}", "is no mapping"),
    "no cmd": ("stages: {a: {deps: [b]}}", "no `cmd`"),
    "empty cmd": ("stages: {a: {cmd: ''}}", "no `cmd`"),
    "cmd a mapping": ("stages: {a: {cmd: {b: 1}}}", "where a text belongs"),
    "deps no list": ("stages: {a: {cmd: x, deps: b}}", "is no list"),
    "dep a number": ("stages: {a: {cmd: x, deps: [1]}}", "where a text belongs"),
    "foreach": ("stages: {a: {foreach: [1], do: {cmd: x}}}", "`foreach`"),
    "matrix": ("stages: {a: {matrix: {x: [1]}, cmd: x}}", "`matrix`"),
    "absolute": ("stages: {a: {cmd: x, outs: [/etc/passwd]}}", "no path inside"),
    "climbing": ("stages: {a: {cmd: x, deps: [a/../../b]}}", "no path inside"),
    "wdir climbing": ("stages: {a: {cmd: x, wdir: ..}}", "no path inside"),
    "remote": ("stages: {a: {cmd: x, deps: ['s3://bucket/x']}}", "no path inside"),
    "tool": ("stages: {a: {cmd: x, outs: [.git/hooks/post-commit]}}", "no path inside"),
    "own": ("stages: {a: {cmd: x, outs: [.checker/workspace.json]}}", "no path inside"),
    "long part": (f"stages: {{a: {{cmd: x, outs: [{'a' * 300}]}}}}", "no path inside"),
    "everything": ("stages: {a: {cmd: x, outs: [.]}}", "the whole folder"),
    "circle": ("stages: {a: {cmd: x, deps: [b], outs: [c]}, b: {cmd: x, deps: [c], outs: [b]}}", "circle"),
    "itself": ("stages: {a: {cmd: x, deps: [b], outs: [b/c]}}", "circle"),
    "two makers": ("stages: {a: {cmd: x, outs: [b]}, b: {cmd: x, outs: [b/c]}}", "both make"),
    "unknown template": ("stages: {a: {cmd: 'x ${y}'}}", "names no parameter"),
    "whole mapping": ("stages: {a: {cmd: 'x ${m}'}}", "no single value"),
    "param file": ("stages: {a: {cmd: x, params: [{p.py: [a]}]}}", "has parameters in"),
    "anchor": ("a: &a [1]\nstages: {b: *a}", "alias"),
    "tag": ("stages: !!python/object/apply:os.system ['touch /tmp/pwned']", "not YAML"),
    "deep": ("stages: " + "[" * 100, "nested too deeply"),
    "many": ("stages: {" + ", ".join(f"s{n}: {{cmd: x}}" for n in range(60)) + "}", "60 stages"),
    "name": ("stages: {'a b': {cmd: x}}", "the stage name"),
    "surrogate": ('stages: {a: {cmd: "\\ud800"}}', "dvc.yaml"),
    "vars": ("vars: [nowhere.yaml]\nstages: {a: {cmd: x}}", "is not there"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_why(tmp_path, name):
    text, said = REFUSED[name]
    write(tmp_path, dvc_yaml=text, params_yaml="m: {a: 1}")
    read = collect_pipeline(tmp_path)
    assert read.present
    assert said in read.problem, read.problem
    assert read.stages == ()
    assert read.model_validate_json(read.model_dump_json()) == read


@pytest.mark.parametrize("kind", ["link", "folder", "pipe", "binary", "large"])
def test_a_definition_that_is_no_plain_text(tmp_path, kind):
    path = tmp_path / "dvc.yaml"
    if kind == "link":
        (tmp_path / "other").write_text("stages: {}")
        path.symlink_to("other")
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.write_bytes(b"\xff\xfe" if kind == "binary" else b"#" * (2 << 20))
    read = collect_pipeline(tmp_path)
    assert read.present
    assert read.problem.startswith("`dvc.yaml`")


def test_none_is_not_there(tmp_path):
    assert not collect_pipeline(tmp_path).present


def test_dependencies_are_not_followed_out_of_the_workspace(tmp_path):
    root = tmp_path / "workspace"
    root.mkdir()
    (tmp_path / "secret").write_text("secret")
    (root / "a").symlink_to(tmp_path / "secret")
    (root / "b").symlink_to(tmp_path)
    os.mkfifo(root / "c")
    write(root, dvc_yaml={"stages": {"s": {"cmd": "x", "deps": ["a", "b", "b/secret", "c", "gone"]}}})
    assert [link.md5 for link in collect_pipeline(root).stages[0].deps] == [None] * 5


LOCKS = [
    "", "[]", "stages: []", "stages: {s: 1}", "stages: {s: {cmd: [1, {a: b}], deps: 1, outs: [1, {path: 1, md5: 2}]}}",
    "stages: {s: {cmd: x, deps: [{path: d, md5: 'no sum'}], params: {params.yaml: [1]}}}", "stages: {s: {params: 1}}",
    "\x00", "schema: &a [*a]",
    "stages: {s: {outs: [{path: '../../etc/passwd', md5: d41d8cd98f00b204e9800998ecf8427e}]}}",
]  # fmt: skip


@pytest.mark.parametrize("text", LOCKS)
def test_a_lock_file_that_says_nothing(tmp_path, text):
    write(tmp_path, dvc_yaml={"stages": {"s": {"cmd": "x", "deps": ["d"], "params": ["p"]}}}, dvc_lock=text, d="1")
    read = collect_pipeline(tmp_path)
    assert not read.problem
    stage = read.stages[0]
    assert stage.deps[0].locked is None
    assert not stage.deps[0].current
    assert not stage.params[0].is_recorded


def test_parameters_that_are_hard_to_tell(tmp_path):
    write(
        tmp_path,
        dvc_yaml={"stages": {"s": {"cmd": "x", "params": ["a.b", "c.0", "d", "e", "huge.x", {"p.json": ["x", ""]}]}}},
        params_yaml="a.b: 1\nc: [x]\nd: 2025-01-01\ne: !!set {x}\nhuge: 7\n",
        p_json='{"x": ' + "[" * 30 + "]" * 30 + ', "y": "\\ud800", "z": NaN, "n": 1' + "0" * 300 + "}",
    )
    read = collect_pipeline(tmp_path)
    values = {each.key: (each.present, each.value) for each in read.stages[0].params}
    assert values["a.b"] == (True, 1)
    assert values["c.0"] == (True, "x")
    assert values["d"] == (True, "2025-01-01")
    assert values["e"] == (True, ["x"])
    assert values["huge.x"] == (False, None)
    assert read.model_dump_json()


@pytest.mark.timeout(60)
def test_many_names_of_one_parameter_file_are_read_once(tmp_path):
    write(tmp_path, params_yaml="\n".join(f"k{n}: {n}" for n in range(10_000)))
    stages = {f"s{n}": {"cmd": "x", "params": [f"k{m}" for m in range(200)]} for n in range(50)}
    write(tmp_path, dvc_yaml={"stages": stages})
    started = time.process_time()
    assert len(collect_pipeline(tmp_path).stages) == 50
    assert time.process_time() - started < 15


def test_templates_follow_the_parameters():
    text = "stages: {s: {cmd: 'x ${a.b}', deps: ['${a.c}'], outs: [o]}}"

    def load(path):
        if path != "params.yaml":
            raise ForeignText("no", "")
        return {"a": {"b": 2, "c": "d"}}

    stage = read_pipeline(text, load).stages[0]
    assert stage.commands == ("x 2",)
    assert stage.deps[0].path == "d"


WORDS = st.sampled_from(
    ["stages", "cmd", "deps", "outs", "params", "metrics", "plots", "vars", "wdir", "s", "a", "b/c", "..", "${a}",
     "cache", "params.yaml", "path", "md5", "0" * 32, "foreach", "frozen", "${a.b[0]}", "a.b", ""]
)  # fmt: skip
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.integers(), inner, max_size=4),
    max_leaves=25,
)
STAGES = st.dictionaries(st.sampled_from(["a", "b"]), st.dictionaries(WORDS, TREES, max_size=5), max_size=2)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    definition=st.binary(max_size=100) | (TREES | STAGES.map(lambda stages: {"stages": stages})).map(
        lambda tree: yaml.dump(tree, Dumper=yaml.SafeDumper).encode("utf-8", "replace")
    ),
    lock=st.binary(max_size=100) | TREES.map(lambda tree: json.dumps({"stages": {"a": tree}}).encode()),
    params=st.binary(max_size=100) | TREES.map(lambda tree: json.dumps({"a": tree}).encode()),
)  # fmt: skip
def test_no_bytes_raise(tmp_path, definition, lock, params):
    for name, content in (("dvc.yaml", definition), ("dvc.lock", lock), ("params.yaml", params)):
        (tmp_path / name).write_bytes(content)
    read = collect_pipeline(tmp_path)
    assert read.model_validate_json(read.model_dump_json()).model_dump_json() == read.model_dump_json()
