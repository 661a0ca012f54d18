"""A running studio exports every metric that the dashboard and the alerts ask for, and a real Prometheus reads them.

The studio is laid out as in the compose file: its vLLM runs apart (a fake one that speaks the true protocol), behind a
key, asleep at first; the GPU is a pretended one.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from deploy_files import DEPLOY
from fake_device import FakeDevice
from fake_vllm import FakeVllm, free_port, start_fake_vllm
from prometheus_client.parser import text_string_to_metric_families
from promql import alerts, metrics_of, queries
from served import served

from agent.build import build_agent
from agent.studio_agent import StudioAgent
from backends.gpu import monitor
from backends.gpu.monitor import Device
from backends.llm.vllm import guard
from configs.settings import load_settings
from tools.executor import Run
from ui.server import create_app

OF_PROMETHEUS = {"up", "ALERTS"}
"""Made by Prometheus itself."""
EMPTY_WHEN_WELL = {"Running now A", "annotation Alerts"}
"""Queries that find nothing when nothing runs and all is well."""
KEY = "between-studio-and-vllm"


@dataclass
class Studio:
    url: str
    agent: StudioAgent
    vllm: FakeVllm

    def ask(self, text: str, **more: Any) -> httpx.Response:
        body = {"model": "qwen3-8b", "messages": [{"role": "user", "content": text}], "temperature": 0, **more}
        return httpx.post(f"{self.url}/v1/chat/completions", json=body, timeout=60)

    def scrape(self) -> list[Any]:
        answer = httpx.get(f"{self.url}/metrics", timeout=10)
        return list(text_string_to_metric_families(answer.raise_for_status().text))


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    folder = tmp_path_factory.mktemp("studio")
    device = FakeDevice(folder / "device.json")

    def look() -> tuple[tuple[Device, ...], str]:
        return (Device(0, "pretended", device.total_mib, device.used_mib, device.free_mib),), ""

    flags = ("--middleware", "studio_guard.Guard")
    env = {"PYTHONPATH": str(Path(guard.__file__).parent), "FAKE_VLLM_DEVICE": str(device.path)}
    with pytest.MonkeyPatch.context() as patch, start_fake_vllm(
        model="qwen3-8b", api_key=KEY, flags=flags, env=env
    ) as vllm:  # fmt: skip
        vllm.sleep()
        patch.setattr(monitor, "_devices", look)
        patch.setenv("VLLM_API_KEY", KEY)
        patch.setenv("STUDIO_GPU__RUN_DIR", str(folder / "run"))
        table = yaml.safe_load((DEPLOY / "llm_services.yaml").read_text())
        table["services"]["qwen3-8b"]["base_url"] = vllm.base_url
        table["vllm"]["probe_seconds"] = 1
        (folder / "services.yaml").write_text(yaml.safe_dump(table))
        settings = load_settings(
            home=folder / "home",
            brain="offline",
            llm={"service": "default", "services_file": str(folder / "services.yaml")},
            memory={"index": "numpy", "embedder": "letters"},
            gateway={"retries": 2, "require_key": "never"},
            server={"names": ["127.0.0.1", "studio"]},
        )
        agent = build_agent(settings)
        with served(create_app(settings, agent, "0.0.0.0", chat=False)) as url:
            made = Studio(url, agent, vllm)
            work(made, "monday")
            yield made


def work(studio: Studio, day: str) -> None:
    """A busy day: everything that is counted happens at least once. Each has questions of its own (the cache)."""
    assert studio.ask(f"hello {day}").status_code == 200  # wakes the model
    assert studio.ask(f"hello {day}").status_code == 200  # from the cache
    assert studio.ask("another way", temperature=0.9).status_code == 200  # never cached
    assert studio.ask("hello", model="qwen4").status_code == 404
    studio.vllm.trap(fail=1)
    assert studio.ask(f"try again {day}").status_code == 200
    leave_in_the_middle(studio)
    run = studio.agent.executor.run
    assert run("speak", {"text": "Ciao", "language": "it"}, Run(thread="t")).status == "done"
    assert run("speak", {"text": ""}, Run(thread="t")).status == "failed"
    assert run("list_assets", {}, Run(thread="t")).status == "done"
    wake_without_memory(studio, day)
    crash(studio, day)


def wake_without_memory(studio: Studio, day: str) -> None:
    """The first try finds the card full; the ladder of fallbacks gets it up."""
    studio.agent.executor.arbiter.park("qwen3-8b")
    studio.vllm.trap(wake_oom=1)
    assert studio.ask(f"wake up {day}").status_code == 200
    studio.vllm.reset()


def leave_in_the_middle(studio: Studio) -> None:
    studio.vllm.trap(token_s=0.05, tokens=200)
    body = {"model": "qwen3-8b", "messages": [{"role": "user", "content": "long"}], "stream": True, "temperature": 1}
    with httpx.stream("POST", f"{studio.url}/v1/chat/completions", json=body, timeout=30) as answer:
        next(answer.iter_bytes())
    studio.vllm.wait_for(lambda seen: seen["open"] == 0)
    studio.vllm.reset()


def crash(studio: Studio, day: str) -> None:
    """It hangs, the canary finds out, and it comes up again."""
    before = crashes(studio)
    studio.vllm.trap(wedged=True)
    studio.agent.executor.arbiter.suspect("qwen3-8b", "a test says so")
    until(lambda: crashes(studio) > before, "the crash", 60)
    studio.vllm.reset()
    assert studio.ask(f"are you back, {day}?").status_code == 200


def crashes(studio: Studio) -> int:
    rows = studio.agent.executor.arbiter.status()
    return next(int(row["crashes"]) for row in rows if row["name"] == "qwen3-8b")


def until(check: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    limit = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < limit, f"never: {what}"
        time.sleep(0.05)


def test_every_metric_that_is_shown_or_watched_is_exported(studio: Studio) -> None:
    families = studio.scrape()
    exported = {sample.name for family in families for sample in family.samples}
    wanted = {name for _, text in (*queries(), *alerts()) for name in metrics_of(text)} - OF_PROMETHEUS
    assert len(wanted) > 30 and not wanted - exported, sorted(wanted - exported)


def test_the_labels_that_are_asked_for_exist(studio: Studio) -> None:
    exported: dict[str, set[str]] = {}
    for family in studio.scrape():
        for sample in family.samples:
            exported.setdefault(sample.name, set()).update(sample.labels)
    assert {"engine", "action", "phase"} <= exported["studio_swap_seconds_bucket"]
    assert {"engine", "state"} == exported["studio_engine_state"]
    assert {"gpu", "kind"} == exported["studio_gpu_memory_mib"]
    assert {"model", "route", "code"} == exported["studio_gateway_requests_total"]
    assert {"tool", "error"} == exported["studio_tool_failures_total"]


def test_only_requests_for_its_own_names_are_answered(studio: Studio) -> None:
    """Else a page in the user's browser could reach it under a name that leads here (DNS rebinding)."""
    for host, code in (
        ("studio:8400", 200),
        ("127.0.0.1:8400", 200),
        ("evil.example", 400),
        ("evil.example:8400", 400),
    ):
        for path in ("/health", "/metrics", "/v1/models"):
            assert httpx.get(studio.url + path, headers={"Host": host}).status_code == code, (host, path)


