"""Commands that are run again: honest ones, and ones that try something."""

import json
import os
import subprocess
import sys
import textwrap
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from checker.course import Lab
from checker.declarations import CommandProof
from checker.errors import Unavailable
from checker.evidence import Identity
from checker.jail import Jail, can_confine
from checker.planted import Plant, source_of
from checker.prove import commands
from checker.workspace import Workspace

KEY = b"k" * 32
PACKAGE = "def double(number, *, of=2):\n    '''Return the double.'''\n    return number * of\n"
TWO = "import sys\nsys.path.insert(0, 'src')\nimport pytest\nfrom pack.one import double\n\n"
needs_walls = pytest.mark.skipif(not can_confine(), reason="no bubblewrap")


def tripled(original):
    """Words that must not travel: a fault."""

    def planted(number, *, of=2):
        return original(number, of=of + 1)

    return planted


def same(original):
    """No fault."""

    def planted(number, *, of=2):
        return original(number, of=of)

    return planted


PLANTS = {
    "tripled": Plant(changes={"pack.one:double": tripled}),
    "same": Plant(changes={"pack.one:double": same}),
    "file": Plant(files={"src/pack/one.py": "double = str\n", "new/file.txt": "new"}),
}
ONE = {"plain": {}}
FAULT = {"plain": {}, "tripled": {"plant": "tripled"}, "same": {"plant": "same"}}


@pytest.fixture
def prove(tmp_path, monkeypatch):
    """Run a command on files and return case -> what came of it."""
    monkeypatch.setattr(commands, "load_plants", lambda module: PLANTS)
    folder = tmp_path / "workspace"
    folder.mkdir()

    def run(files, cases=None, command=("python", "-m", "pytest", "-q"), confined=False, **changes):
        for path, text in {"src/pack/__init__.py": "", "src/pack/one.py": PACKAGE, **files}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(textwrap.dedent(text))
        proof = CommandProof(
            name="tests", command=command, files=("src/**", "tests/**", "*.py", "*.toml"), cases=cases or ONE, **changes
        )
        lab = Lab(day=1, slug="x", title="", outcome="", module="m", tools=(), proofs={"commands": [proof]})
        identity = Identity(lab=lab.name, learner="me", workspace_id="0" * 32, seed=7, started=datetime.now(UTC))
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        with Jail(confined=confined) as jail:
            found = {each.case: each for each in commands.run_again(proof, lab, Workspace(folder, identity), KEY, jail)}
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
        return found

    run.folder = folder
    return run


def statuses(runs):
    return {case: run.problem or run.status for case, run in runs.items()}


@pytest.mark.parametrize("confined", [False, pytest.param(True, marks=needs_walls)])
def test_good_tests_tell_the_fault_and_nothing_else(prove, confined):
    good = (
        TWO
        + "def test_double():\n    assert double(4) == 8\n    assert double.__doc__ and double.__name__ == 'double'\n"
    )
    assert statuses(prove({"tests/test_one.py": good}, FAULT, confined=confined)) == {
        "plain": 0,
        "tripled": 1,
        "same": 0,
    }


def test_a_warning_that_is_an_error_is_no_fault_of_the_jail(prove):
    settings = '[tool.pytest.ini_options]\nfilterwarnings = ["error"]\nxfail_strict = true\n'
    test = TWO + "import pandas\ndef test_double(tmp_path, capsys):\n    assert double(4) == 8\n"
    runs = prove({"tests/test_one.py": test, "pyproject.toml": settings}, FAULT)
    assert statuses(runs) == {"plain": 0, "tripled": 1, "same": 0}


def test_a_plugin_that_the_files_name_is_there(prove):
    test = TWO + "def test_double():\n    assert double(4) == 8\n"
    settings = '[tool.pytest.ini_options]\naddopts = "--timeout 60"\n'
    assert statuses(prove({"tests/test_one.py": test, "pyproject.toml": settings})) == {"plain": 0}


PRYING = {
    "wrapped": "assert not hasattr(double, '__wrapped__')",
    "file": "import inspect; assert 'of=2' in inspect.getsource(double)",
    "place": "assert double.__code__.co_filename.endswith('src/pack/one.py')",
    "source": "import pathlib; assert 'number * of' in pathlib.Path('src/pack/one.py').read_text()",
    "signature": "import inspect; assert str(inspect.signature(double)) == '(number, *, of=2)'",
    "names": "import inspect; assert double.__module__ == 'pack.one' and double.__qualname__ == 'double'",
    "finders": "import sys; assert any('tasks' in type(each).__module__ for each in sys.meta_path)",
    "loader": "import pack.one; assert type(pack.one.__loader__).__name__ == 'SourceFileLoader'",
    "depth": "assert len(frames(double)) == 4",
    "environment": "import os; assert 'tripled' not in str(dict(os.environ)) + os.getcwd() + str(os.listdir('.'))",
    "arguments": "import sys; assert 'tripled' not in str(sys.argv) + open('/proc/self/cmdline').read()",
    "files": "import os; assert 'tripled' not in str([each for each in os.walk('..')])",
    "frames": "assert not any('tripled' in str(frame.f_locals) for frame in all_frames())",
}
HELPERS = """
import sys
class Number(int):
    def __mul__(self, other):
        frame, found = sys._getframe(1), []
        while frame and frame.f_code.co_name != 'test_it':
            found.append(frame)
            frame = frame.f_back
        self.found.extend(found)
        return 8
def frames(function):
    Number.found = []
    function(Number(4))
    return Number.found
def all_frames():
    frame = sys._getframe(1)
    while frame.f_back:
        frame = frame.f_back
        if frame.f_code.co_name != 'test_it':
            yield frame
"""


