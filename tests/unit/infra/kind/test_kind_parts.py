"""The parts of the kind profile, each by itself: files, the image's tag, the order of objects, the record."""

import ast
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from infra.kind import cluster, commands, gpu_node, image, layout, overlay, secrets
from infra.kind.engine import Engine
from infra.kind.kubectl import Kubectl, Refused
from infra.kind.layout import PAGES, KindLayout, versions
from infra.kind.state import State
from infra.trouble import Trouble
from tests.unit.infra.kind.place import CLONE, RENDERED, Place

PORTS = {name: page.port for name, page in PAGES.items()}
KNOWN_NODE_FIELDS = {"role", "image", "labels", "extraMounts", "extraPortMappings", "kubeadmConfigPatches"}
REAL_KIND = shutil.which("kind")


class Silent:
    def note(self, text: str) -> None: ...

    def waiting(self, text: str) -> None: ...


class Cluster(Kubectl):
    """A kubectl that keeps what is applied."""

    def __init__(self) -> None:
        super().__init__(Path("/none"), "kind-mlops-labs")
        object.__setattr__(self, "kept", {})
        object.__setattr__(self, "words", [])
        object.__setattr__(self, "refusals", [])

    def run(self, *words: str, stdin: str | None = None, seconds: float = 60) -> str:
        kept: dict[tuple[str, ...], Any] = self.kept  # type: ignore[attr-defined]
        self.words.append(words)  # type: ignore[attr-defined]
        if words[0] == "apply":
            if self.refusals:  # type: ignore[attr-defined]
                raise Refused("kubectl apply", self.refusals.pop(0))  # type: ignore[attr-defined]
            for each in json.loads(stdin or "")["items"]:
                kept[each["kind"].lower(), each["metadata"].get("namespace", ""), each["metadata"]["name"]] = each
        elif words[0] == "get":
            found = kept.get((words[1], words[words.index("--namespace") + 1], words[2]))
            if found is None:
                raise Refused("kubectl get", f'Error from server (NotFound): {words[1]} "{words[2]}" not found')
            return json.dumps(found)
        return ""


@pytest.mark.parametrize("profile", cluster.TEMPLATES)
def test_the_cluster_files_say_what_kind_knows(profile: str) -> None:
    told = yaml.safe_load(cluster.render(profile, PORTS | {"mlflow": 5055}))
    assert told["apiVersion"] == "kind.x-k8s.io/v1alpha4" and told["kind"] == "Cluster"
    assert set(told) == {"apiVersion", "kind", "name", "networking", "nodes"}
    assert told["name"] == layout.CLUSTER
    assert told["networking"]["apiServerAddress"] == "127.0.0.1"
    (node,) = told["nodes"]
    assert set(node) <= KNOWN_NODE_FIELDS
    mapped = {each["containerPort"]: each["hostPort"] for each in node["extraPortMappings"]}
    assert mapped == {page.node_port: 5055 if name == "mlflow" else page.port for name, page in PAGES.items()}
    assert {each["listenAddress"] for each in node["extraPortMappings"]} == {"127.0.0.1"}
    mounts = {each["containerPath"] for each in node.get("extraMounts", [])}
    assert mounts == ({"/var/run/nvidia-container-devices/all"} if profile == "kind-gpu" else set())


