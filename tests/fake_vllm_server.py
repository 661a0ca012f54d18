"""The program behind fake_vllm.py; see there."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import importlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

sys.path.insert(0, str(Path(__file__).parent))
from fake_device import FakeDevice
from fake_vllm import Traps
from fake_vllm_start import run_start_up

WORDS = (
    "a the one two boy girl robot sea hill tree lamp boat cloud rain light song runs sings waits looks finds keeps slow "
    "bright small old green red blue warm cold far near under over with and then soon never again home"
).split()
WATCHDOG_S = 1.0
"""After this the server of a dead EngineCore ends itself (5 s in vLLM's launcher.py)."""


class EngineDead(Exception):
    pass


class Core:
    """What vLLM's EngineCore and executor keep: paused or not, which memory is asleep, which requests run."""

    def __init__(self, args: argparse.Namespace, traps: Traps, core_pid: int, device: FakeDevice | None) -> None:
        self.args, self.traps, self.pid, self.device = args, traps, core_pid, device
        self.paused = False
        self.asleep: set[str] = set()
        self.slept_before = False
        self.gibberish = False
        self.awake = asyncio.Event()
        self.awake.set()
        self.running: dict[int, asyncio.Event] = {}
        self.counts = dict.fromkeys(("started", "finished", "aborted", "cut", "sleeps", "wakes", "failed_wakes"), 0)
        self.open = 0
        self.bodies: list[dict[str, Any]] = []
        self.weights_mib = int(os.environ.get("FAKE_VLLM_WEIGHTS_MIB", "5800"))
        self.kv_mib = (args.kv_cache_memory_bytes or 2**31) // 2**20
        self.context_mib = int(os.environ.get("FAKE_VLLM_CONTEXT_MIB", "1100"))
        self.hold()

    @property
    def dead(self) -> bool:
        try:
            done, _ = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:
            return True
        return done != 0

    @property
    def is_sleeping(self) -> bool:
        return self.paused or bool(self.asleep)

    def hold(self) -> None:
        parts = {"weights": self.weights_mib, "kv_cache": self.kv_mib}
        mib = self.context_mib + sum(size for tag, size in parts.items() if tag not in self.asleep)
        if self.device is not None:
            self.device.hold(mib, str(self.pid))

    async def sleep(self, mode: str) -> None:
        self.paused = True
        self.awake.clear()
        if mode == "abort":
            for stop in self.running.values():
                stop.set()
                self.counts["cut"] += 1
        while mode != "keep" and self.running:
            await asyncio.sleep(0.005)
        if self.traps.sleep_hangs:
            await asyncio.sleep(3600)
        if "weights" in self.asleep:
            return  # "Executor is already sleeping."
        await asyncio.sleep(self.traps.sleep_s + (0 if self.slept_before else self.traps.first_sleep_s))
        if self.traps.sleep_fails:
            self.traps.sleep_fails -= 1
            raise RuntimeError("Call to sleep method failed: Memory usage increased after sleeping.")
        if self.traps.sleep_lies:
            self.paused = False
            self.awake.set()
            return
        self.slept_before = True
        self.asleep = {"weights", "kv_cache"}
        self.counts["sleeps"] += 1
        self.hold()

    async def wake_up(self, tags: list[str] | None) -> bool:
        await asyncio.sleep(self.traps.wake_s)
        if self.traps.wake_lies:
            return True
        if self.asleep and not (tags and any(tag not in self.asleep for tag in tags)):
            for tag in tags or ["weights", "kv_cache"]:
                self._map(tag, whole=not tags)
        if not self.asleep and self.paused:
            self.paused = False
            self.counts["wakes"] += 1
            self.traps.wedged |= self.traps.wedged_after_wake
            self.gibberish |= self.traps.gibberish_after_wake
            self.awake.set()
        return not self.is_sleeping

    def _map(self, tag: str, whole: bool) -> None:
        """Raises with CUDA's text; then vLLM's executor still counts the tag as asleep though part of it is mapped."""
        size = self.weights_mib if tag == "weights" else self.kv_mib
        short = self.device is not None and self.device.free_mib < size
        if short or (self.traps.wake_oom and self.traps.wake_oom_at == tag):
            self.traps.wake_oom -= self.traps.wake_oom > 0
            self.counts["failed_wakes"] += 1
            if self.device is not None:  # what was mapped before it failed stays mapped
                self.device.hold(self.device.held_by(self.pid) + max(self.device.free_mib, 0), str(self.pid))
            if whole:
                self.asleep |= {"weights", "kv_cache"}
            raise RuntimeError(
                "Call to wake_up method failed: CUDA Error: out of memory at /workspace/csrc/cumem_allocator.cpp:139"
            )
        self.asleep.discard(tag)
        self.hold()


def words_of(prompt: str, count: int) -> list[str]:
    """The same prompt, the same words: greedy decoding."""
    chosen = random.Random(hashlib.sha256(prompt.encode()).digest())
    return [chosen.choice(WORDS) for _ in range(count)]


def build_app(core: Core, dev_mode: bool) -> Starlette:
    """vLLM's routes and middleware order (entrypoints/serve/middleware/register.py)."""
    args = core.args
    names = args.served_model_name or [args.model_tag]

    def error(status: int, message: str, kind: str) -> JSONResponse:
        body = {"error": {"message": message, "type": kind, "param": None, "code": status}}
        headers = {"retry-after": core.traps.retry_after} if core.traps.retry_after else None
        return JSONResponse(body, status, headers=headers)

    async def health(_: Request) -> Response:
        return Response(status_code=503 if core.dead else 200)

    async def models(_: Request) -> Response:
        listed = [
            {"id": name, "object": "model", "created": 1, "owned_by": "vllm", "root": args.model_tag}
            | {"parent": None, "max_model_len": args.max_model_len, "permission": []}
            for name in names
        ]
        return JSONResponse({"object": "list", "data": listed})

    async def complete(request: Request) -> Response:
        kind = {"/v1/chat/completions": "chat", "/v1/completions": "text"}.get(request.url.path, "embed")
        try:
            body = json.loads(await request.body())
            prompt = _prompt_of(body, kind)
        except (ValueError, KeyError, TypeError) as reason:
            return error(400, f"Invalid request: {reason}", "BadRequestError")
        if body.get("model") not in (*names, None):
            return error(404, f"The model `{body['model']}` does not exist.", "NotFoundError")
        if args.max_model_len and len(prompt) // 4 > args.max_model_len:
            text = f"This model's maximum context length is {args.max_model_len} tokens."
            return error(400, text, "BadRequestError")
        if core.dead:
            return error(500, "The server had an error while processing your request.", "InternalServerError")
        if core.traps.fail:
            core.traps.fail -= 1
            return error(core.traps.fail_status, "refused by a trap", "ServiceUnavailableError")
        if core.traps.garbage:
            return HTMLResponse("<html>502 Bad Gateway</html>")
        core.bodies.append(body)
        del core.bodies[: -core.traps.keep_bodies or None]
        work = Work(core, body, prompt, kind, str(body.get("model") or names[0]))
        if body.get("stream"):
            return StreamingResponse(work.stream(), media_type="text/event-stream")
        return await _until_gone(request, work.whole, error)

    async def sleep(request: Request) -> Response:
        mode = request.query_params.get("mode", "abort")
        level = request.query_params.get("level", "1")
        if mode not in ("abort", "wait", "keep") or level not in "012":
            return error(422, "invalid query", "Unprocessable Entity")
        try:
            await core.sleep(mode)
        except RuntimeError as reason:
            return error(500, str(reason), "InternalServerError")
        return JSONResponse({"status": "sleeping", "level": int(level)})

    async def wake_up(request: Request) -> Response:
        tags = request.query_params.getlist("tags") or None
        try:
            awake = await core.wake_up(tags)
        except RuntimeError as reason:
            return error(500, str(reason), "InternalServerError")
        return JSONResponse({"status": "awake" if awake else "sleeping", "tags": tags})

    async def is_sleeping(_: Request) -> Response:
        if core.traps.garbage_admin:
            return HTMLResponse("<html>hello</html>")
        return JSONResponse({"is_sleeping": core.is_sleeping})

    async def metrics(_: Request) -> Response:
        return PlainTextResponse(
            f'vllm:num_requests_running{{model_name="{names[0]}"}} {len(core.running)}\n'
            f'vllm:engine_sleep_state{{sleep_state="awake"}} {int(not core.is_sleeping)}\n'
        )

    async def tokenize(request: Request) -> Response:
        text = str(json.loads(await request.body()).get("prompt", ""))
        return JSONResponse({"count": len(text) // 4, "tokens": list(range(len(text) // 4))})

    routes = [Route("/health", health), Route("/v1/models", models), Route("/metrics", metrics)]
    routes += [Route(f"/v1/{path}", complete, methods=["POST"]) for path in ("chat/completions", "completions")]
    routes += [Route("/v1/embeddings", complete, methods=["POST"]), Route("/tokenize", tokenize, methods=["POST"])]
    if dev_mode:
        routes += [Route("/sleep", sleep, methods=["POST"]), Route("/wake_up", wake_up, methods=["POST"])]
        routes += [Route("/is_sleeping", is_sleeping)]
    return Starlette(routes=routes, middleware=_middleware(args))


def _middleware(args: argparse.Namespace) -> list[Middleware]:
    found = []
    for path in reversed(args.middleware):
        module, _, name = path.rpartition(".")
        found.append(Middleware(getattr(importlib.import_module(module), name)))
    key = args.api_key[0] if args.api_key else os.environ.get("VLLM_API_KEY", "")
    return [*found, Middleware(_OwnAuthentication, key=key)] if key else found


class _OwnAuthentication:
    """vLLM's own: only some prefixes are guarded (entrypoints/serve/middleware/authenticate.py)."""

    def __init__(self, app: Any, key: str) -> None:
        self.app, self.key = app, key

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith(("/v1", "/v2", "/inference", "/cohere")):
            given = dict(scope["headers"]).get(b"authorization", b"").decode()
            if given != f"Bearer {self.key}":
                await JSONResponse({"error": "Unauthorized"}, 401)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _prompt_of(body: dict[str, Any], kind: str) -> str:
    if kind != "chat":
        return json.dumps(body["prompt" if kind == "text" else "input"])
    if not isinstance(body["messages"], list) or not body["messages"]:
        raise ValueError("messages must be a non-empty list")
    return json.dumps(body["messages"])


async def _until_gone(request: Request, work: Callable[[], Any], error: Callable[..., Response]) -> Response:
    """Run `work`; a client that goes away cancels it (vLLM's `with_cancellation`)."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    task, watch = asyncio.ensure_future(work()), asyncio.ensure_future(gone())
    await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
    watch.cancel()
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
        return Response(status_code=499)
    try:
        return JSONResponse(task.result())
    except (EngineDead, ClientDisconnect):
        return error(500, "The server had an error while processing your request.", "InternalServerError")


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


def with_control(app: Any, core: Core) -> Any:
    """The `/__` endpoints in front of everything."""

    async def control(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/__"):
            await app(scope, receive, send)
            return
        answer: Any = {}
        match scope["path"]:
            case "/__trap":
                for name, value in json.loads(await Request(scope, receive).body()).items():
                    setattr(core.traps, name, value)
                _signals(core.traps)
            case "/__seen":
                answer = {**core.counts, "open": core.open, "running": len(core.running), "bodies": core.bodies}
                answer |= {"pid": os.getpid(), "core_pid": core.pid, "is_sleeping": core.is_sleeping}
                answer |= {"asleep": sorted(core.asleep), "traps": asdict(core.traps), "argv": sys.argv[1:]}
                answer |= {"env": sorted(os.environ)}
            case "/__forget":
                core.counts = dict.fromkeys(core.counts, 0)
                core.bodies.clear()
            case "/__die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "/__kill_core":
                os.kill(core.pid, signal.SIGKILL)
        await JSONResponse(answer)(scope, receive, send)

    return control


def _signals(traps: Traps) -> None:
    if traps.ignore_sigterm:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def fork_core(traps: Traps) -> int:
    """The EngineCore: a process that holds the GPU; a stubborn one outlives its parent and ignores SIGTERM."""
    pid = os.fork()
    if pid:
        return pid
    parent = os.getppid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN if traps.stubborn_core else signal.SIG_DFL)
    while traps.stubborn_core or traps.core_alone or os.getppid() == parent:
        time.sleep(0.2)
    os._exit(0)


async def serve(args: argparse.Namespace, traps: Traps, core_pid: int, device: FakeDevice | None) -> None:
    core = Core(args, traps, core_pid, device)
    app = with_control(build_app(core, os.environ.get("VLLM_SERVER_DEV_MODE") == "1"), core)
    config = uvicorn.Config(app, host=args.host, port=args.port, log_level="info", lifespan="off", access_log=False)
    server = _Server(config)
    running = asyncio.ensure_future(server.serve())
    asked = asyncio.Event()
    if not traps.ignore_sigterm:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    while not running.done() and not asked.is_set():
        await asyncio.sleep(0.05)
        if server.started and not core.counts.get("told"):
            core.counts["told"] = 1
            print("INFO:     Application startup complete.", flush=True)
        if core.dead:
            print("ERROR [core_client.py:840] [shutdown] MPClient: engine core exited unexpectedly", flush=True)
            await asyncio.sleep(WATCHDOG_S)
            break
    server.should_exit = server.force_exit = True
    if not traps.core_alone and not core.dead:
        os.kill(core_pid, signal.SIGTERM)
        if not traps.stubborn_core:
            os.waitpid(core_pid, 0)


class _Server(uvicorn.Server):
    """vLLM's NoSignalServer: signals are handled by the launcher."""

    def capture_signals(self) -> Any:
        return nullcontext()


def main() -> None:
    from fake_vllm_start import parse

    args = parse(sys.argv[1:])
    traps = Traps(**json.loads(os.environ.get("FAKE_VLLM") or "{}"))
    _signals(traps)
    path = os.environ.get("FAKE_VLLM_DEVICE", "")
    device = FakeDevice(Path(path)) if path else None
    core_pid = fork_core(traps)
    try:
        run_start_up(args, traps, core_pid, device)
    except SystemExit:
        os.kill(core_pid, signal.SIGKILL)
        raise
    asyncio.run(serve(args, traps, core_pid, device))


if __name__ == "__main__":
    main()
