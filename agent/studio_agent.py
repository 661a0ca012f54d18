"""The one door for chat, command line, evals and Python: `build_agent(settings)`."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from langchain_core.messages import HumanMessage
from langgraph.types import Command

from agent.answering import typed_decision
from agent.checkpoints import keep_order, not_written
from agent.events import ApprovalAsked, Done, Event, Failed, ModelStarting, Notice
from agent.graph import RECURSION_LIMIT, build_graph
from agent.loop_thread import LoopThread
from agent.pricing import propose
from agent.report import turn_report
from agent.state import Decision, State, TurnContext, fresh_turn, job_of, was_stopped
from agent.wish import checked_wish
from backends.llm.understanding import UNDERSTAND, understand_tool
from configs.errors import EngineError, StudioError, UsageError
from tools.engine_room import EngineRoom
from tools.executor import Executor
from tools.intake import attach
from tools.opening import close_executor
from tools.spec import CancelToken, Studio

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from backends.gpu.engine import StartProgress
    from backends.gpu.switchboard import Switchboard
    from backends.llm.understanding import Capabilities

# The saver must never rebuild arbitrary Python objects from the database (CVE-2026-28277).
os.environ.setdefault("LANGGRAPH_STRICT_MSGPACK", "true")


Attachment = Path | str | tuple[Path | str, str]
"""A file, or a file and the name that the user knows it by."""


Attachments = Sequence[Attachment] | Path | str
"""Several, or one."""

Spare = Callable[[], "tuple[BaseChatModel, Capabilities]"]


@dataclass
class _Turn:
    """One running turn, as the caller's side sees it."""

    cancel: CancelToken
    events: asyncio.Queue[Event | None]
    loop: asyncio.AbstractEventLoop

    def emit(self, event: Event | None) -> None:
        with suppress(RuntimeError):  # the reader's loop is gone: nobody listens any more
            self.loop.call_soon_threadsafe(self.events.put_nowait, event)


