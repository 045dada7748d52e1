"""What the services are told: their command lines, supervisord's and JupyterLab's files, the environment."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from infra.local.layout import Layout, Settings

# Left over from a JupyterLab, a supervisord or a shell that started `infra`; meant for that, not for ours.
UNWANTED = ("PYTHONDONTWRITEBYTECODE", "JUPYTER_TOKEN", "JUPYTER_SERVER_ROOT", "JUPYTER_SERVER_URL")
UNWANTED_PREFIXES = ("JPY_", "SUPERVISOR_", "_MLFLOW_SERVER_")

# Paths are relative to the home, in which supervisord starts: it expands a % in a path once or twice.
SUPERVISORD = """\
[supervisord]
logfile=logs/supervisord.log
logfile_maxbytes=1MB
logfile_backups=2
pidfile=run/supervisord.pid
nocleanup=true
silent=true
minfds=256
minprocs=32
{user}
[unix_http_server]
file={socket}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[include]
files=programs/*.conf
"""

# A service counts as started once it has lived for `startsecs`, longer than any failed start takes. One that
# dies earlier is tried again after a growing pause, `startretries` times, so a broken one cannot loop on.
PROGRAM = """
[program:{name}]
priority={priority}
command={command}
autostart=true
autorestart=true
startsecs=60
startretries=4
stopsignal=TERM
stopwaitsecs=10
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_logfile=logs/{name}.log
stdout_logfile_maxbytes=5MB
stdout_logfile_backups=2
"""


def marks(layout: Layout) -> dict[str, list[str]]:
    """The end of each command line. It holds a path of this home, so it proves that a process is ours."""
    return {
        "supervisord": ["-m", "supervisor.supervisord", "-c", str(layout.supervisor_config)],
        "mlflow": ["-m", "infra.local.mlflow_server", str(layout.home)],
        "jupyter": ["-m", "infra.local.jupyter_server", str(layout.home)],
        "router": ["-c", str(layout.router_config)],
    }


def command(layout: Layout, name: str) -> list[str]:
    """The command line of a service or of supervisord."""
    # -P: a file in the working folder must not be imported in place of a library.
    return [sys.executable, "-P", *marks(layout)[name]]


def release_command(layout: Layout, name: str, number: int) -> list[str]:
    """The command line of one release of a deployment."""
    return [sys.executable, "-P", *release_mark(layout), name, str(number)]


def release_mark(layout: Layout) -> list[str]:
    """What stands before the name and the number of a release in its command line."""
    return ["-m", "infra.local.serving.release", str(layout.home)]


def quote(word: str) -> str:
    """One word for a `command=` line of supervisord."""
    # Supervisord takes a # or ; after a space for a comment, even inside quotes; two quotes keep them apart.
    word = shlex.quote(word).replace(" #", " ''#").replace(" ;", " '';")
    return word.replace("%", "%%")


def supervisor_config(layout: Layout, settings: Settings) -> str:
    """The text of supervisord.conf."""
    inside = Path(settings.socket).parent == layout.run
    socket = f"run/{Path(settings.socket).name}" if inside else settings.socket.replace("%", "%%")
    # Without `user=root` supervisord warns root at every start.
    text = SUPERVISORD.format(socket=socket, user="user=root\n" if os.getuid() == 0 else "")
    for priority, name in enumerate(settings.services, start=1):
        text += program(name, command(layout, name), priority)
    return text


def program(name: str, words: list[str], priority: int = 10) -> str:
    """What supervisord is told about one program."""
    return PROGRAM.format(name=name, priority=priority, command=" ".join(map(quote, words)))


def jupyter_config(layout: Layout, settings: Settings) -> str:
    """The text of JupyterLab's configuration."""
    return json.dumps(
        {
            "ServerApp": {
                "ip": "127.0.0.1",
                "port": settings.jupyter_port,
                "port_retries": 0,
                "base_url": "/",
                "open_browser": False,
                "root_dir": settings.notebooks,
                "allow_root": os.getuid() == 0,
                "terminals_enabled": True,
                # Without a terminal of its own, Jupyter opens login shells, and those reset PATH.
                "terminado_settings": {"shell_command": [os.environ.get("SHELL") or shutil.which("bash") or "sh"]},
            },
            "IdentityProvider": {"token": settings.token},
            "LabApp": {
                "news_url": None,
                "check_for_updates_class": "jupyterlab.handlers.announcements.NeverCheckForUpdate",
                "workspaces_dir": str(layout.jupyter / "workspaces"),
                "user_settings_dir": str(layout.jupyter / "user-settings"),
            },
        },
        indent=2,
    )


def jupyter_preferences(layout: Layout) -> dict[Path, str]:
    """Settings that the front end reads, for a first start; later they are the learner's own.

    The server's `news_url` alone does not keep JupyterLab from asking whether it may fetch news.
    """
    folder = layout.jupyter / "user-settings" / "@jupyterlab" / "apputils-extension"
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    return {folder / "notification.jupyterlab-settings": json.dumps(quiet)}


def platform_environment(settings: Settings) -> dict[str, str]:
    """The variables that connect a lab, a terminal or the checker to the services."""
    variables = {
        "MLFLOW_TRACKING_URI": settings.mlflow_url,
        "MLOPS_LABS_PROFILE": settings.profile,
        "MLOPS_LABS_SERVING_URL": settings.serving_url,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "DVC_NO_ANALYTICS": "1",
    } | settings.variables
    if settings.jupyter_port is not None:
        variables["MLOPS_LABS_JUPYTER_URL"] = settings.address("jupyter")
    return variables


def service_environment(layout: Layout, settings: Settings, outer: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of supervisord and of the services, made from that of `infra up`."""
    kept = {
        name: value for name, value in outer.items() if name not in UNWANTED and not name.startswith(UNWANTED_PREFIXES)
    }
    tools = str(Path(sys.executable).parent)
    path = [tools, *(part for part in outer.get("PATH", os.defpath).split(os.pathsep) if part != tools)]
    return (
        kept
        | platform_environment(settings)
        | {
            "PATH": os.pathsep.join(path),
            "MLOPS_LABS_HOME": str(layout.home),
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "JUPYTER_RUNTIME_DIR": str(layout.jupyter / "runtime"),
            "PYTHONUNBUFFERED": "1",
        }
    )
