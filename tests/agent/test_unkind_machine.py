"""Conversations where the machine is unkind: the clock was set back, the disk is full."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from langgraph.checkpoint.base import id as ids
from scripted_brain import ScriptedBrain, calls, says, understands

from agent.state import Decision
from agent.studio_agent import StudioAgent

Make = Callable[..., StudioAgent]


async def test_a_clock_that_was_set_back_leads_no_conversation_into_its_past(
    make_agent: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, ahead = time.time_ns, [0]
    monkeypatch.setattr(ids, "time", SimpleNamespace(time_ns=lambda: clock() + ahead[0]))
    for year in (1, 0):
        ahead[0] = year * 365 * 86_400 * 10**9
        monkeypatch.setattr(ids, "_last_v6_timestamp", None)  # as a new process has it
        brain = ScriptedBrain().enqueue(understands("write_note"), calls(("write_note", {"text": "slow"})))
        agent = make_agent(brain)
        await agent.ainvoke("write slowly", thread="a", approve="ask")
        assert await agent.pending("a") is not None
        await agent.ainvoke(thread="a", decision=Decision("cancel"))
        assert await agent.pending("a") is None, "the plan that was cancelled does not come back"
        agent.close()
    assert [role for role, _ in await make_agent(ScriptedBrain()).history("a")].count("user") == 2


def test_a_full_disk_is_one_clear_sentence_and_the_conversation_goes_on(make_agent: Make) -> None:
    brain = ScriptedBrain().enqueue(understands("chat"), says("Hello!"))
    agent = make_agent(brain)

    async def pages(most: int) -> None:
        await agent._graph.checkpointer.conn.execute(f"PRAGMA max_page_count = {most}")

    agent._worker.submit(pages(1)).result()  # no more than it has
    report = agent.invoke("hi " * 3000, thread="a")
    assert "the disk is full" in str(report["error"]) and "OperationalError" not in str(report)
    agent._worker.submit(pages(1_000_000)).result()
    assert agent.invoke("hi", thread="a")["reply"] == "Hello!"
