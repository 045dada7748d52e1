"""Pipelines that are reproduced: honest ones, ones that leave something out, and ones that try something."""

import os
import textwrap
from datetime import UTC, datetime

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from checker.collect.pipelines import collect_pipeline, parse_params, select
from checker.course import Lab
from checker.declarations import PipelineProof
from checker.evidence import Evidence, Identity
from checker.evidence.pipelines import Link, Param, Stage
from checker.jail import Jail, can_confine
from checker.prove import texts
from checker.prove.pipelines import _reduced, _with, reproduce
from checker.workspace import Workspace

KEY = b"k" * 32
needs_walls = pytest.mark.skipif(not can_confine(), reason="no bubblewrap")
TABLE = {"table": "labelled", "months": [1], "rows": 500}
FIXTURE = {"path": "data/in.csv", **TABLE}
CODE = {
    "src/one.py": """
        import yaml
        from shared import double
        rows = open("data/in.csv").read().splitlines()
        many = double(yaml.safe_load(open("params.yaml"))["one"]["many"])
        open("out/one.txt", "w").write("\\n".join(rows[:many]) + "\\n")
    """,
    "src/two.py": """
        import yaml
        share = yaml.safe_load(open("params.yaml"))["two"]["share"]
        open("two.json", "w").write('{"n": %r}' % (len(open("out/one.txt").read().splitlines()) * share))
    """,
    "data/in.csv": "the learner's own\n",
    "src/shared.py": "def double(number):\n    return 2 * number\n",
    "params.yaml": "one: {many: 3}\ntwo: {share: 0.5}\n",
}
STAGES = {
    "two": {
        "cmd": "python src/two.py",
        "deps": ["src/two.py", "out/one.txt"],
        "params": ["two.share"],
        "metrics": ["two.json"],
    },
    "one": {
        "cmd": "python src/one.py",
        "deps": ["src/one.py", "src/shared.py", "data/in.csv"],
        "params": ["one.many"],
        "outs": ["out/one.txt"],
    },
}
CASES = {
    "first": {},
    "again": {"again": True},
    "many": {"params": {"one.many": [3, 5]}},
    "share": {"params": {"two.share": [0.5, 0.25]}},
    "data": {"data": {"data/in.csv": {**TABLE, "holdout": True}}},
}


@pytest.fixture
def prove(tmp_path):
    """Reproduce a pipeline and return case -> what came of it; the workspace must stay as it is."""
    root = tmp_path / "workspace"
    root.mkdir()

    def run(stages=STAGES, cases=CASES, confined=False, seconds=20, **files):
        for path, text in {**CODE, **{k.replace("__", "/"): v for k, v in files.items()}}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(textwrap.dedent(text))
        (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}, sort_keys=False))
        proof = PipelineProof(outputs=["two.json"], columns=["transaction_id"], cases=cases, seconds=seconds)
        lab = Lab(
            day=1,
            slug="x",
            title="",
            outcome="",
            module="m",
            tools=(),
            fixtures=[FIXTURE],
            proofs={"pipelines": [proof]},
        )
        identity = Identity(lab=lab.name, learner="me", workspace_id="0" * 32, seed=7, started=datetime.now(UTC))
        before = {path: (path.is_file() and path.read_bytes()) for path in root.rglob("*")}
        evidence = Evidence(workspace=identity, pipeline=collect_pipeline(root))
        with Jail(confined=confined) as jail:
            found = {each.case: each for each in reproduce(lab, Workspace(root, identity), evidence, KEY, jail)}
        assert {path: (path.is_file() and path.read_bytes()) for path in root.rglob("*")} == before
        return found

    run.root = root
    return run


def changed(stage, **fields):
    return {**STAGES, stage: {**STAGES[stage], **fields}}


