"""The chat as a user sees it: headless Chromium on a real server, real engines at small sizes."""

from __future__ import annotations

import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from chat_server import CHROMIUM, ChatServer

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine (apt-get install chromium)"),
]
WAIT = 90_000
"""Longest wait for one thing to appear, ms: the machine may be busy."""
PICTURE = "Draw a robot waving in the room"
FILM = "Make a 3 second film: a robot waves in the room"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    home = tmp_path_factory.mktemp("chat") / "home"
    home.mkdir()
    running = ChatServer(home)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def foreign() -> list[str]:
    """Addresses outside this machine that a page asked for."""
    return []


@pytest.fixture(scope="module")
def tabs(server: ChatServer, foreign: list[str]) -> Iterator[BrowserContext]:
    from playwright.sync_api import sync_playwright

    def note(request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.hostname != "127.0.0.1":
            foreign.append(request.url)

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--mute-audio"])
        page_context = browser.new_context(viewport={"width": 1280, "height": 860})
        page_context.set_default_timeout(WAIT)
        page_context.on("request", note)
        yield page_context
        browser.close()


def open_chat(tabs: BrowserContext, server: ChatServer) -> Page:
    page = tabs.new_page()
    page.goto(f"{server.url}/")
    page.get_by_role("button", name="A short film").wait_for()
    assert "/login" not in page.url
    page.locator("#chat-input").fill("?")
    page.locator("#chat-submit:not([disabled])").wait_for()  # connected
    page.locator("#chat-input").fill("")
    return page


def say(page: Page, text: str) -> None:
    page.locator("#chat-input").fill(text)
    page.locator("#chat-submit:not([disabled])").click()


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).last.click()


def idle(page: Page) -> None:
    """Wait until the page has no running turn."""
    page.locator("#stop-button").wait_for(state="detached")


def thread_link(page: Page, wish: str) -> Any:
    return page.locator("a[href*='/thread/']", has_text=wish[:20]).first


def picture_loads(page: Page) -> None:
    page.wait_for_function(
        "() => [...document.querySelectorAll('img.inline-image')].some(i => i.complete && i.naturalWidth > 0)"
    )


def film_plays(page: Page) -> None:
    page.locator("video").first.wait_for()
    page.wait_for_function("() => document.querySelector('video').duration > 2")
    page.evaluate("() => { const v = document.querySelector('video'); v.muted = true; return v.play(); }")
    page.wait_for_function("() => document.querySelector('video').currentTime > 0.3")
    page.evaluate("() => { const v = document.querySelector('video'); v.pause(); v.currentTime = 2; }")
    page.wait_for_function(
        "() => !document.querySelector('video').seeking && document.querySelector('video').currentTime > 1.9"
    )


def test_a_picture_is_asked_for_approved_and_seen(tabs: BrowserContext, server: ChatServer) -> None:
    page = open_chat(tabs, server)
    say(page, PICTURE)
    press(page, "Approve")
    picture_loads(page)
    idle(page)
    assert page.get_by_role("button", name="Approve").count() == 0
    assert "Basic (no language model) · preview pictures" in page.inner_text(".watermark")
    assert "LLMs can make mistakes" not in page.inner_text("body")
    page.close()


def test_a_film_goes_on_without_its_page_and_plays_in_a_reopened_one(tabs: BrowserContext, server: ChatServer) -> None:
    page = open_chat(tabs, server)
    say(page, FILM)
    press(page, "Approve")
    page.get_by_text("Storyboard", exact=True).first.wait_for()  # sub-steps nest below the film
    page.close()

    page = open_chat(tabs, server)
    thread_link(page, FILM).click()
    page.locator("#stop-button, video").first.wait_for()  # it still runs, or is done already
    film_plays(page)
    idle(page)
    assert page.locator("a[download$='.otio']").count() == 1

    page.reload()
    film_plays(page)
    assert page.locator("a[download$='.otio']").count() == 1
    page.close()


def test_both_are_still_there_after_a_restart(tabs: BrowserContext, server: ChatServer) -> None:
    server.restart()
    page = open_chat(tabs, server)
    thread_link(page, PICTURE).click()
    picture_loads(page)
    thread_link(page, FILM).click()
    film_plays(page)
    page.close()


def test_a_plan_waits_through_reload_and_kill_and_is_edited_in_words(tabs: BrowserContext, server: ChatServer) -> None:
    page = open_chat(tabs, server)
    say(page, "Make a 3 second film: a cat jumps in the kitchen")
    page.get_by_role("button", name="Approve", exact=True).wait_for()
    server.restart(signal.SIGKILL)
    page.close()

    page = open_chat(tabs, server)
    thread_link(page, "Make a 3 second film: a cat").click()
    press(page, "Edit")
    page.get_by_text("What should be different?").wait_for()
    say(page, "and it rains at night")
    page.get_by_text("rains at night", exact=False).nth(1).wait_for()  # the first is what was said, the next the plan
    page.get_by_role("button", name="Approve", exact=True).wait_for()
    say(page, "No.")  # typed, it does what the button does
    page.get_by_text("Cancelled; nothing was made.").wait_for()
    idle(page)
    assert page.locator("video").count() == 0
    assert page.get_by_role("button", name="Approve", exact=True).count() == 0
    page.close()


