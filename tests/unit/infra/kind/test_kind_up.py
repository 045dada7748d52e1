"""Whole runs of `infra up --profile kind` as a child process, over programs that answer with what real ones print."""

import json
import os
import signal
import socket
import stat
import subprocess
import time
from pathlib import Path

import pytest

from tests.unit.infra.kind.place import RECORDED, Place, parts

Running = tuple[Place, subprocess.CompletedProcess[str]]
HANGS = {
    "looking": "docker info",
    "creating": "kind create",
    "building": "docker build",
    "loading": "kind load",
    "rendering": "KUBECTL kustomize",
    "applying": "KUBECTL apply",
    "waiting": "KUBECTL get deployments",
}


def hang_at(place: Place, step: str) -> str:
    words = f"kubectl --kubeconfig {place.home / 'kind' / 'kubeconfig'} --context kind-mlops-labs"
    return HANGS[step].replace("KUBECTL", words)


def test_up_makes_the_cluster_and_tells_how_to_reach_it(running: Running) -> None:
    place, done = running
    assert done.returncode == 0, done.stderr
    told = place.told()
    assert told["MLFLOW_TRACKING_URI"] == f"http://127.0.0.1:{place.ports['mlflow']}"
    assert told["MLOPS_LABS_SERVING_URL"] == f"http://127.0.0.1:{place.ports['serving']}"
    assert told["MLOPS_LABS_PROFILE"] == "kind"
    assert told["MLOPS_LABS_OVERLAY"] == "serve"
    kubeconfig = Path(told["MLOPS_LABS_KUBECONFIG"])
    assert kubeconfig == place.home / "kind" / "kubeconfig" == Path(told["KUBECONFIG"])
    assert stat.S_IMODE(kubeconfig.stat().st_mode) == 0o600
    assert "MLOPS_LABS_PROMETHEUS_URL" in told and "MLOPS_LABS_KFP_URL" not in told
    assert "MLOPS_LABS_JUPYTER_URL" not in told
    assert json.loads(place.run("env", "--format", "json").stdout) == told
    assert "Waiting for" in done.stderr and "ContainerCreating" in done.stderr
    create = place.calls("kind", "create")[0]
    image = create[create.index("--image") + 1]
    assert "kindest/node:v" in image and "@sha256:" in image


def test_a_second_up_changes_nothing(running: Running) -> None:
    place, _ = running
    before = json.loads((place.state / "objects").read_text())
    made, built = len(place.calls("kind")), len(place.calls("docker", "build"))
    again = place.run("up", "--no-jupyter")
    assert again.returncode == 0, again.stderr
    assert "runs already; nothing was changed" in again.stdout
    assert len(place.calls("docker", "build")) == built
    assert [words[1] for words in place.calls("kind")[made:]] == ["version"]
    after = json.loads((place.state / "objects").read_text())
    assert after.keys() == before.keys()
    assert {name for name in after if after[name] != before[name]} <= {"ConfigMap/mlops-labs-serving/router"}


def test_the_users_own_kubeconfig_is_never_touched(running: Running) -> None:
    place, _ = running
    assert place.own_kubeconfig.read_text() == "mine"
    told = str(place.home / "kind" / "kubeconfig")
    for words in place.calls("kubectl"):
        assert "--client" in words or words[1:5] == ["--kubeconfig", told, "--context", "kind-mlops-labs"]
    for verb in ("create", "delete", "export"):
        assert all(told in words for words in place.calls("kind", verb))


def test_definitions_come_before_and_resources_after_the_components(running: Running) -> None:
    place, _ = running
    objects = list(json.loads((place.state / "objects").read_text()))
    kinds = [name.split("/")[0] for name in objects]
    assert kinds.index("CustomResourceDefinition") < kinds.index("Secret") < kinds.index("Deployment")
    assert kinds[-1] == "Thing"
    assert place.kubectl("wait")[0][1] == "--for=condition=Established"


