"""A step that `kill -9` or an error ends is made again: nothing is changed twice, and nothing is recorded by half."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from voice_studio import VoiceStudio, voice_studio

from configs.errors import StudioError
from configs.settings import load_settings
from memory.records import Asset
from memory.store import Memory
from tools.executor import Run
from tools.opening import opened_executor
from tools.publish import sha256_of

CHILD = """
import json, os, signal, sys
from pathlib import Path
from configs.settings import load_settings
from memory.store import Memory
from tools.executor import Executor, Run
from voice_studio import voice_studio

home, moment, tool, args = sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
die = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)
if moment == "recording":
    Memory.job_step_done = die
elif moment == "settling":
    Memory.settle = die
with voice_studio(load_settings(home=Path(home))) as studio:
    studio.studio.memory.start_job("job", "t", tool, {})
    studio.executor.run(tool, args, Run(thread="t", job="job", step="1"), key="1")
"""


def killed(home: Path, moment: str, tool: str, args: Mapping[str, Any]) -> None:
    """The call in a process of its own, which ends itself with SIGKILL at that moment."""
    paths = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
    process = subprocess.run(
        [sys.executable, "-c", paths + CHILD, str(home), moment, tool, json.dumps(args)],
        capture_output=True, text=True, timeout=120, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert process.returncode == -signal.SIGKILL, process.stderr


def again(studio: VoiceStudio, tool: str, args: Mapping[str, Any]) -> Any:
    """The same step after the kill."""
    studio.studio.memory.start_job("job", "t", tool, {})
    outcome = studio.executor.run(tool, args, Run(thread="t", job="job", step="1"), key="1")
    assert outcome.error is None, outcome.error
    return outcome


def full(*_: Any, **__: Any) -> None:
    raise StudioError("Nothing was changed in the studio's memory", "the disk is full", "Free some space")


def picture(memory: Memory, number: int) -> Asset:
    asset = Asset("", "image", f"assets/{number}.png", f"picture {number}", f"{number:064x}"[::-1], 1, thread="t")
    made = memory.add_asset(asset)
    memory.record_change("t", "assets", {"assets": [made.id], "tool": "generate_image"})
    return made


def cloned(home: Path) -> VoiceStudio:
    """A character with a recording of hers and a consent, as clone_voice leaves them."""
    with voice_studio(load_settings(home=home)) as studio:
        workspace, memory = studio.studio.workspace, studio.studio.memory
        (workspace.assets / "aud-1.wav").write_bytes(b"her voice")
        digest = sha256_of(workspace.assets / "aud-1.wav")
        clip = Asset("aud-1", "audio", "assets/aud-1.wav", "Ada", digest, 9, params={"reference": True})
        memory.add_asset(clip)
        consent = {"id": "con-1", "basis": "written_consent", "person": "Anna Rossi", "said": "written consent"}
        source = {"references": {"neutral": {"asset": "aud-1"}}, "consent": consent}
        memory.remember("character", "Ada", "a woman", {"voice_source": source}, thread="t")
        return studio


def changes(home: Path) -> list[tuple[str, bool]]:
    with sqlite3.connect(home / "studio.db") as db:
        return [(r[0], bool(r[1])) for r in db.execute("SELECT kind, undone_at NOTNULL FROM changes ORDER BY id")]


def test_undo_killed_before_its_record_takes_back_one_change_only(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with voice_studio(load_settings(home=home)) as studio:
        made = [picture(studio.studio.memory, number) for number in (1, 2, 3)]
    killed(home, "recording", "undo", {"steps": 1})
    with voice_studio(load_settings(home=home)) as studio:
        again(studio, "undo", {"steps": 1})
        shown = {asset.id for asset in studio.studio.memory.list_assets(thread="t")}
        assert shown == {made[0].id, made[1].id}
        assert again(studio, "undo", {"steps": 1}).status == "reused"


def test_a_voice_is_shifted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    args = {"character": "Boo", "pitch": 2.0}
    with voice_studio(load_settings(home=tmp_path / "home")) as studio:
        studio.studio.memory.remember("character", "Boo", "a robot")
        once = studio.call("change_voice", **args).result
        studio.call("undo")
        with monkeypatch.context() as patch:
            patch.setattr(Memory, "job_step_done", full)
            studio.studio.memory.start_job("job", "t", "change_voice", {})
            run = Run(thread="t", job="job", step="1")
            assert studio.executor.run("change_voice", args, run, key="1").error is not None
        assert once is not None and again(studio, "change_voice", args).result.summary == once.summary


@pytest.mark.parametrize(("moment", "for_good"), [("recording", False), ("recording", True), ("settling", True)])
def test_a_voice_is_forgotten_wholly_or_not_at_all(tmp_path: Path, moment: str, for_good: bool) -> None:
    home = tmp_path / "home"
    cloned(home)
    args = {"character": "Ada", "for_good": for_good}
    killed(home, moment, "forget_voice", args)
    clip = home / "assets" / "aud-1.wav"
    with voice_studio(load_settings(home=home)) as studio:
        entry = studio.studio.memory.resolve_character("Ada")
        assert entry is not None
        assert clip.is_file() is ("voice_source" in entry.data) is (moment == "recording")
        again(studio, "forget_voice", args)
        assert not clip.exists()
        kept = [file.name for file in (home / "trash").rglob("*.wav")]
        assert kept == ([] if for_good else ["aud-1.wav"])
        undone = studio.call("undo").result
        entry = studio.studio.memory.resolve_character("Ada")
        assert undone is not None and entry is not None
        assert clip.is_file() is ("voice_source" in entry.data) is (not for_good), undone.summary


def test_an_undo_killed_with_the_files_half_way_is_settled_at_the_next_start(tmp_path: Path) -> None:
    home = tmp_path / "home"
    cloned(home)
    clip = home / "assets" / "aud-1.wav"
    with voice_studio(load_settings(home=home)) as studio:
        studio.call("forget_voice", character="Ada")
    killed(home, "recording", "undo", {})
    assert clip.exists(), "the file came back, and the transaction that says so was never committed"
    with voice_studio(load_settings(home=home)) as studio:
        assert not clip.exists()
        studio.call("undo")
        assert clip.read_bytes() == b"her voice" and not list((home / "trash").iterdir())
        studio.call("redo")
        assert not clip.exists()


def test_a_forgetting_that_the_database_refuses_brings_the_files_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    cloned(home)

    with voice_studio(load_settings(home=home)) as studio:
        with monkeypatch.context() as patch:
            patch.setattr(Memory, "record_change", full)
            assert studio.call("forget_voice", character="Ada").error is not None
        entry = studio.studio.memory.resolve_character("Ada")
        assert entry is not None and "voice_source" in entry.data
        assert (home / "assets" / "aud-1.wav").read_bytes() == b"her voice"
        assert not list((home / "trash").iterdir())


def test_files_of_an_older_trash_without_a_note_stay_where_they_are(tmp_path: Path) -> None:
    home = tmp_path / "home"
    cloned(home)
    with voice_studio(load_settings(home=home)) as studio:
        studio.call("forget_voice", character="Ada")
    (note,) = (home / "trash").rglob("moved.json")
    note.unlink()
    with voice_studio(load_settings(home=home)) as studio:
        assert not (home / "assets" / "aud-1.wav").exists()
        studio.call("undo")
        assert (home / "assets" / "aud-1.wav").exists()


def test_a_new_clone_is_not_taken_for_what_was_left_by_a_kill(tmp_path: Path) -> None:
    """The same recording again gives the same file: it stays, also when the old one has left the trash since."""
    home = tmp_path / "home"
    cloned(home)
    with voice_studio(load_settings(home=home)) as studio:
        studio.call("forget_voice", character="Ada")
    shutil.rmtree(home / "trash")
    (home / "assets" / "aud-1.wav").write_bytes(b"her voice")
    with voice_studio(load_settings(home=home)):
        assert (home / "assets" / "aud-1.wav").exists()


def test_drafts_in_the_cache_go_after_a_kill_and_what_is_whole_stays(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with opened_executor(load_settings(home=home)):
        pass
    drafts = (f"sounds/.{'a' * 32}.mix", f"segments/.{'b' * 32}.part", "voices/tmpab12_x9z.wav", "analysis/x.part")
    whole = (f"sounds/{'a' * 32}.mp4", "hub/.gitattributes", "hub/.locks/a.lock")
    for name in (*drafts, *whole):
        (home / "cache" / name).parent.mkdir(parents=True, exist_ok=True)
        (home / "cache" / name).write_bytes(b"x")
    with opened_executor(load_settings(home=home)):
        assert all((home / "cache" / name).exists() for name in drafts), "nobody was killed"
    (home / "studio.owner").write_text("{}")  # as a killed studio leaves it
    with opened_executor(load_settings(home=home)):
        assert not any((home / "cache" / name).exists() for name in drafts)
        assert all((home / "cache" / name).exists() for name in whole)


def test_what_a_killed_step_remembered_is_undone_with_what_it_makes_now(tmp_path: Path) -> None:
    with voice_studio(load_settings(home=tmp_path / "home")) as studio:
        memory = studio.studio.memory
        memory.start_job("job", "t", "clone_voice", {})
        picture(memory, 1)
        first = memory.job_step_begun("job", "1:x", memory.last_change("t"))
        memory.remember("character", "Ada", "a woman", thread="t")  # and then it was killed
        assert memory.job_step_begun("job", "1:x", memory.last_change("t")) == first
        picture(memory, 2)
        now = memory.last_change("t")
        assert memory.job_step_begun("job", "1:x", now) == now, "the user has done something else since"
        memory.job_step_ended("job", "1:x")
        assert memory.job_step_begun("job", "1:x", 99) == 99
        assert [job.id for job in memory.open_jobs()] == ["job"]