@pytest.mark.skipif(REAL_KIND is None, reason="kind is not installed")
@pytest.mark.parametrize("profile", cluster.TEMPLATES)
def test_kind_itself_reads_the_cluster_files(profile: str, place: Place) -> None:
    """With an engine that does not answer, kind decodes the file strictly and then gives up."""
    place.tell("info", "docker-silent.json")
    for text, said in ((cluster.render(profile, PORTS), "docker info"), ("nodez: []\n", "field nodez not found")):
        file = place.root / "cluster.yaml"
        file.write_text(text if said == "docker info" else cluster.render(profile, PORTS) + text)
        words = [str(REAL_KIND), "create", "cluster", "--config", str(file), "--image", "none/none:1"]
        done = subprocess.run(words, env=place.environment(), capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1 and said in done.stderr


@pytest.mark.skipif(REAL_KIND is None, reason="kind is not installed")
def test_a_whole_life_with_the_real_kind(place: Place) -> None:
    (place.bin / "kind").unlink()
    (place.bin / "kind").symlink_to(str(REAL_KIND))
    done = place.up()
    assert done.returncode == 0, done.stderr
    assert "Creating the cluster: Starting control-plane" in done.stderr
    (run,) = place.calls("docker", "run")
    published = [word for word in run if word.startswith("--publish=")]
    assert len(published) == len(PAGES) + 1
    assert all(word.startswith("--publish=127.0.0.1:") for word in published)
    assert run[-1] == versions()["KIND_NODE_IMAGE"]
    assert json.loads((place.state / "node-images").read_text())[0].startswith("docker.io/mlops-labs/course:sha-")
    assert place.run("down").returncode == 0
    place.forget_calls()
    assert place.up().returncode == 0
    assert not place.calls("docker", "run")
    gone = place.run("down", "--delete-data", "--yes")
    assert gone.returncode == 0 and not (place.state / "node").exists(), gone.stderr


def test_kind_is_heard_step_by_step() -> None:
    text = (Path(__file__).parent / "recorded" / "kind-create.txt").read_text()
    steps = [found["what"].rstrip(" .") for line in text.splitlines() if (found := cluster.STEP.match(line.strip()))]
    assert steps[:2] == ["Ensuring node image (kindest/node:v1.37.0)"] * 2
    assert "Starting control-plane" in steps and steps[-1] == "Ready after 0s"


def test_the_tag_of_the_image_follows_what_it_is_made_of(place: Place) -> None:
    file = place.clone / "Dockerfile"
    code = place.clone / "code"
    code.mkdir()
    (code / "a.py").write_text("1")
    file.write_text("FROM x AS one\nCOPY --chown=1000 code/ code.py \\\n  /app/\nCOPY --from=one /app /app\n")

    def tag() -> str:
        return image.tag(place.clone, file, ())

    first = tag()
    assert first == tag() and first.startswith("sha-") and len(first) == 20
    (code / "__pycache__").mkdir()
    (code / "__pycache__" / "a.pyc").write_text("x")
    os.utime(code / "a.py", (1, 1))
    assert tag() == first
    (code / "a.py").write_text("2")
    second = tag()
    (code / "a.py").rename(code / "b.py")
    assert len({first, second, tag()}) == 3
    (place.clone / "code.py").unlink()
    with pytest.raises(Trouble, match=r"no code\.py"):
        tag()


def test_the_real_dockerfile_is_made_of_what_is_there() -> None:
    inputs = {path.relative_to(CLONE).as_posix() for path in image.inputs(CLONE, image.DOCKERFILE)}
    assert {"infra/images/course/Dockerfile", "requirements.lock", "infra/cli.py", "checker/cli.py"} <= inputs
    assert not any("__pycache__" in path or path.startswith(("work/", ".venv/")) for path in inputs)


def test_objects_are_put_in_order() -> None:
    rendered = overlay.arrange(RENDERED)
    assert [each["kind"] for each in rendered.definitions] == ["Namespace", "CustomResourceDefinition"]
    assert [each["kind"] for each in rendered.components] == ["StatefulSet", "Deployment", "Deployment"]
    assert [each["kind"] for each in rendered.resources] == ["Thing"]
    assert rendered.namespaces == {"mlops-labs"}
    assert rendered.digest != overlay.arrange(RENDERED + "\n# more").digest


@pytest.mark.parametrize("group", ["apps/v1", "v1", "networking.k8s.io/v1", "rbac.authorization.k8s.io/v1", "batch/v1"])
def test_what_kubernetes_has_of_itself_is_a_component(group: str) -> None:
    assert overlay.arrange(f"apiVersion: {group}\nkind: X\nmetadata: {{name: a}}\n").components


def test_our_kustomization_renders(tmp_path: Path) -> None:
    made = KindLayout(tmp_path / "home with a blank")
    made.create()
    folder = tmp_path / "overlay"
    folder.mkdir()
    (folder / "kustomization.yaml").write_text("resources: [all.yaml]\n")
    (folder / "all.yaml").write_text(RENDERED)
    (made.kustomization / "kustomization.yaml").write_text(
        overlay.kustomization(made, folder, "mlops-labs/course:sha-1")
    )
    text = Kubectl(made.kubeconfig, "kind-mlops-labs").run("kustomize", str(made.kustomization))
    assert "image: mlops-labs/course:sha-1" in text


def test_a_job_that_changed_is_made_anew() -> None:
    kubectl = Cluster()
    said = 'Error from server (Invalid): Job.batch "prepare" is invalid: spec.template: field is immutable'
    kubectl.refusals.append(said)  # type: ignore[attr-defined]
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "prepare", "namespace": "mlops-labs"}}
    overlay.apply(kubectl, overlay.Rendered((), (job,), (), ""), Silent())
    deleted = [words for words in kubectl.words if words[0] == "delete"]  # type: ignore[attr-defined]
    assert deleted == [("delete", "job", "prepare", "--namespace", "mlops-labs", "--ignore-not-found", "--wait=true")]
    kubectl.refusals.append("Error from server (Forbidden): no")  # type: ignore[attr-defined]
    with pytest.raises(Refused):
        overlay.apply(kubectl, overlay.Rendered((), (job,), (), ""), Silent())


