"""The vLLM engine against a fake server with the true protocol: from cold to parked and back, kept, adopted, shrunk."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fake_vllm import fake_model
from vllm_bench import NAME, VllmBench, vllm_bench

from backends.engines import make_engine
from backends.gpu.engine import (
    Downloading,
    Engine,
    EngineOutOfMemory,
    EngineState,
    Interruptible,
    Lasting,
    Measured,
    Reporting,
    Shrinkable,
    Watched,
)
from backends.gpu.servers.processes import birth, members
from backends.gpu.servers.records import end_orphans, kept_names
from backends.llm.vllm.engine import VllmEngine
from backends.llm.vllm.remote import RemoteVllm
from configs.errors import EngineError, UsageError
from configs.settings import load_settings

QUESTION = {"model": NAME, "messages": [{"role": "user", "content": "Who are you?"}], "temperature": 0}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[VllmBench]:
    with vllm_bench(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmBench]:
    """One loaded engine for the tests that leave it as it was."""
    with vllm_bench(tmp_path_factory.mktemp("vllm")) as made:
        made.engine(traps={"start_s": 0.3}).load()
        yield made


def ask(engine: VllmEngine) -> str:
    answer = httpx.post(f"{engine.base_url}/v1/chat/completions", json=QUESTION, headers=engine.headers, timeout=5)
    return str(answer.raise_for_status().json()["choices"][0]["message"]["content"])


# -- one that runs ----------------------------------------------------------------------------------------------------


def test_it_has_all_the_abilities(shared: VllmBench) -> None:
    abilities = (Engine, Reporting, Watched, Measured, Shrinkable, Lasting, Interruptible, Downloading)
    assert all(isinstance(shared.engines[0], ability) for ability in abilities)


def test_its_start_is_told_by_phases(shared: VllmBench) -> None:
    phases = list(dict.fromkeys(progress.phase for progress in shared.told))
    assert phases == ["load", "compile", "warm_up", "ready"]
    assert 0.5 in [progress.share for progress in shared.told if progress.phase == "load"]
    assert all(progress.engine == NAME for progress in shared.told)


def test_it_takes_its_flags(shared: VllmBench) -> None:
    argv = shared.fake(shared.engines[0]).seen()["argv"]
    assert argv[argv.index("--gpu-memory-utilization") + 1] == "0.568"  # 9,300 of 16,384 MiB
    assert argv[1] == str(shared.settings.warehouse / "llm" / "Qwen3-8B-AWQ")


def test_nothing_but_health_is_open_to_others_on_this_machine(shared: VllmBench) -> None:
    url = shared.engines[0].base_url
    assert httpx.get(f"{url}/health").status_code == 200
    for path in ("/v1/models", "/is_sleeping", "/metrics"):
        assert httpx.get(f"{url}{path}").status_code == 401
        assert httpx.get(f"{url}{path}", headers={"Authorization": "Bearer guess"}).status_code == 401
        assert httpx.get(f"{url}{path}", headers=shared.engines[0].headers).status_code == 200
    assert httpx.post(f"{url}/sleep").status_code == 401
    assert not shared.fake(shared.engines[0]).seen()["is_sleeping"]


def test_park_and_restore_give_memory_back_and_the_same_answers(shared: VllmBench) -> None:
    engine = shared.engines[0]
    before, held = ask(engine), shared.device.used_mib
    engine.park()
    assert shared.device.used_mib < 1200
    engine.restore()
    engine.probe()
    assert shared.device.used_mib == held and ask(engine) == before
    assert engine.need_mib() > held


def test_its_ailment_is_cheap_and_empty(shared: VllmBench) -> None:
    assert shared.engines[0].ailment() == "" and shared.engines[0].peak_mib() is None  # no driver here to ask


# -- start and end ----------------------------------------------------------------------------------------------------


def test_unload_leaves_nothing(bench: VllmBench) -> None:
    engine = bench.engine(cycle_at_start=True)
    engine.load()
    seen = bench.fake(engine).seen()
    assert (seen["sleeps"], seen["wakes"]) == (1, 1)  # once through at the start
    engine.unload()
    assert not birth(seen["pid"]) and not birth(seen["core_pid"]) and bench.record() is None
    assert bench.device.used_mib == 0 and (engine.base_url, engine.headers) == ("", {})
    with pytest.raises(EngineError, match="does not run"):
        engine.probe()


def test_a_server_that_ignores_all_signals_but_the_last(bench: VllmBench) -> None:
    engine = bench.engine(traps={"ignore_sigterm": True, "stubborn_core": True})
    engine.load()
    seen = bench.fake(engine).seen()
    engine.unload()
    assert not birth(seen["pid"]) and not birth(seen["core_pid"])


def test_a_core_that_outlives_its_server_is_ended_too(bench: VllmBench) -> None:
    engine = bench.engine(traps={"stubborn_core": True, "core_alone": True})
    engine.load()
    fake = bench.fake(engine)
    core = fake.seen()["core_pid"]
    fake.kill()
    while not engine.ailment():
        pass
    assert "signal 9" in engine.ailment() and birth(core)
    engine.unload()
    assert not birth(core)


@pytest.mark.parametrize(
    ("trap", "kind", "words"),
    [
        ("oom", EngineOutOfMemory, "CUDA out of memory"),
        ("module", EngineError, "make vllm"),
        ("model", EngineError, "config.json"),
        ("kv", EngineError, "Raise kv_mib or lower context"),
        ("cuda", EngineError, "nvidia-smi"),
        ("crash", EngineError, "signal 9"),
    ],
)
def test_starts_that_fail(bench: VllmBench, trap: str, kind: type[EngineError], words: str) -> None:
    engine = bench.engine(traps={"start_error": trap})
    with pytest.raises(EngineError) as caught:
        engine.load()
    assert type(caught.value) is kind and words in caught.value.sentence, caught.value.sentence
    assert bench.record() is None and bench.device.used_mib == 0


def test_a_flag_that_vllm_does_not_know(bench: VllmBench) -> None:
    with pytest.raises(EngineError, match=r"unrecognized arguments: --new-flag.*Correct the flags"):
        bench.engine(flags=("--new-flag",)).load()


def test_a_start_that_hangs_is_ended(bench: VllmBench) -> None:
    engine = bench.engine(traps={"start_hangs": True}, start_seconds=1.5)
    with pytest.raises(EngineError, match="not ready after 2 s") as caught:
        engine.load()
    assert "qwen3-8b.log" in caught.value.sentence and bench.record() is None


@pytest.mark.parametrize("moment", ["load", "restore"])
def test_a_start_can_be_stopped(bench: VllmBench, moment: str) -> None:
    engine = bench.engine(traps={"start_hangs": moment == "load", "wake_s": 60})
    engine.interrupt()  # nothing rises yet: harmless
    if moment == "restore":
        engine.load()
        engine.park()
        engine.interrupt()
        stop = threading.Timer(0.3, engine.interrupt)
        stop.start()
    else:
        engine.on_start = lambda progress: engine.interrupt() if progress.note == "starting the engine" else None
    with pytest.raises(EngineError, match="The start of 'qwen3-8b' was stopped"):
        engine.restore() if moment == "restore" else engine.load()
    engine.unload()
    assert bench.record() is None and bench.device.used_mib == 0


def test_weights_that_are_not_there(bench: VllmBench) -> None:
    engine = bench.engine(service={"model": "Qwen/Qwen3-14B-AWQ"})
    with pytest.raises(EngineError, match="hf download Qwen/Qwen3-14B-AWQ"):
        engine.load()
    engine.download = True
    engine.load()
    seen = bench.fake(engine).seen()
    assert seen["argv"][1] == "Qwen/Qwen3-14B-AWQ" and "HF_HUB_OFFLINE" not in seen["env"]


def test_a_port_of_a_stranger_is_named(bench: VllmBench) -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        with pytest.raises(EngineError, match=f"port {port}.*pid {os.getpid()}"):
            bench.engine(service={"port": port}).load()


def test_a_stranger_who_was_quicker_costs_one_more_start(bench: VllmBench, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        ports = iter([stranger.getsockname()[1]])
        real = __import__("backends.gpu.servers.ports", fromlist=["claim"]).claim
        monkeypatch.setattr(
            "backends.gpu.servers.server.claim", lambda port, name: next(ports, None) or real(port, name)
        )
        engine = bench.engine()
        engine.load()
        engine.probe()
        assert not engine.base_url.endswith(f":{stranger.getsockname()[1]}")


def test_with_less_memory(bench: VllmBench) -> None:
    engine = bench.engine(service={"context": 16384, "kv_mib": 2304})
    assert engine.shrink() == "conversations of 8192 instead of 16384 tokens (1152 MiB of KV cache)"
    assert engine.need_mib() == 9300 - 1152
    engine.load()
    argv = bench.fake(engine).seen()["argv"]
    assert argv[argv.index("--max-model-len") + 1] == "8192"
    assert argv[argv.index("--kv-cache-memory-bytes") + 1] == str(1152 * 2**20)
    assert engine.shrink() and engine.shrink() == ""
    engine.grow_back()
    assert engine.need_mib() == 9300


def test_on_a_cpu_parking_ends_it(bench: VllmBench) -> None:
    engine = bench.engine(service={"device": "cpu"})
    engine.load()
    assert (engine.peak_mib() or 0) > 20
    engine.park()
    assert bench.record() is None
    engine.restore()
    engine.probe()


# -- outliving the studio ---------------------------------------------------------------------------------------------


def test_a_kept_one_that_fetched_its_model_is_adopted_by_others_who_may_not(bench: VllmBench) -> None:
    shutil.rmtree(Path(bench.settings.warehouse) / "llm")
    first = bench.engine(download=True, env={"FAKE_VLLM_ANY_MODEL": "1"})
    first.load()
    first.keep(True)
    pid = bench.fake(first).seen()["pid"]
    first.leave()
    bench.disown()
    second = bench.engine(env={"FAKE_VLLM_ANY_MODEL": "1"})
    assert second.adopt() is EngineState.ACTIVE and bench.fake(second).seen()["pid"] == pid
    second.unload()


def test_a_kept_one_is_adopted_awake_or_asleep(bench: VllmBench) -> None:
    first = bench.engine()
    first.load()
    first.keep(True)
    key, pid = first.headers, bench.fake(first).seen()["pid"]
    first.leave()
    assert end_orphans(bench.run_dir) == []
    bench.disown()
    assert kept_names(bench.run_dir) == {NAME} and end_orphans(bench.run_dir) == []
    second = bench.engine()
    assert second.adopt() is EngineState.ACTIVE and second.kept
    assert second.headers == key and bench.fake(second).seen()["pid"] == pid
    second.park()
    second.leave()
    bench.disown()
    third = bench.engine()
    assert third.adopt() is EngineState.PARKED
    third.restore()
    third.probe()
    third.keep(False)
    third.leave()
    bench.disown()
    assert len(end_orphans(bench.run_dir)) == 1 and not birth(pid)


@pytest.mark.parametrize("what", ["wedged", "garbage", "another command", "dead"])
def test_one_that_is_not_fit_is_ended_instead(bench: VllmBench, what: str) -> None:
    first = bench.engine()
    first.load()
    first.keep(True)
    fake = bench.fake(first)
    pid = fake.seen()["pid"]
    if what in ("wedged", "garbage"):
        fake.trap(**{"wedged" if what == "wedged" else "garbage_admin": True})
    first.leave()
    bench.disown()
    if what == "dead":
        os.kill(pid, signal.SIGKILL)
    heir = bench.engine(flags=("--max-num-seqs", "2")) if what == "another command" else bench.engine()
    assert heir.adopt() is EngineState.COLD
    assert not birth(pid) and bench.record() is None
    heir.load()
    heir.probe()


def test_one_of_a_living_studio_is_left_alone(bench: VllmBench) -> None:
    engine = bench.engine()
    engine.load()
    record = bench.record()
    assert record is not None
    parent = os.getppid()
    theirs = record.model_copy(update={"owner_pid": parent, "owner_born": birth(parent)})
    (bench.run_dir / "engines" / f"{NAME}.json").write_text(theirs.model_dump_json())
    other = bench.engine()
    assert other.adopt() is EngineState.COLD and end_orphans(bench.run_dir) == []
    with pytest.raises(EngineError, match="already run by another studio"):
        other.load()
    engine.probe()
    assert members(record.identity)


# -- made by name -----------------------------------------------------------------------------------------------------


def test_services_are_made_by_name(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path / "home", warehouse=tmp_path / "shelf")
    engine = make_engine("qwen3-8b", settings, tmp_path / "cache")
    assert isinstance(engine, VllmEngine) and engine.kind == "llm" and engine.need_mib() == 9300
    with pytest.raises(EngineError, match=r"hf download|make vllm"):
        engine.load()
    fake_model(tmp_path / "shelf", "Qwen3-8B-AWQ")
    own = tmp_path / "services.yaml"
    own.write_text(
        "default: a\nvllm: {version: '0.33.0'}\nservices: {a: {model: m, need_mib: 5000, base_url: 'http://127.0.0.1:9'}}\n"
    )
    there = load_settings(home=tmp_path / "home", llm={"services_file": str(own)})
    assert isinstance(make_engine("a", there, tmp_path), RemoteVllm)
    with pytest.raises(UsageError, match="No code knows"):
        make_engine("qwen3-8b", there, tmp_path)
