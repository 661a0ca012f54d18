"""`studio models` without a running studio: servers that outlive the command, real processes throughout."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from served_studio import ServedStudio, runs

from ui.models_view import models_view

NAME = "qwen3-8b"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedStudio]:
    studio = ServedStudio(tmp_path_factory.mktemp("models"))
    yield studio
    studio.run("models", "stop", NAME)


@pytest.fixture(scope="module")
def started(studio: ServedStudio) -> ServedStudio:
    result = studio.run("models", "start", NAME)
    assert result.returncode == 0 and f"load {NAME}" in result.stdout, result.stderr
    assert f"{NAME}: loading" in result.stderr and "ready" in result.stderr, "progress is told"
    return studio


def test_status_lists_every_engine_and_the_memory(studio: ServedStudio) -> None:
    found = studio.json("models", "status")
    names = [row["name"] for row in found["engines"]]
    assert {"preview", "sdxl", "espeak", "gpt_sovits", NAME, "qwen2.5-vl-7b"} <= set(names)
    assert found["device"]["ram_total_mib"] > 0 and found["budget"]["gpu"] > 0
    missing = {row["name"]: row["missing"] for row in found["engines"]}
    assert missing["preview"] == missing[NAME] == "" and "hf download Qwen/Qwen3-14B-AWQ" in missing["qwen3-14b"]
    shown = studio.run("models", "status").stdout
    assert "absent: sdxl (There are no SDXL weights" in shown
    assert "main memory" in shown and "sdxl" in shown


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["models", "start", "qwen3-9b"], ["There is no engine 'qwen3-9b'", "'qwen3-8b'"]),
        (["models", "stop", "sdxxl"], ["There is no engine 'sdxxl'", "'sdxl'"]),
        (["models", "switch", "ttts"], ["There is no engine 'ttts'"]),
        (["models", "start", "sdxl"], ["lives inside the studio's process", "studio serve"]),
        (["models", "logs", "../../etc/passwd"], ["There is no engine"]),
        (["models", "logs", "qwen3-14b"], ["no log of qwen3-14b yet"]),
        (["models", "logs", "espeak"], ["'espeak' has no log of its own", "'studio models logs' without a name"]),
        (["models", "logs", "judge"], ["no log of qwen3-vl-8b yet"]),
        (["models", "stop", "qwen3-8bb"], ["Did you mean 'qwen3-8b'?\n"]),
        (["models", "health", "nobody"], ["There is no engine 'nobody'"]),
    ],
)
def test_wrong_names_get_one_sentence(studio: ServedStudio, args: list[str], words: list[str]) -> None:
    result = studio.run(*args)
    assert result.returncode == 2 and "Traceback" not in result.stderr
    assert all(word in result.stderr for word in words), result.stderr


def test_a_model_that_is_not_there_is_told_with_the_way_to_get_it(studio: ServedStudio) -> None:
    result = studio.run("models", "start", "qwen3-14b")
    assert result.returncode == 4 and "hf download Qwen/Qwen3-14B-AWQ" in result.stderr
    missing = studio.run("models", "start", NAME, STUDIO_LLM__SERVICES_FILE="")
    assert missing.returncode == 4 and "make vllm" in missing.stderr


def test_a_started_server_outlives_the_command_and_is_taken_over(started: ServedStudio) -> None:
    record = started.record(NAME)
    assert record is not None and record["kept"] and runs(record["pid"])
    row = started.engine(NAME)
    assert (row["state"], row["kept"]) == ("active", True)
    for word in (NAME, "default", "llm"):
        again = started.run("models", "start", word)
        assert again.returncode == 0 and "Nothing to do" in again.stdout, again.stderr
    after = started.record(NAME)
    assert after is not None and after["pid"] == record["pid"], "the same process, not a second one"


def test_health_runs_the_canary(started: ServedStudio) -> None:
    rows = started.json("models", "health")["health"]
    assert [(r["name"], r["ok"]) for r in rows] == [(NAME, True)]


def test_logs_are_shown_and_followed(started: ServedStudio) -> None:
    assert "Application startup complete" in started.run("models", "logs", NAME, "-n", "5").stdout
    command = [sys.executable, "-u", "-m", "ui.cli", "models", "logs", NAME, "-n", "1", "--follow"]
    follower = subprocess.Popen(command, env=started.env, stdout=subprocess.PIPE, text=True)
    try:
        assert follower.stdout is not None
        assert follower.stdout.readline()  # it follows from before it shows the last line
        log = started.home / "logs" / "engines" / f"{NAME}.log"
        with log.open("a") as file:
            file.write("a line that comes later\n")
        assert follower.stdout.readline().strip() == "a line that comes later"
    finally:
        follower.send_signal(signal.SIGINT)
        assert follower.wait(timeout=10) == 0, "Ctrl-C is how it is meant to end"


def test_a_wish_uses_the_kept_model_and_leaves_it_up(started: ServedStudio) -> None:
    before = started.record(NAME)
    answer = started.run("ask", "hello there", "--json", STUDIO_LLM__SERVICE="default")
    assert '"reply": "Hello from the served model"' in answer.stdout, answer.stderr
    after = started.record(NAME)
    assert before and after and before["pid"] == after["pid"] and started.engine(NAME)["state"] == "active"


def test_switching_by_name_and_stopping(started: ServedStudio) -> None:
    assert started.run("models", "switch", "llm").returncode == 0
    record = started.record(NAME)
    result = started.run("models", "stop", NAME)
    assert result.returncode == 0 and f"unload {NAME}" in result.stdout
    assert record is not None and not runs(record["pid"]) and started.record(NAME) is None
    assert "Nothing to do" in started.run("models", "stop", NAME).stdout


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_start_that_is_stopped_ends_at_once_with_its_server(tmp_path: Path, how: signal.Signals) -> None:
    studio = ServedStudio(tmp_path, start_s=300.0)
    command = [sys.executable, "-m", "ui.cli", "models", "start", NAME]
    stopped = subprocess.Popen(command, env=studio.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while (record := studio.record(NAME)) is None and time.monotonic() < deadline:
        time.sleep(0.02)
    stopped.send_signal(how)
    said = stopped.communicate(timeout=60)[1]
    assert stopped.returncode == (130 if how == signal.SIGINT else -signal.SIGTERM)
    assert how != signal.SIGINT or said.endswith("Stopped.\n"), said
    assert record is not None and not runs(record["pid"]) and studio.record(NAME) is None


def test_a_server_whose_studio_was_killed_is_ended_by_the_next(studio: ServedStudio) -> None:
    command = [sys.executable, "-m", "ui.cli", "ask", "hello there", "--thread", "killed"]
    env = {**studio.env, "STUDIO_LLM__SERVICE": "default"}
    killed = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while (record := studio.record(NAME)) is None and time.monotonic() < deadline:
        time.sleep(0.02)
    killed.kill()
    killed.wait(timeout=10)
    assert record is not None and not record["kept"]
    row = studio.engine(NAME)
    assert row["state"] == "cold" and not runs(record["pid"]), "the orphan is gone"


def test_the_view_shows_what_happens(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    base = {
        "kind": "llm", "device": "gpu", "leases": [], "need_mib": 9300, "learned": False, "error": "", "phase": "",
        "share": None, "note": "", "up_seconds": 0, "crashes": 0, "breaker_open": False, "kept": False,
    }  # fmt: skip
    swap = {
        "engine": "b",
        "action": "restore",
        "seconds": 1.25,
        "at": time.time(),
        "reason": f"gateway {'0123abcd' * 4}",
        "phases": [("park", 0.5)],
    }
    card = {"index": 0, "name": "RTX 5080", "total_mib": 16000, "used_mib": 15500}
    found = {
        "engines": [
            {**base, "name": "a", "state": "starting", "phase": "load", "share": 0.4, "leases": ["step 1"]},
            {**base, "name": "b", "state": "failed", "error": "it ended", "breaker_open": True, "crashes": 3},
        ],
        "waiting": [{"holder": "chat", "needs": ["a"], "waited_s": 130.0}],
        "history": [swap],
        "device": {"devices": [card], "ram_total_mib": 64000, "ram_used_mib": 9000, "reason": ""},
        "budget": {"gpu": 15500, "cpu": 38400},
    }  # fmt: skip
    Console(width=140).print(models_view(found))
    shown = capsys.readouterr().out
    assert "starting: load 40%" in shown and "\nb: left alone after 3 crashes: it ended" in shown
    assert re.search(r"gateway 0123abcd *$", shown, re.MULTILINE), "an id is shortened"
    assert "GPU 0 RTX 5080" in shown and "15.1 of 15.6 GiB" in shown and "main memory" in shown
    assert "chat" in shown and "2 min" in shown and "restore b" in shown and "park 0.50" in shown
