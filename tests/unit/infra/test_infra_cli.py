import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from infra import cli, profile
from infra.profile import ServiceStatus
from infra.trouble import Trouble


class Fake:
    """A profile that answers what a test told it to."""

    def __init__(self) -> None:
        self.rows: list[ServiceStatus] = []
        self.variables: dict[str, str] = {}
        self.failure: BaseException | None = None
        self.doomed: list[Path] = []
        self.deleted = False

    def up(self, wishes: object, progress: object) -> bool:
        if self.failure:
            raise self.failure
        return True

    def down(self, progress: object) -> bool:
        return True

    def data(self) -> list[Path]:
        return self.doomed

    def delete_data(self) -> None:
        self.deleted = True

    def status(self) -> list[ServiceStatus]:
        return self.rows

    def log_names(self) -> list[str]:
        return ["mlflow"]

    def logs(self, services: list[str], lines: int, follow: bool) -> list[tuple[str, str]]:
        return [(name, f"{lines} {follow}") for name in services]

    def environment(self) -> dict[str, str]:
        return self.variables


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    made = Fake()
    monkeypatch.setattr(profile, "load", lambda name: made)
    monkeypatch.setattr("signal.signal", lambda number, handler: None)
    monkeypatch.delenv("MLOPS_LABS_DEBUG", raising=False)
    return made


def run(*words: str, typed: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(cli.main, list(words), input=typed)
    return result.exit_code, result.output


def row(state: str) -> ServiceStatus:
    return ServiceStatus("mlflow", "MLflow", state, "http://127.0.0.1:5000", 7, 3 * 2**20, "2026-01-01")


def test_status_exit_codes_and_json(fake: Fake) -> None:
    assert run("status")[0] == 3
    fake.rows = [row("running")]
    code, text = run("status")
    assert code == 0
    assert "MLflow" in text and "pid 7" in text and "3 MiB" in text
    fake.rows.append(row("starting"))
    code, text = run("status", "--format", "json")
    assert code == 3
    told = json.loads(text)
    assert told["running"] is False
    assert told["services"][0]["memory_bytes"] == 3 * 2**20


def test_env_survives_a_shell_with_odd_values(fake: Fake) -> None:
    fake.variables = {"A": 'it\'s $(date) `id` "x" \\ %', "B": "two\nlines", "C": ""}
    code, text = run("env")
    assert code == 0
    script = text + f'\nexec {sys.executable} -c "import os, json; print(json.dumps(dict(os.environ)))"'
    seen = json.loads(subprocess.run(["sh", "-c", script], capture_output=True, check=True).stdout)
    assert {name: seen[name] for name in fake.variables} == fake.variables
    assert json.loads(run("env", "--format", "json")[1]) == fake.variables


def test_env_without_a_platform(fake: Fake) -> None:
    code, text = run("env")
    assert code == 3
    assert "Next:     infra up" in text


def test_trouble_ends_with_three_and_three_parts(fake: Fake) -> None:
    fake.failure = Trouble(found="a", expected="b", next_step="c", details="log line")
    code, text = run("up")
    assert code == 3
    assert text == "log line\n\nFound:    a\nExpected: b\nNext:     c\n"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("odd")])
def test_no_error_is_a_traceback(fake: Fake, error: Exception) -> None:
    fake.failure = error
    code, text = run("up")
    assert code == 3
    assert str(error) in text and "Next:" in text and "Traceback" not in text


def test_ctrl_c_says_so(fake: Fake) -> None:
    fake.failure = KeyboardInterrupt()
    assert run("up")[0] == 130


@pytest.mark.parametrize(
    "words",
    [
        ["upp"],
        ["up", "--mlflow-port", "0"],
        ["up", "--mlflow-port", "70000"],
        ["up", "--no-jupyter", "--open", "x"],
        ["up", "--notebooks", "/no/such/folder"],
        ["up", "--profile", "moon"],
        ["logs", "grafana"],
    ],
)
def test_wrong_usage_ends_with_two(fake: Fake, words: list[str]) -> None:
    assert run(*words)[0] == 2


def test_delete_data_asks_first(fake: Fake) -> None:
    fake.doomed = [Path("/data/mlflow")]
    code, text = run("down", "--delete-data", typed="n\n")
    assert code == 1 and "/data/mlflow" in text and not fake.deleted
    assert run("down", "--delete-data", "--yes")[0] == 0
    assert fake.deleted


def test_down_alone_deletes_nothing(fake: Fake) -> None:
    fake.doomed = [Path("/data/mlflow")]
    assert run("down")[0] == 0
    assert not fake.deleted


def test_logs_name_the_service_where_there_are_several(fake: Fake) -> None:
    assert run("logs")[1] == "mlflow      | 30 False\n"
    assert run("logs", "mlflow", "--lines", "2")[1] == "2 False\n"


def test_links_into_jupyterlab() -> None:
    assert cli.link("http://h/lab?token=t", "./labs/day 1.ipynb") == "http://h/lab/tree/labs/day%201.ipynb?token=t"


def test_the_command_line_is_light() -> None:
    code = "import sys, infra.cli; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "click" in loaded.split()
    assert not {"rich", "httpx", "psutil", "supervisor", "filelock", "mlflow"} & set(loaded.split())
