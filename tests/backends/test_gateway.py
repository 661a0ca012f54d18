"""The gateway between real clients and a server that speaks vLLM's protocol, traps included."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from fake_openai import closed_port
from fake_vllm import FakeVllm, start_fake_vllm
from gateway_fixtures import RawClient, SlowUpstreams, chat, eventually, metric, raw_server, serving

from backends.llm.gateway.fixed_upstream import FixedUpstream
from backends.llm.gateway.local import LocalGateway

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "speak",
            "description": "Say it.",
            "parameters": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
        },
    }
]
ASK: Any = [{"role": "user", "content": "Tell me of the robot"}]


@pytest.fixture(scope="module")
def server() -> Iterator[FakeVllm]:
    with start_fake_vllm(api_key="upstream-key") as fake:
        yield fake


@pytest.fixture
def fake(server: FakeVllm) -> FakeVllm:
    server.reset()
    server.forget()
    return server


@pytest.fixture(scope="module")
def gateway(server: FakeVllm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGateway]:
    upstreams = FixedUpstream(server.base_url, api_key=server.api_key)
    with serving(upstreams, tmp_path_factory.mktemp("home"), cache="off", first_token_s=0.6, total_s=2.0) as local:
        yield local


def client_of(gateway: LocalGateway) -> openai.OpenAI:
    return openai.OpenAI(base_url=gateway.base_url, api_key=gateway.key, max_retries=0, timeout=20)


def post(gateway: LocalGateway, body: Any, route: str = "chat/completions", **headers: str) -> httpx.Response:
    sent = {"Authorization": f"Bearer {gateway.key}", "Content-Type": "application/json", **headers}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(f"{gateway.base_url}/{route}", content=content, headers=sent, timeout=20)


def error_of(answer: httpx.Response) -> dict[str, Any]:
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    return error


# -- what goes through --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("route", ["chat/completions", "completions"])
def test_answers_are_the_upstreams_byte_for_byte(
    fake: FakeVllm, gateway: LocalGateway, route: str, stream: bool
) -> None:
    body: dict[str, Any] = {"model": "fake", "stream": stream, "temperature": 0.3, "top_k": 7}
    body |= {"messages": ASK} if route.startswith("chat") else {"prompt": "Once"}
    if stream:
        body["stream_options"] = {"include_usage": True}
    direct = httpx.post(f"{fake.base_url}/v1/{route}", json=body, headers=fake.headers)
    through = post(gateway, body, route)
    assert (through.status_code, through.content) == (200, direct.content)
    assert through.headers["content-type"] == direct.headers["content-type"]
    sent, forwarded = fake.seen()["bodies"]
    assert sent == forwarded


def test_the_openai_client_streams_calls_tools_and_embeds(fake: FakeVllm, gateway: LocalGateway) -> None:
    client = client_of(gateway)
    whole = client.chat.completions.create(model="fake", messages=ASK)
    parts = client.chat.completions.create(model="fake", messages=ASK, stream=True)
    assert "".join(p.choices[0].delta.content or "" for p in parts) == whole.choices[0].message.content
    assert whole.usage and whole.usage.completion_tokens == 8
    assert client.completions.create(model="fake", prompt="Once").choices[0].text
    assert len(client.embeddings.create(model="fake", input=["a", "b"]).data) == 2
    fake.trap(tool_call=["speak", {"text": "hello there"}])
    calls = client.chat.completions.create(model="fake", messages=ASK, tools=TOOLS).choices[0].message.tool_calls
    assert calls and json.loads(calls[0].function.arguments) == {"text": "hello there"}
    arguments = ""
    for part in client.chat.completions.create(model="fake", messages=ASK, tools=TOOLS, stream=True):
        for call in part.choices[0].delta.tool_calls or []:
            arguments += (call.function.arguments if call.function else "") or ""
    assert json.loads(arguments) == {"text": "hello there"}


def test_langchain_streams_and_calls_tools(fake: FakeVllm, gateway: LocalGateway) -> None:
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(
        model="default", base_url=gateway.base_url, api_key=gateway.key, max_retries=0, use_responses_api=False
    )
    whole = model.invoke("Tell me of the robot")
    assert "".join(str(part.content) for part in model.stream("Tell me of the robot")) == whole.content
    fake.trap(tool_call=["speak", {"text": "hello"}])
    for answer in (model.bind_tools(TOOLS).invoke("Say hello"), list(model.bind_tools(TOOLS).stream("Say hello"))):
        calls = answer.tool_calls if not isinstance(answer, list) else sum(answer[1:], answer[0]).tool_calls
        assert [(call["name"], call["args"]) for call in calls] == [("speak", {"text": "hello"})]


def test_the_list_of_models_starts_nothing_and_knows_each(fake: FakeVllm, gateway: LocalGateway) -> None:
    client = client_of(gateway)
    assert [model.id for model in client.models.list()] == ["fake"]
    assert client.models.retrieve("fake").id == client.models.retrieve("default").id == "fake"
    with pytest.raises(openai.NotFoundError, match="Did you mean 'fake'"):
        client.models.retrieve("fakee")
    assert fake.seen()["started"] == 0


def test_many_at_once_each_get_their_own_answer(fake: FakeVllm, gateway: LocalGateway) -> None:
    fake.trap(token_s=0.005)

    async def ask_all() -> list[tuple[str, str]]:
        async with openai.AsyncOpenAI(base_url=gateway.base_url, api_key=gateway.key, max_retries=0) as client:

            async def ask(number: int) -> tuple[str, str]:
                messages: Any = [{"role": "user", "content": f"wish {number % 20}"}]
                if number < 20:
                    whole = await client.chat.completions.create(model="fake", messages=messages)
                    return f"{number % 20}", whole.choices[0].message.content or ""
                stream = await client.chat.completions.create(model="fake", messages=messages, stream=True)
                return f"{number % 20}", "".join([p.choices[0].delta.content or "" async for p in stream])

            return await asyncio.gather(*(ask(number) for number in range(60)))

    answers = asyncio.run(ask_all())
    assert len(set(answers)) == 20
    assert fake.seen()["open"] == 0


# -- what does not ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/sleep", "/wake_up", "/is_sleeping", "/collective_rpc", "/tokenize", "/health", "/metrics", "/v1/sleep",
     "/v1/../sleep", "/v1//chat/completions", "/v1/models/../../sleep", "/v1/chat/completions/", "/v1", "/__seen"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_else_of_the_upstream_can_be_reached(
    fake: FakeVllm, gateway: LocalGateway, path: str, method: str
) -> None:
    host = gateway.base_url.removeprefix("http://").removesuffix("/v1")
    address, _, port = host.partition(":")
    with socket.create_connection((address, int(port)), timeout=10) as raw:
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {gateway.key}\r\nConnection: close\r\n"
        raw.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    status = int(answer.split(b" ", 2)[1])
    assert status in (404, 405)
    assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["error"]["code"]
    seen = fake.seen()
    assert not seen["is_sleeping"] and seen["started"] == 0


@pytest.mark.parametrize(
    ("method", "route", "content", "kind", "status", "code"),
    [
        ("POST", "chat/completions", b"{", "application/json", 400, "invalid_json"),
        ("POST", "chat/completions", b'{"model": "fake"}', "text/plain", 415, "unsupported_content_type"),
        ("POST", "chat/completions", b'{"messages": []}', "application/json", 400, "invalid_model"),
        ("POST", "chat/completions", b'{"model": "facke"}', "application/json; charset=utf-8", 404, "model_not_found"),
        ("GET", "chat/completions", b"", "application/json", 405, "method_not_allowed"),
        ("POST", "models", b"{}", "application/json", 405, "method_not_allowed"),
        ("POST", "images/generations", b"{}", "application/json", 404, "unknown_url"),
    ],
)
def test_wrong_requests_are_told_in_openais_shape(
    gateway: LocalGateway, method: str, route: str, content: bytes, kind: str, status: int, code: str
) -> None:
    headers = {"Authorization": f"Bearer {gateway.key}", "Content-Type": kind}
    answer = httpx.request(method, f"{gateway.base_url}/{route}", content=content, headers=headers)
    error = error_of(answer)
    assert (answer.status_code, error["code"], error["type"]) == (status, code, "invalid_request_error")
    assert answer.headers["x-request-id"]


def test_the_upstreams_own_complaint_keeps_its_status_and_words(fake: FakeVllm, gateway: LocalGateway) -> None:
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError, match="non-empty list"):
            client_of(gateway).chat.completions.create(model="fake", messages=[], stream=stream)
    fake.trap(fail=1, fail_status=500)
    answer = post(gateway, chat())
    assert (answer.status_code, answer.json()["error"]["message"]) == (500, "refused by a trap")
    assert metric("studio_gateway_requests_total", model="fake", route="chat/completions", code="500") >= 1


def test_a_refused_upstream_key_is_not_blamed_on_the_client(fake: FakeVllm, tmp_path: Path) -> None:
    with serving(FixedUpstream(fake.base_url, ("fake",), api_key="wrong"), tmp_path) as gateway:
        answer = post(gateway, chat())
    assert (answer.status_code, error_of(answer)["code"]) == (502, "upstream_refused")


def test_a_prompt_of_50_mb_is_refused_and_the_next_request_is_served(gateway: LocalGateway) -> None:
    answer = post(gateway, b'{"model": "fake", "messages": "' + b"x" * 50_000_000 + b'"}')
    assert (answer.status_code, error_of(answer)["code"]) == (413, "body_too_large")

    def pieces() -> Iterator[bytes]:  # without a length the size shows only while it comes
        for _ in range(50):
            yield b" " * 1_000_000

    headers = {"Authorization": f"Bearer {gateway.key}", "Content-Type": "application/json"}
    assert httpx.post(f"{gateway.base_url}/completions", content=pieces(), headers=headers).status_code == 413
    assert post(gateway, chat()).status_code == 200


def test_keys_are_asked_for_and_a_removed_one_is_dead_at_once(fake: FakeVllm, tmp_path: Path) -> None:
    from backends.llm.gateway.app import create_gateway
    from backends.llm.gateway.keys import KeyStore
    from configs.settings import load_settings

    settings = load_settings(home=tmp_path)
    app = create_gateway(settings, FixedUpstream(fake.base_url, api_key=fake.api_key), listen_host="0.0.0.0")
    store = KeyStore.of_home(tmp_path)

    async def status(*auth: str) -> tuple[int, str]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://studio") as client:
            answer = await client.get("/v1/models", headers={"Authorization": auth[0]} if auth else {})
            code = answer.json().get("error", {}).get("code", "")
            return answer.status_code, code

    async def all_of_it() -> None:
        assert await status() == (401, "missing_api_key")
        assert await status("Bearer sk-studio-guess") == (401, "invalid_api_key")
        key = store.add("laptop")
        assert (await status(f"Bearer {key}"))[0] == 200
        assert (await status(f"Basic {key}"))[0] == 401
        store.remove("laptop")
        assert (await status(f"Bearer {key}"))[0] == 401
        (tmp_path / "gateway-keys.json").write_text('{"keys": [{"name": "laptop", "sha256": "abc"}]}')
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://studio") as client:
            answer = await client.get("/v1/models", headers={"Authorization": f"Bearer {key}"})
        assert answer.json()["error"]["code"] == "keys_unreadable"
        assert "abc" not in answer.text and str(tmp_path) not in answer.text, "not for strangers"
        await app.close()

    asyncio.run(all_of_it())
    own = create_gateway(settings, FixedUpstream(fake.base_url), listen_host="127.0.0.1")
    always = load_settings(home=tmp_path, gateway={"require_key": "always"})
    assert (own.needs_key, create_gateway(always, FixedUpstream(fake.base_url)).needs_key) == (False, True)


def test_request_ids_come_back_when_they_are_sane(gateway: LocalGateway) -> None:
    assert post(gateway, chat(), **{"X-Request-Id": "mine-1.2:3"}).headers["x-request-id"] == "mine-1.2:3"
    odd = post(gateway, chat(), **{"X-Request-Id": "a b" + "x" * 200}).headers["x-request-id"]
    assert len(odd) == 32


# -- when the upstream fails --------------------------------------------------------------------------------------


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
    logging.getLogger("studio").propagate = True
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