@pytest.mark.parametrize("confined", [False, pytest.param(True, marks=needs_walls)])
def test_only_what_a_change_reaches_is_run(prove, confined):
    runs = prove(confined=confined)
    assert {case: run.problem for case, run in runs.items()} == dict.fromkeys(CASES)
    assert {case: run.ran for case, run in runs.items()} == {
        "first": (), "again": (), "many": ("one", "two"), "share": ("two",), "data": ("one", "two"),
    }  # fmt: skip
    assert runs["first"].outputs == {"two.json": '{"n": 3.0}'}
    assert runs["again"].stages[0].outs == runs["first"].stages[0].outs
    assert runs["many"].params == {"one.many": 5}
    assert runs["many"].outputs == {"two.json": '{"n": 5.0}'}
    assert runs["share"].outputs == {"two.json": '{"n": 1.5}'}
    # Six lines are six lines: `one` wrote others, so `two` was run on them.
    assert runs["data"].stage("one").outs != runs["first"].stage("one").outs
    ids = runs["data"].tables["data/in.csv"].splitlines()
    assert ids[0] == "transaction_id"
    assert len(ids) == 501
    assert runs["first"].tables["data/in.csv"] != runs["data"].tables["data/in.csv"]


def test_data_that_the_learner_changed_are_the_worlds_again(prove):
    assert prove(data__in_csv="x\n" * 100, cases={"first": {}})["first"].outputs == {"two.json": '{"n": 3.0}'}


UNDECLARED = {
    "module": (
        changed("one", deps=["src/one.py", "data/in.csv"]),
        "imports `src/shared.py`, which it does not declare",
    ),
    "data": (changed("one", deps=["src/one.py", "src/shared.py"]), "reads `data/in.csv`, which it does not declare"),
    "parameter": (changed("two", params=["two.other"]), "the parameter `two`, which it does not declare"),
    "no parameters": (changed("two", params=[]), "reads `params.yaml` and declares no parameter"),
    "script": (changed("two", deps=["out/one.txt"]), "reads `src/two.py`, which it does not declare"),
    "output": (changed("two", metrics=["three.json"]), "does not write `three.json`, which it declares"),
    "status": (changed("two", cmd="echo no luck; exit 3"), "ends with status 3: no luck"),
}


@pytest.mark.parametrize("name", UNDECLARED)
def test_what_is_left_out_is_named(prove, name):
    stages, said = UNDECLARED[name]
    runs = prove(stages)
    assert said in runs["first"].problem, runs["first"].problem
    assert "not tried" in runs["many"].problem


def test_an_output_of_another_stage_that_is_not_declared_is_named(prove):
    stages = changed("two", deps=["src/two.py"])
    assert "reads `out/one.txt`, which it does not declare" in prove(stages)["first"].problem


def test_templates_folders_lists_of_commands_and_modules(prove):
    stages = {
        "one": {
            "cmd": ["mkdir deep", "python -m src.write ${one.many}"],
            "deps": ["src"],
            "outs": ["deep"],
            "wdir": ".",
        },
        "two": {
            "wdir": "src",
            "cmd": "cat ../deep/a/*.txt | wc -l > ../two.json && echo '${two.share}' > ../own.txt",
            "deps": ["../deep"],
            "outs": ["../two.json", "../own.txt"],
        },
    }
    write = """
        import os, sys
        os.makedirs("deep/a")
        for number in range(int(sys.argv[1])):
            open(f"deep/a/{number}.txt", "w").write("x\\n")
        os._exit(0)
    """
    runs = prove(stages, {"first": {}, "many": {"params": {"one.many": [2]}}, "s": {"params": {"two.share": [9]}}},
                 src__write_py="", **{"src/write.py": write})  # fmt: skip
    assert [run.problem for run in runs.values()] == [None] * 3
    assert runs["first"].outputs["two.json"].strip() == "3"
    assert runs["many"].outputs["two.json"].strip() == "2"
    assert runs["first"].stage("one").outs["deep"].endswith(".dir")
    assert runs["s"].ran == ("two",)


def test_the_sums_are_those_of_dvc(prove):
    stages = {
        "make": {
            "cmd": "mkdir -p tree/a && echo 1 > tree/a/b && echo 2 > tree/a-b && echo 3 > file",
            "deps": ["src"],
            "outs": ["tree", "file"],
        }
    }
    (prove.root / "tree" / "a").mkdir(parents=True)
    for path, text in (("tree/a/b", "1\n"), ("tree/a-b", "2\n"), ("file", "3\n")):
        (prove.root / path).write_text(text)
    outs = prove(stages, cases={"first": {}})["first"].stage("make").outs
    assert outs == {link.path: link.md5 for link in collect_pipeline(prove.root).stages[0].outs}


