"""One owner, kills in the middle of writes, damage, full disks, old files, and many threads."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from configs.errors import StudioError
from configs.settings import load_settings
from memory.migrations import v0001_catalogue
from memory.migrations.runner import MIGRATIONS, migrate, version_of
from memory.store import Memory
from ui.commands.doctor import _memory_file

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "chromadb", "sentence_transformers", "numpy", "rapidfuzz", "transformers")


def _run(code: str, *args: str, **more) -> subprocess.Popen:
    program = [sys.executable, "-c", textwrap.dedent(code), *args]
    return subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


OPEN = """
import sys
from configs.errors import StudioError
from configs.workspace import Workspace
from memory.store import Memory
try:
    memory = Memory.open(Workspace.open(sys.argv[1]), index="numpy", embedder="letters")
except StudioError as error:
    print(error.sentence)
    sys.exit(error.exit_code)
"""


def test_opening_loads_nothing_heavy(workspace):
    code = OPEN + f"memory.search('x'); print([m for m in {HEAVY} if m in sys.modules])"
    out, err = _run(code, str(workspace.home)).communicate(timeout=60)
    assert out.strip() == "[]", err


def test_a_second_process_is_refused_with_the_owners_number(workspace, memory):
    process = _run(OPEN, str(workspace.home))
    out, err = process.communicate(timeout=60)
    assert process.returncode == StudioError.exit_code, err
    assert f"process {os.getpid()} has it open" in out
    assert len(out.splitlines()) == 1
    memory.close()
    process = _run(OPEN + "memory.close(); print('fine')", str(workspace.home))
    assert process.communicate(timeout=60)[0].strip() == "fine"


def test_repair_is_refused_while_the_memory_is_open(workspace, memory):
    code = "import sys\nfrom configs.errors import StudioError\nfrom configs.workspace import Workspace\n"
    code += "from memory.store import Memory\ntry:\n    Memory.repair(Workspace.open(sys.argv[1]))\n"
    code += "except StudioError as error:\n    print(error.sentence)"
    assert "in use" in _run(code, str(workspace.home)).communicate(timeout=60)[0]


def test_the_same_process_shares_one_memory(workspace, memory):
    with Memory.open(workspace, index="numpy", embedder="letters") as second:
        second.remember("note", "n", "x")
    second.close()
    assert memory.list_entries()[0].name == "n"
    with pytest.raises(StudioError, match="is closed"):
        second.list_entries()
    memory.close()
    memory.close()
    with pytest.raises(StudioError, match="is closed"):
        memory.list_entries()


KILLED = (
    OPEN
    + """
from memory.records import Asset
number = 0
while True:
    number += 1
    path, sha = f"assets/{number}.png", f"{number:064x}"[::-1]
    asset = Asset("", "image", path, f"picture {number}", sha, 1, params={"prompt": "x" * 500})
    stored = memory.add_asset(asset)
    memory.job_step_done("job", f"step-{number}", [stored.id], 0.1)
    memory.remember("note", f"n{number % 7}", f"text {number}", thread="t")
    memory.record_change("t", "assets", {"assets": [stored.id]})
    print(number, flush=True)
