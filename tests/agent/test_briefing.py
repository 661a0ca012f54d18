"""What a brain is told of the files of a conversation."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from scripted_brain import ScriptedBrain

from agent.briefing import collect_facts
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