def test_unknown_names_make_no_new_series(studio: Studio) -> None:
    before = sum(len(f.samples) for f in studio.scrape())
    for number in range(20):
        studio.ask("hello", model=f"model-{number}")
        studio.agent.executor.run(f"tool-{number}", {}, Run())
    after = sum(len(f.samples) for f in studio.scrape())
    assert after - before <= 40, "labels of unknown names must be collapsed"


class Prometheus:
    """The real server, reading the studio every second with the shipped configuration."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, **query: str) -> Any:
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=query, timeout=20)
        told = answer.json()
        assert told["status"] == "success", (query, told)
        return told["data"]

    def query(self, text: str) -> list[Any]:
        found = self.ask("query", query=text)
        return list(found["result"]) if found["resultType"] == "vector" else [found["result"]]


@pytest.fixture(scope="module")
def prometheus(studio: Studio, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    if not shutil.which("prometheus"):
        pytest.skip("prometheus (Debian) is not installed")
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    address = studio.url.removeprefix("http://")
    for job in config["scrape_configs"]:
        job["static_configs"] = [{"targets": [f"127.0.0.1:{port}" if job["job_name"] == "prometheus" else address]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    shutil.copy(DEPLOY / "prometheus" / "alerts.yml", folder)
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server = Prometheus(f"http://127.0.0.1:{port}")

    def ready() -> bool:
        assert process.poll() is None, "Prometheus ended"
        try:
            return httpx.get(f"{server.url}/-/ready", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    try:
        until(ready, "Prometheus is ready")
        until(lambda: server.query('count_over_time(up{job="studio"}[1m]) >= 2'), "two scrapes")
        work(studio, "tuesday")  # between scrapes, so that the counters have a rate
        done = time.time()
        until(lambda: _scraped_after(server, done), "a scrape after the work")
        yield server
    finally:
        process.terminate()
        process.wait(20)


def _scraped_after(server: Prometheus, moment: float) -> bool:
    found = server.query('timestamp(up{job="studio"})')
    return bool(found) and float(found[0]["value"][1]) > moment


def test_all_targets_are_up(prometheus: Prometheus) -> None:
    assert {row["metric"]["job"]: row["value"][1] for row in prometheus.query("up")} == {
        "studio": "1", "vllm": "1", "prometheus": "1",
    }  # fmt: skip
    names = prometheus.ask("label/__name__/values")
    of_vllm = prometheus.query('count by (__name__) ({job="vllm", __name__!~"up|scrape_.*"})')
    assert "vllm:num_requests_running" in names
    assert {row["metric"]["__name__"].partition(":")[0] for row in of_vllm} == {"vllm"}, (
        "its python_ figures are left out"
    )


def test_every_query_of_the_dashboard_answers(prometheus: Prometheus) -> None:
    empty = {where for where, text in queries() if not prometheus.query(text)}
    assert empty <= EMPTY_WHEN_WELL, "no figures for panels that should have some"


def test_the_state_line_says_what_the_arbiter_says(prometheus: Prometheus, studio: Studio) -> None:
    where, text = next((w, t) for w, t in queries() if w.startswith("States"))
    panel = next(p for p in _panels() if p["title"] == "States")
    words = {n: o["text"] for n, o in panel["fieldConfig"]["defaults"]["mappings"][0]["options"].items()}
    shown = {row["metric"]["engine"]: words[row["value"][1]] for row in prometheus.query(text)}
    told = {row["name"]: str(row["state"]) for row in studio.agent.executor.arbiter.status()}
    assert shown == told and shown["qwen3-8b"] == "active", where


def test_the_rules_are_loaded_and_a_healthy_studio_alarms_about_its_crash_only(prometheus: Prometheus) -> None:
    groups = prometheus.ask("rules")["groups"]
    rules = {rule["name"]: rule for group in groups for rule in group["rules"]}
    assert len(rules) == len(list(alerts())) and all(rule["health"] in ("ok", "unknown") for rule in rules.values())
    firing = {name for name, rule in rules.items() if rule["state"] == "firing"}
    assert firing <= {"EngineCrashing"}


def _panels() -> list[dict[str, Any]]:
    return list(json.loads((DEPLOY / "grafana" / "dashboards" / "studio.json").read_text())["panels"])
