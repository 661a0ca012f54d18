"""A language model that is gone when a turn begins: brain 'auto' goes on with the built-in one and says so."""

from __future__ import annotations

from pathlib import Path

from fake_openai import FakeOpenAI, serve

from agent import build_agent
from backends.llm.understanding import UNDERSTAND
from configs.settings import Settings, load_settings

CHAT = (UNDERSTAND, {"intent": "chat", "tools": [], "question": "", "choices": [], "reason": "", "language": "en"})


def settings_for(home: Path, url: str, brain: str) -> Settings:
    llm = {"base_url": url, "retries": 1, "timeout_s": 20}
    return load_settings(home=home, brain=brain, llm=llm, memory={"index": "numpy", "embedder": "letters"})


def test_auto_goes_on_with_the_built_in_brain_and_comes_back(tmp_path: Path) -> None:
    with (
        serve(FakeOpenAI(answers=[CHAT, "Hello from the model"])) as fake,
        build_agent(settings_for(tmp_path, fake.url, "auto")) as agent,
    ):
        first = agent.invoke("hello", thread="a")
        assert (first["brain"], first["reply"]) == ("llm", "Hello from the model")
        fake.fail_first, fake.fail_status = len(fake.requests) + 1, 503
        second = agent.invoke("hello", thread="a")
        assert second["brain"] == "offline" and second["error"] is None and second["reply"]
        assert any("built-in brain for this" in n and "503" in n for n in second["notices"])
        fake.answers = [CHAT, "Back again"]
        third = agent.invoke("hello there", thread="a")
        assert (third["brain"], third["reply"]) == ("llm", "Back again")
        assert not any("built-in" in n for n in third["notices"])


def test_a_wish_for_a_tool_is_served_too(tmp_path: Path) -> None:
    with serve(FakeOpenAI(answers=[CHAT])) as fake, build_agent(settings_for(tmp_path, fake.url, "auto")) as agent:
        fake.fail_first, fake.fail_status = 100, 500
        report = agent.invoke("say 'Ciao, piccolo!' as Luca, happily")
        assert [c["tool"] for c in report["calls"]] == ["speak"] and report["assets"]


def test_brain_llm_means_that_one_alone(tmp_path: Path) -> None:
    with serve(FakeOpenAI(answers=[CHAT])) as fake, build_agent(settings_for(tmp_path, fake.url, "llm")) as agent:
        fake.fail_first, fake.fail_status = 100, 500
        report = agent.invoke("hello")
        assert report["error"] and report["error"]["exit_code"] == 4 and report["brain"] == "llm"
