"""ASGI middleware for `vllm serve --middleware studio_guard.Guard`: the key is asked for everywhere but at /health.

vLLM's own key guards /v1, /v2, /inference and /cohere only (entrypoints/serve/middleware/authenticate.py, 0.33.0);
/sleep, /collective_rpc and /invocations would be open to every user of the machine. It runs in vLLM's environment, so
it needs nothing but Python.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

_Message = MutableMapping[str, Any]
_App = Callable[[_Message, Callable[[], Awaitable[_Message]], Callable[[_Message], Awaitable[None]]], Awaitable[None]]

OPEN = frozenset({"/health"})


class Guard:
    def __init__(self, app: _App) -> None:
        key = os.environ.get("VLLM_API_KEY", "")
        if not key:
            raise RuntimeError("VLLM_API_KEY is not set")
        self._app, self._wanted = app, _digest(f"bearer {key}")

    async def __call__(
        self,
        scope: _Message,
        receive: Callable[[], Awaitable[_Message]],
        send: Callable[[_Message], Awaitable[None]],
    ) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"] in OPEN or self._may_pass(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            body = b'{"error":"Unauthorized"}'
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 401, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    def _may_pass(self, scope: _Message) -> bool:
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        scheme, _, key = given.decode("latin-1").partition(" ")
        return secrets.compare_digest(_digest(f"{scheme.lower()} {key}"), self._wanted)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