def test_passwords_are_on_no_command_line_and_in_no_file(running: Running) -> None:
    place, _ = running
    secret = json.loads((place.state / "objects").read_text())["Secret/mlops-labs/postgres"]
    password = secret["data"]["password"]
    assert len(password) > 20
    assert password not in (place.state / "calls.jsonl").read_text()
    for path in place.home.rglob("*"):
        assert not path.is_file() or password not in path.read_text(errors="replace")


def test_status_shows_memory_and_addresses(running: Running) -> None:
    place, _ = running
    done = place.run("status", "--format", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["profile"] == "kind" and told["running"]
    rows = {row["name"]: row for row in told["services"]}
    assert rows["mlflow"]["memory_bytes"] == 440 * 2**20
    assert rows["mlflow"]["address"] == f"http://127.0.0.1:{place.ports['mlflow']}"
    assert rows["cluster"]["memory_bytes"] == 2 * 2**30
    place.tell("scenario", {"router": "crash-loop"})
    broken = place.run("status")
    place.tell("scenario", {})
    assert broken.returncode == 3
    assert "440 MiB" in broken.stdout and "CrashLoopBackOff" in broken.stdout


def test_logs_come_from_the_cluster(running: Running) -> None:
    place, _ = running
    done = place.run("logs", "mlflow")
    assert done.stdout.strip() == "the last words of the container"
    assert place.kubectl("logs")[0][:4] == ["logs", "deployment/mlflow", "--namespace", "mlops-labs"]
    assert place.run("logs", "nobody").returncode == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--no-jupyter", "--mlflow-port", "5999"], "MLflow on port "),
        (["--no-jupyter", "--overlay", "ci"], "the overlay `serve`, which `ci` does not hold"),
        (["--profile", "kind-gpu"], "the profile `kind` runs"),
        (["--profile", "local", "--no-jupyter"], "infra down --profile kind"),
    ],
)
def test_wishes_that_a_cluster_cannot_fulfil(running: Running, words: list[str], said: str) -> None:
    place, _ = running
    done = place.run("up", *words)
    assert done.returncode == 3 and parts(done.stderr)
    assert said in done.stderr


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (["kind"], ["no kind", "kind.sigs.k8s.io/dl/v0.33.0"]),
        (["kubectl"], ["no kubectl", "dl.k8s.io/release/v1.37.0"]),
        (["docker"], ["neither docker nor podman", "docs.docker.com/engine/install"]),
        (["docker", "kind", "kubectl"], ["neither docker", "no kind", "no kubectl"]),
    ],
)
def test_missing_programs_are_named_all_at_once(place: Place, missing: list[str], said: list[str]) -> None:
    place.variables["PATH"] = only(place)
    for name in missing:
        place.remove(name)
    done = place.up("--check")
    assert done.returncode == 3
    assert parts(done.stderr)
    for words in said:
        assert words in done.stderr
    assert not (place.home / "kind" / "state.json").exists()


def only(place: Place) -> str:
    """A PATH with nothing on it but the pretending programs and a shell."""
    for name in ("sh",):
        (place.bin / name).symlink_to(f"/bin/{name}")
    return str(place.bin)


def test_what_is_too_small_is_refused_with_figures(place: Place) -> None:
    place.tell("info", "docker-desktop.json")
    done = place.up()
    assert done.returncode == 3 and parts(done.stderr)
    assert "3.8 GB of memory" in done.stderr and "6 GB for the overlay `serve`" in done.stderr
    assert not place.calls("kind", "create")


def test_an_engine_that_sleeps_is_told_from_one_that_is_missing(place: Place) -> None:
    place.tell("info", "docker-silent.json")
    done = place.up()
    assert done.returncode == 3 and parts(done.stderr)
    assert "Is the docker daemon running?" in done.stderr and "sudo systemctl start docker" in done.stderr