def test_two_tabs_finish_both_and_mix_nothing(tabs: BrowserContext, server: ChatServer) -> None:
    one, two = open_chat(tabs, server), open_chat(tabs, server)
    say(one, "Draw a cat sitting on the beach")
    say(two, "Draw a monster in the forest")
    press(one, "Approve")
    press(two, "Approve")
    picture_loads(one)
    picture_loads(two)
    idle(one)
    idle(two)
    assert "monster" not in one.locator(".ai-message, .step").all_inner_texts().__str__().lower()
    assert one.locator("img.inline-image").first.get_attribute("src") != two.locator(
        "img.inline-image"
    ).first.get_attribute("src")
    one.close()
    two.close()


def test_files_that_are_no_films_get_one_sentence(tabs: BrowserContext, server: ChatServer, tmp_path: Path) -> None:
    fake, note, nothing = tmp_path / "clip.mp4", tmp_path / "note.txt", tmp_path / "nothing.mp4"
    nothing.touch()
    fake.write_text("this is no film\n" * 20)
    note.write_text("a shopping list")
    page = open_chat(tabs, server)
    page.locator("input[type=file]").first.wait_for(state="attached")
    page.locator("input[type=file]").first.set_input_files([str(nothing)])
    page.locator("#attachments button").nth(0).wait_for()
    page.wait_for_function("() => !document.querySelector('#attachments circle')")  # it is sent
    page.locator("#chat-input").press("Enter")
    page.get_by_text("'nothing.mp4' is empty").wait_for()
    thread_link(page, "nothing.mp4").wait_for()  # the conversation is in the list, though nothing was said
    idle(page)
    page.locator("input[type=file]").first.set_input_files([str(note), str(fake)])
    page.locator("#attachments button").nth(1).wait_for()
    page.wait_for_function("() => !document.querySelector('#attachments circle')")  # both are sent
    say(page, "Cut the first 2 seconds of this clip")
    page.get_by_text("'clip.mp4' is a text file").wait_for()
    assert "Traceback" not in page.inner_text("body")
    idle(page)
    page.close()


def test_stop_ends_the_running_turn(tabs: BrowserContext, server: ChatServer) -> None:
    page = open_chat(tabs, server)
    say(page, "Make a 20 second film: a dog runs in the park and a girl laughs in the street")
    press(page, "Approve")
    page.get_by_text("Storyboard", exact=True).first.wait_for()
    page.locator("#stop-button").click()
    page.get_by_text("Stopping. What is finished is kept.").wait_for()
    page.get_by_text("Stopped at your request.").last.wait_for()
    idle(page)
    page.close()

    page = open_chat(tabs, server)  # nothing went on behind the page's back, and the work can be taken up again
    thread_link(page, "Make a 20 second film").click()
    page.get_by_role("button", name="Go on", exact=True).wait_for()
    idle(page)
    assert page.locator("video").count() == 0
    assert page.get_by_text("Task manually stopped").count() == 0
    page.close()


def test_every_button_has_a_name_and_answers_are_read_out(tabs: BrowserContext, server: ChatServer) -> None:
    page = open_chat(tabs, server)
    nameless = """() => [...document.querySelectorAll('button, textarea')].filter(e => !e.innerText.trim()
        && !e.getAttribute('aria-label') && !e.title && e.tabIndex >= 0).map(e => e.outerHTML)"""
    page.get_by_role("button", name="Attach files").wait_for()
    assert page.evaluate(nameless) == []
    assert page.get_by_role("heading", level=1).inner_text() == "Animation AI Studio"
    say(page, "what files are there?")
    page.get_by_text("in this conversation yet").first.wait_for()
    idle(page)
    page.locator("[role=log]", has_text="in this conversation yet").wait_for()
    assert page.locator("[role=log] .step:has(button[id^='step-'])").first.get_attribute("aria-live") == "off"
    assert page.evaluate(nameless) == []
    page.reload()  # the address is the conversation's own by now
    page.get_by_text("in this conversation yet").first.wait_for()
    assert "/thread/" in page.url
    page.locator("#new-chat-button").click()
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("button", name="A short film").wait_for()
    assert "/thread/" not in page.url
    page.close()


def test_no_request_left_this_machine(tabs: BrowserContext, server: ChatServer, foreign: list[str]) -> None:
    page = open_chat(tabs, server)
    assert foreign == []
    with urllib.request.urlopen(f"{server.url}/chat/") as answer:
        html = answer.read().decode()
    links = [part.split('"')[1] for part in html.split("<link ")[1:] if 'href="' in part]
    assert "https://" not in "".join(links) and "fonts.googleapis" not in html
    page.close()
