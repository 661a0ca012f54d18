"""Children of the studio: started apart, ended whole, known for certain, and noted down for a later studio."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backends.gpu.engine import EngineOutOfMemory
from backends.gpu.servers import records
from backends.gpu.servers.child import Child, Command
from backends.gpu.servers.log_file import LogFollower, split
from backends.gpu.servers.ports import claim, free_port, holder
from backends.gpu.servers.processes import Identity, birth, is_alive, members
from backends.gpu.servers.records import Record, end_orphans, kept_names, owned
from backends.gpu.servers.start_failure import Failed, exit_text, explain
from configs.errors import EngineError

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)
FAMILY = (
    "import subprocess, sys, time\n"
    "subprocess.Popen([sys.executable, '-c', 'import signal, time; signal.signal(15, 1); time.sleep(600)'])\n"
    "print('up', flush=True); time.sleep(600)"
)
RUNAWAY = (
    "import subprocess, sys, time\n"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
    "print('up', flush=True); time.sleep(600)"
)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Child]]:
    started: list[Child] = []

    def begin(code: str, name: str = "child", **env: str) -> Child:
        command = Command(name, (sys.executable, "-c", code), env, tmp_path / "logs" / f"{name}.log")
        child = Child.start(command)
        started.append(child)
        wait_for(lambda: bool(child.tail()) or not child.is_running)
        return child

    yield begin
    for child in started:
        child.stop(0.1)


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    return folder


def wait_for(check: Callable[[], object], seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not check():
        if time.monotonic() > until:
            raise TimeoutError
        time.sleep(0.01)


def record_of(identity: Identity, name: str = "voice", **more: object) -> Record:
    values = {"name": name, "pid": identity.pid, "born": identity.born, "token": identity.token, "port": 1}
    values |= {"command_hash": "h", "home": "/h", "log_file": "/l", "owner_pid": 2**22 + 1, "owner_born": "long ago"}
    return Record.model_validate({**values, **more})


# -- start and stop ---------------------------------------------------------------------------------------------------


def test_a_child_gets_a_session_a_log_and_a_small_environment(
    start: Callable[..., Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    child = start(
        "import os; print(sorted(os.environ), os.getsid(0) == os.getpid(), os.environ['GIVEN'])", GIVEN="here"
    )
    wait_for(lambda: not child.is_running)
    (line,) = child.tail()
    assert "OPENAI_API_KEY" not in line and "PATH" in line and line.endswith("True here")
    assert stat.S_IMODE(child.log_file.stat().st_mode) == 0o600


def test_each_start_has_a_log_of_its_own_and_the_one_before_is_kept(start: Callable[..., Child]) -> None:
    for word in ("one", "two", "three"):
        child = start(f"print('{word}')")
        wait_for(lambda child=child: not child.is_running)
    assert child.log_file.read_text() == "three\n"
    assert child.log_file.with_name("child.log.1").read_text() == "two\n"
    assert len(list(child.log_file.parent.iterdir())) == 2


def test_a_program_that_cannot_be_run_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"'x' could not be started.*No such file"):
        Child.start(Command("x", ("/nowhere/program",), {}, tmp_path / "x.log"))


@pytest.mark.parametrize("code", [STUBBORN, FAMILY, RUNAWAY], ids=["stubborn", "grandchild", "runaway session"])
def test_stopping_ends_all_that_it_started(start: Callable[..., Child], code: str) -> None:
    child = start(code)
    wait_for(lambda: len(members(child.identity)) == (1 if code == STUBBORN else 2))
    family = members(child.identity)
    child.stop(0.3)
    assert not any(birth(pid) for pid in family) and not child.is_running


def test_a_gentle_child_may_tidy_up(start: Callable[..., Child], tmp_path: Path) -> None:
    done = tmp_path / "tidied"
    code = f"""
        import pathlib, signal, time
        def tidy(*_):
            pathlib.Path({str(done)!r}).write_text("yes"); raise SystemExit(0)
        signal.signal(signal.SIGTERM, tidy); print("up", flush=True); time.sleep(600)
    """
    child = start(textwrap.dedent(code))
    child.stop(10)
    assert done.read_text() == "yes" and child.exit_code == 0


def test_what_is_left_of_a_killed_leader_is_found_and_ended(start: Callable[..., Child]) -> None:
    child = start(FAMILY)
    wait_for(lambda: len(members(child.identity)) == 2)
    os.kill(child.identity.pid, signal.SIGKILL)
    wait_for(lambda: not child.is_running)
    (left,) = members(child.identity)
    child.stop(0.1)
    assert not birth(left)


def test_a_stranger_with_the_same_number_is_nobody_of_ours(start: Callable[..., Child]) -> None:
    stranger = start(FAMILY)
    wait_for(lambda: len(members(stranger.identity)) == 2)
    ours = Identity(stranger.identity.pid, "another boot:12345", "another token")
    assert members(ours) == [] and not is_alive(ours)


# -- failures told ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("log", "error", "words"),
    [
        (
            "(EngineCore pid=7) ERROR 11-26 16:20:03 [core.py:1586] torch.OutOfMemoryError: CUDA out of memory. \n"
            "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}",
            EngineOutOfMemory,
            ["exit code 1", "CUDA out of memory", "smaller model"],
        ),
        (
            "ValueError: Free memory on device cuda:0 (2.6/15.9 GiB) on startup is less than desired GPU memory "
            "utilization (0.92, 14.6 GiB). Decrease GPU memory utilization",
            EngineOutOfMemory,
            ["2.6/15.9"],
        ),
        ("ModuleNotFoundError: No module named 'vllm._C'", EngineError, ["vllm._C", "Run 'make vllm'"]),
        ("ValueError: Invalid repository ID or local directory specified: 'x'", EngineError, ["below the warehouse"]),
        ("vllm serve: error: unrecognized arguments: --foo", EngineError, ["--foo", "Correct the flags"]),
        ("ERROR: [Errno 98] error while attempting to bind: address already in use", EngineError, ["port"]),
        ("RuntimeError: Failed to infer device type", EngineError, ["nvidia-smi"]),
        ("something\nOSError: the cat sat on it\nbye", EngineError, ["the cat sat on it", "Read /l"]),
        ("", EngineError, ["exit code 1", "Read /l"]),
    ],
    ids=["oom", "start memory", "module", "model", "flag", "port", "gpu", "unknown", "silent"],
)
def test_why_a_start_failed(log: str, error: type[EngineError], words: list[str]) -> None:
    found = explain(Failed("llm", "it ended with exit code 1", "", "/l", "Run 'make vllm'"), split(log))
    assert type(found) is error
    assert all(word in found.sentence for word in words), found.sentence
    assert "\n" not in found.sentence


def test_a_warning_that_did_no_harm_is_not_taken_for_the_cause() -> None:
    log = (
        "WARNING 11-26 16:20:01 [importing.py:68] Triton is installed but failed: ImportError: no active driver\n"
        "(APIServer pid=7) INFO 11-26 16:20:01 [x.py:1] no such file or directory: /root/.config/vllm\n"
        "(APIServer pid=7) ERROR 11-26 16:20:02 [y.py:1] ValueError: Unknown quantization method: awk\n"
    )
    found = explain(Failed("llm", "it ended with exit code 1", "", "/l", "Run 'make vllm'"), split(log))
    assert "Unknown quantization method: awk" in found.sentence and "make vllm" not in found.sentence


def test_exit_codes_in_words() -> None:
    assert (exit_text(3), exit_text(-9)) == ("it ended with exit code 3", "it was killed (signal 9)")


# -- ports ------------------------------------------------------------------------------------------------------------


def test_a_port_of_a_stranger_is_named_with_the_program() -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        assert str(os.getpid()) in holder(port)
        with pytest.raises(EngineError) as caught:
            claim(port, "voice")
        assert str(port) in caught.value.sentence and f"pid {os.getpid()}" in caught.value.sentence
    assert claim(port, "voice") == port
    assert claim(0, "voice") > 0 and free_port() != free_port()


# -- logs -------------------------------------------------------------------------------------------------------------


def test_new_lines_are_followed_across_a_new_start(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    follower = LogFollower(log)
    assert follower.new_lines() == []
    log.write_bytes(b"one\n\x1b[32mtwo\x1b[0m\r 50%\rthr")
    assert follower.new_lines() == ["one", "two", " 50%"]
    with log.open("ab") as file:
        file.write(b"ee\n")
    assert follower.new_lines() == ["three"]
    log.replace(tmp_path / "x.log.1")
    log.write_bytes(b"anew\n")
    assert follower.new_lines() == ["anew"]


# -- records and orphans ----------------------------------------------------------------------------------------------


def test_a_record_is_private_and_comes_back_whole(start: Callable[..., Child], run_dir: Path) -> None:
    record = owned(record_of(start(STUBBORN).identity, key="k"), kept=True)
    records.write(run_dir, record)
    path = run_dir / "engines" / "voice.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and records.read(run_dir, "voice") == record
    path.write_text("{broken")
    assert records.read(run_dir, "voice") is None and end_orphans(run_dir) == []


def test_orphans_are_ended_and_others_left_alone(start: Callable[..., Child], run_dir: Path) -> None:
    orphan, kept, used, stranger = (start(FAMILY, name) for name in ("orphan", "kept", "used", "stranger"))
    records.write(run_dir, record_of(orphan.identity, "orphan"))
    records.write(run_dir, record_of(kept.identity, "kept", kept=True))
    records.write(run_dir, owned(record_of(used.identity, "used"), kept=False))
    reused = Identity(stranger.identity.pid, "another boot:1", "another token")
    records.write(run_dir, record_of(reused, "stranger"))
    assert kept_names(run_dir) == {"kept"}
    (told,) = end_orphans(run_dir, 0.2)
    assert "'orphan'" in told and str(orphan.identity.pid) in told
    assert not orphan.is_running and members(orphan.identity) == []
    assert all(child.is_running for child in (kept, used, stranger))
    assert sorted(path.stem for path in (run_dir / "engines").glob("*.json")) == ["kept", "used"]
    assert end_orphans(run_dir) == []


def test_a_kept_server_that_died_is_forgotten(start: Callable[..., Child], run_dir: Path) -> None:
    child = start("print('up')")
    wait_for(lambda: not child.is_running)
    records.write(run_dir, record_of(Identity(child.identity.pid, "some:1", child.identity.token), kept=True))
    assert kept_names(run_dir) == frozenset() and end_orphans(run_dir) == []
    assert records.read(run_dir, "voice") is None


def test_what_a_killed_studio_left_is_ended_by_the_next(run_dir: Path, tmp_path: Path) -> None:
    studio = f"""
        import os, pathlib, signal, sys
        from backends.gpu.servers.server import Plan, Server
        run_dir, home = pathlib.Path({str(run_dir)!r}), pathlib.Path({str(tmp_path)!r})
        server = Server("voice", run_dir=run_dir, home=home, stop_seconds=1)
        server.start(Plan(argv=(sys.executable, "-c", {FAMILY!r}), env={{}}))
        while not server.log_file.read_text():
            pass
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(studio)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    record = records.read(run_dir, "voice")
    assert record is not None and not record.has_owner and len(members(record.identity)) == 2
    assert len(end_orphans(run_dir, 0.2)) == 1
    assert members(record.identity) == [] and records.read(run_dir, "voice") is None


def test_a_name_belongs_to_one_living_studio(start: Callable[..., Child], run_dir: Path) -> None:
    theirs, other_studio = start(STUBBORN), start(STUBBORN, "studio")
    owner = {"owner_pid": other_studio.identity.pid, "owner_born": other_studio.identity.born}
    records.write(run_dir, record_of(theirs.identity, **owner))
    with pytest.raises(EngineError, match="already run by another studio"):
        records.write(run_dir, owned(record_of(theirs.identity), kept=False))
    other_studio.stop(0.1)
    records.write(run_dir, owned(record_of(theirs.identity), kept=False))


def test_forgetting_spares_a_newer_record(start: Callable[..., Child], run_dir: Path) -> None:
    old, new = start(STUBBORN, "a"), start(STUBBORN, "b")
    records.write(run_dir, owned(record_of(old.identity), kept=False))
    records.write(run_dir, owned(record_of(new.identity), kept=False))
    records.remove(run_dir, record_of(old.identity))
    found = records.read(run_dir, "voice")
    assert found is not None and found.pid == new.identity.pid
