"""`/studio/models/...`: the engines of a running studio, for the command line of the same user.

Every answer is a stream of JSON lines: `{"progress": ...}` while something comes up, then `{"done": ...}` or
`{"error": ...}`. Only the holder of the token in `<home>/server.json` is answered.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hmac
import json
import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.errors import StudioError, UsageError
from configs.llm_services import ROLES, load_services, services_file
from configs.server_file import ServerFile, forget_server, process_start
from configs.settings import Settings

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route
    from starlette.types import Receive, Scope, Send

    from backends.gpu.engine import StartProgress
    from configs.models import EngineSpec
    from tools.engine_room import EngineRoom

OnProgress = Callable[["StartProgress"], None]


class Control:
    """The routes and the file that leads to them."""

    def __init__(self, room: EngineRoom, url: str) -> None:
        self._room = room
        self._home = room.workspace.home
        self.server = ServerFile(url, secrets.token_urlsafe(32), os.getpid(), process_start(os.getpid()))

    def announce(self) -> Path:
        """Write `<home>/server.json`."""
        return self.server.write(self._home)

    def withdraw(self) -> None:
        """Remove the file again."""
        forget_server(self._home, self.server.token)

    def routes(self) -> list[Route]:
        from starlette.routing import Route

        return [Route("/studio/models/{action}", self._answer, methods=["POST"])]

    async def _answer(self, request: Request) -> Response:
        from starlette.responses import JSONResponse

        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self.server.token.encode()):
            return JSONResponse({"error": shape(UsageError("This door is for the studio's own command line"))}, 401)
        try:
            wanted = json.loads(await request.body() or b"{}")
            if not isinstance(wanted, dict):
                raise ValueError("no object")
        except ValueError as error:
            return JSONResponse({"error": shape(UsageError("The request is no JSON object", str(error)))}, 400)
        lines = self._work(request.path_params["action"], wanted)
        return _lines_response(lines)

    async def _work(self, action: str, wanted: dict[str, Any]) -> AsyncIterator[bytes]:
        """Run the command in a thread; its progress and its end as lines."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

        def tell(line: dict[str, Any] | None) -> None:
            loop.call_soon_threadsafe(queue.put_nowait, line)

        def work() -> None:
            try:
                done = do(self._room, action, wanted, lambda p: tell({"progress": dataclasses.asdict(p)}))
                tell({"done": done})
            except StudioError as error:
                tell({"error": shape(error)})
            finally:
                tell(None)

        task = asyncio.ensure_future(asyncio.to_thread(work))
        while (line := await queue.get()) is not None:
            yield json.dumps(line, default=str).encode() + b"\n"
        await task


def _lines_response(lines: AsyncIterator[bytes]) -> Response:
    """The lines as an answer. A server that ends cuts it off; that is no error for its log."""
    from starlette.responses import StreamingResponse

    class Lines(StreamingResponse):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            with suppress(asyncio.CancelledError):
                await super().__call__(scope, receive, send)

    return Lines(lines, media_type="application/x-ndjson")


def do(room: EngineRoom, action: str, wanted: dict[str, Any], on_start: OnProgress) -> dict[str, Any]:
    """One command on the engines of this process; what the command line shows. Raises StudioError."""
    arbiter = room.arbiter
    name = _engine_name(room, str(wanted.get("name", "")))
    match action:
        case "status":
            return status(room)
        case "start":
            _refuse_passing(room, name)
            return _start(room, name, wanted, on_start)
        case "stop":
            before = len(arbiter.history)
            arbiter.stop(name)
            return {"swaps": _rows(list(arbiter.history)[before:])}
        case "switch":
            return _switch(room, name, wanted, on_start)
        case "health":
            return {"health": health(room, name)}
    raise UsageError(f"There is no command '{action}' for models")


def _start(room: EngineRoom, name: str, wanted: dict[str, Any], on_start: OnProgress) -> dict[str, Any]:
    """Bring it up; a server that can outlive the studio does so when `keep` is wanted."""
    spec = room.table.engines.get(name)
    keep = bool(wanted.get("keep")) and not (spec is not None and lives_inside(spec))
    swaps = room.arbiter.start(name, keep=keep, download=bool(wanted.get("download")), on_start=on_start)
    return {"swaps": _rows(swaps)}