def test_resources_wait_for_their_webhook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlay.time, "sleep", lambda seconds: None)
    kubectl = Cluster()
    said = 'Internal error occurred: failed calling webhook "x": connect: connection refused'
    kubectl.refusals.extend([said, said])  # type: ignore[attr-defined]
    thing = {"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "one"}}
    overlay.apply_resources(kubectl, overlay.Rendered((), (), (thing,), ""), Silent())
    assert ("thing", "", "one") in kubectl.kept  # type: ignore[attr-defined]


def test_secrets_are_made_once_and_copied() -> None:
    kubectl = Cluster()
    table = (secrets.Wanted("a", "postgres", ("password", "admin"), copies=("b", "absent")),)
    assert secrets.ensure(kubectl, {"a", "b"}, table) == 2
    kept: dict[tuple[str, ...], Any] = kubectl.kept  # type: ignore[attr-defined]
    data = kept["secret", "a", "postgres"]["data"]
    assert data == kept["secret", "b", "postgres"]["data"] and len(set(data.values())) == 2
    assert secrets.ensure(kubectl, {"a", "b"}, table) == 0
    grown = (secrets.Wanted("a", "postgres", ("password", "admin", "third"), copies=("b",)),)
    secrets.ensure(kubectl, {"a", "b"}, grown)
    assert kept["secret", "a", "postgres"]["data"].items() >= data.items()


def test_every_secret_of_the_table_is_hexadecimal() -> None:
    kubectl = Cluster()
    namespaces = {namespace for each in secrets.TABLE for namespace in (each.namespace, *each.copies)}
    secrets.ensure(kubectl, namespaces)
    names = {(each.namespace, each.name) for each in secrets.TABLE}
    assert {("mlops-labs", "postgres"), ("mlops-labs", "store"), ("mlops-labs", "grafana")} <= names


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.text() | st.dictionaries(st.sampled_from(list(State.__dataclass_fields__)), json_values).map(json.dumps))
def test_a_record_that_is_not_whole_is_none(text: str) -> None:
    folder = Path(os.environ.get("TMPDIR", "/tmp")) / f"kind-record-{os.getpid()}"
    made = KindLayout(folder)
    made.create()
    try:
        made.state_file.write_text(text, encoding="utf-8", errors="replace")
        assert State.load(made) is None
    finally:
        shutil.rmtree(folder)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = KindLayout(tmp_path)
    made.create()
    state = State(
        "created", "kind", "full", "docker", "kindest/node:v1@sha256:0", PORTS, "d", "mlops-labs/course:sha-1"
    )
    state.save(made)
    assert State.load(made) == state
    assert made.state_file.stat().st_mode & 0o077 == 0
    assert State.load(KindLayout(tmp_path / "none")) is None


