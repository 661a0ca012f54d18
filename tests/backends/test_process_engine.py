"""Any server started by command as an engine: placeholders, start, canary, parking with and without cuda-checkpoint."""

from __future__ import annotations

import os
import signal
import socket
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from backends.engines import make_engine
from backends.gpu.engine import (
    Engine,
    EngineOutOfMemory,
    EngineState,
    Interruptible,
    Lasting,
    Measured,
    Reporting,
    StartProgress,
    Watched,
)
from backends.gpu.servers.checkpoint import CudaCheckpoint
from backends.gpu.servers.process_engine import ProcessEngine
from backends.gpu.servers.processes import birth
from backends.gpu.servers.records import end_orphans, kept_names, read
from configs.errors import EngineError
from configs.models import EngineSpec
from configs.settings import load_settings

SERVER = str(Path(__file__).with_name("small_server.py"))
Make = Callable[..., ProcessEngine]


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def make(tmp_path: Path, run_dir: Path) -> Iterator[Make]:
    made: list[ProcessEngine] = []

    def build(*options: str, device: str = "cpu", **process: Any) -> ProcessEngine:
        command = process.pop("command", [sys.executable, SERVER, "{port}", *options])
        values = {"command": command, "start_seconds": 20, "stop_seconds": 0.5, **process}
        spec = EngineSpec.model_validate({"kind": "voice", "device": device, "need_mib": 100, "process": values})
        engine = ProcessEngine("voice", spec, warehouse=tmp_path / "shelf", run_dir=run_dir, home=tmp_path / "home")
        made.append(engine)
        return engine

    yield build
    for engine in made:
        engine.unload()


def get(engine: ProcessEngine, path: str) -> str:
    return httpx.get(f"{engine.base_url}{path}", timeout=5).text


def pid_of(run_dir: Path) -> int:
    record = read(run_dir, "voice")
    assert record is not None
    return record.pid


def test_it_has_all_the_abilities(make: Make) -> None:
    engine = make()
    abilities = (Engine, Reporting, Watched, Measured, Lasting, Interruptible)
    assert all(isinstance(engine, ability) for ability in abilities)


def test_from_cold_to_cold(make: Make, tmp_path: Path, run_dir: Path) -> None:
    (tmp_path / "shelf" / "tts").mkdir(parents=True)
    engine = make("slow", cwd="{warehouse}/tts", env={"GIVEN": "{run}"}, ready="/health")
    told: list[StartProgress] = []
    engine.on_start = told.append
    engine.load()
    engine.probe()
    assert get(engine, "/where") == str(tmp_path / "shelf" / "tts")
    assert Path(get(engine, "/given")).is_dir() and get(engine, "/given").startswith(str(tmp_path / "home"))
    assert [progress.phase for progress in told][-1] == "ready"
    assert any(progress.note == "loading weights" for progress in told)
    assert engine.ailment() == "" and (engine.peak_mib() or 0) > 5 and engine.need_mib() == 100
    pid = pid_of(run_dir)
    engine.unload()
    assert engine.base_url == "" and read(run_dir, "voice") is None
    assert not birth(pid)
    engine.unload()


def test_parking_without_a_checkpoint_ends_it_and_restoring_starts_it(make: Make) -> None:
    engine = make()
    engine.load()
    get(engine, "/count")
    engine.park()
    assert engine.base_url == ""
    engine.restore()
    engine.probe()
    assert get(engine, "/count") == "3"  # ready, canary, this one: a new process