def test_an_old_kubectl_is_refused(place: Place) -> None:
    place.tell("kubectl", "kubectl-1.32.json")
    done = place.up()
    assert done.returncode == 3 and "kubectl 1.32" in done.stderr and "kubectl 1.35 or newer" in done.stderr


def test_a_taken_port_names_who_has_it(place: Place) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", place.ports["mlflow"]))
        other.listen()
        done = place.up()
    assert done.returncode == 3 and parts(done.stderr)
    assert f"port {place.ports['mlflow']} is in use by process {os.getpid()}" in done.stderr
    assert "--mlflow-port" in done.stderr
    assert not place.calls("kind", "create")


def test_ports_of_pages_give_way(place: Place) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", place.ports["grafana"]))
        other.listen()
        done = place.up()
    assert done.returncode == 0, done.stderr
    assert f"Port {place.ports['grafana']} is taken; Grafana gets port" in done.stderr
    assert place.told()["MLOPS_LABS_GRAFANA_URL"] != f"http://127.0.0.1:{place.ports['grafana']}"
    assert place.told()["MLOPS_LABS_PROMETHEUS_URL"] == f"http://127.0.0.1:{place.ports['prometheus']}"


@pytest.mark.parametrize("step", HANGS)
def test_an_interrupted_up_is_gone_on_with(place: Place, step: str) -> None:
    begun = place.begin(*place.up_words(), FAKE_HANG=hang_at(place, step))
    begun.send_signal(signal.SIGINT)
    _, said = begun.communicate(timeout=60)
    assert begun.returncode == 130, said
    assert "Interrupted." in said and "Traceback" not in said
    assert not (place.home / "platform.json").exists()
    if step in ("looking", "creating"):
        assert not (place.state / "node").exists()
        assert not (place.home / "kind" / "state.json").exists()
    else:
        assert (place.state / "node").exists()
        assert "infra up --profile kind goes on from there" in said
    if step not in ("building", "applying"):
        return
    place.forget_calls()
    # Without a word it goes on with what was begun.
    done = place.run("up", "--no-jupyter")
    assert done.returncode == 0, done.stderr
    assert not place.calls("kind", "create")
    assert len(place.calls("docker", "build")) == (step == "building")


def test_a_killed_creation_is_made_anew(place: Place) -> None:
    begun = place.begin(*place.up_words(), FAKE_HANG="docker build")
    begun.kill()
    begun.communicate(timeout=60)
    record = place.record()
    record["stage"] = "creating"
    (place.home / "kind" / "state.json").write_text(json.dumps(record))
    place.forget_calls()
    done = place.up()
    assert done.returncode == 0, done.stderr
    assert "whose making was interrupted" in done.stderr
    assert place.calls("kind", "delete") and place.calls("kind", "create")


def test_a_cluster_of_somebody_else_is_left_alone(place: Place) -> None:
    assert place.up().returncode == 0
    (place.home / "kind" / "state.json").unlink()
    place.forget_calls()
    done = place.up()
    assert done.returncode == 3 and parts(done.stderr)
    assert "was not made from this home" in done.stderr
    assert not place.calls("kind", "delete") and not place.calls("kind", "create")


def test_a_failing_kind_leaves_nothing(place: Place) -> None:
    said = (RECORDED / "kind-create-port.txt").read_text()
    done = place.up(FAKE_FAIL="kind create", FAKE_SAYS=said)
    assert done.returncode == 3 and parts(done.stderr)
    assert "Bind for 127.0.0.1:9090 failed: port is already allocated" in done.stderr
    assert not (place.home / "kind" / "state.json").exists()


@pytest.mark.parametrize("what", ["docker build", "docker save", "kind load", "docker ps"])
def test_what_fails_says_so_in_three_parts(place: Place, what: str) -> None:
    done = place.up(FAKE_FAIL=what)
    assert done.returncode == 3 and parts(done.stderr)
    assert "no space left on device" in done.stderr


