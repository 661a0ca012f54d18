"""Engines for tests of the arbiter: they run in its threads, count their memory, notice two calls at once."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from backends.gpu.arbiter import Arbiter
from backends.gpu.engine import Engine, EngineOutOfMemory, EngineState, StartProgress
from backends.gpu.monitor import Device, Snapshot
from configs.errors import EngineError
from configs.models import EngineSpec, ModelTable, Rules

FAST = {"starvation_seconds": 5.0, "dwell_seconds": 0.0, "drain_seconds": 0.3, "free_seconds": 0.15,
        "watch_seconds": 0.02}  # fmt: skip


class Memory:
    """What all engines of a test hold, checked at every step of every engine."""

    def __init__(
        self, budget: int, gpu: Iterable[str] = (), together: Iterable[frozenset[str]] = (), *, has_gpu: bool = False
    ) -> None:
        """`budget`: MiB for the engines in `gpu` and for the others, each; without a GPU for all of them together."""
        self.budget, self.gpu, self.together, self.has_gpu = budget, frozenset(gpu), tuple(together), has_gpu
        self.held: dict[str, int] = {}
        self.up: set[str] = set()
        self.foreign = 0
        self.highest = 0
        self.wrong: list[str] = []
        self.leases: dict[str, list[Any]] = defaultdict(list)
        """By the engine's own name; filled by tests that want them checked."""
        self._lock = threading.Lock()

    def set(self, name: str, mib: int, *, up: bool) -> None:
        with self._lock:
            self.held[name] = mib
            (self.up.add if up else self.up.discard)(name)
            on_gpu = sum(m for n, m in self.held.items() if n in self.gpu)
            rest = sum(self.held.values()) - on_gpu
            for total in (on_gpu, rest) if self.has_gpu else (on_gpu + rest,):
                self.highest = max(self.highest, total)
                if total > self.budget:
                    self.wrong.append(f"{total} MiB of {self.budget}: {self.held}")
            alone = self.up & self.gpu
            if len(alone) > 1 and not any(alone <= s for s in self.together):
                self.wrong.append(f"{sorted(alone)} are up together")

    def refuse_used(self, name: str, action: str) -> None:
        """Nothing but work happens to an engine while a good lease is on it (a canary of a shared one may)."""
        if action in ("park", "unload", "load", "restore"):
            self.wrong += [f"{action} of {name} while {v.holder} uses it" for v in self.leases[name] if not v.void]

    def look(self, total: int | None = None) -> Callable[[], Snapshot]:
        """A GPU that holds what the engines and other programs hold."""

        def seen() -> Snapshot:
            with self._lock:
                used = sum(m for n, m in self.held.items() if n in self.gpu) + self.foreign
            size = total or self.budget
            return Snapshot((Device(0, "Test GPU", size, used, size - used),), 64_000, 4_000, 60_000)

        return seen


def no_gpu() -> Snapshot:
    return Snapshot((), 64_000, 4_000, 60_000, "a test machine")


class FakeEngine:
    """`plan[action]` holds, call by call, an exception to raise or a function to run; empty = it works."""

    kind = "image"

    def __init__(self, name: str, need: int, memory: Memory, parked: int = 0) -> None:
        self.name, self.need, self.memory, self.parked = name, need, memory, parked
        self.plan: dict[str, deque[Any]] = defaultdict(deque)
        self.seconds: dict[str, float] = {}
        self.diary: list[str] = []
        self._inside = threading.Lock()

    def _do(self, action: str, holding: int | None, up: bool) -> None:
        if not self._inside.acquire(blocking=False):
            self.memory.wrong.append(f"{self.name}: {action} while another method runs")
            raise EngineError("two at once")
        try:
            self.diary.append(action)
            self.memory.refuse_used(self.name, action)
            if holding is not None and up:
                self.memory.set(self.name, holding, up=True)
            time.sleep(self.seconds.get(action, 0))
            planned = self.plan[action].popleft() if self.plan[action] else None
            if isinstance(planned, BaseException):
                raise planned
            if planned is not None:
                planned()
            if holding is not None and not up:
                self.memory.set(self.name, holding, up=False)
        finally:
            self._inside.release()

    def load(self) -> None:
        self._do("load", self.need, True)

    def park(self) -> None:
        self._do("park", self.parked, False)

    def restore(self) -> None:
        self._do("restore", self.need, True)

    def unload(self) -> None:
        try:
            self._do("unload", 0, False)
        except Exception:  # what cannot be ended works no more, it only holds memory
            self.memory.set(self.name, self.memory.held.get(self.name, 0), up=False)
            raise

    def probe(self) -> None:
        self._do("probe", None, False)

    def need_mib(self) -> int:
        return self.need


class MortalEngine(FakeEngine):
    """Watched: dies when `dead` is set."""

    dead = ""

    def ailment(self) -> str:
        return self.dead

    def unload(self) -> None:
        super().unload()
        self.dead = ""

    def probe(self) -> None:
        super().probe()
        if self.dead:
            raise EngineError("no answer", self.dead)


class MeasuredEngine(FakeEngine):
    peak: int | None = None

    def peak_mib(self) -> int | None:
        return self.peak


class ShrinkingEngine(FakeEngine):
    steps = 2
    whole = 0

    def shrink(self) -> str:
        if not self.steps:
            return ""
        self.steps, self.whole = self.steps - 1, self.whole or self.need
        self.need -= 20
        return f"20 MiB less, {self.steps} more steps"

    def grow_back(self) -> None:
        self.need, self.whole, self.steps = self.whole or self.need, 0, 2


