"""The program behind fake_vllm.py; see there."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
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
from fake_vllm_answers import Work
from fake_vllm_core import Core, EngineDead
from fake_vllm_start import parse, run_start_up

WATCHDOG_S = 1.0
"""After this the server of a dead EngineCore ends itself (5 s in vLLM's launcher.py)."""


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
            f'vllm:generation_tokens_total{{model_name="{names[0]}"}} {float(core.tokens_made)}\n'
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
