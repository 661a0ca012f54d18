"""Run suites against the assistant: each case in a home of its own, through the same door as everybody."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.errors import StudioError, UsageError
from configs.settings import Settings
from evals.case import AnyOf, Case, ExpectedAsset, Sample, Turn
from evals.matching import matches, named
from evals.metrics import CaseScore, TurnScore, summarise
from evals.naming import CaseNames
from evals.pictures import SHOWN, thumbnail
from evals.samples import make_sample
from evals.trajectory import READ_ONLY, Call, compare
from tools.registry import TOOLS, get_tool

if TYPE_CHECKING:
    from agent.studio_agent import StudioAgent
    from memory.records import Asset

LOG = logging.getLogger("studio.evals")
RAM_DISK = Path("/dev/shm")
"""A dry case is a few SQLite files; without waiting for the disk a suite takes a third less time."""
NO_CALL = ("clarify", "decline", "chat", "forecast")


def run_suite(
    cases: Sequence[Case], settings: Settings, *, dry: bool = True, on_case: Callable[[CaseScore], None] | None = None
) -> dict[str, Any]:
    """Score all cases; the report has the keys of `summarise` and `cases`.

    Args:
        dry: tools answer with stand-ins (choices are scored); False runs the engines and checks the files.
        on_case: called with each finished case, for progress.
    """
    scores: list[CaseScore] = []
    fast = RAM_DISK if dry and os.access(RAM_DISK, os.W_OK) else None
    for case in cases:
        with tempfile.TemporaryDirectory(prefix="studio-eval-", dir=fast) as folder:
            scores.append(_run_case(case, settings.model_copy(update={"home": Path(folder) / "home"}), dry))
        if on_case is not None:
            on_case(scores[-1])
    report = summarise(scores)
    return {"brain": settings.brain, "dry": dry, **report, "cases": [case_row(s) for s in scores]}


def _run_case(case: Case, settings: Settings, dry: bool) -> CaseScore:
    from agent.build import build_agent

    settings.home.mkdir(parents=True)
    try:
        with build_agent(settings, dry=dry) as agent:
            return _score_case(case, agent, settings.home, dry)
    except StudioError as error:
        sentence = error.sentence
    except Exception as error:  # one case's bug must not lose the figures of all the others
        LOG.exception("case %s failed", case.id)
        sentence = f"{type(error).__name__}: {error}"[:300]
    return CaseScore(case.id, tuple(case.tags), (), None, False, sentence)


def _score_case(case: Case, agent: StudioAgent, home: Path, dry: bool) -> CaseScore:
    memory = agent.studio.memory
    for item in case.setup.memory:
        for kind in ("character", "style", "note"):
            entry = getattr(item, kind)
            if entry is not None:
                memory.remember(kind, entry.name, entry.description, aliases=tuple(entry.aliases))
    incoming = home / "incoming"
    incoming.mkdir()
    files = {name: incoming / name for name in case.setup.names()}
    for wanted in case.setup.files:
        if isinstance(wanted, Sample):
            (incoming / Path(wanted.name).name).write_text(wanted.text, encoding="utf-8")
        else:
            make_sample(wanted, incoming)
    turns: list[TurnScore] = []
    reply, swaps = "", 0
    for number, turn in enumerate(case.turns):
        began = time.perf_counter()
        attached = [files[name] for name in case.attached(number)]
        report = agent.invoke(turn.say, thread=case.id, attachments=attached, yes=True)
        turns.append(score_turn(turn, report, time.perf_counter() - began, agent))
        reply, swaps = report["reply"], swaps + report["swaps"]
    made = [a for a in memory.list_assets(thread=case.id, limit=500) if a.tool]  # uploads are no results
    success = _succeeded(case, made, reply, agent, dry)
    passed = success is not False and all(not t.wrong for t in turns)
    shown = () if dry else _pictures(made, agent)
    return CaseScore(case.id, tuple(case.tags), tuple(turns), success, passed, "", shown, swaps)


def score_turn(turn: Turn, report: dict[str, Any], seconds: float, agent: StudioAgent) -> TurnScore:
    """One turn's report against what the case expects."""
    calls = [_call(c) for c in report["calls"] if c["status"] != "refused"]
    wanted = wanted_intent(turn)
    got = intent_of(report, wanted)
    right = None if wanted is None else named(wanted, got)
    if wanted is None and turn.clarify is False:
        wanted, right = "no question", got != "clarify"
    acts = wanted is not None and not any(named(wanted, n) for n in NO_CALL)
    names = CaseNames(agent.studio.memory, report["thread"], [a["id"] for a in report["assets"]])
    path = compare(turn.calls, calls, names, turn.allow) if turn.calls or not acts else None
    forbidden = tuple(c["tool"] for c in report["calls"] if c["tool"] in turn.forbid)
    shown = "" if wanted is None else wanted if isinstance(wanted, str) else "/".join(wanted.any_of)
    wrong = [f"intent: wanted {shown}, got {got}"] if right is False else []
    wrong += path.wrong if path else ()
    wrong += [f"forbidden call of {name}" for name in forbidden]
    if report["error"] and wrong:
        wrong.append(f"the turn ended with: {report['error']['problem']}")
    return TurnScore(turn.say, shown, got, right, path, forbidden, seconds, report["reply"][:400], tuple(wrong))


