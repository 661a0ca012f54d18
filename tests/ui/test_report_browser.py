"""A film's report as it opens from the chat: headless Chromium on the real media route, the film beside it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from chat_server import CHROMIUM
from made_record import made_record
from media_fixtures import make_video

from ui.chat.site import prepare_site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine (apt-get install chromium)"),
]
WAIT = 30_000
SHOTS = 5


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home's folder with a film of ten seconds, its report, and a page that somebody uploaded."""
    from tools.analysis.report import write_report
    from tools.analysis.sheets import film_strip, shot_pictures

    home = tmp_path_factory.mktemp("report") / "home"
    (home / "assets").mkdir(parents=True)
    (home / "uploads").mkdir()
    film = make_video(home / "assets" / "vid-1 a film.mp4", 10.0)
    record = made_record(SHOTS, name=film.name)
    pictures, strip = shot_pictures(record, film), film_strip(record, film)
    for name, address in (("rep-1.html", film.name), ("rep-2.html", "")):
        write_report(record, film.with_name(name), keyframes=pictures, strip=strip, film_url=address)
    (home / "uploads" / "page.html").write_text("<script>document.title = 'run'</script>")
    return home / "assets"


@pytest.fixture(scope="module")
def address(assets: Path) -> Iterator[str]:
    """The media route behind the chat's own layers."""
    import uvicorn
    from fastapi import FastAPI

    prepare_site(assets.parent)
    from ui.chat.media import media_router
    from ui.chat.middleware import OfflinePages, SignedIn

    app = FastAPI()
    app.include_router(media_router(assets.parent, ("assets", "uploads")))
    app.add_middleware(OfflinePages)
    app.add_middleware(SignedIn)
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=lambda: server.run(sockets=[door]), daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.05)
        yield f"http://127.0.0.1:{door.getsockname()[1]}/media"
        server.should_exit = True
        thread.join(timeout=10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--mute-audio"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page; whatever it complains of fails the test."""
    wrong: list[str] = []
    context = browser.new_context(viewport={"width": 1400, "height": 1500})
    opened = context.new_page()
    opened.set_default_timeout(WAIT)
    opened.on(
        "console", lambda said: wrong.append(said.text) if said.type == "error" and "sandbox" not in said.text else None
    )
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    yield opened
    context.close()
    assert not wrong


def film_is_at(page: Page, seconds: float) -> None:
    page.wait_for_function(
        "t => { const f = document.querySelector('video'); return f.readyState > 1 && !f.seeking"
        " && Math.abs(f.currentTime - t) < 0.04; }",
        arg=seconds,
    )


def playing(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_function("() => document.querySelector('video').readyState > 0")


def test_clicks_bring_the_film_to_the_place(page: Page, address: str) -> None:
    playing(page, f"{address}/assets/rep-1.html")
    page.locator("#shot-3 .picture button").click()
    film_is_at(page, 4.0)
    assert page.inner_text("#code") == "00:00:04:00"
    assert page.get_attribute("#shot-3", "class") == "on" and "3 · scene 2" in page.inner_text("#card")
    page.locator("#lanes .shot[data-shot='5']").click()
    film_is_at(page, 8.0)
    page.locator("#lanes .join.wipe use").click()
    film_is_at(page, 8 - 6 / 24)
    page.locator("#lanes .fault .hit").first.click()
    film_is_at(page, 2.5)
    page.locator(".cases .go", has_text="0:02.75").click()
    film_is_at(page, 2.75)
    page.locator("#shot-2 .said").click()
    film_is_at(page, 2.2)
    timeline = page.locator("#lanes")
    width = page.evaluate("() => document.querySelector('#lanes').clientWidth")
    rows = {
        kind: float(page.get_attribute(f"[data-lane={kind}] .ground", "y") or 0) + 5 for kind in ("motion", "beats")
    }
    timeline.click(position={"x": width * 0.63, "y": rows["motion"]})
    film_is_at(page, 6.3)
    timeline.click(position={"x": width * 0.337, "y": rows["beats"]})  # 3.37 s: the beat is at 3.5
    film_is_at(page, 3.5)


def test_the_page_follows_the_film(page: Page, address: str) -> None:
    playing(page, f"{address}/assets/rep-1.html")
    page.evaluate("() => { const f = document.querySelector('video'); f.muted = true; f.currentTime = 5.9; f.play(); }")
    page.wait_for_selector("#shot-4.on")
    assert float(page.get_attribute("#lanes", "aria-valuenow") or 0) > 5.9


def test_keys_step_shots_and_frames(page: Page, address: str) -> None:
    playing(page, f"{address}/assets/rep-1.html")
    for key, seconds in (("ArrowRight", 2.0), ("ArrowRight", 4.0), ("ArrowLeft", 2.0), (".", 2 + 1 / 24), (",", 2.0)):
        page.keyboard.press(key)
        film_is_at(page, seconds)
    page.locator("#lanes").focus()
    page.keyboard.press("End")
    film_is_at(page, 10 - 1 / 24)


def test_the_table_is_sorted_and_searched(page: Page, address: str) -> None:
    playing(page, f"{address}/assets/rep-1.html")

    def order() -> list[str]:
        return page.eval_on_selector_all("#shots tbody tr:not([hidden])", "rows => rows.map(r => r.dataset.shot)")

    page.locator("th button", has_text="Sound").click()
    assert order() == ["5", "4", "3", "2", "1"]
    assert page.get_attribute("th.c-loud", "aria-sort") == "ascending"
    page.locator("th button", has_text="Holds together").click()
    assert order()[0] == "2"
    page.locator("th button", has_text="Shot").click()
    assert order() == ["1", "2", "3", "4", "5"]
    page.fill("#find", "CLOSE-UP line 4")
    assert order() == ["4"] and page.inner_text("#found") == "1 of 5"


def test_it_cannot_touch_the_chat(page: Page, address: str) -> None:
    playing(page, f"{address}/assets/rep-1.html")
    assert page.evaluate("() => window.origin") == "null"
    for reach in ("document.cookie", "localStorage.length", "indexedDB.open('x')", "window.open('/')"):
        reached = f"return ({reach}) === null ? 'none' : 'reached'"
        assert page.evaluate(f"() => {{ try {{ {reached} }} catch (e) {{ return e.name }} }}") in (
            "SecurityError",
            "none",
        )
    assert page.context.cookies() == []


def test_an_uploaded_page_is_a_download(page: Page, address: str) -> None:
    with page.expect_download() as download:
        page.evaluate("address => { location.href = address; }", f"{address}/uploads/page.html")
    assert download.value.suggested_filename == "page.html"


def test_a_report_that_lies_alone_asks_for_the_film(page: Page, address: str, assets: Path) -> None:
    page.goto(f"{address}/assets/rep-2.html")
    assert page.is_visible("#chooser")
    page.locator("#shot-4 .picture button").click()  # before there is a film
    page.set_input_files("#file", assets / "vid-1 a film.mp4")
    film_is_at(page, 6.0)
    assert not page.is_visible("#chooser")


def test_it_opens_from_a_disk_too(page: Page, assets: Path) -> None:
    playing(page, (assets / "rep-1.html").as_uri())
    page.locator("#shot-2 .picture button").click()
    film_is_at(page, 2.0)


@pytest.mark.parametrize("width", [400, 1000, 1600])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_is_wider_than_the_window(page: Page, address: str, width: int, theme: str) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    playing(page, f"{address}/assets/rep-1.html")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    ink, ground = page.evaluate(
        "() => [getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    light, dark = (sum(map(int, np.array(c[4:-1].split(",")))) for c in (ground, ink))
    assert (light > 600 and dark < 150) if theme == "light" else (light < 150 and dark > 600)


WEAK_TEXTS = """() => {
  const dot = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const linear = (v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  const light = (colours) => {
    dot.clearRect(0, 0, 1, 1);
    for (const c of colours) { dot.fillStyle = c; dot.fillRect(0, 0, 1, 1); }
    const [r, g, b] = dot.getImageData(0, 0, 1, 1).data;
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  };
  const weak = [];
  for (const e of document.querySelectorAll('header *, main *:not(svg *)')) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility() || e.closest('.hush')) continue;
    const grounds = [];
    for (let on = e; on; on = on.parentElement) grounds.unshift(getComputedStyle(on).backgroundColor);
    const ground = light(grounds), text = light([...grounds, getComputedStyle(e).color]);
    const ratio = (Math.max(ground, text) + 0.05) / (Math.min(ground, text) + 0.05);
    if (ratio < 4.5) weak.push(`${e.className} ${e.textContent.trim().slice(0, 30)} ${ratio.toFixed(2)}`);
  }
  return weak;
}"""
"""Texts with less contrast to their ground than WCAG 2.1, 1.4.3 asks for."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_words_can_be_read_and_the_page_has_its_parts(page: Page, address: str, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    playing(page, f"{address}/assets/rep-1.html")
    page.locator("#shot-2 .picture button").click()
    page.wait_for_selector("#shot-2.on")
    assert page.evaluate(WEAK_TEXTS) == []
    assert page.get_by_role("main").count() == 1 and page.get_by_role("heading", level=1).count() == 1