@pytest.mark.parametrize("name", PRYING)
def test_what_a_test_can_see_is_the_same_in_each_case(prove, name):
    """Every easy way to tell a planted run from a plain one says the same in both."""
    test = TWO + HELPERS + f"def test_it():\n    {PRYING[name]}\n"
    found = statuses(prove({"tests/test_one.py": test}, FAULT))
    assert set(found.values()) == {0}, found


def test_a_suite_that_finds_the_shell_finds_it_everywhere(prove):
    test = TWO + "def test_it():\n    assert 'number' in double.__code__.co_varnames\n"
    runs = prove({"tests/test_one.py": test}, FAULT)
    assert runs["plain"].status == 1
    assert "not tried" in runs["tripled"].problem


def test_changes_are_sent_without_words_of_ours():
    source = source_of(tripled)
    assert "fault" not in source
    assert "tripled" not in source


def test_no_case_finds_another(prove):
    test = TWO + textwrap.dedent("""
        import os, pathlib, tempfile
        def test_it():
            places = [pathlib.Path('..'), pathlib.Path.home(), pathlib.Path(tempfile.gettempdir())]
            assert not [place for place in places if (place / 'kept').exists()]
            for place in places:
                (place / 'kept').write_text('x')
    """)
    assert set(statuses(prove({"tests/test_one.py": test}, FAULT)).values()) == {0}


def test_files_are_planted_over_the_learners(prove):
    test = TWO + "def test_it():\n    assert double(4) == 8\n"
    runs = prove({"tests/test_one.py": test}, {"plain": {}, "file": {"plant": "file"}})
    assert statuses(runs) == {"plain": 0, "file": 1}
    assert not (prove.folder / "new").exists()


TELL = """
import json, sys
json.dump([sys.argv[1:], open(sys.argv[1]).readline()], open('out.json', 'w'))
print('said')
"""


@pytest.mark.parametrize("command", [("python", "-m", "tell"), ("python", "tell.py")])
def test_data_and_arguments_come_and_outputs_go(prove, command):
    recipe = {"table": "transactions", "months": [1], "rows": 500}
    cases = {
        "one": {"data": {"in/a.csv": recipe}, "arguments": ["in/a.csv"]},
        "two": {"data": {"in/a.csv": recipe | {"holdout": True}}, "arguments": ["in/a.csv", "x"]},
    }
    runs = prove({"tell.py": TELL}, cases, command, outputs=("out.json", "other.json"))
    assert statuses(runs) == {"one": 0, "two": 0}
    (arguments, header) = json.loads(runs["two"].outputs["out.json"])
    assert arguments == ["in/a.csv", "x"]
    assert runs["one"].inputs["in/a.csv"].startswith("transaction_id")
    assert runs["two"].inputs["in/a.csv"].startswith(header)
    assert runs["one"].printed.strip() == "said"
    assert "kept back" in runs["two"].printed


@pytest.mark.parametrize(
    ("program", "status", "words"),
    [
        ("raise SystemExit(3)", 3, ""),
        ("raise SystemExit('no good')", 1, "no good"),
        ("1 / 0", 1, "ZeroDivisionError"),
        ("import os; os._exit(0)", "ended its process before it answered", ""),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended", ""),
        ("while True: pass", "used more than 3 seconds of CPU time", ""),
        ("import time; time.sleep(600)", "did not answer within 12 seconds", ""),
        ("import os, sys; os.write(2, b'x' * 100_000); sys.exit(0)", 0, "xxx"),
        ("def f(): f()\nf()", 1, "RecursionError"),
    ],
)
def test_however_it_ends_there_is_an_answer(prove, program, status, words):
    run = prove({"tell.py": program}, command=("python", "-m", "tell"), seconds=3)["plain"]
    if isinstance(status, str):
        assert status in run.problem
    else:
        assert run.status == status
        assert words in run.printed
        assert len(run.printed) <= 4096


@pytest.mark.parametrize(
    "answer", ['{"a": 1}', "null", "true", '"0"', "1" * 3000, "[0]", "0.0", "NaN", "{" * 99999, "x"]
)
def test_a_forged_answer_is_no_status(prove, answer):
    forge = f"""
        import os
        for descriptor in range(3, 64):
            try:
                os.write(descriptor, b'''{answer}''')
            except OSError:
                pass
        os._exit(0)
    """
    run = prove({"tell.py": forge}, command=("python", "-m", "tell"), seconds=20)["plain"]
    assert run.problem
    assert run.status is None


