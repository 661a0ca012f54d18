"""Questions about time and cost in whole turns: an answer, no plan, and nothing that runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from scripted_brain import ScriptedBrain, calls, says, understands
from toy_tools import RUNS

from agent.build import build_agent
from agent.events import ApprovalAsked, PlanProposed
from agent.forecasting import duration
from agent.state import Decision
from agent.studio_agent import StudioAgent
from backends.llm.understanding import FORECAST
from configs.settings import Settings

Make = Callable[..., StudioAgent]


def _asked(agent: StudioAgent, wish: str) -> tuple[dict[str, Any], list[Any]]:
    import asyncio

    async def turn() -> list[Any]:
        return [event async for event in agent.astream(wish, thread="f", approve="ask")]

    events = asyncio.run(turn())
    return events[-1].report, events


def test_a_forecast_is_told_and_nothing_is_planned(make_agent: Make) -> None:
    brain = ScriptedBrain().enqueue(
        understands(FORECAST, "write_note"), calls(("write_note", {"text": "slow"}), ("write_note", {"text": "b"}))
    )
    report, events = _asked(make_agent(brain), "how long would a slow note take?")
    assert "about 1 min 41 s" in report["reply"] and "no GPU memory" in report["reply"]
    assert "0 model loads" in report["reply"] and "Nothing was started" in report["reply"]
    assert report["plan"] == [] and report["calls"] == [] and report["questions"] == [] and not RUNS
    assert not any(isinstance(event, (PlanProposed, ApprovalAsked)) for event in events)


def test_what_cannot_be_priced_says_why(make_agent: Make) -> None:
    brain = ScriptedBrain().enqueue(understands(FORECAST, "write_note"), calls(("write_note", {})))
    report, _ = _asked(make_agent(brain), "how long would a note take?")
    assert report["error"] is not None and report["plan"] == [] and not RUNS


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.2, "1 s"), (89, "89 s"), (120, "2 min"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_durations_as_people_say_them(seconds: float, told: str) -> None:
    assert duration(seconds) == told


@pytest.mark.parametrize("question", ["how long will it take?", "and what will it cost", "quanto ci vuole?"])
async def test_a_question_leaves_the_plan_waiting(make_agent: Make, question: str) -> None:
    brain = ScriptedBrain().enqueue(understands("write_note"), calls(("write_note", {"text": "slow"})), says("ok"))
    agent = make_agent(brain)
    await agent.ainvoke("write slowly", thread="f", approve="ask")
    for _ in range(2):  # also a second time, and by a caller who asks for no approval
        report = await agent.ainvoke(question, thread="f", approve="auto", yes=True)
        assert "1 min 40 s" in report["reply"] and ("waits" in report["reply"] or "aspetta" in report["reply"])
        assert report["questions"] and not RUNS
    assert len(brain.asked) == 2, "the plan itself was priced, no brain was asked"
    assert [text for _, text in await agent.history("f")][1::2] == [question, question]
    waiting = await agent.pending("f")
    assert waiting is not None and waiting.plan.steps[0].args["text"] == "slow"
    report = await agent.ainvoke(thread="f", decision=Decision("approve"))
    assert RUNS["slow"] == 1 and report["reply"] == "ok"


@pytest.mark.parametrize("go", ["do it", "ok, go ahead!", "fallo"])
async def test_a_plan_that_waits_is_started_by_saying_so(make_agent: Make, go: str) -> None:
    brain = ScriptedBrain().enqueue(understands("write_note"), calls(("write_note", {"text": "slow"})), says("ok"))
    agent = make_agent(brain)
    await agent.ainvoke("write slowly", thread="f", approve="ask")
    await agent.ainvoke("how long?", thread="f", approve="ask")
    report = await agent.ainvoke(go, thread="f", approve="ask")
    assert RUNS["slow"] == 1 and report["reply"] == "ok" and await agent.pending("f") is None


async def test_another_wish_takes_the_plans_place(make_agent: Make) -> None:
    brain = ScriptedBrain().enqueue(
        understands("write_note"), calls(("write_note", {"text": "slow"})),
        understands("write_note"), calls(("write_note", {"text": "b"})), says("ok"),
    )  # fmt: skip
    agent = make_agent(brain)
    await agent.ainvoke("write slowly", thread="f", approve="ask")
    await agent.ainvoke("write b", thread="f", approve="ask")
    assert RUNS == {"b": 1} and await agent.pending("f") is None


def test_a_film_that_waits_is_priced_by_the_built_in_brain(settings: Settings) -> None:
    with build_agent(settings) as agent:
        first = agent.invoke("make a 60 second film about a dog", thread="f", approve="ask")
        assert [step["tool"] for step in first["plan"]] == ["make_film"] and first["questions"]
        report = agent.invoke("how long will it take?", thread="f", approve="ask")
        assert "The plan waits" in report["reply"] and report["plan"] == first["plan"] and report["questions"]
        for asked in ("how long would it take to draw a cat?", "quanto ci vuole per disegnare un gatto?"):
            beside = agent.invoke(asked, thread="f", approve="ask")
            assert beside["plan"] == first["plan"] and beside["questions"], "another price leaves the plan waiting"
            assert "The plan waits" in beside["reply"] or "Il piano aspetta" in beside["reply"]
            assert beside["reply"] != report["reply"]
        report = agent.invoke(thread="f", inputs="", decision=Decision("cancel"))
        assert "Cancelled" in report["reply"]
        report = agent.invoke("how long does it take to train a voice?", thread="g", approve="ask")
        assert "whose voice" in report["reply"] and "Somebody" not in report["reply"]
