"""The agent as a developer calls it: sync and async, with LangChain's messages, cancelled, misused, closed."""

from __future__ import annotations

import asyncio
import gc
import warnings
from pathlib import Path
from typing import Any

import anyio
import pytest
from langchain_core.messages import HumanMessage
from scripted_brain import ScriptedBrain, calls, says, understands
from toy_tools import RUNS

from agent.events import Done, PlanProposed
from agent.studio_agent import StudioAgent
from agent.wish import checked_wish
from configs.errors import UsageError

Make = Any


def a_note(text: str = "hello") -> ScriptedBrain:
    return ScriptedBrain().enqueue(understands("write_note"), calls(("write_note", {"text": text})), says("ok"))


def test_a_stream_without_an_event_loop(make_agent: Make) -> None:
    seen = list(make_agent(a_note()).stream("write hello", thread="a"))
    kinds = [type(event).__name__ for event in seen]
    assert kinds.index("PlanProposed") < kinds.index("AssetMade") and isinstance(seen[-1], Done)
    assert seen[-1].report["reply"] == "ok"


def test_a_stream_that_is_left_cancels_its_turn(make_agent: Make) -> None:
    agent: StudioAgent = make_agent(a_note("wait"))
    for event in agent.stream("write", thread="a"):
        if isinstance(event, PlanProposed):
            break
    gc.collect()
    assert not agent.studio.memory.list_assets() and not agent.cancel("a"), "no turn is left"


async def test_a_caller_of_anyio_that_is_cancelled_leaves_the_conversation_free(make_agent: Make) -> None:
    """Its scopes cancel every `await`, those of a `finally` too, as in Starlette and in MCP."""
    agent: StudioAgent = make_agent(a_note("wait"))
    with anyio.CancelScope() as scope:
        async for event in agent.astream("write", thread="a", approve="auto"):
            if isinstance(event, PlanProposed):
                scope.cancel()
    for _ in range(200):
        if not agent.cancel("a"):
            break
        await asyncio.sleep(0.02)
    agent.brain = a_note("more")
    assert (await agent.ainvoke("more", thread="a"))["error"] is None and RUNS["more"] == 1


@pytest.mark.parametrize(
    "inputs",
    [
        "draw Luca", {"messages": "draw Luca"}, {"messages": [("user", "draw Luca")]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "draw Luca"}, {"type": "image_url"}]}]},
        {"messages": [HumanMessage([{"type": "text", "text": "draw Luca"}])]},
    ],
)  # fmt: skip
def test_a_wish_in_all_its_forms(inputs: Any) -> None:
    assert checked_wish(inputs, 100) == "draw Luca"


@pytest.mark.parametrize("inputs", [None, 5, ["draw"], {}, {"messages": None}, {"messages": [("user", None)]}])
def test_what_is_no_wish_is_wrong_use(make_agent: Make, inputs: Any) -> None:
    with pytest.raises(UsageError, match="The wish is"):
        make_agent(ScriptedBrain()).invoke(inputs)


def test_one_attachment_need_not_be_a_list(make_agent: Make, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("Good morning, sea.")
    agent: StudioAgent = make_agent(a_note())
    agent.invoke("write hello", attachments=str(tmp_path / "words.txt"))
    assert any(a.name == "words.txt" for a in agent.studio.memory.list_assets())


def test_a_closed_agent_says_so(make_agent: Make) -> None:
    agent = make_agent(ScriptedBrain())
    agent.close()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UsageError, match="The agent is closed"):
            agent.invoke("hello")
        gc.collect()
