"""Servers on hosts that do not help: run folders that vanish, full disks, taken ports, what a child is given."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from child_servers import PLAN, new_run_dir, servers

from backends.gpu.servers import log_file, ports, records
from backends.gpu.servers.child import Child, Command
from backends.gpu.servers.processes import birth
from backends.gpu.servers.records import Record
from backends.gpu.servers.server import Plan, Server
from configs.errors import EngineError


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return new_run_dir(tmp_path)


@pytest.fixture
def make(tmp_path: Path, run_dir: Path) -> Iterator[Callable[[], Server]]:
    yield from servers(tmp_path, run_dir)


# -- a run folder and a disk that fail ---------------------------------------------------------------------------------


def test_the_run_folder_may_vanish(make: Callable[[], Server], run_dir: Path) -> None:
    server = make()
    server.start(PLAN)
    (pid,) = server.pids
    subprocess.run(["rm", "-rf", str(run_dir)], check=True)
    server.keep(True)
    server.stop()
    assert not birth(pid)
    subprocess.run(["rm", "-rf", str(run_dir)], check=True)
    server.start(PLAN)
    assert server.is_running


def test_a_disk_that_is_full_is_one_sentence_and_leaves_nothing(
    make: Callable[[], Server], run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> str:
        raise OSError(28, "No space left on device")

    server = make()
    with monkeypatch.context() as patch:
        patch.setattr(Record, "model_dump_json", full)
        with pytest.raises(EngineError, match="No space left on device"):
            server.start(PLAN)
    assert server.pids == [] and [p.name for p in (run_dir / "engines").iterdir()] == [".lock"]
    with monkeypatch.context() as patch:
        patch.setattr(log_file, "fresh", full)
        with pytest.raises(EngineError, match=r"log.*No space left on device"):
            server.start(PLAN)
    assert records.read(run_dir, "voice") is None


def test_a_run_folder_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    server = Server("voice", run_dir=tmp_path / "run", home=tmp_path, stop_seconds=0.3)
    with pytest.raises(EngineError, match=r"run folder"):
        server.start(PLAN)
    assert server.pids == []


# -- ports -------------------------------------------------------------------------------------------------------------


def test_a_stranger_on_another_address_is_no_hindrance(tmp_path: Path, run_dir: Path) -> None:
    code = "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(600)"
    with socket.create_server(("127.0.0.2", 0)) as stranger:
        port = stranger.getsockname()[1]
        server = Server("voice", run_dir=run_dir, home=tmp_path, stop_seconds=0.3)
        try:
            server.start(Plan(argv=(sys.executable, "-c", code, "{port}"), env={}, port=port))
            until = time.monotonic() + 10
            while time.monotonic() < until:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    time.sleep(0.02)
            server.refuse_stranger()
        finally:
            server.stop()


@pytest.mark.parametrize(("user", "is_refused"), [(os.getuid() + 12345, True), (0, False)], ids=["a user", "Docker"])
def test_a_listener_of_another_user_is_a_stranger(
    make: Callable[[], Server], monkeypatch: pytest.MonkeyPatch, user: int, is_refused: bool
) -> None:
    server = make()
    server.start(PLAN)
    with socket.create_server(("127.0.0.1", server.port)):
        assert ports.socket_users(server.port) == {os.getuid()}
        hidden = [c._replace(pid=None) for c in psutil.net_connections("tcp")]
        monkeypatch.setattr(psutil, "net_connections", lambda _: hidden)
        monkeypatch.setattr("backends.gpu.servers.server.socket_users", lambda _: {user})
        if not is_refused:
            server.refuse_stranger()
            return
        with pytest.raises(EngineError, match=f"port {server.port}"):
            server.refuse_stranger()


def test_one_who_answers_on_the_chosen_port_costs_one_more_start(
    make: Callable[[], Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours takes long to load, so it has not even tried to listen when the stranger is found there."""
    server = make()
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        chosen = [stranger.getsockname()[1], ports.free_port()]
        monkeypatch.setattr("backends.gpu.servers.server.claim", lambda port, name: chosen.pop(0))
        server.start_and_wait(PLAN, lambda: True, 10)
        assert server.is_running and chosen == [] and server.port != stranger.getsockname()[1]


@pytest.mark.skipif(os.getuid() == 0, reason="root may use every port")
def test_a_port_that_is_not_for_users_is_told_as_such() -> None:
    with pytest.raises(EngineError, match="1024"):
        ports.claim(80, "voice")


# -- what a child is given ---------------------------------------------------------------------------------------------


def test_secrets_and_paths_stay_and_the_choice_of_gpu_goes_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "HF_TOKEN", "STUDIO_LLM__API_KEY", "PYTHONPATH", "PYTHONHOME", "LD_PRELOAD",
                 "https_proxy", "VIRTUAL_ENV", "AWS_SECRET_ACCESS_KEY"):  # fmt: skip
        monkeypatch.setenv(name, "" if name == "LD_PRELOAD" else "secret")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    code = "import json, os; print(json.dumps(dict(os.environ)), flush=True)"
    child = Child.start(Command("x", (sys.executable, "-c", code), {}, tmp_path / "x.log"))
    until = time.monotonic() + 10
    while child.is_running and time.monotonic() < until:
        time.sleep(0.01)
    given = json.loads(child.tail()[0])
    assert given["CUDA_VISIBLE_DEVICES"] == "1" and "secret" not in given.values() and "LD_PRELOAD" not in given


def test_a_command_that_no_system_takes_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="'x' could not be started"):
        Child.start(Command("x", ("/bin/true", "a\0b"), {}, tmp_path / "x.log"))
    with pytest.raises(EngineError, match="'x' could not be started"):
        Child.start(Command("x", ("/bin/true",), {"A=B": "c"}, tmp_path / "x.log"))
    with pytest.raises(EngineError, match="'x' could not be started"):
        Child.start(Command("x", ("/bin/true", "a" * 2**22), {}, tmp_path / "x.log"))


def test_it_may_be_stopped_from_another_thread_while_it_starts(make: Callable[[], Server]) -> None:
    server = make()
    for delay in (0.0, 0.01, 0.05, 0.2):
        timer = threading.Timer(delay, server.interrupt)
        timer.start()
        try:
            with server.rising():
                server.start_and_wait(PLAN, lambda: False, 1.0)
        except EngineError:
            pass
        timer.join()
        assert server.pids == [] and not server.is_running