def _switch(room: EngineRoom, to: str, wanted: dict[str, Any], on_start: OnProgress) -> dict[str, Any]:
    """To 'llm', 'sdxl', 'tts' or an engine's name."""
    board = room.switchboard
    name = board.image if to == "sdxl" else to
    _refuse_passing(room, name)
    if name == board.voice:
        swaps = list(board.switch_to_tts(allow_with_llm=bool(wanted.get("allow_with_llm", True)), on_start=on_start))
    elif name == board.image:
        swaps = list(board.switch_to_sdxl(on_start=on_start))
    elif name in room.table.engines and name not in room.table.of_kind("llm"):
        swaps = list(room.arbiter.start(name, on_start=on_start))
    else:
        swaps = list(board.switch_to_llm(name, on_start=on_start))
    if room.passing:  # or it would be gone again with this command
        room.arbiter.start(name, keep=True)
    return {"swaps": _rows(swaps)}


def _engine_name(room: EngineRoom, word: str) -> str:
    """An engine's name as it is; 'llm', 'tts', 'default' and 'judge' as the engine that they stand for."""
    if word in room.table.engines:
        return word
    if word in ("llm", "tts"):
        return room.switchboard.llm if word == "llm" else room.switchboard.voice
    return service_name(word, room.settings)


def _refuse_passing(room: EngineRoom, name: str) -> None:
    """An engine inside this process would be gone again at the end of the command."""
    spec = room.table.engines.get(name)
    if room.passing and spec is not None and lives_inside(spec):
        raise UsageError(
            f"'{name}' lives inside the studio's process, and no studio is running in {room.workspace.home}",
            fix="Start 'studio chat' or 'studio serve' first; it also loads what a wish needs by itself",
        )


def lives_inside(spec: EngineSpec) -> bool:
    """Whether it runs in the studio's own process and ends with it."""
    return spec.kind != "llm" and spec.process is None


def service_name(name: str, settings: Settings) -> str:
    """'default' and 'judge' as the service that they stand for; any other name as it is. Raises UsageError."""
    if name not in ROLES:
        return name
    return load_services(services_file(settings)).real_name(name)


def status(room: EngineRoom) -> dict[str, Any]:
    """Engines, waiting requests, the last swaps, memory."""
    from backends.gpu.monitor import snapshot

    arbiter = room.arbiter
    return {
        "engines": [{**row, "missing": _missing(room, row)} for row in arbiter.status()],
        "waiting": arbiter.waiting(),
        "history": _rows(list(arbiter.history)[-20:]),
        "device": dataclasses.asdict(snapshot()),
        "budget": {device: arbiter.budget(device) for device in ("cpu", "gpu")},
        "pid": os.getpid(),
        "home": str(room.workspace.home),
    }


def _missing(room: EngineRoom, row: dict[str, Any]) -> str:
    """What a cold engine lacks before it could ever be loaded, in a sentence; '' when nothing."""
    from backends.engines import make_engine
    from backends.gpu.engine import Checked

    if row["state"] != "cold":
        return ""
    try:
        engine = make_engine(row["name"], room.settings, room.workspace.cache)
        if isinstance(engine, Checked):
            engine.check_startable()
    except StudioError as error:
        return error.sentence
    return ""


def health(room: EngineRoom, name: str = "") -> list[dict[str, Any]]:
    """The canary of every engine that is up (or of one): name, state, ok, note."""
    rows = [row for row in room.arbiter.status() if not name or row["name"] == name]
    if name and not rows:
        room.arbiter.lease([name], "health").release()  # raises: there is no such engine
    return [_checked(room, row) for row in rows if name or row["state"] != "cold"]


def _checked(room: EngineRoom, row: dict[str, Any]) -> dict[str, Any]:
    found = {"name": row["name"], "state": row["state"], "ok": None, "note": row["error"]}
    if row["state"] == "failed":
        return {**found, "ok": False}
    if row["state"] != "active":
        return {**found, "note": found["note"] or "not up, so nothing to ask"}
    try:
        with room.arbiter.lease([row["name"]], "health check", wait_s=30) as lease:
            lease.engines[row["name"]].probe()
    except StudioError as error:
        return {**found, "ok": False, "note": error.sentence}
    return {**found, "ok": True, "note": "its canary answered"}


def shape(error: StudioError) -> dict[str, Any]:
    return {"problem": error.problem, "cause": error.cause, "fix": error.fix, "exit_code": error.exit_code}


def _rows(swaps: Any) -> list[dict[str, Any]]:
    return [dataclasses.asdict(swap) for swap in swaps]
