"""undo and redo over random sequences of tools: memory, lists and files are as they were, also after a restart."""

from __future__ import annotations

import random
import sqlite3
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from toy_tools import TOY_TOOLS
from voice_studio import VoiceStudio, voice_studio

from configs.settings import load_settings
from memory.records import Asset
from tools import registry

DEEDS = ("remember", "remember", "rate", "change", "forget", "note", "note", "undo", "undo", "undo", "redo", "restart")
State = tuple[list[Any], list[Any]]


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, where in TOY_TOOLS.items():
        monkeypatch.setitem(registry.TOOLS, name, where)


def state(home: Path) -> State:
    """All entries with their facts; all assets that are shown, their ratings and whether their files are there."""
    db = sqlite3.connect(home / "studio.db")
    entries = db.execute("SELECT kind, name, text, data, aliases FROM entries ORDER BY 1, 2").fetchall()
    query = "SELECT id, name, rating, path FROM assets WHERE hidden = 0 ORDER BY 1"
    assets = [(*row[:3], (home / row[3]).is_file()) for row in db.execute(query)]
    db.close()
    return entries, assets


def stock(studio: VoiceStudio) -> None:
    (studio.studio.workspace.assets / "aud-1.wav").write_bytes(b"her voice")
    memory = studio.studio.memory
    memory.add_asset(Asset("aud-1", "audio", "assets/aud-1.wav", "Ada", "f" * 64, 9, params={"reference": True}))
    consent = {"id": "con-1", "basis": "written_consent", "person": "Anna Rossi", "said": "written consent"}
    source = {"references": {"neutral": {"asset": "aud-1"}}, "consent": consent}
    memory.remember("character", "Ada", "a woman", {"voice_source": source})
    memory.remember("character", "Boo", "a robot")


def do(studio: VoiceStudio, deed: str, number: int, pick: random.Random) -> bool:
    """One deed of the user; whether it was done."""
    if deed == "remember":
        kind, name = pick.choice(["character", "note"]), pick.choice(["Ada", "Boo", "Zed", "Kit"])
        text, aliases = pick.choice(["a thing", "b thing", "c thing"]), pick.choice([[], ["Al"], ["Bee"]])
        outcome = studio.call("remember", kind=kind, name=name, text=text, aliases=aliases)
    elif deed == "rate":
        shown = [asset.id for asset in studio.studio.memory.list_assets()]
        outcome = studio.call("rate_asset", asset=pick.choice(shown) if shown else "none", rating=pick.randint(1, 5))
    elif deed == "change":
        who = pick.choice(["Boo", "Ada", "New"])
        outcome = studio.call("change_voice", character=who, pitch=pick.choice([1.0, -2.0]), rate=1.1)
    elif deed == "forget":
        outcome = studio.call("forget_voice", character="Ada")
    else:
        outcome = studio.call("write_note", text=f"note {number}", seed=number)
    return outcome.error is None


@pytest.mark.parametrize("seed", range(10))
def test_twenty_deeds_undone_and_done_again(tmp_path: Path, seed: int) -> None:
    pick, home = random.Random(seed), tmp_path / "home"
    settings = load_settings(home=home)
    with ExitStack() as stack:
        studio = stack.enter_context(voice_studio(settings))
        stock(studio)
        past, future = [state(home)], list[State]()
        for number in range(20):
            deed = pick.choice(DEEDS)
            if deed == "restart":
                stack.close()
                studio = stack.enter_context(voice_studio(settings))
            elif deed in ("undo", "redo"):
                steps = pick.choice([1, 1, 3])
                source, target = (past[1:], future) if deed == "undo" else (future, past)
                for _ in range(min(steps, len(source))):
                    target.append((past if deed == "undo" else future).pop())
                assert studio.call(deed, steps=steps).error is None
            elif do(studio, deed, number, pick) and state(home) != past[-1]:
                past.append(state(home))
                future.clear()
            assert state(home) == past[-1], (seed, number, deed)


def test_what_was_made_twice_is_undone_once(tmp_path: Path) -> None:
    with voice_studio(load_settings(home=tmp_path / "home")) as studio:
        studio.call("remember", kind="note", name="A", text="a")
        (made,) = {studio.made("write_note", text="x")[1].id for _ in range(2)}
        assert "hid 1 asset" in str(studio.call("undo").result)
        assert "forgot note A" in str(studio.call("undo").result), "not a step that hides nothing"
        assert "note A again" in str(studio.call("redo").result)
        assert "brought back 1 asset" in str(studio.call("redo").result)
        assert [asset.id for asset in studio.studio.memory.list_assets()] == [made]


def test_the_same_rating_again_is_no_step(tmp_path: Path) -> None:
    with voice_studio(load_settings(home=tmp_path / "home")) as studio:
        _, made = studio.made("write_note", text="x")
        for _ in range(2):
            studio.call("rate_asset", asset=made.id, rating=4)
        assert "took the rating away" in str(studio.call("undo").result)


def test_a_character_that_was_deleted_comes_back_with_its_voice(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path / "home")
    with voice_studio(settings) as studio:
        stock(studio)
        before = state(settings.home)
        entry = studio.studio.memory.resolve_character("Ada")
        assert entry is not None
        studio.call("forget_voice", character="Ada")
        studio.studio.memory.forget(entry.id, thread="t")
    with voice_studio(settings) as studio:
        studio.call("undo", steps=2)
        assert state(settings.home) == before
        studio.call("redo", steps=2)
        assert studio.studio.memory.resolve_character("Ada") is None
        studio.call("undo", steps=2)
        assert state(settings.home) == before
