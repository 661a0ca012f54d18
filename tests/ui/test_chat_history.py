"""The chat's storage and pages without a browser: real SQLite, a real home folder."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from configs.errors import StudioError
from ui.chat.middleware import ClosedPages, OfflinePages
from ui.chat.site import SITE, prepare_site, without_external_links


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for the module: Chainlit reads its folder when it is imported, once."""
    folder = tmp_path_factory.mktemp("chat-home")
    prepare_site(folder, "Basic (no language model) · preview pictures", 123)
    return folder


@pytest.fixture
async def history(home: Path, tmp_path: Path) -> Any:
    from chainlit.context import ChainlitContext, context_var
    from chainlit.session import HTTPSession
    from chainlit.user import User

    from ui.chat.history import History, prepare_history

    prepare_history(tmp_path / "chat.db")
    layer = History(tmp_path / "chat.db", tmp_path / "uploads")
    context_var.set(ChainlitContext(HTTPSession(id="s", client_type="webapp", thread_id="t1")))
    user = await layer.create_user(User(identifier="creator"))
    await layer.update_thread("t1", name="a wish", user_id=user.id, tags=["film", "robot"], metadata={"a": 1})
    yield layer
    await layer.engine.dispose()


def a_step(**more: Any) -> dict[str, Any]:
    return {"id": "s1", "name": "Make a film: \"è\"", "type": "tool", "threadId": "t1", "output": "0 %",
            "createdAt": "2026-01-01T00:00:00Z", "metadata": {"plan": True}, "tags": ["x"], **more}  # fmt: skip


async def stored(layer: Any) -> Any:
    thread = await layer.get_thread("t1")
    assert thread is not None
    return thread


