"""What a deployment is, how its traffic is shared, what Envoy is told, and what stays in files."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.deploy_cli import parse_traffic
from infra.deployments import ALL, Deployment, Order, Registered, Release, Traffic, check_name
from infra.local import config, processes
from infra.local.layout import Layout, Settings
from infra.local.serving import router
from infra.local.serving.runners import prepare
from infra.serving import release
from infra.serving.store import MOST_BYTES, Store
from infra.trouble import Trouble

weights = st.dictionaries(st.integers(1, 9), st.integers(1, 1000), min_size=1, max_size=6)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "home")
    layout.create()
    return layout


@pytest.fixture
def settings(layout: Layout) -> Settings:
    socket = str(layout.run / "supervisor.sock")
    return Settings(mlflow_port=1, jupyter_port=None, serving_port=8090, notebooks="/nb", token="t", socket=socket)


def made(number: int, app: str | None = "service:app") -> Release:
    return Release(number, app, Registered("card-fraud", "3"), "0" * 64, "2026-01-01T00:00:00.000+00:00")


def fraud(traffic: Traffic, *earlier: Traffic) -> Deployment:
    return Deployment("fraud", (made(1), made(2)), traffic, earlier)


@given(weights, st.integers(1, 100))
def test_a_new_release_gets_its_weight_and_the_others_share_the_rest(before: dict[int, int], weight: int) -> None:
    after = Traffic(before).joined(10, weight).weights
    assert sum(after.values()) == ALL
    assert after[10] == weight
    assert all(share > 0 for share in after.values())
    rest = sum(before.values())
    assert all(abs(after.get(old, 0) - share * (ALL - weight) / rest) < 1 for old, share in before.items())


def test_the_first_release_gets_all_whatever_weight_was_asked_for() -> None:
    assert Traffic().joined(1, 10).weights == {1: 100}


def test_a_release_that_joins_again_is_not_counted_twice() -> None:
    assert Traffic({1: 50, 2: 50}).joined(2, 20).weights == {1: 80, 2: 20}


def test_a_shadow_runs_and_takes_no_share() -> None:
    traffic = Traffic({1: 100}).shadowed(2)
    assert traffic.serving == {1, 2}
    assert traffic.weights == {1: 100}


@pytest.mark.parametrize("name", ["", "Fraud", "1a", "a_b", "../x", "a" * 21, "a/b", "a-", "a\n", "ä"])
def test_a_name_that_is_no_label_is_refused(name: str) -> None:
    with pytest.raises(Trouble):
        check_name(name)


@pytest.mark.parametrize(
    ("app", "model"),
    [(None, None), ("service", None), ("service:", None), ("a b:c", None), (None, "runs:/1/m"), (None, "models:/")],
)
def test_an_order_without_something_to_serve_is_refused(app: str | None, model: str | None) -> None:
    with pytest.raises(Trouble) as refused:
        Order("fraud", app, model, 100, False, Path())
    assert "infra deploy fraud" in str(refused.value)


@pytest.mark.parametrize("words", [["1"], ["1=50"], ["1=50", "1=50"], ["1=-10", "2=110"], ["x=100"], ["1=1e2"]])
def test_shares_that_are_not_a_hundred_are_refused(words: list[str]) -> None:
    with pytest.raises(click.BadParameter):
        parse_traffic(tuple(words), None)


def test_shares_are_read() -> None:
    assert parse_traffic(("2=10", "1=90", "3=0"), 3) == Traffic({1: 90, 2: 10}, 3)
    with pytest.raises(click.BadParameter):
        parse_traffic(("1=50", "2=50"), 2)


def test_a_record_comes_back_as_it_was_written(layout: Layout) -> None:
    store = Store(layout.serving)
    deployment = fraud(Traffic({1: 90, 2: 10}, None), Traffic({1: 100}), Traffic())
    store.write(deployment)
    assert store.read("fraud") == deployment
    assert store.names() == ["fraud"]
    store.forget("fraud")
    assert store.read("fraud") is None and store.names() == []


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"releases": 1}', '{"releases": [{}]}'])
def test_a_damaged_record_is_none(layout: Layout, text: str) -> None:
    store = Store(layout.serving)
    store.folder("fraud").mkdir(parents=True)
    (store.folder("fraud") / "deployment.json").write_text(text)
    assert store.read("fraud") is None
    assert list(store.all()) == []


def test_a_number_is_never_given_twice(layout: Layout) -> None:
    store = Store(layout.serving)
    assert store.next_number("fraud") == 1
    store.forget("fraud")
    assert store.next_number("fraud") == 2


def test_the_journal_says_what_was_before(layout: Layout) -> None:
    store = Store(layout.serving)
    store.write(fraud(Traffic({1: 100})))
    store.note("fraud", "deploy", 2, Traffic({1: 100}), Traffic({1: 75, 2: 25}, None))
    (line,) = (store.folder("fraud") / "journal.jsonl").read_text().splitlines()
    told = json.loads(line)
    assert told["event"] == "deploy" and told["release"] == 2
    assert told["weights"] == {"1": 75, "2": 25} and told["before"]["weights"] == {"1": 100}


def test_code_is_copied_without_what_is_no_code(layout: Layout, tmp_path: Path) -> None:
    source = tmp_path / "app"
    for path in ("service.py", "app/main.py", "data/month.csv", ".git/config", "env/pyvenv.cfg", "lab.ipynb"):
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_text(path)
    (source / "link.py").symlink_to("/etc/passwd")
    store = Store(layout.serving)
    first = store.keep_code("fraud", 1, source)
    kept = store.folder("fraud", 1) / "code"
    assert sorted(path.relative_to(kept).as_posix() for path in kept.rglob("*") if path.is_file()) == [
        "app/main.py",
        "service.py",
    ]
    assert store.keep_code("fraud", 2, source) == first
    (source / "service.py").write_text("other")
    assert store.keep_code("fraud", 3, source) != first


def test_a_folder_that_is_no_application_is_refused(layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "big.bin").write_bytes(bytes(MOST_BYTES + 1))
    with pytest.raises(Trouble, match="MiB"):
        Store(layout.serving).keep_code("fraud", 1, tmp_path)


def test_envoy_is_told_of_weights_shadow_and_sockets(layout: Layout, settings: Settings) -> None:
    traffic = Traffic({1: 100}, 2)
    version = router.write_routes(layout, settings, [fraud(traffic), Deployment("empty")])
    routes = json.loads(layout.router_routes.read_text())
    clusters = json.loads(layout.router_clusters.read_text())
    assert routes["version_info"] == version
    (host,) = routes["resources"][0]["virtual_hosts"]
    own = [{"path": "/-/version"}, {"path": "/-/fraud-1/health"}, {"path": "/-/fraud-2/health"}]
    assert [each["match"] for each in host["routes"]] == [*own, {"prefix": "/fraud/"}, {"path": "/fraud"}]
    assert host["routes"][0]["direct_response"]["body"]["inline_string"] == version
    action = host["routes"][3]["route"]
    assert [(each["name"], each["weight"]) for each in action["weighted_clusters"]["clusters"]] == [("fraud-1", 100)]
    assert action["request_mirror_policies"] == [{"cluster": "fraud-2"}]
    assert [each["name"] for each in clusters["resources"]] == ["fraud-1", "fraud-2"]


def test_a_platform_that_starts_again_runs_what_had_traffic(layout: Layout, settings: Settings) -> None:
    Store(layout.serving).write(fraud(Traffic({2: 100})))
    prepare(layout, settings)
    assert sorted(path.name for path in layout.programs.iterdir()) == ["fraud-2.conf", "router.conf"]
    assert "fraud 2" in layout.program("fraud-2").read_text()


def test_without_deployments_nothing_more_is_started(layout: Layout, settings: Settings) -> None:
    prepare(layout, settings)
    assert list(layout.programs.iterdir()) == []


def test_a_release_is_known_by_its_command_line(layout: Layout, tmp_path: Path) -> None:
    line = config.release_command(layout, "fraud", 3)
    assert processes.role(line, layout) == "fraud-3"
    assert processes.role(line, Layout(tmp_path / "other")) is None
    assert processes.role(router.command(layout), layout) == "router"


def test_mlflow_still_has_the_private_names_by_which_a_model_is_served() -> None:
    found = find_spec("mlflow")
    assert found and found.origin
    server = Path(found.origin).parent / "pyfunc" / "scoring_server"
    assert f'_SERVER_MODEL_PATH = "{release.MODEL_VARIABLE}"' in (server / "__init__.py").read_text()
    assert release.MODEL_APP == "mlflow.pyfunc.scoring_server.app:app"
    assert "app = scoring_server.init(" in (server / "app.py").read_text()
