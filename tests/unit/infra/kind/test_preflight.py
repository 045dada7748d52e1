import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.kind import advice, engine, machine, preflight
from infra.kind.engine import Facts, read_facts
from infra.kind.layout import versions
from infra.kind.machine import Gpu, Machine, Program
from infra.kind.preflight import GIB, NEEDS
from infra.trouble import Trouble

RECORDED = Path(__file__).with_name("recorded")
PORTS = {"mlflow": 5000, "serving": 8090, "prometheus": 9090, "grafana": 3000, "kfp": 8080, "jupyter": 8888}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        "ServerVersion",
        "SecurityOptions",
        "NCPU",
        "MemTotal",
        "CgroupVersion",
        "DockerRootDir",
        "OperatingSystem",
        "ServerErrors",
        "DefaultRuntime",
        "host",
        "store",
        "version",
    ]
)


def recorded(name: str) -> str:
    return (RECORDED / name).read_text()


def good(**changes: Any) -> Machine:
    facts = Facts("docker", "29.6.1", cpus=8, memory=16 * GIB, cgroup=2, free=100 * GIB, default_runtime="runc")
    made = Machine(
        system="linux",
        kind=Program((0, 33), "kind v0.33.0"),
        kubectl=Program((1, 37), "v1.37.0"),
        engine=facts,
        available_memory=12 * GIB,
        watches=524288,
        instances=512,
    )
    return dataclasses.replace(made, **changes)


def with_engine(**changes: Any) -> Machine:
    facts = good().engine
    assert facts
    return good(engine=dataclasses.replace(facts, **changes))


def words(machine: Machine, overlay: str = "serve") -> list[tuple[bool, str]]:
    return [(each.grave, each.found) for each in preflight.check(machine, overlay, PORTS)]


def test_docker_tells_of_itself() -> None:
    facts = read_facts("docker", recorded("docker-29.json"))
    assert facts is not None
    assert (facts.version, facts.cpus, facts.cgroup, facts.rootless) == ("29.6.1", 8, 2, False)
    assert facts.memory == 16668655616 and facts.default_runtime == "runc" and not facts.in_a_machine


def test_docker_desktop_lives_in_a_machine() -> None:
    facts = read_facts("docker", recorded("docker-desktop.json"))
    assert facts is not None and facts.in_a_machine and facts.free is None


def test_a_rootless_docker_without_cgroup_v2_is_refused_twice() -> None:
    facts = read_facts("docker", recorded("docker-rootless-v1.json"))
    assert facts is not None and facts.rootless and not facts.limits and facts.cgroup == 1
    grave = [found for is_grave, found in words(good(engine=facts)) if is_grave]
    assert "docker with cgroup v1" in grave and any("may not limit memory" in found for found in grave)


@pytest.mark.parametrize("name", ["docker", "podman"])
def test_podman_tells_of_itself_also_under_dockers_name(name: str) -> None:
    facts = read_facts(name, recorded("podman-5.json"))
    assert facts is not None
    assert (facts.engine, facts.version, facts.cpus, facts.cgroup) == (name, "5.3.1", 8, 2)
    assert facts.rootless and facts.limits
    assert facts.free == 502921060352 - 457285541888


def test_a_silent_daemon_is_no_engine() -> None:
    assert read_facts("docker", recorded("docker-silent.json")) is None
    assert read_facts("docker", "") is None
    assert read_facts("docker", '{"ServerVersion":"29","ServerErrors":["broken"]}') is None


@given(st.text() | json_values.map(json.dumps) | st.dictionaries(FIELDS, json_values).map(json.dumps))
def test_no_words_of_an_engine_raise(text: str) -> None:
    facts = read_facts("docker", text)
    if facts is not None:
        preflight.check(good(engine=facts), "serve", PORTS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kind v0.33.0 go1.27.2 linux/amd64", (0, 33)),
        ("kind v0.34.0-alpha+1234 go1.27 darwin/arm64", (0, 34)),
        (recorded("kubectl-1.36.json"), (1, 36)),
        (recorded("kubectl-1.32.json"), (1, 32)),
        ("something else", None),
        ("{}", None),
        ("[]", None),
    ],
)
def test_versions_are_read(text: str, expected: tuple[int, int] | None) -> None:
    assert machine.read_version(text) == expected


@given(st.text() | json_values.map(json.dumps))
def test_no_version_raises(text: str) -> None:
    machine.read_version(text)


def test_a_good_machine_has_nothing_to_say() -> None:
    for overlay in NEEDS:
        assert preflight.check(good(), overlay, PORTS) == []


