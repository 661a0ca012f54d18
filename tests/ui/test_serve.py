"""`studio serve`: the gateway, the controls and the metrics of one running process."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest
from served_studio import ServedStudio, runs

from configs.errors import UsageError
from ui.commands.chat import refuse_taken_port
from ui.server import own_names

NAME = "qwen3-8b"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedStudio]:
    studio = ServedStudio(tmp_path_factory.mktemp("serve"), start_s=1.0)
    studio.serve()
    yield studio
    studio.stop()


@pytest.fixture
def client(studio: ServedStudio) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{studio.url}/v1", api_key="none", max_retries=0)


def test_a_cold_model_is_brought_up_by_a_request_and_told_meanwhile(studio: ServedStudio) -> None:
    body = {"model": "default", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    with httpx.stream("POST", f"{studio.url}/v1/chat/completions", json=body, timeout=60) as answer:
        lines = [line for line in answer.iter_lines() if line]
    assert answer.status_code == 200 and lines[-1] == "data: [DONE]"
    assert any(line.startswith(": loading qwen3-8b") for line in lines), "comments keep the client waiting"
    assert studio.engine(NAME)["state"] == "active"


def test_the_openai_client_works(studio: ServedStudio, client: openai.OpenAI) -> None:
    assert NAME in [m.id for m in client.models.list()]
    asked = [{"role": "user", "content": "hi"}]
    whole = client.chat.completions.create(model=NAME, messages=asked)  # type: ignore[arg-type]
    assert whole.choices[0].message.content == "Hello from the served model"
    with pytest.raises(openai.NotFoundError, match="qwen3-8b"):
        client.chat.completions.create(model="qwen3-9b", messages=asked)  # type: ignore[arg-type]


def test_commands_reach_the_running_studio(studio: ServedStudio) -> None:
    record = studio.record(NAME) or studio.json("models", "start", NAME)
    status = studio.json("models", "status")
    assert status["pid"] == studio.pid != 0, "it is the running studio that answers"
    assert any(s["engine"] == NAME and s["action"] == "load" for s in status["history"])
    assert studio.json("models", "health")["health"][0]["ok"] is True
    assert f"unload {NAME}" in studio.run("models", "stop", NAME).stdout
    assert studio.record(NAME) is None and record
    started = studio.run("models", "start", NAME)
    assert f"load {NAME}" in started.stdout and "loading" in started.stderr
    for command in ("start", "switch"):
        inside = studio.run("models", command, "espeak")
        assert inside.returncode == 0, f"an engine inside the studio can be brought up there: {inside.stderr}"
    assert studio.engine("espeak")["state"] == "active"
    wrong = studio.run("models", "start", "qwen3-9b")
    assert wrong.returncode == 2 and "'qwen3-8b'" in wrong.stderr


def test_the_controls_are_closed_to_others(studio: ServedStudio) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer ü".encode()}):
        answer = httpx.post(f"{studio.url}/studio/models/stop", json={"name": NAME}, headers=headers)
        assert answer.status_code == 401
    file = studio.home / "server.json"
    assert file.stat().st_mode & 0o077 == 0, "only its owner reads the token"
    token = json.loads(file.read_text())["token"]
    good = {"Authorization": f"Bearer {token}"}
    assert httpx.post(f"{studio.url}/studio/models/stop", content=b"[]", headers=good).status_code == 400
    unknown = httpx.post(f"{studio.url}/studio/models/explode", json={}, headers=good)
    assert "There is no command 'explode'" in unknown.text
    foreign = httpx.get(f"{studio.url}/health", headers={"Host": "evil.example"})
    assert foreign.status_code == 400, "no page of another site reaches it under a name of its own"


def test_development_endpoints_of_vllm_are_not_there(studio: ServedStudio) -> None:
    for path in ("/sleep", "/wake_up", "/v1/sleep", "/is_sleeping", "/collective_rpc", "/v1/collective_rpc"):
        assert httpx.post(f"{studio.url}{path}").status_code in (404, 405)


def test_metrics_tell_of_swaps_and_requests(studio: ServedStudio) -> None:
    text = httpx.get(f"{studio.url}/metrics").text
    assert 'studio_swaps_total{action="load",engine="qwen3-8b"' in text
    assert 'studio_gateway_requests_total{code="200"' in text


def test_it_has_no_chat_page(studio: ServedStudio) -> None:
    assert httpx.get(f"{studio.url}/chat/").status_code == 404
    assert "/v1" in httpx.get(studio.url).text, "a browser is told what is here"


def test_the_end_keeps_what_was_started_by_hand_and_ends_the_rest(studio: ServedStudio) -> None:
    record = studio.record(NAME)
    assert record is not None and record["kept"]
    studio.stop()
    assert not (studio.home / "server.json").exists()
    assert runs(record["pid"]), "it was started to last"
    assert studio.log().endswith(f"'studio models stop {NAME}' ends it.\n") and "Ending" in studio.log()
    assert studio.run("models", "stop", NAME).returncode == 0 and not runs(record["pid"])
    studio.serve()
    body = {"model": NAME, "messages": [{"role": "user", "content": "hi"}]}
    assert httpx.post(f"{studio.url}/v1/chat/completions", json=body, timeout=60).status_code == 200
    record = studio.record(NAME)
    assert record is not None and not record["kept"]
    studio.stop()
    assert not runs(record["pid"]) and studio.record(NAME) is None


@pytest.mark.parametrize("signals", [(signal.SIGHUP,), (signal.SIGINT, signal.SIGINT)], ids=["closed", "impatient"])
def test_however_it_is_ended_no_model_stays_on_the_card(studio: ServedStudio, signals: tuple[signal.Signals]) -> None:
    studio.serve()
    body = {"model": NAME, "messages": [{"role": "user", "content": "hi"}]}
    assert httpx.post(f"{studio.url}/v1/chat/completions", json=body, timeout=60).status_code == 200
    record = studio.record(NAME)
    studio.stop(*signals)
    assert record is not None and not runs(record["pid"]) and studio.record(NAME) is None
    assert not (studio.home / "server.json").exists()


def test_commands_reach_a_studio_with_names_of_its_own(studio: ServedStudio) -> None:
    studio.serve(STUDIO_SERVER__NAMES='["studio.example"]')
    assert httpx.get(f"{studio.url}/health", headers={"Host": "studio.example"}).status_code == 200
    assert httpx.get(f"{studio.url}/health", headers={"Host": "evil.example"}).status_code == 400
    assert studio.run("models", "status").returncode == 0
    studio.stop()


@pytest.mark.parametrize(
    ("names", "host", "answered"),
    [
        ((), "127.0.0.1", {"localhost", "127.0.0.1", "::1"}),
        ((), "127.0.0.2", {"localhost", "127.0.0.2"}),
        ((), "::1", {"localhost", "::1", "[::1]"}),
        (("studio.example",), "0.0.0.0", {"localhost", "127.0.0.1", "studio.example"}),
        (("studio.example",), "192.168.0.2", {"192.168.0.2", "studio.example"}),
    ],
)
def test_which_names_are_answered(names: tuple[str, ...], host: str, answered: set[str]) -> None:
    found = own_names(names, host)
    assert answered <= set(found) and "0.0.0.0" not in found and "*" not in found


def test_beyond_this_machine_any_name_is_answered() -> None:
    assert own_names((), "0.0.0.0") == [] == own_names((), "192.168.0.2")


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_a_port_of_the_other_internet_is_looked_at() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match="cannot listen"):
            refuse_taken_port("::1", port)
    refuse_taken_port("::1", port)


@pytest.mark.parametrize(
    ("host", "port", "words"),
    [
        ("127.0.0.1", 99_999, "There is no port 99999"),
        ("127.0.0.1", -1, "no port -1"),
        ("no.such.host.invalid", 8400, "--host"),
    ],
)
def test_where_nobody_can_listen_is_told(host: str, port: int, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        refuse_taken_port(host, port)


def test_a_model_that_is_set_and_cannot_be_had_is_told_at_the_start(tmp_path: Path) -> None:
    studio = ServedStudio(tmp_path)
    studio.serve(STUDIO_LLM__SERVICE="qwen3-14b")
    studio.stop()
    assert "Using the built-in brain: the model Qwen/Qwen3-14B-AWQ is not there" in studio.log()


def test_a_killed_studio_is_not_taken_for_a_running_one(studio: ServedStudio) -> None:
    studio.serve()
    studio.stop(signal.SIGKILL)
    assert (studio.home / "server.json").exists()
    began = time.monotonic()
    assert studio.run("models", "status").returncode == 0
    assert time.monotonic() - began < 30
