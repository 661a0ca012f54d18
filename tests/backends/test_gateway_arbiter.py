"""The gateway on the real arbiter and the real vLLM engine; only vLLM itself is the fake."""

from __future__ import annotations

import concurrent.futures
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from arbiter_engines import FAST
from fake_vllm import FakeVllm
from gateway_fixtures import RawClient, chat, eventually, serving
from vllm_bench import VllmBench, vllm_bench

from backends.gpu.arbiter import Arbiter
from backends.llm.gateway import patience
from backends.llm.gateway.arbiter_upstreams import ArbiterUpstreams
from backends.llm.gateway.local import LocalGateway
from configs.llm_services import LlmServices
from configs.models import EngineSpec, ModelTable, Rules

NEED = 9300
"""Two of them do not fit, so that one is parked for the other."""
SERVICES = LlmServices.model_validate(
    {
        "default": "alpha",
        "judge": "beta",
        "vllm": {"version": "0.33.0"},
        "services": {
            name: {"model": "Qwen/Qwen3-8B-AWQ", "need_mib": NEED, "about": f"{name} of the tests"}
            for name in ("alpha", "beta")
        },
    }
)


@dataclass
class Studio:
    gateway: LocalGateway
    arbiter: Arbiter
    bench: VllmBench

    def ask(self, model: str, text: str = "Hello", **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.gateway.key}"}
        body = {**chat(text, **more), "model": model}
        return httpx.post(f"{self.gateway.base_url}/chat/completions", json=body, headers=headers, timeout=60)

    def fake(self, name: str) -> FakeVllm:
        return self.bench.fake(next(engine for engine in self.bench.engines if engine.name == name))

    def row(self, name: str) -> dict[str, Any]:
        return next(row for row in self.arbiter.status() if row["name"] == name)

    def is_idle(self) -> bool:
        return not self.arbiter.waiting() and not any(row["leases"] for row in self.arbiter.status())


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    monkeypatch.setattr(patience, "FIRST_COMMENT_S", 0.1)
    specs = {name: EngineSpec(kind="llm", device="gpu", need_mib=NEED, parked_mib=1100, shared=True) for name in
             SERVICES.services}  # fmt: skip
    table = ModelTable(engines=specs, together=(), rules=Rules.model_validate(FAST))
    with vllm_bench(tmp_path) as bench:
        arbiter = Arbiter(
            table,
            lambda name: bench.engine(name=name, traps={"start_s": 0.3}),
            cpu_budget_mib=15_500,
            gpu_budget_mib=15_500,
            lease_seconds=2.0,
            look=bench.look,
        )
        try:
            upstreams = ArbiterUpstreams(arbiter, SERVICES, wait_s=60, lease_seconds=2.0)
            options: dict[str, Any] = {"cache": "off", "keepalive_s": 0.1, "first_token_s": 1.5, "retries": 0}
            with serving(upstreams, tmp_path / "home", **options) as gateway:
                yield Studio(gateway, arbiter, bench)
        finally:
            arbiter.close()


def states(studio: Studio) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {studio.gateway.key}"}
    rows = httpx.get(f"{studio.gateway.base_url}/models", headers=headers).json()["data"]
    return {row["id"]: row["studio"]["state"] for row in rows}


def test_asking_brings_models_up_and_parks_the_other(studio: Studio) -> None:
    assert states(studio) == {"alpha": "cold", "beta": "cold"}
    raw = RawClient(studio.gateway).ask({**chat(stream=True), "model": "default"})
    raw.read_until(b"data: [DONE]\n\n")
    assert b": loading alpha (" in raw.seen
    raw.close()
    assert states(studio) == {"alpha": "active", "beta": "cold"}
    assert studio.ask("judge").json()["model"] == "beta"
    assert states(studio) == {"alpha": "parked", "beta": "active"}
    assert studio.ask("alpha").json()["model"] == "alpha"
    assert states(studio) == {"alpha": "active", "beta": "parked"}
    assert studio.fake("alpha").seen()["wakes"] == 1
    eventually(studio.is_idle)


def test_a_client_gone_while_its_model_starts_leaves_no_lease(studio: Studio) -> None:
    raw = RawClient(studio.gateway).ask({**chat(stream=True), "model": "alpha"})
    raw.read_until(b": ")
    assert not studio.is_idle() or studio.row("alpha")["state"] == "starting"
    raw.close()
    eventually(studio.is_idle)
    assert studio.ask("alpha").status_code == 200
    assert studio.fake("alpha").seen()["aborted"] == 0


def test_a_long_stream_outlives_the_leases_time_by_its_heartbeat(studio: Studio) -> None:
    studio.ask("alpha")
    studio.fake("alpha").trap(token_s=0.1, tokens=30)  # three seconds; a lease without a heartbeat lasts two
    assert studio.ask("alpha", stream=True).content.endswith(b"data: [DONE]\n\n")


def test_a_long_stream_gives_way_to_others_that_wait(studio: Studio) -> None:
    studio.ask("alpha")
    studio.fake("alpha").trap(token_s=0.05, tokens=2000)
    raw = RawClient(studio.gateway).ask({**chat(stream=True), "model": "alpha"})
    raw.read_until(b'"content": " ')
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        other = pool.submit(studio.ask, "beta")
        raw.read_until(b'"code": "model_revoked"')
        assert other.result().json()["model"] == "beta"
    raw.close()
    eventually(studio.is_idle)


def test_a_server_killed_in_mid_stream_is_told_and_started_anew(studio: Studio) -> None:
    studio.ask("alpha")
    studio.fake("alpha").trap(token_s=0.05, tokens=2000)
    client = openai.OpenAI(base_url=studio.gateway.base_url, api_key=studio.gateway.key, max_retries=0)
    with pytest.raises(openai.APIError, match=r"broke off|taken back"):
        messages: Any = [{"role": "user", "content": "Hello"}]
        for number, _ in enumerate(client.chat.completions.create(model="alpha", messages=messages, stream=True)):
            if number == 3:
                studio.fake("alpha").kill()
    eventually(studio.is_idle)
    eventually(lambda: studio.row("alpha")["crashes"] == 1)
    assert studio.ask("alpha").status_code == 200


def test_a_wedged_server_is_found_out_and_started_anew(studio: Studio) -> None:
    studio.ask("alpha")
    studio.fake("alpha").trap(wedged=True)
    answer = studio.ask("alpha", stream=True)
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "first_token_timeout")
    eventually(lambda: studio.row("alpha")["crashes"] == 1)  # its canary failed though /health is green
    assert studio.ask("alpha").status_code == 200


def test_a_model_that_cannot_start_is_told_with_its_reason(studio: Studio) -> None:
    for engine in ("alpha", "beta"):
        (studio.bench.folder / "venv" / "bin" / "vllm").unlink(missing_ok=True)
        answer = studio.ask(engine)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (503, "model_unavailable")
        assert "make vllm" in error["message"] and int(answer.headers["retry-after"]) > 0
    raw = RawClient(studio.gateway).ask({**chat(stream=True), "model": "gamma"})
    raw.read_until(b"model_not_found")
    assert json.loads(raw.seen.split(b"\r\n\r\n", 1)[1])["error"]["param"] == "model"
    raw.close()
