"""A model server without a model: paced streams whose chunks tell when they were sent. `upstream.py PORT`"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from typing import Any

STAMP = '"sent_ns":'
"""Before the time at which a chunk was written (time.monotonic_ns, the same clock in all processes of a machine)."""


def build() -> Any:
    """POST /v1/chat/completions with `tokens` and `rate` (per second; 0 = at once); GET /open counts requests."""
    from aiohttp import web

    counts = {"open": 0, "started": 0, "finished": 0}

    async def complete(request: web.Request) -> web.StreamResponse:
        counts["started"] += 1
        counts["open"] += 1
        try:
            body = await request.json()
            if not body.get("stream"):
                answer = web.json_response(_whole())
            else:
                answer = await _stream(request, int(body.get("tokens", 32)), float(body.get("rate", 0)))
            counts["finished"] += 1
            return answer
        finally:
            counts["open"] -= 1

    async def show(_: web.Request) -> web.Response:
        return web.json_response(counts)

    async def models(_: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "fake"}]})

    # A client that hangs up cancels the handler, as vLLM does.
    app = web.Application(handler_args={"handler_cancellation": True})
    app.router.add_post("/v1/chat/completions", complete)
    app.router.add_get("/v1/models", models)
    app.router.add_get("/open", show)
    return app


async def _stream(request: Any, tokens: int, rate: float) -> Any:
    from aiohttp import web

    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
    await answer.prepare(request)
    began = time.monotonic()
    for number in range(tokens):
        if rate:
            await asyncio.sleep(max(0.0, began + (number + 1) / rate - time.monotonic()))
        await answer.write(_chunk({"content": " word"}))
    await answer.write(_chunk({}, "stop") + b"data: [DONE]\n\n")
    await answer.write_eof()
    return answer


def _chunk(delta: dict[str, str], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "fake", "choices": [choice]}
    return f"data: {json.dumps(head)[:-1]}, {STAMP}{time.monotonic_ns()}}}\n\n".encode()


def _whole() -> dict[str, Any]:
    message = {"role": "assistant", "content": " word" * 32}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "fake",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 32, "total_tokens": 42},
    }


def main() -> None:
    import uvloop
    from aiohttp import web

    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # it complains of each client that leaves
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    web.run_app(build(), host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)


if __name__ == "__main__":
    main()
