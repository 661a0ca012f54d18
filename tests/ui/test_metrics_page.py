"""/metrics: who may read it, in which format, and vLLM's own figures passed on."""

from __future__ import annotations

import math
from pathlib import Path

import httpx
import pytest
import yaml
from fake_vllm import free_port, start_fake_vllm
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain
from served import served
from starlette.applications import Starlette

from backends.llm.vllm import guard
from configs.settings import Settings, load_settings
from ui.metrics_page import may_read, metrics_routes

GUARD = Path(guard.__file__).parent


@pytest.mark.parametrize(
    ("who", "client", "may"),
    [
        ("local", "127.0.0.1", True),
        ("local", "127.8.8.8", True),
        ("local", "::1", True),
        ("local", "::ffff:127.0.0.1", True),
        ("local", "172.18.0.5", False),
        ("local", "192.168.1.7", False),
        ("local", "::ffff:8.8.8.8", False),
        ("private", "172.18.0.5", True),
        ("private", "fd00::5", True),
        ("private", "fe80::5%eth0", True),
        ("private", "8.8.8.8", False),
        ("private", "2001:4860:4860::8888", False),
        ("private", "::ffff:8.8.8.8", False),
        ("all", "8.8.8.8", True),
        ("all", "", True),
        ("off", "127.0.0.1", False),
        ("local", "", False),
        ("private", "a host", False),
    ],
)
def test_who_may_read(who: str, client: str, may: bool) -> None:
    assert may_read(who, client) is may


def test_what_came_through_a_proxy_is_nobodys() -> None:
    assert not may_read("local", "127.0.0.1", proxied=True) and not may_read("private", "10.0.0.2", proxied=True)
    assert may_read("all", "127.0.0.1", proxied=True)


def page(settings: Settings) -> Starlette:
    return Starlette(routes=list(metrics_routes(settings)))


def test_both_formats_by_the_accept_header(settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    with served(page(settings)) as url:
        text = httpx.get(f"{url}/metrics")
        asked = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}
        new = httpx.get(f"{url}/metrics", headers=asked)
    assert text.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert new.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert {"studio_tool_seconds", "studio_tools_running", "studio_disk_mib"} <= {f.name for f in plain(text.text)}
    assert {"studio_tool_failures", "process_open_fds"} <= {f.name for f in openmetrics(new.text)}


def disk(url: str) -> dict[str, float]:
    found = plain(httpx.get(f"{url}/metrics").text)
    return {s.labels["kind"]: s.value for f in found for s in f.samples if s.name == "studio_disk_mib"}


def test_the_disk_is_that_of_the_home(settings: Settings) -> None:
    with served(page(settings)) as url:
        gone = disk(url)
        settings.home.mkdir(parents=True)
        there = disk(url)
    assert all(math.isnan(value) for value in gone.values()), "a folder that is gone is not a number, and no failure"
    assert 0 < there["free"] < there["total"]


def test_foreign_requests_are_refused(settings: Settings) -> None:
    with served(page(settings)) as url:
        for path in ("/metrics", "/metrics/vllm"):
            refused = httpx.get(url + path, headers={"X-Forwarded-For": "127.0.0.1"})
            assert refused.status_code == 403 and "server.metrics" in refused.text
            assert httpx.post(url + path).status_code == 405


def test_off_means_off(settings: Settings) -> None:
    off = settings.model_copy(update={"server": settings.server.model_copy(update={"metrics": "off"})})
    assert metrics_routes(off) == []


def apart(tmp_path: Path, base_url: str) -> Settings:
    service = {"model": "x/fake", "need_mib": 9000, "base_url": base_url}
    table = {"default": "fake", "vllm": {"version": "0", "runtime": "remote"}, "services": {"fake": service}}
    file = tmp_path / "services.yaml"
    file.write_text(yaml.safe_dump(table))
    return load_settings(home=tmp_path / "home", llm={"service": "default", "services_file": str(file)})


def test_vllms_figures_are_passed_on_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_API_KEY", "a-key")
    guarded = ("--middleware", "studio_guard.Guard")
    with start_fake_vllm(api_key="a-key", flags=guarded, env={"PYTHONPATH": str(GUARD)}) as fake:
        assert httpx.get(f"{fake.base_url}/metrics").status_code == 401, "the key is needed here"
        with served(page(apart(tmp_path, fake.base_url))) as url:
            awake = httpx.get(f"{url}/metrics/vllm")
            fake.sleep()
            asleep = httpx.get(f"{url}/metrics/vllm")
            for path in ("/metrics/vllm/sleep", "/metrics/vllm/../sleep", "/metrics/vllm?path=/is_sleeping"):
                found = httpx.get(url + path)
                assert found.status_code == 404 or "vllm:" in found.text
        assert fake.seen()["sleeps"] == 1
    assert 'vllm:engine_sleep_state{sleep_state="awake"} 1' in awake.text
    assert 'vllm:engine_sleep_state{sleep_state="awake"} 0' in asleep.text
    assert awake.headers["content-type"].startswith("text/plain")


def test_a_silent_vllm_is_told_and_none_is_no_failure(tmp_path: Path, settings: Settings) -> None:
    with served(page(apart(tmp_path, f"http://127.0.0.1:{free_port()}"))) as url:
        answer = httpx.get(f"{url}/metrics/vllm")
        assert answer.status_code == 502 and "does not answer" in answer.text
    with served(page(settings)) as url:
        answer = httpx.get(f"{url}/metrics/vllm")
        assert answer.status_code == 200 and list(plain(answer.text)) == []