def test_a_pod_that_cannot_come_good_ends_the_wait(place: Place) -> None:
    place.tell("scenario", {"mlflow": "image-not-found"})
    start = time.monotonic()
    done = place.up()
    assert done.returncode == 3 and parts(done.stderr)
    assert "mlflow does not start: ImagePullBackOff" in done.stderr and "postgres:99: not found" in done.stderr
    assert "the last words of the container" in done.stderr
    assert time.monotonic() - start < 60


def test_down_keeps_the_data_and_up_brings_it_back(place: Place) -> None:
    assert place.up().returncode == 0
    down = place.run("down")
    assert down.returncode == 0 and "stopped" in down.stdout, down.stderr
    assert json.loads((place.state / "node").read_text())["state"] == "exited"
    assert not (place.home / "platform.json").exists()
    assert "stopped" in place.run("status", "--profile", "kind").stdout
    assert "Nothing was running" in place.run("down", "--profile", "kind").stdout
    place.forget_calls()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", place.ports["mlflow"]))
        other.listen()
        taken = place.up()
    assert taken.returncode == 3 and f"port {place.ports['mlflow']} is in use" in taken.stderr
    assert not place.calls("docker", "start")
    again = place.up()
    assert again.returncode == 0, again.stderr
    assert place.calls("docker", "start") and not place.calls("kind", "create")


def test_data_is_deleted_only_after_a_yes(place: Place) -> None:
    assert place.up().returncode == 0
    asked = place.run("down", "--delete-data", typed="n\n")
    assert asked.returncode == 1
    assert "the kind cluster mlops-labs" in asked.stderr
    assert (place.state / "node").exists()
    done = place.run("down", "--profile", "kind", "--delete-data", typed="y\n")
    assert done.returncode == 0, done.stderr
    assert not (place.state / "node").exists()
    assert not (place.home / "kind").exists()
    assert place.calls("kind", "delete")


def test_another_engine_is_taken_for_an_existing_cluster_by_nobody(place: Place) -> None:
    assert place.up().returncode == 0
    record = place.record() | {"engine": "podman"}
    (place.home / "kind" / "state.json").write_text(json.dumps(record))
    done = place.up()
    assert done.returncode == 3 and not place.calls("kind", "delete")


def test_an_overlay_grows_in_the_same_cluster(place: Place) -> None:
    assert place.up().returncode == 0
    place.forget_calls()
    done = place.run("up", "--no-jupyter", "--overlay", "full")
    assert done.returncode == 0, done.stderr
    assert not place.calls("kind", "create")
    assert place.told()["MLOPS_LABS_KFP_URL"] == f"http://127.0.0.1:{place.ports['kfp']}"
    kept = place.run("up", "--no-jupyter")
    assert "nothing was changed" in kept.stdout
    assert place.told()["MLOPS_LABS_OVERLAY"] == "full"


def test_a_gpu_is_handed_to_the_node_and_on_to_its_pods(place: Place) -> None:
    for name, said in (("nvidia-smi", (RECORDED / "nvidia-smi.txt").read_text()), ("nvidia-ctk", "1.19.1")):
        (place.bin / name).write_text(f"#!/bin/sh\necho '{said.strip()}'\n")
        (place.bin / name).chmod(0o755)
    without = place.up("--profile", "kind-gpu")
    assert without.returncode == 3 and "default runtime is runc" in without.stderr
    place.tell("info", "docker-nvidia.json")
    done = place.up("--profile", "kind-gpu")
    assert done.returncode == 0, done.stderr
    assert place.told()["MLOPS_LABS_PROFILE"] == "kind-gpu" and place.told()["MLOPS_LABS_OVERLAY"] == "gpu"
    assert ["nvidia-smi", "-L"] in [words[3:] for words in place.calls("docker", "exec")]
    config = (place.home / "kind" / "cluster.yaml").read_text()
    assert "/var/run/nvidia-container-devices/all" in config
