"""Reads and judges the wishes of offline_paraphrases.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from backends.llm.facts import Facts, FileFact
from backends.llm.offline.decide import decide
from backends.llm.offline.planning import Decision
from backends.llm.offline.reading import Reader

CHARACTERS = [
    {"name": "Luca", "text": "a boy with curly brown hair"},
    {"name": "Boo", "text": "a small robot that beeps", "aliases": ["Bibo"]},
]
_KIND = {"mp4": "video", "wav": "audio", "png": "image", "otio": "timeline", "srt": "subtitle"}
_MADE = {
    "video": "edit_video",
    "image": "generate_image",
    "audio": "speak",
    "timeline": "edit_video",
    "storyboard": "write_storyboard",
}


@dataclass(frozen=True)
class Case:
    say: str
    intent: tuple[str, ...]
    args: dict[str, Any]
    files: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()


def cases(part: str) -> list[Case]:
    """The wishes of a part of the file."""
    data = yaml.safe_load((Path(__file__).parent / "offline_paraphrases.yaml").read_text(encoding="utf-8"))
    found = []
    for say, intent, args, *rest in data[part]:
        more = rest[0] if rest else {}
        intents = tuple(intent) if isinstance(intent, list) else (intent,)
        found.append(Case(str(say), intents, args, tuple(more.get("files", ())), tuple(more.get("assets", ()))))
    return found


def facts_of(case: Case) -> Facts:
    """What the brain is told: files are attached under an id, assets were made before."""
    attachments = [file_fact(name) for name in case.files]
    assets = [
        FileFact(
            id=f"{kind[:3]}-00000000{n}{n}", kind=kind, name=f"{kind} {n}", tool=_MADE[kind], text="Luca on a hill"
        )
        for n, kind in enumerate(case.assets)
    ]
    return Facts.model_validate(
        {
            "characters": CHARACTERS,
            "styles": ["storybook"],
            "attachments": [a.model_dump() for a in attachments],
            "assets": [a.model_dump() for a in assets],
        }
    )


def file_fact(name: str) -> FileFact:
    kind = _KIND[name.rsplit(".", 1)[1]]
    return FileFact(id=f"{kind[:3]}-{abs(hash(name)) % 10**10:010d}", kind=kind, name=name)


def judge(case: Case, reader: Reader) -> tuple[Decision, bool, list[str]]:
    """(decision, intent right, wrong arguments)."""
    decision = decide(reader, case.say, facts_of(case))
    names = {file_fact(name).id: name for name in case.files}
    call = next((c for c in decision.calls if c.tool in case.intent), None)
    given = {key: _named(value, names) for key, value in call.args.items()} if call else {}
    wrong = [
        f"{key}: wanted {want!r}, got {given.get(key)!r}"
        for key, want in case.args.items()
        if not _fits(want, given.get(key))
    ]
    return decision, decision.intent in case.intent, wrong


def _named(value: Any, names: dict[str, str]) -> Any:
    return (
        [names.get(str(v), v) for v in value]
        if isinstance(value, list)
        else names.get(value, value)
        if isinstance(value, str)
        else value
    )


def _fits(want: Any, given: Any) -> bool:
    if isinstance(want, dict):
        return str(want["has"]).lower() in str(given).lower()
    if isinstance(want, str):
        return isinstance(given, str) and want.lower() == given.lower()
    return bool(want == given)
