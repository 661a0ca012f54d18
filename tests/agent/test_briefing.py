"""What a brain is told of the files of a conversation."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from scripted_brain import ScriptedBrain, calls, says, understands

from agent.briefing import _call, collect_facts
from backends.llm.facts import read_facts
from memory.records import Asset

Make = Any


def test_a_film_without_its_captions_is_not_the_film_that_is_meant(make_agent: Make) -> None:
    memory = make_agent(ScriptedBrain()).studio.memory
    for name, params in (("Fox", {}), ("Fox without captions", {"textless": "ab"})):
        sha = f"{len(name):064d}"
        memory.add_asset(
            Asset(f"vid-{sha[-10:]}", "video", f"assets/{name}.mp4", name, sha, 1, thread="t", params=params)
        )
    context: Any = SimpleNamespace(studio=SimpleNamespace(memory=memory), thread="t")
    assert [one["name"] for one in collect_facts({}, context)["assets"]] == ["Fox"]


def test_the_next_turn_knows_what_was_done(make_agent: Make) -> None:
    brain = ScriptedBrain().enqueue(
        understands("write_note"),
        calls(("write_note", {"text": "hello"})),
        says("done"),
        understands("chat"),
        says("you're welcome"),
    )
    agent = make_agent(brain)
    agent.invoke("say hello", thread="t", yes=True)
    agent.invoke("thanks", thread="t", yes=True)
    assert read_facts(brain.asked[0]).calls == ()
    (done,) = read_facts(brain.asked[-1]).calls
    assert (done.tool, done.args["text"]) == ("write_note", "hello")


def test_data_of_its_own_is_left_out_of_a_call() -> None:
    row = {"tool": "make_film", "args": {"story": "a fox", "storyboard": {"shots": []}, "notes": "x" * 5000}}
    assert _call(row) == {"tool": "make_film", "args": {"story": "a fox"}}
