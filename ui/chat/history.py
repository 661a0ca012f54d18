"""Chat history in SQLite: Chainlit's SQLAlchemy layer with a schema of ours and media that stay where they are."""

# mypy: disable-error-code="untyped-decorator,misc"
# Chainlit is untyped for mypy.
from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from chainlit.data.sql_alchemy import SQLAlchemyDataLayer
from chainlit.data.storage_clients.base import BaseStorageClient
from chainlit.data.utils import queue_until_user_message

from configs.errors import StudioError

UPLOADS = "uploads"
MEDIA_URL = "/media"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
  "id" TEXT PRIMARY KEY, "identifier" TEXT NOT NULL UNIQUE, "metadata" TEXT NOT NULL, "createdAt" TEXT);
CREATE TABLE IF NOT EXISTS threads (
  "id" TEXT PRIMARY KEY, "createdAt" TEXT, "name" TEXT, "userId" TEXT REFERENCES users("id") ON DELETE CASCADE,
  "userIdentifier" TEXT, "tags" TEXT, "metadata" TEXT);
CREATE TABLE IF NOT EXISTS steps (
  "id" TEXT PRIMARY KEY, "name" TEXT NOT NULL, "type" TEXT NOT NULL, "threadId" TEXT NOT NULL, "parentId" TEXT,
  "streaming" INTEGER NOT NULL DEFAULT 0, "waitForAnswer" INTEGER, "isError" INTEGER, "metadata" TEXT, "tags" TEXT,
  "input" TEXT, "output" TEXT, "createdAt" TEXT, "command" TEXT, "modes" TEXT, "start" TEXT, "end" TEXT,
  "generation" TEXT, "showInput" TEXT, "language" TEXT, "indent" INTEGER, "defaultOpen" INTEGER, "autoCollapse" INTEGER,
  "icon" TEXT);
CREATE INDEX IF NOT EXISTS steps_by_thread ON steps("threadId");
CREATE TABLE IF NOT EXISTS elements (
  "id" TEXT PRIMARY KEY, "threadId" TEXT, "type" TEXT, "url" TEXT, "chainlitKey" TEXT, "name" TEXT NOT NULL,
  "display" TEXT, "objectKey" TEXT, "size" TEXT, "page" INTEGER, "language" TEXT, "forId" TEXT, "mime" TEXT,
  "props" TEXT, "autoPlay" INTEGER, "playerConfig" TEXT);
CREATE INDEX IF NOT EXISTS elements_by_thread ON elements("threadId");
CREATE TABLE IF NOT EXISTS feedbacks (
  "id" TEXT PRIMARY KEY, "forId" TEXT NOT NULL, "threadId" TEXT, "value" INTEGER NOT NULL, "comment" TEXT);
"""


BUSY_SECONDS = 10
"""How long a write waits for another one."""
_JSON_COLUMNS = {"metadata", "tags", "generation", "props", "playerConfig"}
_plain_create_step = SQLAlchemyDataLayer.create_step.__wrapped__  # type: ignore[attr-defined]
_plain_create_element = SQLAlchemyDataLayer.create_element.__wrapped__  # type: ignore[attr-defined]


def prepare_history(file: Path) -> None:
    """Make the tables. Raises StudioError when the file is damaged or cannot be written."""
    try:
        with sqlite3.connect(file, timeout=BUSY_SECONDS) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(_SCHEMA)
    except sqlite3.Error as error:
        raise StudioError(
            f"The chat history {file} cannot be used", str(error), "Move the file away; a new one is made, assets stay"
        ) from error


class LocalStorage(BaseStorageClient):
    """Uploads as files below the home folder, served by the studio itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _path(self, key: str) -> Path:
        path = (self.folder / key).resolve()
        if self.folder.resolve() not in path.parents:
            raise ValueError("the key leads outside the uploads")
        return path

    async def upload_file(
        self,
        object_key: str,
        data: bytes | str,
        mime: str = "application/octet-stream",
        overwrite: bool = True,
        content_disposition: str | None = None,
    ) -> dict[str, Any]:
        path = self._path(object_key)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".part")
        partial.write_bytes(data.encode() if isinstance(data, str) else data)
        partial.replace(path)
        return {"object_key": object_key, "url": await self.get_read_url(object_key)}

    async def delete_file(self, object_key: str) -> bool:
        self._path(object_key).unlink(missing_ok=True)
        return True

    async def get_read_url(self, object_key: str) -> str:
        return f"{MEDIA_URL}/{UPLOADS}/{quote(object_key)}"

    async def close(self) -> None:
        """Nothing is held open."""