@pytest.mark.parametrize(("said", "agrees"), [('{"n": 3.0000000001}', True), ('{"n": 3.1}', False)])
def test_the_lock_file_is_compared_but_for_last_digits(prove, said, agrees):
    import hashlib

    (prove.root / "two.json").write_text(said)
    md5 = hashlib.md5(said.encode()).hexdigest()
    lock = {"stages": {"two": {"cmd": "x", "outs": [{"path": "two.json", "md5": md5}]}}}
    (prove.root / "dvc.lock").write_text(yaml.safe_dump(lock))
    run = prove(cases={"first": {}})["first"]
    assert run.stage("two").agrees == {"two.json": agrees}
    assert run.stage("one").agrees == {}


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("a,1.0\r\nb,2\r\n", "a,1.0\nb,2\n", True), ("1e-3", "0.001", True), ("t1", "t2", False), ("1", "", False),
        ("1.5 x", "1.5 y", False), ("nan", "nan", True), ("1" * 400, "2" * 400, True), ("", "", True),
    ],
)  # fmt: skip
def test_alike(one, other, alike):
    assert texts.alike(one, other) == alike


def test_what_draws_at_random_differs(prove):
    code = CODE["src/two.py"] + "\n        import random; open('two.json', 'a').write(str(random.random()))\n"
    runs = prove(cases={"first": {}, "again": {"again": True}}, **{"src/two.py": code})
    assert runs["first"].stage("two").outs != runs["again"].stage("two").outs
    assert runs["first"].stage("one").outs == runs["again"].stage("one").outs


def test_a_case_with_other_data_that_fails_says_nothing_of_them(prove):
    code = CODE["src/one.py"] + "\n        if 'learner' not in rows[0] and len(set(rows)) < 0: pass\n"
    code += "        raise SystemExit(rows[1] if rows[1] != %r else 0)\n"
    first = prove(cases={"first": {}}, **{"src/one.py": CODE["src/one.py"] + "\n        print(rows[1])\n"})
    row = first["first"].stage("one").printed.strip()
    runs = prove(cases={"first": {}, "data": CASES["data"]}, **{"src/one.py": code % row})
    assert runs["first"].problem is None
    assert "ends with status 1" in runs["data"].problem
    assert "2025-01" not in str(runs["data"].problem) + runs["data"].stages[0].printed


def test_what_was_printed_beside_hidden_rows_is_kept_back(prove):
    code = CODE["src/one.py"] + "\n        print(rows[1])\n        raise SystemExit(many > 0 and rows[1][:0] or 0)\n"
    runs = prove(cases={"first": {}, "data": CASES["data"]}, **{"src/one.py": code})
    assert "2025-01" in runs["first"].stage("one").printed
    assert "2025-01" not in runs["data"].stage("one").printed


HOSTILE = {
    "link": (
        "import os; os.makedirs('out', exist_ok=True); os.symlink('/etc/passwd', 'out/one.txt')",
        "does not write",
    ),
    "linked folder": ("import os, shutil; shutil.rmtree('out', ignore_errors=True); os.symlink('/etc', 'out')", "not"),
    "pipe": ("import os; os.mkfifo('out/one.txt')", "does not write"),
    "large": ("open('out/one.txt', 'wb').truncate(40 << 20)", "more than"),
    "many": ("import os; os.mkdir('out/one.txt')\nfor n in range(600): open(f'out/one.txt/{n}', 'w')", "more than"),
    "asleep": ("import time; time.sleep(600)", "answer within"),
    "busy": ("while True: pass", "s"),
    "forks": ("import os\nwhile True: os.fork()", "s"),
    "raises": ("raise BaseException('\\x1b[2J')", "ends with status 1"),
    "killed": ("import os, signal; os.kill(os.getpid(), 9)", "status -9"),
    "killer": ("import os, signal; os.kill(os.getppid(), 9)", "s"),
    "network": ("import socket; socket.create_connection(('127.0.0.1', 80), 1)", "ends with status 1"),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_stages_are_refused(prove, name):
    source, said = HOSTILE[name]
    runs = prove(cases={"first": {}}, confined=can_confine(), seconds=1, **{"src/one.py": source})
    assert said in runs["first"].problem
    assert "\x1b" not in runs["first"].problem


def test_a_folder_in_the_place_of_a_file(prove):
    stages = {
        "one": {"cmd": "mkdir -p a/b && touch a/b/c", "deps": ["data/in.csv"], "outs": ["a/b"]},
        "two": {
            "cmd": "touch x && ls a", "deps": ["a", "src/one.py", "src"], "params": [{"a/b/p.yaml": ["k"]}, "one"],
            "outs": ["src/one.py/x", "x"],
        },
    }  # fmt: skip
    assert prove(stages, cases={"first": {}})["first"].problem


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"params.yaml": "one: 1"}, "`params.yaml` has no `one.many`"),
        ({"params.yaml": "- a"}, "`params.yaml` has no `one.many`"),
        ({"params.yaml": "a: *b"}, "alias"),
    ],
)
def test_a_parameter_that_is_not_there(prove, files, said):
    assert said in prove(**files)["first"].problem


