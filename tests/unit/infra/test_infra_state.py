import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from infra.local import config, logs, platform, ports, processes, ready
from infra.local.layout import Layout, Settings
from infra.local.supervisor import Program
from infra.profile import Wishes
from infra.trouble import Trouble


class Silence:
    def note(self, text: str) -> None: ...

    def waiting(self, text: str) -> None: ...


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.setenv("MLOPS_LABS_HOME", str(tmp_path / "home"))
    layout = Layout(tmp_path / "home")
    layout.create()
    return layout


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def settings(layout: Layout, **changes: object) -> Settings:
    values = {
        "mlflow_port": 5001,
        "serving_port": 8091,
        "jupyter_port": 8001,
        "notebooks": "/nb",
        "token": "t",
        "socket": str(layout.run / "supervisor.sock"),
    }
    return Settings(**(values | changes))  # type: ignore[arg-type]


def test_a_process_is_ours_by_its_whole_mark_only(layout: Layout, tmp_path: Path) -> None:
    other = Layout(tmp_path / "other")
    for name in config.marks(layout):
        line = config.command(layout, name)
        assert processes.role(line, layout) == name
        assert processes.role(line, other) is None
        assert processes.role([*line, "more"], layout) is None
    assert processes.role(["vim", str(layout.supervisor_config)], layout) is None
    assert processes.role([], layout) is None


def test_a_stale_pid_file_kills_nobody(layout: Layout) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", str(layout.home)])
    try:
        (layout.run / "supervisord.pid").write_text(str(bystander.pid))
        settings(layout).save(layout)
        platform.Local().down(Silence())
        assert bystander.poll() is None
        assert not (layout.run / "supervisord.pid").exists()
        assert not layout.settings_file.exists()
    finally:
        bystander.kill()
        bystander.wait()


def test_what_carries_our_mark_is_stopped_with_its_children(layout: Layout) -> None:
    script = (
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True)\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    mark = config.marks(layout)["mlflow"]
    orphan = subprocess.Popen([sys.executable, "-c", script, *mark], stdout=subprocess.PIPE)
    assert orphan.stdout and orphan.stdout.readline()
    family = processes.tree(psutil.Process(orphan.pid))
    assert len(family) == 2
    assert list(processes.find(layout)) == ["mlflow"]
    assert processes.stop_all(layout) is True
    assert not any(processes.alive(member) for member in family)
    orphan.wait()
    orphan.stdout.close()
    assert processes.stop_all(layout) is False


def test_status_of_stale_settings_is_stopped(layout: Layout) -> None:
    settings(layout).save(layout)
    rows = platform.Local().status()
    assert [(row.name, row.state, row.pid) for row in rows] == [
        ("mlflow", "stopped", None),
        ("jupyter", "stopped", None),
    ]
    assert platform.Local().environment() == {}


def test_status_of_nothing_is_empty(layout: Layout) -> None:
    assert platform.Local().status() == []


def test_down_without_a_home_makes_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_LABS_HOME", str(tmp_path / "none"))
    assert platform.Local().down(Silence()) is False
    assert not (tmp_path / "none").exists()


def test_down_keeps_the_data_until_it_is_deleted(layout: Layout) -> None:
    layout.database.write_text("runs")
    local = platform.Local()
    local.down(Silence())
    assert layout.database.exists()
    assert layout.mlflow in local.data()
    local.delete_data()
    assert local.data() == []


def test_a_taken_port_names_port_process_and_next_step(listener: int) -> None:
    why = ports.problem(listener)
    assert why == "in use"
    text = str(ports.taken("mlflow", listener, why))
    assert f"port {listener} is in use by process {os.getpid()}" in text
    assert "infra up --mlflow-port " in text
    assert "free port for MLflow" in text


def test_an_unknown_holder_is_left_out(listener: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(kind: str) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", denied)
    assert f"port {listener} is in use\n" in str(ports.taken("jupyter", listener, "in use"))


def test_the_suggested_port_is_free(listener: int) -> None:
    assert ports.problem(ports.suggestion(listener)) is None
    assert ports.suggestion(80) > 1024


def test_up_refuses_a_taken_port_and_leaves_nothing(layout: Layout, listener: int) -> None:
    with pytest.raises(Trouble, match=f"port {listener}"):
        platform.Local().up(Wishes(mlflow_port=listener, jupyter=False), Silence())
    assert not layout.settings_file.exists()


def test_one_port_cannot_serve_both(layout: Layout) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(Trouble, match="both"):
        platform.Local().up(Wishes(mlflow_port=port, jupyter_port=port), Silence())


def test_wishes_that_differ_from_what_runs(layout: Layout) -> None:
    running = settings(layout)
    assert platform.differing(Wishes(), running) == []
    assert platform.differing(Wishes(mlflow_port=5001, notebooks=Path("/nb")), running) == []
    assert platform.differing(Wishes(mlflow_port=5002), running) == ["MLflow on port 5001"]
    assert platform.differing(Wishes(jupyter=False), running) == ["with JupyterLab"]
    assert platform.differing(Wishes(notebooks=Path("/x")), running) == ["notebooks in /nb"]
    alone = settings(layout, jupyter_port=None)
    assert platform.differing(Wishes(), alone) == []
    assert platform.differing(Wishes(jupyter=True), alone) == ["no JupyterLab"]


def test_notebooks_default_to_the_clone(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert platform.default_notebooks(deep) == deep
    (tmp_path / "course.yaml").touch()
    assert platform.default_notebooks(deep) == tmp_path


@pytest.mark.parametrize(
    ("state", "retries", "expected"),
    [
        ("STOPPED", False, False),
        ("STARTING", False, False),
        ("BACKOFF", False, True),
        ("BACKOFF", True, False),
        ("EXITED", True, True),
        ("FATAL", True, True),
    ],
)
def test_when_to_give_up_waiting(state: str, retries: bool, expected: bool) -> None:
    assert ready.gave_up(Program(state), retries=retries) is expected


def test_a_dead_service_shows_the_end_of_its_log(layout: Layout) -> None:
    layout.log("jupyter").write_text("first\nBad config encountered\n")
    text = str(ready.death(layout, "jupyter"))
    assert "Bad config encountered" in text
    assert "JupyterLab ended while it was starting" in text
    assert "Next:" in text


def test_a_wrong_database_names_both_ways_out(layout: Layout) -> None:
    layout.refusal.write_text("Detected out-of-date database schema")
    text = str(ready.death(layout, "mlflow"))
    assert "out-of-date" in text
    assert "mlflow db upgrade" in text
    assert "infra down --delete-data" in text
    assert str(layout.database) in text


def test_last_lines_of_a_long_log(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text("".join(f"line {number}\n" for number in range(50_000)))
    assert logs.last(path, 2) == "line 49998\nline 49999"
    assert logs.last(path, 0) == ""
    assert logs.last(tmp_path / "none", 5) == ""
    path.write_text("only")
    assert logs.last(path, 5) == "only"


def test_following_survives_rotation_and_half_lines(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text("old\n")
    tail = logs.Tail(path)
    with path.open("a") as file:
        file.write("one\ntw")
    assert tail.new_lines() == ["one"]
    with path.open("a") as file:
        file.write("o\n")
    path.rename(tmp_path / "x.log.1")
    path.write_text("three\n")
    assert tail.new_lines() == ["two", "three"]
    tail.close()


def test_following_a_log_that_does_not_exist_yet(tmp_path: Path) -> None:
    path = tmp_path / "later.log"
    tail = logs.Tail(path)
    assert tail.new_lines() == []
    path.write_text("first\n")
    assert tail.new_lines() == ["first"]
    tail.close()