@pytest.mark.parametrize(
    ("seen", "grave", "said"),
    [
        (good(kind=None), True, "no kind"),
        (good(kind=Program((0, 32), "")), True, "kind 0.32"),
        (good(kind=Program(None, "?")), False, "does not tell its version"),
        (good(kubectl=None), True, "no kubectl"),
        (good(kubectl=Program((1, 34), "")), True, "kubectl 1.34"),
        (good(kubectl=Program((1, 35), "")), False, "2 minor versions away"),
        (good(kubectl=Program((1, 40), "")), True, "3 minor versions away"),
        (good(engine=None), True, "neither docker nor podman"),
        (good(engine=None, silent={"docker": "docker does not answer: x"}), True, "does not answer"),
        (good(remote="tcp://10.0.0.5:2375"), True, "on another machine"),
        (with_engine(cgroup=1), True, "cgroup v1"),
        (with_engine(engine="podman"), False, "podman"),
        (with_engine(memory=4 * GIB), True, "4 GB of memory"),
        (with_engine(cpus=1), True, "1 CPUs"),
        (with_engine(cpus=2), False, "2 CPUs"),
        (with_engine(free=4 * GIB, root="/var/lib/docker"), True, "4 GB free in /var/lib/docker"),
        (with_engine(free=12 * GIB), False, "12 GB free"),
        (good(available_memory=2 * GIB), False, "2 GB of memory are free"),
        (good(watches=8192), False, "max_user_watches=8192"),
        (good(instances=128), False, "max_user_instances=128"),
        (good(taken={"mlflow": "in use by process 7 (x)"}), True, "port 5000 is in use by process 7"),
        (good(taken={"jupyter": "in use"}), True, "port 8888"),
        (good(taken={"grafana": "in use"}), False, "port 3000"),
        (good(gpu=Gpu(0, True, True)), True, "no GPU"),
        (good(gpu=Gpu(1, False, None)), True, "no nvidia-ctk"),
        (good(gpu=Gpu(1, True, True)), True, "default runtime is runc"),
        (good(gpu=Gpu(1, True, False)), True, "volume-mounts is off"),
        (good(gpu=Gpu(1, True, None)), False, "cannot be read"),
        (good(gpu=Gpu(1, True, True), system="macos"), True, "macOS"),
    ],
)
def test_each_lack_is_found(seen: Machine, grave: bool, said: str) -> None:
    found = [is_grave for is_grave, text in words(seen) if said in text]
    assert found == [grave], words(seen)


def test_all_that_is_grave_is_in_one_message_and_warnings_are_not() -> None:
    seen = good(kind=None, kubectl=None, instances=128)
    with pytest.raises(Trouble) as raised:
        preflight.refuse(preflight.check(seen, "serve", PORTS))
    text = str(raised.value)
    assert text.count("Found:") == text.count("Expected:") == text.count("Next:") == 2
    assert "no kind" in text and "no kubectl" in text and "inotify" not in text


def test_what_fits_serve_need_not_fit_full() -> None:
    seen = with_engine(memory=8 * GIB)
    assert not preflight.check(seen, "serve", PORTS)
    grave = [each for each in preflight.check(seen, "full", PORTS) if each.grave]
    assert [each.found for each in grave] == ["8 GB of memory for docker"]
    assert "--overlay serve" in grave[0].next_step


def test_six_gigabytes_in_the_settings_suffice() -> None:
    assert not preflight.check(with_engine(memory=int(5.79 * GIB)), "serve", PORTS)


@pytest.mark.parametrize("system", ["linux", "macos", "wsl"])
def test_each_system_gets_advice_of_its_own(system: advice.System) -> None:
    known = versions()
    told = [
        advice.install_engine(system),
        advice.wake_engine(system, {"docker": "x"}),
        advice.install_kind(system, known),
        advice.install_kubectl(system, known),
        advice.cgroup_v2(system),
        advice.more_memory(system, 6, "serve"),
        advice.more_cpus(system),
    ]
    assert all(told)
    assert ("brew" in " ".join(told)) == (system == "macos")
    assert (" ".join(told).count("sha256sum --check") == 2) == (system != "macos")
    assert "usermod" in advice.wake_engine(system, {"docker": "permission denied while trying to connect"})


def test_a_nvidia_configuration(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    assert machine.volume_mounts(file) is None
    file.write_text("accept-nvidia-visible-devices-as-volume-mounts = true\n[nvidia-container-cli]\n")
    assert machine.volume_mounts(file) is True
    file.write_text("#accept-nvidia-visible-devices-as-volume-mounts = true\n")
    assert machine.volume_mounts(file) is False
    file.write_bytes(b"\xff = [")
    assert machine.volume_mounts(file) is None


@pytest.mark.parametrize(
    ("host", "remote"),
    [
        ("", False),
        ("unix:///run/user/1000/docker.sock", False),
        ("tcp://127.0.0.1:2375", False),
        ("ssh://me@server", True),
        ("tcp://10.0.0.5:2375", True),
    ],
)
def test_an_engine_on_another_machine_is_told(host: str, remote: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    monkeypatch.setattr(machine, "_engine", lambda only: (None, {}))
    assert bool(machine.look(gpu=False).remote) is remote


def test_kind_is_given_the_chosen_engine_and_no_kubeconfig_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/mine")
    monkeypatch.setenv(engine.PROVIDER, "podman")
    assert "KUBECONFIG" not in engine.Engine("docker").environment()
    assert engine.PROVIDER not in engine.Engine("docker").environment()
    assert engine.Engine("podman").environment()[engine.PROVIDER] == "podman"
