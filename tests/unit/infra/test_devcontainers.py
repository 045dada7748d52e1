"""The two development containers, and the script that fetches kind and kubectl for the second."""

import hashlib
import json
import platform
import re
import shutil
import subprocess

import pytest

from tests.support import ROOT

FOLDER = ROOT / ".devcontainer"
# Where Codespaces and VS Code look: in the folder itself, and one level below it.
FILES = {"local": FOLDER / "devcontainer.json", "kind": FOLDER / "kind" / "devcontainer.json"}
SERVICES = {"local": {5000, 8888, 8090}, "kind": {5000, 8888, 8090, 9090, 3000, 8080}}
CORES = {"local": 2, "kind": 4}


@pytest.fixture(params=FILES)
def container(request):
    return request.param, json.loads(FILES[request.param].read_text(encoding="utf-8"))


def test_they_lie_where_codespaces_and_vs_code_look():
    assert not FOLDER.is_symlink()
    assert set(FOLDER.rglob("devcontainer.json")) == set(FILES.values())
    assert (ROOT / "devcontainer").resolve() == FOLDER


def test_images_and_features_are_pinned(container):
    _, said = container
    assert re.fullmatch(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", said["image"])
    for feature in said.get("features", {}):
        assert re.fullmatch(r"ghcr\.io/[\w/-]+:\d+\.\d+\.\d+", feature)


def test_every_forwarded_port_has_a_label(container):
    name, said = container
    assert set(said["forwardPorts"]) == SERVICES[name]
    assert {int(port) for port in said["portsAttributes"]} == SERVICES[name]
    assert all(each["label"] for each in said["portsAttributes"].values())


def test_the_first_start_ends_with_the_doctor(container):
    name, said = container
    assert said["postCreateCommand"] == ".venv/bin/checker doctor"
    assert said["updateContentCommand"] == "make setup"
    assert said["hostRequirements"]["cpus"] == CORES[name]
    for command in (said["updateContentCommand"], said.get("onCreateCommand", "")):
        for word in command.split():
            assert "/" not in word or word.startswith("/") or (ROOT / word).is_file()


@pytest.fixture
def tools(tmp_path):
    """The script beside versions of its own, with a `curl` that fetches what lies in a folder."""
    (tmp_path / "infra" / "kind").mkdir(parents=True)
    (tmp_path / "net").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "into").mkdir()
    shutil.copy(ROOT / "infra" / "kind" / "tools.sh", tmp_path / "infra" / "kind")
    machine = {"x86_64": "AMD64", "aarch64": "ARM64"}.get(platform.machine())
    if machine is None:
        pytest.skip("neither kind nor kubectl is published for this machine")
    sums = {}
    for name in ("kind", "kubectl"):
        content = f"#!/bin/sh\necho {name}\n".encode()
        (tmp_path / "net" / name).write_bytes(content)
        sums[name] = hashlib.sha256(content).hexdigest()
    other = {"AMD64": "ARM64", "ARM64": "AMD64"}[machine]
    lines = ["KIND_VERSION=1.2.3", "KUBERNETES_VERSION=4.5.6"]
    lines += [f"{name.upper()}_LINUX_{machine}_SHA256={value}" for name, value in sums.items()]
    lines += [f"{name.upper()}_LINUX_{other}_SHA256=none" for name in sums]
    (tmp_path / "infra" / "versions.env").write_text("\n".join(lines) + "\n", encoding="utf-8")
    curl = tmp_path / "bin" / "curl"
    curl.write_text(
        "#!/bin/sh\nfor word; do address=$word; done\nwhile [ $# -gt 1 ]; do\n"
        '  if [ "$1" = --output ]; then into=$2; fi\n  shift\ndone\n'
        f'echo "$address" >> {tmp_path}/asked\ncase $address in *kubectl) name=kubectl;; *) name=kind;; esac\n'
        f'cp {tmp_path}/net/$name "$into"\n',
        encoding="utf-8",
    )
    curl.chmod(0o755)

    def run():
        return subprocess.run(
            ["sh", tmp_path / "infra" / "kind" / "tools.sh", tmp_path / "into"],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": f"{tmp_path / 'bin'}:/usr/local/bin:/usr/bin:/bin"},
        )

    run.folder = tmp_path
    return run


def test_the_tools_are_fetched_once_and_can_be_run(tools):
    assert tools().returncode == 0
    asked = (tools.folder / "asked").read_text(encoding="utf-8").split()
    assert asked[0].startswith("https://github.com/kubernetes-sigs/kind/releases/download/v1.2.3/kind-linux-")
    assert asked[1].startswith("https://dl.k8s.io/release/v4.5.6/bin/linux/")
    for name in ("kind", "kubectl"):
        assert subprocess.check_output([tools.folder / "into" / name], text=True) == f"{name}\n"
    again = tools()
    assert again.returncode == 0
    assert again.stdout == "kind is there.\nkubectl is there.\n"
    assert (tools.folder / "asked").read_text(encoding="utf-8").split() == asked


def test_another_digest_is_refused_and_nothing_is_installed(tools):
    (tools.folder / "net" / "kubectl").write_text("#!/bin/sh\necho evil\n", encoding="utf-8")
    done = tools()
    assert done.returncode == 3
    assert "Found:    kubectl with another digest" in done.stderr
    assert not (tools.folder / "into" / "kubectl").exists()
