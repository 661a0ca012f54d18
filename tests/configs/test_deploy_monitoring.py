"""Prometheus' rules and Grafana's dashboard: accepted by the real tools, complete, explained."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import yaml
from deploy_files import DEPLOY, ROOT, compose
from promql import DASHBOARD, RULES, alerts, metrics_of, panels, queries

PROMETHEUS = DEPLOY / "prometheus"
PROVISIONING = DEPLOY / "grafana" / "provisioning"
needs_promtool = pytest.mark.skipif(not shutil.which("promtool"), reason="promtool (Debian: prometheus) is missing")


def promtool(*arguments: str, cwd: Path = PROMETHEUS) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


@needs_promtool
@pytest.mark.parametrize(
    "arguments",
    [("check", "config", "prometheus.yml"), ("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")],
)
def test_the_real_tool_is_content(arguments: tuple[str, ...]) -> None:
    done = promtool(*arguments)
    assert done.returncode == 0 and "SUCCESS" in done.stdout, done.stdout + done.stderr


@needs_promtool
def test_every_query_of_the_dashboard_is_promql(tmp_path: Path) -> None:
    """As recording rules, which the tool parses; Grafana would show a red corner instead."""
    rules = [{"record": f"panel:query:{n}", "expr": text} for n, (_, text) in enumerate(queries())]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = promtool("check", "rules", "rules.yml", cwd=tmp_path)
    assert done.returncode == 0 and f"{len(rules)} rules found" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("up", {"up"}),
        ('sum by (le, engine) (rate(a_bucket{x=~"b|c", y="d"}[5m])) / on(z) group_left(q) e:f', {"a_bucket", "e:f"}),
        ('quantile(0.95, sum(rate(m[$__rate_interval])) by (le)) > bool 1e3 unless n offset 1h30m', {"m", "n"}),
        ("sum without (kind) (a) or vector(0) and min_over_time(b[3m:15s]) @ 5", {"a", "b"}),
        ("-1 * by_the_way{on=\"off\"} + count (c)", {"by_the_way", "c"}),
    ],
)  # fmt: skip
def test_names_are_read_out_of_promql(text: str, names: set[str]) -> None:
    assert metrics_of(text) == names


def test_every_alert_says_what_and_where_to_read_on() -> None:
    guide = (ROOT / "docs" / "deploy.md").read_text()
    anchors = {
        re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in re.findall(r"^#+ (.+)$", guide, re.M)
    }
    for rule in RULES:
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert {"summary", "description", "runbook"} == set(rule["annotations"]), rule["alert"]
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert page == "docs/deploy.md" and anchor == rule["alert"].lower() and anchor in anchors, rule["alert"]


def test_every_alert_is_tested_firing_and_quiet() -> None:
    tests = yaml.safe_load((PROMETHEUS / "alerts_test.yml").read_text())["tests"]
    fires, quiet = Counter[str](), Counter[str]()
    for test in tests:
        for case in test["alert_rule_test"]:
            (fires if case.get("exp_alerts") else quiet)[case["alertname"]] += 1
    names = {rule["alert"] for rule in RULES}
    assert set(fires) == names and set(quiet) == names


def test_what_is_scraped_is_in_the_compose_file() -> None:
    services = compose()["services"]
    jobs = {j["job_name"]: j for j in yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]}
    assert set(jobs) == {"studio", "vllm", "prometheus"} and jobs["vllm"]["metrics_path"] == "/metrics/vllm"
    for name in ("studio", "vllm"):
        assert jobs[name]["static_configs"] == [{"targets": ["studio:8400"]}]
    assert services["studio-cpu"]["networks"]["monitoring"]["aliases"] == ["studio"]
    assert services["studio"]["environment"]["STUDIO_SERVER__PORT"] == "8400"
    assert all("monitoring" in services[name]["networks"] for name in ("studio", "studio-cpu", "prometheus", "grafana"))
    mounted = {m.split(":")[1]: m.split(":")[0] for m in services["prometheus"]["volumes"] if m.startswith(".")}
    assert (DEPLOY / mounted["/etc/prometheus/prometheus.yml"]).samefile(PROMETHEUS / "prometheus.yml")
    assert (DEPLOY / mounted["/etc/prometheus/alerts.yml"]).samefile(PROMETHEUS / "alerts.yml")


def test_the_dashboard_is_whole() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids)) and len({p["title"] for p in panels()}) == len(panels()) >= 25
    for panel in panels():
        assert panel["title"] and panel["description"] and panel["targets"], panel["title"]
        letters = [target["refId"] for target in panel["targets"]]
        assert len(letters) == len(set(letters))
        assert panel["fieldConfig"]["defaults"]["unit"]
        spot = panel["gridPos"]
        assert spot["x"] + spot["w"] <= 24
    cells = Counter(
        (x, y)
        for p in DASHBOARD["panels"]
        for x in range(p["gridPos"]["x"], p["gridPos"]["x"] + p["gridPos"]["w"])
        for y in range(p["gridPos"]["y"], p["gridPos"]["y"] + p["gridPos"]["h"])
    )
    assert max(cells.values()) == 1, "panels overlap"


def test_the_dashboard_is_provisioned_with_its_source() -> None:
    (source,) = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yaml").read_text())["datasources"]
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards" / "studio.yaml").read_text())["providers"]
    grafana = compose()["services"]["grafana"]
    inside = {m.split(":")[1]: m.split(":")[0] for m in grafana["volumes"] if m.startswith(".")}
    assert source["url"] == "http://prometheus:9090" and source["isDefault"]
    assert (DEPLOY / inside["/etc/grafana/provisioning"]).samefile(PROVISIONING)
    assert (DEPLOY / inside[provider["options"]["path"]] / "studio.json").is_file()
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{provider['options']['path']}/studio.json"
    used = re.findall(r'"uid": "([^"]+)"', (DEPLOY / "grafana" / "dashboards" / "studio.json").read_text())
    assert set(used) == {source["uid"], DASHBOARD["uid"], "-- Grafana --"}


def test_everything_that_should_be_seen_is_on_the_dashboard() -> None:
    shown = {name for _, text in queries() for name in metrics_of(text)}
    assert {
        "studio_swap_seconds_bucket", "studio_swaps_total", "studio_engine_state", "studio_arbiter_waiting",
        "studio_arbiter_wait_seconds_bucket", "studio_gpu_memory_mib", "studio_budget_mib", "studio_need_mib",
        "studio_gateway_tokens_total", "studio_gateway_first_token_seconds_bucket", "studio_gateway_requests_total",
        "studio_gateway_cache_total", "studio_tool_seconds_bucket", "studio_tool_failures_total", "studio_breaker_open",
    } <= shown  # fmt: skip
    watched = {name for _, text in alerts() for name in metrics_of(text)}
    assert {
        "studio_breaker_open",
        "studio_crashes_total",
        "studio_gateway_requests_total",
        "studio_disk_mib",
    } <= watched
