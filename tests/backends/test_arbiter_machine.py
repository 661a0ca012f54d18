"""Random requests, releases, crashes, expiries, cancels and failures against the real arbiter; what always holds."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

from arbiter_engines import Bench, MortalEngine, full, until
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from backends.gpu.needs import LearnedNeeds
from configs.errors import EngineError

SIZES = {"sdxl": 60, "llm": 60, "small": 30, "voice": 30, "big": 95, "espeak": 5, "preview": 40}
GPU = ("sdxl", "llm", "small", "voice", "big")
SHARED = ("llm", "small", "espeak")
TOGETHER = (("sdxl", "voice"), ("llm", "voice"), ("small", "voice"))
RULES = {"starvation_seconds": 0.1, "dwell_seconds": 0.02, "drain_seconds": 0.05, "free_seconds": 0.06, "crashes": 3,
         "crash_window_seconds": 0.4, "watch_seconds": 0.01}  # fmt: skip
LEASE_S = 0.2
SOON_S = 15.0
"""Longer than the cap and all failing starts that may lie in the way; a lost waiter would wait a minute."""
WISHES = (
    ("sdxl",), ("llm",), ("small",), ("voice",), ("big",), ("espeak",), ("preview",),
    ("sdxl", "voice"), ("llm", "voice"), ("sdxl", "espeak"), ("preview", "espeak"), (),
)  # fmt: skip


class Holder:
    """One request from another event loop, and the lease it got."""

    def __init__(self, machine: ArbiterMachine, wish: tuple[str, ...], options: dict[str, Any]) -> None:
        self.lease: Any = None
        self.silent = False
        self._machine = machine
        self.future = asyncio.run_coroutine_threadsafe(self._ask(wish, options), machine.loop)

    async def _ask(self, wish: tuple[str, ...], options: dict[str, Any]) -> None:
        lease = await self._machine.bench.arbiter.alease(wish, "+".join(wish), **options)
        for name, engine in lease.engines.items():
            assert engine.name == lease.substitutes.get(name, name)
            self._machine.bench.memory.leases[engine.name].append(lease)
        self.lease = lease

    @property
    def is_good(self) -> bool:
        return self.lease is not None and not self.lease.void


class ArbiterMachine(RuleBasedStateMachine):
    @initialize(has_gpu=st.booleans(), ends_abruptly=st.booleans())
    def open(self, has_gpu: bool, ends_abruptly: bool) -> None:
        self.ends_abruptly = ends_abruptly
        self.loop = asyncio.new_event_loop()
        self.loop_thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.loop_thread.start()
        self.bench = Bench(
            SIZES, gpu=GPU, shared=SHARED, together=TOGETHER, parked={"llm": 4, "sdxl": 2}, smaller={"llm": "small"},
            kinds=dict.fromkeys(SIZES, MortalEngine), rules=RULES, lease_seconds=LEASE_S, needs=LearnedNeeds(),
            budget=100, card=100 if has_gpu else None,
        )  # fmt: skip
        for engine in self.bench.engines.values():
            engine.seconds = {"load": 0.004, "restore": 0.002, "park": 0.002, "unload": 0.001}
        self.holders: list[Holder] = []
        self.commands: list[threading.Thread] = []
        self.over = threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self) -> None:
        while not self.over.wait(LEASE_S / 6):
            for holder in list(self.holders):
                if holder.is_good and not holder.silent:
                    try:
                        holder.lease.heartbeat()
                    except EngineError:
                        continue  # it ended in that moment

    def _pick(self, good: bool, number: int) -> Holder | None:
        found = [h for h in self.holders if (h.is_good if good else not h.future.done())]
        return found[number % len(found)] if found else None

    # -- what may happen -----------------------------------------------------------------------------------------

    @rule(wish=st.sampled_from(WISHES), revocable=st.booleans(), shape=st.sampled_from(("", "large")),
          wait_s=st.sampled_from((0.05, 60.0, 60.0)))  # fmt: skip
    def request(self, wish: tuple[str, ...], revocable: bool, shape: str, wait_s: float) -> None:
        self.holders.append(Holder(self, wish, {"revocable": revocable, "shape": shape, "wait_s": wait_s}))

    @rule(wishes=st.lists(st.sampled_from(WISHES), min_size=3, max_size=8))
    def rush(self, wishes: list[tuple[str, ...]]) -> None:
        """Many at once, who do a little work each."""

        async def work(wish: tuple[str, ...]) -> None:
            with await self.bench.arbiter.alease(wish, "rush", wait_s=60.0) as lease:
                for engine in lease.engines.values():
                    self.bench.memory.leases[engine.name].append(lease)
                await asyncio.sleep(0.002)

        for wish in wishes:
            holder = Holder.__new__(Holder)
            holder.lease, holder.silent = None, False
            holder.future = asyncio.run_coroutine_threadsafe(work(wish), self.loop)
            self.holders.append(holder)

    @rule(number=st.integers(0, 9))
    def release(self, number: int) -> None:
        if holder := self._pick(True, number):
            holder.lease.release()

    @rule(number=st.integers(0, 9))
    def cancel(self, number: int) -> None:
        if holder := self._pick(False, number):
            holder.future.cancel()

    @rule(number=st.integers(0, 9))
    def fall_silent(self, number: int) -> None:
        if holder := self._pick(True, number):
            holder.silent = True

    @rule(name=st.sampled_from(sorted(SIZES)))
    def crash(self, name: str) -> None:
        self.bench.engines[name].dead = "killed by signal 9"

    @rule(number=st.integers(0, 9))
    def crash_in_use(self, number: int) -> None:
        if (holder := self._pick(True, number)) and holder.lease.engines:
            next(iter(holder.lease.engines.values())).dead = "killed by signal 9"

    @rule(name=st.sampled_from(sorted(SIZES)), wedged=st.booleans())
    def suspect(self, name: str, wedged: bool) -> None:
        if wedged:
            self.bench.engines[name].plan["probe"].append(EngineError("wedged"))
        self.bench.arbiter.suspect(name, "no answer")

    @rule(name=st.sampled_from(sorted(SIZES)), action=st.sampled_from(("load", "restore", "park", "probe", "unload")),
          out_of_memory=st.booleans(), times=st.sampled_from((1, 1, 5)))  # fmt: skip
    def will_fail(self, name: str, action: str, out_of_memory: bool, times: int) -> None:
        error = full(name) if out_of_memory and action in ("load", "restore") else EngineError(f"no {action}")
        self.bench.engines[name].plan[action] += [error] * times

    @rule(name=st.sampled_from(sorted(SIZES)), action=st.sampled_from(("load", "restore", "park", "unload", "probe")),
          seconds=st.sampled_from((0.03, 0.15, 0.3)), fails=st.booleans())  # fmt: skip
    def will_hang(self, name: str, action: str, seconds: float, fails: bool) -> None:
        """Longer than a lease lasts without a heartbeat, and than others wait before they starve."""

        def hang() -> None:
            time.sleep(seconds)
            if fails:
                raise EngineError(f"{action} took too long")

        self.bench.engines[name].plan[action].append(hang)

    @rule(name=st.sampled_from(sorted(SIZES)), command=st.sampled_from(("stop", "park", "start")))
    def command(self, name: str, command: str) -> None:
        call: Callable[..., object] = getattr(self.bench.arbiter, command)

        def run() -> None:
            try:
                call(name, wait_s=0.2)
            except EngineError:
                return  # in use, or planned to fail

        self.commands.append(threading.Thread(target=run, daemon=True))
        self.commands[-1].start()

    @rule(foreign=st.sampled_from((0, 0, 20, 50)))
    def others_use_the_card(self, foreign: int) -> None:
        self.bench.memory.foreign = foreign

    @rule(seconds=st.sampled_from((0.001, 0.01, 0.03, 0.1, 0.25)))
    def time_passes(self, seconds: float) -> None:
        time.sleep(seconds)

    # -- what always holds ---------------------------------------------------------------------------------------

    @invariant()
    def memory_and_exclusion(self) -> None:
        if not hasattr(self, "bench"):
            return
        assert self.bench.memory.wrong == []
        for name in set(SIZES) - set(SHARED):
            good = [v for v in list(self.bench.memory.leases[name]) if not v.void]
            assert len(good) <= 1, f"{[v.holder for v in good]} use {name} at once"

    def _closed_in_the_middle(self) -> None:
        """The studio ends whatever is under way: every waiter is told, every engine ended that can be."""
        self.bench.arbiter.close()
        limit = time.monotonic() + SOON_S
        while not all(h.future.done() for h in self.holders):
            assert time.monotonic() < limit, "a waiter was not told that the studio closes"
            time.sleep(0.005)
        for holder in self.holders:
            error = None if holder.future.cancelled() else holder.future.exception()
            assert error is None or isinstance(error, EngineError), repr(error)
        for thread in self.commands:
            thread.join(timeout=SOON_S)
            assert not thread.is_alive(), "a command was not told that the studio closes"
        assert not self.bench.memory.up, f"still up: {self.bench.memory.up}"

    def teardown(self) -> None:
        if not hasattr(self, "bench"):
            return
        arbiter = self.bench.arbiter
        try:
            if self.ends_abruptly:
                self._closed_in_the_middle()
                return
            self.bench.memory.foreign = 0
            limit = time.monotonic() + SOON_S
            while not all(h.future.done() for h in self.holders):
                for holder in self.holders:
                    if holder.is_good:
                        holder.lease.release()
                assert time.monotonic() < limit, f"lost: {arbiter.waiting()} {arbiter.status()}"
                time.sleep(0.005)
            for holder in self.holders:
                error = None if holder.future.cancelled() else holder.future.exception()
                assert error is None or isinstance(error, EngineError), repr(error)
                if error is not None and "There is no room" in str(error):
                    assert any("could not be ended" in n for n in self.bench.notices), error
                if holder.is_good:
                    holder.lease.release()
            for thread in self.commands:
                thread.join(timeout=SOON_S)
                assert not thread.is_alive()
            until(lambda: not any(row["leases"] for row in arbiter.status()))
            assert arbiter.waiting() == []
            for row in arbiter.status():
                if row["state"] in ("cold", "failed") and not self.bench.memory.held.get(row["name"]):
                    assert row["held_mib"] == 0, row
        finally:
            self.over.set()
            arbiter.close()
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.loop_thread.join(timeout=5)
            self.loop.close()
        assert self.bench.memory.wrong == []


TestArbiter = ArbiterMachine.TestCase
TestArbiter.settings = settings(
    max_examples=40, stateful_step_count=40, deadline=None, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)  # fmt: skip
