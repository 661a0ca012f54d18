"""vLLM in a container: with a `docker` program that takes the same command line and runs the fake server apart."""

from __future__ import annotations

import os
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_vllm import SERVER
from vllm_bench import NAME, VllmBench, vllm_bench

from backends.gpu.servers.processes import birth
from backends.gpu.servers.records import end_orphans
from backends.llm.vllm.engine import VllmEngine
from configs.errors import EngineError

DOCKER = """
import os, pathlib, signal, subprocess, sys
boxes = pathlib.Path({boxes!r})
args = sys.argv[1:]
with open(boxes / "calls", "a") as calls:
    calls.write(" ".join(args[:1] + args[-1:] if args[0] == "kill" else args[:1]) + "\\n")
if args[0] == "kill":
    box = boxes / args[1]
    if not box.exists():
        sys.exit("Error response from daemon: No such container: " + args[1])
    os.killpg(int(box.read_text()), signal.SIGKILL)
    sys.exit()
values = lambda flag: [args[i + 1] for i, part in enumerate(args) if part == flag]
image = args.index("vllm/vllm-openai:v0.33.0")
env = {{"PATH": os.environ["PATH"]}}
for item in values("-e"):
    name, equals, value = item.partition("=")
    env[name] = value if equals else os.environ[name]
mounts = dict(reversed(item.split(":")[:2]) for item in values("-v"))
env["PYTHONPATH"] = mounts["/studio"]
inside = args[image + 1:]
inside[1] = mounts["/models"] + inside[1].removeprefix("/models")
inside[inside.index("--port") + 1] = values("-p")[0].split(":")[1]
inside[inside.index("--host") + 1] = "127.0.0.1"
server = subprocess.Popen([sys.executable, {server!r}, *inside], env=env, start_new_session=True)
box = boxes / values("--name")[0]
box.write_text(str(server.pid))
signal.signal(signal.SIGTERM, lambda *_: server.terminate())
code = server.wait()
box.unlink()
sys.exit(code if code >= 0 else 128 - code)
"""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VllmBench]:
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    (tmp_path / "boxes").mkdir()
    code = DOCKER.format(boxes=str(tmp_path / "boxes"), server=str(SERVER))
    program.write_text(f"#!{sys.executable}\n{textwrap.dedent(code)}")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    with vllm_bench(tmp_path) as made:
        yield made


def in_a_container(bench: VllmBench) -> VllmEngine:
    return bench.engine(runtime="docker", image="vllm/vllm-openai:v0.33.0")


def test_it_runs_sleeps_and_is_killed_by_name(bench: VllmBench, tmp_path: Path) -> None:
    engine = in_a_container(bench)
    engine.load()
    seen = bench.fake(engine).seen()
    assert seen["argv"][1] == str(bench.settings.warehouse / "llm" / "Qwen3-8B-AWQ")
    engine.probe()
    engine.park()
    engine.restore()
    engine.probe()
    engine.unload()
    assert not birth(seen["pid"]) and bench.record() is None
    assert (tmp_path / "boxes/calls").read_text().split() == ["run", "kill", f"studio-{NAME}-{_port(seen)}"]


def test_a_container_that_a_dead_studio_left_is_killed(bench: VllmBench) -> None:
    engine = in_a_container(bench)
    engine.load()
    seen, record = bench.fake(engine).seen(), bench.record()
    assert record is not None
    engine.leave()
    bench.disown()
    os.kill(record.pid, 9)  # the client; what runs in the container does not notice
    while birth(record.pid):
        pass
    assert birth(seen["pid"])
    end_orphans(bench.run_dir, 0.2)
    assert bench.record() is None
    for _ in range(200):  # docker kills it; init takes the dead process away a moment later
        if not birth(seen["pid"]):
            break
        time.sleep(0.05)
    assert not birth(seen["pid"])


def test_without_docker_it_says_so(bench: VllmBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EngineError, match="there is no program docker"):
        in_a_container(bench).load()


def _port(seen: dict[str, list[str]]) -> str:
    argv = seen["argv"]
    return argv[argv.index("--port") + 1]
