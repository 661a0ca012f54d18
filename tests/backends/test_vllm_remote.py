"""A vLLM that somebody else started: put to sleep and woken, never ended."""

from __future__ import annotations

import threading

import pytest
from fake_vllm import start_fake_vllm
from vllm_bench import NAME

from backends.gpu.engine import (
    EngineOutOfMemory,
    EngineState,
    Interruptible,
    Lasting,
)
from backends.llm.vllm.remote import RemoteVllm
from configs.errors import EngineError, UsageError
from configs.llm_services import LlmService, VllmSpec


def test_a_remote_server_is_put_to_sleep_but_never_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_API_KEY", "theirs")
    with start_fake_vllm(model="theirs/Qwen3-8B", api_key="theirs") as fake:
        spec = VllmSpec(version="0.33.0", runtime="remote", start_seconds=5)
        engine = RemoteVllm(NAME, LlmService(model="x", need_mib=1, base_url=f"{fake.base_url}/v1"), spec)
        engine.load()
        assert (engine.served_model, engine.base_url) == ("theirs/Qwen3-8B", fake.base_url)
        engine.probe()
        engine.park()
        with pytest.raises(EngineError, match="asleep"):
            engine.probe()
        engine.restore()
        engine.probe()
        engine.unload()
        engine.unload()
        assert fake.seen()["is_sleeping"] and fake.seen()["sleeps"] == 2
        engine.load()
        engine.probe()
        fake.trap(wake_oom=-1)
        engine.park()
        with pytest.raises(EngineOutOfMemory):
            engine.restore()


def test_a_remote_server_that_a_killed_studio_left_awake_is_known_to_hold_memory() -> None:
    spec = VllmSpec(version="0.33.0", runtime="remote", start_seconds=5)
    with start_fake_vllm(model=NAME) as fake:
        service = LlmService(model="x", need_mib=1, base_url=fake.base_url)
        left = RemoteVllm(NAME, service, spec)
        assert isinstance(left, Lasting) and left.adopt() is EngineState.ACTIVE
        left.probe()
        left.park()
        assert RemoteVllm(NAME, service, spec).adopt() is EngineState.PARKED
        fake.kill()
        assert fake.process is not None
        fake.process.wait(timeout=10)
        assert RemoteVllm(NAME, service, spec).adopt() is EngineState.COLD


def test_a_remote_server_without_sleep_mode_says_so() -> None:
    with start_fake_vllm(model="m", dev_mode=False) as fake:
        spec = VllmSpec(version="0.33.0", start_seconds=5)
        engine = RemoteVllm(NAME, LlmService(model="m", need_mib=1, base_url=fake.base_url), spec)
        engine.load()
        engine.probe()
        with pytest.raises(EngineError, match="VLLM_SERVER_DEV_MODE"):
            engine.park()
        with pytest.raises(EngineError, match="sleep mode"):
            engine.unload()


def test_waiting_for_a_remote_server_can_be_stopped() -> None:
    service = LlmService(model="m", need_mib=5000, base_url="http://127.0.0.1:9")
    engine = RemoteVllm("m", service, VllmSpec(version="1", start_seconds=600))
    assert isinstance(engine, Interruptible)
    engine.interrupt()  # nothing is waited for yet: it does not spoil the next start
    timer = threading.Timer(0.3, engine.interrupt)
    timer.start()
    with pytest.raises(EngineError, match="was stopped"):
        engine.load()
    timer.join()


def test_a_remote_server_that_is_not_there() -> None:
    spec = VllmSpec(version="0.33.0", start_seconds=0.3)
    engine = RemoteVllm(NAME, LlmService(model="m", need_mib=1, base_url="http://127.0.0.1:9"), spec)
    with pytest.raises(EngineError, match=r"is not there.*VLLM_API_KEY"):
        engine.load()
    engine.unload()
    with pytest.raises(UsageError, match="base_url"):
        RemoteVllm(NAME, LlmService(model="m", need_mib=1), spec)
