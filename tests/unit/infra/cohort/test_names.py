"""Learners' names are foreign: each gets a namespace of their own, and it is the one that KubeSpawner looks for."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.enrolment import LEARNER
from infra.cohort import names
from infra.trouble import Trouble

# As KubeSpawner 7.1.0 answers: kubespawner.slugs.safe_slug(name, max_length=48)
SPAWNED = {
    "alice": "alice",
    "a-b": "a-b",
    "a--b": "a-b---SLUG",
    "a.b": "a-b---SLUG",
    "ada_l": "ada-l---SLUG",
    "eve@example.invalid": "eve-example-invalid---SLUG",
    "björn": "bj-rn---SLUG",
    "日本": "x---SLUG",
    "7up": "x-7up---SLUG",
    "-dash": "dash---SLUG",
    "dash-": "dash---SLUG",
    "a" * 48: "a" * 48,
    "a" * 49: "a" * 37 + "---SLUG",
    "7" * 60: "x-" + "7" * 35 + "---SLUG",
    "i̇pek": "i-pek---SLUG",
    "ha nguyen": "ha-nguyen---SLUG",
}


@pytest.mark.parametrize("name", SPAWNED)
def test_it_is_the_name_that_the_spawner_makes(name):
    import hashlib

    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    assert names.slug(name) == SPAWNED[name].replace("SLUG", digest)


@given(st.from_regex(LEARNER, fullmatch=True))
def test_any_learner_gets_a_name_that_kubernetes_takes(learner):
    made = names.namespace(learner)
    assert re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", made)
    assert len(made) <= 63
    assert made.startswith("learner-")


@given(st.lists(st.from_regex(LEARNER, fullmatch=True), max_size=8, unique_by=names.login))
def test_different_learners_never_share_a_namespace(learners):
    assert len(names.distinct(learners)) == len(learners)


@given(st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True), st.from_regex(r"[a-z0-9]{8}", fullmatch=True))
def test_nobody_is_called_as_the_hash_of_another(name, digest):
    forged = f"{name}---{digest}"
    assert names.slug(forged) != forged


def test_those_who_differ_in_capitals_alone_are_refused():
    with pytest.raises(Trouble, match="Alice") as caught:
        names.distinct(["alice", "Alice"])
    assert "checker cohort init" in caught.value.next_step


@given(st.binary(max_size=60))
def test_a_foreign_roster_is_read_or_refused(content):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "roster.json")
        path.write_bytes(content)
        try:
            found = names.read_roster(path)
        except Trouble:
            return
        assert all(LEARNER.fullmatch(each) for each in found)


@pytest.mark.parametrize("content", ['["../x"]', '{"a": 1}', "[1]", '[".hidden"]', '["a/b"]', "nonsense", '["a\\n"]'])
def test_a_roster_with_names_that_lead_elsewhere_is_refused(tmp_path, content):
    (tmp_path / "roster.json").write_text(content)
    with pytest.raises(Trouble, match="cannot be used"):
        names.read_roster(tmp_path / "roster.json")