class StudioAgent:
    """Made by `build_agent`. Safe to use from several threads and event loops; one turn at a time per thread id."""

    def __init__(
        self, studio: Studio, executor: Executor, brain: BaseChatModel, capabilities: Capabilities, notice: str | None,
        *, dry: bool = False, spare: Spare | None = None, on_close: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        """
        Args:
            notice: told once in each conversation, e.g. why it is not the brain that was asked for.
            dry: tools answer with stand-ins.
            spare: makes the brain that takes over a turn whose own cannot answer; None = such a turn fails.
            on_close: ends what was opened for the brain, e.g. the gateway that it talks to.
        """
        self._spare = spare
        self.studio, self.executor, self.brain, self.capabilities = studio, executor, brain, capabilities
        self.notice, self.dry, self._on_close = notice, dry, on_close
        self._worker = LoopThread("agent")
        self._running: dict[str, _Turn] = {}
        self._saver_stack: Any = None
        self._closed = False
        self._told: set[str] = set()
        """Threads that have heard the notice."""
        try:
            self._graph = self._worker.submit(self._open_graph()).result()
        except BaseException:
            self._worker.close()
            raise

    # -- the doors -----------------------------------------------------------------------------------------------

    def invoke(
        self, inputs: Mapping[str, Any] | str, *, thread: str = "", attachments: Attachments = (),
        yes: bool = False, approve: Literal["ask", "auto"] = "auto", decision: Decision | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """One turn, blocking; the report has the shape of `studio ask --json`.

        Args:
            inputs: {"messages": [("user", "draw Luca waving")]} or the wish itself.
            thread: conversation id; '' starts a new one.
            attachments: files (or one) to copy into the workspace for this turn.
            yes: approve everything in advance, also what overwrites.
            approve: 'auto' makes things without asking; 'ask' stops at a costly plan (`questions` is filled then).
            decision: answer to the plan that the last turn of this thread stopped at.

        Raises:
            StudioError: when the request itself is unusable (empty, too long), or the agent is closed. What fails
                inside the turn, a hostile attachment too, is in the report's `error`.
        """

        async def last() -> dict[str, Any]:
            return await self.ainvoke(
                inputs, thread=thread, attachments=attachments, yes=yes, approve=approve, decision=decision
            )

        runner = LoopThread("agent-invoke")
        try:
            return runner.submit(last()).result()
        finally:
            runner.close()

    def stream(self, inputs: Mapping[str, Any] | str = "", **options: Any) -> Iterator[Event]:
        """`astream` for callers without an event loop. Leaving the loop early cancels the turn."""
        runner = LoopThread("agent-stream")
        events = self.astream(inputs, **options)
        try:
            while (event := runner.submit(_next_of(events)).result()) is not None:
                yield event
        finally:
            runner.submit(events.aclose()).result()  # type: ignore[attr-defined]
            runner.close()

    async def ainvoke(self, inputs: Mapping[str, Any] | str = "", **options: Any) -> dict[str, Any]:
        """`invoke` for async callers."""
        report: dict[str, Any] = {}
        options.setdefault("approve", "auto")
        async for event in self.astream(inputs, **options):
            if isinstance(event, Done):
                report = event.report
        return report

    async def astream(
        self, inputs: Mapping[str, Any] | str = "", *, thread: str = "", attachments: Attachments = (),
        yes: bool = False, approve: Literal["ask", "auto"] = "ask", decision: Decision | None = None,
    ) -> AsyncIterator[Event]:  # fmt: skip
        """One turn as a stream of typed events; the last one is always Done (also after Failed or ApprovalAsked).

        Closing the iterator early cancels the turn. Raises StudioError for an unusable request.
        """
        if self._closed:
            raise UsageError("The agent is closed", fix="Make a new one with build_agent")
        thread = thread or f"t-{uuid.uuid4().hex[:10]}"
        wish = "" if decision else checked_wish(inputs, self.studio.settings.budget.message_characters)
        if thread in self._running:
            raise UsageError("This conversation is still working on the last wish", fix="Wait for it, or stop it first")
        turn = _Turn(CancelToken(self.studio.settings.budget.seconds), asyncio.Queue(), asyncio.get_running_loop())
        self._running[thread] = turn
        files: list[Attachment] = [attachments] if isinstance(attachments, (str, Path)) else list(attachments)
        work = self._worker.submit(self._turn(turn, thread, wish, files, yes, approve, decision))
        # not below: where the caller is cancelled again and again (anyio), no line after an `await` is sure to run
        work.add_done_callback(lambda _: self._running.pop(thread, None))
        try:
            while (event := await turn.events.get()) is not None:
                yield event
            await asyncio.wrap_future(work)
        finally:
            turn.cancel.cancel()
            if not work.done():
                with suppress(Exception):
                    await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(work)), timeout=30)

    def cancel(self, thread: str) -> bool:
        """Stop the running turn of this thread; True when there was one. Finished assets stay."""
        turn = self._running.get(thread)
        if turn is not None:
            turn.cancel.cancel()
        return turn is not None

    async def pending(self, thread: str) -> ApprovalAsked | None:
        """The plan that this thread waits with, e.g. after a restart."""
        return await asyncio.wrap_future(self._worker.submit(self._pending(thread)))

    async def history(self, thread: str) -> list[tuple[str, str]]:
        """The conversation as (role, text) pairs; role is 'user' or 'assistant'."""
        snapshot = await asyncio.wrap_future(self._worker.submit(self._graph.aget_state(self._config(thread))))
        messages = snapshot.values.get("history", [])
        return [("user" if isinstance(m, HumanMessage) else "assistant", str(m.text)) for m in messages]

    def attach(self, path: Path | str, thread: str, name: str = "") -> Any:
        """Copy a user's file into the workspace; the asset. Raises UsageError when it cannot be used."""
        return attach(Path(path), self.studio.workspace, self.studio.memory, self.studio.settings, thread, name)

    @cached_property
    def models(self) -> Switchboard:
        """Switch what is on the GPU by hand: `switch_to_llm()`, `switch_to_sdxl()`, `switch_to_tts()`.

        Tools and the brain bring up what they need by themselves. `get_vram_usage()` tells what is used.
        """
        return EngineRoom(self.executor.arbiter, self.studio.settings, self.studio.workspace).switchboard

    def tell_starting(self, progress: StartProgress) -> None:
        """Tell all running turns that the brain's model is coming up."""
        for thread, turn in list(self._running.items()):
            turn.emit(ModelStarting(thread=thread, progress=progress))

    def warm_up(self) -> None:
        """Load what the first wish needs besides its engines: the brain, the sentence encoder and the index."""
        self.studio.memory.search("a picture of a character", limit=1)
        self._worker.submit(self._first_thought()).result(timeout=120)
        if self.capabilities.model in self.executor.arbiter.table.engines:  # the brain's own model: minutes, when cold
            self.executor.arbiter.lease([self.capabilities.model], "warm-up").release()

    async def _first_thought(self) -> None:
        if not self.capabilities.free_text:
            await self.brain.bind_tools([understand_tool()], tool_choice=UNDERSTAND).ainvoke("hello")

    def close(self) -> None:
        """Stop running turns, unload engines, close the databases."""
        if self._closed:
            return
        self._closed = True
        for turn in list(self._running.values()):
            turn.cancel.cancel()
        with suppress(Exception):
            self._worker.submit(self._saver_stack.__aexit__(None, None, None)).result(timeout=10)
        self._worker.close()
        if self._on_close is not None:
            self._on_close()
        close_executor(self.executor)

    def __enter__(self) -> StudioAgent:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- one turn, on the agent's own loop -------------------------------------------------------------------------

    async def _turn(
        self, turn: _Turn, thread: str, wish: str, files: list[Attachment], yes: bool,
        approve: Literal["ask", "auto"], decision: Decision | None,
    ) -> None:  # fmt: skip
        if decision is None and not files and await self._waits(thread, wish):
            decision = typed_decision(wish)
        if decision is not None:
            approve, yes = "ask", False  # the answer must reach the interrupt that waits for it
        context = TurnContext(
            self.studio, self.executor, self.brain, self.capabilities, thread, turn.emit, turn.cancel, approve, yes,
            self.dry,
        )  # fmt: skip
        failure: StudioError | None = None
        notices = [self.notice] if self.notice and thread not in self._told else []
        try:
            for text in notices:
                turn.emit(Notice(thread=thread, text=text))
            given = await self._input(thread, wish, files, yes, approve, decision)
            try:
                await self._run(given, context)
            except EngineError as error:
                context = await self._with_spare_brain(context, error)
                notices.append(f"Using the built-in brain for this: {error.sentence}")
                turn.emit(Notice(thread=thread, text=notices[-1]))
                await self._run(None, context)
        except StudioError as error:
            failure = error
        except sqlite3.Error as error:
            failure = not_written(error)
        except Exception as error:
            import logging

            logging.getLogger("studio.agent").exception("the turn failed")
            failure = EngineError(
                "The turn failed", f"{type(error).__name__}: {error}"[:300], "The details are in studio.log"
            )
        try:
            turn.emit(await self._closing(context, failure, notices))
        finally:
            turn.emit(None)

    async def _waits(self, thread: str, wish: str) -> bool:
        """Whether a plan waits that another wish than this one led to."""
        snapshot = await self._graph.aget_state(self._config(thread))
        return any(task.interrupts for task in snapshot.tasks) and snapshot.values.get("wish") != wish

    async def _run(self, given: Any, context: TurnContext) -> None:
        """The graph until it ends or waits; None goes on where it stopped."""
        async for _ in self._graph.astream(
            given, self._config(context.thread), context=context, stream_mode="values", durability="sync"
        ):
            context.cancel.check()

    async def _with_spare_brain(self, context: TurnContext, error: EngineError) -> TurnContext:
        """For a turn whose brain could not even read the wish. Raises `error` where there is no other."""
        snapshot = await self._graph.aget_state(self._config(context.thread))
        if self._spare is None or tuple(snapshot.next) != ("understand",):
            raise error
        brain, capabilities = await asyncio.to_thread(self._spare)
        return replace(context, brain=brain, capabilities=capabilities)

    async def _input(
        self, thread: str, wish: str, files: list[Attachment], yes: bool, approve: str, decision: Decision | None
    ) -> Any:
        """A new turn, the answer to an interrupt, or None to go on where a kill stopped."""
        snapshot = await self._graph.aget_state(self._config(thread))
        waiting = any(task.interrupts for task in snapshot.tasks)
        if decision is not None:
            if not waiting:
                raise UsageError("There is no plan to answer in this conversation", fix="Say what you would like")
            return Command(resume=asdict(decision))
        same = snapshot.values.get("wish") == wish
        stopped = same and was_stopped(cast(State, snapshot.values))
        if snapshot.next and same and not stopped:
            if waiting and (yes or approve == "auto"):
                return Command(resume=asdict(Decision("approve")))
            return None
        pairs = [f if isinstance(f, tuple) else (f, "") for f in files]
        assets = [await asyncio.to_thread(self.attach, path, thread, name) for path, name in pairs]
        number = int(snapshot.values.get("turn", 0)) + 1
        # what was finished before the stop is found under the old turn's job
        job = job_of(cast(State, snapshot.values), thread) if stopped else ""
        fields = fresh_turn(number, wish, [a.id for a in assets], time.time(), job)
        return {**fields, "history": [HumanMessage(wish)]}

    async def _closing(self, context: TurnContext, failure: StudioError | None, notices: list[str]) -> Done:
        thread, turn = context.thread, context
        snapshot = await self._graph.aget_state(self._config(thread))
        values = dict(snapshot.values)
        if failure is not None:
            error = {
                "problem": failure.problem, "cause": failure.cause, "fix": failure.fix, "exit_code": failure.exit_code,
            }  # fmt: skip
            values |= {"error": error, "reply": failure.sentence, "question": None}
            turn.emit(Failed(thread=thread, **error))  # type: ignore[arg-type]
        asked = None if failure else await self._pending(thread)
        if asked is not None:
            turn.emit(asked)
        report = turn_report(
            values, self.studio.memory, thread=thread, brain=context.capabilities.name,
            home=str(self.studio.workspace.home), waiting=asked.reason if asked else "",
        )  # fmt: skip
        report["notices"] += self.studio.memory.warnings()
        self._told.add(thread)
        report["notices"] = [*notices, *report["notices"]]
        return Done(thread=thread, reply=report["reply"], report=report)

    async def _pending(self, thread: str) -> ApprovalAsked | None:
        snapshot = await self._graph.aget_state(self._config(thread))
        found = [i for task in snapshot.tasks for i in task.interrupts]
        if not found:
            return None
        steps = [s for s in snapshot.values["steps"] if s["status"] == "pending"]
        context = TurnContext(
            self.studio, self.executor, self.brain, self.capabilities, thread, lambda event: None, CancelToken()
        )
        return ApprovalAsked(thread=thread, plan=propose(steps, context), reason=str(found[0].value["reason"]))

    def _config(self, thread: str) -> Any:
        return {"configurable": {"thread_id": thread}, "recursion_limit": RECURSION_LIMIT}

    async def _open_graph(self) -> Any:
        from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

        file = self.studio.workspace.home / "threads.db"
        try:
            self._saver_stack = AsyncSqliteSaver.from_conn_string(str(file))
            saver = await self._saver_stack.__aenter__()
            await saver.setup()
            await keep_order(saver)
        except sqlite3.Error as error:
            raise StudioError(
                f"The conversations in {file} cannot be read", str(error), "Move the file away; everything made stays"
            ) from error
        return build_graph(saver)


async def _next_of(events: AsyncIterator[Event]) -> Event | None:
    return await anext(events, None)


__all__ = ["Decision", "StudioAgent"]
