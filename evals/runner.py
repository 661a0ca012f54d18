"""Run suites against the assistant: each case in a home of its own, through the same door as everybody."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.errors import StudioError
from configs.settings import Settings
from evals.case import Case, ExpectedAsset, Turn
from evals.matching import READ_ONLY, compare, matches, named
from evals.metrics import CaseScore, TurnScore, summarise
from evals.samples import make_sample

if TYPE_CHECKING:
    from agent.studio_agent import StudioAgent

NO_CALL = ("clarify", "decline")


def run_suite(
    cases: Sequence[Case], settings: Settings, *, dry: bool = True, on_case: Callable[[CaseScore], None] | None = None
) -> dict[str, Any]:
    """Score all cases; the report has the keys of `summarise` and `cases`.

    Args:
        dry: tools answer with stand-ins (choices are scored); False runs the engines and checks the files.
        on_case: called with each finished case, for progress.
    """
    scores: list[CaseScore] = []
    with tempfile.TemporaryDirectory(prefix="studio-eval-") as folder:
        for number, case in enumerate(cases):
            home = Path(folder) / f"{number:04d}"
            scores.append(_run_case(case, settings.model_copy(update={"home": home}), dry))
            if on_case is not None:
                on_case(scores[-1])
        report = summarise(scores)
        report["cases"] = [case_row(s) for s in scores]
    return {"brain": settings.brain, "dry": dry, **report}


def _run_case(case: Case, settings: Settings, dry: bool) -> CaseScore:
    from agent.build import build_agent

    settings.home.mkdir(parents=True)
    try:
        with build_agent(settings, dry=dry) as agent:
            return _score_case(case, agent, settings.home, dry)
    except StudioError as error:
        return CaseScore(case.id, tuple(case.tags), (), None, False, error.sentence)


def _score_case(case: Case, agent: StudioAgent, home: Path, dry: bool) -> CaseScore:
    for item in case.setup.memory:
        for kind in ("character", "style", "note"):
            entry = getattr(item, kind)
            if entry is not None:
                agent.studio.memory.remember(kind, entry.name, entry.description, aliases=tuple(entry.aliases))
    incoming = home / "incoming"
    incoming.mkdir()
    files = {name: make_sample(name, incoming) for name in case.setup.files}
    turns: list[TurnScore] = []
    report: dict[str, Any] = {}
    swaps = 0
    for number, turn in enumerate(case.turns):
        named_here = turn.attach or (list(files) if number == 0 else [])
        began = time.perf_counter()
        report = agent.invoke(turn.say, thread=case.id, attachments=[files[n] for n in named_here], yes=True)
        turns.append(_score_turn(turn, report, time.perf_counter() - began, agent))
        swaps += report["swaps"]
    success = _succeeded(case, agent, report, dry)
    passed = success is not False and all(not t.wrong for t in turns)
    pictures = [a["path"] for a in report["assets"] if a["kind"] == "image"]
    shown = tuple(str(home / p) for p in pictures) if not dry else ()
    return CaseScore(case.id, tuple(case.tags), tuple(turns), success, passed, "", shown, swaps)


def _score_turn(turn: Turn, report: dict[str, Any], seconds: float, agent: StudioAgent) -> TurnScore:
    calls = [c for c in report["calls"] if c["status"] != "refused"]
    got = intent_of(report)

    def resolve(value: Any) -> Any:
        asset = agent.studio.memory.get_asset(value) if isinstance(value, str) else None
        return asset.name if asset is not None else value

    wanted = turn.intent
    if wanted is None and turn.clarify is True:
        wanted = "clarify"
    if wanted is None and turn.calls:
        wanted = turn.calls[0].tool
    right = None if wanted is None else named(wanted, got)
    path = compare(turn.calls, calls, resolve) if turn.calls or wanted in NO_CALL else None
    forbidden = tuple(c["tool"] for c in report["calls"] if c["tool"] in turn.forbid)
    wrong = list(path.wrong) if path else []
    if right is False:
        wrong.insert(0, f"intent: wanted {wanted if isinstance(wanted, str) else wanted.any_of}, got {got}")  # type: ignore[union-attr]
    wrong += [f"forbidden call of {name}" for name in forbidden]
    shown = wanted if isinstance(wanted, str) else "/".join(wanted.any_of) if wanted else ""
    return TurnScore(turn.say, shown, got, right, path, forbidden, seconds, report["reply"][:400], tuple(wrong))


def intent_of(report: dict[str, Any]) -> str:
    """What the assistant took the wish for: its first serving tool, or clarify / decline / chat."""
    tools = [c["tool"] for c in report["calls"] if c["status"] != "refused"]
    serving = [t for t in tools if t not in READ_ONLY] or tools
    if serving:
        return str(serving[0])
    if report["questions"]:
        return "clarify"
    return str(report["intent"]) if report["intent"] in ("chat", "decline", "clarify") else "none"


def _succeeded(case: Case, agent: StudioAgent, report: dict[str, Any], dry: bool) -> bool | None:
    if case.success is None:
        return None
    if case.success.reply is not None and not matches(case.success.reply, report["reply"]):
        return False
    made = agent.studio.memory.list_assets(thread=case.id, limit=500)
    made = [a for a in made if a.tool]  # uploads are not results
    for wanted in case.success.wanted():
        fitting = [a for a in made if a.kind == wanted.kind and (dry or _long_enough(wanted, a, agent))]
        if len(fitting) < wanted.count:
            return False
    return True


def _long_enough(wanted: ExpectedAsset, asset: Any, agent: StudioAgent) -> bool:
    if wanted.min_seconds is None and wanted.max_seconds is None:
        return True
    from backends.media.probe import probe

    seconds = probe(agent.studio.workspace.inside(asset.path)).seconds
    return (wanted.min_seconds or 0) <= seconds <= (wanted.max_seconds or float("inf"))


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
