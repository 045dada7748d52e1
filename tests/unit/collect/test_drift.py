"""The collector of drift: what Evidently writes is read, and foreign bytes lead to problems in words, never further."""

import json
import os

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checker.collect.drift import collect_drift
from checker.declarations import DriftSource

SOURCE = DriftSource(reports={"june": "reports/june.json"}, manifest="sources.yaml", thresholds="thresholds.yaml")
SUM = "ab" * 32


def metric(column="amount", value=0.2, method="Wasserstein distance (normed)", threshold=0.1):
    config = {"type": "evidently:metric_v2:ValueDrift", "column": column, "method": method, "threshold": threshold}
    return {"id": "0", "metric_name": "ValueDrift(...)", "config": config, "value": value}


def check(column="amount", status="FAIL"):
    return {"id": "drift", "name": f"Value Drift for column {column}", "status": status, "metric_config": {}}


def report(*metrics, tests=()):
    count = {"config": {"type": "evidently:metric_v2:DriftedColumnsCount"}, "value": {"count": 1.0, "share": 0.5}}
    return {"metrics": [count, *(metrics or (metric(),))], "tests": list(tests)}


def collected(folder, *, june=None, sources=None, thresholds=None):
    (folder / "reports").mkdir(exist_ok=True)
    for path, content in (("reports/june.json", june), ("sources.yaml", sources), ("thresholds.yaml", thresholds)):
        if content is not None:
            text = content if isinstance(content, str | bytes) else json.dumps(content)
            (folder / path).write_bytes(text if isinstance(text, bytes) else text.encode())
    return collect_drift(folder, SOURCE)


def test_a_report_as_evidently_writes_it(tmp_path):
    [found] = collected(tmp_path, june=report(metric(), metric("channel", 0.01, "psi", 0.05), tests=[check()])).reports
    assert found.problem is None
    amount, channel = found.columns
    assert (amount.method, amount.value, amount.threshold, amount.passed) == ("wasserstein", 0.2, 0.1, False)
    assert (channel.method, channel.value, channel.threshold, channel.passed) == ("psi", 0.01, 0.05, None)
    assert len(found.sha256) == 64


def test_two_tests_of_a_column_say_nothing(tmp_path):
    [found] = collected(tmp_path, june=report(tests=[check(), check(status="SUCCESS")])).reports
    assert found.columns[0].passed is None


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (None, "is not there"),
        ("<html>", "not JSON"),
        ([], "no list `metrics`"),
        ({"metrics": {}}, "no list `metrics`"),
        ({"metrics": [], "tests": []}, "`ValueDrift`"),
        ({"metric_results": {}, "metrics": []}, "whole snapshot"),
        ({"metrics": [None, 1, {"config": 3}, {"config": {"type": 1, "column": 2}}]}, "`ValueDrift`"),
        (report(*[metric(f"c{number}") for number in range(300)]), "300"),
        (b"\xff\xfe", "UTF-8"),
        ("[" * 100_000, "JSON"),
        (" " * (2 << 20), "more than"),
    ],
)
def test_what_is_no_report_is_told(tmp_path, written, said):
    [found] = collected(tmp_path, june=written).reports
    assert said in (found.problem or "")
    assert found.columns == ()


@pytest.mark.parametrize("value", [None, "0.1", True, [], {}, float("nan"), float("inf"), 10**400])
def test_a_value_that_is_no_number_is_none(tmp_path, value):
    text = json.dumps(report(metric(value=0.123, threshold=0.123))).replace("0.123", json.dumps(value))
    [found] = collected(tmp_path, june=text).reports
    assert (found.columns[0].value, found.columns[0].threshold) == (None, None)


def test_links_and_pipes_are_not_followed(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(json.dumps(report()))
    work = tmp_path / "work"
    (work / "reports").mkdir(parents=True)
    (work / "reports/june.json").symlink_to(secret)
    os.mkfifo(work / "sources.yaml")
    (work / "thresholds.yaml").symlink_to("/dev/zero")
    found = collect_drift(work, SOURCE)
    assert found.reports[0].problem == "is a link"
    assert found.spoken_problem == "is no plain file"
    assert found.limits_problem == "is a link"


@pytest.mark.parametrize(
    "sums", [SUM, [SUM], {"data/a.csv": SUM}, {"data/a.csv": f" {SUM.upper()} "}, [SUM, "no sum", 3, None]]
)
def test_sums_in_any_form(tmp_path, sums):
    told = collected(tmp_path, sources={"june": {"report": SUM, "reference": sums, "current": sums}})
    assert told.spoken_problem is None
    [june] = told.spoken
    assert (june.name, june.report, june.reference, june.current) == ("june", SUM, (SUM,), (SUM,))


def test_thresholds(tmp_path):
    text = "amount: {method: K-S p_value, threshold: 1e-6, reason: ' because\\x1b[31m '}\nother: 3\n"
    amount, other = collected(tmp_path, thresholds=text).limits
    assert (amount.method, amount.threshold) == ("ks", 1e-6)
    assert "\x1b" not in amount.reason
    assert (other.method, other.threshold, other.reason) == ("", None, "")
    wrapped = {"columns": {"amount": {"method": "psi", "threshold": 1, "reason": ""}}}
    assert collected(tmp_path, thresholds=wrapped).limits[0].column == "amount"


@pytest.mark.parametrize("text", ["", "- a\n", "a: !!python/object:os.system {}\n", "a: [", "\x00"])
def test_yaml_that_is_no_mapping_is_told(tmp_path, text):
    found = collected(tmp_path, sources=text, thresholds=text)
    assert found.spoken_problem
    assert found.limits_problem
    assert found.limits == found.spoken == ()


def test_what_pyyaml_writes_of_one_object_in_two_places(tmp_path):
    told = {"report": SUM, "reference": {"a": SUM}}
    text = yaml.safe_dump({"june": told, "july": told})
    assert "*id" in text
    assert [each.reference for each in collected(tmp_path, sources=text).spoken] == [(SUM,), (SUM,)]


@pytest.mark.parametrize(
    "text",
    [
        "a: &a {report: x}\nb: &b {<<: [*a, *a]}\nc: {<<: [*b, *b]}\n",
        "june: &a\n  reference: &b [*b, *b]\n  current: *a\n",
        "l0: &l0 [x, x]\n" + "".join(f"l{n}: &l{n} [*l{n - 1}, *l{n - 1}]\n" for n in range(1, 60)),
    ],
)
def test_aliases_do_not_explode(tmp_path, text):
    found = collected(tmp_path, sources=text, thresholds=text)
    assert all(each.reference == () for each in found.spoken)
    assert all(each.threshold is None for each in found.limits)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
NEAR = st.fixed_dictionaries(
    {"config": st.fixed_dictionaries({"type": st.just("x:ValueDrift"), "column": JSON, "method": JSON})},
    optional={"value": JSON},
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(
    june=st.binary(max_size=300) | JSON | st.fixed_dictionaries({"metrics": st.lists(NEAR, max_size=3), "tests": JSON}),
    sources=st.binary(max_size=300) | JSON | st.dictionaries(st.sampled_from(["june", "x"]), JSON, max_size=2),
    thresholds=st.binary(max_size=300)
    | JSON
    | st.dictionaries(st.sampled_from(["amount", "columns"]), JSON, max_size=2),
)
def test_no_foreign_bytes_raise(tmp_path, june, sources, thresholds):
    found = collected(tmp_path, june=june, sources=sources, thresholds=thresholds)
    assert type(found).model_validate_json(found.model_dump_json()) == found