class TellingEngine(FakeEngine):
    on_start: Callable[[StartProgress], None] | None = None

    def load(self) -> None:
        if self.on_start is not None:
            self.on_start(StartProgress(self.name, "download", 0.5, "half of it"))
        super().load()


class LastingEngine(MortalEngine):
    """Its 'process' is a line in `processes`, which outlives the engine object."""

    kept = False

    def __init__(self, name: str, need: int, memory: Memory, parked: int = 0) -> None:
        super().__init__(name, need, memory, parked)
        self.processes: dict[str, EngineState] = {}

    def keep(self, kept: bool) -> None:
        self.diary.append(f"keep {kept}")
        self.kept = kept

    def adopt(self) -> EngineState:
        self.diary.append("adopt")
        state = self.processes.get(self.name, EngineState.COLD)
        self.kept = state is not EngineState.COLD
        if state is EngineState.ACTIVE:
            self.memory.set(self.name, self.need, up=True)
        return state

    def leave(self) -> None:
        self.diary.append("leave")


class Bench:
    """One arbiter with fake engines."""

    def __init__(
        self, sizes: dict[str, int], /, *, gpu: Iterable[str] = (), shared: Iterable[str] = (), budget: int = 100,
        together: Iterable[Iterable[str]] = (), parked: dict[str, int] | None = None,
        smaller: dict[str, str] | None = None, kinds: dict[str, type[FakeEngine]] | None = None,
        rules: dict[str, float] | None = None, card: int | None = None, **options: Any,
    ) -> None:  # fmt: skip
        parked, gpu = parked or {}, tuple(gpu)
        sets = tuple(frozenset(s) for s in together)
        self.memory = Memory(budget, gpu, sets, has_gpu=card is not None)
        specs = {
            n: EngineSpec(kind="image", device="gpu" if n in gpu else "cpu", need_mib=m, shared=n in tuple(shared),
                          parked_mib=parked.get(n, 0), smaller=(smaller or {}).get(n, ""))
            for n, m in sizes.items()
        }  # fmt: skip
        self.table = ModelTable(engines=specs, together=sets, rules=Rules(**{**FAST, **(rules or {})}))
        self.engines: dict[str, Any] = {
            n: (kinds or {}).get(n, FakeEngine)(n, m, self.memory, parked.get(n, 0)) for n, m in sizes.items()
        }
        self.notices: list[str] = []
        look = self.memory.look(card) if card is not None else no_gpu
        budgets = {"cpu_budget_mib": budget, "gpu_budget_mib": budget}
        self.options = {**budgets, "look": look, "on_notice": self.notices.append, **options}
        self.arbiter = self.open()

    def open(self) -> Arbiter:
        return Arbiter(self.table, self.make, **self.options)

    def make(self, name: str) -> Engine:
        return self.engines[name]  # type: ignore[no-any-return]

    def state(self, name: str) -> str:
        return str(self.row(name)["state"])

    def row(self, name: str) -> dict[str, Any]:
        return next(r for r in self.arbiter.status() if r["name"] == name)

    def moves(self) -> list[tuple[str, str]]:
        return [(s.engine, s.action) for s in self.arbiter.history]

    def touch(self, *names: str, holder: str = "touch", **options: Any) -> None:
        self.arbiter.lease(names, holder, wait_s=10, **options).release()

    def in_thread(self, *names: str, holder: str = "", **options: Any) -> Asked:
        return Asked(self.arbiter, names, holder or "+".join(names), options)


@contextmanager
def benches(**defaults: Any) -> Iterator[Callable[..., Bench]]:
    """Makes benches with these options where none are given; at the end nothing may have gone wrong in an engine."""
    opened: list[Bench] = []

    def build(*args: Any, **options: Any) -> Bench:
        opened.append(Bench(*args, **{**defaults, **options}))
        return opened[-1]

    yield build
    for one in opened:
        one.arbiter.close()
        assert one.memory.wrong == []


class Asked:
    """A lease that is asked for in a thread of its own."""

    def __init__(self, arbiter: Arbiter, names: tuple[str, ...], holder: str, options: dict[str, Any]) -> None:
        self.lease: Any = None
        self.error: BaseException | None = None
        self.at = 0.0

        def ask() -> None:
            try:
                self.lease = arbiter.lease(names, holder, **{"wait_s": 10, **options})
            except BaseException as error:  # the test looks at it
                self.error = error
            self.at = time.monotonic()

        waiting = len(arbiter.waiting())
        self.thread = threading.Thread(target=ask, daemon=True)
        self.thread.start()
        until(lambda: len(arbiter.waiting()) > waiting or not self.thread.is_alive())

    def done(self, within: float = 10.0) -> Any:
        """The lease. Raises what `lease` raised."""
        self.thread.join(timeout=within)
        assert not self.thread.is_alive(), "still waiting"
        if self.error is not None:
            raise self.error
        return self.lease

    @property
    def waits(self) -> bool:
        return self.thread.is_alive()


def until(true: Callable[[], Any], within: float = 10.0) -> None:
    """Wait for something that another thread does."""
    limit = time.monotonic() + within
    while not true():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.002)


def full(name: str = "x") -> EngineOutOfMemory:
    return EngineOutOfMemory(f"{name} found no room", "out of memory")
