"""The arbiter over a real child process: pictures and language models take turns on one device, and nothing drifts."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from fake_vllm import FakeVllm, fake_model
from vllm_bench import NAME, NEED_MIB, VllmBench, vllm_bench

from backends.gpu.arbiter import Arbiter
from backends.gpu.engine import Engine, EngineKind, EngineOutOfMemory, EngineState
from backends.gpu.servers.processes import birth
from backends.llm.vllm.engine import VllmEngine
from configs.models import EngineSpec, ModelTable, Rules

CAP_MIB = 15_500
QUESTION = {"model": NAME, "messages": [{"role": "user", "content": "Tell a story."}], "temperature": 0}


class Holder:
    """An engine of the studio's own process: it holds memory of the device and nothing else."""

    def __init__(self, name: str, kind: EngineKind, bench: VllmBench, need: int, parked: int = 0) -> None:
        self.name, self.kind, self._bench, self._need, self._parked = name, kind, bench, need, parked

    def load(self) -> None:
        if self._bench.device.free_mib < self._need:
            raise EngineOutOfMemory(f"'{self.name}' finds no room")
        self._hold(self._need)

    restore = load

    def park(self) -> None:
        self._hold(self._parked)

    def unload(self) -> None:
        self._hold(0)

    def probe(self) -> None:
        pass

    def need_mib(self) -> int:
        return self._need

    def _hold(self, mib: int) -> None:
        self._bench.device.hold(mib, self.name)


class Studio:
    """An arbiter over vLLM, pictures and a voice; `highest` is the most that the device ever held after a swap."""

    def __init__(self, bench: VllmBench) -> None:
        self.bench, self.highest, self.notices = bench, 0, list[str]()
        self.llm = bench.engine()
        self.voice = Holder("voice", "voice", bench, 3_500)
        engines = {NAME: self.llm, "sdxl": Holder("sdxl", "image", bench, 9_000, 500), "voice": self.voice}
        kinds: dict[str, EngineKind] = {NAME: "llm", "sdxl": "image", "voice": "voice"}
        needs = {NAME: NEED_MIB, "sdxl": 9_000, "voice": 3_500}
        parked = {NAME: 1_100, "sdxl": 500, "voice": 0}
        table = ModelTable(
            engines={
                name: EngineSpec(
                    kind=kinds[name], device="gpu", need_mib=needs[name], parked_mib=parked[name], shared=name != "sdxl"
                )
                for name in engines
            },
            together=(frozenset({"sdxl", "voice"}), frozenset({NAME, "voice"})),
            rules=Rules(dwell_seconds=0, drain_seconds=1, free_seconds=1, watch_seconds=0.05),
        )

        def make(name: str) -> Engine:
            return engines[name]

        self.arbiter = Arbiter(
            table,
            make,
            cpu_budget_mib=4_000,
            gpu_budget_mib=CAP_MIB,
            look=bench.look,
            on_swap=lambda _: self.sample(),
            on_notice=self.notices.append,
        )

    def sample(self) -> None:
        self.highest = max(self.highest, self.bench.device.used_mib)

    @property
    def fake(self) -> FakeVllm:
        return self.bench.fake(self.llm)

    def state(self, name: str) -> str:
        return str(next(row["state"] for row in self.arbiter.status() if row["name"] == name))

    def answer(self, client: httpx.Client) -> str:
        with self.arbiter.lease([NAME], "test") as lease:
            engine = lease.engines[NAME]
            assert isinstance(engine, VllmEngine)
            said = client.post(
                f"{engine.base_url}/v1/chat/completions", json=QUESTION, headers=engine.headers, timeout=10
            )
            return str(said.raise_for_status().json()["choices"][0]["message"]["content"])

    def picture(self) -> None:
        with self.arbiter.lease(["sdxl"], "test"):
            self.sample()


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with vllm_bench(tmp_path_factory.mktemp("swaps")) as bench:
        made = Studio(bench)
        try:
            yield made
        finally:
            made.arbiter.close()


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False) as made:
        yield made


