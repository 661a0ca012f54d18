"""Servers of studios that cross each other, die at bad moments or find damaged notes: nothing foreign is touched."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from backends.gpu.servers import log_file, ports, records
from backends.gpu.servers.child import Child, Command
from backends.gpu.servers.processes import Identity, birth, members
from backends.gpu.servers.records import Record, end_orphans, kept_names, owned
from backends.gpu.servers.server import Plan, Server
from configs.errors import EngineError

IDLE = "import time; print('up', flush=True); time.sleep(600)"
PLAN = Plan(argv=(sys.executable, "-c", IDLE), env={})
OTHER_PLAN = Plan(argv=(sys.executable, "-c", f"{IDLE}  # another one"), env={})


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def make(tmp_path: Path, run_dir: Path) -> Iterator[Callable[[], Server]]:
    made: list[Server] = []

    def build(home: str = "home") -> Server:
        server = Server("voice", run_dir=run_dir, home=tmp_path / home, stop_seconds=0.3)
        made.append(server)
        return server

    yield build
    for server in made:
        server.stop()
    for record in records.all_records(run_dir):
        records.end_recorded(run_dir, record, 0.1)


def note(run_dir: Path, **changed: object) -> Path:
    """Change what the record says, as an editor or a crash would."""
    path = run_dir / "engines" / "voice.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))
    return path


def disown(run_dir: Path) -> None:
    note(run_dir, owner_born="long ago")


def innocent() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", IDLE], start_new_session=True, stdout=subprocess.DEVNULL)


# -- damaged and edited records ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "\0\0\0", '{"name": "voice"}', "é" * 10])
def test_a_record_that_is_none_is_left_alone(make: Callable[[], Server], run_dir: Path, content: str) -> None:
    folder = run_dir / "engines"
    folder.mkdir()
    (folder / "voice.json").write_text(content, encoding="latin-1")
    (folder / "folder.json").mkdir()
    assert end_orphans(run_dir) == [] and kept_names(run_dir) == frozenset()
    server = make()
    server.start(PLAN)
    found = records.read(run_dir, "voice")
    assert found is not None and found.pid == server.pids[0]


@pytest.mark.parametrize("whose", ["innocent", "this process", "init"])
@pytest.mark.parametrize("token", ["kept", "empty", "other"])
def test_a_record_that_was_turned_on_others_harms_nobody(
    make: Callable[[], Server], run_dir: Path, monkeypatch: pytest.MonkeyPatch, whose: str, token: str
) -> None:
    monkeypatch.setattr("backends.gpu.servers.processes.KILL_WAIT_S", 0.1)
    server = make()
    server.start(PLAN)
    ours = server.pids[0]
    victim = innocent()
    pid = {"innocent": victim.pid, "this process": os.getpid(), "init": 1}[whose]
    try:
        changed: dict[str, object] = {"pid": pid, "born": birth(pid), "owner_born": "long ago"}
        changed |= {"kept": {}, "empty": {"token": ""}, "other": {"token": "f" * 32}}[token]
        note(run_dir, **changed)
        asked: list[int] = []
        real, os.kill = os.kill, lambda pid, number: asked.append(pid)  # nothing may even be tried
        try:
            end_orphans(run_dir, 0.1)
        finally:
            os.kill = real
        assert set(asked) <= {ours} and birth(victim.pid)
    finally:
        victim.kill()
        victim.wait()


@pytest.mark.parametrize("pid", [0, -1, 1, 2**40])
def test_numbers_that_mean_many_processes_stand_for_none(make: Callable[[], Server], run_dir: Path, pid: int) -> None:
    make().start(PLAN)
    note(run_dir, pid=pid, born="", owner_born="long ago")
    assert (records.read(run_dir, "voice") is None) == (pid not in (0, 1))
    assert members(Identity(pid, "", "")) == members(Identity(pid, birth(pid), "f" * 32)) == []


def test_a_record_cannot_name_another_file_or_an_option_for_docker(
    make: Callable[[], Server], run_dir: Path, tmp_path: Path
) -> None:
    make().start(PLAN)
    precious = tmp_path / "precious.json"
    path = note(run_dir, name="../../precious", owner_born="long ago")
    precious.write_text(path.read_text())
    assert records.read(run_dir, "voice") is None and end_orphans(run_dir, 0.1) == []
    assert precious.is_file()
    note(run_dir, name="voice", container="--all")
    assert records.read(run_dir, "voice") is None


# -- two studios, one run folder ---------------------------------------------------------------------------------------


def test_one_that_was_kept_is_not_forgotten_when_another_studio_starts_its_own(
    make: Callable[[], Server], run_dir: Path
) -> None:
    first, second = make(), make()
    first.keep(True)
    first.start(PLAN)
    (pid,) = first.pids
    first.leave()
    disown(run_dir)
    second.start(PLAN)  # it was opened before the first one left, and knows nothing of it
    assert not birth(pid) and second.is_running


def test_a_race_for_one_that_was_kept_has_one_winner_and_no_victim(
    make: Callable[[], Server], run_dir: Path, tmp_path: Path
) -> None:
    first = make()
    first.keep(True)
    first.start(PLAN)
    (pid,) = first.pids
    first.leave()
    disown(run_dir)
    gate = tmp_path / "gate"
    code = f"""
        import pathlib, sys, time
        from backends.gpu.servers.server import Plan, Server
        from configs.errors import EngineError
        plan = Plan(argv=(sys.executable, "-c", {IDLE!r} + sys.argv[1]), env={{}})
        folder, gate = pathlib.Path({str(tmp_path)!r}), pathlib.Path({str(gate)!r})
        server = Server("voice", run_dir=folder / "run", home=folder, stop_seconds=0.3)
        print("ready", flush=True)
        while not gate.exists():
            pass
        try:
            won = server.adopt(plan)
        except EngineError:
            won = False
        print("won" if won else "lost", flush=True)
        if not won:
            server.stop()  # as every load does first
        sys.stdin.read()
    """
    plans = ["", "", "  # another one"]
    studios = [
        subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), more], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True)
        for more in plans
    ]  # fmt: skip
    try:
        for studio in studios:
            assert studio.stdout is not None and studio.stdout.readline() == "ready\n"
        gate.touch()
        told = [studio.stdout.readline().strip() for studio in studios if studio.stdout is not None]
        time.sleep(0.5)
        assert told.count("won") <= 1
        if "won" in told:
            assert birth(pid), "the loser ended what the winner had taken over"
        else:
            assert not birth(pid)  # the one with the other plan came first, and ended it
    finally:
        for studio in studios:
            studio.communicate("")


def test_one_whose_plan_cannot_be_made_any_more_is_not_left_to_hold_memory(tmp_path: Path) -> None:
    from backends.gpu.engine import EngineState
    from backends.gpu.servers.process_engine import ProcessEngine
    from configs.models import EngineSpec

    small = Path(__file__).with_name("small_server.py")
    moved = tmp_path / "server.sh"
    moved.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{small}" "$@"\n')
    moved.chmod(0o755)
    process = {"command": [str(moved), "{port}"], "start_seconds": 20, "stop_seconds": 0.3}
    spec = EngineSpec.model_validate({"kind": "voice", "device": "cpu", "need_mib": 1, "process": process})
    first, second = (
        ProcessEngine("voice", spec, warehouse=tmp_path, run_dir=tmp_path / "run", home=tmp_path) for _ in "ab"
    )
    first.load()
    first.keep(True)
    found = records.read(tmp_path / "run", "voice")
    assert found is not None
    first.leave()
    disown(tmp_path / "run")
    moved.unlink()
    assert second.adopt() is EngineState.COLD
    assert not birth(found.pid) and records.read(tmp_path / "run", "voice") is None


# -- the studio dies between the start and the note --------------------------------------------------------------------


def test_a_studio_killed_before_it_could_note_the_number_leaves_nothing(tmp_path: Path, run_dir: Path) -> None:
    code = f"""
        import os, pathlib, signal, sys
        from backends.gpu.servers import child
        from backends.gpu.servers.server import Plan, Server
        real = child.subprocess.Popen
        def dies(*a, **k):
            real(*a, **k)
            os.kill(os.getpid(), signal.SIGKILL)
        child.subprocess.Popen = dies
        folder = pathlib.Path({str(tmp_path)!r})
        Server("voice", run_dir=folder / "run", home=folder, stop_seconds=1).start(
            Plan(argv=(sys.executable, "-c", {IDLE!r}), env={{"MARK": {str(tmp_path)!r}}}))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL

    def left() -> list[int]:
        marked = []
        for pid in psutil.pids():
            try:
                environment = Path(f"/proc/{pid}/environ").read_bytes()
            except OSError:
                continue
            if f"MARK={tmp_path}".encode() in environment.split(b"\0"):
                marked.append(pid)
        return marked

    try:
        assert len(left()) == 1
        assert len(end_orphans(run_dir, 0.3)) == 1
        assert left() == [] and records.read(run_dir, "voice") is None
    finally:
        for pid in left():
            os.kill(pid, signal.SIGKILL)


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


def test_the_owner_of_a_record_is_known_by_its_birth(make: Callable[[], Server], run_dir: Path) -> None:
    server = make()
    server.start(PLAN)
    found = records.read(run_dir, "voice")
    assert found is not None and found.is_ours
    assert owned(found, kept=True).kept
