"""The load: prints one JSON object. `clients.py MODE DIRECT_URL GATEWAY_URL`"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from evals.benchmarks.traffic.upstream import STAMP

STREAMS, TOKENS, RATE = 50, 40, 30.0
ROUNDS = 5
"""Of each kind, direct and through the gateway in turn."""
CALLERS, CALL_S = 16, 1.5
DROPPED = 1000


@dataclass
class Seen:
    """All times in milliseconds."""

    chunk: list[float] = field(default_factory=list)
    """From written by the upstream to read by the client."""
    first: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)


def _body(**more: Any) -> dict[str, Any]:
    return {"model": "fake", "messages": [{"role": "user", "content": "Tell me of the robot. " * 40}], **more}


async def _one_stream(session: Any, url: str, seen: Seen) -> None:
    mark = STAMP.encode()
    began, first = time.monotonic_ns(), True
    async with session.post(url, json=_body(stream=True, tokens=TOKENS, rate=RATE)) as answer:
        async for piece in answer.content.iter_any():
            now = time.monotonic_ns()
            for part in piece.split(mark)[1:]:
                seen.chunk.append((now - int(part.split(b"}", 1)[0])) / 1e6)
            if first:
                seen.first.append((now - began) / 1e6)
                first = False
    seen.whole.append((time.monotonic_ns() - began) / 1e6)


async def streams(session: Any, direct: str, gateway: str) -> dict[str, Any]:
    """`STREAMS` clients, each with one paced stream after the other; direct and through the gateway in turn."""
    seen = {direct: Seen(), gateway: Seen()}

    async def client(url: str, into: Seen, times: int) -> None:
        await asyncio.sleep(random.uniform(0, TOKENS / RATE))  # not all at once
        for _ in range(times):
            await _one_stream(session, url, into)

    for url in (direct, gateway):  # warm up
        await asyncio.gather(*(client(url, Seen(), 1) for _ in range(10)))
    for number in range(2 * ROUNDS):
        url = (direct, gateway)[number % 2]
        await asyncio.gather(*(client(url, seen[url], 2) for _ in range(STREAMS)))
    figures: dict[str, Any] = {"streams": STREAMS, "tokens_per_s": STREAMS * RATE, "chunks": len(seen[gateway].chunk)}
    for name in ("chunk", "first", "whole"):
        plain, through = getattr(seen[direct], name), getattr(seen[gateway], name)
        for share in (50, 99):
            low, high = _share(plain, share), _share(through, share)
            figures[f"{name}_ms_p{share}"] = {"direct": low, "gateway": high, "added": round(high - low, 3)}
    return figures


async def calls(session: Any, direct: str, gateway: str) -> dict[str, Any]:
    """Short unstreamed requests as fast as they go, in turn."""
    done: dict[str, list[float]] = {direct: [], gateway: []}

    async def call(url: str, until: float) -> int:
        number = 0
        while time.monotonic() < until:
            async with session.post(url, json=_body()) as answer:
                await answer.read()
            number += 1
        return number

    for number in range(6):
        url = (direct, gateway)[number % 2]
        began = time.monotonic()
        finished = await asyncio.gather(*(call(url, began + CALL_S) for _ in range(CALLERS)))
        done[url].append(sum(finished) / (time.monotonic() - began))
    plain, through = statistics.median(done[direct]), statistics.median(done[gateway])
    alone = {url: await _one_at_a_time(session, url, _body()) for url in (direct, gateway)}
    kept = await _one_at_a_time(session, gateway, _body(temperature=0))
    return {
        "requests_per_s": {"direct": round(plain), "gateway": round(through), "ratio": round(through / plain, 3)},
        "one_at_a_time_ms_p50": {
            "direct": alone[direct],
            "gateway": alone[gateway],
            "added": round(alone[gateway] - alone[direct], 3),
        },
        "kept_answer_ms_p50": kept,
    }


async def _one_at_a_time(session: Any, url: str, body: dict[str, Any]) -> float:
    """Median milliseconds of a short unstreamed request."""
    times = []
    for _ in range(200):
        began = time.monotonic_ns()
        async with session.post(url, json=body) as answer:
            await answer.read()
        times.append((time.monotonic_ns() - began) / 1e6)
    return _share(times, 50)


async def drops(session: Any, direct: str, gateway: str) -> dict[str, Any]:
    """Streams whose clients leave at a random moment; then the upstream's own count of open requests."""
    left, chosen, turns = 0, random.Random(7), asyncio.Semaphore(STREAMS)
    base = direct.removesuffix("/v1/chat/completions")

    async def counts() -> dict[str, int]:
        async with session.get(f"{base}/open") as answer:
            return dict(await answer.json())

    async def one(patience_s: float) -> None:
        nonlocal left
        async with turns:
            try:
                async with (
                    asyncio.timeout(patience_s),
                    session.post(gateway, json=_body(stream=True, tokens=10, rate=50.0)) as answer,
                ):
                    await answer.read()
            except TimeoutError:
                left += 1

    before = await counts()
    # An answer takes 0.2 s: about two in three leave, from before the request is sent to the last token.
    await asyncio.gather(*(one(chosen.uniform(0.0, 0.3)) for _ in range(DROPPED)))
    until = time.monotonic() + 5
    while (after := await counts())["open"] and time.monotonic() < until:
        await asyncio.sleep(0.05)
    reached = after["started"] - before["started"]
    return {"requests": DROPPED, "left_early": left, "reached_upstream": reached, "open_afterwards": after["open"]}


def _share(values: list[float], percent: int) -> float:
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, len(ordered) * percent // 100)], 3)


async def _run(work: Callable[..., Coroutine[Any, Any, dict[str, Any]]], direct: str, gateway: str) -> dict[str, Any]:
    import aiohttp

    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=60)
    ) as session:
        return await work(session, direct, gateway)


def main() -> None:
    import uvloop

    mode, direct, gateway = sys.argv[1:4]
    work = {"streams": streams, "calls": calls, "drops": drops}[mode]
    path = "/v1/chat/completions"
    print(json.dumps(uvloop.run(_run(work, direct + path, gateway + path))))


if __name__ == "__main__":
    main()
