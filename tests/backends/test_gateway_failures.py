"""The gateway when its upstream fails, is slow or talks nonsense."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from fake_openai import closed_port
from fake_vllm import FakeVllm, start_fake_vllm
from gateway_fixtures import (
    RawClient,
    SlowUpstreams,
    chat,
    client_of,
    error_of,
    eventually,
    metric,
    post,
    raw_server,
    serving,
)

from backends.llm.gateway.fixed_upstream import FixedUpstream
from backends.llm.gateway.local import LocalGateway

pytest_plugins = ("gateway_doors",)
ASK: Any = [{"role": "user", "content": "Tell me of the robot"}]


def test_passing_failures_are_tried_again_before_the_first_byte(fake: FakeVllm, gateway: LocalGateway) -> None:
    before = metric("studio_gateway_retries_total", model="fake")
    for stream in (False, True):
        fake.trap(fail=2, fail_status=503)
        assert post(gateway, chat(stream=stream)).status_code == 200
    assert metric("studio_gateway_retries_total", model="fake") == before + 4
    fake.trap(fail=99, fail_status=502)
    answer = post(gateway, chat())
    assert (answer.status_code, answer.json()["error"]["message"]) == (502, "refused by a trap")
    assert int(answer.headers["retry-after"]) > 0
    fake.trap(fail=1, fail_status=429, retry_after="17")
    answer = post(gateway, chat())
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "17")


def test_names_that_clients_make_up_do_not_become_labels(fake: FakeVllm, tmp_path: Path) -> None:
    class WithoutList(FixedUpstream):
        async def models(self) -> list[Any]:
            return []

    with serving(WithoutList(fake.base_url, api_key=fake.api_key), tmp_path) as gateway:
        odd = post(gateway, {**chat(), "model": "made\r\nup \u20ac"})
        assert (odd.status_code, odd.headers["x-studio-model"]) == (404, "made??up ?")
        answer = post(gateway, {**chat(), "model": "made-up"})
        assert (answer.status_code, answer.json()["error"]["type"]) == (404, "NotFoundError")
    assert metric("studio_gateway_requests_total", model="made-up", route="chat/completions", code="404") == 0


def test_garbage_and_closed_ports_are_told(fake: FakeVllm, gateway: LocalGateway, tmp_path: Path) -> None:
    fake.trap(garbage=True)
    for stream in (False, True):
        answer = post(gateway, chat(stream=stream))
        assert (answer.status_code, error_of(answer)["code"]) == (502, "upstream_nonsense")
    nobody = FixedUpstream(f"http://127.0.0.1:{closed_port()}", ("fake",))
    with serving(nobody, tmp_path, retries=1) as alone:
        answer = post(alone, chat(stream=True))
    assert (answer.status_code, error_of(answer)["code"]) == (502, "connect_failed")


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "said",
    [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"\x00\xff" * 500, b"HTTP/1.1 200 OK\r\n",
     HEAD % (b"application/json", 100) + b'{"choices": [', HEAD % (b"text/event-stream", 100) + b"data: {",
     HEAD % (b"text/event-stream", 0), HEAD % (b"application/json", 2) + b"[]",
     b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"],
)  # fmt: skip
def test_servers_that_make_no_sense_are_told(tmp_path_factory: Any, said: bytes, stream: bool) -> None:
    with (
        raw_server(said) as url,
        serving(FixedUpstream(url, ("fake",)), tmp_path_factory.mktemp("home"), retries=1) as local,
    ):
        answer = post(local, chat(stream=stream))
    assert answer.status_code == 502
    assert error_of(answer)["type"] == "server_error"


def test_large_answers_pass_without_being_held(fake: FakeVllm, gateway: LocalGateway, tmp_path: Path) -> None:
    fake.trap(answer=" ".join(["word" * 50] * 5000))
    direct = httpx.post(f"{fake.base_url}/v1/chat/completions", json=chat(), headers=fake.headers)
    before = metric("studio_gateway_tokens_total", model="fake", kind="completion")
    assert post(gateway, chat()).content == direct.content
    eventually(lambda: metric("studio_gateway_tokens_total", model="fake", kind="completion") == before + 5000)
    broken = HEAD % (b"application/json", 2_000_000) + b'{"id": "' + b"x" * 600_000
    with (
        raw_server(broken) as url,
        serving(FixedUpstream(url, ("fake",)), tmp_path) as local,
        pytest.raises(httpx.RemoteProtocolError),  # the connection breaks; a false end would look whole
    ):
        post(local, chat())


def test_a_stream_that_breaks_off_ends_with_an_error(fake: FakeVllm, gateway: LocalGateway) -> None:
    fake.trap(cut_after=3)
    seen = []
    with pytest.raises(openai.APIError, match="broke off"):
        for part in client_of(gateway).chat.completions.create(model="fake", messages=ASK, stream=True):
            seen.append(part.choices[0].delta.content)
    assert len(seen) == 4  # the role and three words
    raw = post(gateway, chat(stream=True)).content
    assert json.loads(raw.split(b"data: ")[-1])["error"]["code"] == "upstream_broken"
    assert b"[DONE]" not in raw


def test_an_upstream_killed_in_mid_stream_ends_it_with_an_error(tmp_path: Path) -> None:
    with (
        start_fake_vllm(token_s=0.05, tokens=200) as mortal,
        serving(FixedUpstream(mortal.base_url), tmp_path) as local,
    ):
        raw = RawClient(local).ask(chat(stream=True))
        raw.read_until(b"content")
        mortal.kill()
        raw.read_until(b'"code": "upstream_broken"')
        raw.close()


def test_slow_upstreams_run_into_their_time_limits(fake: FakeVllm, tmp_path: Path) -> None:
    upstreams = SlowUpstreams(fake.base_url)
    upstreams.ready.set()
    leased_headers = dict(fake.headers)
    original = upstreams.acquire

    async def with_key(*given: Any) -> Any:
        lease = await original(*given)
        lease.headers = leased_headers  # type: ignore[attr-defined]
        return lease

    upstreams.acquire = with_key  # type: ignore[method-assign]
    with serving(upstreams, tmp_path, first_token_s=0.3, total_s=0.8) as gateway:
        fake.trap(wedged=True)
        began = time.monotonic()
        answer = post(gateway, chat(stream=True))
        assert (answer.status_code, error_of(answer)["code"]) == (504, "first_token_timeout")
        answer = post(gateway, chat())
        assert (answer.status_code, error_of(answer)["code"]) == (504, "total_timeout")
        assert time.monotonic() - began < 10
        assert [model for model, _ in upstreams.suspected] == ["fake", "fake"]
        fake.trap(wedged=False, token_s=0.1, tokens=100)
        raw = post(gateway, chat(stream=True)).content
        assert json.loads(raw.split(b"data: ")[-1])["error"]["code"] == "total_timeout"
    fake.wait_for(lambda seen: seen["open"] == 0)
    assert upstreams.balanced


def test_a_connection_that_nobody_accepts_times_out(tmp_path: Path) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        held = [socket.socket() for _ in range(3)]
        for other in held:  # fills the backlog, so that the next connection hangs
            other.setblocking(False)
            other.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        with serving(FixedUpstream(url, ("fake",)), tmp_path, connect_s=0.2, retries=0) as gateway:
            answer = post(gateway, chat())
        for other in held:
            other.close()
    assert (answer.status_code, error_of(answer)["code"]) == (504, "connect_timeout")
