"""An OpenAI-compatible server on a real socket, with switches for everything that goes wrong in practice."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse


@dataclass
class FakeOpenAI:
    """`answers` come in order, the last one for ever: a str is text, (tool, args) or a list of them calls."""

    answers: list[Any] = field(default_factory=lambda: ["Hello"])
    models: list[str] = field(default_factory=lambda: ["fake-7b", "fake-14b"])
    fail_first: int = 0
    """So many requests get status `fail_status` first."""
    fail_status: int = 500
    fail_code: str = ""
    garbage_first: int = 0
    """So many requests get HTML instead of JSON."""
    delay_s: float = 0.0
    drip_s: float = 0.0
    """Seconds between single bytes of the body: never silent, never done."""
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    """Bodies of all completion requests, as received."""

    @property
    def tools(self) -> dict[str, dict[str, Any]]:
        """Schemas received with the last request."""
        return {tool["function"]["name"]: tool["function"] for tool in self.requests[-1].get("tools", [])}

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/v1/models")
        def models() -> dict[str, Any]:
            return {"object": "list", "data": [{"id": name, "object": "model"} for name in self.models]}

        @app.post("/v1/chat/completions")
        async def completions(request: Request) -> Response:
            import asyncio

            body = await request.json()
            self.requests.append(body)
            number = len(self.requests)
            await asyncio.sleep(self.delay_s)
            if number <= self.fail_first:
                error = {"message": "overloaded", "type": "server_error", "code": self.fail_code or None}
                return JSONResponse({"error": error}, self.fail_status)
            if number <= self.fail_first + self.garbage_first:
                return PlainTextResponse("<html>502 Bad Gateway</html>", media_type="text/html")
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if body.get("stream"):
                return StreamingResponse(_stream(answer, body["model"]), media_type="text/event-stream")
            text = json.dumps(_completion(answer, body["model"]))
            if self.drip_s:
                return StreamingResponse(_drip(text, self.drip_s), media_type="application/json")
            return Response(text, media_type="application/json")

        return app


def _message(answer: Any) -> dict[str, Any]:
    if isinstance(answer, str):
        return {"role": "assistant", "content": answer}
    calls = answer if isinstance(answer, list) else [answer]
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": f"call_{index}",
                "type": "function",
                "function": {"name": name, "arguments": args if isinstance(args, str) else json.dumps(args)},
            }
            for index, (name, args) in enumerate(calls)
        ],
    }


def _completion(answer: Any, model: str) -> dict[str, Any]:
    message = _message(answer)
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [
            {"index": 0, "message": message, "finish_reason": "tool_calls" if "tool_calls" in message else "stop"}
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


def _stream(answer: Any, model: str) -> Iterator[str]:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model}
    message = _message(answer)
    if "tool_calls" in message:
        deltas = [{"role": "assistant", "tool_calls": [{"index": i, **c} for i, c in enumerate(message["tool_calls"])]}]
    else:
        text = message["content"]
        deltas = [{"role": "assistant", "content": text[start : start + 5]} for start in range(0, len(text), 5)]
    for delta in deltas:
        yield f"data: {json.dumps({**head, 'choices': [{'index': 0, 'delta': delta, 'finish_reason': None}]})}\n\n"
    last = {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    yield f"data: {json.dumps(last)}\n\n"
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    yield f"data: {json.dumps({**head, 'choices': [], 'usage': usage})}\n\n"
    yield "data: [DONE]\n\n"


def _drip(text: str, pause: float) -> Iterator[str]:
    for character in text:
        time.sleep(pause)
        yield character


@contextmanager
def serve(fake: FakeOpenAI) -> Iterator[FakeOpenAI]:
    """Serve on a free port until the block ends; `fake.url` is the base URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = uvicorn.Config(fake.app(), host="127.0.0.1", port=port, log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        if time.monotonic() > deadline:
            raise RuntimeError("the fake server did not start")
        time.sleep(0.02)
    fake.url = f"http://127.0.0.1:{port}/v1"
    try:
        yield fake
    finally:
        server.should_exit = True
        thread.join(timeout=5)
        if thread.is_alive():
            server.force_exit = True
            thread.join(timeout=5)


def closed_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
