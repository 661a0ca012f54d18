"""The vLLM container's entry point, run for real with a fake `vllm` and a fake `nvidia-smi` in its path."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from deploy_files import DEPLOY, compose
from fake_vllm import fake_environment, fake_model, free_port

from backends.llm.vllm import guard

SCRIPT = DEPLOY / "vllm" / "serve.py"
KEY = {"Authorization": "Bearer the-key"}


@dataclass
class Container:
    """What the entry point sees, and how the container is looked at from outside."""

    folder: Path
    port: int
    env: dict[str, str]
    process: subprocess.Popen[str] | None = None
    said: list[str] = field(default_factory=list)

    def gpu(self, total: int, free: int) -> None:
        """What nvidia-smi tells from now on, MiB."""
        (self.folder / "gpu").write_text(f"{total}, {free}\n")

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(SCRIPT), *(arguments or (str(DEPLOY / "llm_services.yaml"),))]
        self.process = subprocess.Popen(
            command, env={**self.env, **env}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        threading.Thread(target=self._listen, daemon=True).start()
        return self.process

    def _listen(self) -> None:
        assert self.process is not None and self.process.stdout is not None
        self.said.extend(self.process.stdout)

    def hears(self, words: str, seconds: float = 30.0) -> None:
        self.until(lambda: any(words in line for line in self.said), words, seconds)

    def until(self, check: Any, what: str, seconds: float = 30.0) -> None:
        limit = time.monotonic() + seconds
        while not check():
            assert time.monotonic() < limit, f"never: {what}; it said {self.said}"
            time.sleep(0.02)

    @property
    def healthy(self) -> bool:
        """The health check of the compose file."""
        return subprocess.run([sys.executable, str(SCRIPT), "--healthy"], env=self.env, check=False).returncode == 0

    def ask(self, path: str, method: str = "GET", headers: dict[str, str] | None = None) -> httpx.Response:
        return httpx.request(method, f"http://127.0.0.1:{self.port}{path}", headers=headers, timeout=20)

    def ended(self, seconds: float = 30.0) -> int:
        assert self.process is not None
        return self.process.wait(seconds)


@pytest.fixture
def container(tmp_path: Path) -> Iterator[Container]:
    programs = fake_environment(tmp_path) / "bin"
    smi = programs / "nvidia-smi"
    smi.write_text(f'#!/bin/sh\ncat "{tmp_path / "gpu"}"\n')
    smi.chmod(0o755)
    fake_model(tmp_path, "Qwen3-8B-AWQ")
    port = free_port()
    env = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(Path(guard.__file__).parent)}
    env |= {"VLLM_MODELS": str(tmp_path / "llm"), "VLLM_PORT_INSIDE": str(port), "VLLM_UP_FILE": str(tmp_path / "up")}
    env |= {"VLLM_API_KEY": "the-key"}
    made = Container(tmp_path, port, env)
    made.gpu(16303, 15800)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.send_signal(signal.SIGTERM)
        made.process.wait(20)


def test_it_comes_up_asleep_and_only_then_counts_as_healthy(container: Container) -> None:
    assert not container.healthy
    container.start(FAKE_VLLM='{"first_sleep_s": 1.0}')
    container.until(lambda: _answers(container), "an answer of /health")
    assert not container.healthy, "the first sleep still runs"
    container.hears("asleep until the studio wakes it")
    container.until(lambda: container.healthy, "healthy")
    assert container.ask("/is_sleeping", headers=KEY).json() == {"is_sleeping": True}
    container.ask("/wake_up", "POST", KEY).raise_for_status()
    asked = {"model": "qwen3-8b", "messages": [{"role": "user", "content": "hello"}]}
    answer = httpx.post(f"http://127.0.0.1:{container.port}/v1/chat/completions", json=asked, headers=KEY, timeout=20)
    assert answer.status_code == 200 and answer.json()["choices"]


def test_nobody_without_the_key_gets_past_health(container: Container) -> None:
    container.start()
    container.hears("asleep")
    for path, method in (("/sleep", "POST"), ("/wake_up", "POST"), ("/is_sleeping", "GET"), ("/metrics", "GET")):
        assert container.ask(path, method).status_code == 401, path
    assert container.ask("/health").status_code == 200


def test_stopping_the_container_ends_the_server(container: Container) -> None:
    container.start()
    container.hears("asleep")
    assert container.process is not None
    container.process.send_signal(signal.SIGTERM)
    container.ended()
    container.until(lambda: not _answers(container), "the server is gone")
    assert not container.healthy, "the mark of an earlier start is no health"


def test_it_waits_while_something_else_fills_the_card(container: Container) -> None:
    container.gpu(16303, 6000)
    container.start()
    container.hears("waiting: 9300 MiB wanted, 6000 of 16303 MiB")
    assert not any("starting:" in line for line in container.said)
    container.gpu(16303, 12000)
    container.hears("asleep")


def test_a_card_that_is_too_small_is_told(container: Container) -> None:
    container.gpu(8192, 8000)
    container.start()
    assert container.ended() == 1
    container.hears("needs 9300 MiB, the GPU has 8192 MiB")


def test_a_driver_that_tells_nothing_is_no_obstacle(container: Container) -> None:
    (container.folder / "gpu").write_text("N/A\n")
    container.start()
    container.hears("free memory of the GPU unknown")
    container.hears("asleep")


def test_a_failed_start_ends_the_container(container: Container) -> None:
    container.start(FAKE_VLLM='{"start_error": "oom"}')
    assert container.ended() != 0 and not container.healthy


def test_a_server_that_cannot_sleep_is_left_awake(container: Container) -> None:
    container.start(FAKE_VLLM='{"sleep_fails": 1}')
    container.hears("it stays awake")
    container.until(lambda: container.healthy, "healthy")
    assert container.ask("/is_sleeping", headers=KEY).json() == {"is_sleeping": False}


@pytest.mark.parametrize(
    ("arguments", "env", "words"),
    [
        ((str(DEPLOY / "llm_services.yaml"), "qwen9"), {}, "no service 'qwen9'; it has qwen3-8b"),
        ((), {"VLLM_API_KEY": ""}, "VLLM_API_KEY is not set"),
    ],
)
def test_what_is_wrong_is_said(
    container: Container, arguments: tuple[str, ...], env: dict[str, str], words: str
) -> None:
    container.start(*arguments, **env)
    assert container.ended() == 1
    container.hears(words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cannot be used"),
        ("default: [", "cannot be used"),
        ("default: a\nvllm: {}\nservices: {a: {model: m}}", "the key 'need_mib' is missing"),
        ("default: a\nservices: {a: {model: m, need_mib: 5}}", "the key 'vllm' is missing"),
        ("default: a\nvllm: {}\nservices: {a: {model: m, need_mib: much}}", "cannot be used"),
        (None, "No such file"),
    ],
)
def test_a_file_that_is_wrong_is_one_sentence(
    container: Container, tmp_path: Path, text: str | None, words: str
) -> None:
    file = tmp_path / "wrong.yaml"
    if text is not None:
        file.write_text(text)
    container.start(str(file))
    assert container.ended() == 1
    container.hears(words)
    assert not any("Traceback" in line for line in container.said)


def test_the_compose_file_starts_it_this_way() -> None:
    service = compose()["services"]["vllm"]
    mounts = dict(reversed(m.removesuffix(":ro").split(":")) for m in service["volumes"] if m.startswith("."))
    assert (DEPLOY / mounts[service["entrypoint"][1]]).samefile(SCRIPT)
    assert (DEPLOY / mounts[service["command"][0]]).samefile(DEPLOY / "llm_services.yaml")
    assert (DEPLOY / mounts[service["environment"]["PYTHONPATH"]]).samefile(Path(guard.__file__).parent)
    assert service["healthcheck"]["test"] == ["CMD", "python3", service["entrypoint"][1], "--healthy"]


def test_its_flags_are_those_that_the_studio_would_give(tmp_path: Path) -> None:
    from backends.llm.vllm.command import Folders, Sizes, make_plan
    from backends.llm.vllm.model_path import find_model
    from configs.llm_services import LlmServices, load_services

    entry = _entry_point()
    for file in (DEPLOY / "llm_services.yaml", DEPLOY.parent / "llm_services.yaml"):
        services = load_services(file)
        table = yaml.safe_load(file.read_text())
        docker = LlmServices.model_validate(table).vllm.model_copy(update={"runtime": "docker"})
        for name, service in services.services.items():
            fake_model(tmp_path, service.model.rsplit("/", 1)[-1])
            sizes = Sizes(service.context, service.kv_mib, service.need_mib, 16303)
            model = find_model(service.model, tmp_path, False)
            plan = make_plan(name, service, docker, model, sizes, Folders(tmp_path, tmp_path), "k")
            ours = entry["serve_command"](name, table["services"][name], table["vllm"], 16303)
            assert ours[1:] == list(plan.argv[plan.argv.index("serve") :]), name


def _entry_point() -> dict[str, Any]:
    import runpy

    return runpy.run_path(str(SCRIPT), run_name="entry_point")


def _answers(container: Container) -> bool:
    try:
        return container.ask("/health").status_code == 200
    except httpx.HTTPError:
        return False
