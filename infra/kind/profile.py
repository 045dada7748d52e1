"""The profiles `kind` and `kind-gpu`: the cluster and what runs in it, and JupyterLab beside it on the host."""

from __future__ import annotations

import contextlib
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from checker import platform
from infra.kind import cluster, logs, status
from infra.kind.engine import Engine
from infra.kind.jupyter import HostJupyter
from infra.kind.kubectl import Kubectl
from infra.kind.layout import CLUSTER, CONTEXT, PAGES, KindLayout
from infra.kind.start import Start
from infra.kind.state import State
from infra.local import config
from infra.local.layout import Layout, Settings
from infra.locks import locked
from infra.profile import Progress, ServiceStatus, Wishes
from infra.trouble import Trouble

if TYPE_CHECKING:
    from infra.kind.serving.deployments import KubernetesDeployments
    from infra.kind.waiting import Key

HOST_LOGS = ("jupyter", "supervisord")


class Kind:
    """A cluster of one node in Docker or Podman on this machine."""

    def __init__(self, *, gpu: bool) -> None:
        self.name = "kind-gpu" if gpu else "kind"
        self.layout = KindLayout(platform.home())
        self.host = Layout(self.layout.home)
        self.kubectl = Kubectl(self.layout.kubeconfig, CONTEXT)

    def check(self, wishes: Wishes, progress: Progress) -> None:
        """Look whether everything is here that a cluster needs; raise Trouble with all that is missing."""
        state = State.load(self.layout)
        self._start(wishes, progress).look(state)

    def up(self, wishes: Wishes, progress: Progress) -> bool:
        """Bring up what is not up yet and wait until it answers; False if nothing had to be done."""
        self.layout.create()
        with locked(self.host.lock_file, progress):
            start = self._start(wishes, progress)
            try:
                state, rendered = start.run(State.load(self.layout))
                self._deployments(state).prepare()
                state = start.finish(state, rendered)
                jupyter = wishes.jupyter is not False and self._jupyter(state).up(wishes, progress)
                told = self._tell(state)
            except KeyboardInterrupt as interrupt:
                made = State.load(self.layout) is not None
                words = f"The cluster stays as far as it is; infra up --profile {self.name} goes on from there."
                raise KeyboardInterrupt(f"Interrupted. {words if made else 'Nothing stays of it.'}") from interrupt
        return start.changed or jupyter or told

    def down(self, progress: Progress) -> bool:
        """Stop the cluster's node and JupyterLab, and keep all data in the node; False if nothing ran."""
        if not self.layout.home.is_dir():
            return False
        with locked(self.host.lock_file, progress):
            # Inside a terminal of the JupyterLab that is about to stop, the hang-up must not end this early.
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            platform.environment_file().unlink(missing_ok=True)
            state = State.load(self.layout)
            stopped = False
            if state:
                state.changed(up=False).save(self.layout)
                engine = Engine(state.engine)
                # An engine that does not answer runs no cluster.
                with contextlib.suppress(Trouble):
                    if engine.node() == "running":
                        progress.waiting("Stopping the cluster's node; its data stays in it")
                        engine.stop()
                        stopped = True
            return self._jupyter(state).down(progress) or stopped

    def data(self) -> list[Path | str]:
        """The cluster with all that it holds, and what belongs to it on the host."""
        doomed: list[Path | str] = []
        if State.load(self.layout):
            doomed.append(f"the kind cluster {CLUSTER}: MLflow's runs and models, pipelines, dashboards, metrics")
        folders = (self.layout.folder, self.layout.serving, self.host.jupyter, self.host.logs)
        return doomed + [path for path in folders if path.exists()]

    def delete_data(self) -> None:
        """Delete the cluster, and then what belongs to it on the host."""
        if state := State.load(self.layout):
            engine = Engine(state.engine)
            engine.facts()
            cluster.delete(engine, self.layout)
        for path in self.data():
            if isinstance(path, Path):
                shutil.rmtree(path)

    def status(self) -> list[ServiceStatus]:
        """The cluster, each component in it, and JupyterLab."""
        state = State.load(self.layout)
        if state is None or state.profile != self.name:
            return []
        node = self._node(state)
        if node == "running" and state.stage == "created":
            rows = status.rows(self.kubectl, state)
        else:
            shown = {"exited": "stopped", None: "missing"}.get(node, node or "missing")
            rows = [ServiceStatus("cluster", "Cluster", shown, "")]
        return rows + self._jupyter(state).status()

    def log_names(self) -> list[str]:
        """The components in the cluster, and what runs on the host."""
        return [*self._components(), *HOST_LOGS]

    def logs(self, services: list[str], lines: int, follow: bool) -> Iterator[tuple[str, str]]:
        """The last lines of the logs, then new ones while following."""
        known = self._components()
        chosen = {name: known[name] for name in services if name in known}
        here = [name for name in services if name not in known]
        jupyter = self._jupyter(State.load(self.layout))
        return logs.read(self.kubectl, chosen, lambda: jupyter.logs(here, lines, follow), lines, follow)

    @contextlib.contextmanager
    def deployments(self, progress: Progress) -> Iterator[KubernetesDeployments]:
        """What is deployed, to be looked at and changed by nobody else at the same time."""
        state = State.load(self.layout)
        if state is None or self._node(state) != "running":
            raise Trouble(
                found="no cluster that runs",
                expected="one that does",
                next_step=f"infra up --profile {self.name}",
            )
        with locked(self.host.lock_file, progress):
            yield self._deployments(state)

    def environment(self) -> dict[str, str]:
        """The variables that connect a terminal to what runs; empty if nothing does."""
        state = State.load(self.layout)
        if state is None or state.profile != self.name or state.stage != "created":
            return {}
        return self._environment(state) if self._node(state) == "running" else {}

    def _start(self, wishes: Wishes, progress: Progress) -> Start:
        runs = self._jupyter(State.load(self.layout)).runs
        return Start(self.layout, self.kubectl, self.name, wishes, progress, jupyter_runs=runs)

    def _node(self, state: State) -> str | None:
        try:
            return Engine(state.engine).node()
        except Trouble:
            return None

    def _components(self) -> dict[str, Key]:
        """The components whose logs can be read, by name."""
        import json

        from infra.kind.waiting import WHAT, key

        state = State.load(self.layout)
        if state is None or self._node(state) != "running":
            return {}
        found = json.loads(self.kubectl.run("get", WHAT, "--all-namespaces", "--output", "json"))
        return {key(each)[2]: key(each) for each in found.get("items") or () if status.ours(each)}

    def _deployments(self, state: State) -> KubernetesDeployments:
        from infra.kind.serving.deployments import KubernetesDeployments

        return KubernetesDeployments(
            self.kubectl,
            self.layout.home,
            image=state.course_image,
            mlflow_url=state.address("mlflow"),
            serving_url=state.address("serving"),
        )

    def _jupyter(self, state: State | None) -> HostJupyter:
        return HostJupyter(self._settings(state))

    def _settings(self, state: State | None) -> Settings:
        """What the host's JupyterLab is told of the cluster."""
        ports = state.ports if state else {name: page.port for name, page in PAGES.items()}
        return Settings(
            mlflow_port=ports["mlflow"],
            jupyter_port=None,
            serving_port=ports["serving"],
            notebooks="",
            token="",
            socket="",
            profile=self.name,
            variables=self._variables(state) if state else {},
        )

    def _variables(self, state: State) -> dict[str, str]:
        """What connects to the cluster, beside what each profile tells."""
        told = {
            "MLOPS_LABS_OVERLAY": state.overlay,
            "MLOPS_LABS_COURSE_IMAGE": state.course_image,
            "MLOPS_LABS_KUBECONFIG": str(self.layout.kubeconfig),
            # So that plain kubectl in a terminal of the labs asks this cluster and no other.
            "KUBECONFIG": str(self.layout.kubeconfig),
        }
        pages = {name: page for name, page in PAGES.items() if name not in ("mlflow", "serving")}
        urls = {name: state.address(name) for name, page in pages.items() if page.within(state.overlay)}
        return told | {f"MLOPS_LABS_{name.upper()}_URL": url for name, url in urls.items()}

    def _tell(self, state: State) -> bool:
        """Write the environment for labs and checker; False if it was written so before."""
        path = platform.environment_file()
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        platform.write_environment(self._environment(state))
        return path.read_text(encoding="utf-8") != before

    def _environment(self, state: State) -> dict[str, str]:
        """All variables, with JupyterLab's address where it runs."""
        running = self._jupyter(state).environment()
        return config.platform_environment(self._settings(state)) | (
            {name: running[name] for name in ("MLOPS_LABS_JUPYTER_URL",) if name in running}
        )
