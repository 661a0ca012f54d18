"""The gateway in front of a real inference server: `transformers serve` with a tiny random model."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from gateway_fixtures import SlowUpstreams, chat, eventually, metric, serving
from tiny_llm import make_tiny_llm, serve_tiny_llm

from backends.llm.gateway.fixed_upstream import FixedUpstream
from backends.llm.gateway.local import LocalGateway

MESSAGES: Any = [{"role": "user", "content": "hi"}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_llm(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def real(folder: Path) -> Iterator[str]:
    with serve_tiny_llm(folder) as url:
        yield url


@pytest.fixture(scope="module")
def gateway(real: str, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGateway]:
    upstreams = SlowUpstreams(real, models_=("tiny",), served=str(folder))
    upstreams.ready.set()
    with serving(upstreams, tmp_path_factory.mktemp("home")) as local:
        yield local


def test_streamed_and_whole_answers_agree_with_the_server_itself(
    real: str, folder: Path, gateway: LocalGateway
) -> None:
    through = openai.OpenAI(base_url=gateway.base_url, api_key=gateway.key, max_retries=0, timeout=60)
    direct = openai.OpenAI(base_url=f"{real}/v1", api_key="none", max_retries=0, timeout=60)
    texts = set()
    for client, name in ((direct, str(folder)), (through, "tiny")):
        # Greedy, so that the noise is the same noise each time.
        whole = client.chat.completions.create(model=name, messages=MESSAGES, max_tokens=12, temperature=0)
        parts = client.chat.completions.create(model=name, messages=MESSAGES, max_tokens=12, temperature=0, stream=True)
        texts |= {whole.choices[0].message.content, "".join(p.choices[0].delta.content or "" for p in parts)}
        assert whole.usage and whole.usage.completion_tokens == 12
    assert len(texts) == 1
    assert through.completions.create(model="tiny", prompt="hi", max_tokens=8).choices[0].text


def test_langchain_works_with_a_real_server(gateway: LocalGateway) -> None:
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(
        model="tiny", base_url=gateway.base_url, api_key=gateway.key, max_retries=0, use_responses_api=False,
        temperature=0, extra_body={"max_tokens": 8},
    )  # fmt: skip
    assert "".join(str(part.content) for part in model.stream("hi")) == model.invoke("hi").content


def test_its_errors_come_in_openais_shape(gateway: LocalGateway) -> None:
    headers = {"Authorization": f"Bearer {gateway.key}"}
    wrong = {**chat(nonsense=3), "model": "tiny"}
    answer = httpx.post(f"{gateway.base_url}/chat/completions", json=wrong, headers=headers, timeout=60)
    assert answer.status_code == 422
    assert "Unexpected fields" in answer.json()["error"]["message"]
    none = httpx.post(
        f"{gateway.base_url}/embeddings", json={"model": "tiny", "input": "x"}, headers=headers, timeout=60
    )
    assert (none.status_code, none.json()["error"]["code"]) == (404, "upstream_error")


def test_a_client_that_leaves_a_real_server_leaves_it_usable(gateway: LocalGateway) -> None:
    headers = {"Authorization": f"Bearer {gateway.key}"}
    body = {**chat(stream=True, max_tokens=900), "model": "tiny"}
    for _ in range(3):
        with httpx.stream(
            "POST", f"{gateway.base_url}/chat/completions", json=body, headers=headers, timeout=60
        ) as some:
            next(some.iter_bytes())
    eventually(lambda: metric("studio_gateway_running", model="tiny") == 0)
    began = time.monotonic()
    body = {**chat(max_tokens=4), "model": "tiny"}
    answer = httpx.post(f"{gateway.base_url}/chat/completions", json=body, headers=headers, timeout=60)
    assert answer.status_code == 200 and time.monotonic() - began < 50


def test_its_own_list_of_models_is_read(real: str, folder: Path, tmp_path: Path) -> None:
    with serving(FixedUpstream(real), tmp_path) as local:
        headers = {"Authorization": f"Bearer {local.key}"}
        assert httpx.get(f"{local.base_url}/models", headers=headers, timeout=30).status_code == 200
        body = {**chat(max_tokens=4), "model": str(folder)}
        answer = httpx.post(f"{local.base_url}/chat/completions", json=body, headers=headers, timeout=60)
    assert answer.status_code == 200  # it lists nothing, so it judges names itself
