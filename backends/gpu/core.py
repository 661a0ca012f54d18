"""The arbiter's loop side: requests come in, leases go out, changes of engines are begun. Nothing in here blocks."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Coroutine, Iterable
from typing import Any

from backends.gpu.board import Board
from backends.gpu.engine import EngineOutOfMemory, EngineState, Watched
from backends.gpu.ladder import Ladder
from backends.gpu.lease import Lease
from backends.gpu.leases import LeaseBook
from backends.gpu.metrics import arbiter_metrics
from backends.gpu.operations import Operations, told
from backends.gpu.ordering import Queue
from backends.gpu.planning import make_plan
from backends.gpu.slots import Plan, Slot, Waiter, Work
from backends.gpu.switch import Switch, Unwanted
from configs.errors import EngineError, StudioError

LOG = logging.getLogger("studio.arbiter")

NEVER = float("inf")
EXACT_SHARE = 2.0
"""A device-wide figure above this multiple of the engine's own is somebody else's growth, not its need."""


class Core:
    """All decisions of one arbiter; every method runs on its loop."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, board: Board, operations: Operations, ladder: Ladder,
        leases: LeaseBook, switch: Switch,
    ) -> None:  # fmt: skip
        self._loop, self.board, self.do, self.ladder = loop, board, operations, ladder
        self.leases, self.switch, self.queue = leases, switch, Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._alarm: asyncio.TimerHandle | None = None
        self._closed: frozenset[str] = frozenset()
        """Engines that only the starving waiter may have."""
        self._served: set[frozenset[str]] = set()
        """Needs for which a change is under way."""
        self._reserved_lanes: Counter[str] = Counter()
        """Lanes that the user's own commands wait for."""
        self._changed = asyncio.Event()
        self._pumping = self._again = False

    # -- requests ------------------------------------------------------------------------------------------------

    def ask(self, waiter: Waiter) -> None:
        """Serve it now, or let it wait."""
        if self.board.closing:
            self._answer(waiter, EngineError("The studio is closing"))
            return
        try:
            self.board.refuse_impossible(waiter.needs, waiter.shape)
        except StudioError as error:
            self._answer(waiter, error)
            return
        if not self.queue.has(waiter.key) and self.board.is_grantable(waiter, self._closed) and self._grant(waiter):
            return
        self.queue.add(waiter)
        waiter.timer = self._loop.call_later(waiter.wait_s, self._wait_is_over, waiter)
        self._listen(waiter)
        self.pump()

    def abandon(self, waiter: Waiter) -> None:
        """Its caller went away: out of the queue, or its lease is given back when it was granted in that moment."""
        if waiter.lease is not None:
            self.end(waiter.lease)
        elif not waiter.done:
            waiter.done = True
            self._remove(waiter, "cancelled")
            self.pump()

    def end(self, lease: Lease) -> None:
        """A lease was given back."""
        self._freed(self.leases.end(lease), lease)

    def void(self, lease: Lease, reason: str) -> None:
        """A lease is taken back."""
        self._freed(self.leases.void(lease, reason), lease)

    def fail(self, names: frozenset[str], error: StudioError) -> None:
        """Everybody who waits for one of `names` is told, instead of trying the same again one after the other."""
        names |= {n for n in self.board.slots if self.board.real(n) in names}
        for waiter in self.queue.asking_for(names):
            if not self.board.are_up(waiter):
                self._remove(waiter, "failed")
                self._answer(waiter, error)

    def answer_all(self, error: StudioError) -> None:
        """Nobody waits any more."""
        for waiter in list(self.queue):
            self._remove(waiter, "failed")
            self._answer(waiter, error)

    def _wait_is_over(self, waiter: Waiter) -> None:
        if waiter.done or not self.queue.remove(waiter):
            return
        self._leave(waiter, "failed")
        self._answer(waiter, EngineError(
            f"Waited {waiter.wait_s:.0f} s for {', '.join(sorted(waiter.needs))}",
            self._obstacle(waiter), "Try again later, or cancel the other work",
        ))  # fmt: skip
        self.pump()

    def _obstacle(self, waiter: Waiter) -> str:
        for name in sorted(waiter.needs):
            slot = self.board.slots[self.board.real(name)]
            if slot.state in (EngineState.STARTING, EngineState.RESTORING):
                phase = f" ({slot.progress.phase})" if slot.progress else ""
                return f"{slot.name} is still {slot.state.value}{phase}"
        holders = sorted({lease.holder for lease in self.leases.all() if lease.engines})[:3]
        return f"other work holds the engines ({', '.join(holders)})" if holders else "other engines are being changed"

    def _remove(self, waiter: Waiter, result: str) -> None:
        if self.queue.remove(waiter):
            self._leave(waiter, result)

    def _leave(self, waiter: Waiter, result: str) -> None:
        """It is out of the queue for good."""
        waiter.done = True
        if waiter.timer is not None:
            waiter.timer.cancel()
            waiter.timer = None
        arbiter_metrics().waited(result).observe(time.monotonic() - waiter.since)
        for slot in self._heard_by(waiter):
            slot.listeners = tuple(f for f in slot.listeners if f is not waiter.on_start)
        if result != "granted":
            for name in waiter.needs:
                if (work := self.board.slots[name].work) is not None:
                    work.stir.set()

    def _answer(self, waiter: Waiter, error: StudioError) -> None:
        waiter.done = True
        waiter.deliver(error)

    def _listen(self, waiter: Waiter) -> None:
        for slot in self._heard_by(waiter):
            assert waiter.on_start is not None
            slot.listeners = (*slot.listeners, waiter.on_start)

    def _heard_by(self, waiter: Waiter) -> list[Slot]:
        """Engines whose start concerns it: what it asked for, and what may stand in."""
        found: dict[str, Slot] = {}
        for asked in waiter.needs if waiter.on_start is not None else ():
            name = asked
            while name and name not in found:
                found[name] = self.board.slots[name]
                name = found[name].spec.smaller
        return list(found.values())

    # -- grants --------------------------------------------------------------------------------------------------

    def _grant(self, waiter: Waiter) -> bool:
        """False when an engine turned out to be dead."""
        for name in waiter.needs:
            slot = self.board.slots[self.board.real(name)]
            if slot.is_watched and (what := ailment(slot)):
                self.crashed(slot, what)
                return False
        waiter.lease = lease = self.leases.grant(waiter)
        self.queue.remove(waiter)
        self._leave(waiter, "granted")
        if not waiter.deliver(lease):
            self.leases.end(lease)
            self._again = True
        return True

    def _freed(self, slots: list[Slot] | None, lease: Lease) -> None:
        if slots is None:
            return
        for slot in slots:
            if slot.leases or slot.work is not None or slot.state is not EngineState.ACTIVE:
                continue
            if slot.suspected:
                self._canary(slot)
            elif slot.is_measured and not slot.spec.shared:
                self.spawn(self._measure(slot, lease.shape))
            elif slot.seen_mib:
                self.learn_seen(slot, lease.shape)
        self.pump()

    def learn_seen(self, slot: Slot, shape: str) -> None:
        """The device-wide figure of a lease, for engines that cannot measure themselves."""
        if slot.seen_mib <= EXACT_SHARE * slot.guess_mib:
            self.do.learn(slot, shape, slot.seen_mib)
        slot.seen_mib = 0

    async def _measure(self, slot: Slot, shape: str) -> None:
        work = Work("measure")
        work.claim(slot)
        try:
            await self.do.measure(slot, shape)
        finally:
            self.finish(work)
            self.pump()

    # -- whose turn it is ----------------------------------------------------------------------------------------

    def pump(self) -> None:
        """Grant what can be granted, begin the changes whose turn has come, and see when to look again."""
        if self.board.closing:
            return
        self._again = True
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._again:
                self._again = False
                self._set_alarm(self._turns())
        finally:
            self._pumping = False

    def _turns(self) -> float:
        """Goes through the groups, oldest first. When to look again without an event (monotonic)."""
        rules, now, wake = self.board.table.rules, time.monotonic(), NEVER
        self._closed = frozenset()
        kept_lanes: frozenset[str] = frozenset()
        asked: frozenset[str] | None = None
        for first in self.queue.heads():
            head = self._grant_group(self.queue.head(first.key))
            if head is None or head.needs in self._served:
                continue
            cap = head.since + rules.starvation_seconds
            wake = min(wake, cap if cap > now else NEVER)
            starving = cap <= now and not kept_lanes
            if starving:
                kept_lanes = self._lanes(head)
                self._closed = self._in_the_way(head)
                self._press(self._closed)
            if self.board.are_up(head):
                continue
            if asked is None:
                asked = self.queue.served_by_what_is_up(self.board)
            wake = min(wake, self._consider(head, asked, starving, frozenset() if starving else kept_lanes))
        return wake

    def _grant_group(self, head: Waiter | None) -> Waiter | None:
        """Serve the group as far as it goes; who waits at its head then."""
        while head is not None and self.board.is_grantable(head, self._closed):
            key = head.key
            if not self._grant(head):
                return head
            head = self.queue.head(key)
        return head

    def _lanes(self, waiter: Waiter) -> frozenset[str]:
        return frozenset(self.board.slots[self.board.real(n)].spec.device for n in waiter.needs)

    def _in_the_way(self, waiter: Waiter) -> frozenset[str]:
        """What newcomers may not have until this one is served: its exclusive engines, and those that must go."""
        wants = self.board.wants(waiter)
        own = {n for n in wants if not self.board.slots[n].spec.shared}
        if self.board.are_up(waiter):
            return frozenset(own)
        plan = make_plan(self.board, wants)
        if plan is not None:
            return frozenset(own | set(plan.victims))
        lanes = self._lanes(waiter)
        others = self.board.active - set(wants)
        return frozenset(own | {n for n in others if self.board.slots[n].spec.device in lanes})

    def _press(self, names: Iterable[str]) -> None:
        for name in names:
            for lease in self.board.slots[name].leases.values():
                lease.wanted = True

    def _consider(self, head: Waiter, asked: frozenset[str], starving: bool, kept_lanes: frozenset[str]) -> float:
        """Begin the change that `head` waits for when it is its turn; else when to look again."""
        board = self.board
        try:
            board.refuse_impossible(head.needs, head.shape)  # learned needs and breakers may have changed
        except StudioError as error:
            self._remove(head, "failed")
            self._answer(head, error)
            return 0.0
        wants = board.wants(head)
        slots = [board.slots[n] for n in wants]
        if any(s.leases and not s.spec.shared and s.state is EngineState.ACTIVE for s in slots):
            return NEVER
        lanes = frozenset(s.spec.device for s in slots if not s.is_open or s.charge_mib < wants[s.name])
        if not self._are_free(lanes, kept_lanes):
            return NEVER
        plan = make_plan(board, wants, asked)
        if plan is None:
            return self._no_plan(head)
        lanes |= {board.slots[n].spec.device for n in plan.victims}
        if not self._are_free(lanes, kept_lanes):
            return NEVER
        if not starving and (until := self._must_stay(plan, asked)) > time.monotonic():
            return until
        self._begin(head, plan, lanes)
        return NEVER

    def _are_free(self, lanes: frozenset[str], kept_lanes: frozenset[str]) -> bool:
        return not any(lane in kept_lanes or lane in self.board.lanes or self._reserved_lanes[lane] for lane in lanes)

    def _no_plan(self, head: Waiter) -> float:
        """Something in between must end first; with nothing under way there is nothing to wait for."""
        if any(s.work is not None for s in self.board.slots.values()):
            return NEVER
        self._remove(head, "failed")
        self._answer(head, EngineError(
            f"There is no room for {', '.join(sorted(head.needs))}", "what is loaded cannot be moved",
            "Stop other engines with 'studio models stop'",
        ))  # fmt: skip
        return 0.0

    def _must_stay(self, plan: Plan, asked: frozenset[str]) -> float:
        """Until when the victims stay: who is asked for goes first, one in use stays its minimum, an idle one goes."""
        until = 0.0
        for name in plan.victims:
            slot = self.board.slots[name]
            if name in asked:
                return NEVER
            if slot.leases:
                until = max(until, slot.up_since + self.board.table.rules.dwell_seconds)
        return until

    def _begin(self, head: Waiter, plan: Plan, lanes: frozenset[str]) -> None:
        work = Work(head.holder, needs=head.needs, lanes=lanes)
        for name in plan.victims:
            work.claim(self.board.slots[name])
        for name in plan.bring_up:
            work.claim(self.board.slots[name], plan.wants[name])
        for lane in lanes:
            self.board.lanes[lane] = work
        self._served.add(work.needs)
        self.spawn(self._change(work, plan))

    async def _change(self, work: Work, plan: Plan) -> None:
        failure: StudioError | None = None
        try:
            await self.switch.carry_out(work, plan, lambda: self.queue.wants(work.needs))
        except Unwanted:
            LOG.debug("nobody waits for %s any more", sorted(work.needs))
        except Exception as error:
            failure = told(error, "+".join(sorted(work.failing)))
        self.finish(work)
        if failure is not None:
            self._count_failure(work, failure)
            self.fail(work.failing, failure)
        else:
            for name in work.needs:
                self.board.breakers[self.board.real(name)].works()
            self._serve_first(work)
        self.pump()

    def _count_failure(self, work: Work, failure: StudioError) -> None:
        """A full device or a lock held by another studio is not the engine's fault."""
        if isinstance(failure, EngineOutOfMemory):
            return
        for name in work.failing:
            if self.board.slots[name].state is EngineState.FAILED:
                self.board.breakers[name].add(failure.sentence)

    def _serve_first(self, work: Work) -> None:
        """Those who waited for this change are served before anybody may undo it."""
        credit = True
        for waiter in self.queue.heads():
            if waiter.needs != work.needs:
                continue
            if credit:
                waiter.swaps += work.swaps
                credit = False
            head: Waiter | None = waiter
            while head is not None:
                head.notices += [n for n in work.notices if n not in head.notices]
                if not (self.board.is_grantable(head) and self._grant(head)):
                    break
                head = self.queue.head(waiter.key)

    def finish(self, work: Work) -> None:
        """Its slots and lanes are free again."""
        work.let_go()
        for lane in work.lanes:
            if self.board.lanes.get(lane) is work:
                del self.board.lanes[lane]
        self._served.discard(work.needs)
        self._changed.set()

    async def turn(self, work: Work, slot: Slot, until: float | None) -> None:
        """Wait until the slot and the lanes of `work` are free, and take them. Raises EngineError when time is over."""
        self._reserved_lanes.update(work.lanes)
        try:
            while slot.work is not None or any(lane in self.board.lanes for lane in work.lanes):
                self._changed.clear()
                left = None if until is None else max(until - time.monotonic(), 0.0)
                try:
                    await asyncio.wait_for(self._changed.wait(), left)
                except TimeoutError:
                    raise EngineError(
                        f"'{slot.name}' is still busy", f"its state is {slot.state.value}", "Try again later"
                    ) from None
        finally:
            self._reserved_lanes.subtract(work.lanes)
        if self.board.closing:
            raise EngineError("The studio is closing")
        work.claim(slot)
        for lane in work.lanes:
            self.board.lanes[lane] = work

    # -- trouble -------------------------------------------------------------------------------------------------

    def crashed(self, slot: Slot, reason: str) -> None:
        """The engine is no longer fit for work: its leases are over, it is cleaned up, the next request starts it."""
        LOG.error("%s crashed: %s", slot.name, reason)
        arbiter_metrics().crashes.labels(slot.name).inc()
        opened = self.board.breakers[slot.name].add(reason)
        for lease in list(slot.leases.values()):
            self.leases.void(lease, f"{slot.name} crashed: {reason}")
        if slot.work is None:  # else the change that holds it finds out by itself
            work = Work("crashed")
            work.claim(slot)
            slot.suspected, slot.error = "", reason
            self.board.set_state(slot, EngineState.FAILED)
            self.spawn(self._clean(slot, work, reason))
        if opened:
            self.fail(frozenset({slot.name}), self.board.breakers[slot.name].error(slot.name))

    async def _clean(self, slot: Slot, work: Work, reason: str) -> None:
        try:
            await self.do.unload(slot, work)
            self.board.set_state(slot, EngineState.FAILED)
            slot.error = reason
        except StudioError:
            slot.error = f"{reason}; {slot.error}"
        finally:
            self.finish(work)
            self.pump()

    def suspect(self, slot: Slot, reason: str) -> None:
        """Somebody saw it hang: the canary decides, as soon as nobody is alone with it."""
        if slot.state is not EngineState.ACTIVE or slot.suspected:
            return
        slot.suspected = reason
        if slot.work is None and (slot.spec.shared or not slot.leases):
            self._canary(slot)

    def _canary(self, slot: Slot) -> None:
        work = Work("canary")
        work.claim(slot)
        self.spawn(self._probe(slot, work))

    async def _probe(self, slot: Slot, work: Work) -> None:
        reason, slot.suspected = slot.suspected, ""
        try:
            await self.do.probe(slot)
            LOG.info("%s was suspected (%s) and is well", slot.name, reason)
            failure = ""
        except Exception as error:
            failure = f"{reason}; the canary failed: {told(error, slot.name).sentence}"
        self.finish(work)
        if failure:
            self.crashed(slot, failure)
        self.pump()

    # -- plumbing ------------------------------------------------------------------------------------------------

    def spawn(self, job: Coroutine[Any, Any, None]) -> None:
        """Run a change beside the loop's other events."""
        task = self._loop.create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        return set(self._tasks)

    def _set_alarm(self, when: float) -> None:
        """Look again at `when`; an earlier alarm stays, it costs less than setting it anew."""
        if when >= NEVER or (self._alarm is not None and self._alarm.when() <= when):
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._loop.call_at(when, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self.pump()


def ailment(slot: Slot) -> str:
    """What ails the engine, '' while it is well or cannot tell."""
    if not isinstance(slot.engine, Watched):
        return ""
    try:
        return slot.engine.ailment()
    except Exception as error:  # an engine that cannot even answer this is not well
        return f"{type(error).__name__}: {error}"[:200]