async def test_the_results_of_a_message_keep_their_order(history: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import chainlit as cl

    names = [f"line {number}" for number in range(5)]
    sounds = [cl.Audio(name=name, url="/media/assets/a.wav", mime="audio/wav", thread_id="t1") for name in names]
    plain, waits = history.execute_sql, [0.2, 0.1, 0.05, 0.02, 0.0]

    async def slow_at_first(query: str, parameters: dict[str, Any]) -> Any:
        if query.startswith("INSERT INTO elements"):
            await asyncio.sleep(waits.pop(0))
        return await plain(query, parameters)

    monkeypatch.setattr(history, "execute_sql", slow_at_first)
    await history.create_step(a_step())
    await asyncio.gather(*(history.create_element(sound) for sound in sounds))  # as Chainlit writes them
    assert [e["name"] for e in (await stored(history))["elements"]] == names


async def test_a_message_without_a_word_takes_no_name_away(history: Any) -> None:
    await history.update_thread("t1", name="")
    assert (await stored(history))["name"] == "a wish"


async def test_an_empty_file_comes_in(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from chainlit.session import BaseSession, HTTPSession

    from ui.chat.uploads import let_empty_files_in

    monkeypatch.setattr(BaseSession, "persist_file", BaseSession.persist_file)  # put back afterwards
    let_empty_files_in()
    session = HTTPSession(id="empty", client_type="webapp")
    for content in (b"", b"abc"):
        reference = await session.persist_file("clip.mp4", "video/mp4", content=content)
        kept = session.files[reference["id"]]
        assert kept["name"] == "clip.mp4" and Path(kept["path"]).read_bytes() == content


async def test_threads_keep_tags_and_metadata(history: Any) -> None:
    thread = await stored(history)
    assert thread["tags"] == ["film", "robot"] and thread["metadata"] == {"a": 1} and thread["name"] == "a wish"


async def test_steps_come_back_as_they_were_said(history: Any) -> None:
    await history.create_step(a_step())
    step = (await stored(history))["steps"][0]
    assert step["name"] == 'Make a film: "è"' and step["metadata"] == {"plan": True} and step["tags"] == ["x"]


async def test_the_last_state_of_a_step_stays_whatever_the_order_of_tasks(history: Any) -> None:
    states = [a_step(output=f"{n} %") for n in range(40)]
    await asyncio.gather(*(asyncio.create_task(history.update_step(s)) for s in states))
    assert (await stored(history))["steps"][0]["output"] == "39 %"


async def test_media_of_the_studio_are_kept_by_address_and_not_copied(history: Any, tmp_path: Path) -> None:
    import chainlit as cl

    await history.create_step(a_step())
    player = {"file": {"attributes": {"poster": "/media/assets/p.png"}}}
    film = cl.Video(
        name="film.mp4",
        url="/media/assets/film.mp4",
        mime="video/mp4",
        for_id="s1",
        thread_id="t1",
        player_config=player,
    )
    await history.create_element(film)
    await history.create_element(film)  # sent twice, kept once
    elements = (await stored(history))["elements"]
    assert [(e["url"], e["type"], e["forId"]) for e in elements] == [("/media/assets/film.mp4", "video", "s1")]
    assert elements[0]["playerConfig"] == player
    assert not (tmp_path / "uploads").exists()


async def test_uploads_lie_below_the_home_under_harmless_names(history: Any, tmp_path: Path) -> None:
    import chainlit as cl

    source = tmp_path / "source.txt"
    source.write_text("hello")
    for name in ("a b#?.txt", "../../evil.txt", "..\\..\\evil.txt"):
        element = cl.File(name=name, path=str(source), mime="text/plain", for_id="s1", thread_id="t1")
        await history.create_element(element)
    found = sorted(p for p in (tmp_path / "uploads").rglob("*") if p.is_file())
    assert [p.read_text() for p in found] == ["hello"] * 3
    assert {p.name for p in found} == {"a b#?.txt", "evil.txt"}
    urls = [e["url"] for e in (await stored(history))["elements"]]
    assert any(u.endswith("a%20b%23%3F.txt") for u in urls) and all(".." not in u for u in urls)


async def test_task_lists_belong_to_the_running_turn_only(history: Any) -> None:
    import chainlit as cl

    await history.create_element(cl.TaskList(url="data:application/json;base64,e30=", thread_id="t1"))
    assert (await stored(history))["elements"] == []


async def test_a_key_cannot_lead_out_of_the_uploads(home: Path, tmp_path: Path) -> None:
    from ui.chat.history import LocalStorage

    storage = LocalStorage(tmp_path / "uploads")
    for key in ("../x", "/etc/passwd", "a/../../x"):
        with pytest.raises(ValueError, match="outside"):
            await storage.upload_file(key, b"x")


def test_a_damaged_history_is_one_sentence_and_is_left_alone(home: Path, tmp_path: Path) -> None:
    from ui.chat.history import prepare_history

    file = tmp_path / "chat.db"
    file.write_bytes(b"this is no database" * 100)
    with pytest.raises(StudioError) as caught:
        prepare_history(file)
    assert "chat history" in caught.value.problem and "Move the file away" in caught.value.fix
    assert file.read_bytes().startswith(b"this is no database")


def test_the_site_is_prepared_with_badge_limits_and_a_lasting_secret(home: Path) -> None:
    root = home / "chat"
    words = json.loads((root / ".chainlit" / "translations" / "en-US.json").read_text())
    assert words["chat"]["watermark"] == "Basic (no language model) · preview pictures"
    assert words["chat"]["input"]["placeholder"] == "What shall we make?" and words["auth"]  # the rest is Chainlit's
    assert "max_size_mb = 123" in (root / ".chainlit" / "config.toml").read_text()
    key = root / "session.key"
    before = key.read_text()
    assert len(before) > 40 and key.stat().st_mode & 0o077 == 0
    prepare_site(home)
    assert key.read_text() == before


def test_no_file_of_the_page_links_to_another_host() -> None:
    for file in SITE.rglob("*"):
        if file.suffix in (".css", ".json", ".svg", ".toml", ".md"):
            text = file.read_text().replace("http://www.w3.org/", "").replace("http://127.0.0.1", "")
            text = text.replace("http://localhost", "")
            assert "http://" not in text and "https://" not in text, file


def test_links_to_other_hosts_leave_the_page() -> None:
    page = (b'<head><link rel="stylesheet" href="https://cdn.example.org/a.css"><link rel="icon" href="/favicon">'
            b'<LINK href=\'http://x.org/f\' rel=preconnect></head>')  # fmt: skip
    assert without_external_links(page) == b'<head><link rel="icon" href="/favicon"></head>'


async def asked(app: Any, path: str = "/chat/", receive: Any = None) -> tuple[dict[bytes, bytes], bytes]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def nothing() -> Any:
        return {"type": "http.disconnect"}

    await app({"type": "http", "path": path, "headers": [(b"accept-encoding", b"gzip")]}, receive or nothing, send)
    body = b"".join(m.get("body", b"") for m in sent if m["type"] == "http.response.body")
    return dict(sent[0]["headers"]) if sent else {}, body


async def test_pages_are_rewritten_in_whole_and_films_pass_in_pieces() -> None:
    kind = b"text/html; charset=utf-8"

    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", kind), (b"content-length", b"99")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'<link href="https://x.o', "more_body": True})
        await send({"type": "http.response.body", "body": b'rg/a">ok'})

    headers, body = await asked(OfflinePages(app))
    assert body == b"ok" and headers[b"content-length"] == b"2"
    assert headers[b"content-security-policy"].startswith(b"img-src 'self' data: blob:;"), "no picture from elsewhere"
    kind = b"video/mp4"
    headers, body = await asked(OfflinePages(app))
    assert body == b'<link href="https://x.org/a">ok' and headers[b"content-length"] == b"99"


async def test_a_closed_page_is_quiet_and_a_real_failure_is_not() -> None:
    async def left(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        raise RuntimeError("No response returned.")

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("No response returned.")

    await asked(ClosedPages(left))
    with pytest.raises(RuntimeError):
        await asked(ClosedPages(broken))


def test_the_words_of_the_page_are_read_without_chainlit() -> None:
    """`studio chat` builds the badge before Chainlit may be imported."""
    probe = "import sys, ui.chat.wording, ui.chat.site; print('chainlit' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, env=os.environ)
    assert result.stdout.strip() == "False"


def test_uploads_get_the_names_that_their_owner_knows(tmp_path: Path) -> None:
    from ui.chat.uploads import under_own_name

    path = tmp_path / "0f3e.bin"
    path.write_bytes(b"{}")
    for name, kept in (
        ("my film.otio", "my film.otio"),
        ("../../x.srt", "x.srt"),
        ("C:\\a\\b.wav", "b.wav"),
        ("..", "0f3e.bin"),
    ):
        own = Path(under_own_name(path, name))
        assert own.name == kept and own.read_bytes() == b"{}" and tmp_path in own.parents
    assert len(Path(under_own_name(path, "x" * 400 + ".mp4")).name) == 120