class History(SQLAlchemyDataLayer):
    """Chainlit's layer, mended for SQLite: lists become JSON text, and the studio's own media are not copied."""

    def __init__(self, file: Path, uploads: Path) -> None:
        super().__init__(
            f"sqlite+aiosqlite:///{file}", {"timeout": BUSY_SECONDS}, storage_provider=LocalStorage(uploads)
        )
        self._writing = asyncio.Lock()

    async def execute_sql(self, query: str, parameters: dict[str, Any]) -> Any:
        # SQLite binds no lists or dicts; upstream loses such rows with a warning only
        bound = {k: json.dumps(v) if isinstance(v, (list, dict)) else v for k, v in parameters.items()}
        return await super().execute_sql(query, bound)

    async def update_thread(
        self,
        thread_id: str,
        name: str | None = None,
        user_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        tags: list[str] | None = None,
    ) -> None:
        """Upstream's; a first message without a word gives no empty name, which the list would leave out."""
        await super().update_thread(thread_id, name or None, user_id, metadata, tags)

    @queue_until_user_message()
    async def create_step(self, step_dict: Any) -> None:
        # Chainlit writes each state of a step in a task of its own; the lock is fair, so the last state stays
        async with self._writing:
            await _plain_create_step(self, step_dict)

    @queue_until_user_message()
    async def create_element(self, element: Any) -> None:
        if element.type == "tasklist":
            return  # it belongs to a running turn
        async with self._writing:  # elements of a message are written by tasks side by side: their order is kept
            await self._store(element)

    async def _store(self, element: Any) -> None:
        if not (element.url or "").startswith(MEDIA_URL):
            element.name = PurePosixPath(element.name.replace("\\", "/")).name or "file"
            await _plain_create_element(self, element)
            return
        row = {k: v for k, v in element.to_dict().items() if v is not None}
        columns = ", ".join(f'"{name}"' for name in row)
        values = ", ".join(f":{name}" for name in row)
        updates = ", ".join(f'"{name}" = :{name}' for name in row if name != "id")
        await self.execute_sql(
            f"INSERT INTO elements ({columns}) VALUES ({values}) ON CONFLICT (id) DO UPDATE SET {updates}", row
        )

    async def get_all_user_threads(self, user_id: str | None = None, thread_id: str | None = None) -> Any:
        """Upstream's list, with elements in the order of their making, and JSON that SQLite keeps as text read back."""
        threads = await super().get_all_user_threads(user_id, thread_id)
        rows = await self.execute_sql('SELECT "id", "playerConfig" FROM elements ORDER BY rowid', {})
        players = {row["id"]: row["playerConfig"] for row in rows or []}
        places = {name: place for place, name in enumerate(players)}
        for thread in threads or []:
            elements = thread["elements"] or []
            elements.sort(key=lambda element: places.get(element["id"], len(places)))
            for element in elements:
                if players.get(element["id"]):
                    element["playerConfig"] = players[element["id"]]
            for row in (thread, *thread["steps"], *(thread["elements"] or [])):
                for name in _JSON_COLUMNS & row.keys():
                    if isinstance(row[name], str):  # type: ignore[literal-required]
                        row[name] = json.loads(row[name] or "null")  # type: ignore[literal-required]
        return threads