def wanted_intent(turn: Turn) -> str | AnyOf | None:
    """The intent that a turn expects, said outright or by its clarify and calls; None: it does not matter."""
    if turn.intent is not None:
        return turn.intent
    if turn.clarify is True:
        return "clarify"
    return turn.calls[0].tool if turn.calls else None


def intent_of(report: dict[str, Any], wanted: str | AnyOf | None = None) -> str:
    """What the assistant took the wish for: its first serving tool, or clarify / decline / chat / none.

    Looking things up first is no intent of its own, unless nothing else follows or the case wants just that.
    """
    tools = [str(c["tool"]) for c in report["calls"] if c["status"] != "refused"]
    serving = [t for t in tools if t not in READ_ONLY]
    lookups = tools[: tools.index(serving[0])] if serving else tools
    if wanted is not None and (asked := next((t for t in lookups if named(wanted, t)), None)):
        return asked
    if serving:
        return serving[0]
    if report["questions"]:
        return "clarify"
    if report["intent"] in NO_CALL:
        return str(report["intent"])
    return tools[0] if tools else "none"


def _call(row: dict[str, Any]) -> Call:
    defaults: dict[str, Any] = {}
    if row["tool"] in TOOLS:
        try:
            fields = get_tool(row["tool"]).Args.model_fields
        except UsageError:
            fields = {}
        defaults = {k: f.get_default(call_default_factory=True) for k, f in fields.items() if not f.is_required()}
    return Call(row["tool"], row["args"], defaults)


def _succeeded(case: Case, made: Sequence[Asset], reply: str, agent: StudioAgent, dry: bool) -> bool | None:
    if case.success is None:
        return None
    if case.success.reply is not None and not matches(case.success.reply, reply):
        return False
    return all(
        sum(a.kind == wanted.kind and (dry or _long_enough(wanted, a, agent)) for a in made) >= wanted.count
        for wanted in case.success.wanted()
    )


def _long_enough(wanted: ExpectedAsset, asset: Asset, agent: StudioAgent) -> bool:
    """Whether the file is there, and its length is as wanted."""
    path = agent.studio.workspace.inside(asset.path)
    if wanted.min_seconds is None and wanted.max_seconds is None:
        return path.is_file() and path.stat().st_size > 0
    seconds = _seconds(path)
    return seconds is not None and (wanted.min_seconds or 0) <= seconds <= (wanted.max_seconds or float("inf"))


def _seconds(path: Path) -> float | None:
    from backends.media.probe import probe

    try:
        return probe(path).seconds
    except StudioError:
        return None


def _pictures(made: Sequence[Asset], agent: StudioAgent) -> tuple[str, ...]:
    rows = [(agent.studio.workspace.inside(a.path), a.kind) for a in made if a.kind in ("image", "map", "video")]
    found = (thumbnail(p, k, (_seconds(p) or 0.0) if k == "video" else 0.0) for p, k in reversed(rows[:SHOWN]))
    return tuple(picture for picture in found if picture)


def case_row(case: CaseScore) -> dict[str, Any]:
    """A case in the report."""
    return {
        "id": case.id,
        "tags": list(case.tags),
        "passed": case.passed,
        "success": case.success,
        "error": case.error,
        "swaps": case.swaps,
        "pictures": list(case.pictures),
        "turns": [
            {
                "say": t.say, "wanted": t.wanted, "got": t.got, "intent_right": t.intent_right, "wrong": list(t.wrong),
                "seconds": round(t.seconds, 3), "reply": t.reply,
            }
            for t in case.turns
        ],
    }  # fmt: skip
