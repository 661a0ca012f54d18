"""The gateway when clients hang up, dawdle or look on; what is written down; its own end."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from pathlib import Path

import httpx
import pytest
from fake_vllm import FakeVllm, start_fake_vllm
from gateway_fixtures import RawClient, chat, error_of, eventually, metric, post, serving

from backends.llm.gateway.fixed_upstream import FixedUpstream
from backends.llm.gateway.local import LocalGateway

pytest_plugins = ("gateway_doors",)
# -- when the client hangs up -------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_gone_before_the_first_token_ends_the_upstreams_work(
    fake: FakeVllm, gateway: LocalGateway, stream: bool
) -> None:
    before = metric("studio_gateway_aborted_total", model="fake", reason="client_gone")
    fake.trap(first_token_s=0.5 if stream else 1.5)
    raw = RawClient(gateway).ask(chat(stream=stream))
    fake.wait_for(lambda seen: seen["open"] == 1)
    raw.close()
    fake.wait_for(lambda seen: seen["open"] == 0 and seen["aborted"] == 1)
    eventually(lambda: metric("studio_gateway_aborted_total", model="fake", reason="client_gone") == before + 1)
    eventually(lambda: metric("studio_gateway_running", model="fake") == 0)


def test_a_client_gone_in_mid_stream_ends_the_upstreams_work(fake: FakeVllm, gateway: LocalGateway) -> None:
    fake.trap(token_s=0.02, tokens=5000)
    clients = [RawClient(gateway).ask(chat(str(number), stream=True)) for number in range(10)]
    for raw in clients:
        raw.read_until(b"data: ")
    for raw in clients:
        raw.close()
    seen = fake.wait_for(lambda now: now["open"] == 0)
    assert seen["aborted"] == 10


def test_a_client_gone_while_it_sends_its_request_leaves_nothing(fake: FakeVllm, gateway: LocalGateway) -> None:
    raw = RawClient(gateway)
    raw.socket.sendall(
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {gateway.key}\r\n"
        'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"model"'.encode()
    )
    raw.close()
    assert post(gateway, chat()).status_code == 200
    assert fake.seen()["started"] == 1


def test_a_client_that_reads_a_byte_now_and_then_is_dropped_and_harms_nobody(fake: FakeVllm, tmp_path: Path) -> None:
    upstreams = FixedUpstream(fake.base_url, api_key=fake.api_key)
    with serving(upstreams, tmp_path, idle_client_s=0.5) as gateway:
        before = metric("studio_gateway_aborted_total", model="fake", reason="slow_client")
        fake.trap(answer=" ".join(["word" * 50] * 40_000))  # far more than all buffers on the way
        raw = RawClient(gateway, receive_buffer=4096).ask(chat(stream=True))
        raw.socket.recv(1)
        fake.trap(answer="")
        for _ in range(5):
            assert post(gateway, chat()).status_code == 200
            raw.socket.recv(1)
        fake.wait_for(lambda seen: seen["open"] == 0)
        assert metric("studio_gateway_aborted_total", model="fake", reason="slow_client") == before + 1
        raw.close()


def test_a_client_that_stops_sending_is_cut_off(fake: FakeVllm, tmp_path: Path) -> None:
    with serving(FixedUpstream(fake.base_url, api_key=fake.api_key), tmp_path, idle_client_s=0.3) as gateway:
        raw = RawClient(gateway)
        raw.socket.sendall(
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {gateway.key}\r\n"
            'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"model"'.encode()
        )
        assert b"408" in raw.read_all().split(b"\r\n")[0]
        raw.close()


# -- what is written down -----------------------------------------------------------------------------------------


def test_metrics_and_the_log_tell_all_but_the_prompt(
    fake: FakeVllm, gateway: LocalGateway, caplog: pytest.LogCaptureFixture
) -> None:
    def tokens(kind: str) -> float:
        return metric("studio_gateway_tokens_total", model="fake", kind=kind)

    prompt, completion = tokens("prompt"), tokens("completion")
    firsts = metric("studio_gateway_first_token_seconds_count", model="fake")
    with caplog.at_level(logging.INFO, logger="studio.gateway"):
        post(gateway, chat("a secret wish"))
        post(gateway, chat("a secret wish", stream=True))
        post(gateway, chat("a secret wish", stream=True, stream_options={"include_usage": True}))
        post(gateway, {**chat(), "model": "unheard-of"})
        eventually(lambda: sum(record.name == "studio.gateway" for record in caplog.records) == 4)
    assert tokens("completion") == completion + 8 * 3
    assert tokens("prompt") > prompt
    assert metric("studio_gateway_first_token_seconds_count", model="fake") == firsts + 3
    assert metric("studio_gateway_requests_total", model="other", route="chat/completions", code="404") >= 1
    lines = [record.getMessage() for record in caplog.records if record.name == "studio.gateway"]
    assert "tokens_out=8" in lines[0] and "model=fake" in lines[0]
    assert not any("secret" in line or "unheard-of" in line for line in lines)


def test_the_gateway_closes_with_streams_still_open(fake: FakeVllm, tmp_path: Path) -> None:
    fake.trap(token_s=0.02, tokens=5000)
    before = {thread for thread in threading.enumerate() if thread.name == "local-gateway"}
    with serving(FixedUpstream(fake.base_url, api_key=fake.api_key), tmp_path) as gateway:
        raw = RawClient(gateway).ask(chat(stream=True))
        raw.read_until(b"data: ")
    assert {thread for thread in threading.enumerate() if thread.name == "local-gateway"} == before
    assert b'"code": "stopping"' in raw.read_all(), "the client is told"
    fake.wait_for(lambda seen: seen["open"] == 0)
    raw.close()


def test_it_can_be_mounted_in_another_application(fake: FakeVllm, tmp_path: Path) -> None:
    from fastapi import FastAPI

    from backends.llm.gateway.app import create_gateway
    from configs.settings import load_settings

    async def ask(prefix: str, path: str) -> httpx.Response:
        app, upstreams = FastAPI(), FixedUpstream(fake.base_url, api_key=fake.api_key)
        inner = create_gateway(load_settings(home=tmp_path), upstreams)
        app.mount(prefix, inner)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://studio") as client:
            answer = await client.post(path, json=chat())
        await inner.close()
        return answer

    for prefix, path in (
        ("", "/v1/chat/completions"),
        ("/v1", "/v1/chat/completions"),
        ("/llm", "/llm/v1/chat/completions"),
    ):
        assert asyncio.run(ask(prefix, path)).status_code == 200
    assert asyncio.run(ask("/v1", "/v1/v1/chat/completions")).status_code == 404


def test_a_taken_port_is_told(fake: FakeVllm, tmp_path: Path) -> None:
    from configs.errors import EngineError
    from configs.settings import load_settings

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        upstreams, port = FixedUpstream(fake.base_url), taken.getsockname()[1]
        with pytest.raises(EngineError, match=f"port {port} is taken"):
            LocalGateway(load_settings(home=tmp_path), upstreams, port=port).start()


def test_an_endpoint_that_vanished_is_told(tmp_path: Path) -> None:
    with start_fake_vllm() as mortal, serving(FixedUpstream(mortal.base_url), tmp_path, retries=0) as gateway:
        assert post(gateway, chat()).status_code == 200
        mortal.kill()
        eventually(lambda: mortal.process is not None and mortal.process.poll() is not None)
        answer = post(gateway, chat())
        assert (answer.status_code, answer.headers["retry-after"]) == (502, "5")
    with serving(FixedUpstream(mortal.base_url), tmp_path) as gateway:
        answer = post(gateway, chat())
    assert answer.status_code == 503 and "does not list its models" in error_of(answer)["message"]