def test_two_hundred_swaps_leave_everything_as_it_was(studio: Studio, client: httpx.Client) -> None:
    answers = set()
    for _ in range(10):  # caches, pools and first sleeps
        answers.add(studio.answer(client))
        studio.picture()
    ours, theirs = psutil.Process(), psutil.Process(studio.fake.seen()["pid"])
    started = theirs.create_time()

    def figures() -> tuple[int, int, int, int]:
        gc.collect()
        return ours.num_threads(), ours.num_fds(), theirs.num_threads(), theirs.num_fds()

    before, memory = figures(), (ours.memory_info().rss, theirs.memory_info().rss)
    swaps = 0
    while swaps < 200:
        swaps += 2
        answers.add(studio.answer(client))
        studio.picture()
    after, memory_after = figures(), (ours.memory_info().rss, theirs.memory_info().rss)
    assert len(answers) == 1
    assert all(now <= then + 2 for then, now in zip(before, after, strict=True)), (before, after)
    assert all(now - then < 20 * 2**20 for then, now in zip(memory, memory_after, strict=True)), (memory, memory_after)
    assert studio.highest <= CAP_MIB and studio.notices == []
    seen = studio.fake.seen()
    assert seen["sleeps"] >= 100 and seen["open"] == 0 and theirs.create_time() == started


def test_asking_while_it_is_put_away_serves_everybody(studio: Studio, client: httpx.Client) -> None:
    """A request that comes while its engine is parked for others is neither lost nor held by a sleeping server."""
    failed: list[BaseException] = []
    answers: list[str] = []

    def user(number: int) -> None:
        try:
            for turn in range(4):
                if (number + turn) % 2:
                    studio.picture()
                else:
                    with httpx.Client(trust_env=False) as own:
                        answers.append(studio.answer(own))
        except BaseException as error:
            failed.append(error)

    users = [threading.Thread(target=user, args=(number,)) for number in range(6)]
    for each in users:
        each.start()
    for each in users:
        each.join(60)
    assert failed == [] and len(answers) == 12 and len(set(answers)) == 1
    assert studio.highest <= CAP_MIB and studio.fake.seen()["open"] == 0


def test_a_voice_that_grew_makes_room_for_the_waking_model(studio: Studio, client: httpx.Client) -> None:
    studio.answer(client)
    with studio.arbiter.lease(["voice"], "test"):
        pass
    studio.picture()
    studio.bench.device.hold(4_800, "voice")  # beyond what it was known to need; sdxl leaves 500, vLLM 1,100
    studio.fake.trap(wake_oom=1, wake_oom_at="kv_cache")
    answer = studio.answer(client)
    assert answer and studio.state(NAME) == EngineState.ACTIVE
    assert studio.state("voice") in (EngineState.PARKED, EngineState.COLD) and studio.notices


def test_one_that_wedges_on_waking_is_started_afresh(studio: Studio, client: httpx.Client) -> None:
    answer, pid = studio.answer(client), studio.fake.seen()["pid"]
    studio.picture()
    studio.fake.trap(wedged_after_wake=True)
    assert studio.answer(client) == answer
    assert studio.fake.seen()["pid"] != pid and not birth(pid)


def test_one_that_cannot_sleep_is_ended_so_that_others_get_the_device(studio: Studio, client: httpx.Client) -> None:
    answer, pid = studio.answer(client), studio.fake.seen()["pid"]
    studio.fake.trap(sleep_fails=1)
    studio.picture()
    assert not birth(pid) and studio.state(NAME) == EngineState.COLD
    assert studio.answer(client) == answer


def test_one_that_is_killed_is_noticed_and_comes_back(studio: Studio, client: httpx.Client) -> None:
    answer = studio.answer(client)
    studio.fake.kill()
    until = time.monotonic() + 10
    while studio.state(NAME) == EngineState.ACTIVE and time.monotonic() < until:
        time.sleep(0.02)
    assert studio.answer(client) == answer


def test_closing_the_studio_ends_the_server_unless_it_is_kept(tmp_path: Path) -> None:
    with vllm_bench(tmp_path) as bench:
        fake_model(tmp_path / "shelf", "Qwen3-8B-AWQ")
        studio = Studio(bench)
        studio.arbiter.start(NAME)
        pid = studio.fake.seen()["pid"]
        studio.arbiter.close()
        assert not birth(pid) and bench.record() is None
        again = Studio(bench)
        again.arbiter.start(NAME, keep=True)
        pid = again.fake.seen()["pid"]
        again.arbiter.close()
        record = bench.record()
        assert birth(pid) and record is not None and record.kept
        heir = bench.engine()
        bench.disown()
        assert heir.adopt() is EngineState.ACTIVE
        heir.unload()
        assert not birth(pid)
