"""`studio models ...`: the engines, through the running studio of this home, or on this process's own arbiter."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from backends.gpu.engine import OnStart, StartProgress
from backends.gpu.servers import log_file
from backends.gpu.servers.log_file import LogFollower
from configs.errors import EngineError, StudioError, UsageError
from configs.server_file import ServerFile, running_server
from configs.settings import Settings
from configs.workspace import Workspace
from ui.control import lives_inside, service_name
from ui.opening import log_to, settings_for
from ui.wording import phase_text, starting_text

CONNECT_S = 3.0
FOLLOW_S = 0.2
"""How often a followed log is looked at."""


def show_status(as_json: bool, home: Path | None, watch: bool) -> int:
    """States, leases, memory and the last swaps; with `watch` again every second until Ctrl-C."""
    from ui.models_view import models_view

    if not watch:
        found = command(home, "status", {})
        if as_json:
            print(json.dumps(found, ensure_ascii=False, default=str))
        else:
            from rich.console import Console

            Console(highlight=False).print(models_view(found))
        return 0
    from rich.live import Live

    with (
        suppress(KeyboardInterrupt),
        Live(models_view(command(home, "status", {})), auto_refresh=False) as live,
    ):
        while True:
            time.sleep(1.0)
            live.update(models_view(command(home, "status", {})), refresh=True)
    return 0


def start(name: str, as_json: bool, home: Path | None, download: bool) -> int:
    """Bring an engine up and leave it running."""
    wanted = {"name": name, "keep": True, "download": download}
    return _swapped(command(home, "start", wanted, quiet=as_json), as_json, f"{name} was up already")


def stop(name: str, as_json: bool, home: Path | None) -> int:
    """End an engine."""
    return _swapped(command(home, "stop", {"name": name}, quiet=as_json), as_json, f"{name} was not up")


def switch(to: str, as_json: bool, home: Path | None, allow_with_llm: bool) -> int:
    """Bring one side up and park what may not stand beside it."""
    wanted = {"name": to, "allow_with_llm": allow_with_llm}
    return _swapped(command(home, "switch", wanted, quiet=as_json), as_json, f"{to} was up already")


def show_health(name: str, as_json: bool, home: Path | None) -> int:
    """Ask every engine that is up for a sign of life; 4 when one fails."""
    rows = command(home, "health", {"name": name})["health"]
    if as_json:
        print(json.dumps({"health": rows}, ensure_ascii=False))
    for row in rows if not as_json else ():
        mark = {True: "ok", False: "FAILED", None: "-"}[row["ok"]]
        print(f"{mark:<7} {row['name']} ({row['state']}): {row['note']}")
    if not rows and not as_json:
        print("Nothing is up.")
    return 4 if any(row["ok"] is False for row in rows) else 0


def show_logs(name: str, home: Path | None, lines: int, follow: bool) -> int:
    """The last lines of an engine's log, and with `follow` what is added to it until Ctrl-C."""
    settings = settings_for(home)
    space = Workspace.open(settings.home)
    file = _log_of(name, settings, space) if name else space.home / "studio.log"
    if not file.is_file():
        whose = file.stem if name else "the studio"
        raise UsageError(f"There is no log of {whose} yet", f"{file} does not exist", "Start it first")
    follower = LogFollower(file, from_end=True) if follow else None
    shown = log_file.tail(file, lines)
    for line in shown:
        print(line)
    if lines and not shown:
        print(f"{file} is empty.", file=sys.stderr)
    if follower is not None:
        with suppress(KeyboardInterrupt):
            for line in _followed(follower):
                print(line, flush=True)
    return 0


def _log_of(name: str, settings: Settings, space: Workspace) -> Path:
    """Where a server's own words are. Raises UsageError for an engine that has none."""
    from tools.engine_room import engine_table

    engines = engine_table(settings).engines
    known = _known(service_name(name, settings), list(engines))
    if lives_inside(engines[known]):
        raise UsageError(
            f"'{known}' has no log of its own", "it lives inside the studio's process",
            "See the studio's log: 'studio models logs' without a name",
        )  # fmt: skip
    return space.home / "logs" / "engines" / f"{known}.log"


