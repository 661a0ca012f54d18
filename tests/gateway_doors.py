"""Fixtures of the gateway's tests: a fake vLLM, and a gateway in front of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fake_vllm import FakeVllm, start_fake_vllm
from gateway_fixtures import serving

from backends.llm.gateway.fixed_upstream import FixedUpstream
from backends.llm.gateway.local import LocalGateway


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
