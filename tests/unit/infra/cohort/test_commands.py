"""`infra cohort ...`, and its settings from a foreign hand."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.cli import main
from infra.cohort.settings import Cluster, read
from infra.trouble import Trouble
from tests.unit.infra.cohort import place

ENVIRONMENT_TROUBLE = 3


def run(*words):
    return CliRunner().invoke(main, ["cohort", *map(str, words)])


def test_render_names_its_files_in_the_order_of_use(tmp_path):
    done = run("render", place.make(tmp_path / "boot"))
    assert done.exit_code == 0, done.output
    named = [line.rpartition("/cluster/")[2] for line in done.output.splitlines() if "/cluster/" in line]
    assert named[:3] == ["learners.yaml", "secrets.yaml", "values.yaml"]
    assert all((tmp_path / "boot" / "cluster" / each).is_file() for each in named)
    assert "keys" in done.output.splitlines()[-1]


def test_without_settings_it_shows_their_shape(tmp_path):
    folder = place.make(tmp_path / "boot")
    (folder / "cluster.json").unlink()
    done = run("render", folder)
    assert done.exit_code == ENVIRONMENT_TROUBLE
    assert '"image"' in done.output
    assert "Next:" in done.output


def test_collect_makes_the_folders_to_hand_in(tmp_path):
    for name in ("drop", "cohort"):
        (tmp_path / name).mkdir()
    (tmp_path / "roster.json").write_text(json.dumps(place.LEARNERS))
    done = run(
        "collect", "--drop", tmp_path / "drop", "--to", tmp_path / "cohort", "--roster", tmp_path / "roster.json"
    )
    assert (done.exit_code, done.output) == (0, "0 new\n")
    assert len(list((tmp_path / "drop").iterdir())) == len(place.LEARNERS)


def test_size_tells_what_a_cohort_costs():
    done = run("size", "--learners", 50, "--at-once", 1.0)
    assert done.exit_code == 0, done.output
    assert "| servers at the same time | 50 |" in done.output
    assert run("size", "--at-once", 2).exit_code == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(list(Cluster.model_fields)), JSON) | JSON)
def test_foreign_settings_are_read_or_refused_in_words(tmp_path, told):
    content = place.SETTINGS | told if isinstance(told, dict) else told
    (tmp_path / "cluster.json").write_text(json.dumps(content))
    try:
        read(tmp_path)
    except Trouble as trouble:
        assert str(trouble).isprintable() or "\n" in str(trouble)
        assert trouble.next_step.startswith("write it, then")


@given(st.text(max_size=30))
def test_an_address_is_never_more_than_an_address(text):
    try:
        drop = Cluster.model_validate(place.SETTINGS | {"drop": {"server": text, "path": "/" + text}}).drop
    except ValueError:
        return
    assert not set(drop.server + drop.path) & set(" \n\t,;'\"\\$`{}")
    assert ".." not in drop.path.split("/")


def test_a_settings_file_without_end_is_not_read(tmp_path):
    (tmp_path / "cluster.json").write_text(" " * 100_000)
    with pytest.raises(Trouble, match="too large"):
        read(tmp_path)