def test_versions_are_read_and_faults_named(tmp_path: Path) -> None:
    file = tmp_path / "versions.env"
    file.write_text("# comment\n\nKIND_VERSION=0.33.0\nA_IMAGE=x/y:1@sha256:00\n")
    assert versions(file) == {"KIND_VERSION": "0.33.0", "A_IMAGE": "x/y:1@sha256:00"}
    file.write_text("no equals sign")
    with pytest.raises(Trouble, match="line 1"):
        versions(file)
    with pytest.raises(Trouble, match="cannot be read"):
        versions(tmp_path / "none")
    assert {"KIND_VERSION", "KUBERNETES_VERSION", "KIND_NODE_IMAGE"} <= versions().keys()
    assert "@sha256:" in versions()["KIND_NODE_IMAGE"]


def test_a_program_that_hangs_is_ended(tmp_path: Path) -> None:
    marker = tmp_path / "ended"
    script = f"trap 'touch {marker}; exit 1' TERM; echo begun; while true; do sleep 0.05; done"
    heard: list[str] = []
    with pytest.raises(Trouble, match="did not end within"):
        commands.follow(["sh", "-c", script], heard.append, seconds=0.5)
    assert heard == ["begun"] and marker.exists()
    with pytest.raises(Trouble, match="did not end within"):
        commands.run(["sleep", "5"], seconds=0.2)
    with pytest.raises(Trouble, match="cannot be started"):
        commands.run(["no-such-program"])


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def offences(text: str) -> list[str]:
    """Where a command might be given to a shell, or be one string."""
    found = []
    for call in calls(ast.parse(text)):
        name = ast.unparse(call.func)
        if any(keyword.arg == "shell" for keyword in call.keywords):
            found.append(f"shell= in {name}")
        if name in ("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"):
            found.append(name)
        runs = name.startswith("subprocess.") or name in ("run", "follow", "commands.run", "commands.follow")
        first = call.args[0] if call.args else None
        # A function of somebody's own may take word by word.
        one_word = isinstance(first, ast.Constant) and " " not in str(first.value) and not name.startswith("subprocess")
        if runs and isinstance(first, ast.Constant | ast.JoinedStr | ast.BinOp) and not one_word:
            found.append(f"a command that is one string: {ast.unparse(call.args[0])}")
        if runs and call.args and isinstance(call.args[0], ast.List):
            words = call.args[0].elts
            if isinstance(words[0], ast.Constant) and words[0].value in ("sh", "bash", "env", "sudo"):
                found.append(f"{words[0].value} runs a command")
    return found


def test_no_command_is_built_from_a_string() -> None:
    found = {path.name: offences(path.read_text()) for path in (CLONE / "infra").rglob("*.py")}
    assert len(found) > 30
    assert {name: each for name, each in found.items() if each} == {}


@pytest.mark.parametrize(
    "text",
    [
        "subprocess.run('ls ' + x)",
        "subprocess.run(['ls'], shell=True)",
        "os.system(x)",
        "run(f'kind {x}')",
        "subprocess.Popen(['sh', '-c', x])",
    ],
)
def test_a_command_from_a_string_would_be_seen(text: str) -> None:
    assert offences(text)


def test_the_overlays_are_there() -> None:
    for names in layout.OVERLAYS.values():
        for name in names:
            assert (layout.overlay_folder(name) / "kustomization.yaml").is_file(), name


def test_a_node_gets_the_toolkit_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{place.bin}:{os.environ['PATH']}")
    engine = Engine("docker")
    assert gpu_node.prepare(engine, Silent()) is True
    done = [words[3:] for words in place.calls("docker", "exec")]
    assert done[1:] == gpu_node.steps()
    assert any(word.startswith("nvidia-container-toolkit=1.") for word in done[4])
    monkeypatch.setenv("FAKE_FAIL", "docker exec mlops-labs-control-plane apt-get")
    with pytest.raises(Trouble, match="no space left on device"):
        gpu_node.prepare(engine, Silent())
    place.tell("gpu-ready", True)
    assert gpu_node.prepare(engine, Silent()) is False
