"""Answers that come again: in this process, in a real Redis, and with Redis killed in the middle."""

from __future__ import annotations

import logging
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from fake_openai import closed_port
from fake_vllm import FakeVllm, free_port, start_fake_vllm
from gateway_fixtures import RawClient, SlowUpstreams, chat, eventually, metric, serving

from backends.llm.gateway import cache as cache_module
from backends.llm.gateway.cache import AnswerCache, KeptAnswer
from backends.llm.gateway.fixed_upstream import FixedUpstream
from backends.llm.gateway.local import LocalGateway
from configs.errors import UsageError
from configs.settings import load_settings


@pytest.fixture(scope="module")
def server() -> Iterator[FakeVllm]:
    with start_fake_vllm() as fake:
        yield fake


@pytest.fixture
def fake(server: FakeVllm) -> FakeVllm:
    server.reset()
    server.forget()
    return server


@dataclass
class Redis:
    url: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=10)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed (apt-get install redis-server)")
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(tmp_path)]
    process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield Redis(f"redis://127.0.0.1:{port}/0", process)
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait(timeout=10)


def _wait_for(port: int) -> None:
    import redis as redis_client

    def answers() -> bool:
        try:
            with redis_client.Redis(port=port) as client:
                return bool(client.ping())
        except redis_client.ConnectionError:
            return False

    eventually(answers)


def ask(gateway: LocalGateway, body: dict[str, Any], wish: str = "") -> tuple[str, bytes]:
    headers = {"Authorization": f"Bearer {gateway.key}"} | ({"x-studio-cache": wish} if wish else {})
    answer = httpx.post(f"{gateway.base_url}/chat/completions", json=body, headers=headers, timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.headers["x-studio-cache"], answer.content


@pytest.mark.parametrize("stream", [False, True])
def test_the_same_request_is_answered_once(fake: FakeVllm, tmp_path: Path, stream: bool) -> None:
    hits = metric("studio_gateway_cache_total", result="hit")
    with serving(FixedUpstream(fake.base_url), tmp_path) as gateway:
        first = ask(gateway, chat(temperature=0, stream=stream))
        eventually(lambda: ask(gateway, chat(temperature=0, stream=stream)) == ("hit", first[1]))
        again = ask(gateway, {"temperature": 0, **chat(stream=stream)})
        other = ask(gateway, chat("Bye", temperature=0, stream=stream))
    assert (first[0], again, other[0]) == ("miss", ("hit", first[1]), "miss")
    assert metric("studio_gateway_cache_total", result="hit") >= hits + 2


def test_a_kept_stream_is_replayed_to_the_openai_client(fake: FakeVllm, tmp_path: Path) -> None:
    with serving(FixedUpstream(fake.base_url), tmp_path) as gateway:
        client = openai.OpenAI(base_url=gateway.base_url, api_key=gateway.key, max_retries=0)
        messages: Any = [{"role": "user", "content": "Hello"}]
        texts = set()
        for _ in range(3):
            stream = client.chat.completions.create(model="fake", messages=messages, temperature=0, stream=True)
            texts.add("".join(part.choices[0].delta.content or "" for part in stream))
            time.sleep(0.05)
    assert len(texts) == 1
    assert fake.seen()["started"] == 1


def test_only_deterministic_or_opted_in_requests_are_kept(fake: FakeVllm, tmp_path: Path) -> None:
    with serving(FixedUpstream(fake.base_url), tmp_path) as gateway:
        for body in (chat(), chat(temperature=0.7), chat(temperature=0, n=2)):
            assert [ask(gateway, body)[0] for _ in range(2)] == ["bypass", "bypass"]
        assert ask(gateway, chat(temperature=0.7), "on")[0] == "miss"
        eventually(lambda: ask(gateway, chat(temperature=0.7), "on")[0] == "hit")
        assert ask(gateway, chat(temperature=0), "off")[0] == "bypass"
    with serving(FixedUpstream(fake.base_url), tmp_path, cache="opt_in") as gateway:
        assert ask(gateway, chat(temperature=0))[0] == "bypass"
        assert ask(gateway, chat(temperature=0), "on")[0] == "miss"
    with serving(FixedUpstream(fake.base_url), tmp_path, cache="off") as gateway:
        assert ask(gateway, chat(temperature=0), "on")[0] == "bypass"


def test_what_is_not_whole_is_not_kept(fake: FakeVllm, tmp_path: Path) -> None:
    stream = chat(temperature=0, stream=True)
    with serving(FixedUpstream(fake.base_url), tmp_path, retries=0) as gateway:
        headers = {"Authorization": f"Bearer {gateway.key}"}
        fake.trap(fail=1, fail_status=500)
        httpx.post(f"{gateway.base_url}/chat/completions", json=chat(temperature=0), headers=headers)
        fake.trap(cut_after=2)
        ask(gateway, stream)
        fake.trap(cut_after=0, token_s=0.02, tokens=50)
        left = RawClient(gateway).ask(stream)
        left.read_until(b"data: ")
        left.close()
        fake.wait_for(lambda seen: seen["open"] == 0)
        slept = RawClient(gateway).ask(stream)
        slept.read_until(b"data: ")
        httpx.post(f"{fake.base_url}/sleep?level=1", timeout=10)  # mode=abort: finish_reason 'abort', then [DONE]
        slept.read_until(b"[DONE]")
        slept.close()
        fake.wake()
        fake.reset()
        time.sleep(0.1)
        for body in (stream, chat(temperature=0)):
            assert ask(gateway, body)[0] == "miss"


def test_a_stand_ins_answer_is_not_kept(fake: FakeVllm, tmp_path: Path) -> None:
    upstreams = SlowUpstreams(fake.base_url, models_=("big",), stand_in="fake")
    upstreams.ready.set()
    with serving(upstreams, tmp_path) as gateway:
        for _ in range(2):
            assert ask(gateway, {**chat(temperature=0), "model": "big"})[0] == "miss"
            time.sleep(0.1)


def test_a_kept_answer_wakes_no_model(fake: FakeVllm, tmp_path: Path) -> None:
    upstreams = SlowUpstreams(fake.base_url)
    upstreams.ready.set()
    with serving(upstreams, tmp_path) as gateway:
        ask(gateway, chat(temperature=0))
        eventually(lambda: ask(gateway, chat(temperature=0))[0] == "hit")
        asked = len(upstreams.asked)
        upstreams.ready.clear()
        assert ask(gateway, chat(temperature=0))[0] == "hit"
        assert len(upstreams.asked) == asked


async def test_the_cache_of_this_process_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "TOTAL_BYTES", 10 * 16 * 1024)
    cache = AnswerCache(load_settings(home=tmp_path, gateway={"cache_entries": 10}))
    for number in range(30):
        await cache.put(f"key{number}", KeptAnswer("application/json", b"x" * 1000))
        await cache.get("key0")  # used all the time, so it stays
    kept = [number for number in range(30) if await cache.get(f"key{number}")]
    assert kept == [0, *range(21, 30)]
    import os

    await cache.put("large", KeptAnswer("application/json", os.urandom(17 * 1024)))
    assert await cache.get("large") is None
    await cache.close()


