"""Servers of studios that cross each other, die at bad moments or find damaged notes: nothing foreign is touched."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from child_servers import IDLE, PLAN, new_run_dir, servers

from backends.gpu.servers import records
from backends.gpu.servers.processes import Identity, birth, members
from backends.gpu.servers.records import end_orphans, kept_names, owned
from backends.gpu.servers.server import Server


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return new_run_dir(tmp_path)


@pytest.fixture
def make(tmp_path: Path, run_dir: Path) -> Iterator[Callable[[], Server]]:
    yield from servers(tmp_path, run_dir)


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


def test_the_owner_of_a_record_is_known_by_its_birth(make: Callable[[], Server], run_dir: Path) -> None:
    server = make()
    server.start(PLAN)
    found = records.read(run_dir, "voice")
    assert found is not None and found.is_ours
    assert owned(found, kept=True).kept
