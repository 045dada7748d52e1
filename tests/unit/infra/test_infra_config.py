import json
import os
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from supervisor.options import ServerOptions

from infra.local import config
from infra.local.layout import LONGEST_SOCKET_PATH, Layout, Settings
from infra.local.mlflow_server import server_environment

ODD = "we ird %d #1 ;x it's ü"


def settings_for(layout: Layout, **changes: object) -> Settings:
    values: dict[str, object] = {
        "mlflow_port": 5001,
        "serving_port": 8091,
        "jupyter_port": 8001,
        "notebooks": "/some/where",
        "token": "s3cret",
        "socket": str(layout.run / "supervisor.sock"),
    }
    return Settings(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["plain", ODD])
def test_supervisord_reads_the_command_lines_and_paths_as_meant(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout(tmp_path / name)
    layout.create()
    settings = settings_for(layout)
    layout.supervisor_config.write_text(config.supervisor_config(layout, settings), encoding="utf-8")
    monkeypatch.chdir(layout.home)
    options = ServerOptions()
    options.realize(["-c", str(layout.supervisor_config)], doc="")
    programs = {group.name: group.process_configs[0] for group in options.process_group_configs}
    assert set(programs) == {"mlflow", "jupyter"}
    for service, program in programs.items():
        assert shlex.split(program.command) == config.command(layout, service)
        assert Path(program.stdout_logfile).absolute() == layout.log(service)
        assert program.stopasgroup and program.killasgroup
    assert Path(options.logfile).parent == layout.logs
    assert options.configroot.supervisord.server_configs[0]["file"] == settings.socket


def test_without_jupyter_there_is_no_program_for_it(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    text = config.supervisor_config(layout, settings_for(layout, jupyter_port=None))
    assert "[program:mlflow]" in text
    assert "[program:jupyter]" not in text


def test_root_is_named_so_that_supervisord_does_not_warn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = Layout(tmp_path)
    for uid, expected in ((0, True), (1000, False)):
        monkeypatch.setattr(os, "getuid", lambda uid=uid: uid)
        text = config.supervisor_config(layout, settings_for(layout))
        assert ("user=root" in text) is expected
        jupyter = json.loads(config.jupyter_config(layout, settings_for(layout)))
        assert jupyter["ServerApp"]["allow_root"] is expected


def test_jupyter_listens_on_loopback_with_a_token_and_asks_nothing(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    jupyter = json.loads(config.jupyter_config(layout, settings_for(layout)))
    assert jupyter["ServerApp"]["ip"] == "127.0.0.1"
    assert jupyter["ServerApp"]["port_retries"] == 0
    assert jupyter["IdentityProvider"]["token"] == "s3cret"
    assert jupyter["LabApp"]["news_url"] is None
    assert len(jupyter["ServerApp"]["terminado_settings"]["shell_command"]) == 1, "not a login shell"
    assert "NeverCheckForUpdate" in jupyter["LabApp"]["check_for_updates_class"]


def test_the_front_end_is_told_to_ask_nothing_where_jupyterlab_looks(tmp_path: Path) -> None:
    layout, settings = Layout(tmp_path), settings_for(Layout(tmp_path))
    folder = Path(json.loads(config.jupyter_config(layout, settings))["LabApp"]["user_settings_dir"])
    ((path, text),) = config.jupyter_preferences(layout).items()
    assert path == folder / "@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    schema = Path(sys.prefix) / "share/jupyter/lab/schemas/@jupyterlab/apputils-extension/notification.json"
    known = json.loads(schema.read_text())["properties"]
    assert json.loads(text)["fetchNews"] in [each["const"] for each in known["fetchNews"]["oneOf"]]
    assert set(json.loads(text)) <= set(known)


def test_the_token_is_on_no_command_line(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    for name in config.marks(layout):
        assert "s3cret" not in " ".join(config.command(layout, name))


def test_service_environment(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    tools = str(Path(sys.executable).parent)
    outer = {
        "PATH": f"/usr/bin:{tools}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "JPY_PARENT_PID": "1",
        "JUPYTER_TOKEN": "old",
        "MLFLOW_TRACKING_URI": "http://elsewhere",
        "KEEP": "me",
    }
    made = config.service_environment(layout, settings_for(layout), outer)
    assert made["PATH"].split(os.pathsep) == [tools, "/usr/bin"]
    assert made["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:5001"
    assert made["MLOPS_LABS_HOME"] == str(tmp_path)
    assert made["KEEP"] == "me"
    assert not {"PYTHONDONTWRITEBYTECODE", "JPY_PARENT_PID", "JUPYTER_TOKEN"} & set(made)


def test_platform_environment_names_jupyter_only_where_it_runs(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    with_jupyter = config.platform_environment(settings_for(layout))
    assert with_jupyter["MLOPS_LABS_JUPYTER_URL"] == "http://127.0.0.1:8001/lab?token=s3cret"
    assert with_jupyter["MLOPS_LABS_PROFILE"] == "local"
    without = config.platform_environment(settings_for(layout, jupyter_port=None))
    assert "MLOPS_LABS_JUPYTER_URL" not in without


def test_the_private_variables_of_mlflow_still_have_these_names(tmp_path: Path) -> None:
    spec = find_spec("mlflow")
    assert spec and spec.origin
    package = Path(spec.origin).parent
    known = "".join(
        (package / part).read_text(encoding="utf-8") for part in ("server/constants.py", "environment_variables.py")
    )
    for name in server_environment(Layout(tmp_path)):
        assert f'"{name}"' in known or name == "DO_NOT_TRACK", name
    server = (package / "server/__init__.py").read_text(encoding="utf-8")
    assert "mlflow.server.fastapi_app:app" in server


def test_settings_survive_a_round_and_are_private(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "home")
    layout.create()
    settings = settings_for(layout)
    settings.save(layout)
    assert Settings.load(layout) == settings
    assert layout.settings_file.stat().st_mode & 0o777 == 0o600
    assert layout.home.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "{}", '{"mlflow_port": 1}', "null"),
        json.dumps({"mlflow_port": "x", "jupyter_port": 1, "notebooks": "", "token": "", "socket": ""}),
        json.dumps({"mlflow_port": 1, "jupyter_port": 1, "notebooks": "", "token": 7, "socket": ""}),
    ],
)
def test_damaged_settings_count_as_none(text: str, tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.settings_file.write_text(text)
    assert Settings.load(layout) is None


def test_a_long_home_gets_a_short_private_socket_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "no" / "matter"))
    path = Layout(tmp_path / ("long" * 30)).new_socket()
    try:
        assert len(str(path)) <= LONGEST_SOCKET_PATH
        assert path.parent.stat().st_mode & 0o777 == 0o700
    finally:
        path.parent.rmdir()
