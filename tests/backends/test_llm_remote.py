"""The `llm` brain against a real HTTP server with everything that goes wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from fake_openai import FakeOpenAI, closed_port, serve
from langchain_core.messages import HumanMessage, SystemMessage
from pydantic import BaseModel, Field

from backends.llm.brain import make_brain
from backends.llm.remote import make_llm_brain
from backends.llm.understanding import UNDERSTAND, parse_understanding, understand_tool
from configs.errors import EngineError, UsageError
from configs.settings import LlmSettings, Settings

ASK = [SystemMessage("s"), HumanMessage("draw Luca")]


class draw(BaseModel):
    """Draws a picture."""

    prompt: str = Field(description="what")
    count: int = Field(1, description="how many")
    size: list[int] | None = Field(None, description="w, h")


@pytest.fixture
def fake() -> Iterator[Callable[..., FakeOpenAI]]:
    with ExitStack() as stack:
        yield lambda **switches: stack.enter_context(serve(FakeOpenAI(**switches)))


def brain_for(fake: FakeOpenAI, **settings: Any) -> Any:
    return make_llm_brain(LlmSettings(base_url=fake.url, **{"timeout_s": 20, **settings}))[0]


async def test_understands_with_a_forced_strict_tool(fake: Callable[..., FakeOpenAI]) -> None:
    server = fake(answers=[(UNDERSTAND, {"intent": "draw", "tools": ["draw"], "language": "it", "confidence": 0.9})])
    brain = brain_for(server)
    answer = await brain.bind_tools([understand_tool()], tool_choice=UNDERSTAND).ainvoke(ASK)
    reading = parse_understanding(answer)
    assert (reading.intent, reading.language, reading.acts) == ("draw", "it", True)
    sent = server.requests[0]
    assert sent["model"] == "fake-7b"
    assert sent["tool_choice"] == {"type": "function", "function": {"name": UNDERSTAND}}
    assert not sent.get("stream")
    parameters = server.tools[UNDERSTAND]["parameters"]
    assert server.tools[UNDERSTAND]["strict"] is True
    assert sorted(parameters["required"]) == sorted(parameters["properties"])
    assert parameters["additionalProperties"] is False


async def test_nulls_of_strict_schemas_are_dropped_again(fake: Callable[..., FakeOpenAI]) -> None:
    server = fake(answers=[[("draw", {"prompt": "a", "count": None, "size": None}), ("draw", {"prompt": "$1"})]])
    answer = await brain_for(server).bind_tools([draw], tool_choice="auto").ainvoke(ASK)
    assert [call["args"] for call in answer.tool_calls] == [{"prompt": "a", "size": None}, {"prompt": "$1"}]
    assert len({call["id"] for call in answer.tool_calls}) == 2
    assert answer.response_metadata["brain"] == "llm"
    assert answer.usage_metadata is not None and answer.usage_metadata["total_tokens"] == 15


def test_the_same_without_an_event_loop(fake: Callable[..., FakeOpenAI]) -> None:
    server = fake(answers=[("draw", {"prompt": "a", "count": 2, "size": None})])
    answer = brain_for(server).bind_tools([draw], parallel_tool_calls=False).invoke(ASK)
    assert answer.tool_calls[0]["args"] == {"prompt": "a", "count": 2, "size": None}
    assert server.requests[0]["parallel_tool_calls"] is False


async def test_retries_what_fails_on_the_way(fake: Callable[..., FakeOpenAI]) -> None:
    for status in (500, 429, 503):
        server = fake(fail_first=2, fail_status=status, answers=["Fine"])
        assert (await brain_for(server).ainvoke(ASK)).text == "Fine"
        assert len(server.requests) == 3


async def test_a_wrong_request_is_not_tried_again(fake: Callable[..., FakeOpenAI]) -> None:
    server = fake(fail_first=9, fail_status=400)
    with pytest.raises(EngineError, match="answered 400"):
        await brain_for(server).ainvoke(ASK)
    assert len(server.requests) == 1


async def test_a_model_that_could_not_be_started_is_not_started_again(fake: Callable[..., FakeOpenAI]) -> None:
    server = fake(fail_first=9, fail_status=503, fail_code="model_unavailable")
    with pytest.raises(EngineError) as caught:
        await brain_for(server).ainvoke(ASK)
    assert len(server.requests) == 1, "each start takes minutes, and three crashes open the breaker"
    assert caught.value.cause == "overloaded" and "studio models logs" in caught.value.fix


async def test_gives_up_in_one_sentence(fake: Callable[..., FakeOpenAI]) -> None:
    server = fake(fail_first=9)
    with pytest.raises(EngineError, match="answered 500") as caught:
        await brain_for(server, retries=2).ainvoke(ASK)
    assert len(server.requests) == 2
    assert "\n" not in caught.value.sentence and "Traceback" not in caught.value.sentence


@pytest.mark.parametrize(
    "bad", ["<html>", ("paint", {"prompt": "a"}), ("draw", '{"prompt": "a'), ("draw", {"count": 1}), ""]
)
async def test_nonsense_gets_one_repair(fake: Callable[..., FakeOpenAI], bad: Any) -> None:
    switches: dict[str, Any] = {"garbage_first": 1} if bad == "<html>" else {}
    good = ("draw", {"prompt": "a"})
    server = fake(answers=[good] if switches else [bad, good], **switches)
    answer = await brain_for(server).bind_tools([draw], tool_choice="auto").ainvoke(ASK)
    assert answer.tool_calls[0]["args"] == {"prompt": "a"}
    assert len(server.requests) == 2
    complaint = server.requests[1]["messages"][-1]
    assert complaint["role"] == "user" and complaint["content"]


@pytest.mark.parametrize("bad", ["<html>", ("paint", {}), ("draw", "{{{")])
def test_twice_nonsense_is_an_error(fake: Callable[..., FakeOpenAI], bad: Any) -> None:
    server = fake(garbage_first=9) if bad == "<html>" else fake(answers=[bad])
    with pytest.raises(EngineError, match="cannot be used") as caught:
        brain_for(server).bind_tools([draw]).invoke(ASK)
    assert len(server.requests) == 2
    assert "\n" not in caught.value.sentence


async def test_json_in_the_text_counts_as_the_call(fake: Callable[..., FakeOpenAI]) -> None:
    text = '<think>hm {"intent": 1}</think>\n```json\n{"intent": "draw", "tools": ["draw"],}\n```'
    server = fake(answers=[text])
    answer = await brain_for(server).bind_tools([understand_tool()], tool_choice=UNDERSTAND).ainvoke(ASK)
    assert parse_understanding(answer).intent == "draw"
    hermes = fake(answers=['<tool_call>{"name": "draw", "arguments": {"prompt": "b"}}</tool_call>'])
    answer = await brain_for(hermes).bind_tools([draw]).ainvoke(ASK)
    assert answer.tool_calls[0]["args"] == {"prompt": "b"} and answer.text == ""


async def test_thoughts_are_never_shown(fake: Callable[..., FakeOpenAI]) -> None:
    for text in ("<think>secret</think>Hello there", "secret</think>Hello there", "Hello there<think>secret"):
        server = fake(answers=[text])
        assert (await brain_for(server).ainvoke(ASK)).text == "Hello there"
    server = fake(answers=["<think>sec\nret</think>\n\nHello <b>there"])
    pieces = [chunk.text async for chunk in brain_for(server).astream(ASK)]
    assert "".join(pieces) == "Hello <b>there" and len(pieces) > 2
    assert server.requests[0]["stream"] and server.requests[0]["stream_options"] == {"include_usage": True}


async def test_tool_turns_are_not_streamed(fake: Callable[..., FakeOpenAI]) -> None:
    server = fake(answers=[("draw", {"prompt": "a"})])
    chunks = [chunk async for chunk in brain_for(server).bind_tools([draw]).astream(ASK)]
    assert chunks[0].tool_calls[0]["name"] == "draw"
    assert not server.requests[0].get("stream")


@pytest.mark.parametrize("switch", [{"delay_s": 5.0}, {"drip_s": 0.05}])
async def test_the_total_time_is_limited(fake: Callable[..., FakeOpenAI], switch: dict[str, float]) -> None:
    server = fake(**switch)
    brain = brain_for(server, timeout_s=1.0)
    begun = time.monotonic()
    with pytest.raises(EngineError, match="too slow"):
        await brain.ainvoke(ASK)
    with pytest.raises(EngineError, match="too slow"):
        brain.invoke(ASK)
    assert time.monotonic() - begun < 4.5


def test_a_dead_endpoint_is_announced_or_refused() -> None:
    llm = {"base_url": f"http://127.0.0.1:{closed_port()}/v1", "retries": 1}
    with pytest.raises(EngineError, match="does not answer"):
        make_brain(Settings(brain="llm", llm=llm))
    brain, capabilities, notice = make_brain(Settings(brain="auto", llm=llm))
    assert capabilities.name == "offline" and not capabilities.free_text
    assert notice and "does not answer" in notice
    assert brain._llm_type == "offline"


def test_which_brain_is_taken(fake: Callable[..., FakeOpenAI]) -> None:
    server = fake()
    _, capabilities, notice = make_brain(Settings(brain="auto", llm={"base_url": server.url}))
    assert (capabilities.name, capabilities.model, notice) == ("llm", "fake-7b", None)
    assert make_brain(Settings(brain="llm", llm={"base_url": server.url, "model": "fake-14b"}))[1].model == "fake-14b"
    with pytest.raises(EngineError, match="fake-14b"):
        make_brain(Settings(brain="llm", llm={"base_url": server.url, "model": "fake-14"}))
    with pytest.raises(UsageError, match=r"llm\.base_url"):
        make_brain(Settings(brain="llm", llm={"base_url": ""}))
    assert make_brain(Settings(brain="offline", llm={"base_url": server.url}))[1].name == "offline"
    _, capabilities, notice = make_brain(Settings(brain="auto", llm={"base_url": ""}))
    assert capabilities.name == "offline" and notice and "llm.base_url" in notice
    with pytest.raises(EngineError, match="serves no model"):
        make_brain(Settings(brain="llm", llm={"base_url": fake(models=[]).url}))


def test_it_dies_between_two_turns(fake: Callable[..., FakeOpenAI]) -> None:
    with serve(FakeOpenAI()) as server:
        brain = brain_for(server, retries=2)
        assert brain.invoke(ASK).text == "Hello"
    with pytest.raises(EngineError, match="does not answer"):
        brain.invoke(ASK)
