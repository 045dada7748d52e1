"""The steps of `up`, one after the other. Each looks at what is there, so that each start goes on where one ended."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from infra.interrupts import uninterrupted
from infra.kind import cluster, gpu_node, image, machine, overlay, preflight, status, waiting
from infra.kind.engine import Engine
from infra.kind.kubectl import Kubectl, Refused
from infra.kind.layout import CLUSTER, FIXED, NODE, OVERLAYS, PAGES, KindLayout, version
from infra.kind.overlay import Rendered
from infra.kind.state import State
from infra.local import ports
from infra.local.platform import JUPYTER_PORT
from infra.profile import Progress, Wishes
from infra.trouble import Trouble

# A node that was stopped starts etcd, the API server and all pods again.
API_PATIENCE = 240.0
PAGE_PATIENCE = 120.0
# An overlay that runs can become one that holds it.
GROWS = {("serve", "full"), ("ci", "serve"), ("ci", "full")}


@dataclass
class Start:
    """One run of `up`. `changed` tells whether anything had to be done."""

    layout: KindLayout
    kubectl: Kubectl
    profile: str
    wishes: Wishes
    progress: Progress
    jupyter_runs: bool
    changed: bool = False

    def overlay(self, state: State | None) -> str:
        """The overlay to have: the one asked for, or what runs, or the default."""
        known = OVERLAYS[self.profile]
        wanted = self.wishes.overlay or (state.overlay if state and state.profile == self.profile else known[0])
        if wanted not in known:
            raise Trouble(
                found=f"--overlay {wanted}",
                expected=f"for --profile {self.profile} one of: " + ", ".join(known),
                next_step=f"infra up --profile {self.profile} --overlay {known[0]}",
            )
        if state and state.stage == "created" and wanted != state.overlay and (state.overlay, wanted) not in GROWS:
            raise Trouble(
                found=f"a cluster with the overlay `{state.overlay}`, which `{wanted}` does not hold",
                expected=f"`{state.overlay}`, or a new cluster",
                next_step=f"infra down --profile {self.profile} --delete-data (it asks), then this command again",
            )
        return wanted

    def ports(self, state: State | None) -> dict[str, int]:
        """The host ports to have; those of a cluster that is there cannot be changed."""
        wished = {"mlflow": self.wishes.mlflow_port, "serving": self.wishes.serving_port}
        if state is None or state.stage == "creating":
            return {name: wished.get(name) or page.port for name, page in PAGES.items()}
        differing = [name for name, port in wished.items() if port not in (None, state.ports[name])]
        if differing:
            said = ", ".join(f"{PAGES[name].title} on port {state.ports[name]}" for name in differing)
            raise Trouble(
                found=f"a cluster that was made with {said}",
                expected="its ports, which are fixed when it is made, or a new cluster",
                next_step=f"infra down --profile {self.profile} --delete-data (it asks), then this command again",
            )
        return dict(state.ports)

    def look(self, state: State | None) -> tuple[Engine, str | None]:
        """Look whether a cluster can live here, tell what only warns, and return the engine and the node's state."""
        self.progress.waiting("Looking at this machine")
        chosen, wanted = self.overlay(state), self.ports(state)
        # A cluster that is there lives in one engine; another one that answers first must not get a second.
        seen = machine.look(gpu=self.profile == "kind-gpu", engine=state.engine if state else None)
        engine = machine.engine_of(seen.engine) if seen.engine else None
        node = engine.node() if engine else None
        foreign(state, node, self.profile)
        free = {} if node == "running" else dict(wanted)
        if self.wishes.jupyter is not False and not self.jupyter_runs:
            free["jupyter"] = self.wishes.jupyter_port or JUPYTER_PORT
        seen = machine.with_ports(seen, free)
        new = node is None or state is None or chosen != state.overlay
        findings = preflight.check(seen, chosen, free, new=new)
        for finding in findings:
            if not finding.grave:
                self.progress.note(f"Warning: {finding.found}; better: {finding.expected} ({finding.next_step})")
        preflight.refuse(findings)
        if engine is None:
            raise AssertionError("a machine without an engine is refused")
        return engine, node

    def run(self, state: State | None) -> tuple[State, Rendered]:
        """Bring the cluster up and everything in it; return what it is made from now."""
        chosen, wanted = self.overlay(state), self.ports(state)
        engine, node = self.look(state)
        if state is not None and state.stage == "creating" and node is not None:
            self.progress.note("Removing a cluster whose making was interrupted")
            cluster.delete(engine, self.layout)
            node = None
        if state is None or node is None:
            state = self._create(engine, chosen, wanted)
        elif node != "running":
            self._start(engine, node)
        if not self.layout.kubeconfig.exists():
            cluster.export_kubeconfig(engine, self.layout)
        state = state.changed(overlay=chosen, up=True)
        state.save(self.layout)
        self._await_api()
        if self.profile == "kind-gpu" and gpu_node.prepare(engine, self.progress):
            self.changed = True
            self._await_api()
        course, loaded = image.ensure(engine, self.progress)
        rendered = overlay.render(self.kubectl, self.layout, chosen, course)
        self.changed = self.changed or loaded or rendered.digest != state.applied
        overlay.apply(self.kubectl, rendered, self.progress)
        return state.changed(course_image=course), rendered

    def finish(self, state: State, rendered: Rendered) -> State:
        """Wait until everything is ready and its pages answer."""
        wanted = waiting.workloads(rendered.components)
        self.changed = waiting.wait(self.kubectl, wanted, self.progress) or self.changed
        overlay.apply_resources(self.kubectl, rendered, self.progress)
        self._await_pages(state, {name for _, _, name in wanted})
        state = state.changed(applied=rendered.digest)
        state.save(self.layout)
        return state

    def _create(self, engine: Engine, chosen: str, wanted: Mapping[str, int]) -> State:
        """Make the cluster; when that fails or is interrupted, leave no half of one."""
        self.changed = True
        state = State(
            stage="creating",
            profile=self.profile,
            overlay=chosen,
            engine=engine.name,
            node_image=version("KIND_NODE_IMAGE"),
            ports=self._settled(wanted),
        )
        state.save(self.layout)
        try:
            config = cluster.render(self.profile, state.ports)
            cluster.create(engine, self.layout, config, state.node_image, self.progress)
        except BaseException:
            with uninterrupted():
                self.progress.waiting("Removing the half-made cluster")
                cluster.delete(engine, self.layout)
                self.layout.state_file.unlink(missing_ok=True)
            raise
        state = state.changed(stage="created")
        state.save(self.layout)
        self.progress.note("The cluster is made")
        return state

    def _settled(self, wanted: Mapping[str, int]) -> dict[str, int]:
        """Ports that are free: pages which nobody types by heart give way."""
        settled: dict[str, int] = {}
        for name, port in wanted.items():
            free = port
            while name not in FIXED and (free in settled.values() or ports.problem(free)):
                free = ports.suggestion(free)
            if free != port:
                self.progress.note(f"Port {port} is taken; {PAGES[name].title} gets port {free}")
            settled[name] = free
        if len(set(settled.values())) < len(settled):
            raise Trouble(
                found="one port for two services: " + ", ".join(f"{name} {port}" for name, port in settled.items()),
                expected="a port for each",
                next_step=f"infra up --profile {self.profile} without --mlflow-port and --serving-port",
            )
        return settled

    def _start(self, engine: Engine, node: str) -> None:
        """Start the node that `down` or the machine's end has stopped."""
        self.changed = True
        self.progress.waiting("Starting the cluster's node")
        engine.start(node)
        # Podman may have given it another port.
        cluster.export_kubeconfig(engine, self.layout)

    def _await_api(self) -> None:
        deadline = time.monotonic() + API_PATIENCE
        while True:
            try:
                self.kubectl.run("get", "--raw", "/readyz", seconds=20)
            except Refused as refused:
                if time.monotonic() > deadline:
                    raise Trouble(
                        details=refused.said,
                        found=f"no answer of the cluster's API server within {API_PATIENCE:.0f} s",
                        expected="a cluster that answers",
                        next_step=f"infra down --profile {self.profile}, then: infra up --profile {self.profile}; "
                        "if that does not help, a new cluster: infra down --delete-data (it asks)",
                    ) from refused
                self.changed = True
                self.progress.waiting("Waiting for the cluster's API server to answer")
                time.sleep(1)
            else:
                return

    def _await_pages(self, state: State, workloads: set[str]) -> None:
        """What is ready inside must answer at its address on the host, too."""
        deadline = time.monotonic() + PAGE_PATIENCE
        pending = {name: page for name, page in PAGES.items() if page.workload in workloads}
        while pending:
            for name, page in list(pending.items()):
                if status.answers(state.address(name) + page.health):
                    del pending[name]
            if pending and time.monotonic() > deadline:
                name, page = next(iter(pending.items()))
                raise Trouble(
                    found=f"{page.title} is ready in the cluster, and does not answer at {state.address(name)}",
                    expected=f"its NodePort {page.node_port} at that address",
                    next_step=f"infra logs {page.workload}; if they show nothing: infra down, then infra up",
                )
            if pending:
                titles = ", ".join(page.title for page in pending.values())
                self.progress.waiting(f"Waiting for {titles} to answer")
                time.sleep(0.5)


def foreign(state: State | None, node: str | None, profile: str) -> None:
    """Raise Trouble when a cluster of this name is there that this profile of this home did not make."""
    if node is not None and state is None:
        raise Trouble(
            found=f"a kind cluster `{CLUSTER}` ({NODE} is {node}) that was not made from this home",
            expected="none of that name: its data may be somebody's",
            next_step="use the MLOPS_LABS_HOME that made it, or, if nobody needs it: "
            f"kind delete cluster --name {CLUSTER}",
        )
    if node is not None and state is not None and state.profile != profile:
        raise Trouble(
            found=f"a cluster of the profile `{state.profile}`",
            expected=f"one of the profile `{profile}`, whose node is made otherwise",
            next_step=f"infra down --profile {state.profile} --delete-data (it asks), then this command again",
        )
