"""The local profile: brings together configuration, processes, supervisord and the waiting."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import psutil

from checker import platform
from infra.files import write_private
from infra.interrupts import uninterrupted
from infra.local import config, logs, ports, processes, ready
from infra.local.layout import TITLES, Layout, Settings
from infra.local.serving import router
from infra.local.serving.runners import local_deployments, prepare
from infra.local.supervisor import Supervisor, launch
from infra.locks import locked
from infra.profile import Progress, ServiceStatus, Wishes
from infra.serving.deployer import Deployer
from infra.serving.routes import called
from infra.trouble import Trouble

MLFLOW_PORT = 5000
JUPYTER_PORT = 8888
SERVING_PORT = 8090
# After this, a service that runs and does not answer is no longer "starting".
START_PATIENCE = 180.0


class Local:
    """MLflow and JupyterLab as processes of this user on this machine."""

    def __init__(self) -> None:
        self.layout = Layout(platform.home())

    def check(self, wishes: Wishes, progress: Progress) -> None:
        """Nothing: it needs no more than what `make setup` has installed."""

    def up(self, wishes: Wishes, progress: Progress) -> bool:
        """Start what does not run yet and wait until it answers; False if everything ran already."""
        self.layout.create()
        with self._locked(progress):
            found = processes.find(self.layout)
            settings = Settings.load(self.layout)
            supervisor = Supervisor(settings.socket) if settings and found.get("supervisord") else None
            if settings and supervisor and supervisor.programs() is not None:
                return self._complete(settings, supervisor, wishes, progress)
            if found:
                progress.note("Stopping what an earlier platform left behind: " + ", ".join(sorted(found)))
                processes.stop_all(self.layout)
            self._forget()
            self._start(wishes, progress)
            return True

    def down(self, progress: Progress) -> bool:
        """Stop everything and keep the data; False if nothing ran."""
        if not self.layout.home.is_dir():
            return False
        with self._locked(progress):
            # Inside a terminal of the JupyterLab that is about to stop, the hang-up must not end this early.
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            # First of all: from now on the checker must not count on the services.
            platform.environment_file().unlink(missing_ok=True)
            stopped = processes.stop_all(self.layout)
            self._forget()
        return stopped

    def data(self) -> list[Path]:
        """MLflow's database and artifacts, deployments, JupyterLab's workspaces and logs, as far as they exist."""
        layout = self.layout
        return [path for path in (layout.mlflow, layout.serving, layout.jupyter, layout.logs) if path.exists()]

    def delete_data(self) -> None:
        """Delete what the services stored."""
        for path in self.data():
            shutil.rmtree(path)

    def status(self) -> list[ServiceStatus]:
        """Each service that should run, as it is now."""
        settings = Settings.load(self.layout)
        if settings is None:
            return []
        found = processes.find(self.layout)
        programs = Supervisor(settings.socket).programs() if found.get("supervisord") else None
        rows = []
        with ready.Probe(settings) as probe:
            for name in settings.services:
                process = next(iter(found.get(name, [])), None)
                state = "stopped"
                if process and programs is None:
                    state = "orphaned"
                elif process and probe.answers(name):
                    state = "running"
                elif process:
                    young = time.time() - process.create_time() < START_PATIENCE
                    state = "starting" if young else "silent"
                elif programs and name in programs:
                    state = {"BACKOFF": "restarting", "STARTING": "restarting"}.get(programs[name].state, "failed")
                rows.append(row(name, TITLES[name], state, settings.address(name), process))
        if programs and settings.local:
            deployments = local_deployments(self.layout, settings)
            if router.PROGRAM in programs:
                process = next(iter(found.get(router.PROGRAM, [])), None)
                state = "running" if process else "failed"
                rows.append(row(router.PROGRAM, "Router", state, settings.serving_url, process))
            for each in deployments.all():
                for one in each.releases:
                    name = called(each.name, one.release.number)
                    if one.state != "stopped":
                        process = next(iter(found.get(name, [])), None)
                        rows.append(row(name, name, one.state, each.address, process))
        return rows

    def log_names(self) -> list[str]:
        """The logs that can be read."""
        services = ["mlflow", "jupyter", "supervisord"]
        others = {path.stem for path in self.layout.logs.glob("*.log")} - set(services)
        return services + sorted(others, key=lambda name: (name.rpartition("-")[0], len(name), name))

    def logs(self, services: list[str], lines: int, follow: bool) -> Iterator[tuple[str, str]]:
        """The last lines of the logs, then new ones while following."""
        return logs.read({name: self.layout.log(name) for name in services}, lines, follow)

    @contextlib.contextmanager
    def deployments(self, progress: Progress) -> Iterator[Deployer]:
        """What is deployed, to be looked at and changed by nobody else at the same time."""
        settings = Settings.load(self.layout)
        if settings is None or not processes.find(self.layout).get("supervisord"):
            raise Trouble(found="no platform that runs", expected="one that does", next_step="infra up")
        with self._locked(progress):
            yield local_deployments(self.layout, settings)

    def environment(self) -> dict[str, str]:
        """The variables that connect a terminal to what runs; empty if nothing does."""
        settings = Settings.load(self.layout)
        if settings is None or not processes.find(self.layout).get("supervisord"):
            return {}
        return config.platform_environment(settings)

    def _complete(self, settings: Settings, supervisor: Supervisor, wishes: Wishes, progress: Progress) -> bool:
        """Bring back what has given up in a platform that runs, and refuse wishes that it does not fulfil."""
        if differences := differing(wishes, settings):
            raise Trouble(
                found="the platform runs already, with other settings: " + "; ".join(differences),
                expected="the settings of the platform that runs, or no platform",
                next_step="infra down, then this command again",
            )
        programs = supervisor.programs() or {}
        ended = [name for name in settings.services if programs[name].dead]
        for name in ended:
            progress.note(f"{TITLES[name]} had ended; starting it again")
            if programs[name].state != "BACKOFF":
                supervisor.start(name)
        # Another `infra up` may have been killed before its services answered.
        complete = not ended and platform.environment_file().exists()
        with ready.Probe(settings) as probe:
            complete = complete and all(probe.answers(name) for name in settings.services)
        if not complete:
            ready.wait(self.layout, settings, supervisor, progress, retries=True)
            platform.write_environment(config.platform_environment(settings))
        return not complete

    def _start(self, wishes: Wishes, progress: Progress) -> None:
        """Start everything; when that fails or is interrupted, leave nothing behind but the logs."""
        settings = self._new_settings(wishes)
        try:
            settings.save(self.layout)
            write_private(self.layout.supervisor_config, config.supervisor_config(self.layout, settings))
            if settings.jupyter_port is not None:
                write_private(self.layout.jupyter_config, config.jupyter_config(self.layout, settings))
                for path, text in config.jupyter_preferences(self.layout).items():
                    if not path.exists():
                        path.parent.mkdir(parents=True, exist_ok=True)
                        write_private(path, text)
            if settings.local:
                prepare(self.layout, settings)
            launch(self.layout, config.service_environment(self.layout, settings, os.environ))
            ready.wait(self.layout, settings, Supervisor(settings.socket), progress, retries=False)
            platform.write_environment(config.platform_environment(settings))
        except BaseException:
            with uninterrupted():
                progress.waiting("Stopping what was started")
                processes.stop_all(self.layout)
                self._forget()
            raise

    def _new_settings(self, wishes: Wishes) -> Settings:
        """Wishes and defaults, once the ports are known to be free."""
        jupyter = wishes.jupyter is not False
        wanted = {"mlflow": wishes.mlflow_port or MLFLOW_PORT}
        if jupyter:
            wanted["jupyter"] = wishes.jupyter_port or JUPYTER_PORT
        for name, port in wanted.items():
            if why := ports.problem(port):
                raise ports.taken(name, port, why)
        if len(set(wanted.values())) < len(wanted):
            raise Trouble(
                found=f"port {wanted['mlflow']} for both MLflow and JupyterLab",
                expected="a port for each",
                next_step=f"infra up --jupyter-port {ports.suggestion(wanted['mlflow'])}",
            )
        return Settings(
            mlflow_port=wanted["mlflow"],
            jupyter_port=wanted.get("jupyter"),
            serving_port=wishes.serving_port or SERVING_PORT,
            notebooks=str(wishes.notebooks or default_notebooks(Path.cwd())),
            token=secrets.token_hex(24),
            socket=str(self.layout.new_socket()),
        )

    def _forget(self) -> None:
        """Remove every file that speaks of a running platform; data and logs stay."""
        layout = self.layout
        if settings := Settings.load(layout):
            socket = Path(settings.socket)
            socket.unlink(missing_ok=True)
            if socket.parent.name.startswith("mlops-labs-"):
                for path in socket.parent.glob("*"):
                    path.unlink(missing_ok=True)
                with contextlib.suppress(OSError):
                    socket.parent.rmdir()
        shutil.rmtree(layout.programs, ignore_errors=True)
        routes = (layout.router_config, layout.router_clusters, layout.router_routes)
        for path in (platform.environment_file(), layout.supervisor_config, layout.jupyter_config, *routes):
            path.unlink(missing_ok=True)
        for path in layout.run.glob("*"):
            path.unlink(missing_ok=True)
        layout.settings_file.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _locked(self, progress: Progress) -> Iterator[None]:
        """One `infra` at a time may change this home."""
        with locked(self.layout.lock_file, progress):
            yield


def row(name: str, title: str, state: str, address: str, process: psutil.Process | None) -> ServiceStatus:
    """One line of the status, with what its process says of itself."""
    return ServiceStatus(
        name=name,
        title=title,
        state=state,
        address=address,
        pid=process.pid if process else None,
        memory_bytes=processes.memory(process) if process else None,
        since=datetime.fromtimestamp(process.create_time()).astimezone().isoformat(timespec="seconds")
        if process
        else None,
    )


def default_notebooks(here: Path) -> Path:
    """The root of the clone around this folder, or this folder."""
    return next((folder for folder in (here, *here.parents) if (folder / "course.yaml").is_file()), here)


def differing(wishes: Wishes, settings: Settings) -> list[str]:
    """The wishes that a running platform does not fulfil, in words."""
    words = []
    if wishes.mlflow_port not in (None, settings.mlflow_port):
        words.append(f"MLflow on port {settings.mlflow_port}")
    if wishes.serving_port not in (None, settings.serving_port):
        words.append(f"deployments on port {settings.serving_port}")
    asks_for_jupyter = wishes.jupyter or wishes.jupyter_port or wishes.notebooks
    if settings.jupyter_port is None:
        return [*words, "no JupyterLab"] if asks_for_jupyter else words
    if wishes.jupyter is False:
        words.append("with JupyterLab")
    if wishes.jupyter_port not in (None, settings.jupyter_port):
        words.append(f"JupyterLab on port {settings.jupyter_port}")
    if wishes.notebooks is not None and str(wishes.notebooks) != settings.notebooks:
        words.append(f"notebooks in {settings.notebooks}")
    return words
