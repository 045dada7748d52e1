"""The course of a change over runners and files that fail at any step: all of it happens, or nothing."""

from __future__ import annotations

import dataclasses
import signal
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.deployments import Deployment, DeploymentStatus, Order, Traffic
from infra.profile import Progress
from infra.serving.deployer import Deployer
from infra.serving.store import Store
from infra.trouble import Trouble


class Stones:
    """Something to stumble over: the given step of a change fails, once."""

    def __init__(self) -> None:
        self.at: int | None = None
        self.error: type[BaseException] = Trouble
        self.stumbled = False

    def step(self) -> None:
        if self.at is None:
            return
        self.at -= 1
        if self.at >= 0:
            return
        self.at = None
        if self.error is KeyboardInterrupt and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            return
        self.stumbled = True
        if self.error is Trouble:
            raise Trouble(found="a stone", expected="a way", next_step="walk around it")
        raise self.error("a stone")


class Files(Store):
    """The records, on a disk that may fail."""

    def __init__(self, folder: Path, stones: Stones) -> None:
        super().__init__(folder)
        self._stones = stones

    def write(self, deployment: Deployment) -> None:
        self._stones.step()
        super().write(deployment)

    def note(self, *words: Any) -> None:
        self._stones.step()
        super().note(*words)

    def keep_code(self, *words: Any) -> str:
        kept = super().keep_code(*words)
        self._stones.step()
        return kept


class Stage:
    """Runners that only remember what runs, and what the router follows. They may fail before a deed or after it."""

    def __init__(self, store: Store, stones: Stones) -> None:
        self.store, self.stones = store, stones
        self.running: set[tuple[str, int]] = set()
        self.followed: dict[str, Traffic] = {}

    def start(self, deployment: Deployment, number: int, progress: Progress) -> None:
        assert number in {each.number for each in deployment.releases}
        self.stones.step()
        self.running.add((deployment.name, number))
        self.stones.step()

    def stop(self, name: str, number: int) -> None:
        self.stones.step()
        self.running.discard((name, number))

    remove = stop

    def reroute(self, progress: Progress, *, hurried: bool = False) -> None:
        self.stones.step()
        told = {each.name: each.traffic for each in self.store.all() if each.traffic.weights}
        assert all((name, number) in self.running for name, traffic in told.items() for number in traffic.serving)
        self.followed = told
        self.stones.step()

    def tidy(self) -> None:
        self.stones.step()

    def states(self, deployment: Deployment) -> Mapping[int, str]:
        return {number: "running" for name, number in self.running if name == deployment.name}


class Silent:
    """No display."""

    def note(self, text: str) -> None:
        pass

    waiting = note


