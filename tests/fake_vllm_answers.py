"""What the fake vLLM answers: whole or streamed, in vLLM's shapes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import time
from collections.abc import AsyncIterator
from typing import Any

from fake_vllm_core import Core, EngineDead

WORDS = [
    *(
        "a",
        "the",
        "one",
        "two",
        "boy",
        "girl",
        "robot",
        "sea",
        "hill",
        "tree",
        "lamp",
        "boat",
        "cloud",
        "rain",
        "light",
    ),
    *("song", "runs", "sings", "waits", "looks", "finds", "keeps", "slow", "bright", "small", "old", "green", "red"),
    *("blue", "warm", "cold", "far", "near", "under", "over", "with", "and", "then", "soon", "never", "again", "home"),
]


def words_of(prompt: str, count: int) -> list[str]:
    """The same prompt, the same words: greedy decoding."""
    chosen = random.Random(hashlib.sha256(prompt.encode()).digest())
    return [chosen.choice(WORDS) for _ in range(count)]


class Work:
    """One request on its way through the engine."""

    def __init__(self, core: Core, body: dict[str, Any], prompt: str, kind: str, model: str) -> None:
        self.core, self.body, self.kind, self.model = core, body, kind, model
        self.prompt = prompt
        self.stop = asyncio.Event()
        wanted = core.traps.answer.split(" ") if core.traps.answer else words_of(prompt, core.traps.tokens)
        if core.gibberish or float(body.get("temperature") or 0) > 0.9:
            wanted = words_of(str(time.perf_counter_ns()), core.traps.tokens)
        limit = body.get("max_completion_tokens") or body.get("max_tokens")
        self.words = wanted[: int(limit)] if limit else wanted
        self.reason = "length" if len(self.words) < len(wanted) else "stop"
        name, arguments = (core.traps.tool_call or [None, None])[:2]
        if body.get("tools") and body.get("tool_choice") == "required" and name is None:
            name, arguments = body["tools"][0]["function"]["name"], {}
        self.call = [name, json.dumps(arguments)] if name and body.get("tools") else []
        self.sent = 0

    async def pieces(self) -> AsyncIterator[str]:
        """Words, once the engine is awake; ends early when sleep aborts, hangs when the engine is wedged."""
        core = self.core
        core.open += 1
        core.counts["started"] += 1
        ended = "aborted"
        try:
            while core.is_sleeping:
                await core.awake.wait()
            core.running[id(self)] = self.stop
            while core.traps.wedged:
                await asyncio.sleep(0.02)
                self._look()
            await asyncio.sleep(core.traps.first_token_s)
            for index, word in enumerate(self.words):
                self._look()
                if self.stop.is_set():
                    self.reason = "abort"
                    ended = ""
                    return
                yield word if index == 0 else f" {word}"
                self.sent += 1
                core.tokens_made += 1
                if core.traps.token_s:
                    await asyncio.sleep(core.traps.token_s)
            ended = "finished"
        finally:
            core.open -= 1
            core.running.pop(id(self), None)
            if ended:
                core.counts[ended] += 1

    def _look(self) -> None:
        if self.core.dead:
            raise EngineDead

    async def whole(self) -> dict[str, Any]:
        text = "".join([piece async for piece in self.pieces()])
        if self.kind == "embed":
            seed = random.Random(hashlib.sha256(self.prompt.encode()).digest())
            given = self.body["input"] if isinstance(self.body["input"], list) else [self.body["input"]]
            data = [
                {"object": "embedding", "index": index, "embedding": [seed.uniform(-1, 1) for _ in range(8)]}
                for index, _ in enumerate(given)
            ]
            return {"id": "embd-1", "object": "list", "model": self.model, "data": data, "usage": self.usage()}
        if self.kind == "text":
            choice: dict[str, Any] = {"index": 0, "text": text, "logprobs": None, "finish_reason": self.reason}
            return self._envelope("text_completion", [choice])
        message: dict[str, Any] = {"role": "assistant", "content": text, "tool_calls": []}
        if self.call:
            message |= {"content": None, "tool_calls": [self._call()]}
        reason = "tool_calls" if self.call else self.reason
        return self._envelope("chat.completion", [{"index": 0, "message": message, "finish_reason": reason}])

    async def stream(self) -> AsyncIterator[str]:
        chat = self.kind == "chat"
        kind = "chat.completion.chunk" if chat else "text_completion"

        def chunk(delta: dict[str, Any], reason: str | None = None) -> str:
            choice = {"index": 0, "delta": delta} if chat else {"index": 0, "text": delta.get("content", "")}
            body = self._envelope(kind, [{**choice, "logprobs": None, "finish_reason": reason}], usage=False)
            return f"data: {json.dumps(body)}\n\n"

        pieces = self.pieces()
        try:
            first = True
            async for piece in pieces:
                if first and chat:
                    yield chunk({"role": "assistant", "content": ""})
                first = False
                if self.core.traps.cut_after and self.sent >= self.core.traps.cut_after:
                    raise ConnectionAbortedError("cut by a trap")
                if not self.call:
                    yield chunk({"content": piece})
            if self.call and self.reason != "abort":
                call = self._call()
                arguments, call["function"]["arguments"] = call["function"]["arguments"], ""
                yield chunk({"tool_calls": [{"index": 0, **call}]})
                for start in range(0, len(arguments), 7):
                    part = {"index": 0, "function": {"arguments": arguments[start : start + 7]}}
                    yield chunk({"tool_calls": [part]})
            yield chunk({}, "tool_calls" if self.call and self.reason != "abort" else self.reason)
            if (self.body.get("stream_options") or {}).get("include_usage"):
                last = self._envelope(kind, [], usage=True)
                yield f"data: {json.dumps(last)}\n\n"
        except EngineDead:
            gone = {"message": "The server had an error while processing your request.", "type": "InternalServerError"}
            yield f"data: {json.dumps({'error': gone | {'param': None, 'code': 500}})}\n\n"
        finally:
            await pieces.aclose()  # type: ignore[attr-defined]
        yield "data: [DONE]\n\n"

    def usage(self) -> dict[str, int]:
        prompt, done = max(1, len(self.prompt) // 4), self.sent
        return {"prompt_tokens": prompt, "completion_tokens": done, "total_tokens": prompt + done}

    def _call(self) -> dict[str, Any]:
        return {
            "id": "chatcmpl-tool-" + hashlib.sha256(self.prompt.encode()).hexdigest()[:16],
            "type": "function",
            "function": {"name": self.call[0], "arguments": self.call[1]},
        }

    def _envelope(self, kind: str, choices: list[dict[str, Any]], usage: bool = True) -> dict[str, Any]:
        body = {"id": "chatcmpl-fake", "object": kind, "created": 1, "model": self.model, "choices": choices}
        return body | ({"usage": self.usage()} if usage else {})