async def test_time_ends_a_kept_answer(tmp_path: Path) -> None:
    cache = AnswerCache(load_settings(home=tmp_path, gateway={"cache_ttl_s": 0.05}))
    await cache.put("key", KeptAnswer("application/json", b"{}"))
    assert await cache.get("key")
    time.sleep(0.06)
    assert await cache.get("key") is None


def test_redis_keeps_answers_beyond_the_gateway(fake: FakeVllm, tmp_path: Path, redis: Redis) -> None:
    for stream in (False, True):
        with serving(FixedUpstream(fake.base_url), tmp_path, cache_url=redis.url) as gateway:
            first = ask(gateway, chat(temperature=0, stream=stream))
            eventually(lambda: ask(gateway, chat(temperature=0, stream=stream))[0] == "hit")  # noqa: B023
        with serving(FixedUpstream(fake.base_url), tmp_path, cache_url=redis.url) as gateway:
            assert (first[0], ask(gateway, chat(temperature=0, stream=stream))) == ("miss", ("hit", first[1]))


def test_strange_values_in_redis_are_misses_and_never_unpickled(fake: FakeVllm, tmp_path: Path, redis: Redis) -> None:
    import pickle
    import zlib

    import redis as redis_client

    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    values = [
        pickle.dumps(Bomb()),
        b"bytes:" + pickle.dumps(Bomb()),
        b"12",
        b"bytes:" + zlib.compress(b"{}\n"),
        b"bytes:" + zlib.compress(b"x" * 50_000_000),
        b"bytes:" + zlib.compress(b'{"key": "other"}\n{}'),
    ]
    with (
        serving(FixedUpstream(fake.base_url), tmp_path, cache_url=redis.url) as gateway,
        redis_client.Redis.from_url(redis.url) as client,
    ):
        for number in range(len(values)):
            ask(gateway, chat(str(number), temperature=0))
        eventually(lambda: client.dbsize() == len(values))
        for key, value in zip(client.keys(), values, strict=True):
            client.set(key, value)
        for number in range(len(values)):
            assert ask(gateway, chat(str(number), temperature=0))[0] == "miss"
    assert not (tmp_path / "exploded").exists()


def test_redis_killed_or_hung_in_mid_run_costs_no_answer(
    fake: FakeVllm, tmp_path: Path, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    errors = metric("studio_gateway_cache_total", result="error")
    stop = threading.Event()
    answers: list[str] = []
    longest = 0.0

    def client() -> None:
        nonlocal longest
        while not stop.is_set():
            began = time.monotonic()
            answers.append(ask(gateway, chat(str(len(answers) % 5), temperature=0))[0])
            longest = max(longest, time.monotonic() - began)

    with (
        caplog.at_level(logging.WARNING, logger="studio.gateway"),
        serving(FixedUpstream(fake.base_url), tmp_path, cache_url=redis.url) as gateway,
    ):
        worker = threading.Thread(target=client)
        worker.start()
        eventually(lambda: "hit" in answers)
        redis.process.send_signal(signal.SIGSTOP)  # hung: the socket stays open
        eventually(lambda: metric("studio_gateway_cache_total", result="error") > errors)
        redis.process.send_signal(signal.SIGCONT)
        redis.kill()
        done = len(answers)
        eventually(lambda: len(answers) > done + 50)
        stop.set()
        worker.join(20)
        assert not worker.is_alive()
    assert longest < 5.0
    warnings = [record for record in caplog.records if "cache does not work" in record.getMessage()]
    assert len(warnings) == 1


def test_redis_that_never_was_there(fake: FakeVllm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "REST_S", 0.0)
    url = f"redis://127.0.0.1:{closed_port()}/0"
    with serving(FixedUpstream(fake.base_url), tmp_path, cache_url=url) as gateway:
        assert [ask(gateway, chat(temperature=0))[0] for _ in range(3)] == ["miss"] * 3


def test_a_wrong_cache_url_is_told_before_anything_is_served(tmp_path: Path) -> None:
    for url in ("memcached://x", "redis://host:port/0", "redis://host:0/0"):
        with (
            pytest.raises(UsageError, match="cache_url"),
            serving(FixedUpstream("http://127.0.0.1:1"), tmp_path, cache_url=url),
        ):
            pass