def command(home: Path | None, action: str, wanted: dict[str, Any], quiet: bool = True) -> dict[str, Any]:
    """Have the running studio do it, else do it here. Raises the StudioError that it ended with."""
    settings = settings_for(home)
    space = Workspace.open(settings.home)
    server = running_server(space.home)
    with _progress(quiet) as told:
        if server is not None:
            return _asked(server, action, wanted, told)
        log_to(space.home / "studio.log")
        from tools.engine_room import EngineRoom
        from ui.control import do

        room = EngineRoom.open(settings, space, passing=True)
        try:
            return do(room, action, wanted, told)
        finally:
            room.close()


def _asked(server: ServerFile, action: str, wanted: dict[str, Any], told: OnStart) -> dict[str, Any]:
    """The answer of the running studio."""
    import httpx

    url = f"{server.url}/studio/models/{action}"
    headers = {"Authorization": f"Bearer {server.token}"}
    limits = httpx.Timeout(None, connect=CONNECT_S)
    try:
        with httpx.stream("POST", url, json=wanted, headers=headers, timeout=limits, trust_env=False) as answer:
            for text in answer.iter_lines():
                line = json.loads(text)
                if "progress" in line:
                    told(StartProgress(**line["progress"]))
                elif "error" in line:
                    raise _error(line["error"])
                else:
                    return dict(line["done"])
    except KeyboardInterrupt:
        if name := wanted.get("name"):
            print(f"The studio goes on with it; 'studio models stop {name}' ends it.", file=sys.stderr)
        raise
    except httpx.RemoteProtocolError as error:
        raise EngineError(f"The studio at {server.url} ended in the middle", fix="Look at its log") from error
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise EngineError(
            f"The studio at {server.url} does not answer", str(error), f"Look at its log, or end process {server.pid}"
        ) from error
    raise EngineError(f"The studio at {server.url} ended in the middle", fix="Look at its log")


def _error(told: dict[str, Any]) -> StudioError:
    kind = UsageError if told.get("exit_code") == UsageError.exit_code else EngineError
    return kind(told["problem"], told["cause"], told["fix"])


@contextmanager
def _progress(quiet: bool) -> Iterator[OnStart]:
    """Yields what draws a bar for each engine that comes up, on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, highlight=False)
    bars: dict[str, Any] = {}
    said: dict[str, str] = {}
    columns = (TextColumn("  {task.description}"), BarColumn(bar_width=24), TextColumn("{task.fields[note]}"))
    shown = Progress(*columns, TimeElapsedColumn(), console=console, transient=True)

    def told(progress: StartProgress) -> None:
        name = progress.engine
        if quiet:
            return
        if not console.is_terminal:  # a log file gets one line for each phase
            if said.get(name) != progress.phase:
                console.print(f"  {starting_text(progress)}")
            said[name] = progress.phase
            return
        if not bars:
            shown.start()
        if name not in bars:
            bars[name] = shown.add_task(name, total=1.0, note="")
        total = None if progress.share is None else 1.0
        shown.update(bars[name], completed=progress.share or 0.0, total=total, note=phase_text(progress)[:80])

    try:
        yield told
    finally:
        if bars:
            shown.stop()


def _swapped(done: dict[str, Any], as_json: bool, nothing: str) -> int:
    if as_json:
        print(json.dumps(done, ensure_ascii=False, default=str))
        return 0
    for swap in done["swaps"]:
        print(f"{swap['action']} {swap['engine']}: {swap['seconds']:.1f} s")
    if not done["swaps"]:
        print(f"Nothing to do: {nothing}.")
    for notice in done.get("notices", ()):
        print(f"  note: {notice}")
    return 0


def _known(name: str, engines: list[str]) -> str:
    """A name from the table, so that it can be part of a path. Raises UsageError with the nearest one."""
    import difflib

    if name in engines:
        return name
    near = difflib.get_close_matches(name, engines, n=1, cutoff=0.5)
    known = f"known are {', '.join(sorted(engines))}"
    raise UsageError(
        f"There is no engine '{name}'", known, f"Did you mean '{near[0]}'?" if near else "See configs/models.yaml"
    )


def _followed(follower: LogFollower) -> Iterator[str]:
    """Lines as they are added; goes on with the new file when the engine is started again."""
    with follower:
        while True:
            lines = follower.new_lines()
            yield from lines
            if not lines:
                time.sleep(FOLLOW_S)