def test_no_pipeline(prove):
    assert "has no `cmd`" in prove({"one": {"deps": []}})["first"].problem


def test_parameters_are_reduced_to_what_is_declared(prove):
    show = "import yaml, json; open('two.json', 'w').write(json.dumps(yaml.safe_load(open('params.yaml'))))"
    for declared, expected in (
        (["two"], '{"two": {"share": 0.5}}'),
        (["two.share", "one.many"], '{"two": {"share": 0.5}, "one": {"many": 3}}'),
        ([{"params.yaml": None}], '{"one": {"many": 3}, "two": {"share": 0.5}}'),
        (["list.1", "deep.a.b", "dotted.key"], '{"list": [1, 2], "deep": {"a": {"b": 1}}, "dotted.key": 7}'),
    ):
        stages = {"two": {**STAGES["two"], "deps": ["src/two.py"], "params": declared}}
        params = CODE["params.yaml"] + "list: [1, 2]\ndeep: {a: {b: 1, c: 2}, d: 3}\ndotted.key: 7\n"
        if declared == [{"params.yaml": None}]:
            params = CODE["params.yaml"]
        run = prove(stages, {"first": {}}, **{"src/two.py": show, "params.yaml": params})["first"]
        assert run.outputs["two.json"] == expected
    stages = {"two": {**STAGES["two"], "deps": ["src/two.py", "params.yaml"], "params": []}}
    run = prove(stages, {"first": {}, "many": CASES["many"]}, **{"src/two.py": show})
    assert run["many"].outputs["two.json"] == '{"one": {"many": 5}, "two": {"share": 0.5}}'
    assert run["many"].ran == ("two",)


KEYS = st.sampled_from(["a", "b", "a.b", "a.b.c", "a[0]", "a.0.b", ".", "[]", "a.", "1", "true", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.integers() | st.booleans(), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(content=VALUES, keys=st.lists(KEYS, max_size=4), file=st.sampled_from(["params.yaml", "p.json"]))
def test_no_parameters_raise(content, keys, file):
    params = tuple(Param(file=file, key=key) for key in keys)
    stage = Stage(name="s", commands=("x",), params=params, deps=(Link(path="params.yaml", kind="dependency"),))
    before = yaml.safe_dump(content)
    for path, written in _reduced(stage, {file: content, "params.yaml": content}).items():
        parse_params(path, written.decode())
    assert yaml.safe_dump(content) == before
    for key in keys:
        if select(content, key)[0] and key in ("a.b", "a.b.c"):
            assert select(_with(content, key, 7), key) == (True, 7)


def test_no_environment_of_the_grader(prove):
    os.environ["SECRET_OF_THE_GRADER"] = "x"
    code = "import os; open('two.json', 'w').write(str('SECRET_OF_THE_GRADER' in os.environ))"
    run = prove({"two": {**STAGES["two"], "deps": ["src/two.py"]}}, {"first": {}}, **{"src/two.py": code})["first"]
    assert run.outputs["two.json"] == "False"


def test_the_first_case_changes_nothing():
    with pytest.raises(ValidationError, match="the first case"):
        PipelineProof(cases={"a": {"again": True}})
