"""The arbiter with engines that keep a diary: leases, swaps, budgets, fairness, failures, cancel."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from backends.gpu.arbiter import Arbiter
from backends.gpu.engine import Engine
from configs.errors import Cancelled, EngineError, UsageError
from configs.models import EngineSpec, ModelTable, Rules


class DiaryEngine:
    """Counts what the arbiter does to it and notices two calls at once."""

    def __init__(self, name: str, need: int, broken: str = "") -> None:
        self.name, self.kind, self._need, self.broken = name, "image", need, broken
        self.diary: list[str] = []

    def _note(self, what: str) -> None:
        if self.broken == what:
            raise EngineError(f"{self.name} cannot {what}")
        self.diary.append(what)

    def load(self) -> None:
        self._note("load")

    def park(self) -> None:
        self._note("park")

    def restore(self) -> None:
        self._note("restore")

    def unload(self) -> None:
        self._note("unload")

    def probe(self) -> None:
        self._note("probe")

    def need_mib(self) -> int:
        return self._need


Make = Callable[..., tuple[Arbiter, dict[str, DiaryEngine]]]


@pytest.fixture
def make() -> Iterator[Make]:
    opened: list[Arbiter] = []

    def build(
        needs: dict[str, int], budget: int = 100, gpu: tuple[str, ...] = (), broken: str = "", **options: float
    ) -> tuple[Arbiter, dict[str, DiaryEngine]]:
        specs = {
            n: EngineSpec(kind="image", device="gpu" if n in gpu else "cpu", need_mib=m, shared=n.startswith("shared"))
            for n, m in needs.items()
        }
        engines = {n: DiaryEngine(n, m, broken) for n, m in needs.items()}
        table = ModelTable(engines=specs, rules=Rules(starvation_seconds=options.pop("starvation", 30.0)))

        def maker(name: str) -> Engine:
            return engines[name]  # type: ignore[return-value]

        arbiter = Arbiter(table, maker, cpu_budget_mib=budget, gpu_budget_mib=budget, **options)  # type: ignore[arg-type]
        opened.append(arbiter)
        return arbiter, engines

    yield build
    for arbiter in opened:
        arbiter.close()


def test_first_lease_loads_and_probes_the_second_does_neither(make: Make) -> None:
    arbiter, engines = make({"a": 10})
    with arbiter.lease(["a"], "one") as lease:
        assert [s.action for s in lease.swaps] == ["load"] and lease.engines["a"] is engines["a"]
    with arbiter.lease(["a"], "two") as lease:
        assert lease.swaps == ()
    assert engines["a"].diary == ["load", "probe"]


def test_what_does_not_fit_parks_the_least_recently_used(make: Make) -> None:
    arbiter, engines = make({"a": 40, "b": 40, "c": 60})
    for name in ("a", "b", "a"):
        arbiter.lease([name], name).release()
    with arbiter.lease(["c"], "c") as lease:
        assert [(s.engine, s.action) for s in lease.swaps] == [("b", "park"), ("c", "load")]
    assert engines["a"].diary == ["load", "probe"]
    with arbiter.lease(["b"], "b") as lease:
        assert ("b", "restore") in [(s.engine, s.action) for s in lease.swaps]


def test_an_engine_in_use_is_never_parked(make: Make) -> None:
    arbiter, engines = make({"a": 60, "b": 60})
    held = arbiter.lease(["a"], "one")
    with pytest.raises(EngineError, match="Waited"):
        arbiter.lease(["b"], "two", wait_s=0.3)
    assert engines["a"].diary == ["load", "probe"] and engines["b"].diary == []
    held.release()
    arbiter.lease(["b"], "two", wait_s=5).release()
    assert engines["a"].diary[-1] == "park"


def test_one_lease_at_a_time_unless_shared(make: Make) -> None:
    arbiter, _ = make({"a": 10, "shared": 10})
    first = arbiter.lease(["shared"], "one")
    arbiter.lease(["shared"], "two", wait_s=2).release()
    first.release()
    with arbiter.lease(["a"], "one"), pytest.raises(EngineError, match="Waited"):
        arbiter.lease(["a"], "two", wait_s=0.2)


def test_gpu_engines_outside_an_allowed_set_are_never_up_together(make: Make) -> None:
    arbiter, engines = make({"a": 10, "b": 10}, gpu=("a", "b"))
    arbiter.lease(["a"], "one").release()
    arbiter.lease(["b"], "two").release()
    assert engines["a"].diary == ["load", "probe", "park"]
    with pytest.raises(EngineError, match="together"):
        arbiter.lease(["a", "b"], "both")


def test_an_unknown_engine_and_one_that_never_fits_are_told_at_once(make: Make) -> None:
    arbiter, _ = make({"a": 10, "huge": 1000})
    with pytest.raises(UsageError, match="There is no engine 'aa'"):
        arbiter.lease(["aa"], "x")
    with pytest.raises(EngineError, match="needs 1000 MiB and the cpu budget is 100 MiB"):
        arbiter.lease(["huge"], "x")


def test_a_failed_load_is_told_and_can_be_tried_again(make: Make) -> None:
    arbiter, engines = make({"a": 10}, broken="load")
    with pytest.raises(EngineError, match="a cannot load"):
        arbiter.lease(["a"], "x")
    assert arbiter.status()[0]["state"] == "failed"
    engines["a"].broken = ""
    arbiter.lease(["a"], "x").release()
    assert arbiter.status()[0]["state"] == "active"


def test_giving_up_while_waiting_leaves_nothing_behind(make: Make) -> None:
    arbiter, _ = make({"a": 10})
    held = arbiter.lease(["a"], "one")

    def check() -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        arbiter.lease(["a"], "two", check=check)
    held.release()
    arbiter.lease(["a"], "three", wait_s=2).release()


def test_a_lease_without_heartbeat_expires_and_its_holder_is_told(make: Make) -> None:
    arbiter, _ = make({"a": 10}, lease_seconds=0.3)
    lost = arbiter.lease(["a"], "one")
    arbiter.lease(["a"], "two", wait_s=5).release()
    with pytest.raises(EngineError, match="taken back"):
        lost.heartbeat()


def test_requests_for_what_is_up_go_first_but_nobody_starves(make: Make) -> None:
    arbiter, _ = make({"a": 60, "b": 60}, starvation=0.4)
    order: list[str] = []
    held = arbiter.lease(["a"], "first")

    def want(name: str, label: str) -> None:
        with arbiter.lease([name], label):
            order.append(label)
            time.sleep(0.12)

    threads = [threading.Thread(target=want, args=a) for a in [("b", "b1"), *[("a", f"a{i}") for i in range(8)]]]
    for thread in threads:
        thread.start()
        time.sleep(0.02)
    held.release()
    for thread in threads:
        thread.join(timeout=20)
    assert sorted(order) == sorted(["b1", *[f"a{i}" for i in range(8)]])
    assert order[0].startswith("a"), "what is loaded goes first"
    assert 0 < order.index("b1") < 8, "the other one is served before all of them are through"


def test_many_callers_never_hold_the_same_engine_together(make: Make) -> None:
    arbiter, _ = make({"a": 40, "b": 40, "c": 40})
    inside: dict[str, int] = {"a": 0, "b": 0, "c": 0}
    wrong: list[str] = []

    def work(number: int) -> None:
        for turn in range(5):
            name = "abc"[(number + turn) % 3]
            with arbiter.lease([name], f"w{number}", wait_s=30):
                inside[name] += 1
                if inside[name] != 1 or sum(n > 0 for n in inside.values()) > 2:
                    wrong.append(name)
                time.sleep(0.002)
                inside[name] -= 1

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert wrong == [] and not any(t.is_alive() for t in threads)
