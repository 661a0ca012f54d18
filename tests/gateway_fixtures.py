"""Models that come up as a test says, and a client that hangs up as a test says."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import openai
from prometheus_client import REGISTRY

from backends.gpu.engine import OnStart, StartProgress
from backends.llm.gateway.local import LocalGateway
from backends.llm.gateway.upstreams import ModelCard, Upstream
from configs.errors import StudioError, UsageError
from configs.settings import load_settings


@dataclass
class Leased:
    base_url: str
    served_model: str
    released: list[str]
    holder: str
    stand_in: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    tell: Callable[[str], None] | None = None
    over: bool = False

    def release(self) -> None:
        if not self.over:
            self.over = True
            self.released.append(self.holder)

    def on_void(self, tell: Callable[[str], None]) -> None:
        self.tell = tell


@dataclass
class SlowUpstreams:
    """Models at one server that must come up first. `ready` is set from the test's thread."""

    base_url: str
    models_: tuple[str, ...] = ("fake",)
    served: str = "fake"
    stand_in: str = ""
    notices: tuple[str, ...] = ()
    failure: StudioError | None = None
    phases: tuple[StartProgress, ...] = ()
    ready: threading.Event = field(default_factory=threading.Event)
    asked: list[str] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)
    suspected: list[tuple[str, str]] = field(default_factory=list)
    leases: list[Leased] = field(default_factory=list)

    async def models(self) -> Sequence[ModelCard]:
        return [ModelCard(name, name, "cold", "for tests", "tools", 4096) for name in self.models_]

    async def card(self, name: str) -> ModelCard:
        if name not in self.models_:
            raise UsageError(f"There is no model '{name}'", fix=f"Did you mean '{self.models_[0]}'")
        return ModelCard(name, name)

    async def acquire(self, model: str, holder: str, on_start: OnStart) -> Upstream:
        self.asked.append(holder)
        for phase in self.phases:
            on_start(phase)
        try:
            while not self.ready.is_set():
                await asyncio.sleep(0.005)
        except asyncio.CancelledError:
            self.given_up.append(holder)
            raise
        if self.failure is not None:
            raise self.failure
        lease = Leased(self.base_url, self.served, self.released, holder, self.stand_in, notices=self.notices)
        self.leases.append(lease)
        return lease

    def suspect(self, model: str, reason: str) -> None:
        self.suspected.append((model, reason))

    @property
    def balanced(self) -> bool:
        """Every lease was given back, every other wait given up."""
        return len(self.asked) == len(self.released) + len(self.given_up)


@contextmanager
def serving(upstreams: Any, home: Path, cache_url: str = "", **gateway: Any) -> Iterator[LocalGateway]:
    """A gateway with these settings of the section `gateway`."""
    settings = load_settings(home=home, cache_url=cache_url, gateway=gateway)
    with LocalGateway(settings, upstreams) as local:
        yield local


class RawClient:
    """One HTTP/1.1 connection that can be cut at any point."""

    def __init__(self, gateway: LocalGateway, receive_buffer: int = 0) -> None:
        parts = urlsplit(gateway.base_url)
        self._key = gateway.key
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(20)
        self.socket.connect((parts.hostname, parts.port))
        self.seen = b""

    def ask(self, body: dict[str, Any], route: str = "chat/completions") -> RawClient:
        data = json.dumps(body).encode()
        head = f"POST /v1/{route} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self._key}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        self.socket.sendall(head.encode() + data)
        return self

    def read_until(self, mark: bytes) -> bytes:
        while mark not in self.seen:
            piece = self.socket.recv(4096)
            if not piece:
                raise AssertionError(f"closed before {mark!r}: {self.seen[-500:]!r}")
            self.seen += piece
        return self.seen

    def read_all(self) -> bytes:
        while piece := self.socket.recv(65536):
            self.seen += piece
        return self.seen

    def close(self) -> None:
        self.socket.close()


@contextmanager
def raw_server(answer: bytes) -> Iterator[str]:
    """A server that says these bytes to everybody and closes; gives the base URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        stop = threading.Event()

        def serve() -> None:
            while not stop.is_set():
                with suppress(TimeoutError):
                    connection, _ = listener.accept()
                    with connection:
                        connection.settimeout(5)
                        connection.recv(65536)
                        connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stop.set()
            thread.join(10)


def chat(text: str = "Hello", **more: Any) -> dict[str, Any]:
    return {"model": "fake", "messages": [{"role": "user", "content": text}], **more}


def eventually(check: Callable[[], Any], seconds: float = 10.0) -> None:
    """Raises AssertionError when `check` never holds."""
    until = time.monotonic() + seconds
    while not check():
        if time.monotonic() > until:
            raise AssertionError("it never came true")
        time.sleep(0.01)


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


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
