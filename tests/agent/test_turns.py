"""Whole turns with a scripted brain and small real tools: the stages, approval, retries, budgets, resume."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from langchain_core.messages import ToolMessage
from pydantic import PrivateAttr
from scripted_brain import ScriptedBrain, calls, says, understands
from toy_tools import RUNS

from agent.events import ApprovalAsked, AssetMade, Done, PlanProposed, StepFinished
from agent.report import exit_code
from agent.state import Decision
from agent.studio_agent import StudioAgent
from backends.llm.facts import read_facts
from configs.errors import StudioError, UsageError
from configs.settings import Settings
from configs.workspace import Workspace

Make = Callable[..., StudioAgent]


def test_one_step_is_made_recorded_and_reported(make_agent: Make) -> None:
    brain = ScriptedBrain().enqueue(
        understands("write_note"), calls(("write_note", {"text": "hello"})), says("I wrote hello.")
    )
    agent = make_agent(brain)
    report = agent.invoke({"messages": [("user", "write hello")]}, thread="a")
    assert report["reply"] == "I wrote hello."
    assert [c["tool"] for c in report["calls"]] == ["write_note"]
    assert report["calls"][0]["status"] == "done"
    asset = report["assets"][0]
    assert (Path(report["home"]) / asset["path"]).read_text() == "hello 0"
    assert report["thread"] == "a" and report["brain"] == "scripted" and report["questions"] == []
    answer = brain.asked[-1][-1]
    assert isinstance(answer, ToolMessage) and asset["id"] in str(answer.content)


def test_later_steps_use_what_earlier_ones_made(make_agent: Make) -> None:
    brain = ScriptedBrain().enqueue(
        understands("write_note"),
        calls(("write_note", {"text": "one"}), ("write_note", {"text": "two", "source": "$1"})),
        says("ok"),
    )
    agent = make_agent(brain)
    report = agent.invoke("write both", thread="a")
    first, second = report["assets"]
    assert agent.studio.memory.get_asset(second["id"]).parents == (first["id"],)  # type: ignore[union-attr]
    assert report["plan"][1]["after"] == ("1",) or report["plan"][1]["after"] == ["1"]


def test_references_of_a_second_batch_mean_that_batch(make_agent: Make) -> None:
    brain = ScriptedBrain().enqueue(
        understands("write_note"),
        calls(("write_note", {"text": "one"})),
        calls(("write_note", {"text": "two"}), ("write_note", {"text": "three", "source": "$1"})),
        says("ok"),
    )
    agent = make_agent(brain)
    report = agent.invoke("write", thread="a")
    by_name = {a["name"]: a["id"] for a in report["assets"]}
    assert agent.studio.memory.get_asset(by_name["three.txt"]).parents == (by_name["two.txt"],)  # type: ignore[union-attr]


async def test_a_costly_plan_waits_for_approval_and_then_runs_once(make_agent: Make) -> None:
    brain = ScriptedBrain().enqueue(understands("write_note"), calls(("write_note", {"text": "slow"})), says("ok"))
    agent = make_agent(brain)
    seen = [e async for e in agent.astream("write slowly", thread="a", approve="ask")]
    asked = next(e for e in seen if isinstance(e, ApprovalAsked))
    assert asked.plan.seconds == 100 and RUNS["slow"] == 0
    assert isinstance(seen[-1], Done) and seen[-1].report["questions"]
    waiting = await agent.pending("a")
    assert waiting is not None and waiting.plan.steps[0].tool == "write_note"
    report = await agent.ainvoke(thread="a", decision=Decision("approve"))
    assert RUNS["slow"] == 1 and report["reply"] == "ok"
    assert await agent.pending("a") is None


async def test_cancelling_a_plan_makes_nothing(make_agent: Make) -> None:
    brain = ScriptedBrain().enqueue(understands("write_note"), calls(("write_note", {"text": "slow"})))
    agent = make_agent(brain)
    await agent.ainvoke("write slowly", thread="a", approve="ask")
    report = await agent.ainvoke(thread="a", decision=Decision("cancel"))
    assert "Cancelled" in report["reply"] and RUNS["slow"] == 0 and report["assets"] == []


async def test_editing_an_argument_changes_what_runs(make_agent: Make) -> None:
    brain = ScriptedBrain().enqueue(understands("write_note"), calls(("write_note", {"text": "slow"})), says("ok"))
    agent = make_agent(brain)
    await agent.ainvoke("write slowly", thread="a", approve="ask")
    report = await agent.ainvoke(thread="a", decision=Decision("edit", edits={"1": {"text": "quick"}}))
    assert RUNS["quick"] == 1 and RUNS["slow"] == 0
    assert report["calls"][0]["args"]["text"] == "quick"


async def test_changing_the_plan_in_words_plans_again(make_agent: Make) -> None:
    brain = ScriptedBrain().enqueue(
        understands("write_note"),
        calls(("write_note", {"text": "slow"})),
        calls(("write_note", {"text": "short"})),
        says("ok"),
    )
    agent = make_agent(brain)
    await agent.ainvoke("write slowly", thread="a", approve="ask")
    report = await agent.ainvoke(thread="a", decision=Decision("edit", change="make it short"))
    assert RUNS["short"] == 1 and RUNS["slow"] == 0 and report["reply"] == "ok"
    assert "Short" in str(brain.asked[2][-1].content)


def test_deleting_needs_approval_even_when_making_does_not(make_agent: Make) -> None:
    brain = ScriptedBrain().enqueue(understands("wipe_notes"), calls(("wipe_notes", {})))
    agent = make_agent(brain)
    report = agent.invoke("wipe everything", thread="a")
    assert report["questions"] and RUNS["wipe"] == 0


def test_yes_approves_deleting(make_agent: Make) -> None:
    brain = ScriptedBrain().enqueue(understands("wipe_notes"), calls(("wipe_notes", {})), says("ok"))
    assert make_agent(brain).invoke("wipe everything", thread="a", yes=True)["reply"] == "ok"
    assert RUNS["wipe"] == 1


def test_a_tool_outside_the_intent_is_refused(make_agent: Make) -> None:
    brain = ScriptedBrain().enqueue(
        understands("list_assets"),
        calls(("remember", {"kind": "note", "name": "x", "text": "from a file"})),
        says("no"),
    )
    agent = make_agent(brain)
    report = agent.invoke("list my pictures", thread="a", yes=True)
    assert report["calls"][0]["status"] == "refused" and report["error"]["exit_code"] == 5
    assert agent.studio.memory.list_entries("note") == []


def test_a_failing_tool_tells_what_why_and_what_to_do(make_agent: Make) -> None:
    brain = ScriptedBrain().enqueue(understands("write_note"), calls(("write_note", {"text": "fail"})), says(""))
    report = make_agent(brain).invoke("write", thread="a")
    assert report["reply"] == "The pen broke. too much pressure. Write softer."
    assert report["error"]["exit_code"] == 4 and report["assets"] == []


def test_a_bug_in_a_tool_does_not_end_the_turn(make_agent: Make) -> None:
    brain = ScriptedBrain().enqueue(understands("write_note"), calls(("write_note", {"text": "bug"})), says("sorry"))
    report = make_agent(brain).invoke("write", thread="a")
    assert report["calls"][0]["status"] == "failed" and "ZeroDivisionError" in report["error"]["cause"]


def test_a_wrong_call_is_explained_to_the_model_which_mends_it(make_agent: Make) -> None:
    brain = ScriptedBrain().enqueue(
        understands("write_note"),
        calls(("write_note", {"texxt": "hi"})),
        calls(("write_note", {"text": "hi"})),
        says("ok"),
    )
    report = make_agent(brain).invoke("write hi", thread="a")
    assert report["reply"] == "ok" and report["error"] is None and RUNS["hi"] == 1
    assert "no argument 'texxt'" in str(brain.asked[2][-1].content)


def test_a_failed_gate_is_tried_again_and_the_best_is_kept(make_agent: Make) -> None:
    brain = ScriptedBrain().enqueue(understands("write_note"), calls(("write_note", {"text": "scored"})), says("ok"))
    report = make_agent(brain).invoke("write", thread="a")
    assert RUNS["scored"] == 2
    assert len(report["assets"]) == 1 and report["assets"][0]["scores"]["neatness"]["passed"] is True


def test_the_best_try_is_kept_not_the_last_and_what_fell_short_is_told(make_agent: Make) -> None:
    brain = ScriptedBrain().enqueue(understands("write_note"), calls(("write_note", {"text": "sinking"})), says("ok"))
    report = make_agent(brain).invoke("write", thread="a")
    assert RUNS["sinking"] == 2, "a round that gains nothing is the last one"
    assert [a["scores"]["neatness"]["value"] for a in report["assets"]] == [0.3]
    assert any("Fell short" in n and "neatness" in n for n in report["notices"])
    (ink,) = [n for n in report["notices"] if n.startswith("The ink")]
    assert ink != "The ink came out at 0.3000 of 1.", "what the last try says takes the place of the first"


def test_what_two_steps_warn_of_is_told_of_both(make_agent: Make) -> None:
    notes = [("write_note", {"text": "thin", "seed": seed}) for seed in (200, 400)]
    brain = ScriptedBrain().enqueue(understands("write_note"), calls(*notes), says("ok"))
    report = make_agent(brain).invoke("write", thread="a")
    told = [n for n in report["notices"] if n.startswith("The ink")]
    assert told == ["The ink came out at 0.1000 of 1.", "The ink came out at 0.2000 of 1."]


def test_the_same_call_three_times_is_stopped(make_agent: Make) -> None:
    again = [calls(("write_note", {"text": "again"})) for _ in range(5)]
    report = make_agent(ScriptedBrain().enqueue(understands("write_note"), *again)).invoke("write", thread="a")
    assert RUNS["again"] == 2 and any("same call" in n for n in report["notices"])


def test_the_model_call_budget_ends_a_loop(make_agent: Make, settings: Settings) -> None:
    many = [calls(("write_note", {"text": f"n{i}"})) for i in range(20)]
    agent = make_agent(
        ScriptedBrain().enqueue(understands("write_note"), *many),
        budget=settings.budget.model_copy(update={"model_calls": 4}),
    )
    report = agent.invoke("write", thread="a")
    assert len(report["calls"]) == 2 and any("4 model calls" in n for n in report["notices"])


def test_a_question_is_remembered_for_the_next_turn(make_agent: Make) -> None:
    brain = ScriptedBrain().enqueue(
        understands("clarify", question="Which text?", choices=["hi", "bye"]),
        understands("write_note"),
        calls(("write_note", {"text": "hi"})),
        says("ok"),
    )
    agent = make_agent(brain)
    first = agent.invoke("write something", thread="a")
    assert first["questions"] == ["Which text?"] and first["choices"] == ["hi", "bye"]
    agent.invoke("hi", thread="a")
    assert '"wish": "write something"' in str(brain.asked[1][0].content)


@pytest.mark.parametrize("wish", ["", "   \n"])
def test_an_empty_wish_is_wrong_use(make_agent: Make, wish: str) -> None:
    with pytest.raises(UsageError, match="The wish is empty"):
        make_agent(ScriptedBrain()).invoke(wish)


def test_a_hundred_thousand_characters_are_wrong_use(make_agent: Make) -> None:
    with pytest.raises(UsageError, match="100,000 characters"):
        make_agent(ScriptedBrain()).invoke("x" * 100_000)


async def test_two_threads_at_once_do_not_mix(make_agent: Make) -> None:
    def answer(messages: Any) -> Any:
        text = str(next(m.content for m in reversed(messages) if m.type == "human"))
        return calls(("write_note", {"text": text}))

    brain = ScriptedBrain()
    agent = make_agent(brain)
    brain.enqueue(understands("write_note"), understands("write_note"), answer, answer, says("ok"), says("ok"))
    one, two = await asyncio.gather(agent.ainvoke("wait", thread="a"), agent.ainvoke("here", thread="b"))
    assert [a["name"] for a in one["assets"]] == ["wait.txt"] and [a["name"] for a in two["assets"]] == ["here.txt"]
    assert {a.thread for a in agent.studio.memory.list_assets()} == {"a", "b"}


async def test_one_thread_takes_one_wish_at_a_time(make_agent: Make) -> None:
    brain = ScriptedBrain().enqueue(understands("write_note"), calls(("write_note", {"text": "wait"})), says("ok"))
    agent = make_agent(brain)
    first = asyncio.create_task(agent.ainvoke("wait", thread="a"))
    await asyncio.sleep(0.02)
    with pytest.raises(UsageError, match="still working"):
        await agent.ainvoke("more", thread="a")
    assert (await first)["reply"] == "ok"


async def test_cancel_stops_between_steps_and_the_same_wish_goes_on(make_agent: Make) -> None:
    plan = calls(("write_note", {"text": "one"}), ("write_note", {"text": "wait"}))
    agent = make_agent(ScriptedBrain().enqueue(understands("write_note"), plan, says("ok")))
    async for event in agent.astream("write both", thread="a", approve="auto"):
        if isinstance(event, StepFinished) and event.step == "1":
            agent.cancel("a")
    assert RUNS["one"] == 1
    report = await agent.ainvoke("write both", thread="a")
    assert RUNS["one"] == 1 and report["reply"] == "ok" and len(report["assets"]) == 2


async def test_a_wish_stopped_inside_a_step_goes_on_when_it_is_said_again(make_agent: Make) -> None:
    book = ("write_book", {"pages": 3})
    brain = ScriptedBrain().enqueue(understands("write_book", "write_note"), calls(book))
    agent = make_agent(brain)
    async for event in agent.astream("write a book", thread="a", approve="auto"):
        if isinstance(event, AssetMade) and RUNS["page 0"]:
            agent.cancel("a")
    made = sum(RUNS[f"page {n}"] for n in range(3))
    assert RUNS["page 0"] == 1 and made < 3
    brain.enqueue(understands("write_book", "write_note"), calls(book), says("ok"))
    report = await agent.ainvoke("write a book", thread="a")
    assert report["reply"] == "ok" and report["error"] is None
    assert [RUNS[f"page {n}"] for n in range(3)] == [1, 1, 1]


async def test_substeps_that_are_finished_are_not_made_again(make_agent: Make) -> None:
    book = ("write_book", {"pages": 2, "stop_at": 1})
    agent = make_agent(
        ScriptedBrain().enqueue(understands("write_book", "write_note"), calls(book), calls(book), says("ok"))
    )
    report = await agent.ainvoke("write a book", thread="a")
    assert RUNS["page 0"] == 1 and RUNS["page 1"] == 1 and RUNS["book"] == 2
    assert report["calls"][-1]["status"] == "done"


async def test_events_tell_the_whole_story(make_agent: Make) -> None:
    brain = ScriptedBrain().enqueue(understands("write_note"), calls(("write_note", {"text": "hello"})), says("ok"))
    seen = [e async for e in make_agent(brain).astream("write hello", thread="a")]
    kinds = [type(e).__name__ for e in seen]
    assert kinds.index("PlanProposed") < kinds.index("StepStarted") < kinds.index("AssetMade") < kinds.index("Done")
    assert all(e.thread == "a" for e in seen)
    assert sum(isinstance(e, AssetMade) for e in seen) == 1
    plan = next(e for e in seen if isinstance(e, PlanProposed))
    assert plan.steps[0].seconds == 1.0 and not plan.needs_approval


def test_the_conversation_survives_a_new_agent(make_agent: Make) -> None:
    agent = make_agent(ScriptedBrain().enqueue(understands("chat"), says("Hello!")))
    agent.invoke("hi", thread="a")
    agent.close()
    again = make_agent(ScriptedBrain())
    assert asyncio.run(again.history("a")) == [("user", "hi"), ("assistant", "Hello!")]


def test_damaged_conversations_are_told_and_nothing_is_lost(make_agent: Make, settings: Settings) -> None:
    Workspace.open(settings.home)
    file = settings.home / "threads.db"
    file.write_bytes(b"no database at all" * 300)
    with pytest.raises(StudioError, match="Move the file away"):
        make_agent(ScriptedBrain())
    assert file.read_bytes().startswith(b"no database")


class SilentBrain(ScriptedBrain):
    """Never answers: a model that loads, or hangs."""

    _taken_back: list[str] = PrivateAttr(default_factory=list)

    async def _agenerate(self, *args: Any, **kwargs: Any) -> Any:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            self._taken_back.append("cancelled")
            raise


async def test_a_turn_whose_brain_is_silent_ends_with_its_time(make_agent: Make, settings: Settings) -> None:
    brain = SilentBrain()
    agent = make_agent(brain, budget=settings.budget.model_copy(update={"seconds": 0.3}))
    async with asyncio.timeout(20):
        report = await agent.ainvoke("draw a cat", thread="a")
    assert report["error"]["problem"].startswith("Stopped after") and brain._taken_back == ["cancelled"]


async def test_a_turn_whose_brain_is_silent_can_be_stopped(make_agent: Make) -> None:
    brain = SilentBrain()
    agent = make_agent(brain)
    report: dict[str, Any] = {}
    async with asyncio.timeout(20):
        async for event in agent.astream("draw a cat", thread="a"):
            agent.cancel("a")
            if isinstance(event, Done):
                report = event.report
    assert report["error"]["problem"] == "Stopped at your request" and brain._taken_back == ["cancelled"]


def test_a_tools_own_question_is_put_to_the_user_and_the_answer_goes_on(make_agent: Make) -> None:
    brain = ScriptedBrain().enqueue(
        understands("write_note"), calls(("write_note", {"text": "whose"})), says("It was not written."),
        understands("write_note"), calls(("write_note", {"text": "hello"})), says("I wrote it."),
    )  # fmt: skip
    agent = make_agent(brain)
    report = agent.invoke({"messages": [("user", "write it down")]}, thread="a")
    assert report["questions"] == ["The note was not written yet: somebody has to agree. Who agreed?"]
    assert (
        report["choices"] == ["I did"]
        and exit_code(report) == 3
        and report["error"] is None
        and report["reply"] == report["questions"][0]
        and report["calls"][0]["status"] == "asked"
    )
    report = agent.invoke({"messages": [("user", "Anna did")]}, thread="a")
    assert report["questions"] == [] and exit_code(report) == 0 and report["calls"][0]["status"] == "done"
    facts = read_facts(brain.asked[3])
    assert facts.open_question is not None and facts.open_question.wish == "write it down"


def test_undo_takes_back_what_the_whole_message_did(make_agent: Make) -> None:
    def note(name: str) -> tuple[str, dict[str, Any]]:
        return ("remember", {"kind": "character", "name": name, "text": f"{name} is a fox"})

    agent = make_agent(
        ScriptedBrain().enqueue(
            understands("remember"), calls(note("Ava")), says("ok"),
            understands("remember", "write_note"), calls(note("Pip"), note("Otto"), ("write_note", {"text": "a"})),
            says("ok"),
        )
    )  # fmt: skip
    memory = agent.studio.memory

    def known() -> list[str]:
        return [entry.name for entry in memory.list_entries("character")]

    agent.invoke("meet Ava", thread="a")
    made = agent.invoke("meet Pip and Otto, and note it", thread="a")["assets"][0]["id"]
    brain = cast(ScriptedBrain, agent.brain)
    brain.enqueue(understands("undo"), calls(("undo", {"steps": 1})), says("undone"))
    agent.invoke("undo that", thread="a")
    assert known() == ["Ava"] and memory.get_asset(made).hidden  # type: ignore[union-attr]
    brain.enqueue(understands("redo"), calls(("redo", {"steps": 1})), says("again"))
    agent.invoke("redo", thread="a")
    assert known() == ["Ava", "Otto", "Pip"] and not memory.get_asset(made).hidden  # type: ignore[union-attr]
    for left in (["Ava"], []):
        brain.enqueue(understands("undo"), calls(("undo", {"steps": 1})), says("undone"))
        agent.invoke("undo", thread="a")
        assert known() == left