@pytest.mark.parametrize(
    ("process", "words"),
    [
        ({"cwd": "{warehouse}/nothing"}, ["not installed", "shelf/nothing", "configs/models.yaml"]),
        ({"command": ["{warehouse}/bin/python", "x"]}, ["not installed", "shelf/bin/python", "Put it there"]),
        ({"command": ["no-such-program-here"]}, ["not installed", "Install 'no-such-program-here'"]),
    ],
    ids=["folder", "program", "program on the path"],
)
def test_what_is_missing_is_said(make: Make, process: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(EngineError) as caught:
        make(**process).load()
    assert all(word in caught.value.sentence for word in words), caught.value.sentence


def test_a_start_out_of_memory_is_told_as_such_and_leaves_nothing(make: Make, run_dir: Path) -> None:
    engine = make("oom")
    with pytest.raises(EngineOutOfMemory, match="Tried to allocate"):
        engine.load()
    assert read(run_dir, "voice") is None and engine.base_url == ""


def test_one_that_is_never_ready_is_ended(make: Make, run_dir: Path) -> None:
    engine = make("never", start_seconds=0.6)
    with pytest.raises(EngineError, match="not ready after 1 s"):
        engine.load()
    assert read(run_dir, "voice") is None


def test_a_start_can_be_stopped(make: Make, run_dir: Path) -> None:
    engine = make("never")
    engine.on_start = lambda progress: engine.interrupt() if progress.note == "loading weights" else None
    with pytest.raises(EngineError, match="The start of 'voice' was stopped"):
        engine.load()
    assert read(run_dir, "voice") is None


def test_a_sick_or_dead_server_fails_its_canary(make: Make, run_dir: Path) -> None:
    engine = make()
    engine.load()
    with pytest.raises(httpx.HTTPError):
        get(engine, "/die")
    while not engine.ailment():
        time.sleep(0.01)
    with pytest.raises(EngineError, match="does not run"):
        engine.probe()
    assert "exit code 7" in engine.ailment()
    engine.load()
    assert engine.ailment() == ""
    os.kill(pid_of(run_dir), signal.SIGSTOP)
    engine.unload()


def test_a_port_of_a_stranger(make: Make) -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        with pytest.raises(EngineError, match=f"port {port}") as caught:
            make(port=port).load()
        assert f"pid {os.getpid()}" in caught.value.sentence
    engine = make(port=port)
    engine.load()
    assert engine.base_url.endswith(str(port))


# -- outliving the studio ---------------------------------------------------------------------------------------------


def test_a_kept_one_is_adopted_by_the_next_studio(make: Make, run_dir: Path) -> None:
    first = make()
    first.load()
    first.keep(True)
    pid = pid_of(run_dir)
    first.leave()
    assert end_orphans(run_dir) == []
    _disown(run_dir)
    assert kept_names(run_dir) == {"voice"}
    second = make()
    assert second.adopt() is EngineState.ACTIVE
    assert second.kept and pid_of(run_dir) == pid and get(second, "/count")
    second.unload()
    assert read(run_dir, "voice") is None and make().adopt() is EngineState.COLD


def test_one_that_is_not_what_is_wanted_is_ended(make: Make, run_dir: Path) -> None:
    first = make()
    first.load()
    first.keep(True)
    pid = pid_of(run_dir)
    first.leave()
    _disown(run_dir)
    assert make("deaf").adopt() is EngineState.COLD  # another command
    assert not birth(pid)


def test_one_that_does_not_answer_is_not_adopted(make: Make, run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = make("deaf")
    first.load()
    first.keep(True)
    first.leave()
    _disown(run_dir)
    os.kill(pid_of(run_dir), signal.SIGSTOP)
    monkeypatch.setattr("backends.gpu.servers.process_engine.PROBE_S", 0.3)
    assert make("deaf").adopt() is EngineState.COLD
    assert read(run_dir, "voice") is None


def _disown(run_dir: Path) -> None:
    """As if the studio that wrote the record were gone."""
    path = run_dir / "engines" / "voice.json"
    record = read(run_dir, "voice")
    assert record is not None
    path.write_text(record.model_copy(update={"owner_born": "long ago"}).model_dump_json())


# -- cuda-checkpoint --------------------------------------------------------------------------------------------------


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program with cuda-checkpoint's command line that stops and continues processes; returns its log of calls."""
    log, states = tmp_path / "calls", tmp_path / "states"
    states.mkdir()
    program = tmp_path / "bin" / "cuda-checkpoint"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\n"
        + textwrap.dedent(f"""
        import os, pathlib, signal, sys
        if "--help" in sys.argv:
            print("--get-state --pid <pid>\\n--action lock | checkpoint | restore | unlock --pid <pid>"); sys.exit()
        pid = sys.argv[sys.argv.index("--pid") + 1]
        state = pathlib.Path({str(states)!r}) / pid
        now = state.read_text() if state.exists() else "running"
        if "--get-state" in sys.argv:
            print(now); sys.exit()
        action = sys.argv[sys.argv.index("--action") + 1]
        with open({str(log)!r}, "a") as file:
            file.write(action + "\\n")
        if pathlib.Path({str(tmp_path)!r}, "fail-" + action).exists():
            print("OS call failed: CUDA_ERROR_OUT_OF_MEMORY", file=sys.stderr); sys.exit(1)
        legal = {{("running", "lock"): "locked", ("locked", "checkpoint"): "checkpointed",
                  ("checkpointed", "restore"): "locked", ("locked", "unlock"): "running"}}
        if (now, action) not in legal:
            print("illegal state", now, action, file=sys.stderr); sys.exit(1)
        state.write_text(legal[now, action])
        if action == "checkpoint":
            os.kill(int(pid), signal.SIGSTOP)
        if action == "restore":
            os.kill(int(pid), signal.SIGCONT)
        """)
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return log


def test_a_gpu_process_is_suspended_and_resumed(make: Make, checkpoint: Path, run_dir: Path) -> None:
    engine = make(device="gpu")
    engine.load()
    get(engine, "/count")
    pid = pid_of(run_dir)
    engine.park()
    assert pid_of(run_dir) == pid and checkpoint.read_text().split() == ["lock", "checkpoint"]
    engine.restore()
    engine.probe()
    assert checkpoint.read_text().split() == ["lock", "checkpoint", "restore", "unlock"]
    assert get(engine, "/count") == "4"  # ready, count, canary, this one: the same process
    engine.park()
    engine.keep(True)
    engine.leave()
    _disown(run_dir)
    heir = make(device="gpu")
    assert heir.adopt() is EngineState.PARKED
    heir.restore()
    assert get(heir, "/count") == "5"


def test_a_failed_checkpoint_ends_the_process(make: Make, checkpoint: Path, run_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "fail-checkpoint").touch()
    engine = make(device="gpu")
    engine.load()
    engine.park()
    assert read(run_dir, "voice") is None and checkpoint.read_text().split() == ["lock", "checkpoint", "unlock"]
    engine.restore()
    engine.probe()


def test_a_resume_without_room_is_out_of_memory(make: Make, checkpoint: Path, tmp_path: Path) -> None:
    engine = make(device="gpu")
    engine.load()
    engine.park()
    (tmp_path / "fail-restore").touch()
    with pytest.raises(EngineOutOfMemory):
        engine.restore()
    (tmp_path / "fail-restore").unlink()
    engine.restore()
    engine.probe()


def test_it_is_not_used_where_told_so_or_on_a_cpu(make: Make, checkpoint: Path, run_dir: Path) -> None:
    for engine in (make(device="gpu", checkpoint="never"), make(device="cpu")):
        engine.load()
        engine.park()
        assert read(run_dir, "voice") is None and not checkpoint.exists()


def test_without_the_program_there_is_no_checkpoint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert CudaCheckpoint.find() is None
    broken = tmp_path / "cuda-checkpoint"
    broken.write_text("#!/bin/sh\necho 'libcuda.so.1: cannot open shared object file' >&2; exit 127\n")
    broken.chmod(0o755)
    assert CudaCheckpoint.find() is None


def test_the_voice_engine_of_the_table_is_made_and_says_what_it_lacks(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path / "home", warehouse=tmp_path / "shelf")
    engine = make_engine("gpt_sovits", settings, tmp_path / "cache")
    assert isinstance(engine, ProcessEngine) and engine.kind == "voice"
    began = time.monotonic()
    with pytest.raises(EngineError, match="shelf/GPT-SoVITS"):
        engine.load()
    assert time.monotonic() - began < 60
