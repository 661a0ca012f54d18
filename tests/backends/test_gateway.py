"""The gateway between real clients and a server that speaks vLLM's protocol, traps included."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from fake_vllm import FakeVllm
from gateway_fixtures import chat, client_of, error_of, metric, post, serving

from backends.llm.gateway.fixed_upstream import FixedUpstream
from backends.llm.gateway.local import LocalGateway

pytest_plugins = ("gateway_doors",)
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
