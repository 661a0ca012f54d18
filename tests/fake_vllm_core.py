"""The fake vLLM's EngineCore: what is awake, what runs, what memory it holds."""

from __future__ import annotations

import argparse
import asyncio
import os
from typing import Any

from fake_device import FakeDevice
from fake_vllm import Traps


class EngineDead(Exception):
    pass


class Core:
    """What vLLM's EngineCore and executor keep: paused or not, which memory is asleep, which requests run."""

    def __init__(self, args: argparse.Namespace, traps: Traps, core_pid: int, device: FakeDevice | None) -> None:
        self.args, self.traps, self.pid, self.device = args, traps, core_pid, device
        self.paused = False
        self.asleep: set[str] = set()
        self.slept_before = False
        self.gibberish = False
        self.awake = asyncio.Event()
        self.awake.set()
        self.running: dict[int, asyncio.Event] = {}
        self.counts = dict.fromkeys(("started", "finished", "aborted", "cut", "sleeps", "wakes", "failed_wakes"), 0)
        self.open = 0
        self.tokens_made = 0
        self.bodies: list[dict[str, Any]] = []
        self.weights_mib = int(os.environ.get("FAKE_VLLM_WEIGHTS_MIB", "5800"))
        self.kv_mib = (args.kv_cache_memory_bytes or 2**31) // 2**20
        self.context_mib = int(os.environ.get("FAKE_VLLM_CONTEXT_MIB", "1100"))
        self.half = {"weights": 0, "kv_cache": 0}
        """MiB that a wake had mapped when it found no more."""
        self.hold()

    @property
    def dead(self) -> bool:
        try:
            done, _ = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:
            return True
        return done != 0

    @property
    def is_sleeping(self) -> bool:
        return self.paused or bool(self.asleep)

    def hold(self) -> None:
        parts = {"weights": self.weights_mib, "kv_cache": self.kv_mib}
        mib = self.context_mib + sum(self.half[tag] if tag in self.asleep else size for tag, size in parts.items())
        if self.device is not None:
            self.device.hold(mib, str(self.pid))

    async def sleep(self, mode: str) -> None:
        self.paused = True
        self.awake.clear()
        if mode == "abort":
            for stop in self.running.values():
                stop.set()
                self.counts["cut"] += 1
        while mode != "keep" and self.running:
            await asyncio.sleep(0.005)
        if self.traps.sleep_hangs:
            await asyncio.sleep(3600)
        if "weights" in self.asleep:
            return  # "Executor is already sleeping."
        await asyncio.sleep(self.traps.sleep_s + (0 if self.slept_before else self.traps.first_sleep_s))
        if self.traps.sleep_fails:
            self.traps.sleep_fails -= 1
            raise RuntimeError("Call to sleep method failed: Memory usage increased after sleeping.")
        if self.traps.sleep_lies:
            self.paused = False
            self.awake.set()
            return
        self.slept_before = True
        self.asleep, self.half = {"weights", "kv_cache"}, {"weights": 0, "kv_cache": 0}
        self.counts["sleeps"] += 1
        self.hold()

    async def wake_up(self, tags: list[str] | None) -> bool:
        await asyncio.sleep(self.traps.wake_s)
        if self.traps.wake_lies:
            return True
        if self.asleep and not (tags and any(tag not in self.asleep for tag in tags)):
            for tag in tags or ["weights", "kv_cache"]:
                self._map(tag, whole=not tags)
        if not self.asleep and self.paused:
            self.paused = False
            self.counts["wakes"] += 1
            self.traps.wedged |= self.traps.wedged_after_wake
            self.gibberish |= self.traps.gibberish_after_wake
            self.awake.set()
        return not self.is_sleeping

    def _map(self, tag: str, whole: bool) -> None:
        """Raises with CUDA's text; then vLLM's executor still counts the tag as asleep though part of it is mapped."""
        size = self.weights_mib if tag == "weights" else self.kv_mib
        free = self.device.free_mib if self.device is not None else size
        short = free < size - self.half[tag]
        if short or (self.traps.wake_oom and self.traps.wake_oom_at == tag):
            self.traps.wake_oom -= self.traps.wake_oom > 0
            self.counts["failed_wakes"] += 1
            if short:  # what was mapped before it failed stays mapped
                self.half[tag] += max(free, 0)
                self.hold()
            if whole:
                self.asleep |= {"weights", "kv_cache"}
            raise RuntimeError(
                "Call to wake_up method failed: CUDA Error: out of memory at /workspace/csrc/cumem_allocator.cpp:139"
            )
        self.half[tag] = 0
        self.asleep.discard(tag)
        self.hold()
