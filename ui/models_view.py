"""What `studio models status` shows: states with their leases, memory as bars, who waits, what was swapped."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

BAR = 30
COLOURS = {
    "active": "green", "parked": "cyan", "failed": "red", "cold": "dim", "absent": "dim", "starting": "yellow",
    "restoring": "yellow", "parking": "yellow", "draining": "yellow",
}  # fmt: skip


def models_view(found: dict[str, Any]) -> Group:
    """The answer of the command 'status' as something to print."""
    from rich.console import Group
    from rich.text import Text

    rows = found["engines"]
    parts: list[Any] = [_engines(rows), *_troubles(rows), *_absent(rows)]
    if not all(row["learned"] for row in found["engines"]):
        parts.append(Text("~ a first guess, until it was measured here a few times", "dim"))
    parts += [Text(), *_memory(found)]
    if found["waiting"]:
        parts += [Text(), _waiting(found["waiting"])]
    if found["history"]:
        parts += [Text(), _history(found["history"])]
    return Group(*parts)


def _engines(rows: list[dict[str, Any]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table("engine", "kind", "on", "state", "needs", "used by", "", box=None, padding=(0, 2, 0, 0))
    for row in rows:
        colour = COLOURS.get(_state(row).split(" ")[0], "")
        table.add_row(
            Text(row["name"], "bold"), row["kind"], row["device"], Text(_state(row), colour),
            f"{'' if row['learned'] else '~'}{row['need_mib'] / 1024:.1f} GiB", ", ".join(row["leases"]) or "-",
            Text(_note(row), "red" if _trouble(row) else "dim"),
        )  # fmt: skip
    return table


def _state(row: dict[str, Any]) -> str:
    if row["phase"] and row["state"] in ("starting", "restoring"):
        share = f" {row['share']:.0%}" if row["share"] is not None else ""
        return f"{row['state']}: {row['phase']}{share}"
    if row["state"] == "active" and row["up_seconds"]:
        return f"active {_ago(row['up_seconds'])}"
    return "absent" if row.get("missing") else str(row["state"])


def _note(row: dict[str, Any]) -> str:
    if _trouble(row):
        return "see below"
    return row["note"] or ("keeps running" if row["kept"] else "")


def _trouble(row: dict[str, Any]) -> str:
    if row["breaker_open"]:
        return f"left alone after {row['crashes']} crashes: {row['error']}"
    return str(row["error"])


def _troubles(rows: list[dict[str, Any]]) -> list[Text]:
    """Errors by engine, over the whole width: a sentence with a path in it does not fit into a column."""
    from rich.text import Text

    return [
        Text.assemble((row["name"], "bold"), ": ", (_trouble(row), "red"), overflow="fold")
        for row in rows
        if _trouble(row)
    ]


def _absent(rows: list[dict[str, Any]]) -> list[Text]:
    """What engines lack, each want once."""
    from rich.text import Text

    wants: dict[str, list[str]] = {}
    for row in rows:
        if row.get("missing"):
            wants.setdefault(str(row["missing"]).split(": ", 1)[0].rstrip("."), []).append(row["name"])
    return [Text(f"absent: {', '.join(names)} ({lack})", "dim", overflow="fold") for lack, names in wants.items()]


def _memory(found: dict[str, Any]) -> list[Text]:
    """One bar for each device: what engines hold, what other programs hold, where the budget ends."""
    from rich.text import Text

    device, budget = found["device"], found["budget"]
    rows = [(f"GPU {d['index']} {d['name']}", d["used_mib"], d["total_mib"], budget["gpu"]) for d in device["devices"]]
    rows.append(("main memory", device["ram_used_mib"], device["ram_total_mib"], 0 if rows else budget["cpu"]))
    lines, width = [], max(len(label) for label, *_ in rows)
    for label, used, total, limit in rows:
        line = Text(f"{label:<{width}}  ")
        line.append_text(_bar(used, total, limit))
        line.append(f" {used / 1024:.1f} of {total / 1024:.1f} GiB")
        if limit:
            line.append(f", budget {limit / 1024:.1f}", "dim")
        lines.append(line)
    if not device["devices"]:
        lines.append(Text(f"No GPU ({device['reason']}); engines count against main memory.", "dim"))
    return lines


def _bar(used: int, total: int, limit: int) -> Text:
    from rich.text import Text

    filled = round(BAR * min(1.0, used / total)) if total else 0
    colour = "red" if total and used > 0.95 * total else "yellow" if total and used > 0.8 * total else "green"
    bar = Text("█" * filled, colour)
    bar.append("░" * (BAR - filled), "dim")
    mark = round(BAR * limit / total) if limit and total else 0
    if 0 < mark < BAR:
        bar.stylize("reverse", mark, mark + 1)
    return bar


def _waiting(rows: list[dict[str, Any]]) -> Table:
    from rich.table import Table

    table = Table("waiting", "for", "since", box=None, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(row["holder"], ", ".join(row["needs"]), _ago(row["waited_s"]))
    return table


def _history(rows: list[dict[str, Any]]) -> Table:
    from rich.table import Table

    table = Table("last swaps", "", "took", "in detail", "for", box=None, padding=(0, 2, 0, 0))
    for row in rows[-8:]:
        phases = ", ".join(f"{name} {seconds:.2f}" for name, seconds in row["phases"] if seconds >= 0.005)
        age = _ago(max(0.0, time.time() - row["at"]))
        table.add_row(
            f"{age} ago", f"{row['action']} {row['engine']}", f"{row['seconds']:.2f} s", phases, _short(row["reason"])
        )
    return table


def _short(reason: str) -> str:
    """`gateway 4f7a5461`: of a request's id as much as finds it in studio.log."""
    return re.sub(r"\b([0-9a-f]{8})[0-9a-f]{24}\b", r"\1", reason)


def _ago(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