@pytest.mark.parametrize(
    "trick",
    [
        "os.symlink('/etc/hostname', 'out.json')",
        "os.mkfifo('out.json')",
        "os.mkdir('out.json')",
        "open('out.json', 'wb').write(b'\\xff')",
        "open('out.json', 'w').write('x' * (2 << 20))",
    ],
)
def test_outputs_that_are_no_short_texts_do_not_come_back(prove, trick):
    run = prove({"tell.py": f"import os\n{trick}\n"}, command=("python", "-m", "tell"), outputs=("out.json",))["plain"]
    assert (run.status, run.outputs) == (0, {})


def test_links_and_what_could_not_travel_are_not_brought(prove, tmp_path):
    (tmp_path / "secret.py").write_text("secret")
    (prove.folder / "tests").mkdir()
    (prove.folder / "tests" / "test_link.py").symlink_to(tmp_path / "secret.py")
    os.mkfifo(prove.folder / "tests" / "test_pipe.py")
    proof = CommandProof(name="t", command=("python",), files=("tests/**",), cases=ONE)
    identity = Identity(lab="l", learner="me", workspace_id="0" * 32, seed=7, started=datetime.now(UTC))
    assert commands._brought(proof, Workspace(prove.folder, identity)) == {}


def test_too_much_is_refused_in_words(prove):
    (prove.folder / "tests").mkdir()
    for number in range(3):
        (prove.folder / "tests" / f"{number}.bin").write_bytes(bytes(4 << 20))
    assert "more than 8 MiB" in prove({})["plain"].problem


def test_where_nothing_is_there_nothing_is_run(tmp_path):
    proof = CommandProof(name="t", command=("python", "-m", "x"), files=("src/**",), cases=FAULT)
    lab = Lab(day=1, slug="x", title="", outcome="", module="m", tools=())
    identity = Identity(lab="l", learner="me", workspace_id="0" * 32, seed=7, started=datetime.now(UTC))
    runs = list(commands.run_again(proof, lab, Workspace(tmp_path, identity), KEY, None))
    assert {run.problem for run in runs} == {"none of the files is there that it needs"}


def test_a_program_that_this_machine_lacks_is_nobodys_fault(prove):
    with pytest.raises(Unavailable, match="no-such-program"):
        prove({}, command=("no-such-program",))


@pytest.mark.parametrize(
    "changes", [{"command": ()}, {"files": ()}, {"files": ("../x",)}, {"cases": {}}, {"outputs": ("/etc/x",)}]
)
def test_a_proof_that_makes_no_sense_is_refused(changes):
    whole = {"name": "t", "command": ("x",), "files": ("a",), "cases": ONE}
    with pytest.raises(ValidationError):
        CommandProof.model_validate(whole | changes)


def test_an_edit_is_made_of_the_learners_own_text_and_in_its_case_alone(prove, monkeypatch):
    plants = {"louder": Plant(edits={"rules.toml": str.upper, "not-there.toml": str.upper})}
    monkeypatch.setattr(commands, "load_plants", lambda module: plants)
    files = {"rules.toml": "quiet", "tell.py": "open('out.json', 'w').write(open('rules.toml').read())\n"}
    cases = {"plain": {}, "louder": {"plant": "louder"}, "again": {}}
    runs = prove(files, cases, command=("python", "-m", "tell"), outputs=("out.json",))
    texts = {case: run.outputs.get("out.json") for case, run in runs.items()}
    assert texts == {"plain": "quiet", "louder": "QUIET", "again": "quiet"}


def test_what_is_spoilt_in_a_table_is_told_with_it(prove):
    recipe = {"table": "transactions", "months": [5], "rows": 500, "dirty": {"kinds": ["empty_country"]}}
    cases = {"plain": {"data": {"in.csv": recipe}}, "none": {}}
    runs = prove({"tell.py": "pass\n"}, cases, command=("python", "-m", "tell"))
    lines = runs["plain"].inputs["in.csv"].splitlines()[1:]
    stateless = tuple(number for number, line in enumerate(lines) if ",," in line)
    assert runs["plain"].spoilt == {"in.csv": {"empty_country": stateless}}
    assert runs["none"].spoilt == {}


@pytest.mark.parametrize(("excused", "status"), [(True, 0), (False, 1)])
def test_pytest_does_not_wonder_at_what_a_warm_jail_has_imported(tmp_path, excused, status):
    (tmp_path / "test_one.py").write_text("def test_one():\n    assert True\n")
    lines = [
        "import sys, anyio, pytest",
        "from checker.tasks import plugins",
        "plugins.excuse()" if excused else "",
        f"sys.exit(pytest.main(['-q', '-W', 'error', '-p', 'no:cacheprovider', {str(tmp_path)!r}]))",
    ]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
