"""The media route: only the studio's own files, in ranges, and never as a page of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from film_sinks import make

from ui.chat.site import prepare_site


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("media") / "home"
    (root / "assets").mkdir(parents=True)
    (root / "uploads").mkdir()
    (root / "secret.db").write_text("secret")
    (root.parent / "outside.txt").write_text("secret")
    (root / "assets" / "film.mp4").write_bytes(bytes(range(256)) * 40)
    (root / "assets" / "Il film è qui.otio").write_text("{}")
    (root / "assets" / "trap.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>")
    (root / "assets" / "rep-1-film.html").write_text("<title>A report</title>")
    (root / "assets" / "fil-1-page.html").write_text("<script>1</script>")
    (root / "uploads" / "page.html").write_text("<script>1</script>")
    (root / "assets" / "shots.csv").write_text("shot\r\n")
    (root / "assets" / "shots.edl").write_text("TITLE: A\n")
    (root / "assets" / "link.txt").symlink_to(root / "secret.db")
    (root / "assets" / "folder").symlink_to(root.parent)
    (root / "assets" / "loop").symlink_to(root / "assets" / "loop")
    return root


@pytest.fixture(scope="module")
def client(home: Path) -> TestClient:
    prepare_site(home)
    from ui.chat.media import media_router

    app = FastAPI()
    app.include_router(media_router(home, ("assets", "uploads")))
    return TestClient(app)


@pytest.mark.parametrize(
    "path",
    [
        "secret.db", "assets/../secret.db", "assets/%2e%2e/secret.db", "..%2foutside.txt",
        "assets/..%2f..%2foutside.txt", "/etc/passwd", "%2fetc%2fpasswd", "assets/link.txt",
        "assets/folder/outside.txt", "assets/loop",
        "assets", "assets/", "assets/no.png", "assets/a%00b", "assets/" + "x" * 5000, "assets\\..\\secret.db",
    ],
)  # fmt: skip
def test_no_path_leads_out(client: TestClient, path: str) -> None:
    answer = client.get(f"/media/{path}")
    assert answer.status_code in (404, 405) and b"secret" not in answer.content and b"root:" not in answer.content


def test_films_are_answered_in_ranges(client: TestClient) -> None:
    whole = client.get("/media/assets/film.mp4")
    assert whole.status_code == 200 and whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["content-type"] == "video/mp4" and whole.headers["content-disposition"].startswith("inline")
    part = client.get("/media/assets/film.mp4", headers={"Range": "bytes=256-259"})
    assert part.status_code == 206 and part.content == bytes([0, 1, 2, 3])
    assert part.headers["content-range"] == "bytes 256-259/10240"
    assert client.get("/media/assets/film.mp4", headers={"Range": "bytes=99999-"}).status_code == 416


def test_a_film_that_fades_in_has_a_poster_that_shows_something(client: TestClient, home: Path) -> None:
    from io import BytesIO

    from PIL import Image

    black, white = (f"color={colour}:s=64x36:r=10:d={seconds}" for colour, seconds in (("black", 1), ("white", 2)))
    sources = ("-f", "lavfi", "-i", black, "-f", "lavfi", "-i", white)
    make(home / "assets" / "fade.mp4", *sources, "-filter_complex", "concat", "-pix_fmt", "yuv420p")
    for _ in range(2):  # made, then kept
        answer = client.get("/poster/assets/fade.mp4")
        assert answer.status_code == 200 and answer.headers["content-type"] == "image/jpeg"
        shown = Image.open(BytesIO(answer.content)).convert("L")
        assert shown.width > shown.height and shown.getextrema()[0] > 200
    assert len(list((home / "cache" / "posters").iterdir())) == 1
    for path in ("assets/film.mp4", "assets/shots.csv", "secret.db", "assets/no.mp4", "..%2foutside.txt"):
        assert client.get(f"/poster/{path}").status_code == 404


def test_nothing_is_sniffed_or_run(client: TestClient) -> None:
    for name in ("film.mp4", "trap.svg", "Il film è qui.otio"):
        headers = client.get(f"/media/assets/{name}").headers
        assert headers["x-content-type-options"] == "nosniff" and "sandbox" in headers["content-security-policy"]
    assert client.get("/media/assets/trap.svg").headers["content-disposition"].startswith("attachment")


def test_timelines_are_downloads_with_their_name(client: TestClient) -> None:
    headers = client.get("/media/assets/Il film è qui.otio").headers
    assert (
        headers["content-disposition"].startswith("attachment")
        and "film%20%C3%A8%20qui.otio" in headers["content-disposition"]
    )


def test_reports_open_as_pages_from_nowhere(client: TestClient) -> None:
    headers = client.get("/media/assets/rep-1-film.html").headers
    policy = {part.split()[0]: part.split()[1:] for part in headers["content-security-policy"].split(";")}
    assert headers["content-type"].startswith("text/html") and headers["content-disposition"].startswith("inline")
    assert policy["sandbox"] == ["allow-scripts"] and policy["default-src"] == ["'none'"]
    assert policy["media-src"] == ["'self'", "blob:"] and policy["img-src"] == ["data:"]
    assert policy["frame-ancestors"] == ["'self'"] and "connect-src" not in policy
    assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["uploads/page.html", "assets/fil-1-page.html"])
def test_html_that_was_attached_is_a_download_without_scripts(client: TestClient, path: str) -> None:
    headers = client.get(f"/media/{path}").headers
    assert headers["content-disposition"].startswith("attachment")
    assert "allow-scripts" not in headers["content-security-policy"]


@pytest.mark.parametrize("name", ["shots.csv", "shots.edl"])
def test_lists_of_shots_are_downloads(client: TestClient, name: str) -> None:
    assert client.get(f"/media/assets/{name}").headers["content-disposition"].startswith("attachment")


def test_a_report_gets_no_session_and_stays_as_it_is(home: Path) -> None:
    prepare_site(home)
    from ui.chat.media import media_router
    from ui.chat.middleware import OfflinePages, SignedIn

    linked = b"<link rel=icon href='https://x.org/i.png'><title>A report</title>"
    (home / "assets" / "rep-2.html").write_bytes(linked)
    app = FastAPI()
    app.include_router(media_router(home, ("assets", "uploads")))
    app.add_middleware(OfflinePages)
    app.add_middleware(SignedIn)
    answer = TestClient(app).get("/media/assets/rep-2.html")
    assert answer.content == linked and "set-cookie" not in answer.headers


def test_long_findings_are_a_list_and_short_answers_stay_as_they_are(home: Path) -> None:
    prepare_site(home)
    from ui.chat.showing import in_lines

    found = (
        "A film.mp4: 20.00 s, 24 fps. 7 shots, cuts at 3.38, 6.46 s. Camera: slow pan right (shots 1, 3); slow pan "
        "left with push-in or zoom in (shot 6); static camera (shot 2); slow push-in (shot 4). "
        "Coherence: no faults found. Shot scales: 3 CU, 2 LS. Loudness -16.2 LUFS, range 13.9 LU, peak -1.4 dBFS. "
        'No steady beat was heard in it. Said: "Go away.". Seen: Fia.'
    )
    assert in_lines(found + "\nNote: one thing.").split("\n") == [
        "- **A film.mp4**: 20.00 s, 24 fps. 7 shots, cuts at 3.38, 6.46 s.",
        "- **Camera**:",
        "  - slow pan right (shots 1, 3)",
        "  - slow pan left with push-in or zoom in (shot 6)",
        "  - static camera (shot 2)",
        "  - slow push-in (shot 4)",
        "- **Coherence**: no faults found.",
        "- **Shot scales**: 3 CU, 2 LS.",
        "- Loudness -16.2 LUFS, range 13.9 LU, peak -1.4 dBFS.",
        "- No steady beat was heard in it.",
        '- **Said**: "Go away.".',
        "- **Seen**: Fia.",
        "",
        "Note: one thing.",
    ]
    assert (
        in_lines("Exported it.\nNote: no sound\nNote: one track")
        == "Exported it.\n\n- Note: no sound\n- Note: one track"
    )
    said = "Luca says 'Ciao. Piccolo. Come stai. Bene. Tu.' (it, 1.0 s, engine espeak)"
    assert in_lines(said) == said


def test_reports_are_linked_so_that_they_open(home: Path) -> None:
    prepare_site(home)
    from ui.chat.showing import page_links

    rows = [
        {"name": "Report on [x](javascript:alert(1)) _a_\nb.html", "path": "assets/rep-1 a.html"},
        {"name": "Shots", "path": "assets/rep-2.json"},
    ]
    assert page_links(rows) == (
        r"- [Open: Report on \[x\]\(javascript:alert\(1\)\) \_a\_ b](/media/assets/rep-1%20a.html)"
    )
    assert page_links(rows[1:]) == ""


def test_ids_are_not_read_out_to_people() -> None:
    from ui.chat.showing import without_ids

    found = "shot 1 of sea.mp4 (vid-8641f28f06) at 00:00.00: A slow tilt up.\ncharacter Mia (chr-2d06335cb7): a girl"
    assert without_ids(found) == "shot 1 of sea.mp4 at 00:00.00: A slow tilt up.\ncharacter Mia: a girl"
    assert without_ids("2 files:\nvid-8641f28f06 video 'Sea' by ffmpeg") == "2 files:\nvideo 'Sea' by ffmpeg"
    assert without_ids("He says (ten-12) vid-8641f28f06 now") == "He says (ten-12) vid-8641f28f06 now"
