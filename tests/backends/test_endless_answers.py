"""Whoever answers on a port may never stop: no call to a started server waits or grows without an end."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from backends.gpu.servers.process_engine import ProcessEngine
from backends.llm.vllm.client import NoAnswer, VllmClient
from configs.errors import EngineError
from configs.models import EngineSpec

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n"


@pytest.fixture
def server() -> Iterator[Callable[[bytes, float], str]]:
    """Starts one that sends a piece again and again with a pause, until the client goes; returns its address."""
    sockets: list[socket.socket] = []

    def start(piece: bytes, pause: float) -> str:
        door = socket.create_server(("127.0.0.1", 0))
        sockets.append(door)

        def answer(client: socket.socket) -> None:
            try:
                client.recv(65536)
                client.sendall(HEAD)
                while True:
                    client.sendall(piece)
                    time.sleep(pause)
            except OSError:
                client.close()

        def listen() -> None:
            while True:
                try:
                    client, _ = door.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(client,), daemon=True).start()

        threading.Thread(target=listen, daemon=True).start()
        return f"http://127.0.0.1:{door.getsockname()[1]}"

    yield start
    for door in sockets:
        door.shutdown(socket.SHUT_RDWR)
        door.close()


@pytest.mark.parametrize("kind", ["flood", "trickle"])
def test_a_client_of_vllm_gives_up(server: Callable[[bytes, float], str], kind: str) -> None:
    url = server(b"x" * 2**16, 0.0) if kind == "flood" else server(b" ", 0.05)
    client = VllmClient("llm", url, "")
    before = psutil.Process().memory_info().rss
    assert client.is_healthy()  # which says nothing
    error = EngineError if kind == "flood" else NoAnswer
    with pytest.raises(error):
        client.sleep(0.5)
    with pytest.raises(error):
        client.one_token("m", 0.5)
    assert psutil.Process().memory_info().rss - before < 200 * 2**20
    client.close()


def test_a_started_server_is_ready_by_its_status(
    server: Callable[[bytes, float], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server(b"x" * 2**16, 0.0)
    process = {"command": ["sleep", "60"], "start_seconds": 5}
    spec = EngineSpec.model_validate({"kind": "voice", "device": "cpu", "need_mib": 1, "process": process})
    engine = ProcessEngine("voice", spec, warehouse=tmp_path, run_dir=tmp_path, home=tmp_path)
    monkeypatch.setattr(ProcessEngine, "base_url", url)
    assert engine._answers("/health", 1.0)