"""
)


def test_kill_9_in_the_middle_of_writes(workspace):
    for _ in range(3):
        process = _run(KILLED, str(workspace.home))
        while int(process.stdout.readline() or 0) < 25:
            assert process.poll() is None, process.stderr.read()
        process.send_signal(signal.SIGKILL)
        rest = process.communicate(timeout=60)[0]
        told = int(rest.split()[-1]) if rest.strip() else 25
        with Memory.open(workspace, index="numpy", embedder="letters") as memory:
            steps = [n for n in range(1, told + 1) if memory.job_step("job", f"step-{n}")]
            assert steps == list(range(1, told + 1))
            with memory.transaction() as db:
                assert [r[0] for r in db.execute("PRAGMA integrity_check")] == ["ok"]
                db.execute("INSERT INTO record_text (record_text) VALUES ('integrity-check')")
                count = "SELECT (SELECT count(*) FROM record_text), (SELECT count(*) FROM records)"
                texts, records = db.execute(count).fetchone()
            assert texts == records
            assert memory.search(f"picture {told}", kinds=("image",))[0].name == f"picture {told}"


def test_a_text_file_in_place_of_the_database(workspace):
    workspace.database.write_text("I am no database, " * 100)
    before = workspace.database.read_bytes()
    with pytest.raises(StudioError, match=r"damaged: file is not a database.*studio memory repair"):
        Memory.open(workspace)
    assert workspace.database.read_bytes() == before
    report = Memory.repair(workspace)
    assert report.moved_to.read_bytes() == before
    assert sum(report.saved.values()) == 0
    with Memory.open(workspace, index="numpy", embedder="letters") as memory:
        assert memory.list_assets() == []


def test_an_emptied_database_beside_assets_is_noticed(workspace):
    (workspace.assets / "a.png").write_bytes(b"x")
    workspace.database.write_bytes(b"")
    with pytest.raises(StudioError, match="the file is empty although there are assets"):
        Memory.open(workspace)


def _fill(memory: Memory, make_asset, count: int = 400) -> None:
    with memory.transaction():
        for n in range(count):
            memory.add_asset(make_asset(f"picture {n}", summary="some text about it " * 20))
            memory.remember("note", f"note {n}", "words " * 50)


def test_pages_lost_in_the_middle_cost_only_their_rows(workspace, memory, make_asset):
    _fill(memory, make_asset)
    memory.close()
    size = workspace.database.stat().st_size
    with workspace.database.open("r+b") as file:
        file.seek(size // 2 // 4096 * 4096)
        file.write(os.urandom(3 * 4096))
    with pytest.raises(StudioError, match=r"damaged: .*studio memory repair") as caught:
        Memory.open(workspace)
    assert "\n" not in caught.value.sentence
    report = Memory.repair(workspace)
    assert report.moved_to.name.startswith("studio.db.damaged-")
    assert report.saved["assets"] + report.saved["entries"] > 500
    assert report.unlisted_files == 400 - report.saved["assets"]
    with Memory.open(workspace, index="numpy", embedder="letters") as again:
        assert again.status().assets == report.saved["assets"]
        assert again.search("picture 399" if again.find_asset("picture 399") else "note")


def test_damage_that_comes_while_open_is_told_in_one_sentence(workspace, memory, make_asset):
    _fill(memory, make_asset, 50)
    with memory.transaction() as db:
        db.execute("UPDATE record_text_data SET block = x'00112233' WHERE id > 10")
    with pytest.raises(StudioError, match=r"full-text index .*damaged.*studio memory rebuild"):
        memory.search("picture", semantic=False)
    memory.rebuild()
    assert memory.search("picture 7", semantic=False)[0].name == "picture 7"


def test_a_full_disk_changes_nothing(memory, make_asset):
    kept = memory.remember("character", "Luca", "a boy")
    with memory.transaction() as db:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StudioError, match=r"Nothing was changed .*the disk is full"):
        for n in range(100):
            memory.add_asset(make_asset(f"p{n}", summary="x" * 3000))
    listed = memory.list_assets(limit=200)
    assert [h.asset for h in memory.search(listed[0].name, limit=1, semantic=False)] == [listed[0]] if listed else True
    with pytest.raises(StudioError):
        memory.remember("character", "Luca", "y" * 19_000, thread="t")
    assert memory.get_entry(kept.id) == kept
    assert memory.undo("t") == []
    with memory.transaction() as db:
        db.execute("PRAGMA max_page_count = 1000000")
    assert memory.remember("character", "Luca", "y" * 19_000).text != "a boy"


def test_a_read_only_file_is_told_in_one_sentence(memory):
    with memory.transaction() as db:
        writer = db
    writer.execute("PRAGMA query_only = 1")
    with pytest.raises(StudioError, match=r"Nothing was changed .*cannot be written"):
        memory.remember("note", "n", "x")
    writer.execute("PRAGMA query_only = 0")
    assert memory.list_entries() == []


def test_an_old_file_is_brought_up_to_date(workspace):
    with sqlite3.connect(workspace.database) as old:
        for statement in v0001_catalogue.STATEMENTS:
            old.execute(statement)
        old.execute("PRAGMA user_version = 1")
        old.execute(
            """INSERT INTO entries VALUES (1, 'chr-1', 'character', 'Boo', 'boo', 'a tiny robot', '{}', '["Beeper"]',
                'user', 1.0, 1.0)"""
        )
        old.execute(
            """INSERT INTO assets VALUES (1, 'img-1', 'image', 'assets/a.png', 'Beach', 'beach', 'a png', 'ff', 3,
                '', '', '', '{}', '9', '[]', 't', '', '', 'a boy at the sea', 4, 2.0, 0)"""
        )
    old.close()
    with Memory.open(workspace, index="numpy", embedder="letters") as memory:
        assert memory.search("robots")[0].name == "Boo"
        assert memory.search("beeper", semantic=False)[0].name == "Boo"
        hit = memory.search("sea")[0]
        assert (hit.id, hit.asset.seed) == ("img-1", 9)
        assert memory.status().pending == 0
    with sqlite3.connect(workspace.database) as now:
        assert version_of(now) == len(MIGRATIONS) == 3
    now.close()


def _first_form(statement):
    if statement.startswith("CREATE TABLE pending"):
        return "CREATE TABLE pending (ref TEXT PRIMARY KEY) WITHOUT ROWID"
    for who in ("new", "old"):
        late = f"(ref) SELECT {who}.id WHERE NOT EXISTS (SELECT 1 FROM pending WHERE ref = {who}.id)"
        statement = statement.replace(f"INTO pending {late}", f"OR IGNORE INTO pending VALUES ({who}.id)")
    return statement.replace("ref UNINDEXED, kind, name", "ref UNINDEXED, kind UNINDEXED, name")


@pytest.mark.parametrize("version", [2, 3])
def test_a_file_of_the_first_form_of_version_2_keeps_everything(workspace, version):
    """It did not number what is still to be embedded, and its triggers refused the second change of an entry."""
    with sqlite3.connect(workspace.database) as old:
        for statements in MIGRATIONS[:version]:
            for statement in statements:
                old.execute(_first_form(statement))
        old.execute(f"PRAGMA user_version = {version}")
        old.execute(
            """INSERT INTO entries VALUES (1, 'chr-1', 'character', 'Boo', 'boo', 'a tiny robot', '{}', '["Beeper"]',
                'user', 1.0, 1.0)"""
        )
    old.close()
    for _ in range(2):
        with Memory.open(workspace, index="numpy", embedder="letters") as memory:
            assert memory.search("robots")[0].name == "Boo"
            for text in ("a small robot", "a tiny robot"):
                assert memory.remember("character", "Boo", text).text == text
            assert memory.search("beeper", kinds=("character",), semantic=False)[0].text == "a tiny robot"


def test_a_failing_migration_leaves_the_old_version(tmp_path):
    with sqlite3.connect(tmp_path / "x.db", isolation_level=None) as db:
        assert migrate(db, [("CREATE TABLE a (x)",)]) == (0, 1)
        with pytest.raises(sqlite3.OperationalError):
            migrate(db, [("CREATE TABLE a (x)",), ("CREATE TABLE b (x)", "CREATE TABLE wrong syntax here")])
        assert version_of(db) == 1
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("a",)]
        assert migrate(db, [("CREATE TABLE a (x)",), ("CREATE TABLE b (x)",)]) == (1, 2)
    db.close()


def test_a_newer_file_is_not_touched(workspace, memory):
    memory.close()
    with sqlite3.connect(workspace.database) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StudioError, match="newer version of the studio"):
        Memory.open(workspace)


def test_many_threads_write_and_search_at_once(memory, make_asset):
    assets = [make_asset(f"robot {n}", thread=f"t{n % 4}") for n in range(120)]

    def work(n: int) -> int:
        stored = memory.add_asset(assets[n])
        memory.remember("character", f"Hero {n % 10}", f"version {n}", thread=f"t{n % 4}")
        memory.rate(stored.id, 1 + n % 5)
        return len(memory.search("robot hero"))

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(work, range(len(assets))))
    assert min(found) > 0
    assert memory.status().assets == 120
    assert len(memory.list_entries("character")) == 10
    assert sum(len(memory.entry_history(e.id)) for e in memory.list_entries()) == 110


def test_a_write_takes_less_than_five_milliseconds(memory, make_asset):
    assets = [make_asset(f"p{n}", params={"prompt": "a boy on the beach"}) for n in range(200)]
    spent = []
    for asset in assets:
        start = time.perf_counter()
        memory.add_asset(asset)
        spent.append(time.perf_counter() - start)
    assert sorted(spent)[100] < 0.005


def test_the_doctor_names_the_command_that_mends_a_damaged_file(workspace):
    workspace.database.write_bytes(b"no database at all" * 300)
    found = _memory_file(load_settings(home=workspace.home))
    assert not found.ok and "studio memory repair" in found.fix