class House:
    """Deployments on a stage, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.stones = folder, Stones()
        self.store = Files(folder / "serving", self.stones)
        self.stage = Stage(self.store, self.stones)
        self.deployer = Deployer(self.store, self.stage, "http://127.0.0.1:1", "http://127.0.0.1:2")
        self.code = folder / "code"
        self.code.mkdir()
        (self.code / "service.py").write_text("app = 1\n")

    def deploy(self, name: str = "fraud", weight: int = 100, shadow: bool = False) -> DeploymentStatus:
        order = Order(name, "service:app", None, weight, shadow, self.code)
        return self.deployer.deploy(order, Silent())

    def state(self) -> dict[str, Any]:
        files = [path for path in (self.folder / "serving").rglob("*") if path.is_file() and path.name != "counter"]
        return {
            "files": {str(path.relative_to(self.folder)): path.read_bytes() for path in files},
            "running": set(self.stage.running),
            "followed": dict(self.stage.followed),
        }


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


names = st.sampled_from(["fraud", "loans"])


def deploying(name: str, weight: int, shadow: bool) -> Callable[[House], Any]:
    return lambda house: house.deploy(name, weight, shadow)


def routing(name: str, one: int, two: int, weight: int) -> Callable[[House], Any]:
    traffic = Traffic({one: weight, two: 100 - weight} if one != two else {one: 100})
    return lambda house: house.deployer.route(name, traffic, Silent())


def rolling_back(name: str) -> Callable[[House], Any]:
    return lambda house: house.deployer.rollback(name, Silent())


def undeploying(name: str) -> Callable[[House], Any]:
    return lambda house: house.deployer.undeploy(name, Silent())


steps = st.one_of(
    st.builds(deploying, names, st.integers(1, 100), st.booleans()),
    st.builds(routing, names, st.integers(1, 4), st.integers(1, 4), st.integers(1, 99)),
    st.builds(rolling_back, names),
    st.builds(undeploying, names),
)
stones = st.tuples(st.none() | st.integers(0, 14), st.sampled_from([Trouble, OSError, KeyboardInterrupt]))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(steps, stones), max_size=7))
def test_a_change_happens_as_a_whole_or_not_at_all(walk: list[tuple[Callable[[House], Any], Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder))
        idle: set[tuple[str, int]] = set()
        for change, (at, error) in walk:
            before = house.state()
            house.stones.at, house.stones.error, house.stones.stumbled = at, error, False
            try:
                change(house)
            except (Trouble, OSError, KeyboardInterrupt):
                assert house.state() == before
            else:
                if house.stones.stumbled:
                    # Only what gets no traffic any more may go on running.
                    idle |= house.stage.running
            house.stones.at = None
            records = {each.name: each.traffic for each in house.store.all()}
            assert house.stage.followed == records
            wanted = {(name, number) for name, traffic in records.items() for number in traffic.serving}
            assert wanted <= house.stage.running <= wanted | idle


def test_a_release_gets_traffic_only_once_it_runs(house: House) -> None:
    status = house.deploy()
    assert [(each.release.number, each.state, each.weight) for each in status.releases] == [(1, "running", 100)]
    house.deploy(weight=30)
    assert house.stage.followed == {"fraud": Traffic({1: 70, 2: 30})}
    house.deployer.route("fraud", Traffic({2: 100}), Silent())
    assert house.stage.running == {("fraud", 2)}
    house.deployer.rollback("fraud", Silent())
    assert house.stage.running == {("fraud", 1), ("fraud", 2)}
    house.deployer.undeploy("fraud", Silent())
    assert house.stage.running == set() and house.stage.followed == {}
    assert (house.folder / "serving" / "fraud" / "journal.jsonl").read_text().count("\n") == 5


def test_a_number_of_a_release_that_failed_is_not_given_again(house: House) -> None:
    house.stones.at = 2
    with pytest.raises(Trouble):
        house.deploy()
    assert house.deploy().releases[0].release.number == 2


def test_a_first_shadow_is_refused_before_anything_is_made(house: House) -> None:
    before = house.state()
    with pytest.raises(Trouble, match="shadow"):
        house.deploy(shadow=True)
    assert house.state() == before


def test_what_does_not_stop_is_told_and_undoes_nothing(house: House) -> None:
    house.deploy()
    said: list[str] = []
    order = Order("fraud", "service:app", None, 100, False, house.code)
    broken = Trouble(found="it clings", expected="an end", next_step="wait")

    def stop(name: str, number: int) -> None:
        raise broken

    house.stage.stop = stop  # type: ignore[method-assign]
    progress = Silent()
    progress.note = said.append  # type: ignore[method-assign]
    house.deployer.deploy(order, progress)
    assert house.stage.followed == {"fraud": Traffic({2: 100})}
    assert said == ["fraud-1 gets no traffic but could not be stopped: it clings"]


def test_only_a_change_can_be_rolled_back(house: House) -> None:
    house.deploy()
    with pytest.raises(Trouble, match="no other traffic"):
        house.deployer.rollback("fraud", Silent())
    with pytest.raises(Trouble, match="no deployment `loans`"):
        house.deployer.rollback("loans", Silent())
    with pytest.raises(Trouble, match="no release 7"):
        house.deployer.route("fraud", Traffic({7: 100}), Silent())
    assert dataclasses.astuple(house.deployer.all()[0])[0] == "fraud"
