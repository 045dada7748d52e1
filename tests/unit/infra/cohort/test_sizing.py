"""The arithmetic of sizing, and that the page is what it says."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.jail import Limits
from infra.cohort.sizing import (
    GIB,
    HUB_MEMORY,
    PAGE,
    QUARTER,
    Assumptions,
    Lab,
    Measured,
    main,
    measured,
    page,
    quarters,
    size,
    worker_memory,
)
from tests.unit.infra.manifests.rendering import INFRA, find, quantity

MIB = 2**20
amounts = st.integers(0, 8 * GIB)
seconds = st.floats(0, 500)
labs = st.builds(Lab, memory=amounts, cpu=seconds, grade_cpu=seconds, submission=amounts, disk=amounts)
figures = st.builds(
    Measured,
    rest=amounts,
    starting=seconds,
    labs=st.dictionaries(st.text(max_size=5), labs, min_size=1, max_size=6),
    home=amounts,
    grade=seconds,
    row=st.integers(0, 10**6),
    worker=amounts,
    coordinator=amounts,
    image=amounts,
    noted=st.just({}),
)


def within(each):
    bounds = each.metadata
    kind = st.integers if isinstance(each.default, int) else st.floats
    return kind(bounds["least"], bounds["most"])


assumptions = st.builds(Assumptions, **{each.name: within(each) for each in fields(Assumptions)})
COSTS = ("servers", "cores", "memory", "disk", "nodes", "homes", "submitted", "results", "night", "everything")


@given(figures, assumptions, st.integers(1, 5000), st.integers(0, 5000))
def test_more_learners_never_cost_less(told, assumed, learners, more):
    few, many = size(told, assumed, learners), size(told, assumed, learners + more)
    assert all(getattr(few, name) <= getattr(many, name) for name in COSTS)


@given(figures, assumptions, st.integers(1, 3000))
def test_the_nodes_hold_what_runs(told, assumed, learners):
    found = size(told, assumed, learners)
    usable = found.nodes * (1 - assumed.system)
    assert found.cores <= usable * assumed.node_cores * (1 + 1e-9)
    assert found.memory <= usable * assumed.node_memory * GIB * (1 + 1e-9)
    assert found.servers <= found.nodes * assumed.node_pods
    # And no node more than what decides needs.
    fewer = (found.nodes - 1) * (1 - assumed.system)
    assert (
        found.cores > fewer * assumed.node_cores * (1 - 1e-9)
        or found.memory > fewer * assumed.node_memory * GIB * (1 - 1e-9)
        or found.servers > (found.nodes - 1) * assumed.node_pods
    )


@given(figures, assumptions, st.integers(1, 3000))
def test_the_parts_add_up(told, assumed, learners):
    found = size(told, assumed, learners)
    assert found.disk == found.homes + found.submitted + found.results + found.image * (found.nodes + 1)
    assert found.memory == found.servers * found.server_memory + HUB_MEMORY
    assert found.servers <= learners
    assert found.server_memory >= told.usual


@given(figures, assumptions, st.integers(1, 3000))
def test_twice_the_workers_take_half_the_time(told, assumed, learners):
    twice = replace(assumed, workers=min(assumed.workers * 2, 10000))
    one, two = size(told, assumed, learners), size(told, twice, learners)
    assert two.night == pytest.approx(one.night * assumed.workers / twice.workers)
    assert two.grading_memory >= one.grading_memory


@given(st.integers(0, 100 * GIB))
def test_quarters_are_never_less(amount):
    assert amount <= quarters(amount) < amount + QUARTER
    assert quarters(amount) % QUARTER == 0


@pytest.mark.parametrize(("name", "value"), [("at_once", 0), ("at_once", 1.5), ("workers", 0), ("system", 0.9)])
def test_an_assumption_out_of_bounds_is_refused(name, value):
    with pytest.raises(ValueError, match=name):
        Assumptions(**{name: value})


def test_a_cohort_of_known_size():
    lab = Lab(memory=900 * MIB, cpu=30, grade_cpu=6, submission=MIB, disk=10 * MIB)
    told = Measured(
        rest=300 * MIB, starting=10, labs={"a": lab, "b": lab}, home=5 * MIB, grade=4, row=1000, worker=GIB,
        coordinator=100 * MIB, image=2 * GIB, noted={},
    )  # fmt: skip
    found = size(told, Assumptions(at_once=0.5, workers=10, versions=1), 100)
    assert found.servers == 50
    assert found.server_memory == 1.25 * GIB
    assert found.memory == 50 * 1.25 * GIB + 3 * GIB
    assert found.cores == 50 * 0.25 + 1
    assert found.night == 100 * 4 / 10
    assert found.everything == 200 * 4 / 10
    assert found.submitted == 2 * 100 * 2 * MIB
    assert found.home == (5 + 2 * 20) * MIB


def test_the_page_is_what_the_script_prints():
    assert PAGE.read_text(encoding="utf-8") == page(measured(), Assumptions()), (
        "python -m infra.cohort.sizing --write makes it anew"
    )


def test_the_command_line_changes_each_assumption(capsys):
    main(["--learners", "120", "--at-once", "0.9", "--node-cores", "8", "--node-memory", "32"])
    said = capsys.readouterr().out
    assert "| 120 |" in said
    assert "8 cores and 32 GiB" in said
    with pytest.raises(SystemExit):
        main(["--at-once", "2"])


def test_the_manifests_give_what_was_measured():
    import yaml

    told, assumed = measured(), Assumptions()
    grading = INFRA / "cohort" / "grading"
    worker = find(list(yaml.safe_load_all((grading / "worker.yaml").read_text())), "Deployment", "worker")
    resources = worker["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert quantity(resources["requests"]["memory"]) == worker_memory(told, assumed)
    # A submission that wants too much is stopped by the jail, before the kernel stops the worker.
    assert quantity(resources["limits"]["memory"]) >= Limits().resident + told.worker
    grade = find(list(yaml.safe_load_all((grading / "grade.yaml").read_text())), "CronJob", "grade")
    pod = grade["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    # It is also the parent of the jail that it asks for.
    assert quantity(pod["containers"][0]["resources"]["limits"]["memory"]) >= 2 * told.coordinator
