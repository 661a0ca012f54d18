"""Models that must come up first: keep-alive comments, queues, leases that end early."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from fake_openai import closed_port
from fake_vllm import FakeVllm, start_fake_vllm
from gateway_fixtures import RawClient, SlowUpstreams, chat, eventually, metric, serving

from backends.gpu.engine import StartProgress
from backends.llm.gateway import patience
from backends.llm.gateway.local import LocalGateway
from configs.errors import EngineError


@pytest.fixture(scope="module")
def server() -> Iterator[FakeVllm]:
    with start_fake_vllm() as fake:
        yield fake


@pytest.fixture
def fake(server: FakeVllm, monkeypatch: pytest.MonkeyPatch) -> FakeVllm:
    monkeypatch.setattr(patience, "FIRST_COMMENT_S", 0.1)
    server.reset()
    server.forget()
    return server


@pytest.fixture
def upstreams(fake: FakeVllm) -> SlowUpstreams:
    return SlowUpstreams(fake.base_url)


@pytest.fixture
def gateway(upstreams: SlowUpstreams, tmp_path: Path) -> Iterator[LocalGateway]:
    with serving(upstreams, tmp_path, cache="off", keepalive_s=0.05, max_running=2, max_waiting=2, retries=1) as local:
        yield local


def post(gateway: LocalGateway, body: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {gateway.key}"}
    return httpx.post(f"{gateway.base_url}/chat/completions", json=body, headers=headers, timeout=20)


def test_a_stream_is_kept_alive_while_its_model_loads(gateway: LocalGateway, upstreams: SlowUpstreams) -> None:
    upstreams.phases = (StartProgress("fake", "load", 1.0), StartProgress("fake", "compile", 0.4))
    raw = RawClient(gateway).ask(chat(stream=True))
    raw.read_until(b": loading fake (compile 40%)\n\n")
    assert raw.seen.startswith(b"HTTP/1.1 200 ")
    raw.read_until(b": loading fake (compile 40%)\n\n")
    assert metric("studio_gateway_waiting", model="fake") == 1
    upstreams.ready.set()
    raw.read_until(b"data: [DONE]\n\n")
    raw.close()
    eventually(lambda: upstreams.balanced)
    assert metric("studio_gateway_waiting", model="fake") == 0


def test_the_openai_client_does_not_mind_the_comments(gateway: LocalGateway, upstreams: SlowUpstreams) -> None:
    client = openai.OpenAI(base_url=gateway.base_url, api_key=gateway.key, max_retries=0, timeout=20)
    threading.Timer(0.4, upstreams.ready.set).start()
    messages: Any = [{"role": "user", "content": "Hello"}]
    streamed = "".join(
        part.choices[0].delta.content or ""
        for part in client.chat.completions.create(model="fake", messages=messages, stream=True)
    )
    whole = client.chat.completions.create(model="fake", messages=messages)
    assert streamed == whole.choices[0].message.content


def test_langchain_does_not_mind_them_either(gateway: LocalGateway, upstreams: SlowUpstreams) -> None:
    from langchain_openai import ChatOpenAI

    threading.Timer(0.4, upstreams.ready.set).start()
    model = ChatOpenAI(
        model="fake", base_url=gateway.base_url, api_key=gateway.key, max_retries=0, use_responses_api=False
    )
    assert "".join(str(part.content) for part in model.stream("Hello"))


def test_a_model_that_cannot_come_up_ends_the_stream_with_its_reason(
    gateway: LocalGateway, upstreams: SlowUpstreams
) -> None:
    upstreams.failure = EngineError("The model 'fake' does not fit", "it needs 9 GiB", "Close other programs")
    threading.Timer(0.3, upstreams.ready.set).start()
    client = openai.OpenAI(base_url=gateway.base_url, api_key=gateway.key, max_retries=0, timeout=20)
    messages: Any = [{"role": "user", "content": "Hello"}]
    with pytest.raises(openai.APIError, match=r"does not fit: it needs 9 GiB\. Close other programs\."):
        list(client.chat.completions.create(model="fake", messages=messages, stream=True))


@pytest.mark.parametrize("stream", [False, True])
def test_one_that_fails_at_once_is_a_503(gateway: LocalGateway, upstreams: SlowUpstreams, stream: bool) -> None:
    upstreams.failure = EngineError("The model 'fake' does not fit")
    upstreams.ready.set()
    answer = post(gateway, chat(stream=stream))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "model_unavailable")
    assert int(answer.headers["retry-after"]) > 0


def test_a_stream_whose_model_is_up_keeps_the_upstreams_status(
    fake: FakeVllm, gateway: LocalGateway, upstreams: SlowUpstreams
) -> None:
    upstreams.ready.set()
    fake.trap(fail=1, fail_status=400)
    answer = post(gateway, chat(stream=True))
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "refused by a trap")


def test_a_model_that_never_comes_up_is_a_503(fake: FakeVllm, tmp_path: Path) -> None:
    upstreams = SlowUpstreams(fake.base_url)
    with serving(upstreams, tmp_path, load_s=0.2) as gateway:
        answer = post(gateway, chat())
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "model_unavailable")
    assert upstreams.balanced


def test_a_smaller_model_that_stands_in_is_named(
    fake: FakeVllm, gateway: LocalGateway, upstreams: SlowUpstreams
) -> None:
    upstreams.models_, upstreams.stand_in, upstreams.notices = ("big",), "fake", ("less\nKV cache",)
    upstreams.ready.set()
    answer = post(gateway, {**chat(), "model": "big", "top_k": 3})
    assert (answer.status_code, answer.headers["x-studio-model"]) == (200, "fake")
    assert answer.headers["x-studio-notices"] == "less KV cache"
    assert fake.seen()["bodies"] == [{**chat(), "top_k": 3}]
    upstreams.ready.clear()
    raw = RawClient(gateway).ask({**chat(stream=True), "model": "big"})
    raw.read_until(b": waiting for big\n\n")
    upstreams.ready.set()
    raw.read_until(b"[DONE]")
    assert b": fake stands in for big\n\n" in raw.seen and b": less KV cache\n\n" in raw.seen
    raw.close()


def test_too_many_are_turned_away_and_the_rest_are_served_in_turn(
    fake: FakeVllm, gateway: LocalGateway, upstreams: SlowUpstreams
) -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(post, gateway, chat(str(number))) for number in range(4)]
        eventually(lambda: metric("studio_gateway_waiting", model="fake") == 4)
        assert len(upstreams.asked) == 2
        refused = post(gateway, chat(stream=True))
        upstreams.ready.set()
        assert [answer.result().status_code for answer in waiting] == [200] * 4
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "queue_full")
    assert int(refused.headers["retry-after"]) > 0
    assert upstreams.balanced
    assert metric("studio_gateway_waiting", model="fake") == metric("studio_gateway_running", model="fake") == 0


@pytest.mark.parametrize("stream", [False, True])
def test_clients_gone_while_loading_or_queued_leave_nothing(
    fake: FakeVllm, gateway: LocalGateway, upstreams: SlowUpstreams, stream: bool
) -> None:
    clients = [RawClient(gateway).ask(chat(str(number), stream=stream)) for number in range(4)]
    eventually(lambda: metric("studio_gateway_waiting", model="fake") == 4)
    if stream:
        for raw in clients:
            raw.read_until(b": waiting for fake\n\n")
    for raw in clients[::-1]:
        raw.close()
    eventually(lambda: metric("studio_gateway_waiting", model="fake") == 0)
    assert upstreams.balanced and len(upstreams.given_up) >= 2
    upstreams.ready.set()
    assert post(gateway, chat()).status_code == 200
    assert fake.seen()["started"] == 1


def test_clients_that_leave_at_any_moment_leave_nothing(
    fake: FakeVllm, upstreams: SlowUpstreams, tmp_path: Path
) -> None:
    fake.trap(token_s=0.002, tokens=20)
    upstreams.ready.set()

    async def one(client: httpx.AsyncClient, number: int) -> None:
        body = chat(str(number), stream=number % 2 == 0)
        try:
            async with asyncio.timeout(0.001 * (number % 60)):
                async with client.stream("POST", "/chat/completions", json=body) as answer:
                    await answer.aread()
        except TimeoutError:
            pass

    async def all_of_them(gateway: LocalGateway) -> None:
        headers = {"Authorization": f"Bearer {gateway.key}"}
        limits = httpx.Limits(max_connections=40)
        async with httpx.AsyncClient(base_url=gateway.base_url, headers=headers, limits=limits, timeout=20) as client:
            for start in range(0, 200, 40):
                await asyncio.gather(*(one(client, number) for number in range(start, start + 40)))

    with serving(upstreams, tmp_path, max_running=16) as gateway:
        asyncio.run(all_of_them(gateway))
        fake.wait_for(lambda seen: seen["open"] == 0)
        eventually(lambda: upstreams.balanced)
        assert post(gateway, chat()).status_code == 200
    assert metric("studio_gateway_waiting", model="fake") == metric("studio_gateway_running", model="fake") == 0


@pytest.mark.parametrize("stream", [False, True])
def test_a_lease_taken_back_before_the_first_byte_is_a_503(
    fake: FakeVllm, gateway: LocalGateway, upstreams: SlowUpstreams, stream: bool
) -> None:
    fake.trap(wedged=True)
    upstreams.ready.set()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(post, gateway, chat(stream=stream))
        eventually(lambda: upstreams.leases and upstreams.leases[0].tell)
        fake.wait_for(lambda seen: seen["open"] == 1)
        upstreams.leases[0].tell("others waited")  # type: ignore[misc]
        answer = asked.result()
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "model_revoked")
    assert "others waited" in answer.json()["error"]["message"] and int(answer.headers["retry-after"]) > 0
    fake.wait_for(lambda seen: seen["open"] == 0)
    assert upstreams.balanced


def test_a_lease_taken_back_in_mid_stream_ends_it_with_an_error(
    fake: FakeVllm, gateway: LocalGateway, upstreams: SlowUpstreams
) -> None:
    fake.trap(token_s=0.02, tokens=1000)
    upstreams.ready.set()
    raw = RawClient(gateway).ask(chat(stream=True))
    raw.read_until(b'"content": " ')
    upstreams.leases[0].tell("others waited")  # type: ignore[misc]
    raw.read_until(b'"code": "model_revoked"')
    raw.close()
    fake.wait_for(lambda seen: seen["open"] == 0)
    assert upstreams.balanced
    body = raw.seen.split(b"\r\n\r\n", 1)[1]
    events = [line for line in body.split(b"\n") if line.startswith(b"data: ")]
    assert all(json.loads(event[6:]) for event in events)  # the last event before it is whole


def test_a_dead_model_is_taken_anew(fake: FakeVllm, tmp_path: Path) -> None:
    class Revived(SlowUpstreams):
        def suspect(self, model: str, reason: str) -> None:
            super().suspect(model, reason)
            self.base_url = fake.base_url  # as an arbiter that starts it again

    for stream in (False, True):
        upstreams = Revived(f"http://127.0.0.1:{closed_port()}")
        upstreams.ready.set()
        with serving(upstreams, tmp_path, retries=1) as gateway:
            assert post(gateway, chat(stream=stream)).status_code == 200
        assert upstreams.suspected == [("fake", "it takes no connection")]
        assert len(upstreams.asked) == 2 and upstreams.balanced
