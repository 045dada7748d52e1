"""The dashboards and rules ask for what is measured, in words that Grafana and Prometheus take."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from tests.unit.infra.manifests.rendering import INFRA, find, rendered

BASE = INFRA / "base"
BOARDS = sorted((BASE / "grafana" / "dashboards").glob("*.json"))
RULES = sorted((BASE / "prometheus" / "rules").glob("*.yml"))
KINDS = {"stat", "timeseries", "heatmap", "bargauge", "table"}
SETTINGS = yaml.safe_load((BASE / "prometheus" / "prometheus.yml").read_text())
JOBS = {each["job_name"]: each for each in SETTINGS["scrape_configs"]}
METRIC = re.compile(
    r"\b(?:envoy|container|machine|prediction|release|up|ALERTS)(?:[_:][a-z0-9_:]+)?\b(?=[{\[]|$|\s|\))"
)
# Names of labels, which look like those of metrics.
WORDS = {"release", "container", "envoy_response_code_class", "envoy_cluster_name"}
# What a service of day 17 exposes, and what the brief of the panels asks of one.
OF_SERVICES = {"prediction_requests_total", "prediction_score_bucket", "prediction_score_sum", "prediction_score_count"}


def board(path):
    return json.loads(path.read_text())


def expressions():
    for path in BOARDS:
        content = board(path)
        for panel in content["panels"]:
            yield from (target["expr"] for target in panel["targets"])
        for variable in content["templating"]["list"]:
            yield re.sub(r"label_values\((.*), \w+\)", r"\1", variable["definition"])
    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from (rule["expr"] for rule in group["rules"])


def metrics(expression):
    """The metrics that an expression asks for."""
    return set(METRIC.findall(re.sub(r'"[^"]*"|by \([^)]*\)', "", expression))) - WORDS


def kept(job):
    for each in JOBS[job]["metric_relabel_configs"]:
        if each["action"] == "keep":
            return re.compile(each["regex"])
    raise AssertionError(job)


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_whole(path):
    content = board(path)
    assert content["uid"] == path.stem
    assert not content["editable"]
    panels = content["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = set()
    for panel in panels:
        assert panel["type"] in KINDS
        assert panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "prometheus"}
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]) > 0
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, f"{panel['title']} lies over another panel"
        taken |= cells
        unknown = set(re.findall(r"\$(\w+)", str(panel["targets"]))) - {"__rate_interval", "__range"}
        assert unknown <= {each["name"] for each in content["templating"]["list"]}


def test_the_services_dashboard_shows_what_it_must():
    text = json.dumps(board(BASE / "grafana" / "dashboards" / "deployments.json"))
    for needed in (
        "rq_completed",
        "rq_xx",
        "rq_time_bucket",
        "0.5,",
        "0.95",
        "0.99",
        "prediction_score_bucket",
        "release",
    ):
        assert needed in text


def test_only_what_is_kept_is_asked_for():
    recorded = {
        rule["record"]
        for path in RULES
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
        if "record" in rule
    }
    seen = set()
    for expression in expressions():
        for metric in metrics(expression):
            seen.add(metric)
            if metric.startswith("envoy_"):
                assert kept("router").fullmatch(metric), metric
            elif metric.startswith(("container_", "machine_")):
                assert kept("containers").fullmatch(metric), metric
            else:
                assert metric in recorded | OF_SERVICES | {"up", "ALERTS"}, metric
    assert len(seen) > 12


def test_each_alert_says_what_to_do():
    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    assert rule["annotations"]["summary"]
                    assert rule["annotations"]["next_step"].startswith("infra ")
                    assert rule["labels"]["severity"] in {"page", "ticket"}


def test_every_target_is_a_service_with_that_port():
    objects = rendered("serve")
    for job in JOBS.values():
        for target in (each for block in job.get("static_configs", []) for each in block["targets"]):
            host, _, port = target.partition(":")
            if host == "localhost":
                continue
            name, _, namespace = host.partition(".")
            service = find(objects, "Service", name, namespace or "mlops-labs")
            assert int(port) in [each["port"] for each in service["spec"]["ports"]], target


def test_the_store_of_measurements_is_bounded():
    assert SETTINGS["global"]["sample_limit"]
    assert SETTINGS["global"]["body_size_limit"]


def test_grafana_reads_prometheus_and_asks_nobody_outside():
    objects = rendered("serve")
    source = yaml.safe_load((BASE / "grafana" / "datasources.yaml").read_text())["datasources"][0]
    host, _, port = source["url"].removeprefix("http://").partition(":")
    assert int(port) in [each["port"] for each in find(objects, "Service", host, "mlops-labs")["spec"]["ports"]]
    grafana = find(objects, "Deployment", "grafana")["spec"]["template"]["spec"]["containers"][0]
    variables = {each["name"]: each["value"] for each in grafana["env"]}
    assert variables["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert "GF_SECURITY_ADMIN_PASSWORD" not in variables
    for name in ("GF_ANALYTICS_REPORTING_ENABLED", "GF_ANALYTICS_CHECK_FOR_UPDATES", "GF_NEWS_NEWS_FEED_ENABLED"):
        assert variables[name] == "false"
    assert variables["GF_PLUGINS_PREINSTALL_DISABLED"] == "true"
    mounts = {each["mountPath"] for each in grafana["volumeMounts"]}
    providers = yaml.safe_load((BASE / "grafana" / "dashboards.yaml").read_text())["providers"]
    assert providers[0]["options"]["path"] in mounts
