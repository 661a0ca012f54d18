"""Memory: the one door to what the studio remembers."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from configs.errors import StudioError
from configs.workspace import Workspace
from memory.changes import FOR_GOOD, Undone
from memory.embedder import Embedder
from memory.entries import scrub
from memory.index import IndexName
from memory.jobs_door import JobsDoor
from memory.lanes import LANES, Scope
from memory.names import nearest, resolve
from memory.opened import Opened, acquire, release
from memory.records import Asset, Entry, FilmShot, Hit, Score
from memory.repair import RepairReport, rebuild_text, repair


@dataclass(frozen=True)
class MemoryStatus:
    """Figures for `studio doctor` and the settings page."""

    assets: int
    entries: int
    pending: int
    """Records whose meaning is not indexed yet; they are found by their words."""
    bytes: int
    embedder: str
    is_semantic: bool
    shots: int = 0
    """Shots of films, those of hidden ones included."""


class Memory(JobsDoor):
    """A handle on the studio's memory; safe to use from many threads.

    All methods raise StudioError when the file is damaged, read-only or the disk is full; nothing is half-written then.
    """

    def __init__(self, opened: Opened, workspace: Workspace) -> None:
        """Use `Memory.open`."""
        self.workspace = workspace
        self._opened: Opened | None = opened

    @classmethod
    def open(cls, workspace: Workspace, *, index: IndexName = "chroma", embedder: Embedder | str = "auto") -> Memory:
        """Open the memory of a workspace. Nothing heavy is loaded before the first search by meaning.

        The same process may open it often (the first call's index and embedder count). Raises StudioError when
        another process has it, naming that process, or when the file is damaged.
        """
        return cls(acquire(workspace, index, embedder), workspace)

    def close(self) -> None:
        """Give this handle back; the last one closes the files and frees the folder. May be called twice."""
        opened, self._opened = self._opened, None
        if opened is not None:
            release(opened)

    def __enter__(self) -> Memory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def was_killed(self) -> bool:
        """Whether the former owner of the folder ended without closing it."""
        return self._it.ownership.unclean

    @property
    def _it(self) -> Opened:
        if self._opened is None:
            raise StudioError("The studio's memory is closed", "it was used after close()", "Open it again")
        return self._opened

    # Assets

    def add_asset(self, asset: Asset) -> Asset:
        """Record an asset and return it as stored (its id filled or made unique, its time set)."""
        return self._it.assets.add(asset)

    def get_asset(self, asset_id: str) -> Asset | None:
        """The asset of exactly this id, hidden ones included."""
        return self._it.assets.get(asset_id)

    def made_here(self, sha256: str, kind: str) -> Asset | None:
        """An asset of this content that the studio made itself (visible ones first, then the newest); else None."""
        return self._it.assets.made_here(sha256, kind)

    def find_asset(self, ref: str, kinds: Sequence[str] = (), thread: str = "") -> Asset:
        """The asset that a user or a model means.

        `ref`: an asset id, a path in the workspace, a file name or title in any case, a unique beginning of one,
        or 'last' / '$last' for the newest of these kinds in the thread; a contact sheet is not the last picture.
        Assets of `thread` come first.
        Raises UsageError naming the nearest ones.
        """
        return self._it.assets.find(ref, kinds, thread)

    def named_exactly(self, ref: str) -> Asset | None:
        """The newest asset of this id or full name, hidden ones included; None at once when there is none."""
        return self._it.assets.named_exactly(ref)

    def list_assets(
        self, kind: str | None = None, thread: str | None = None, limit: int = 50, include_hidden: bool = False
    ) -> list[Asset]:
        """Newest first."""
        return self._it.assets.newest(kind, thread, limit, include_hidden)

    def hide_assets(self, ids: Iterable[str]) -> int:
        """Take assets out of lists and searches; their files stay. Returns how many changed."""
        return self._it.assets.set_hidden(ids, True)

    def unhide(self, ids: Iterable[str]) -> int:
        """Show hidden assets again; returns how many changed."""
        return self._it.assets.set_hidden(ids, False)

    def in_order(self, ids: Sequence[str]) -> list[str]:
        """These assets in the order of recording."""
        return self._it.assets.in_order(ids)

    def drop_assets(self, ids: Iterable[str]) -> None:
        """Take records of assets out for good: no undo shows them again. Their files are the caller's."""
        self._it.assets.drop(ids)

    def children(self, asset_id: str) -> list[Asset]:
        """Assets made directly from this one, oldest first."""
        return self._it.assets.children(asset_id)

    def parents(self, asset_id: str) -> list[Asset]:
        """Assets that this one was made from directly, in order."""
        asset = self._it.assets.get(asset_id)
        known = self._it.assets.many(asset.parents) if asset else {}
        return [known[parent] for parent in asset.parents if parent in known] if asset else []

    def lineage(self, asset_id: str) -> list[Asset]:
        """Everything that this asset was made from, nearest first."""
        return self._it.assets.lineage(asset_id)

    def set_scores(self, asset_id: str, scores: Sequence[Score]) -> None:
        """Replace an asset's measured scores."""
        self._it.assets.set_scores(asset_id, scores)

    def rate(self, asset_id: str, rating: int, *, thread: str | None = None) -> None:
        """Store the user's 1 to 5, shown as the score 'user rating'. With a thread, `undo` there takes it back."""
        with self._it.catalogue.writing():
            before = self._it.assets.rate(asset_id, rating)
            if thread is not None and before != rating:
                self._it.changes.record(thread, "rating", {"asset_id": asset_id, "before": before})

    def rename_asset(self, asset_id: str, name: str, *, thread: str | None = None) -> None:
        """Another name for an asset; its file stays. With a thread, `undo` there brings the old one back."""
        with self._it.catalogue.writing():
            before = self._it.assets.rename(asset_id, name)
            if thread is not None and before != name:
                self._it.changes.record(thread, "name", {"asset_id": asset_id, "before": before})

    # Characters, styles, places, notes, preferences

    def remember(
        self,
        kind: str,
        name: str,
        text: str,
        data: Mapping[str, Any] | None = None,
        aliases: Sequence[str] = (),
        source: str = "user",
        *,
        thread: str | None = None,
    ) -> Entry:
        """Insert, or update what has this kind and name (case and accents do not count).

        `data` None keeps the facts, but when the text changed drops what was derived from it ('look', 'voice',
        unless marked {"fixed": true}). Aliases are added. What was superseded stays in the history.
        With a thread, `undo` there takes it back. Raises UsageError on an unknown kind or an empty name.
        """
        with self._it.catalogue.writing():
            entry, history = self._it.entries.remember(kind, name, text, data, aliases, source)
            if thread is not None and history is not None:
                self._it.changes.record(thread, "entry", {"history_id": history})
        return entry

    def rename_entry(self, entry_id: str, name: str, *, thread: str | None = None) -> Entry:
        """Another name for an entry; its facts stay and the old name still finds it. `undo` there takes it back.

        Raises UsageError when another of its kind has the name.
        """
        with self._it.catalogue.writing():
            entry, history = self._it.entries.rename(entry_id, name)
            if thread is not None and history is not None:
                self._it.changes.record(thread, "entry", {"history_id": history})
        return entry

    def get_entry(self, entry_id: str) -> Entry | None:
        """The entry of exactly this id."""
        return self._it.entries.get(entry_id)

    def list_entries(self, kind: str | None = None) -> list[Entry]:
        """By kind, then name."""
        return self._it.entries.all(kind)

    def entry_history(self, entry_id: str) -> list[Entry]:
        """What was superseded, newest first."""
        return self._it.entries.history(entry_id)

    def forget(self, entry_id: str, *, thread: str | None = None) -> Entry | None:
        """Remove an entry and return it, None when there is none. With a thread, `undo` there brings it back."""
        with self._it.catalogue.writing():
            found = self._it.entries.forget(entry_id)
            if found is None:
                return None
            if thread is not None:
                self._it.changes.record(thread, "entry", {"history_id": found[1]})
            return found[0]

    def scrub_entry(self, entry_id: str, fact: str) -> None:
        """Take a fact (a key of `data`) out of an entry's history for good: no undo brings it back."""
        with self._it.catalogue.writing() as db:
            scrub(db, entry_id, fact)

    def resolve_character(self, name: str) -> Entry | None:
        """The character meant by any spelling, alias, part, nickname, slight typo or description ('the robot').

        None when there is none, or when more than one fits: then ask, with `nearest_characters`.
        """
        return resolve(name, self._it.entries.all("character"))

    def nearest_characters(self, name: str, n: int = 3) -> list[str]:
        """Names of the most similar characters, best first."""
        return nearest(name, (entry.name for entry in self._it.entries.all("character")), n)

    # Shots of films

    def put_shots(self, film_id: str, shots: Sequence[FilmShot]) -> int:
        """Keep a film's shots in place of those it had, all of them or, on an error, none; returns how many.

        Raises UsageError when there is no such film, or a shot is none (times, size of its texts, its picture's path).
        """
        return self._it.shots.put(film_id, shots)

    def shots(self, film_id: str) -> list[FilmShot]:
        """A film's shots in order; [] when it was not analysed, or is hidden."""
        return self._it.shots.of_film(film_id)

    def all_shots(self) -> Iterator[FilmShot]:
        """Every shot of every visible film, film by film."""
        return self._it.shots.all()

    # Search

    def search(
        self,
        query: str,
        kinds: Sequence[str] = (),
        limit: int = 8,
        thread: str | None = None,
        *,
        semantic: bool = True,
        shots: bool = True,
    ) -> list[Hit]:
        """The best records by words and by meaning.

        `kinds`: asset and entry kinds, or 'shot'; `thread`: only its assets and their shots.
        `semantic=False` compares words only and never loads the encoder. `shots=False`: none, unless a kind asks so.
        """
        return self._it.search.search(query, Scope(tuple(kinds), thread, shots), limit, semantic)

    def index_pending(self, limit: int | None = None) -> int:
        """Embed new records now instead of before the next search; returns how many."""
        done = 0
        for dense in self._it.dense.values():
            done += dense.index_pending(None if limit is None else limit - done)
        return done

    def rebuild(self) -> int:
        """Recreate full text and indexes from the catalogue; returns how many records and shots the indexes hold."""
        rebuild_text(self._it.catalogue)
        return sum(dense.rebuild() for dense in self._it.dense.values() if dense.is_used())

    # Undo

    def record_change(self, thread: str, kind: str, payload: Mapping[str, Any]) -> int:
        """Note what `undo` may take back: 'assets' with {"assets": [ids]}. Returns its number."""
        return self._it.changes.record(thread, kind, payload)

    def last_change(self, thread: str) -> int:
        """Number of the newest change of this conversation; 0 for none."""
        return self._it.changes.last(thread)

    def changes_of_message(self, thread: str, after: int, message: str) -> None:
        """Note that what was changed later than change `after` came of one message of this conversation."""
        self._it.changes.of_message(thread, after, message)

    def undo(self, thread: str, steps: int = 1, *, whole: bool = False) -> list[Undone]:
        """Take back the last changes of a conversation, newest first; empty when there is nothing left.

        whole: with all else that the message of the last one of them brought about.
        """
        done = self._it.changes.undo(thread, steps, whole=whole)
        self.settle()
        return done

    def redo(self, thread: str, steps: int = 1) -> list[Undone]:
        """Do again what was undone last in a conversation; empty when there is nothing to do again."""
        done = self._it.changes.redo(thread, steps)
        self.settle()
        return done

    def remove_for_good(self, moved: Sequence[Sequence[str]]) -> None:
        """Have files that were set aside deleted once the transaction is committed, also after a kill."""
        self._it.changes.record(FOR_GOOD, "removed", {"moved": [list(pair) for pair in moved], "assets": []})

    def delete_removed(self, entry_id: str) -> int:
        """Have all that was ever set aside of an entry deleted once the transaction is committed; how many times."""
        return self._it.changes.for_good(entry_id)

    def settle(self) -> None:
        """Bring files that were set aside to where the database says; see `Changes.settle`."""
        self._it.changes.settle()

    # Care

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Several writes as one: committed at the end, wholly taken back on an error."""
        with self._it.catalogue.writing() as db:
            yield db

    def all_assets(self, page: int = 500) -> Iterator[Asset]:
        """Every visible asset, in the order of recording, read page by page."""
        return self._it.assets.all(page)

    def status(self) -> MemoryStatus:
        """Counts and sizes."""
        it = self._it
        with it.catalogue.reading() as db:
            tables = ("assets", "entries", "shots", *(lane.pending for lane in LANES))
            counts = [int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]) for table in tables]
        assets, entries, shots, *pending = counts
        size = self.workspace.database.stat().st_size
        return MemoryStatus(
            assets, entries, sum(pending), size, it.embedder.name, it.embedder.is_semantic, shots
        )  # fmt: skip

    def warnings(self) -> list[str]:
        """What the user should be told (a fallback, a rebuilt index), each once."""
        return [warning for dense in self._it.dense.values() for warning in dense.take_warnings()]

    @staticmethod
    def repair(workspace: Workspace) -> RepairReport:
        """Move a damaged studio.db to studio.db.damaged-<date> and save what can be read into a new one.

        Raises StudioError when a process has the memory open.
        """
        return repair(workspace)
