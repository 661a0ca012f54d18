"""Whose turn it is: requests for what is up go first, an engine in use stays its minimum time, nobody starves."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from backends.gpu.arbitration.board import Board
from backends.gpu.arbitration.operations import told
from backends.gpu.arbitration.ordering import Key
from backends.gpu.arbitration.planning import make_plan
from backends.gpu.arbitration.slots import Plan, Waiter, Work
from backends.gpu.arbitration.switch import Switch, Unwanted
from backends.gpu.arbitration.trouble import Trouble
from backends.gpu.arbitration.waiting import WaitingRoom
from backends.gpu.arbitration.works import Works
from backends.gpu.engine import EngineState
from configs.errors import EngineError, StudioError

LOG = logging.getLogger("studio.arbiter")
NEVER = float("inf")
REMEMBERED = 500
"""Groups of whom it is kept that their turn has not come."""
_Seen = tuple[int, int, frozenset[str], frozenset[str], bool, frozenset[str]]


class Turns:
    """Goes through those who wait, grants what can be granted and begins the changes whose turn has come."""

    def __init__(
        self, board: Board, waiting: WaitingRoom, works: Works, switch: Switch, trouble: Trouble,
        grant: Callable[[Waiter], bool], pump: Callable[[], None],
    ) -> None:  # fmt: skip
        """`grant` returns False when an engine turned out to be dead."""
        self._board, self._waiting, self._works, self._switch = board, waiting, works, switch
        self._trouble, self._grant, self._pump = trouble, grant, pump
        self._queue = waiting.queue
        self._later: dict[Key, tuple[_Seen, float]] = {}
        """Groups whose turn has not come, as things were; while they are so it is not worked out again."""
        self.closed: frozenset[str] = frozenset()
        """Engines that only the starving waiter may have."""

    def go(self) -> float:
        """One round, oldest first. When to look again without an event (monotonic seconds)."""
        cap, now, wake = self._board.table.rules.starvation_seconds, time.monotonic(), NEVER
        self.closed = kept_lanes = frozenset[str]()
        asked: frozenset[str] | None = None
        for first in self._queue.heads():
            head = self._grant_group(self._queue.head(first.key))
            if head is None or self._works.serves(head.needs):
                continue
            wake = min(wake, head.since + cap if head.since + cap > now else NEVER)
            starving = head.since + cap <= now and not kept_lanes
            if starving:
                kept_lanes = self._lanes(head)
                self.closed = self._in_the_way(head)
                self._press()
            if self._board.are_up(head):
                continue
            if asked is None:
                asked = self._queue.served_by_what_is_up(self._board)
            seen = (self._board.version, self._board.needs.version, self._board.in_use, asked, starving, kept_lanes)
            before, until = self._later.get(head.key, (None, 0.0))
            if before != seen or until <= now:
                until = self._consider(head, asked, starving, frozenset() if starving else kept_lanes)
                self._remember(head.key, seen, until)
            wake = min(wake, until)
        return wake

    def _remember(self, key: Key, seen: _Seen, until: float) -> None:
        if len(self._later) > REMEMBERED:
            self._later.clear()
        self._later[key] = seen, until

    def _grant_group(self, head: Waiter | None) -> Waiter | None:
        """Serve the group as far as it goes; who waits at its head then."""
        while head is not None and self._board.is_grantable(head, self.closed):
            key = head.key
            if not self._grant(head):
                return self._queue.head(key)  # it may have been sent away with its engine's death
            head = self._queue.head(key)
        return head

    # -- starving ------------------------------------------------------------------------------------------------

    def _lanes(self, waiter: Waiter) -> frozenset[str]:
        return frozenset(self._board.slots[self._board.real(n)].spec.device for n in waiter.needs)

    def _in_the_way(self, waiter: Waiter) -> frozenset[str]:
        """What newcomers may not have until this one is served: its exclusive engines, and those that must go."""
        wants = self._board.wants(waiter)
        own = {n for n in wants if not self._board.slots[n].spec.shared}
        if self._board.are_up(waiter):
            return frozenset(own)
        plan = make_plan(self._board, wants)
        if plan is not None:
            return frozenset(own | set(plan.victims))
        lanes, others = self._lanes(waiter), self._board.active - set(wants)
        return frozenset(own | {n for n in others if self._board.slots[n].spec.device in lanes})

    def _press(self) -> None:
        """Long work may give back what the starving one waits for."""
        for name in self.closed:
            for lease in self._board.slots[name].leases.values():
                lease.wanted = True

    # -- changes -------------------------------------------------------------------------------------------------

    def _consider(self, head: Waiter, asked: frozenset[str], starving: bool, kept_lanes: frozenset[str]) -> float:
        """Begin the change that `head` waits for when it is its turn; else when to look again."""
        board = self._board
        try:
            board.refuse_impossible(head.needs, head.shape)  # learned needs and breakers may have changed
        except StudioError as error:
            self._waiting.refuse(head, error)
            return 0.0
        wants = board.wants(head)
        slots = [board.slots[n] for n in wants]
        if any(s.leases and not s.spec.shared and s.state is EngineState.ACTIVE for s in slots):
            return NEVER
        lanes = frozenset(s.spec.device for s in slots if not s.is_open or s.charge_mib < wants[s.name])
        if not self._works.are_free(lanes, kept_lanes):
            return NEVER
        plan = make_plan(board, wants, asked)
        if plan is None:
            return self._no_plan(head)
        lanes |= {board.slots[n].spec.device for n in plan.victims}
        if not self._works.are_free(lanes, kept_lanes):
            return NEVER
        if not starving and (until := self._must_stay(plan, asked)) > time.monotonic():
            return until
        self._begin(head, plan, lanes)
        return NEVER

    def _no_plan(self, head: Waiter) -> float:
        """Something in between must end first; with nothing under way there is nothing to wait for."""
        if any(s.work is not None for s in self._board.slots.values()):
            return NEVER
        what = ", ".join(sorted(head.needs))
        fix = "Stop other engines with 'studio models stop'"
        self._waiting.refuse(head, EngineError(f"There is no room for {what}", "what is loaded cannot be moved", fix))
        return 0.0

    def _must_stay(self, plan: Plan, asked: frozenset[str]) -> float:
        """Until when the victims stay: who is asked for goes first, one in use stays its minimum, an idle one goes."""
        until = 0.0
        for name in plan.victims:
            slot = self._board.slots[name]
            if name in asked:
                return NEVER
            if slot.leases:
                until = max(until, slot.up_since + self._board.table.rules.dwell_seconds)
        return until

    def _begin(self, head: Waiter, plan: Plan, lanes: frozenset[str]) -> None:
        work = Work(head.holder, needs=head.needs, shape=head.shape, lanes=lanes)
        for name in plan.victims:
            work.claim(self._board.slots[name])
        for name in plan.bring_up:
            work.claim(self._board.slots[name], plan.wants[name])
        self._works.take(work)
        self._works.spawn(self._change(work, plan))

    async def _change(self, work: Work, plan: Plan) -> None:
        failure: StudioError | None = None
        try:
            await self._switch.carry_out(work, plan, lambda: self._queue.wants(work.needs))
        except Unwanted:
            LOG.debug("nobody waits for %s any more", sorted(work.needs))
        except Exception as error:
            failure = told(error, "+".join(sorted(work.failing)))
        self._works.finish(work)
        if failure is not None:
            self._trouble.could_not_start(work.failing, failure)
            self._waiting.fail(work.failing, failure)
        else:
            for name in work.needs:
                self._board.breakers[self._board.real(name)].works()
            self._serve_first(work)
        self._pump()

    def _serve_first(self, work: Work) -> None:
        """Those who waited for this change are served before anybody may undo it."""
        mine = [h for h in self._queue.heads() if h.needs == work.needs]
        if mine:
            mine[0].swaps += work.swaps  # told once, to the one who waited longest
        for first in mine:
            head: Waiter | None = first
            while head is not None:
                head.notices += [n for n in work.notices if n not in head.notices]
                if not (self._board.is_grantable(head) and self._grant(head)):
                    break
                head = self._queue.head(first.key)
